// SPDX-License-Identifier: BSD-3-Clause
//! What is on-link besides the networks of this machine's addresses: routers of other networks, and destinations whose
//! route has no router. Clouds assign an address with a prefix of 32 and a router that may be anywhere (172.31.1.1).
//!
//! smoltcp treats as on-link only the networks of its own addresses, and accepts ARP answers only from there. So
//! each of these networks has an entry there. Its address is ours if the network contains ours; otherwise it is a
//! stand-in, which nobody else sees: [`Phy`](crate::phy::Phy) puts ours in ARP requests and drops requests for it,
//! and connections and datagrams are sent from [`Inner::source`].
//!
//! Not supported: a route through a router to a part of such a network; smoltcp prefers on-link networks.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::Inner;
use crate::{Network, Settings, static_form::is_usable};

/// An on-link network, as smoltcp is told it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OnLink {
    pub network: Network,
    /// Whether the address is a stand-in, and not one of ours.
    pub is_stand_in: bool,
}

/// The on-link IPv4 networks besides those of the addresses. A router's IPv6 address is on-link anyway, and
/// smoltcp accepts neighbor advertisements there.
pub(super) fn networks(settings: &Settings) -> Vec<OnLink> {
    let mut found = Vec::new();
    for route in &settings.routes {
        let host = |address| Network::new(address, 32);
        let Some(target) = route.via.map_or(Some(route.to), host) else { continue };
        let is_known = |own: &Network| own.prefix() <= target.prefix() && own.contains(target.address());
        if settings.addresses.iter().any(is_known) {
            continue;
        }
        let Some(on_link) = on_link(settings, target) else { continue };
        if !found.contains(&on_link) {
            found.push(on_link);
        }
    }
    found
}

/// The entry for a network; `None` if there is no address for it, or if it is IPv6.
fn on_link(settings: &Settings, target: Network) -> Option<OnLink> {
    let IpAddr::V4(address) = target.address() else { return None };
    // In a network of one address, the entry's address would be the host's. So it is that of the only neighbor in a
    // network of two: that one, such as 172.31.1.0, counts as on-link too.
    let prefix = target.prefix().min(31);
    let link = Network::new(target.address(), prefix)?;
    if let Some(own) = settings.addresses.iter().find(|own| link.contains(own.address())) {
        return Some(OnLink { network: Network::new(own.address(), prefix)?, is_stand_in: false });
    }
    let stand_in = match target.prefix() {
        32 => address.to_bits() ^ 1,
        // No host has the network's own address. Cannot saturate: a prefix of IPv4 has at most 32 bits.
        _ => address.to_bits() & u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0),
    };
    let stand_in = IpAddr::V4(Ipv4Addr::from_bits(stand_in));
    is_usable(stand_in).then_some(OnLink { network: Network::new(stand_in, prefix)?, is_stand_in: true })
}

impl Inner {
    /// Our source address for packets to a host.
    pub fn source(&self, to: IpAddr) -> Option<IpAddr> {
        if to.is_ipv6() {
            return self.interface.get_source_address(&to.into()).map(IpAddr::from);
        }
        let own = &self.v4.as_ref()?.addresses;
        own.iter().find(|own| own.contains(to)).or(own.first()).map(Network::address)
    }
}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;
    use crate::{Route, parse_static};

    /// The networks of the link for an address with these on-link routes, stand-ins with a star.
    fn shown(own: &str, routes: &[(&str, u8)]) -> Vec<std::string::String> {
        let mut settings = parse_static(own).unwrap();
        for (to, prefix) in routes {
            let to = Network::new(to.parse().unwrap(), *prefix).unwrap();
            settings.routes.push(Route { to, via: None });
        }
        let star = |on_link: &OnLink| if on_link.is_stand_in { "*" } else { "" };
        networks(&settings).iter().map(|on| on.network.to_string() + star(on)).collect()
    }

    #[test]
    fn a_router_elsewhere_is_alone_on_the_link() {
        assert_eq!(shown("116.203.1.2/32:172.31.1.1", &[]), ["172.31.1.0/31*"]);
        assert_eq!(shown("10.128.0.5/32:10.128.0.1", &[("10.128.0.1", 32)]), ["10.128.0.0/31*"]);
        assert_eq!(shown("10.0.0.2/32:10.0.0.3", &[]), ["10.0.0.2/31"]);
        assert_eq!(shown("10.0.0.5/24:10.0.0.1", &[("169.254.169.254", 32)]), ["169.254.169.255/31*"]);
        assert_eq!(shown("[2001:db8::9]/128:[fe80::1]", &[]), [""; 0]);
    }

    #[test]
    fn routes_without_a_router_keep_their_prefix() {
        assert_eq!(shown("10.0.0.5/32", &[("10.0.0.0", 8)]), ["10.0.0.5/8"]);
        assert_eq!(shown("10.0.0.5/24", &[("10.0.0.128", 25), ("192.168.7.9", 16)]), ["192.168.0.0/16*"]);
        assert_eq!(shown("10.0.0.5/32", &[("0.0.0.0", 0)]), ["10.0.0.5/0"]);
        assert_eq!(shown("10.0.0.5/32", &[("224.0.0.0", 4), ("127.0.0.1", 32)]), [""; 0], "no hosts");
    }
}
