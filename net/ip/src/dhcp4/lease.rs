// SPDX-License-Identifier: BSD-3-Clause
//! What a server has assigned.

use alloc::{string::String, vec::Vec};
use core::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use super::{Reply, option};
use crate::{
    Malformed, Network, Origin, Route, Settings,
    limits::{MOST_ROUTES, MOST_SERVERS},
    reader::Reader,
};

/// A lease shorter than this is treated as one of this length: it could not be renewed in time.
const SHORTEST: Duration = Duration::from_secs(60);
/// No lease is renewed sooner, whatever the server says.
const SOONEST: Duration = Duration::from_secs(30);
/// The smallest MTU that is accepted: every IPv4 host takes packets of this size (RFC 791).
const LEAST_MTU: u16 = 576;
/// This many seconds mean no end (RFC 2131, section 3.3).
const FOR_EVER: u32 = u32::MAX;

/// What a DHCPv4 server has assigned, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Address, routes and servers; their origin is the server.
    pub settings: Settings,
    /// The server (option 54).
    pub server: Ipv4Addr,
    /// Duration from the acknowledgement on; `None` means no end.
    pub time: Option<Duration>,
    /// T1 and T2: when to renew with the same server, and when with any server.
    pub renewal: [Option<Duration>; 2],
    /// Option 43, for the log only.
    pub vendor: Option<Vec<u8>>,
}

impl Lease {
    /// The lease that a reply assigns.
    ///
    /// # Errors
    /// The address is not a host address, the mask is not a prefix, or an option has the wrong length. Servers and
    /// names that cannot be used are left out. Unusable routes are errors: a packet would take the wrong route.
    pub fn new(reply: &Reply<'_>) -> Result<Self, Malformed> {
        let wrong = |cause| Malformed { structure: "DHCP yiaddr", offset: 16, cause };
        if !is_host(reply.address) {
            return Err(wrong("not a host address"));
        }
        let mut settings = Settings::new(Origin::Dhcp4(reply.server));
        let mask = reply.address_option(option::MASK);
        let own = match mask {
            Some(mask) => {
                Network::with_mask(reply.address, mask).ok_or_else(|| wrong("invalid subnet mask"))?
            }
            None => class_network(reply.address).ok_or_else(|| wrong("no subnet mask"))?,
        };
        settings.addresses.push(own);
        match reply.option(option::ROUTES) {
            Some(value) => settings.routes = routes(&value)?,
            None => {
                let router = hosts(reply, option::ROUTER).first().copied();
                router.into_iter().for_each(|router| settings.add_default_route(router));
            }
        }
        settings.dns = hosts(reply, option::DNS);
        settings.ntp = hosts(reply, option::NTP);
        settings.domains = text(reply, option::DOMAIN).filter(|name| is_name(name)).into_iter().collect();
        settings.hostname = text(reply, option::HOSTNAME).filter(|name| is_name(name));
        let mtu = reply.option(option::MTU).and_then(|value| Reader::new("MTU", &value).u16().ok());
        settings.mtu = mtu.filter(|mtu| *mtu >= LEAST_MTU);
        let file = || core::str::from_utf8(reply.file).ok().filter(|name| is_text(name)).map(String::from);
        settings.boot_file = text(reply, option::BOOT_FILE).or_else(file).filter(|name| !name.is_empty());
        let (time, renewal) = times(reply);
        let vendor = reply.option(option::VENDOR);
        Ok(Self { settings, server: reply.server, time, renewal, vendor })
    }
}

/// The time of a lease, and T1 and T2, by default a half and seven eighths of it (RFC 2131, section 4.4.5).
fn times(reply: &Reply<'_>) -> (Option<Duration>, [Option<Duration>; 2]) {
    let seconds = |code| reply.number_option(code).map(|seconds| Duration::from_secs(u64::from(seconds)));
    let Some(time) = seconds(option::LEASE_TIME) else { return (None, [None; 2]) };
    if time == Duration::from_secs(u64::from(FOR_EVER)) {
        return (None, [None; 2]);
    }
    let time = time.max(SHORTEST);
    let share = |eighths: u32| time.checked_mul(eighths).and_then(|time| time.checked_div(8));
    let given = seconds(option::RENEWAL).zip(seconds(option::REBINDING));
    let usable = given.filter(|(first, second)| *first >= SOONEST && first < second && *second < time);
    let renewal = usable.map_or([share(4), share(7)], |(first, second)| [Some(first), Some(second)]);
    (Some(time), renewal)
}

/// Option 121 (RFC 3442): for each route the length of the prefix, its significant bytes, and the router.
fn routes(value: &[u8]) -> Result<Vec<Route>, Malformed> {
    let mut reader = Reader::new("DHCP option 121", value);
    let mut routes = Vec::new();
    while !reader.is_empty() {
        let at = reader;
        let prefix = reader.u8()?;
        let mut network = [0; 4];
        let bytes = reader.take(usize::from(prefix.div_ceil(8)))?;
        network.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let to = Network::new(Ipv4Addr::from(network).into(), prefix);
        let to = to.ok_or_else(|| at.malformed("prefix longer than 32"))?;
        let router = reader.v4()?;
        let via = match router {
            Ipv4Addr::UNSPECIFIED => None,
            router if is_host(router) => Some(IpAddr::from(router)),
            _ => return Err(at.malformed("the router is not a host address")),
        };
        if routes.len() >= MOST_ROUTES {
            return Err(at.malformed("too many routes"));
        }
        routes.push(Route { to, via });
    }
    Ok(routes)
}

/// The hosts that an option lists, at most [`MOST_SERVERS`].
fn hosts(reply: &Reply<'_>, code: u8) -> Vec<IpAddr> {
    let value = reply.option(code).unwrap_or_default();
    let mut reader = Reader::new("DHCP option", &value);
    let addresses = core::iter::from_fn(|| reader.v4().ok());
    addresses.filter(|address| is_host(*address)).take(MOST_SERVERS).map(IpAddr::from).collect()
}

/// ASCII text, which some servers end with a zero byte.
fn text(reply: &Reply<'_>, code: u8) -> Option<String> {
    let value = reply.option(code)?;
    let text = core::str::from_utf8(&value).ok()?.trim_end_matches('\0');
    (!text.is_empty() && is_text(text)).then(|| String::from(text))
}

fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Whether it is a valid host or domain name.
fn is_name(text: &str) -> bool {
    text.len() <= crate::dns::LONGEST_NAME && crate::dns::Name::parse(text).is_ok()
}

/// Whether it can be a host address: not 0.0.0.0/8, loopback, multicast or reserved.
pub(crate) fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first < 224 && !address.is_loopback()
}

/// The network of an address by its class, if there is no mask.
pub(crate) fn class_network(address: Ipv4Addr) -> Option<Network> {
    let [first, ..] = address.octets();
    let prefix = match first {
        0..128 => 8,
        128..192 => 16,
        192..224 => 24,
        224.. => return None,
    };
    Network::new(address.into(), prefix)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{super::reply::tests::reply, *};

    fn lease(options: &[(u8, &[u8])]) -> Result<Lease, Malformed> {
        Lease::new(&Reply::parse(&reply(5, 1, options)).unwrap())
    }

    #[test]
    fn options_become_settings() {
        let lease = lease(&[
            (1, &[255, 255, 255, 0]),
            (3, &[10, 0, 0, 1]),
            (6, &[10, 0, 0, 2, 0, 0, 0, 0, 10, 0, 0, 3]),
            (12, b"host\0"),
            (15, b"example.org"),
            (26, &[5, 120]),
            (42, &[10, 0, 0, 4]),
            (43, &[1, 2]),
            (51, &[0, 0, 14, 16]),
            (67, b"oci://registry.example/linux:1"),
        ])
        .unwrap();
        let settings = &lease.settings;
        assert_eq!(settings.to_string(), "10.0.0.9/24 via 10.0.0.1 (DHCP server 10.0.0.1)");
        let addresses = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(settings.dns, addresses(&["10.0.0.2", "10.0.0.3"]));
        assert_eq!(settings.ntp, addresses(&["10.0.0.4"]));
        assert_eq!(settings.hostname.as_deref(), Some("host"));
        assert_eq!(settings.domains, ["example.org"]);
        assert_eq!(settings.mtu, Some(1400));
        assert_eq!(settings.boot_file.as_deref(), Some("oci://registry.example/linux:1"));
        assert_eq!(lease.vendor.as_deref(), Some(&[1, 2][..]));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!((lease.time, lease.renewal), (seconds(3600), [seconds(1800), seconds(3150)]));
    }

    #[test]
    fn routes_stand_above_the_router() {
        let value = [0, 10, 0, 0, 1, 32, 169, 254, 169, 254, 10, 0, 0, 2, 20, 172, 16, 16, 0, 0, 0, 0];
        let lease = lease(&[(1, &[255; 4]), (3, &[10, 0, 0, 250]), (121, &value)]).unwrap();
        let shown = lease.settings.routes.iter().map(|route| (route.to.to_string(), route.via));
        let via = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                ("0.0.0.0/0".into(), via("10.0.0.1")),
                ("169.254.169.254/32".into(), via("10.0.0.2")),
                ("172.16.16.0/20".into(), None),
            ]
        );
    }

    #[test]
    fn what_would_misroute_is_refused() {
        let cause = |options: &[(u8, &[u8])]| lease(options).unwrap_err().cause;
        assert_eq!(cause(&[(1, &[255, 0, 255, 0])]), "invalid subnet mask");
        assert_eq!(cause(&[(121, &[33, 1, 2, 3, 4, 5, 10, 0, 0, 1])]), "prefix longer than 32");
        assert_eq!(cause(&[(121, &[0, 10, 0, 0])]), "truncated");
        assert_eq!(cause(&[(121, &[0, 224, 0, 0, 1])]), "the router is not a host address");
        let many = [0, 10, 0, 0, 1].repeat(MOST_ROUTES + 1);
        assert_eq!(cause(&[(121, &many)]), "too many routes");
        let mut bytes = reply(5, 1, &[]);
        bytes[16] = 127;
        assert_eq!(Lease::new(&Reply::parse(&bytes).unwrap()).unwrap_err().cause, "not a host address");
    }

    #[test]
    fn what_cannot_be_used_is_left_out() {
        let lease = lease(&[(6, &[224, 0, 0, 1, 9]), (12, b"a b"), (26, &[0, 20]), (67, &[200])]).unwrap();
        let settings = &lease.settings;
        assert_eq!(settings.addresses[0].prefix(), 8, "by its class");
        assert!(settings.dns.is_empty() && settings.hostname.is_none() && settings.mtu.is_none());
        assert_eq!((&settings.boot_file, lease.time), (&None, None));
    }

    #[test]
    fn the_file_field_is_the_boot_file_where_no_option_is() {
        let mut bytes = reply(5, 1, &[]);
        bytes[108..112].copy_from_slice(b"file");
        let lease = Lease::new(&Reply::parse(&bytes).unwrap()).unwrap();
        assert_eq!(lease.settings.boot_file.as_deref(), Some("file"));
    }

    #[test]
    fn times_are_in_order() {
        let renewal = |time: u32, first: u32, second: u32| {
            let [time, first, second] = [time, first, second].map(u32::to_be_bytes);
            lease(&[(51, &time), (58, &first), (59, &second)]).unwrap().renewal
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(renewal(800, 100, 200), [seconds(100), seconds(200)]);
        assert_eq!(renewal(800, 900, 900), [seconds(400), seconds(700)]);
        assert_eq!(renewal(1, 0, 1), [seconds(30), Some(Duration::from_millis(52_500))]);
        assert_eq!(renewal(u32::MAX, 1, 1), [None, None]);
    }
}
