use super::*;
use crate::spec::given;

fn ana() -> UserRegistered {
    UserRegistered {
        user_id: UserId::new(1, [7; 8]),
        name: "Ana".into(),
        gender: Gender::Unset,
        wb_uid: None,
    }
}

fn edit(profile: ProfileEdit) -> Command {
    Command::EditSelf {
        profile,
        invisible: None,
    }
}

fn changed(changes: ProfileEdit) -> Event {
    ProfileChanged {
        user_id: ana().user_id,
        changes,
    }
    .into()
}

fn signature(text: &str) -> ProfileEdit {
    ProfileEdit {
        signature: Some(text.into()),
        ..ProfileEdit::default()
    }
}

#[test]
fn registering_twice_makes_one_account() {
    given::<User>([])
        .when(Command::Register(ana()))
        .then([ana().into()]);
    given::<User>([ana().into()])
        .when(Command::Register(ana()))
        .then_nothing();
}

#[test]
fn only_what_changes_is_recorded() {
    let profile = ProfileEdit {
        name: Some("Ana".into()),
        ..signature("hi")
    };
    given::<User>([ana().into()])
        .when(edit(profile))
        .then([changed(signature("hi"))]);
    given::<User>([ana().into(), changed(signature("hi"))])
        .when(edit(signature("hi")))
        .then_nothing();
}

#[test]
fn text_is_kept_as_it_was_typed() {
    let text = "<b>&amp; 😀 脸脸</b>\nline two";
    given::<User>([ana().into()])
        .when(edit(signature(text)))
        .then([changed(signature(text))]);
}

#[test]
fn one_bad_field_keeps_all_others_from_changing() {
    let profile = ProfileEdit {
        birthday: Some("2012-02-30".into()),
        ..signature("hi")
    };
    given::<User>([ana().into()])
        .when(edit(profile))
        .then_rejected(Rejection::Birthday);
}

#[test]
fn lengths_count_characters() {
    let name = |n| {
        edit(ProfileEdit {
            name: Some("脸".repeat(n)),
            ..ProfileEdit::default()
        })
    };
    given::<User>([ana().into()])
        .when(name(64))
        .then_rejected(Rejection::Name);
    assert_eq!(
        User::decide(&User::fold(&[ana().into()]), &name(63)).map(|e| e.len()),
        Ok(1)
    );
    given::<User>([ana().into()])
        .when(edit(signature(&"字".repeat(255))))
        .then_rejected(Rejection::Signature);
}

#[test]
fn a_birthday_is_a_day_of_the_calendar() {
    for day in ["2012-02-29", "1999-12-31", "0001-01-01"] {
        assert!(is_date(day), "{day}");
    }
    for text in [
        "2011-02-29",
        "2012-13-01",
        "2012-00-10",
        "2012-6-1",
        "20120601",
        "２０12-06-01",
    ] {
        assert!(!is_date(text), "{text}");
    }
}

#[test]
fn hiding_again_changes_nothing() {
    let hide = || Command::EditSelf {
        profile: ProfileEdit::default(),
        invisible: Some(Invisible::ToEveryone),
    };
    let hidden = VisibilityChanged {
        user_id: ana().user_id,
        invisible: Invisible::ToEveryone,
    };
    given::<User>([ana().into()])
        .when(hide())
        .then([hidden.clone().into()]);
    given::<User>([ana().into(), hidden.into()])
        .when(hide())
        .then_nothing();
}

#[test]
fn each_reset_raises_the_generation() {
    let reset = |generation| {
        PasswordReset {
            user_id: ana().user_id,
            generation,
        }
        .into()
    };
    given::<User>([ana().into()])
        .when(Command::ResetPassword)
        .then([reset(1)]);
    given::<User>([ana().into(), reset(1)])
        .when(Command::ResetPassword)
        .then([reset(2)]);
}

#[test]
fn banning_twice_is_banning_once_and_can_be_undone() {
    let user_id = ana().user_id;
    let banned = || Event::from(UserBanned { user_id });
    let unbanned = || Event::from(UserUnbanned { user_id });
    given::<User>([ana().into()])
        .when(Command::Ban)
        .then([banned()]);
    given::<User>([ana().into(), banned()])
        .when(Command::Ban)
        .then_nothing();
    given::<User>([ana().into(), banned()])
        .when(Command::Unban)
        .then([unbanned()]);
    given::<User>([ana().into()])
        .when(Command::Unban)
        .then_nothing();
    given::<User>([])
        .when(Command::Ban)
        .then_rejected(Rejection::UnknownUser);
}

#[test]
fn an_account_that_does_not_exist_cannot_be_changed() {
    given::<User>([])
        .when(Command::ResetPassword)
        .then_rejected(Rejection::UnknownUser);
    given::<User>([])
        .when(edit(signature("x")))
        .then_rejected(Rejection::UnknownUser);
}
