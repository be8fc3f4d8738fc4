// SPDX-License-Identifier: BSD-3-Clause
//! Addresses as users write them: `cloudboot.net.static`, `cloudboot.dns` and the kernel's `ip=`.

use alloc::{string::String, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    Error, Network, Origin, Settings,
    dhcp4::{class_network, is_host},
    limits::{MOST_DOMAINS, MOST_SERVERS},
};

const STATIC: &str = "ADDRESS/PREFIX[:GATEWAY[:DNS[,DNS]]], IPv6 addresses in brackets";
const SERVERS: &str = "ADDRESS[,ADDRESS]";
const KERNEL: &str =
    "off, dhcp, or CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0 (IPv4)";

/// The contents of `ip=`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kernel {
    /// The network card, by name; `None` for any.
    pub device: Option<String>,
    /// How the address is assigned.
    pub method: Method,
}

/// How an address is assigned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Method {
    /// No address.
    Off,
    /// By DHCP.
    Dhcp,
    /// This address.
    Static(Settings),
}

/// Reads `ADDRESS/PREFIX[:GATEWAY[:DNS[,DNS]]]`, such as `10.0.0.9/24:10.0.0.1:10.0.0.2` or
/// `[2001:db8::9]/64:[fe80::1]`. Gateway and servers may be empty; servers may be of the other IP version.
///
/// # Errors
/// [`Error::Form`] with the text.
pub fn parse_static(text: &str) -> Result<Settings, Error> {
    let fail = |cause| form(text, cause, STATIC);
    let fields = fields(text).ok_or_else(|| fail("a bracket is missing"))?;
    let (own, gateway, servers) = match *fields.as_slice() {
        [own] => (own, "", ""),
        [own, gateway] => (own, gateway, ""),
        [own, gateway, servers] => (own, gateway, servers),
        _ => return Err(fail("too many fields")),
    };
    let (address, prefix) = own.rsplit_once('/').ok_or_else(|| fail("the prefix is missing"))?;
    let address = bracketed(address).ok_or_else(|| fail("the address is not valid"))?;
    let is_decimal = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|prefix| *prefix > 0 && is_decimal);
    let network = prefix.and_then(|prefix| Network::new(address, prefix));
    let network = network.ok_or_else(|| fail("the prefix length is not valid"))?;
    if !is_usable(address) {
        return Err(fail("the address is not a host address"));
    }
    let mut settings = Settings::new(Origin::Static);
    settings.addresses.push(network);
    if !gateway.is_empty() {
        let gateway = bracketed(gateway).ok_or_else(|| fail("the gateway is not an address"))?;
        if gateway.is_ipv4() != address.is_ipv4() || !is_usable(gateway) {
            return Err(fail("the gateway is not a host address of the same IP version"));
        }
        settings.add_default_route(gateway);
    }
    settings.dns = servers_of(servers).map_err(fail)?;
    Ok(settings)
}

/// Reads `ADDRESS[,ADDRESS]`, the resolvers of `cloudboot.dns`; brackets around IPv6 addresses are optional.
///
/// # Errors
/// [`Error::Form`] with the text, also if there is no address.
pub fn parse_servers(text: &str) -> Result<Vec<IpAddr>, Error> {
    match servers_of(text) {
        Ok(servers) if servers.is_empty() => Err(form(text, "no address", SERVERS)),
        servers => servers.map_err(|cause| form(text, cause, SERVERS)),
    }
}

/// Reads the value of `ip=` as Linux does: with an address it is static, whatever the method says; without a netmask,
/// that of the address's class is used; a host name may have its domain after the first dot. BOOTP and RARP are
/// refused.
///
/// # Errors
/// [`Error::Form`] with the text.
pub fn parse_kernel(text: &str) -> Result<Kernel, Error> {
    let fail = |cause| form(text, cause, KERNEL);
    if !text.contains(':') && !text.contains('.') {
        let method = method(text).map_err(fail)?;
        return Ok(Kernel { device: None, method });
    }
    let mut fields = text.split(':');
    let mut next = || fields.next().unwrap_or_default();
    let [client, _server, gateway, mask, host, device, autoconf] =
        [next(), next(), next(), next(), next(), next(), next()];
    let [dns0, dns1, ntp] = [next(), next(), next()];
    if fields.next().is_some() {
        return Err(fail("too many fields"));
    }
    let device = (!device.is_empty()).then(|| String::from(device));
    let address = |text: &str| optional(text).map_err(|()| fail("a field is not an IPv4 address"));
    let Some(client) = address(client)? else {
        // The kernel tries all its methods if none is named.
        let method = if autoconf.is_empty() { Method::Dhcp } else { method(autoconf).map_err(fail)? };
        return Ok(Kernel { device, method });
    };
    if !is_host(client) {
        return Err(fail("the address is not a host address"));
    }
    let network = match address(mask)? {
        Some(mask) => Network::with_mask(client, mask),
        None => class_network(client),
    };
    let mut settings = Settings::new(Origin::Kernel);
    settings.addresses.push(network.ok_or_else(|| fail("the netmask is not valid"))?);
    if let Some(gateway) = address(gateway)? {
        if !is_host(gateway) {
            return Err(fail("the gateway is not a host address"));
        }
        settings.add_default_route(gateway.into());
    }
    for server in [dns0, dns1] {
        settings.dns.extend(address(server)?.map(IpAddr::from));
    }
    settings.ntp.extend(address(ntp)?.map(IpAddr::from));
    let (host, domain) = host.split_once('.').unwrap_or((host, ""));
    let named = |name: &str| (!name.is_empty()).then(|| String::from(name));
    settings.hostname = named(host);
    settings.domains.extend(named(domain).into_iter().take(MOST_DOMAINS));
    Ok(Kernel { device, method: Method::Static(settings) })
}

fn method(word: &str) -> Result<Method, &'static str> {
    match word {
        "" | "off" | "none" => Ok(Method::Off),
        "dhcp" | "on" | "any" | "both" => Ok(Method::Dhcp),
        // A client id may follow, which is not sent: the card's address is.
        _ if word.starts_with("dhcp,") => Ok(Method::Dhcp),
        "bootp" | "rarp" => Err("BOOTP and RARP are not supported"),
        _ => Err("no such method"),
    }
}

/// An IPv4 address; `None` if it is empty or 0.0.0.0.
fn optional(text: &str) -> Result<Option<Ipv4Addr>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let address: Ipv4Addr = text.parse().map_err(|_| ())?;
    Ok((!address.is_unspecified()).then_some(address))
}

fn servers_of(text: &str) -> Result<Vec<IpAddr>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    // Cannot saturate: a sum of two constants.
    let servers: Option<Vec<IpAddr>> = text
        .split(',')
        .take(MOST_SERVERS.saturating_add(1))
        .map(|server| bracketed(server).or_else(|| server.parse::<Ipv6Addr>().ok().map(IpAddr::V6)))
        .collect();
    match servers {
        None => Err("a server is not an IP address"),
        Some(servers) if !servers.iter().all(|server| is_usable(*server)) => {
            Err("a server is not a host address")
        }
        Some(servers) if servers.len() > MOST_SERVERS => Err("too many servers"),
        Some(servers) => Ok(servers),
    }
}

/// The fields between colons outside brackets; `None` if a bracket is unmatched.
fn fields(text: &str) -> Option<Vec<&str>> {
    let mut is_inside = false;
    let is_border = |c: char| {
        is_inside = match c {
            '[' => true,
            ']' => false,
            _ => is_inside,
        };
        c == ':' && !is_inside
    };
    let fields: Vec<&str> = text.split(is_border).collect();
    let balanced = |field: &&str| field.matches('[').count() == field.matches(']').count();
    fields.iter().all(balanced).then_some(fields)
}

/// An IPv4 address, or an IPv6 address in brackets.
fn bracketed(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

/// Whether it can be a host address.
pub(crate) fn is_usable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_host(address),
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_multicast() && !address.is_loopback(),
    }
}

fn form(text: &str, cause: &'static str, expected: &'static str) -> Error {
    Error::Form { text: text.into(), cause, expected }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString};

    use proptest::prelude::*;

    use super::*;

    fn cause<T: core::fmt::Debug>(result: Result<T, Error>) -> &'static str {
        match result {
            Err(Error::Form { cause, .. }) => cause,
            other => panic!("{other:?}"),
        }
    }

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    fn settings(text: &str) -> Settings {
        match parse_kernel(text).unwrap().method {
            Method::Static(settings) => settings,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn static_settings_are_read() {
        let settings = parse_static("10.0.0.9/24:10.0.0.1:10.0.0.2,[2001:db8::53]").unwrap();
        assert_eq!(settings.to_string(), "10.0.0.9/24 via 10.0.0.1 (net.static)");
        assert_eq!(settings.dns, addresses(&["10.0.0.2", "2001:db8::53"]));
        let settings = parse_static("[2001:db8::9]/64:[fe80::1]:2001:db8::53");
        assert_eq!(cause(settings), "too many fields");
        let settings = parse_static("[2001:db8::9]/64:[fe80::1]:[2001:db8::53]").unwrap();
        assert_eq!(settings.to_string(), "2001:db8::9/64 via fe80::1 (net.static)");
        for short in ["10.0.0.9/24", "10.0.0.9/24:", "10.0.0.9/24::"] {
            assert_eq!(parse_static(short).unwrap().to_string(), "10.0.0.9/24 (net.static)");
        }
        assert_eq!(parse_static("10.0.0.9/24::10.0.0.2").unwrap().dns, addresses(&["10.0.0.2"]));
    }

    #[test]
    fn static_settings_are_refused() {
        let cases = [
            ("", "the prefix is missing"),
            ("10.0.0.9", "the prefix is missing"),
            ("10.0.0.9/33", "the prefix length is not valid"),
            ("10.0.0.9/0", "the prefix length is not valid"),
            ("10.0.0.9/+8", "the prefix length is not valid"),
            ("10.0.0/8", "the address is not valid"),
            ("2001:db8::9/64", "too many fields"),
            ("[2001:db8::9/64", "a bracket is missing"),
            ("2001:db8::9]/64", "a bracket is missing"),
            ("[2001:db8::9]/129", "the prefix length is not valid"),
            ("224.0.0.1/8", "the address is not a host address"),
            ("[::1]/128", "the address is not a host address"),
            ("10.0.0.9/8:x", "the gateway is not an address"),
            ("10.0.0.9/8:[fe80::1]", "the gateway is not a host address of the same IP version"),
            ("10.0.0.9/8:255.255.255.255", "the gateway is not a host address of the same IP version"),
            ("10.0.0.9/8::1.2.3.4,", "a server is not an IP address"),
            ("10.0.0.9/8::0.0.0.0", "a server is not a host address"),
            ("10.0.0.9/8:::", "too many fields"),
            ("10.0.0.9/8::1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1", "too many servers"),
        ];
        for (text, wanted) in cases {
            assert_eq!(cause(parse_static(text)), wanted, "{text}");
        }
    }

    #[test]
    fn resolvers_are_read() {
        assert_eq!(
            parse_servers("10.0.0.2,2001:db8::53,[fe80::1]").unwrap(),
            addresses(&["10.0.0.2", "2001:db8::53", "fe80::1"])
        );
        assert_eq!(cause(parse_servers("")), "no address");
        assert_eq!(cause(parse_servers("dns.example")), "a server is not an IP address");
    }

    #[test]
    fn the_kernels_form_is_read() {
        let text =
            "10.0.0.9:10.0.0.3:10.0.0.1:255.255.255.0:box.example.org:eth0:off:10.0.0.2:10.0.0.4:10.0.0.5";
        let kernel = parse_kernel(text).unwrap();
        assert_eq!(kernel.device.as_deref(), Some("eth0"));
        let Method::Static(settings) = kernel.method else { panic!("not static") };
        assert_eq!(settings.to_string(), "10.0.0.9/24 via 10.0.0.1 (ip=)");
        assert_eq!(settings.dns, addresses(&["10.0.0.2", "10.0.0.4"]));
        assert_eq!(settings.ntp, addresses(&["10.0.0.5"]));
        assert_eq!(settings.hostname.as_deref(), Some("box"));
        assert_eq!(settings.domains, ["example.org"]);
    }

    #[test]
    fn the_kernel_guesses_netmasks_by_class() {
        let prefix = |text: &str| settings(text).addresses[0].prefix();
        assert_eq!(["10.1.2.3", "172.16.0.1", "192.168.1.1"].map(prefix), [8, 16, 24]);
        assert_eq!(prefix("10.1.2.3:::255.255.0.0::eth0:dhcp"), 16, "an address is static all the same");
    }

    #[test]
    fn the_kernels_methods_are_read() {
        for (text, method) in [
            ("", Method::Off),
            ("off", Method::Off),
            ("none", Method::Off),
            ("dhcp", Method::Dhcp),
            ("dhcp,1,machine", Method::Dhcp),
            ("on", Method::Dhcp),
            ("any", Method::Dhcp),
            ("both", Method::Dhcp),
            (":::::eth1:dhcp", Method::Dhcp),
            (":::::eth1", Method::Dhcp),
            ("0.0.0.0:::::eth1:off", Method::Off),
        ] {
            assert_eq!(parse_kernel(text).unwrap().method, method, "{text}");
        }
        assert_eq!(parse_kernel(":::::eth1:dhcp").unwrap().device.as_deref(), Some("eth1"));
        for (text, wanted) in [
            ("bootp", "BOOTP and RARP are not supported"),
            ("yes", "no such method"),
            (":::::eth1:yes", "no such method"),
            ("10.0.0", "a field is not an IPv4 address"),
            ("10.0.0.9:::x", "a field is not an IPv4 address"),
            ("10.0.0.9:::255.0.255.0", "the netmask is not valid"),
            ("10.0.0.9::224.0.0.1:", "the gateway is not a host address"),
            ("240.0.0.9:::", "the address is not a host address"),
            ("[fd00::9]:::", "too many fields"),
            ("10.0.0.9::::::::::", "too many fields"),
        ] {
            let found = cause(parse_kernel(text));
            assert!(found == wanted || text.starts_with('['), "{text}: {found}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            own: [u8; 16], via: [u8; 16], server: [u8; 4], prefix in 1u8..=128, is_v6: bool,
        ) {
            let four = |bytes: [u8; 16]| Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
            let (own, via) = match is_v6 {
                true => (IpAddr::from(own), IpAddr::from(via)),
                false => (four(own).into(), four(via).into()),
            };
            let shown = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            let server = IpAddr::from(server);
            let text = format!("{}/{prefix}:{}:{server}", shown(own), shown(via));
            let is_good = [own, via, server].into_iter().all(is_usable) && (is_v6 || prefix <= 32);
            match parse_static(&text) {
                Ok(settings) => {
                    prop_assert!(is_good);
                    prop_assert_eq!(settings.addresses, [Network::new(own, prefix).unwrap()]);
                    prop_assert_eq!(settings.routes[0].via, Some(via));
                    prop_assert_eq!(settings.dns, [server]);
                }
                Err(error) => prop_assert!(!is_good, "{}: {}", text, error),
            }
        }
    }
}
