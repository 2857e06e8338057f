//! Whenever a picture of a conversation can be shown, say so: in the room, or to the one person
//! whom it is for (seed §29.2, §30.2).

use crate::saying::say;
use crate::{Policy, Trouble, step_id};
use commands::Commands;
use domain::chat::{Destination, MessageSent};
use domain::photo::{PhotoUploaded, Purpose};
use domain::{Event, EventKind};
use eventlog::RecordedEvent;
use std::sync::Arc;

const NAME: &str = "photo_message";

/// The policy.
pub struct PhotoMessage {
    commands: Arc<Commands>,
}

impl PhotoMessage {
    /// The policy, which asks the picture's own stream whom it is for.
    #[must_use]
    pub fn new(commands: Arc<Commands>) -> Self {
        Self { commands }
    }
}

#[async_trait::async_trait]
impl Policy for PhotoMessage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::PhotoProcessed]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        let Event::PhotoProcessed(done) = &event.event else {
            return Ok(());
        };
        let photo = self.commands.photo(done.photo_id).await?;
        let Some(message) = photo.and_then(|photo| announcement(&photo.uploaded)) else {
            return Ok(());
        };
        let id = step_id(NAME, event, "message");
        say(&self.commands, message, id, NAME, event).await
    }
}

/// What is said of a picture, and to whom; nothing of one in an album.
fn announcement(sent: &PhotoUploaded) -> Option<MessageSent> {
    let (from, photo) = (sent.user_id.into(), sent.photo_id);
    match &sent.purpose {
        Purpose::Album => None,
        Purpose::Room { shop_id, desc, .. } => {
            let desc = desc.as_deref().unwrap_or_default();
            let room = Destination::Room(*shop_id);
            Some(MessageSent::new(from, room, format!("[img:{photo}]{desc}")))
        }
        Purpose::Private { to_id } => {
            let to = Destination::To((*to_id).into());
            Some(MessageSent {
                // The clients of 2013 know it by this.
                id: Some(format!("img{photo}")),
                ..MessageSent::new(from, to, format!("[img:{photo}]"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PhotoProcessing;
    use crate::testing::{House, picture, shop};
    use domain::UserId;
    use domain::photo::Format;

    /// Somebody sends a picture, which is processed, and the policy sees that twice.
    async fn send(house: &House, user_id: UserId, bytes: &[u8], purpose: Purpose) -> String {
        let stored = house.store(1, bytes).await;
        let uploaded = PhotoUploaded {
            photo_id: stored.photo_id,
            user_id,
            format: Format::Png,
            bytes: stored.bytes,
            purpose,
        };
        let sent = house.commands.upload_photo(uploaded).await.expect("sent");
        let processing = PhotoProcessing::new(house.commands.clone(), house.blobs.clone());
        house
            .show(&processing, sent.position.expect("an event"))
            .await;
        let done = house.log.head().await.expect("a log");
        let policy = PhotoMessage::new(house.commands.clone());
        for _ in 0..2 {
            house.show(&policy, done).await;
        }
        stored.photo_id.to_string()
    }

    fn of_room(desc: Option<&str>) -> Purpose {
        Purpose::Room {
            shop_id: shop(7),
            desc: desc.map(str::to_owned),
            weibo: false,
            checkin_id: None,
        }
    }

    #[tokio::test]
    async fn a_picture_of_a_room_is_told_there_once_with_its_words() {
        for desc in [Some("海边 <3"), None] {
            let house = House::new().await;
            let ana = house.account("ana").await;
            let photo = send(&house, ana, &picture(), of_room(desc)).await;
            let said = house.said().await;
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].from, ana.into());
            assert_eq!(said[0].to, Destination::Room(shop(7)));
            let desc = desc.unwrap_or_default();
            assert_eq!(said[0].body, format!("[img:{photo}]{desc}"));
        }
    }

    #[tokio::test]
    async fn a_picture_for_a_person_is_told_to_that_person_once() {
        let house = House::new().await;
        let (ana, bo) = (house.account("ana").await, house.account("bo").await);
        let photo = send(&house, ana, &picture(), Purpose::Private { to_id: bo }).await;
        let said = house.said().await;
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].to, Destination::To(bo.into()));
        assert_eq!(said[0].body, format!("[img:{photo}]"));
        assert_eq!(said[0].id, Some(format!("img{photo}")));
    }

    #[tokio::test]
    async fn a_picture_from_somebody_on_the_blacklist_is_told_to_nobody() {
        let house = House::new().await;
        let (ana, bo) = (house.account("ana").await, house.account("bo").await);
        let _ = house.commands.block(bo, ana, false).await.expect("blocked");
        send(&house, ana, &picture(), Purpose::Private { to_id: bo }).await;
        assert!(house.said().await.is_empty());
    }

    #[tokio::test]
    async fn what_is_no_picture_is_told_to_nobody() {
        let house = House::new().await;
        let ana = house.account("ana").await;
        send(
            &house,
            ana,
            b"\x89PNG\r\n\x1a\n and then nothing",
            of_room(None),
        )
        .await;
        assert!(house.said().await.is_empty());
    }
}
