//! The only place where events become bytes, and bytes events again.
//!
//! Data of an older shape is brought to the current one here; what a shape means is `domain`'s.

use crate::{Error, Metadata, NewEvent, RecordedEvent, StoredEvent, Undecodable};
use domain::{Event, EventKind, Millis};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use uuid::Uuid;

/// The current version of the shape of every type's data. The first type whose shape changes
/// turns this into a function of its kind, and brings its step along in [`upcast`].
const SCHEMA_VERSION: u32 = 1;

/// An event as it will lie in the store, before it has a place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent {
    /// Its id.
    pub id: Uuid,
    /// When it happened.
    pub time: Millis,
    /// The pinned name of its type.
    pub type_name: &'static str,
    /// The version of the shape of `data` within that name.
    pub schema_version: u32,
    /// A JSON object, without spaces or line breaks.
    pub data: String,
    /// A JSON object, without spaces or line breaks.
    pub metadata: String,
}

/// Writes an event as it is stored.
///
/// # Errors
/// [`Error::Invalid`] when the event would not read back as it is (a number that is not finite has
/// no JSON): stored once, it would stop every reader for ever.
pub fn encode(event: &NewEvent) -> Result<EncodedEvent, Error> {
    const LOSSY: Error = Error::Invalid("an event would not read back as it is");
    let data = serde_json::to_string(&Data(&event.event)).map_err(|_| LOSSY)?;
    let metadata = serde_json::to_string(&event.metadata).map_err(|_| LOSSY)?;
    match read(event.event.kind(), &data) {
        Ok(read) if read == event.event => Ok(EncodedEvent {
            id: event.id,
            time: event.time,
            type_name: event.event.kind().name(),
            schema_version: SCHEMA_VERSION,
            data,
            metadata,
        }),
        _ => Err(LOSSY),
    }
}

/// Reads a stored event.
///
/// # Errors
/// [`Undecodable`] when nobody knows the type, a newer program wrote it, or its data or metadata
/// do not fit; the reason never quotes them.
pub fn decode(stored: StoredEvent) -> Result<RecordedEvent, Undecodable> {
    let kind = EventKind::from_name(&stored.type_name);
    match contents(kind, &stored) {
        Ok((event, metadata)) => Ok(RecordedEvent {
            position: stored.position,
            stream: stored.stream,
            revision: stored.revision,
            id: stored.id,
            time: stored.time,
            event,
            metadata,
        }),
        Err(reason) => Err(Undecodable {
            position: stored.position,
            type_name: stored.type_name,
            kind,
            reason,
        }),
    }
}

fn contents(kind: Option<EventKind>, stored: &StoredEvent) -> Result<(Event, Metadata), String> {
    let kind = kind.ok_or("unknown type")?;
    let data = upcast(stored.schema_version, &stored.data)?;
    let event = read(kind, &data).map_err(|error| misfit("data", &error))?;
    let metadata =
        serde_json::from_str(&stored.metadata).map_err(|error| misfit("metadata", &error))?;
    Ok((event, metadata))
}

/// The data in the current shape. Every type is at its first shape, so there is nothing to bring
/// forward yet; a step, once written, stays for ever.
fn upcast(schema_version: u32, data: &str) -> Result<Cow<'_, str>, String> {
    match schema_version {
        SCHEMA_VERSION => Ok(Cow::Borrowed(data)),
        unknown => Err(format!(
            "schema version {unknown}, this program knows {SCHEMA_VERSION}"
        )),
    }
}

fn read(kind: EventKind, data: &str) -> serde_json::Result<Event> {
    let mut deserializer = serde_json::Deserializer::from_str(data);
    let event = Event::deserialize_data(kind, &mut deserializer)?;
    deserializer.end()?;
    Ok(event)
}

/// What is wrong with a text, without the text: the error's own message may quote it.
fn misfit(part: &str, error: &serde_json::Error) -> String {
    let (kind, line, column) = (error.classify(), error.line(), error.column());
    format!("its {part} does not fit ({kind:?} error at line {line}, column {column})")
}

/// The contents of an event, for serde.
struct Data<'a>(&'a Event);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_data(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::checkin::CheckedIn;
    use domain::geo::Point;
    use domain::{CheckinId, Position, ShopId, StreamName, UserId};

    fn new(event: impl Into<Event>) -> NewEvent {
        NewEvent {
            id: Uuid::nil(),
            time: Millis(7),
            event: event.into(),
            metadata: Metadata::default(),
        }
    }

    fn checked_in(lat: f64, accuracy: f64) -> CheckedIn {
        CheckedIn {
            checkin_id: CheckinId::new(1, [1; 8]),
            user_id: UserId::new(1, [2; 8]),
            shop_id: ShopId::new(7).expect("an id"),
            point: Point::new(lat, 120.115_28).expect("a point"),
            accuracy,
            od: 1,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden: false,
        }
    }

    fn stored(type_name: &str, schema_version: u32, data: &str, metadata: &str) -> StoredEvent {
        StoredEvent {
            position: Position(9),
            stream: StreamName::from_stored("shop-7".into()),
            revision: 0,
            id: Uuid::nil(),
            type_name: type_name.into(),
            schema_version,
            time: Millis(7),
            data: data.into(),
            metadata: metadata.into(),
        }
    }

    #[track_caller]
    fn check_undecodable(stored: StoredEvent, reason: &str) {
        let type_name = stored.type_name.clone();
        let error = decode(stored).expect_err("undecodable");
        assert_eq!(
            (error.position, &error.type_name),
            (Position(9), &type_name)
        );
        assert_eq!(error.kind, EventKind::from_name(&type_name));
        assert_eq!(error.reason, reason);
    }

    #[test]
    fn an_unknown_type_is_named() {
        check_undecodable(stored("shop.flew-away.v1", 1, "{}", "{}"), "unknown type");
    }

    #[test]
    fn an_event_of_a_newer_program_is_not_guessed_at() {
        check_undecodable(
            stored("shop.closed.v1", 2, r#"{"shop_id":7}"#, "{}"),
            "schema version 2, this program knows 1",
        );
    }

    #[test]
    fn data_that_does_not_fit_is_never_quoted() {
        check_undecodable(
            stored("shop.closed.v1", 1, r#"{"shop_id":"secret"}"#, "{}"),
            "its data does not fit (Data error at line 1, column 19)",
        );
        check_undecodable(
            stored("shop.closed.v1", 1, r#"{"shop_id":7}}"#, "{}"),
            "its data does not fit (Syntax error at line 1, column 14)",
        );
        check_undecodable(
            stored("shop.closed.v1", 1, r#"{"shop_id":7}"#, r#"{"actor":5}"#),
            "its metadata does not fit (Data error at line 1, column 10)",
        );
    }

    #[test]
    fn a_number_without_json_is_refused_before_it_is_stored() {
        assert!(encode(&new(checked_in(30.0, 65.0))).is_ok());
        for accuracy in [f64::NAN, f64::INFINITY] {
            let refused = encode(&new(checked_in(30.0, accuracy)));
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    }

    #[test]
    fn coordinates_come_back_to_the_last_bit() {
        for step in 0..2_000_u32 {
            let lat = 30.0 + f64::from(step) * 1.234_567_890_123e-5;
            assert!(encode(&new(checked_in(lat, 65.0))).is_ok(), "{lat}");
        }
    }
}
