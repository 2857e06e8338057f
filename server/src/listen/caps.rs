//! How many connections may be open, all together and from one address.

use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use xmpp::{Admission, Kept};

/// Counts the open connections of strangers. This machine and trusted proxies are no strangers:
/// they speak for many. A WebSocket that comes through such a proxy is counted by itself.
#[derive(Clone)]
pub(super) struct Caps(Arc<Shared>);

struct Shared {
    total: usize,
    per_address: usize,
    spared: Vec<IpNet>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    /// Only addresses with open connections.
    by_address: HashMap<IpAddr, usize>,
}

/// A counted connection, until it is dropped.
pub(super) struct Slot {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Caps {
    pub(super) fn new(total: usize, per_address: usize, spared: Vec<IpNet>) -> Self {
        Self(Arc::new(Shared {
            total,
            per_address,
            spared,
            open: Mutex::default(),
        }))
    }

    /// A place for a connection from `address`; `Some(None)` for one that is not counted, `None`
    /// when it is one too many.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Option<Slot>> {
        let shared = &self.0;
        if address.is_loopback() || shared.spared.iter().any(|net| net.contains(&address)) {
            return Some(None);
        }
        let address = counted_as(address);
        let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        if open.total >= shared.total || of_address >= shared.per_address {
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, of_address + 1);
        Some(Some(Slot {
            shared: shared.clone(),
            address,
        }))
    }
}

impl Admission for Caps {
    fn admit(&self, address: IpAddr) -> Option<Kept> {
        let slot = Caps::admit(self, address)?;
        Some(Arc::new(slot))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        match open.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// A household has a whole /64 of IPv6, so it counts as one address.
fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_has_a_cap_and_gets_its_places_back() {
        let caps = Caps::new(10, 2, Vec::new());
        let first = caps.admit(ip("192.0.2.1"));
        let second = caps.admit(ip("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(caps.admit(ip("192.0.2.1")).is_none());
        assert!(caps.admit(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(caps.admit(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn all_together_have_a_cap() {
        let caps = Caps::new(1, 2, Vec::new());
        let first = caps.admit(ip("192.0.2.1"));
        assert!(caps.admit(ip("192.0.2.2")).is_none());
        drop(first);
        assert!(caps.admit(ip("192.0.2.2")).is_some());
    }

    #[test]
    fn loopback_and_trusted_proxies_are_not_counted() {
        let caps = Caps::new(0, 0, vec!["10.0.0.0/8".parse().expect("a network")]);
        for spared in ["127.0.0.1", "::1", "10.1.2.3"] {
            assert!(matches!(caps.admit(ip(spared)), Some(None)), "{spared}");
        }
        assert!(caps.admit(ip("192.0.2.1")).is_none());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let caps = Caps::new(10, 1, Vec::new());
        let _first = caps.admit(ip("2001:db8:1:2::1"));
        assert!(caps.admit(ip("2001:db8:1:2:ffff::9")).is_none());
        assert!(caps.admit(ip("2001:db8:1:3::1")).is_some());
    }
}
