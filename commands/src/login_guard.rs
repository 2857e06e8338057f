//! Failed logins are counted, so that passwords cannot be guessed by trying, at whichever door.

use moka::sync::Cache;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How many pairs and addresses are remembered; beyond that the least used are forgotten.
const REMEMBERED: u64 = 100_000;

type Counters<K> = Cache<K, Arc<Counter>>;

/// How many failed logins are too many.
#[derive(Clone, Copy, Debug)]
pub struct LoginLimits {
    /// Of one name from one address within the window.
    pub per_pair: u32,
    /// From one address within the window.
    pub per_address: u32,
    /// The window.
    pub window: Duration,
}

/// Counts failures by name and address, and by address, each for the length of a window.
pub struct LoginGuard {
    pairs: Counters<(String, IpAddr)>,
    addresses: Counters<IpAddr>,
    limits: LoginLimits,
}

/// The failures of one name, one address or both.
#[derive(Default)]
struct Counter {
    failures: AtomicU32,
    /// Held from the verdict to the count, so that guesses at the same moment are counted too.
    turn: Arc<Mutex<()>>,
}

/// The only login of its name and address that is being tried.
pub struct Attempt {
    pair: Arc<Counter>,
    address: Arc<Counter>,
    /// Whether it may be tried.
    pub verdict: Verdict,
    _turn: OwnedMutexGuard<()>,
}

/// Whether a login may be tried, and how a failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Free,
    /// A right password passes; a wrong one is told to wait.
    Wary,
    /// Not even the right password passes.
    Locked,
}

impl LoginGuard {
    /// A guard that has seen no failures.
    #[must_use]
    pub fn new(limits: LoginLimits) -> Self {
        fn counters<K: std::hash::Hash + Eq + Send + Sync + 'static>(
            window: Duration,
        ) -> Counters<K> {
            Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(window)
                .build()
        }
        Self {
            pairs: counters(limits.window),
            addresses: counters(limits.window),
            limits,
        }
    }

    /// Waits until no other login of this name from this address is under way.
    pub async fn attempt(&self, name: &str, address: IpAddr) -> Attempt {
        let network = network(address);
        let pair = self
            .pairs
            .get_with((name.to_owned(), network), Arc::default);
        let address = self.addresses.get_with(network, Arc::default);
        let turn = Arc::clone(&pair.turn).lock_owned().await;
        let verdict = if pair.failures.load(Ordering::Relaxed) >= self.limits.per_pair {
            Verdict::Locked
        } else if address.failures.load(Ordering::Relaxed) >= self.limits.per_address {
            Verdict::Wary
        } else {
            Verdict::Free
        };
        Attempt {
            pair,
            address,
            verdict,
            _turn: turn,
        }
    }
}

impl Attempt {
    /// The password was wrong.
    pub fn failed(self) {
        self.pair.failures.fetch_add(1, Ordering::Relaxed);
        self.address.failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// One household has a whole /64 of IPv6 addresses, so those count as one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn guard() -> LoginGuard {
        LoginGuard::new(LoginLimits {
            per_pair: 2,
            per_address: 3,
            window: Duration::from_secs(900),
        })
    }

    async fn verdict(guard: &LoginGuard, name: &str, address: IpAddr) -> Verdict {
        guard.attempt(name, address).await.verdict
    }

    #[tokio::test]
    async fn a_pair_is_locked_and_others_are_not() {
        let guard = guard();
        guard.attempt("ana", HERE).await.failed();
        assert_eq!(verdict(&guard, "ana", HERE).await, Verdict::Free);
        guard.attempt("ana", HERE).await.failed();
        assert_eq!(verdict(&guard, "ana", HERE).await, Verdict::Locked);
        assert_eq!(verdict(&guard, "ana", THERE).await, Verdict::Free);
        assert_eq!(verdict(&guard, "bo", HERE).await, Verdict::Free);
    }

    #[tokio::test]
    async fn an_address_that_tries_many_names_is_watched() {
        let guard = guard();
        for name in ["a", "b", "c"] {
            guard.attempt(name, HERE).await.failed();
        }
        assert_eq!(verdict(&guard, "d", HERE).await, Verdict::Wary);
        assert_eq!(verdict(&guard, "d", THERE).await, Verdict::Free);
    }
}
