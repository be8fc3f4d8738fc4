// SPDX-License-Identifier: BSD-3-Clause
//! Configures the interface with the addresses and routes of the settings.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nic::Mac;
use smoltcp::{
    iface::{self, Interface},
    socket::tcp,
    wire::{EthernetAddress, HardwareAddress},
};

use super::{Inner, on_link};
use crate::{
    Entropy, Error, Instant, Network, Settings,
    limits::{MOST_ADDRESSES, MOST_ROUTES},
    phy::Phy,
    static_form::is_usable,
};

/// An interface without addresses, with a new seed.
pub(super) fn interface(phy: &mut Phy, entropy: &mut dyn Entropy, now: Instant) -> Result<Interface, Error> {
    let mac = phy.nic().mac();
    let address = EthernetAddress(mac.0);
    if !address.is_unicast() {
        return Err(Error::Mac { mac });
    }
    let mut config = iface::Config::new(HardwareAddress::Ethernet(address));
    let mut seed = [0; 8];
    entropy.fill(&mut seed);
    config.random_seed = u64::from_be_bytes(seed);
    Ok(Interface::new(config, phy, now.to_smoltcp()))
}

impl Inner {
    /// Lets a socket connect to a port from one of ours; false if there is no address to send from.
    ///
    /// smoltcp takes the initial sequence number from the random generator of the given interface, whose next numbers
    /// follow from the previous ones: a server could predict those of our other connections. So each connection gets an
    /// interface of its own with a new seed, used for nothing else (RFC 6528, section 3).
    pub fn start(&mut self, socket: &mut tcp::Socket<'_>, to: SocketAddr, port: u16) -> Result<bool, Error> {
        let Some(from) = self.source(to.ip()) else { return Ok(false) };
        let mut seeded = interface(&mut self.phy, &mut *self.entropy, self.now)?;
        Ok(socket.connect(seeded.context(), to, (from, port)).is_ok())
    }

    /// Replaces the settings of their IP version.
    pub fn apply(&mut self, settings: Settings) -> Result<(), Error> {
        check(&settings)?;
        let is_v6 = settings.addresses.iter().any(|own| own.address().is_ipv6());
        self.uses_v6 |= is_v6;
        let place = if is_v6 { &mut self.v6 } else { &mut self.v4 };
        let before = place.replace(settings);
        if before == *place {
            return Ok(());
        }
        self.configure()
    }

    /// Makes a new interface with all settings: smoltcp reads the MTU only when an interface is made.
    pub fn configure(&mut self) -> Result<(), Error> {
        let settings = || [&self.v4, &self.v6].into_iter().flatten();
        self.phy.limit(settings().filter_map(|settings| settings.mtu).min());
        let mut interface = interface(&mut self.phy, &mut *self.entropy, self.now)?;
        let networks: Vec<_> = settings().flat_map(on_link::networks).collect();
        let stand_ins = networks.iter().filter(|on_link| on_link.is_stand_in);
        let stand_ins = stand_ins.filter_map(|on_link| v4(on_link.network)).collect();
        let own = settings().flat_map(|settings| &settings.addresses).find_map(|own| v4(*own));
        let link_local = self.uses_v6.then(|| link_local(self.phy.nic().mac()));
        interface.update_ip_addrs(|addresses| {
            let own = settings().flat_map(|settings| settings.addresses.iter().copied());
            let networks = networks.iter().map(|on_link| on_link.network);
            for own in own.chain(link_local).chain(networks) {
                // check() bounds the addresses to what smoltcp holds; of the networks, the first ones have room.
                let _ = addresses.push(own.to_smoltcp());
            }
        });
        self.phy.stand_in(own, stand_ins);
        interface.routes_mut().update(|routes| {
            let ways = settings().flat_map(|settings| &settings.routes);
            for (to, via) in ways.filter_map(|route| Some((route.to, route.via?))) {
                let route = iface::Route {
                    cidr: to.to_smoltcp(),
                    via_router: via.into(),
                    preferred_until: None,
                    expires_at: None,
                };
                let _ = routes.push(route);
            }
        });
        self.interface = interface;
        self.next_report = self.now;
        Ok(())
    }
}

/// Refuses settings that would make smoltcp panic, or that it cannot hold.
fn check(settings: &Settings) -> Result<(), Error> {
    let fail = |object, cause| Error::Settings { object, origin: settings.origin, cause };
    let nothing = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let first = settings.addresses.first().ok_or_else(|| fail(nothing, "no address"))?;
    let is_v4 = first.address().is_ipv4();
    for own in &settings.addresses {
        if !is_usable(own.address()) || own.address().is_ipv4() != is_v4 {
            return Err(fail(own.address(), "not a host address of the same IP version"));
        }
    }
    let vias = settings.routes.iter().map(|route| route.via.unwrap_or(first.address()));
    if let Some(via) = vias.into_iter().find(|via| !is_usable(*via) || via.is_ipv4() != is_v4) {
        return Err(fail(via, "the gateway is not a host address of the same IP version"));
    }
    if settings.routes.iter().any(|route| route.to.address().is_ipv4() != is_v4) {
        return Err(fail(first.address(), "a route is of the other IP version"));
    }
    if settings.addresses.len() > MOST_ADDRESSES || settings.routes.len() > MOST_ROUTES {
        return Err(fail(first.address(), "too many addresses or routes"));
    }
    Ok(())
}

fn v4(network: Network) -> Option<Ipv4Addr> {
    match network.address() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// The link-local address of a card (RFC 4291, appendix A).
pub(crate) fn link_local(mac: Mac) -> Network {
    let [a, b, c, d, e, f] = mac.0;
    let bytes = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f];
    Network::link(Ipv6Addr::from(bytes))
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::{Origin, Route, parse_static};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_card_has_an_address_by_itself() {
        let own = link_local(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
        assert_eq!(own.to_string(), "fe80::5054:ff:fe12:3456/64");
    }

    #[test]
    fn settings_that_cannot_be_held_are_refused() {
        let good = parse_static("10.0.0.9/24:10.0.0.1").unwrap();
        assert_eq!(check(&good), Ok(()));
        let cause = |change: &dyn Fn(&mut Settings)| {
            let mut bad = good.clone();
            change(&mut bad);
            match check(&bad) {
                Err(Error::Settings { cause, .. }) => cause,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(cause(&|bad| bad.addresses.clear()), "no address");
        let host = |text: &str| Network::new(address(text), 8).unwrap();
        let other_kind = "not a host address of the same IP version";
        assert_eq!(cause(&|bad| bad.addresses.push(host("224.0.0.1"))), other_kind);
        assert_eq!(cause(&|bad| bad.addresses.push(host("fe80::1"))), other_kind);
        let via = |via: &str| Route { to: host("10.0.0.0"), via: Some(address(via)) };
        let not_a_router = "the gateway is not a host address of the same IP version";
        assert_eq!(cause(&|bad| bad.routes.push(via("0.0.0.0"))), not_a_router);
        assert_eq!(cause(&|bad| bad.routes.push(via("fe80::1"))), not_a_router);
        let six = Route { to: host("fe80::"), via: None };
        assert_eq!(cause(&|bad| bad.routes.push(six)), "a route is of the other IP version");
        let many = "too many addresses or routes";
        assert_eq!(cause(&|bad| bad.addresses = [host("10.0.0.9")].repeat(MOST_ADDRESSES + 1)), many);
        assert_eq!(cause(&|bad| bad.routes = [via("10.0.0.1")].repeat(MOST_ROUTES + 1)), many);
        assert_eq!(Settings::new(Origin::Static).addresses, []);
    }
}
