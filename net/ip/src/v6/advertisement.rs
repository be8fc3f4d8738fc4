// SPDX-License-Identifier: BSD-3-Clause
//! Router advertisements (RFC 4861, sections 4.2 and 4.6; RFC 8106, section 5).

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{net::Ipv6Addr, time::Duration};

use crate::{
    Malformed,
    dns::Name,
    limits::{MOST_ADDRESSES, MOST_DOMAINS, MOST_SERVERS},
    reader::Reader,
};

/// The ICMPv6 type.
const ADVERTISEMENT: u8 = 134;
/// Flags: DHCPv6 has addresses; DHCPv6 has other settings only.
const MANAGED: u8 = 0x80;
const OTHER: u8 = 0x40;
/// Flags of a prefix: it is on-link; it is for autonomous addresses.
const ON_LINK: u8 = 0x80;
const AUTONOMOUS: u8 = 0x40;

/// Types of options.
const PREFIX: u8 = 3;
const MTU: u8 = 5;
const RESOLVERS: u8 = 25;
const DOMAINS: u8 = 31;

/// What a router advertises.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Advertisement {
    /// Whether DHCPv6 assigns addresses.
    pub is_managed: bool,
    /// Whether DHCPv6 has other settings, but no addresses.
    pub has_other: bool,
    /// How long it is a default router; zero if it is not one.
    pub lifetime: Duration,
    /// Prefixes, at most [`MOST_ADDRESSES`].
    pub prefixes: Vec<Prefix>,
    /// The MTU of the link.
    pub mtu: Option<u32>,
    /// Resolvers, at most [`MOST_SERVERS`].
    pub dns: Vec<Ipv6Addr>,
    /// Domains, at most [`MOST_DOMAINS`].
    pub domains: Vec<String>,
}

/// A prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prefix {
    /// The address; bits after `length` are meaningless.
    pub address: Ipv6Addr,
    /// Its length, at most 128.
    pub length: u8,
    /// Whether its addresses are on-link.
    pub is_on_link: bool,
    /// Whether it is for autonomous addresses (SLAAC).
    pub is_autonomous: bool,
    /// For how long.
    pub valid: Duration,
}

impl Advertisement {
    /// Parses an ICMPv6 message whose checksum is correct.
    ///
    /// # Errors
    /// Another type or code; truncated or empty options; invalid values.
    pub fn parse(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("router advertisement", message);
        let start = reader;
        if [reader.u8()?, reader.u8()?] != [ADVERTISEMENT, 0] {
            return Err(start.malformed("not a router advertisement"));
        }
        let _checksum = reader.u16()?;
        let _hop_limit = reader.u8()?;
        let flags = reader.u8()?;
        let lifetime = Duration::from_secs(u64::from(reader.u16()?));
        let [_reachable, _retransmission] = [reader.u32()?, reader.u32()?];
        let (is_managed, has_other) = (flags & MANAGED != 0, flags & OTHER != 0);
        let mut advertisement = Self { is_managed, has_other, lifetime, ..Self::default() };
        while !reader.is_empty() {
            let at = reader;
            let kind = reader.u8()?;
            // In units of eight bytes, including type and length.
            let length = usize::from(reader.u8()?).checked_mul(8).and_then(|length| length.checked_sub(2));
            let length = length.ok_or_else(|| at.malformed("an empty option"))?;
            let value = reader.part("router advertisement's option", length)?;
            advertisement.take(kind, value)?;
        }
        Ok(advertisement)
    }

    fn take(&mut self, kind: u8, mut value: Reader<'_>) -> Result<(), Malformed> {
        match kind {
            PREFIX => {
                let prefix = prefix(&mut value)?;
                if self.prefixes.len() < MOST_ADDRESSES {
                    self.prefixes.push(prefix);
                }
            }
            MTU => {
                let _reserved = value.u16()?;
                self.mtu = Some(value.u32()?);
            }
            RESOLVERS => {
                let [_reserved, lifetime] = [u32::from(value.u16()?), value.u32()?];
                while !value.is_empty() {
                    let server = Ipv6Addr::from(value.array::<16>()?);
                    if lifetime > 0 && self.dns.len() < MOST_SERVERS {
                        self.dns.push(server);
                    }
                }
            }
            DOMAINS => {
                let [_reserved, lifetime] = [u32::from(value.u16()?), value.u32()?];
                let names = domains(value)?;
                if lifetime > 0 {
                    // Cannot saturate: no more than `MOST_DOMAINS` are kept.
                    let room = MOST_DOMAINS.saturating_sub(self.domains.len());
                    self.domains.extend(names.into_iter().take(room));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn prefix(value: &mut Reader<'_>) -> Result<Prefix, Malformed> {
    let at = *value;
    let [length, flags] = [value.u8()?, value.u8()?];
    if length > 128 {
        return Err(at.malformed("a prefix longer than 128"));
    }
    let [valid, _preferred, _reserved] = [value.u32()?, value.u32()?, value.u32()?];
    Ok(Prefix {
        address: Ipv6Addr::from(value.array::<16>()?),
        length,
        is_on_link: flags & ON_LINK != 0,
        is_autonomous: flags & AUTONOMOUS != 0,
        valid: Duration::from_secs(u64::from(valid)),
    })
}

/// Names in sequence, without pointers, then zeros (RFC 8106, section 5.2; RFC 8415, section 10). Names with
/// characters that host names cannot have are left out.
pub(super) fn domains(mut value: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut names = Vec::new();
    while value.rest().first().is_some_and(|length| *length != 0) {
        let name = Name::read(&mut value, &[])?.to_string();
        if Name::parse(&name).is_ok() && names.len() < MOST_DOMAINS {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
pub(super) mod tests {
    use std::vec;

    use super::*;

    /// An advertisement with these flags and lifetime in seconds.
    pub fn advertisement(flags: u8, lifetime: u16, options: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![134, 0, 0, 0, 64, flags];
        bytes.extend(lifetime.to_be_bytes());
        bytes.extend([0; 8]);
        options.iter().for_each(|option| bytes.extend(*option));
        bytes
    }

    pub fn prefix_option(length: u8, flags: u8, seconds: u32, prefix: &str) -> Vec<u8> {
        let mut bytes = vec![3, 4, length, flags];
        bytes.extend(seconds.to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend(prefix.parse::<Ipv6Addr>().unwrap().octets());
        bytes
    }

    pub fn resolver_option(seconds: u32, server: &str) -> Vec<u8> {
        let mut bytes = vec![25, 3, 0, 0];
        bytes.extend(seconds.to_be_bytes());
        bytes.extend(server.parse::<Ipv6Addr>().unwrap().octets());
        bytes
    }

    const DOMAIN: &[u8] = b"\x1f\x03\x00\x00\x00\x00\x00\x09\x03lan\x00\x01a\x03lan\x00\x00\x00\x00\x00";

    fn cause(bytes: &[u8]) -> (usize, &'static str) {
        let error = Advertisement::parse(bytes).unwrap_err();
        (error.offset, error.cause)
    }

    #[test]
    fn an_advertisement_is_read() {
        let options = [
            &prefix_option(64, 0xc0, 600, "2001:db8::")[..],
            &[5, 1, 0, 0, 0, 0, 5, 0xdc],
            &resolver_option(600, "2001:db8::53"),
            &resolver_option(0, "2001:db8::54"),
            DOMAIN,
            &[200, 1, 0, 0, 0, 0, 0, 0],
        ];
        let found = Advertisement::parse(&advertisement(0xc0, 1800, &options)).unwrap();
        assert!(found.is_managed && found.has_other);
        assert_eq!((found.lifetime, found.mtu), (Duration::from_secs(1800), Some(1500)));
        let prefix = found.prefixes[0];
        assert_eq!((prefix.length, prefix.is_on_link, prefix.is_autonomous), (64, true, true));
        assert_eq!(prefix.address, "2001:db8::".parse::<Ipv6Addr>().unwrap());
        assert_eq!(found.dns, ["2001:db8::53".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!(found.domains, ["lan", "a.lan"]);
    }

    #[test]
    fn broken_advertisements_are_refused() {
        assert_eq!(cause(&[133, 0]), (0, "not a router advertisement"));
        assert_eq!(cause(&advertisement(0, 0, &[&[1, 0]])), (16, "an empty option"));
        assert_eq!(cause(&advertisement(0, 0, &[&[1, 1, 0]])), (18, "truncated"));
        let long = prefix_option(129, 0, 0, "::");
        assert_eq!(cause(&advertisement(0, 0, &[&long])), (18, "a prefix longer than 128"));
        assert_eq!(
            cause(&advertisement(0, 0, &[&[25, 2, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8]])).1,
            "truncated"
        );
        let pointer = [31, 2, 0, 0, 0, 0, 0, 9, 1, b'a', 0xc0, 2, 0, 0, 0, 0];
        assert_eq!(cause(&advertisement(0, 0, &[&pointer])).1, "truncated");
    }

    #[test]
    fn lists_are_cut_off() {
        let many = prefix_option(64, 0xc0, 600, "2001:db8::").repeat(MOST_ADDRESSES + 1);
        let resolvers = resolver_option(600, "2001:db8::53").repeat(MOST_SERVERS + 1);
        let domains = DOMAIN.repeat(MOST_DOMAINS);
        let found = Advertisement::parse(&advertisement(0, 0, &[&many, &resolvers, &domains])).unwrap();
        assert_eq!(
            (found.prefixes.len(), found.dns.len(), found.domains.len()),
            (MOST_ADDRESSES, MOST_SERVERS, MOST_DOMAINS)
        );
    }
}
