//! Whenever somebody checks in for the first time of a day, say so in the room of the shop, in that
//! person's name (seed §9, §16.3).
//!
//! The room holds strangers, so whoever hides from them comes in silence.

use crate::saying::say;
use crate::{NAMESPACE, Policy, Trouble};
use commands::Commands;
use domain::chat::{Destination, MessageSent};
use domain::checkin::CheckedIn;
use domain::user::{Gender, Invisible};
use domain::{Event, EventKind};
use eventlog::RecordedEvent;
use projections::Projections;
use projections::profiles::Profile;
use std::sync::Arc;
use uuid::Uuid;

const NAME: &str = "greeting";

/// The policy.
pub struct Greeting {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
}

impl Greeting {
    /// The policy, which finds in `projections` who came, and whether they came before.
    #[must_use]
    pub fn new(commands: Arc<Commands>, projections: Arc<Projections>) -> Self {
        Self {
            commands,
            projections,
        }
    }

    /// Whether the person has not checked in before on the day of `event`, hidden or not.
    async fn is_first(
        &self,
        event: &RecordedEvent,
        checked_in: &CheckedIn,
    ) -> Result<bool, Trouble> {
        let traces = &self.projections.traces;
        let before = traces.last_before(checked_in.user_id, event.position);
        let before = before.await?;
        let day = |at| self.commands.day_of(at);
        Ok(before.is_none_or(|before| day(before.at) != day(event.time)))
    }
}

#[async_trait::async_trait]
impl Policy for Greeting {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::CheckedIn]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        let Event::CheckedIn(checked_in) = &event.event else {
            return Ok(());
        };
        if checked_in.hidden {
            return Ok(());
        }
        let user_id = checked_in.user_id;
        let profile = self.projections.profiles.get(user_id).await?;
        let Some(profile) = profile.filter(|profile| profile.invisible == Invisible::ToNobody)
        else {
            return Ok(());
        };
        if !self.is_first(event, checked_in).await? {
            return Ok(());
        }
        // Of the day, not of the check-in: whoever takes it back and comes again was greeted.
        let day = self.commands.day_of(event.time);
        let id = Uuid::new_v5(&NAMESPACE, format!("{NAME}/{user_id}/{day}").as_bytes());
        let room = Destination::Room(checked_in.shop_id);
        let message = MessageSent::new(user_id.into(), room, words(&profile));
        say(&self.commands, message, id, NAME, event).await
    }
}

/// Who has come.
fn words(profile: &Profile) -> String {
    let came = match profile.gender {
        Gender::Female => "翩翩来到了现场",
        _ => "来到了现场",
    };
    format!("{} {came}", profile.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{House, shop};
    use domain::UserId;
    use domain::user::ProfileEdit;

    /// Somebody checks in, and the policy sees it `times` times.
    async fn comes(house: &House, user: UserId, number: u64, hidden: bool, times: usize) {
        let position = house.check_in(user, number, hidden).await;
        let policy = Greeting::new(house.commands.clone(), house.projections.clone());
        for _ in 0..times {
            house.show(&policy, position).await;
        }
    }

    #[tokio::test]
    async fn the_first_check_in_of_a_day_is_announced_once_in_the_room() {
        let house = House::new().await;
        let ana = house.account("ana").await;
        comes(&house, ana, 7, false, 2).await;
        comes(&house, ana, 8, false, 1).await;
        let said = house.said().await;
        assert_eq!(said.len(), 1);
        let greeting = &said[0];
        assert_eq!(greeting.from, ana.into());
        assert_eq!(greeting.to, Destination::Room(shop(7)));
        assert_eq!(greeting.body, "ana 来到了现场");
        assert!(greeting.id.is_some());
        house.pass(24 * 60 * 60 * 1000);
        comes(&house, ana, 7, false, 1).await;
        assert_eq!(house.said().await.len(), 2);
    }

    #[tokio::test]
    async fn a_check_in_that_was_taken_back_is_not_announced_again() {
        let house = House::new().await;
        let ana = house.account("ana").await;
        let position = house.check_in(ana, 7, false).await;
        let policy = Greeting::new(house.commands.clone(), house.projections.clone());
        house.show(&policy, position).await;
        let Event::CheckedIn(made) = house.event(position.0).await.event else {
            panic!("not a check-in");
        };
        let deleted = house.commands.delete_checkin(ana, made.checkin_id).await;
        let _ = deleted.expect("deleted");
        comes(&house, ana, 7, false, 1).await;
        assert_eq!(house.said().await.len(), 1);
    }

    #[tokio::test]
    async fn women_are_announced_in_other_words() {
        let house = House::new().await;
        let eve = house.account("eve").await;
        let profile = ProfileEdit {
            gender: Some(Gender::Female),
            ..ProfileEdit::default()
        };
        let _ = house
            .commands
            .edit_self(eve, profile, None)
            .await
            .expect("edited");
        comes(&house, eve, 7, false, 1).await;
        assert_eq!(house.said().await[0].body, "eve 翩翩来到了现场");
    }

    #[tokio::test]
    async fn whoever_hides_from_strangers_comes_in_silence() {
        let house = House::new().await;
        for (name, invisible) in [
            ("ana", Invisible::ToStrangers),
            ("bo", Invisible::ToEveryone),
        ] {
            let user = house.account(name).await;
            let edit = ProfileEdit::default();
            let hides = house.commands.edit_self(user, edit, Some(invisible)).await;
            let _ = hides.expect("edited");
            let hidden = invisible == Invisible::ToEveryone;
            comes(&house, user, 7, hidden, 1).await;
        }
        // Made while hiding, though not hiding any more.
        let eve = house.account("eve").await;
        comes(&house, eve, 7, true, 1).await;
        assert!(house.said().await.is_empty());
    }
}
