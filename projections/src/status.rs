//! What operators are told of the projections. How it is found out is in [`crate::board`].

use domain::Position;
use eventlog::Undecodable;
use serde::{Serialize, Serializer};

/// How one projection is doing.
///
/// ```json
/// {"name":"profiles","kind":"sql","version":1,"position":90,"head":100,"lag":10,
///  "state":{"name":"paused","position":91,"type":"user.registered.v1","error":"..."},
///  "failing":null}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: &'static str,
    /// Where it is kept.
    pub kind: Kind,
    /// The version of its shape and fold.
    pub version: u32,
    /// What is served contains every event up to this one.
    #[serde(serialize_with = "number")]
    pub position: Position,
    /// The last event of the log that we know of.
    #[serde(serialize_with = "number")]
    pub head: Position,
    /// `head - position`: events, on the engines that count without gaps.
    pub lag: u64,
    /// What it is doing.
    pub state: State,
    /// Why it cannot go on at the moment, where the reason is technical: it tries again by itself.
    pub failing: Option<String>,
}

/// Where a projection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In memory, with snapshots on disk.
    Memory,
    /// In tables.
    Sql,
}

/// What a projection is doing: `{"name":"running"}`, `{"name":"rebuilding","done":5,…}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum State {
    /// It follows the log.
    Running,
    /// It has not yet applied what the log held when the program started.
    CatchingUp,
    /// A new copy is being made; unless this is the first one, the old copy goes on serving.
    Rebuilding {
        /// The position that the copy has reached.
        #[serde(serialize_with = "number")]
        done: Position,
        /// The position that it has to reach; it may move on.
        #[serde(serialize_with = "number")]
        of: Position,
        /// Events folded per second, so far.
        per_second: u64,
        /// At this rate; unknown at the beginning.
        seconds_left: Option<u64>,
    },
    /// It stopped before an event that it cannot fold. The other projections go on.
    Paused(Paused),
}

/// The event that a projection cannot fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Its position.
    #[serde(serialize_with = "number")]
    pub position: Position,
    /// The stored name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What is wrong with it.
    pub error: String,
}

/// Events of types that nobody here knows, since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownEvents {
    /// How many there were.
    pub count: u64,
    /// The position of the last one.
    #[serde(serialize_with = "number")]
    pub position: Position,
    /// The stored name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

impl Paused {
    /// A pause before an event that cannot be read.
    pub(crate) fn undecodable(event: &Undecodable) -> Self {
        Self {
            position: event.position,
            type_name: event.type_name.clone(),
            error: event.reason.clone(),
        }
    }
}

fn number<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(position.0)
}
