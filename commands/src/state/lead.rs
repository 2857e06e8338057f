//! Of several nodes on one database, one at a time does what must be done once.

use super::{State, StateError};
use sqlx::{AnyConnection, Connection, Row};

/// The right to do something that no other node does meanwhile; dropping it gives it up.
#[derive(Debug)]
pub struct Lead {
    /// Its session holds the lock, so a node that dies lets go at once. `None` where there is
    /// only one node.
    connection: Option<AnyConnection>,
}

impl State {
    /// The lead in `what`, unless another node has it. A SQLite database has one node, which is
    /// always in the lead.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn lead(&self, what: &str) -> Result<Option<Lead>, StateError> {
        if self.url.starts_with("sqlite:") {
            return Ok(Some(Lead { connection: None }));
        }
        let mut connection = AnyConnection::connect(&self.url).await?;
        let row = sqlx::query("SELECT pg_try_advisory_lock(hashtext($1))")
            .bind(format!("lianlian policy {what}"))
            .fetch_one(&mut connection)
            .await?;
        if row.try_get(0)? {
            return Ok(Some(Lead {
                connection: Some(connection),
            }));
        }
        connection.close().await?;
        Ok(None)
    }
}

impl Lead {
    /// Whether it is still ours.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.connection {
            Some(connection) => connection.ping().await.is_ok(),
            None => true,
        }
    }

    /// Gives it up, so that another node can have it at once.
    pub async fn give_up(self) {
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_node_leads_until_it_lets_go() {
        let database = test_postgres::database();
        let open = async || State::open(database.url()).await.expect("a database");
        let (one, two) = (open().await, open().await);
        let lead = async |node: &State| node.lead("share").await.expect("an answer");
        let mut first = lead(&one).await.expect("nobody else does");
        assert!(first.is_held().await);
        assert!(lead(&two).await.is_none());
        assert!(two.lead("else").await.expect("an answer").is_some());
        first.give_up().await;
        let mut second = lead(&two).await.expect("it was given up");
        assert!(second.is_held().await && lead(&one).await.is_none());
    }
}
