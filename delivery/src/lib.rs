//! Handing on what has happened to those who are online, over whichever door they came in.
//!
//! Everything comes from the log, so what anybody sees is on disk; and each node of several hands
//! on to its own connections. Who sits behind a door is the door's to know.

mod dispatcher;

pub use dispatcher::{Dispatcher, Door};
pub use eventlog::RecordedEvent;
