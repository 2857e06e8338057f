//! Phones that start the app: counted, never refused.

use crate::{Decider, Event};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// A phone started the app.
///
/// `{"model":"iPhone5,1","os":"6.0.1","ver":"1.0"}`; source: seed §1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStarted {
    /// The hardware, as the phone says it.
    pub model: String,
    /// The operating system and its version, as the phone says it.
    pub os: String,
    /// The version of the app, where the phone says it.
    pub ver: Option<String>,
}

/// Records a start.
#[derive(Clone, Debug)]
pub struct StartApp(pub AppStarted);

/// The rules of `device-<digest>`: every start counts.
#[derive(Debug)]
pub struct Device;

impl Decider for Device {
    type Command = StartApp;
    type Rejection = Infallible;
    type State = ();

    fn decide((): &(), StartApp(started): &StartApp) -> Result<Vec<Event>, Infallible> {
        Ok(vec![started.clone().into()])
    }

    fn evolve((): &mut (), _: &Event) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    #[test]
    fn every_start_counts_even_the_same_one_again() {
        let started = AppStarted {
            model: "m".into(),
            os: "6".into(),
            ver: None,
        };
        given::<Device>([started.clone().into()])
            .when(StartApp(started.clone()))
            .then([started.into()]);
    }
}
