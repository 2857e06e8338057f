//! What comes over XMPP from nobody in particular: each target takes any bytes, and panics when
//! the house does what it must never do.
//!
//! The targets are ordinary functions, so `cargo test` runs them over the corpus; `fuzz/run` gives
//! them to libFuzzer, which looks for bytes that reach code that none has reached before.

mod client;
mod house;
pub mod reader;
pub mod router;
mod script;
mod witness;

#[cfg(test)]
mod tests;
