//! Which device wakes whom: one for a person, one person for a device, and the last word counts.

use crate::Error;
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use domain::push::{Device, Gateway, InvalidToken, Token};
use domain::{Event, EventKind, Millis, UserId};
use eventlog::RecordedEvent;
use sqlx::{AnyPool, Row};

/// A device that wakes somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundDevice {
    /// Which device.
    pub device: Device,
    /// When it was reported.
    pub since: Millis,
}

/// Everybody's device.
#[derive(Clone, Debug)]
pub struct PushTokens {
    reads: AnyPool,
}

impl PushTokens {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// The device that wakes `user`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn of(&self, user: UserId) -> Result<Option<Device>, Error> {
        Ok(self.bound(user).await?.map(|bound| bound.device))
    }

    /// The device that wakes `user`, and since when.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bound(&self, user: UserId) -> Result<Option<BoundDevice>, Error> {
        let row =
            sqlx::query("SELECT gateway, token, since_ms FROM push_tokens WHERE user_id = $1")
                .bind(user.to_string())
                .fetch_optional(&self.reads)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let (gateway, token): (i64, String) = (row.try_get("gateway")?, row.try_get("token")?);
        let device = device(gateway, &token).map_err(|error| sqlx::Error::ColumnDecode {
            index: "token".into(),
            source: Box::new(error),
        })?;
        let since = Millis(row.try_get("since_ms")?);
        Ok(Some(BoundDevice { device, since }))
    }
}

fn device(gateway: i64, token: &str) -> Result<Device, InvalidToken> {
    let digit = u8::try_from(gateway).map_err(|_| InvalidToken)?;
    Ok(Device {
        state: Gateway::try_from(digit)?,
        token: Token::new(token)?,
    })
}

#[async_trait::async_trait]
impl SqlProjection for PushTokens {
    fn name(&self) -> &'static str {
        "push_tokens"
    }

    fn version(&self) -> u32 {
        2
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::PushTokenBound, EventKind::PushTokenUnbound]
    }

    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "push_tokens",
            columns: "user_id TEXT NOT NULL PRIMARY KEY, \
                      gateway BIGINT NOT NULL, \
                      token TEXT NOT NULL UNIQUE, \
                      since_ms BIGINT NOT NULL",
        }]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        for event in events {
            match &event.event {
                Event::PushTokenBound(bound) => {
                    rows.statement(
                        "DELETE FROM {} WHERE token = $1 OR user_id = $2",
                        "push_tokens",
                    )
                    .bind(bound.device.token.as_str().to_owned())
                    .bind(bound.user_id.to_string())
                    .execute(&mut *rows.connection)
                    .await?;
                    rows.statement(
                        "INSERT INTO {} (user_id, gateway, token, since_ms) \
                         VALUES ($1, $2, $3, $4)",
                        "push_tokens",
                    )
                    .bind(bound.user_id.to_string())
                    .bind(i64::from(u8::from(bound.device.state)))
                    .bind(bound.device.token.as_str().to_owned())
                    .bind(event.time.0)
                    .execute(&mut *rows.connection)
                    .await?;
                }
                Event::PushTokenUnbound(unbound) => {
                    rows.statement(
                        "DELETE FROM {} WHERE user_id = $1 AND token = $2",
                        "push_tokens",
                    )
                    .bind(unbound.user_id.to_string())
                    .bind(unbound.device.token.as_str().to_owned())
                    .execute(&mut *rows.connection)
                    .await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::BoundDevice;
    use crate::tests::{Place, append_at, log_of, user};
    use domain::push::{Device, Gateway, PushTokenBound, PushTokenUnbound, Token};
    use domain::{Event, Millis};
    use eventlog::MemoryLog;
    use std::sync::Arc;

    fn phone(letter: &str) -> Device {
        Device {
            state: Gateway::Distribution,
            token: Token::new(&letter.repeat(64)).expect("a token"),
        }
    }

    fn bound(person: u8, device: Device) -> Event {
        PushTokenBound {
            user_id: user(person),
            device,
        }
        .into()
    }

    #[tokio::test]
    async fn a_device_moves_to_whoever_logged_in_last() {
        let log = log_of([
            bound(1, phone("a")),
            bound(2, phone("b")),
            bound(3, phone("c")),
            bound(2, phone("a")),
            PushTokenUnbound {
                user_id: user(1),
                device: phone("a"),
            }
            .into(),
            PushTokenUnbound {
                user_id: user(3),
                device: phone("c"),
            }
            .into(),
        ])
        .await;
        for place in Place::both() {
            let projections = place.projections(&log).await;
            let of = async |person| {
                let device = projections.push_tokens.of(user(person)).await;
                device.expect("an answer")
            };
            assert_eq!(of(1).await, None);
            assert_eq!(of(2).await, Some(phone("a")));
            assert_eq!(of(3).await, None);
            projections.stop().await;
        }
    }

    #[tokio::test]
    async fn a_device_is_known_since_it_was_reported_last() {
        let log = Arc::new(MemoryLog::new());
        append_at(&*log, 1_000, [bound(1, phone("a"))]).await;
        append_at(&*log, 2_000, [bound(1, phone("a"))]).await;
        for place in Place::both() {
            let projections = place.projections(&log).await;
            let bound = projections.push_tokens.bound(user(1)).await;
            let expected = BoundDevice {
                device: phone("a"),
                since: Millis(2_000),
            };
            assert_eq!(bound.expect("an answer"), Some(expected));
            projections.stop().await;
        }
    }
}
