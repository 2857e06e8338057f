//! Read models: what the house answers questions from, folded from the event log and nothing else.
//!
//! Each model is one file with its shape, its fold and its queries; one runner feeds them all
//! from one subscription. Nothing here decides, and nothing here appends.

mod ahead;
pub mod albums;
pub mod blacklist;
mod board;
mod cells;
pub mod chat_history;
pub mod coupons;
pub mod device_starts;
pub mod followers;
mod host;
mod idle;
pub mod inbox;
mod many;
mod memory;
mod next_copy;
pub mod occupancy;
pub mod photos;
pub mod place_ranker;
pub mod profiles;
mod push_tokens;
mod rebuild;
mod runner;
pub mod shop_index;
mod snapshot;
mod sql;
mod status;
mod store;
#[cfg(test)]
mod tests;
pub mod traces;
mod writer;

use domain::{EventKind, Position};
use eventlog::EventLog;
use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::sync::Arc;

pub use albums::Albums;
pub use blacklist::Blacklist;
pub use chat_history::ChatHistory;
pub use coupons::Coupons;
pub use device_starts::DeviceStarts;
pub use followers::Followers;
pub use inbox::Inbox;
pub use memory::Live;
pub use occupancy::Occupancy;
pub use photos::Photos;
pub use place_ranker::PlaceRanker;
pub use profiles::Profiles;
pub use push_tokens::{BoundDevice, PushTokens};
pub use shop_index::ShopIndex;
pub use status::{Kind, Paused, State, Status, UnknownEvents};
pub use traces::Traces;

/// Where the read models live.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database of the SQL models: `sqlite:/path/to/file` (made when it is not there; `?`, `#`
    /// and `%` in the path as `%xx`) or `postgres://…`.
    pub read_url: String,
    /// Where snapshots of the models in memory are kept; without it they replay the whole log at
    /// each start.
    pub snapshot_dir: Option<PathBuf>,
    /// After how many events a snapshot is taken again; it is also taken at the stop.
    pub snapshot_every: u64,
    /// What days and hours are told by. Models that depend on it are built anew when it changes.
    pub timezone: TimeZone,
}

/// Why a question or an order could not be fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database of the SQL models is away, or refused what was asked.
    #[error("the read store is unavailable: {0}")]
    Store(#[from] sqlx::Error),
    /// Its tables could not be brought up to date.
    #[error("the read store cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The address of the database is not one that we can open.
    #[error("the read store's address must begin with sqlite: or postgres:")]
    Address,
    /// The event log is away.
    #[error(transparent)]
    Log(#[from] eventlog::Error),
    /// There is no projection of this name.
    #[error("there is no projection named {0}")]
    UnknownProjection(String),
    /// A rebuild met an event that the fold refuses; what is served is as it was.
    #[error("the rebuild of {name} ended at event {} of type {}: {}", .at.position, .at.type_name, .at.error)]
    RebuildRefused {
        /// Which projection.
        name: &'static str,
        /// The event, and what is wrong with it.
        at: Paused,
    },
    /// A model that is fed by hand refuses an event.
    #[error("event {at} is refused: {reason}")]
    Refused {
        /// Which event.
        at: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// The projections are being stopped.
    #[error("the projections have been stopped")]
    Stopped,
}

/// All read models, and the tasks that keep them up to date.
///
/// Dropping it ends the tasks too, but only [`Self::stop`] writes snapshots.
pub struct Projections {
    /// Where the shops are, and what is known of them.
    pub shop_index: Live<ShopIndex>,
    /// Who is where now.
    pub occupancy: Live<Occupancy>,
    /// Where somebody probably is.
    pub place_ranker: Live<PlaceRanker>,
    /// Who follows whom.
    pub followers: Followers,
    /// Whom people want nothing of, and reports.
    pub blacklist: Blacklist,
    /// What people say about themselves.
    pub profiles: Profiles,
    /// Where each person has been.
    pub traces: Traces,
    /// What was said.
    pub chat_history: ChatHistory,
    /// Which messages still wait for their receiver.
    pub inbox: Inbox,
    /// Which device wakes whom.
    pub push_tokens: PushTokens,
    /// What became of each picture.
    pub photos: Photos,
    /// Everybody's album and logo.
    pub albums: Albums,
    /// What shops offer.
    pub coupons: Coupons,
    /// How often the app was started.
    pub device_starts: DeviceStarts,
    runner: runner::Runner,
    reads: sqlx::AnyPool,
}

impl Projections {
    /// Opens the read store, loads snapshots and starts to follow `log`. Returns as soon as the
    /// tasks run; [`Self::caught_up`] waits until there is something to read.
    ///
    /// A model whose version has changed is built aside and serves nothing until it is complete;
    /// [`Self::caught_up`] waits for that as well.
    ///
    /// # Errors
    /// When the read store or the log cannot be opened.
    pub async fn start(log: Arc<dyn EventLog>, options: Options) -> Result<Arc<Self>, Error> {
        let store = store::Store::open(&options.read_url).await?;
        let shop_index = Live::default();
        let occupancy = Live::default();
        let place_ranker = Live::new(PlaceRanker::new(options.timezone.clone()));
        let followers = Followers::new(store.reads());
        let blacklist = Blacklist::new(store.reads());
        let profiles = Profiles::new(store.reads());
        let traces = Traces::new(store.reads());
        let chat_history = ChatHistory::new(store.reads());
        let inbox = Inbox::new(store.reads());
        let push_tokens = PushTokens::new(store.reads());
        let photos = Photos::new(store.reads());
        let albums = Albums::new(store.reads());
        let coupons = Coupons::new(store.reads());
        let device_starts = DeviceStarts::new(store.reads(), options.timezone);
        let memory = vec![
            memory::slot(&shop_index),
            memory::slot(&occupancy),
            memory::slot(&place_ranker),
        ];
        let sql: Vec<Arc<dyn sql::SqlProjection>> = vec![
            Arc::new(followers.clone()),
            Arc::new(blacklist.clone()),
            Arc::new(profiles.clone()),
            Arc::new(traces.clone()),
            Arc::new(chat_history.clone()),
            Arc::new(inbox.clone()),
            Arc::new(push_tokens.clone()),
            Arc::new(photos.clone()),
            Arc::new(albums.clone()),
            Arc::new(coupons.clone()),
            Arc::new(device_starts.clone()),
        ];
        let reads = store.reads();
        let snapshots = snapshot::Snapshots::new(options.snapshot_dir, options.snapshot_every);
        let runner = runner::Runner::start(log, store, snapshots, memory, sql).await?;
        Ok(Arc::new(Self {
            shop_index,
            occupancy,
            place_ranker,
            followers,
            blacklist,
            profiles,
            traces,
            chat_history,
            inbox,
            push_tokens,
            photos,
            albums,
            coupons,
            device_starts,
            runner,
            reads,
        }))
    }

    /// Read your writes: returns `true` once every projection that folds one of `kinds` has
    /// applied `position`, and `false` when that takes longer than two seconds. Paused projections
    /// are not waited for.
    pub async fn wait(&self, position: Position, kinds: &[EventKind]) -> bool {
        self.runner.board().wait(position, kinds).await
    }

    /// Returns once every projection that is not paused has applied the head of the log, as it is
    /// at the call.
    pub async fn caught_up(&self) {
        self.runner.caught_up().await;
    }

    /// Whether every projection that is not paused has applied what the log held at the start.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.runner.board().is_caught_up()
    }

    /// How each projection is doing, in a fixed order.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        self.runner.board().status()
    }

    /// The events whose type nobody here knows, if there were any since the start. They pause
    /// nothing: a newer program wrote them.
    #[must_use]
    pub fn unknown(&self) -> Option<UnknownEvents> {
        self.runner.board().unknown()
    }

    /// Starts to build `name` again from the first event, beside the copy that goes on serving;
    /// [`Self::rebuilt`] waits for the end. A rebuild that is under way already goes on.
    ///
    /// # Errors
    /// [`Error::UnknownProjection`]; [`Error::Stopped`].
    pub async fn rebuild(&self, name: &str) -> Result<(), Error> {
        self.runner.rebuild(name).await
    }

    /// Waits until no rebuild of `name` is under way.
    ///
    /// # Errors
    /// [`Error::RebuildRefused`] when the last one met an event that the fold refuses;
    /// [`Error::UnknownProjection`]; [`Error::Stopped`].
    pub async fn rebuilt(&self, name: &str) -> Result<(), Error> {
        self.runner.rebuilt(name).await
    }

    /// Finishes the batch at hand, writes snapshots, ends the tasks and lets go of the read store.
    pub async fn stop(&self) {
        self.runner.stop().await;
        // The last to let go of a SQLite file tidies it up.
        self.reads.close().await;
    }
}
