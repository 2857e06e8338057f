//! The tests of the whole house, through its doors: given events, when a request comes, then the
//! answer and the new events.
//!
//! One binary for all, so that the house is linked once. Rules of a single crate are tested there.

mod harness;

mod admin;
mod album;
mod announcements;
mod architecture;
mod archive;
mod bad_pictures;
mod bad_stanzas;
mod blob_kills;
mod blobs;
mod block;
mod browser;
mod bucket;
mod calls;
mod certificates;
mod chat;
mod checkin;
mod client_state;
mod coupon;
mod demo;
mod device;
mod error_status;
mod events;
mod follow;
mod health;
mod https;
mod identity;
mod import;
mod junk;
mod login_limits;
mod nearby_people;
mod occupancy;
mod operator_shell;
mod parameters;
mod photo;
mod place_ranker;
mod push;
mod read_your_writes;
mod rebuild;
mod restart;
mod room;
mod shop;
mod shop_index;
mod shop_login;
mod slixmpp;
mod stores;
mod stream_management;
mod tokio_xmpp;
mod traces;
mod user;
mod visibility;
mod walker;
mod web_api;
mod websocket;
mod weibo;
mod xmpp_login;
mod xmpp_stream;
