use super::*;
use crate::tests::{Place, append, log_of, registered, user};
use domain::user::{PasswordReset, ProfileEdit, VisibilityChanged};
use eventlog::MemoryLog;
use std::sync::Arc;

fn ana() -> Profile {
    Profile {
        user_id: user(1),
        name: "Ana".into(),
        gender: Gender::Female,
        birthday: String::new(),
        signature: String::new(),
        job: String::new(),
        jobtype: None,
        hobby: String::new(),
        wb_uid: None,
        invisible: Invisible::ToNobody,
        generation: 0,
        banned: false,
    }
}

fn changed(changes: ProfileEdit) -> Event {
    ProfileChanged {
        user_id: user(1),
        changes,
    }
    .into()
}

/// After `events`, the profile of the first person is `expected`, on both engines.
async fn check(events: impl IntoIterator<Item = Event>, expected: Option<Profile>) {
    let log = log_of(events).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let found = projections.profiles.get(user(1)).await.expect("an answer");
        assert_eq!(found, expected);
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_new_person_has_said_nothing_yet() {
    check([registered(user(1), Gender::Female)], Some(ana())).await;
    check([registered(user(2), Gender::Female)], None).await;
}

#[tokio::test]
async fn what_is_not_changed_stays() {
    let everything = ProfileEdit {
        name: Some("安娜 😀".into()),
        gender: Some(Gender::Male),
        birthday: Some("1990-02-28".into()),
        signature: Some("it's <b>%_\\ \"quoted\"\nline two".into()),
        job: Some("cook".into()),
        jobtype: Some(-3),
        hobby: Some("chess".into()),
    };
    let events = [
        registered(user(1), Gender::Female),
        registered(user(1), Gender::Unset),
        changed(everything),
        changed(ProfileEdit {
            job: Some(String::new()),
            ..ProfileEdit::default()
        }),
        changed(ProfileEdit::default()),
        VisibilityChanged {
            user_id: user(1),
            invisible: Invisible::ToStrangers,
        }
        .into(),
        PasswordReset {
            user_id: user(1),
            generation: 2,
        }
        .into(),
        changed(ProfileEdit {
            gender: Some(Gender::Unset),
            ..ProfileEdit::default()
        }),
    ];
    let expected = Profile {
        name: "安娜 😀".into(),
        gender: Gender::Unset,
        birthday: "1990-02-28".into(),
        signature: "it's <b>%_\\ \"quoted\"\nline two".into(),
        jobtype: Some(-3),
        hobby: "chess".into(),
        invisible: Invisible::ToStrangers,
        generation: 2,
        ..ana()
    };
    check(events, Some(expected)).await;
}

#[tokio::test]
async fn a_ban_lasts_until_it_is_lifted() {
    let banned = || domain::user::UserBanned { user_id: user(1) }.into();
    let unbanned = || domain::user::UserUnbanned { user_id: user(1) }.into();
    let shut_out = Profile {
        banned: true,
        ..ana()
    };
    check(
        [registered(user(1), Gender::Female), banned()],
        Some(shut_out),
    )
    .await;
    check(
        [registered(user(1), Gender::Female), banned(), unbanned()],
        Some(ana()),
    )
    .await;
}

#[tokio::test]
async fn where_somebody_comes_from_is_kept() {
    let event = UserRegistered {
        user_id: user(1),
        name: "Ana".into(),
        gender: Gender::Female,
        wb_uid: Some("1884834632".into()),
    };
    let expected = Profile {
        wb_uid: Some("1884834632".into()),
        ..ana()
    };
    check([event.into()], Some(expected)).await;
}

#[tokio::test]
async fn many_are_found_at_once_and_strangers_left_out() {
    let people: Vec<UserId> = (0..1_203)
        .map(|second| UserId::new(second, [7; 8]))
        .collect();
    let log = Arc::new(MemoryLog::new());
    append(
        &*log,
        people
            .iter()
            .map(|person| registered(*person, Gender::Unset)),
    )
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        // Sizes around those of the statements.
        for count in [0, 1, 2, 19, 20, 21, 100, 101, 500, 501, 1_203] {
            let mut asked = people[..count].to_vec();
            asked.push(user(9));
            asked.extend(people[..count].first());
            let found = projections.profiles.many(&asked).await.expect("an answer");
            assert_eq!(found.len(), count);
            assert!(
                people[..count]
                    .iter()
                    .all(|person| found[person].user_id == *person)
            );
        }
        projections.stop().await;
    }
}
