//! Permissions to act for people at other houses: one a person and provider.

use super::{State, StateError};
use crate::identity::ProviderToken;
use domain::{Millis, UserId};
use sqlx::Row;

impl State {
    /// Keeps a person's token in the place of the one before.
    pub(crate) async fn save_token(
        &self,
        user_id: UserId,
        provider: &str,
        token: &ProviderToken,
    ) -> Result<(), StateError> {
        sqlx::query(
            "INSERT INTO provider_tokens (user_id, provider, token, expires_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, provider) \
             DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at",
        )
        .bind(user_id.to_string())
        .bind(provider)
        .bind(&token.token)
        .bind(token.expires_at.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A person's token, if there is one that has not ended at `now`.
    pub(crate) async fn token(
        &self,
        user_id: UserId,
        provider: &str,
        now: Millis,
    ) -> Result<Option<String>, StateError> {
        let query = "SELECT token FROM provider_tokens \
                     WHERE user_id = $1 AND provider = $2 AND expires_at > $3";
        let row = sqlx::query(query)
            .bind(user_id.to_string())
            .bind(provider)
            .bind(now.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Forgets a token that the provider accepts no longer; one that came since stays.
    pub(crate) async fn forget_token(
        &self,
        user_id: UserId,
        provider: &str,
        token: &str,
    ) -> Result<(), StateError> {
        let query = "DELETE FROM provider_tokens \
                     WHERE user_id = $1 AND provider = $2 AND token = $3";
        sqlx::query(query)
            .bind(user_id.to_string())
            .bind(provider)
            .bind(token)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::on_every_engine;
    use super::*;

    #[tokio::test]
    async fn the_last_token_of_a_person_counts_until_it_ends_or_is_forgotten() {
        on_every_engine(|url| async move {
            let state = State::open(&url).await.expect("a database");
            let ana = UserId::new(1, [1; 8]);
            let of = async |user_id, now| {
                let token = state.token(user_id, "weibo", Millis(now)).await;
                token.expect("an answer")
            };
            let save = async |token: &str, expires_at| {
                let token = ProviderToken {
                    token: token.into(),
                    expires_in: 1,
                    expires_at: Millis(expires_at),
                };
                let saved = state.save_token(ana, "weibo", &token).await;
                saved.expect("saved");
            };
            let forget = async |token| {
                let forgotten = state.forget_token(ana, "weibo", token).await;
                forgotten.expect("forgotten");
            };
            assert_eq!(of(ana, 0).await, None);
            save("one", 1_000).await;
            save("two", 2_000).await;
            assert_eq!(of(ana, 1_999).await.as_deref(), Some("two"));
            assert_eq!(of(ana, 2_000).await, None);
            assert_eq!(of(UserId::new(1, [2; 8]), 0).await, None);
            forget("one").await;
            assert_eq!(of(ana, 0).await.as_deref(), Some("two"));
            forget("two").await;
            assert_eq!(of(ana, 0).await, None);
        })
        .await;
    }
}
