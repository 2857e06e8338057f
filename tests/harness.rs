//! What the tests stand on: a house in this process with a clock of its own, the real program as a
//! child process, and clients that speak to either over a socket.
//!
//! Nothing here knows what a right answer is, beyond the shape of every answer.

mod answer;
mod away;
mod chatter;
mod clock;
mod door;
mod form;
mod house;
mod phone;
pub(crate) mod picture;
mod poll;
mod program;
mod raw;
mod scrub;
mod server;
mod web_chatter;
mod weibo;
mod xmpp_door;

pub(crate) use answer::{Answer, same};
pub(crate) use away::Away;
pub(crate) use chatter::{Anybody, Chatter, HEADER, bare, plain};
pub(crate) use clock::{DAY, HOUR, MINUTE};
pub(crate) use door::{ADMIN_TOKEN, Call, Door, encoded, full_hash, hash};
pub(crate) use form::{Form, GIF, JPEG, PNG};
pub(crate) use house::{House, Stores, settings};
pub(crate) use phone::{Phone, id_of};
pub(crate) use poll::{PATIENCE, eventually};
pub(crate) use program::{Program, run};
pub(crate) use raw::{Wire, multipart};
pub(crate) use server::Server;
pub(crate) use web_chatter::{OPEN, WebChatter};
pub(crate) use weibo::{FakeWeibo, Mood, Person};
pub(crate) use xmpp_door::WEB_TOKEN;
