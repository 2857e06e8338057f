//! The state database: what must never stand in an event (sessions, password hashes, tokens) and
//! no rebuild touches.

mod checkpoints;
mod lead;
mod tokens;

pub use lead::Lead;

use crate::Clock;
use domain::{Millis, UserId};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Row};
use std::str::FromStr;
use std::time::Duration;

/// How long a login lasts.
const SESSION: Duration = Duration::from_secs(90 * 24 * 3600);

/// How many logins of one person may live at once; the oldest go first.
const SESSIONS_OF_ONE_USER: i64 = 50;

/// For how long a node may believe a session that another node has ended.
const CACHED: Duration = Duration::from_secs(10);

/// Sessions and password hashes, on SQLite or PostgreSQL.
pub struct State {
    pool: AnyPool,
    /// May hold a password.
    url: String,
    /// Sessions by the digest of their token; `None` where one was ended just now.
    sessions: Cache<String, Option<Session>>,
}

/// Who is logged in, until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user_id: UserId,
    /// Until when.
    pub expires_at: Millis,
}

/// What a client shows to be recognised: 32 hex digits, 128 random bits. Only a digest is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

/// The state database did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is away or full.
    #[error("the state database is unavailable: {0}")]
    Unavailable(String),
    /// A password could not be hashed, or a stored hash is broken.
    #[error("the password could not be checked")]
    Hashing,
}

impl From<sqlx::Error> for StateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::migrate::MigrateError> for StateError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl SessionToken {
    fn random() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// The token as the client keeps it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl State {
    /// Opens `sqlite:<path>` (made if it is not there) or `postgres://…` and brings its tables up
    /// to date.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn open(url: &str) -> Result<Self, StateError> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let url = if sqlite {
            format!("{url}?mode=rwc")
        } else {
            url.to_owned()
        };
        let pool = AnyPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        let durable = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
                                       PRAGMA busy_timeout=5000";
                        sqlx::raw_sql(durable).execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(AnyConnectOptions::from_str(&url)?)
            .await?;
        // The log and the read models keep their migrations in the same PostgreSQL database.
        let mut migrations = sqlx::migrate!("../migrations/state");
        migrations.set_ignore_missing(true).run(&pool).await?;
        let sessions = Cache::builder()
            .max_capacity(100_000)
            .time_to_live(CACHED)
            .build();
        Ok(Self {
            pool,
            url,
            sessions,
        })
    }

    /// Logs `user_id` in.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn open_session(
        &self,
        user_id: UserId,
        clock: &Clock,
    ) -> Result<SessionToken, StateError> {
        let token = SessionToken::random();
        let now = clock.now().0;
        let lifetime = i64::try_from(SESSION.as_millis()).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO sessions (token_digest, user_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(digest(token.as_str()))
        .bind(user_id.to_string())
        .bind(now)
        .bind(now.saturating_add(lifetime))
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = $1 AND (expires_at <= $2 OR token_digest IN \
             (SELECT token_digest FROM sessions WHERE user_id = $1 \
              ORDER BY created_at DESC, token_digest LIMIT $3 OFFSET $4))",
        )
        .bind(user_id.to_string())
        .bind(now)
        .bind(i64::MAX)
        .bind(SESSIONS_OF_ONE_USER)
        .execute(&self.pool)
        .await?;
        Ok(token)
    }

    /// Who shows this token, if anybody who is logged in.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn session(&self, token: &str, now: Millis) -> Result<Option<Session>, StateError> {
        let digest = digest(token);
        if let Some(session) = self.sessions.get(&digest) {
            return Ok(session.filter(|session| session.expires_at > now));
        }
        let row = sqlx::query("SELECT user_id, expires_at FROM sessions WHERE token_digest = $1")
            .bind(&digest)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let user_id: String = row.try_get(0)?;
        let Ok(user_id) = user_id.parse() else {
            return Ok(None);
        };
        let session = Session {
            user_id,
            expires_at: Millis(row.try_get(1)?),
        };
        if session.expires_at <= now {
            return Ok(None);
        }
        // If the session was ended since the row was read, that word stands.
        Ok(self
            .sessions
            .entry(digest)
            .or_insert(Some(session))
            .into_value())
    }

    /// Ends this session, and only this one.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn close_session(&self, token: &str) -> Result<(), StateError> {
        let digest = digest(token);
        sqlx::query("DELETE FROM sessions WHERE token_digest = $1")
            .bind(&digest)
            .execute(&self.pool)
            .await?;
        self.sessions.insert(digest, None);
        Ok(())
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn close_sessions_of(&self, user_id: UserId) -> Result<(), StateError> {
        sqlx::query("DELETE FROM sessions WHERE user_id = $1")
            .bind(user_id.to_string())
            .execute(&self.pool)
            .await?;
        // Rare enough to forget everybody else's as well; they are looked up again.
        self.sessions.invalidate_all();
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StateError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Finishes what is under way and lets go of the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn password_hash(&self, subject: &str) -> Result<Option<String>, StateError> {
        let query = "SELECT password_hash FROM passwords WHERE subject_digest = $1";
        let row = sqlx::query(query)
            .bind(subject)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Stores the first hash of a subject; answers the one that is stored, ours or another's.
    pub(crate) async fn claim_password_hash(
        &self,
        subject: &str,
        hash: &str,
    ) -> Result<String, StateError> {
        sqlx::query(
            "INSERT INTO passwords (subject_digest, password_hash) VALUES ($1, $2) \
             ON CONFLICT (subject_digest) DO NOTHING",
        )
        .bind(subject)
        .bind(hash)
        .execute(&self.pool)
        .await?;
        self.password_hash(subject)
            .await?
            .ok_or(StateError::Hashing)
    }
}

/// Tokens have 128 random bits, so a plain hash of one says nothing about it.
fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> UserId {
        UserId::new(1, [1; 8])
    }

    fn at(time: i64) -> Clock {
        Clock::new(move || Millis(time))
    }

    /// The same on every engine, each in a database of its own.
    pub(super) async fn on_every_engine<F: Future<Output = ()>>(check: impl Fn(String) -> F) {
        let folder = tempfile::tempdir().expect("a folder");
        check(format!(
            "sqlite:{}",
            folder.path().join("state.db").display()
        ))
        .await;
        let database = test_postgres::database();
        check(database.url().to_owned()).await;
    }

    #[tokio::test]
    async fn a_session_outlives_the_process_and_ends_in_time() {
        on_every_engine(|url| async move {
            let state = State::open(&url).await.expect("a database");
            let token = state
                .open_session(ana(), &at(1_000))
                .await
                .expect("a session");
            state.close().await;

            let state = State::open(&url).await.expect("a database");
            let session = state
                .session(token.as_str(), Millis(2_000))
                .await
                .expect("an answer");
            let session = session.expect("a live session");
            assert_eq!(session.user_id, ana());
            for _ in 0..2 {
                let ended = state.session(token.as_str(), session.expires_at).await;
                assert_eq!(ended.expect("an answer"), None);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn logging_out_ends_one_session_at_once() {
        on_every_engine(|url| async move {
            let state = State::open(&url).await.expect("a database");
            let phone = state
                .open_session(ana(), &at(1_000))
                .await
                .expect("a session");
            let tablet = state
                .open_session(ana(), &at(1_000))
                .await
                .expect("a session");
            let live = async |token: &SessionToken| {
                state
                    .session(token.as_str(), Millis(1_000))
                    .await
                    .expect("an answer")
                    .is_some()
            };
            assert!(live(&phone).await && live(&tablet).await);
            state
                .close_session(phone.as_str())
                .await
                .expect("an answer");
            assert!(!live(&phone).await && live(&tablet).await);
        })
        .await;
    }

    #[tokio::test]
    async fn the_oldest_of_too_many_sessions_goes() {
        on_every_engine(|url| async move {
            let state = State::open(&url).await.expect("a database");
            let first = state
                .open_session(ana(), &at(1_000))
                .await
                .expect("a session");
            for time in 0..SESSIONS_OF_ONE_USER {
                state
                    .open_session(ana(), &at(2_000 + time))
                    .await
                    .expect("a session");
            }
            let gone = state.session(first.as_str(), Millis(3_000)).await;
            assert_eq!(gone.expect("an answer"), None);
        })
        .await;
    }

    #[tokio::test]
    async fn the_first_hash_of_a_subject_stays() {
        on_every_engine(|url| async move {
            let state = State::open(&url).await.expect("a database");
            let claim = async |hash| state.claim_password_hash("s", hash).await.expect("a hash");
            assert_eq!(claim("one").await, "one");
            assert_eq!(claim("two").await, "one");
        })
        .await;
    }
}
