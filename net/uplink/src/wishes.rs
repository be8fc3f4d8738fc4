// SPDX-License-Identifier: BSD-3-Clause
//! The network settings.

use alloc::{borrow::ToOwned as _, boxed::Box, string::String, vec::Vec};
use core::{net::IpAddr, time::Duration};

use config::Config;
use ip::{Method, Settings, Vlan};
use nic::{Mac, Nic};

use crate::Error;

const NET_IF: &str = "cloudboot.net.if";
const BOOTIF: &str = "BOOTIF";

/// The network settings. The default is: all cards, addresses from any server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wishes {
    /// The longest wait for a link, and for an address.
    pub(crate) wait: Option<Duration>,
    /// The only card.
    pub(crate) card: Option<Wanted>,
    /// Linux's name for the card in `ip=`; it is used if a card has the same name here.
    pub(crate) device: Option<String>,
    pub(crate) vlan: Option<Vlan>,
    /// Static addresses. If there are any, no server is asked.
    pub(crate) set: Vec<Settings>,
    /// Whether DHCPv4 is skipped, and whether IPv6 autoconfiguration is.
    pub(crate) skips_v4: bool,
    pub(crate) skips_v6: bool,
    /// Resolvers that replace the assigned ones.
    pub(crate) servers: Option<Vec<IpAddr>>,
}

/// The card that a setting names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    pub key: &'static str,
    pub value: String,
    by: By,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum By {
    Name,
    Mac(Mac),
}

impl Wanted {
    /// Whether it names this card.
    pub fn is(&self, card: &dyn Nic) -> bool {
        match self.by {
            By::Name => card.name().eq_ignore_ascii_case(&self.value),
            By::Mac(mac) => card.mac() == mac,
        }
    }
}

impl Wishes {
    /// Reads `net.*`, `dns`, `ip` and `BOOTIF`. `net.if` overrides `BOOTIF`.
    ///
    /// # Errors
    /// [`Error::Setting`]: a value that cannot be used, with its key.
    pub fn of(config: &Config) -> Result<Self, Error> {
        let mut wishes = Self {
            wait: config.net_wait().map(|seconds| Duration::from_secs(u64::from(seconds))),
            card: wanted(config)?,
            vlan: config.net_vlan().map(vlan).transpose()?,
            skips_v4: config.net_skip(),
            skips_v6: config.net_skip(),
            ..Self::default()
        };
        if let Some(text) = config.net_static() {
            wishes.set.push(ip::parse_static(text).map_err(of("cloudboot.net.static"))?);
        }
        if let Some(text) = config.ip() {
            wishes.add_kernel(ip::parse_kernel(text).map_err(of("ip"))?);
        }
        let servers = config.dns().map(ip::parse_servers).transpose();
        wishes.servers = servers.map_err(of("cloudboot.dns"))?;
        if wishes.skips_v4 && wishes.skips_v6 && wishes.set.is_empty() {
            let expected = "an address in cloudboot.net.static or ip= as well";
            return Err(wrong(
                "cloudboot.net.skip",
                "1",
                "automatic addresses are off, no address is set",
                expected,
            ));
        }
        Ok(wishes)
    }

    fn add_kernel(&mut self, kernel: ip::Kernel) {
        self.device = kernel.device;
        match kernel.method {
            Method::Off => self.skips_v4 = true,
            // `cloudboot.net.static` overrides an IPv4 address of `ip=`.
            Method::Static(_) if self.set.iter().any(is_v4) => {}
            Method::Static(settings) => self.set.push(settings),
            Method::Dhcp => {}
        }
    }
}

fn is_v4(settings: &Settings) -> bool {
    settings.addresses.iter().any(|own| own.address().is_ipv4())
}

fn wanted(config: &Config) -> Result<Option<Wanted>, Error> {
    let wanted = |key, value: &str, by| Wanted { key, value: value.to_owned(), by };
    if let Some(text) = config.net_if() {
        return Ok(Some(wanted(NET_IF, text, mac(text).map_or(By::Name, By::Mac))));
    }
    let Some(text) = config.bootif() else { return Ok(None) };
    // 01 is the hardware type of Ethernet.
    let mac = text.strip_prefix("01-").or_else(|| text.strip_prefix("01:")).and_then(mac);
    let expected = "01- and the card's address, 01-52-54-00-12-34-56";
    let mac = mac.ok_or_else(|| wrong(BOOTIF, text, "not the address of a network card", expected))?;
    Ok(Some(wanted(BOOTIF, text, By::Mac(mac))))
}

/// Six bytes of two digits in any case, with `:` or `-` between them.
fn mac(text: &str) -> Option<Mac> {
    let mut parts = text.split([':', '-']);
    let mut bytes = [0; 6];
    for byte in &mut bytes {
        let digits =
            parts.next().filter(|part| part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    parts.next().is_none().then_some(Mac(bytes))
}

fn vlan(id: u32) -> Result<Vlan, Error> {
    let vlan = u16::try_from(id).ok().and_then(Vlan::new);
    vlan.ok_or_else(|| wrong("cloudboot.net.vlan", &alloc::format!("{id}"), "not a VLAN", "1 to 4094"))
}

fn wrong(key: &'static str, text: &str, cause: &'static str, expected: &'static str) -> Error {
    of(key)(ip::Error::Form { text: text.to_owned(), cause, expected })
}

fn of(key: &'static str) -> impl Fn(ip::Error) -> Error {
    move |form| Error::Setting { key, form: Box::new(form) }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;
    use crate::tests::config;

    fn wishes(settings: &str) -> Wishes {
        Wishes::of(&config(settings)).unwrap()
    }

    #[test]
    fn nothing_is_wanted_where_nothing_is_said() {
        assert_eq!(wishes(""), Wishes::default());
        assert_eq!(wishes("ip=dhcp"), Wishes::default());
    }

    #[test]
    fn settings_are_wishes() {
        let all = wishes(
            "cloudboot.net.wait=7 cloudboot.net.vlan=42 cloudboot.dns=10.0.0.1,fd09::1 cloudboot.net.skip=1 \
             cloudboot.net.static=10.0.0.9/24:10.0.0.1",
        );
        assert_eq!((all.wait, all.vlan), (Some(Duration::from_secs(7)), Vlan::new(42)));
        assert_eq!(all.servers.as_ref().map(Vec::len), Some(2));
        assert_eq!(all.set[0].to_string(), "10.0.0.9/24 via 10.0.0.1 (net.static)");
        assert!(all.skips_v4 && all.skips_v6);
        let off = wishes("ip=off");
        assert!(off.skips_v4 && !off.skips_v6);
    }

    #[test]
    fn one_address_of_a_kind_is_set() {
        fn origins(settings: &str) -> Vec<ip::Origin> {
            wishes(settings).set.iter().map(|set| set.origin).collect()
        }
        let kernel = "ip=10.0.0.8:::255.0.0.0::eth0:";
        assert_eq!(origins(kernel), [ip::Origin::Kernel]);
        assert_eq!(
            origins(&alloc::format!("{kernel} cloudboot.net.static=10.0.0.9/24")),
            [ip::Origin::Static]
        );
        let both = alloc::format!("{kernel} cloudboot.net.static=[fd09::9]/64");
        assert_eq!(origins(&both), [ip::Origin::Static, ip::Origin::Kernel]);
        assert_eq!(wishes(kernel).device.as_deref(), Some("eth0"));
    }

    #[test]
    fn cards_are_named_by_name_or_address() {
        let by = |settings: &str| wishes(settings).card.map(|card| card.by);
        let mac = Some(By::Mac(Mac([0x52, 0x54, 0, 0x12, 0xab, 0xcd])));
        assert_eq!(by("cloudboot.net.if=52:54:00:12:ab:cd"), mac);
        assert_eq!(by("cloudboot.net.if=52-54-00-12-AB-CD"), mac);
        assert_eq!(by("BOOTIF=01-52-54-00-12-aB-Cd"), mac);
        for name in
            ["virtio0", "52:54:00:12:ab", "52:54:00:12:ab:cd:ef", "52:54:00:12:ab:c", "+2:54:00:12:ab:cd"]
        {
            assert_eq!(by(&alloc::format!("cloudboot.net.if={name}")), Some(By::Name), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_key() {
        for (settings, shown) in [
            ("cloudboot.net.vlan=4095", "E-NET-FORM cloudboot.net.vlan=4095: not a VLAN; expected 1 to 4094"),
            (
                "cloudboot.net.static=10.0.0.9",
                "E-NET-FORM cloudboot.net.static=10.0.0.9: the prefix is missing; expected \
                 ADDRESS/PREFIX[:GATEWAY[:DNS[,DNS]]], IPv6 addresses in brackets",
            ),
            (
                "cloudboot.dns=ns.example",
                "E-NET-FORM cloudboot.dns=ns.example: a server is not an IP address; expected ADDRESS[,ADDRESS]",
            ),
            (
                "BOOTIF=52-54-00-12-ab-cd",
                "E-NET-FORM BOOTIF=52-54-00-12-ab-cd: not the address of a network card; expected 01- and the card's address, \
                 01-52-54-00-12-34-56",
            ),
            (
                "cloudboot.net.skip=1 ip=dhcp",
                "E-NET-FORM cloudboot.net.skip=1: automatic addresses are off, no address is set; expected an address in \
                 cloudboot.net.static or ip= as well",
            ),
        ] {
            assert_eq!(Wishes::of(&config(settings)).unwrap_err().to_string(), shown);
        }
        let error = Wishes::of(&config("ip=10.0.0.300::")).unwrap_err().to_string();
        assert!(error.starts_with("E-NET-FORM ip=10.0.0.300::: "), "{error}");
        let error = Wishes::of(&config("cloudboot.dns=\"a\u{1b}[2J\"")).unwrap_err().to_string();
        assert!(error.starts_with("E-NET-FORM cloudboot.dns=a?[2J: "), "{error}");
    }
}
