//! Posting on Weibo in people's names, as several policies do: what Weibo refuses is given up at
//! once, what it is away for after some attempts.

use commands::identity::{PostedPicture, WeiboError};
use commands::{Commands, PostError};
use domain::UserId;
use domain::share::{Failure, Outcome};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// How often a post is tried; at the usual pace, for two minutes.
pub(crate) const ATTEMPTS: u32 = 8;

/// One policy's way to Weibo.
pub(crate) struct Posting {
    commands: Arc<Commands>,
    /// How the post ended that is not noted yet: should the log be away, it is not posted again.
    ended: Mutex<Option<(Uuid, Outcome)>>,
}

impl Posting {
    /// Posts go through `commands`.
    pub(crate) fn new(commands: Arc<Commands>) -> Self {
        Self {
            commands,
            ended: Mutex::default(),
        }
    }

    /// How the post `id` ended, which is found out by trying, unless that is known.
    pub(crate) async fn outcome(
        &self,
        id: Uuid,
        user_id: UserId,
        attempt: u32,
        text: &str,
        picture: Option<PostedPicture>,
    ) -> Result<Outcome, PostError> {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, outcome)) = ended.filter(|(of, _)| *of == id) {
            return Ok(outcome);
        }
        let outcome = match self.commands.post_on_weibo(user_id, text, picture).await {
            Ok(()) => Outcome::Posted,
            Err(PostError::NoToken) => Outcome::GivenUp(Failure::NoToken),
            Err(PostError::Weibo(error @ WeiboError::Refused { .. })) => {
                tracing::warn!(%user_id, %error, "a post was refused");
                Outcome::GivenUp(Failure::Refused)
            }
            Err(PostError::Weibo(error)) if attempt >= ATTEMPTS => {
                tracing::warn!(%user_id, %error, "a post was given up");
                Outcome::GivenUp(Failure::Away)
            }
            Err(error) => return Err(error),
        };
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, outcome));
        Ok(outcome)
    }
}
