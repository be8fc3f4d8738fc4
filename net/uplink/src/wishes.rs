// SPDX-License-Identifier: BSD-3-Clause
//! What the settings want of the network.

use alloc::{borrow::ToOwned as _, boxed::Box, string::String, vec::Vec};
use core::{net::IpAddr, time::Duration};

use config::Config;
use ip::{Method, Settings, Vlan};
use nic::{Mac, Nic};

use crate::Error;

const NET_IF: &str = "cloudboot.net.if";
const BOOTIF: &str = "BOOTIF";

/// What the settings want of the network. The default is: all cards, and whoever answers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wishes {
    /// The longest wait for a link, and for an address.
    pub(crate) wait: Option<Duration>,
    /// The only card.
    pub(crate) card: Option<Wanted>,
    /// The name that Linux has for the card of `ip=`; it counts where a card is called the same.
    pub(crate) device: Option<String>,
    pub(crate) vlan: Option<Vlan>,
    /// Addresses that are set. If there are any, nobody is asked.
    pub(crate) set: Vec<Settings>,
    /// Whether DHCPv4 is not asked, and IPv6's routers are not.
    pub(crate) skips_v4: bool,
    pub(crate) skips_v6: bool,
    /// Resolvers in place of those that are assigned.
    pub(crate) servers: Option<Vec<IpAddr>>,
}

/// Which card a setting names.
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
    /// Whether a card is the one.
    pub fn is(&self, card: &dyn Nic) -> bool {
        match self.by {
            By::Name => card.name().eq_ignore_ascii_case(&self.value),
            By::Mac(mac) => card.mac() == mac,
        }
    }
}

impl Wishes {
    /// Reads `net.*`, `dns`, `ip` and `BOOTIF`. `net.if` is stronger than `BOOTIF`.
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
            let expected = "an address by cloudboot.net.static or ip= beside it";
            return Err(wrong("cloudboot.net.skip", "1", "nobody is asked, and no address is set", expected));
        }
        Ok(wishes)
    }

    fn add_kernel(&mut self, kernel: ip::Kernel) {
        self.device = kernel.device;
        match kernel.method {
            Method::Off => self.skips_v4 = true,
            // The stronger one of two addresses of IPv4.
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
    // The type of the hardware is Ethernet's.
    let mac = text.strip_prefix("01-").or_else(|| text.strip_prefix("01:")).and_then(mac);
    let expected = "01- and the card's address, 01-52-54-00-12-34-56";
    let mac = mac.ok_or_else(|| wrong(BOOTIF, text, "not the address of a card", expected))?;
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
