//! Failed logins are counted, so that passwords cannot be guessed by trying.

use crate::settings::Limits;
use moka::sync::Cache;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How many pairs and addresses are remembered; beyond that the least used are forgotten.
const REMEMBERED: u64 = 100_000;

type Counters<K> = Cache<K, Arc<AtomicU32>>;

/// Counts failures by name and address, and by address, each for the length of a window.
pub(crate) struct LoginGuard {
    pairs: Counters<(String, IpAddr)>,
    addresses: Counters<IpAddr>,
    per_pair: u32,
    per_address: u32,
}

/// Whether a login may be tried, and how a failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Free,
    /// A right password passes; a wrong one is told to wait.
    Wary,
    /// Not even the right password passes.
    Locked,
}

impl LoginGuard {
    pub(crate) fn new(limits: &Limits) -> Self {
        fn counters<K: std::hash::Hash + Eq + Send + Sync + 'static>(
            window: Duration,
        ) -> Counters<K> {
            Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(window)
                .build()
        }
        let window = Duration::from_millis(limits.login_window_ms);
        Self {
            pairs: counters(window),
            addresses: counters(window),
            per_pair: limits.login_failures_per_pair,
            per_address: limits.login_failures_per_address,
        }
    }

    pub(crate) fn verdict(&self, name: &str, address: IpAddr) -> Verdict {
        let address = network(address);
        let count = |counter: Option<Arc<AtomicU32>>| {
            counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
        };
        if count(self.pairs.get(&(name.to_owned(), address))) >= self.per_pair {
            Verdict::Locked
        } else if count(self.addresses.get(&address)) >= self.per_address {
            Verdict::Wary
        } else {
            Verdict::Free
        }
    }

    pub(crate) fn failed(&self, name: &str, address: IpAddr) {
        let address = network(address);
        let zero = || Arc::new(AtomicU32::new(0));
        self.pairs
            .get_with((name.to_owned(), address), zero)
            .fetch_add(1, Ordering::Relaxed);
        self.addresses
            .get_with(address, zero)
            .fetch_add(1, Ordering::Relaxed);
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
        let limits = Limits {
            login_failures_per_pair: 2,
            login_failures_per_address: 3,
            ..Limits::default()
        };
        LoginGuard::new(&limits)
    }

    #[test]
    fn a_pair_is_locked_and_others_are_not() {
        let guard = guard();
        guard.failed("ana", HERE);
        assert_eq!(guard.verdict("ana", HERE), Verdict::Free);
        guard.failed("ana", HERE);
        assert_eq!(guard.verdict("ana", HERE), Verdict::Locked);
        assert_eq!(guard.verdict("ana", THERE), Verdict::Free);
        assert_eq!(guard.verdict("bo", HERE), Verdict::Free);
    }

    #[test]
    fn an_address_that_tries_many_names_is_watched() {
        let guard = guard();
        for name in ["a", "b", "c"] {
            guard.failed(name, HERE);
        }
        assert_eq!(guard.verdict("d", HERE), Verdict::Wary);
        assert_eq!(guard.verdict("d", THERE), Verdict::Free);
    }
}
