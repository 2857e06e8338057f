//! How far each policy has come.

use super::{State, StateError};
use domain::Position;
use sqlx::Row;

impl State {
    /// Up to where `policy` is done; `None` when it never ran.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn policy_checkpoint(&self, policy: &str) -> Result<Option<Position>, StateError> {
        let query = "SELECT position FROM policy_checkpoints WHERE policy = $1";
        let row = sqlx::query(query)
            .bind(policy)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let position: i64 = row.try_get(0)?;
        Ok(Some(Position(u64::try_from(position).unwrap_or(0))))
    }

    /// Notes that `policy` is done up to `position`; it never goes back.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn save_policy_checkpoint(
        &self,
        policy: &str,
        position: Position,
    ) -> Result<(), StateError> {
        sqlx::query(
            "INSERT INTO policy_checkpoints (policy, position) VALUES ($1, $2) \
             ON CONFLICT (policy) DO UPDATE SET position = excluded.position \
             WHERE policy_checkpoints.position < excluded.position",
        )
        .bind(policy)
        .bind(i64::try_from(position.0).unwrap_or(i64::MAX))
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
    async fn a_checkpoint_only_moves_on() {
        on_every_engine(|url| async move {
            let state = State::open(&url).await.expect("a database");
            let at = async || state.policy_checkpoint("share").await.expect("an answer");
            let save = async |position| {
                let saved = state.save_policy_checkpoint("share", Position(position));
                saved.await.expect("saved");
            };
            assert_eq!(at().await, None);
            for (save_at, expected) in [(0, 0), (7, 7), (5, 7), (9, 9)] {
                save(save_at).await;
                assert_eq!(at().await, Some(Position(expected)));
            }
        })
        .await;
    }
}
