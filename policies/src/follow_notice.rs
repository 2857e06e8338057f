//! Whenever somebody follows another for the first time, tell the one who is followed (contract
//! §21).

use crate::saying::say;
use crate::{NAMESPACE, Policy, Trouble};
use commands::Commands;
use domain::chat::{Destination, MessageSent};
use domain::follow::Followed;
use domain::visibility::{Relation, may_see_place};
use domain::{Event, EventKind};
use eventlog::RecordedEvent;
use projections::Projections;
use std::sync::Arc;
use uuid::Uuid;

const NAME: &str = "follow_notice";

/// The policy.
pub struct FollowNotice {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
}

impl FollowNotice {
    /// The policy, which finds in `projections` who follows, and where they were last.
    #[must_use]
    pub fn new(commands: Arc<Commands>, projections: Arc<Projections>) -> Self {
        Self {
            commands,
            projections,
        }
    }

    /// The last place of who follows, if the one who is followed may see it.
    async fn place(&self, followed: &Followed) -> Result<Option<String>, Trouble> {
        let (follower, viewer) = (followed.user_id, followed.follow_id);
        let unwanted = self.commands.is_unwanted(viewer.into(), follower.into());
        let relation = match unwanted.await? {
            true => Relation::Unwanted,
            false => Relation::Acquaintance,
        };
        let seen = self.projections.occupancy.read(|people| {
            let seen = may_see_place(relation, people.invisible(follower));
            seen.then(|| people.last_seen(follower)).flatten()
        });
        Ok(seen.and_then(|(shop, _)| {
            let shops = &self.projections.shop_index;
            shops.read(|shops| shops.name(shop).map(str::to_owned))
        }))
    }
}

#[async_trait::async_trait]
impl Policy for FollowNotice {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::Followed]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        let Event::Followed(followed) = &event.event else {
            return Ok(());
        };
        let (follower, to) = (followed.user_id, followed.follow_id);
        let Some(profile) = self.projections.profiles.get(follower).await? else {
            return Ok(());
        };
        let body = match self.place(followed).await? {
            Some(place) => format!("{} 关注了你，最近出现在 {place}", profile.name),
            None => format!("{} 关注了你", profile.name),
        };
        // Of the two people, not of the event: following again is no news.
        let id = Uuid::new_v5(&NAMESPACE, format!("{NAME}/{follower}/{to}").as_bytes());
        let to = Destination::To(to.into());
        let message = MessageSent::new(follower.into(), to, body);
        say(&self.commands, message, id, NAME, event).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use domain::UserId;
    use domain::user::{Invisible, ProfileEdit};

    /// `a` follows `b`, and the policy sees it twice.
    async fn follows(house: &House, a: UserId, b: UserId) {
        let followed = house.commands.follow(a, b).await.expect("followed");
        let policy = FollowNotice::new(house.commands.clone(), house.projections.clone());
        for _ in 0..2 {
            house
                .show(&policy, followed.position.expect("an event"))
                .await;
        }
    }

    #[tokio::test]
    async fn whoever_is_followed_hears_of_it_the_first_time_only() {
        let house = House::new().await;
        let (ana, bo) = (house.account("ana").await, house.account("bo").await);
        follows(&house, ana, bo).await;
        let _ = house.commands.unfollow(ana, bo).await.expect("unfollowed");
        follows(&house, ana, bo).await;
        let said = house.said().await;
        assert_eq!(said.len(), 1);
        assert_eq!(
            (said[0].from, said[0].to),
            (ana.into(), Destination::To(bo.into()))
        );
        assert_eq!(said[0].body, "ana 关注了你");
    }

    #[tokio::test]
    async fn the_notice_says_where_the_follower_was_unless_that_is_hidden() {
        for (invisible, expected) in [
            (Invisible::ToStrangers, "ana 关注了你，最近出现在 Ekberg"),
            (Invisible::ToEveryone, "ana 关注了你"),
        ] {
            let house = House::new().await;
            let (ana, bo) = (house.account("ana").await, house.account("bo").await);
            house.open_shop(7, "Ekberg").await;
            house.check_in(ana, 7, false).await;
            let edit = ProfileEdit::default();
            let hides = house.commands.edit_self(ana, edit, Some(invisible)).await;
            let _ = hides.expect("edited");
            follows(&house, ana, bo).await;
            assert_eq!(house.said().await[0].body, expected);
        }
    }
}
