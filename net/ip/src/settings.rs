// SPDX-License-Identifier: BSD-3-Clause
//! Network settings: addresses, routes, servers, and who assigned them.

use alloc::{string::String, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Who assigned an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// `cloudboot.net.static`.
    Static,
    /// The kernel's `ip=`.
    Kernel,
    /// A DHCPv4 server.
    Dhcp4(Ipv4Addr),
    /// An IPv6 router's advertisement.
    Router(Ipv6Addr),
    /// A DHCPv6 server, in addition to a router.
    Dhcp6(Ipv6Addr),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static => f.write_str("net.static"),
            Self::Kernel => f.write_str("ip="),
            Self::Dhcp4(server) => write!(f, "DHCP server {server}"),
            Self::Router(router) => write!(f, "router {router}"),
            Self::Dhcp6(server) => write!(f, "DHCPv6 server {server}"),
        }
    }
}

/// An address and the length of its network's prefix. Invariant: the length fits the address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `None` if `prefix` is larger than the number of address bits.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then_some(Self { address, prefix })
    }

    /// The network with a mask; `None` if the mask is not contiguous.
    pub fn with_mask(address: Ipv4Addr, mask: Ipv4Addr) -> Option<Self> {
        let bits = mask.to_bits();
        let ones = bits.leading_ones();
        let is_contiguous = bits.count_ones() == ones;
        is_contiguous.then_some(Self { address: address.into(), prefix: u8::try_from(ones).ok()? })
    }

    /// A host address with a prefix of 64 bits.
    pub(crate) fn link(address: Ipv6Addr) -> Self {
        Self { address: address.into(), prefix: 64 }
    }

    pub(crate) fn to_smoltcp(self) -> smoltcp::wire::IpCidr {
        // The prefix fits the address; smoltcp would panic otherwise.
        smoltcp::wire::IpCidr::new(self.address.into(), self.prefix)
    }

    /// The address, of a host or of the network.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Bits of the prefix.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether an address is in this network.
    pub fn contains(&self, other: IpAddr) -> bool {
        common_bits(self.address, other).is_some_and(|common| common >= u32::from(self.prefix))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The length of the common prefix of two addresses; `None` if one is IPv4 and the other IPv6.
fn common_bits(a: IpAddr, b: IpAddr) -> Option<u32> {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some((a.to_bits() ^ b.to_bits()).leading_zeros()),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some((a.to_bits() ^ b.to_bits()).leading_zeros()),
        _ => None,
    }
}

/// A route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route {
    /// The destination; a prefix of length 0 is the default route.
    pub to: Network,
    /// The router; `None` if the destination is on-link.
    pub via: Option<IpAddr>,
}

/// The settings of IPv4 or of IPv6, and who assigned them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Who assigned them.
    pub origin: Origin,
    /// Addresses of this machine.
    pub addresses: Vec<Network>,
    /// Routes, at most [`MOST_ROUTES`](crate::limits::MOST_ROUTES).
    pub routes: Vec<Route>,
    /// Resolvers, the preferred one first.
    pub dns: Vec<IpAddr>,
    /// Time servers.
    pub ntp: Vec<IpAddr>,
    /// Domains in which names without a dot are looked up.
    pub domains: Vec<String>,
    /// This machine's name.
    pub hostname: Option<String>,
    /// The longest IP packet on the link, in bytes.
    pub mtu: Option<u16>,
    /// DHCP's boot file (option 67; DHCPv6: 59). Whoever answers DHCP chose it: not authenticated.
    pub boot_file: Option<String>,
}

impl Settings {
    /// Empty settings from `origin`.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            addresses: Vec::new(),
            routes: Vec::new(),
            dns: Vec::new(),
            ntp: Vec::new(),
            domains: Vec::new(),
            hostname: None,
            mtu: None,
            boot_file: None,
        }
    }

    /// Adds the default route of the router's IP version.
    pub(crate) fn add_default_route(&mut self, router: IpAddr) {
        let everything = match router {
            IpAddr::V4(_) => Network { address: Ipv4Addr::UNSPECIFIED.into(), prefix: 0 },
            IpAddr::V6(_) => Network { address: Ipv6Addr::UNSPECIFIED.into(), prefix: 0 },
        };
        self.routes.push(Route { to: everything, via: Some(router) });
    }
}

/// As in the log of phases: `10.0.2.15/24 via 10.0.2.2 (DHCP server 10.0.2.2)`.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if number == 0 { "" } else { ", " })?;
        }
        let default = self.routes.iter().find(|route| route.to.prefix == 0);
        if let Some(via) = default.and_then(|route| route.via) {
            write!(f, " via {via}")?;
        }
        write!(f, " ({})", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn network(address: &str, prefix: u8) -> Network {
        Network::new(address.parse().unwrap(), prefix).unwrap()
    }

    #[test]
    fn masks_are_prefixes() {
        let of = |mask: [u8; 4]| {
            Network::with_mask(Ipv4Addr::new(10, 0, 0, 1), mask.into()).map(|network| network.prefix())
        };
        assert_eq!(of([255, 255, 255, 0]), Some(24));
        assert_eq!((of([0; 4]), of([255; 4])), (Some(0), Some(32)));
        assert_eq!((of([255, 0, 255, 0]), of([0, 0, 0, 255])), (None, None));
        assert_eq!(Network::new(Ipv4Addr::LOCALHOST.into(), 33), None);
        assert_eq!(Network::new(Ipv6Addr::LOCALHOST.into(), 129), None);
    }

    #[test]
    fn networks_contain_their_hosts() {
        let office = network("10.1.2.3", 22);
        assert!(office.contains("10.1.0.1".parse().unwrap()));
        assert!(!office.contains("10.1.4.1".parse().unwrap()));
        assert!(!office.contains("fe80::1".parse().unwrap()));
        assert!(network("0.0.0.0", 0).contains("255.255.255.255".parse().unwrap()));
    }

    #[test]
    fn settings_are_shown_with_who_said_so() {
        let mut settings = Settings::new(Origin::Dhcp4(Ipv4Addr::new(10, 0, 2, 2)));
        settings.addresses = [network("10.0.2.15", 24)].to_vec();
        settings.add_default_route("10.0.2.2".parse().unwrap());
        assert_eq!(settings.to_string(), "10.0.2.15/24 via 10.0.2.2 (DHCP server 10.0.2.2)");
    }
}
