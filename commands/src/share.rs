//! Posting about the app on Weibo in a person's name: asking for it, doing it, noting how it ended
//! (seed §3).
//!
//! When to try and how often is a policy's business.

use crate::Commands;
use crate::execute::{Error, Receipt, by};
use crate::identity::{PostedPicture, WEIBO, WeiboError};
use crate::state::StateError;
use domain::share::{Command, Outcome, Rejection, Share};
use domain::{StreamName, UserId};
use eventlog::Metadata;
use uuid::Uuid;

/// Why a post is not on Weibo.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Nobody can post in the person's name now.
    #[error("there is no weibo token that lives")]
    NoToken,
    /// Weibo's answer, or that there was none.
    #[error(transparent)]
    Weibo(#[from] WeiboError),
    /// The state database did not answer.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Commands {
    /// Asks for a post; `ver` is the version of the app. While one is pending, and for some time
    /// after, asking again changes nothing.
    ///
    /// # Errors
    /// [`Rejection::NoToken`]; [`Error::Log`], [`Error::State`].
    pub async fn request_share(
        &self,
        user_id: UserId,
        ver: Option<String>,
    ) -> Result<Receipt, Error<Rejection>> {
        let at = self.clock.now();
        let has_token = match self.weibo() {
            Some(_) => self.state.token(user_id, WEIBO, at).await?.is_some(),
            None => false,
        };
        let command = Command::Request { ver, has_token, at };
        let stream = StreamName::user(user_id);
        self.execute::<Share>(&stream, &command, &by(user_id)).await
    }

    /// Posts `text`, with a picture or without, in a person's name. What is there already is as
    /// good as posted.
    ///
    /// # Errors
    /// [`PostError`]; a token that is refused is forgotten.
    pub async fn post_on_weibo(
        &self,
        user_id: UserId,
        text: &str,
        picture: Option<PostedPicture>,
    ) -> Result<(), PostError> {
        let weibo = self.weibo().ok_or(PostError::NoToken)?;
        let token = self.state.token(user_id, WEIBO, self.clock.now()).await?;
        let token = token.ok_or(PostError::NoToken)?;
        let posted = match picture {
            Some(picture) => weibo.post_picture(&token, text, picture).await,
            None => weibo.post(&token, text).await,
        };
        match posted {
            Err(error) if error.was_said_before() => Ok(()),
            Err(error) if error.is_about_the_token() => {
                self.state.forget_token(user_id, WEIBO, &token).await?;
                Err(error.into())
            }
            other => Ok(other?),
        }
    }

    /// Notes how a pending post ended, once for each `id`.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn finish_share(
        &self,
        user_id: UserId,
        outcome: Outcome,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::user(user_id);
        self.execute_once::<Share>(&stream, &Command::Finish(outcome), id, by)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;

    #[tokio::test]
    async fn a_local_account_has_nothing_to_share_with() {
        let house = House::new().await;
        let login = house.commands.log_in("ana", "secret").await;
        let user_id = login.expect("a login").account.user_id;
        let before = house.events().await;
        let refused = house.commands.request_share(user_id, None).await;
        assert!(matches!(refused, Err(Error::Rejected(Rejection::NoToken))));
        let refused = house.commands.post_on_weibo(user_id, "hello", None).await;
        assert!(matches!(refused, Err(PostError::NoToken)));
        assert_eq!(house.events().await, before);
    }
}
