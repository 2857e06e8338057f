//! `StartApp`: counts the starts of the app (seed §1).

use crate::Commands;
use crate::execute::{Error, Receipt};
use domain::StreamName;
use domain::device::{AppStarted, Device, StartApp};
use eventlog::Metadata;
use std::convert::Infallible;

impl Commands {
    /// Records that the device with the network address `mac` started the app. The address itself
    /// is not kept, only a keyed digest of it.
    ///
    /// # Errors
    /// [`Error::Log`] when the log is away.
    pub async fn start_app(
        &self,
        mac: &str,
        started: AppStarted,
    ) -> Result<Receipt, Error<Infallible>> {
        let stream = StreamName::device(&self.secret.digest("device", mac));
        // A start needs no history: whatever the device did before, it counts.
        self.execute_any::<Device>(&stream, &StartApp(started), &Metadata::default())
            .await
    }
}
