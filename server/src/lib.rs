//! The server: settings, listener and command line around the other crates.
//!
//! This is the only crate that opens stores and listens; what is decided, stored or answered is
//! the business of the others.

mod admin;
mod cli;
mod client;
pub mod config;
mod demo;
mod events;
pub mod folder;
pub mod import;
mod listen;
mod projections;
pub mod serve;
mod telemetry;
mod tls;
pub mod wiring;

pub use tls::install_provider;

/// Of everything that has this crate in it, the programs and their tests. The system's own takes more
/// time where many connections come and go, and keeps more than twice the memory after a replay. What is
/// free goes back to the system from a thread of its own, also in a server that has nothing to do.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The program `lianlian`.
#[must_use]
pub fn main() -> std::process::ExitCode {
    cli::run()
}
