//! Regions: which host is recommended to clients of which networks (seed §1).

use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// Where clients of a region connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Host for HTTP.
    pub host: String,
    /// Host for XMPP.
    pub xmpp: String,
}

/// All regions, by their networks. However many networks there are, an address is looked up in at
/// most as many steps as it has bits.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    regions: Vec<Region>,
    /// From the longest prefixes to the shortest; each with the networks of that length.
    by_length: Vec<(u8, HashMap<IpNet, usize>)>,
}

impl Regions {
    /// The regions, each with its networks.
    ///
    /// # Errors
    /// A network that two of them claim.
    pub fn new(all: impl IntoIterator<Item = (Region, Vec<IpNet>)>) -> Result<Self, IpNet> {
        let mut found = Self::default();
        for (region, networks) in all {
            let at = found.regions.len();
            found.regions.push(region);
            for network in networks {
                let network = network.trunc();
                let same_length = found.of_length(network.prefix_len());
                if *same_length.entry(network).or_insert(at) != at {
                    return Err(network);
                }
            }
        }
        Ok(found)
    }

    /// The region of a client: that of the longest network that holds its address.
    #[must_use]
    pub fn of(&self, client: IpAddr) -> Option<&Region> {
        let at = self.by_length.iter().find_map(|(length, networks)| {
            let network = IpNet::new(client, *length).ok()?.trunc();
            networks.get(&network)
        })?;
        self.regions.get(*at)
    }

    fn of_length(&mut self, length: u8) -> &mut HashMap<IpNet, usize> {
        let place = self
            .by_length
            .binary_search_by(|(other, _)| length.cmp(other));
        let at = place.unwrap_or_else(|at| {
            self.by_length.insert(at, (length, HashMap::new()));
            at
        });
        &mut self.by_length[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str, networks: &[&str]) -> (Region, Vec<IpNet>) {
        let region = Region {
            host: name.into(),
            xmpp: format!("xmpp.{name}"),
        };
        let networks = networks.iter().map(|net| net.parse().expect("a network"));
        (region, networks.collect())
    }

    #[track_caller]
    fn check(regions: &Regions, client: &str, expected: Option<&str>) {
        let client = client.parse().expect("an address");
        let host = regions.of(client).map(|region| region.host.as_str());
        assert_eq!(host, expected, "{client}");
    }

    #[test]
    fn the_longest_network_that_holds_an_address_wins_in_any_order() {
        let all = [
            region("all", &["0.0.0.0/0"]),
            region("hangzhou", &["60.191.0.0/16", "2001:db8::/32"]),
            region(
                "campus",
                &["60.191.7.9/24", "60.191.119.190/32", "2001:db8:7::/48"],
            ),
        ];
        let back = all.iter().rev().cloned();
        for regions in [Regions::new(all.clone()), Regions::new(back)] {
            let regions = regions.expect("regions");
            check(&regions, "60.191.1.1", Some("hangzhou"));
            check(&regions, "60.191.7.200", Some("campus"));
            check(&regions, "60.191.119.190", Some("campus"));
            check(&regions, "60.191.119.191", Some("hangzhou"));
            check(&regions, "8.8.8.8", Some("all"));
            check(&regions, "2001:db8:1::1", Some("hangzhou"));
            check(&regions, "2001:db8:7::1", Some("campus"));
            check(&regions, "2001:db9::1", None);
        }
    }

    #[test]
    fn without_regions_nobody_is_in_one() {
        check(&Regions::default(), "127.0.0.1", None);
    }

    #[test]
    fn a_network_belongs_to_one_region_however_it_is_written() {
        let twice = Regions::new([
            region("a", &["10.1.0.0/16", "10.1.0.0/16"]),
            region("b", &["10.1.2.3/16"]),
        ]);
        let network = twice.expect_err("must be refused");
        assert_eq!(network.to_string(), "10.1.0.0/16");
    }
}
