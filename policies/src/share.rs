//! Whenever somebody asked to share, post about the app on Weibo in that person's name (seed §3).
//!
//! A post that Weibo refuses is given up at once, one that Weibo is away for after some attempts;
//! either way the stream says how it ended.

use crate::posting::Posting;
use crate::{Policy, Trouble, because_of, has_happened, step_id};
use commands::Commands;
use domain::{Event, EventKind, StreamName};
use eventlog::RecordedEvent;
use std::sync::Arc;

const NAME: &str = "share";

/// The policy.
pub struct Share {
    commands: Arc<Commands>,
    posting: Posting,
}

impl Share {
    /// The policy, posting through `commands`.
    #[must_use]
    pub fn new(commands: Arc<Commands>) -> Self {
        Self {
            posting: Posting::new(commands.clone()),
            commands,
        }
    }
}

#[async_trait::async_trait]
impl Policy for Share {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::ShareRequested]
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble> {
        let Event::ShareRequested(requested) = &event.event else {
            return Ok(());
        };
        let id = step_id(NAME, event, "outcome");
        let user_id = requested.user_id;
        let stream = StreamName::user(user_id);
        if has_happened(&**self.commands.log(), &stream, id).await? {
            return Ok(());
        }
        let text = text(requested.ver.as_deref());
        let outcome = self.posting.outcome(id, user_id, attempt, &text, None);
        let outcome = outcome.await?;
        let by = because_of(NAME, event);
        // Nobody waits to read it.
        let _ = self
            .commands
            .finish_share(user_id, outcome, id, &by)
            .await?;
        Ok(())
    }
}

/// What is posted. A version of our own makes posts of different versions different, so Weibo
/// takes the next one too; one that is no version is left out.
fn text(ver: Option<&str>) -> String {
    let plain = |ver: &&str| {
        (1..=16).contains(&ver.len()) && ver.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    match ver.filter(plain) {
        Some(ver) => format!("我在用脸脸 {ver}，看看现场都有谁。"),
        None => "我在用脸脸，看看现场都有谁。".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posting::ATTEMPTS;
    use crate::testing::{Canned, House, PATIENCE, until};
    use commands::PostError;

    /// Somebody who has logged in by Weibo, and asked for a post.
    async fn asked() -> (House, Canned) {
        let (weibo, provider) = Canned::start().await;
        let house = House::with(provider).await;
        let login = house.commands.log_in("ana", "secret").await;
        let user_id = login.expect("a login").account.user_id;
        // A policy that never ran would begin after the request.
        let share = Arc::new(Share::new(house.commands.clone()));
        house.run(share).await.stop(PATIENCE).await;
        let asked = house.commands.request_share(user_id, Some("1.0".into()));
        let _ = asked.await.expect("a request");
        (house, weibo)
    }

    /// Runs the policy until the request has ended; how it ended.
    async fn ended(house: &House) -> String {
        let share = Arc::new(Share::new(house.commands.clone()));
        let mut policies = house.run(share).await;
        until("the post ends", async || house.types().await.len() == 4).await;
        policies.stop(PATIENCE).await;
        house.types().await.pop().expect("an event")
    }

    #[tokio::test]
    async fn a_post_goes_out_once_and_is_noted() {
        let (house, weibo) = asked().await;
        assert_eq!(ended(&house).await, "user.shared.v1");
        assert_eq!(weibo.posts(), 1);
        let outcome = house.event(4).await;
        let asked = house.event(3).await;
        assert_eq!(outcome.metadata.causation, Some(asked.id));
        assert_eq!(outcome.metadata.actor.as_deref(), Some("share"));
    }

    #[tokio::test]
    async fn an_event_that_is_shown_again_posts_nothing_more() {
        let (house, weibo) = asked().await;
        ended(&house).await;
        let share = Share::new(house.commands.clone());
        let asked = house.event(3).await;
        share.react(&asked, 1).await.expect("nothing to do");
        assert_eq!(weibo.posts(), 1);
        assert_eq!(house.types().await.len(), 4);
    }

    #[tokio::test]
    async fn a_post_that_weibo_refuses_is_given_up_at_once() {
        let (house, weibo) = asked().await;
        weibo.answers(400, r#"{"error":"no","error_code":20003}"#);
        assert_eq!(ended(&house).await, "user.share-failed.v1");
        assert_eq!(weibo.posts(), 1);
    }

    #[tokio::test]
    async fn a_post_is_tried_so_often_and_no_more_while_weibo_is_away() {
        let (house, weibo) = asked().await;
        weibo.answers(500, "");
        assert_eq!(ended(&house).await, "user.share-failed.v1");
        assert_eq!(weibo.posts(), ATTEMPTS as usize);
        assert!(house.commands.policies().status()[0].failing.is_none());
    }

    #[tokio::test]
    async fn a_post_that_is_there_already_counts_as_posted() {
        let (house, weibo) = asked().await;
        weibo.answers(400, r#"{"error":"repeat content!","error_code":20019}"#);
        assert_eq!(ended(&house).await, "user.shared.v1");
    }

    #[tokio::test]
    async fn a_token_that_weibo_refuses_is_forgotten() {
        let (house, weibo) = asked().await;
        weibo.answers(400, r#"{"error":"expired_token","error_code":21327}"#);
        assert_eq!(ended(&house).await, "user.share-failed.v1");
        weibo.answers(200, "{}");
        let asked = house.event(3).await;
        let Event::ShareRequested(asked) = asked.event else {
            panic!("{asked:?}");
        };
        let refused = house
            .commands
            .post_on_weibo(asked.user_id, "hello", None)
            .await;
        assert!(matches!(refused, Err(PostError::NoToken)), "{refused:?}");
    }

    #[test]
    fn only_a_version_is_put_into_the_text() {
        assert!(text(Some("1.1")).contains(" 1.1"));
        for ver in [
            None,
            Some(""),
            Some("@everybody"),
            Some("1.0.0.0.0.0.0.0.0.0"),
        ] {
            assert_eq!(text(ver), "我在用脸脸，看看现场都有谁。");
        }
    }
}
