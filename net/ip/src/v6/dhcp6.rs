// SPDX-License-Identifier: BSD-3-Clause
//! DHCPv6 messages (RFC 8415, sections 8, 16 and 21).

use alloc::{string::String, vec::Vec};
use core::{net::Ipv6Addr, time::Duration};

use super::advertisement::domains;
use crate::{
    Malformed,
    limits::{MOST_DOMAINS, MOST_SERVERS},
    reader::Reader,
};

/// The longest server identifier in bytes (section 11.1).
const LONGEST_DUID: usize = 130;
/// The longest message in bytes: the most that fits into an Ethernet frame.
pub(super) const LONGEST: usize = 1452;
/// The number of our only IA.
const IAID: u32 = 1;

/// Types of messages.
mod kind {
    pub const SOLICIT: u8 = 1;
    pub const ADVERTISE: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const RENEW: u8 = 5;
    pub const REBIND: u8 = 6;
    pub const REPLY: u8 = 7;
    pub const INFORMATION: u8 = 11;
}

/// Options.
mod option {
    pub const CLIENT: u16 = 1;
    pub const SERVER: u16 = 2;
    pub const IA_NA: u16 = 3;
    pub const ADDRESS: u16 = 5;
    pub const WANTED: u16 = 6;
    pub const ELAPSED: u16 = 8;
    pub const STATUS: u16 = 13;
    pub const DNS: u16 = 23;
    pub const DOMAINS: u16 = 24;
    pub const SNTP: u16 = 31;
    pub const BOOT_FILE: u16 = 59;
}

/// The options requested besides an address.
const WANTED: [u16; 4] = [option::DNS, option::DOMAINS, option::SNTP, option::BOOT_FILE];

/// The kind of a client's message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asking<'a> {
    /// Asks all servers for an address.
    Solicit,
    /// Requests this address from that server.
    Request { server: &'a [u8], address: Ipv6Addr },
    /// Extends the lifetime, with the server that assigned the address.
    Renew { server: &'a [u8], address: Ipv6Addr },
    /// Extends the lifetime, with any server.
    Rebind { address: Ipv6Addr },
    /// Asks for other settings only.
    Information,
}

/// The message's bytes. `elapsed` is how long the client has been trying.
pub(super) fn bytes(asking: Asking<'_>, card: [u8; 6], transaction: [u8; 3], elapsed: Duration) -> Vec<u8> {
    let (kind, server, address) = match asking {
        Asking::Solicit => (kind::SOLICIT, None, None),
        Asking::Request { server, address } => (kind::REQUEST, Some(server), Some(address)),
        Asking::Renew { server, address } => (kind::RENEW, Some(server), Some(address)),
        Asking::Rebind { address } => (kind::REBIND, None, Some(address)),
        Asking::Information => (kind::INFORMATION, None, None),
    };
    let mut message = Vec::with_capacity(128);
    message.push(kind);
    message.extend(transaction);
    add(&mut message, option::CLIENT, &duid(card));
    if let Some(server) = server {
        add(&mut message, option::SERVER, server);
    }
    if asking != Asking::Information {
        let mut association = Vec::new();
        association.extend(IAID.to_be_bytes());
        // The server chooses T1 and T2.
        association.extend([0; 8]);
        if let Some(address) = address {
            let mut value = address.octets().to_vec();
            value.extend([0; 8]);
            add(&mut association, option::ADDRESS, &value);
        }
        add(&mut message, option::IA_NA, &association);
    }
    let wanted: Vec<u8> = WANTED.into_iter().flat_map(u16::to_be_bytes).collect();
    add(&mut message, option::WANTED, &wanted);
    // In hundredths of a second.
    let elapsed = elapsed.as_millis().checked_div(10).and_then(|elapsed| u16::try_from(elapsed).ok());
    add(&mut message, option::ELAPSED, &elapsed.unwrap_or(u16::MAX).to_be_bytes());
    message
}

/// The client's identifier: its link-layer address, of type Ethernet (section 11.4).
fn duid([a, b, c, d, e, f]: [u8; 6]) -> [u8; 10] {
    [0, 3, 0, 1, a, b, c, d, e, f]
}

fn add(message: &mut Vec<u8>, code: u16, value: &[u8]) {
    message.extend(code.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
    message.extend(value);
}

/// A server's message to a client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reply {
    /// Whether it is only an offer (ADVERTISE).
    pub is_offer: bool,
    /// The transaction ID of the request that it answers.
    pub transaction: [u8; 3],
    /// The client's identifier.
    pub client: Vec<u8>,
    /// The server's identifier, 1 to 130 bytes.
    pub server: Vec<u8>,
    /// The address, if there is one.
    pub assigned: Option<Assigned>,
    /// Whether the server has no address, or refuses it to this client.
    pub is_refusal: bool,
    /// Resolvers.
    pub dns: Vec<Ipv6Addr>,
    /// Time servers.
    pub ntp: Vec<Ipv6Addr>,
    /// Domains.
    pub domains: Vec<String>,
    /// The boot file's URL.
    pub boot_file: Option<String>,
}

/// An address, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Assigned {
    /// The address.
    pub address: Ipv6Addr,
    /// Lifetime, more than zero. The largest number of seconds means no end.
    pub valid: Duration,
    /// T1 and T2: when to renew with the same server, and when with any server; in order, and before the end.
    pub renewal: [Duration; 2],
}

impl Reply {
    /// Reads a message.
    ///
    /// # Errors
    /// Another type, truncated options, missing identifiers, invalid values.
    pub fn parse(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("DHCPv6 message", message);
        if message.len() > LONGEST {
            return Err(reader.malformed("longer than a frame"));
        }
        let start = reader;
        let is_offer = match reader.u8()? {
            kind::ADVERTISE => true,
            kind::REPLY => false,
            _ => return Err(start.malformed("not a server's answer")),
        };
        let mut reply = Self { is_offer, transaction: reader.array()?, ..Self::default() };
        while !reader.is_empty() {
            let (code, value) = next(&mut reader)?;
            reply.take(code, value)?;
        }
        let is_identified = !reply.client.is_empty() && (1..=LONGEST_DUID).contains(&reply.server.len());
        is_identified
            .then_some(reply)
            .ok_or_else(|| start.malformed("the client or server identifier is missing"))
    }

    fn take(&mut self, code: u16, mut value: Reader<'_>) -> Result<(), Malformed> {
        match code {
            option::CLIENT => self.client = value.rest().to_vec(),
            option::SERVER => self.server = value.rest().to_vec(),
            option::IA_NA => {
                let (assigned, is_refusal) = association(value)?;
                self.assigned = self.assigned.or(assigned);
                self.is_refusal |= is_refusal;
            }
            option::STATUS => self.is_refusal |= value.u16()? != 0,
            option::DNS => self.dns = hosts(value)?,
            option::SNTP => self.ntp = hosts(value)?,
            option::DOMAINS => {
                self.domains = domains(value)?;
                self.domains.truncate(MOST_DOMAINS);
            }
            option::BOOT_FILE => {
                let text = core::str::from_utf8(value.rest()).ok();
                let is_text = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
                self.boot_file = text.filter(is_text).map(String::from);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it answers this client's request.
    pub(super) fn is_for(&self, card: [u8; 6], transaction: [u8; 3]) -> bool {
        self.transaction == transaction && self.client == duid(card)
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Result<(u16, Reader<'a>), Malformed> {
    let [code, length] = [reader.u16()?, reader.u16()?];
    Ok((code, reader.part("DHCPv6 option", usize::from(length))?))
}

/// Parses an IA_NA (section 21.4): its first valid address, and whether it has an error status.
fn association(mut value: Reader<'_>) -> Result<(Option<Assigned>, bool), Malformed> {
    let [_iaid, first, second] = [value.u32()?, value.u32()?, value.u32()?];
    let (mut assigned, mut is_refusal) = (None, false);
    while !value.is_empty() {
        let (code, mut value) = next(&mut value)?;
        match code {
            option::ADDRESS => {
                let address = Ipv6Addr::from(value.array::<16>()?);
                let [_preferred, valid] = [value.u32()?, value.u32()?];
                let is_host = !address.is_multicast() && !address.is_unspecified() && !address.is_loopback();
                if valid > 0 && is_host && assigned.is_none() {
                    assigned = Some(Assigned::new(address, valid, [first, second]));
                }
            }
            option::STATUS => is_refusal |= value.u16()? != 0,
            _ => {}
        }
    }
    Ok((assigned, is_refusal))
}

impl Assigned {
    /// If T1 and T2 are not in order, they become a half and eight tenths of the lifetime (section 21.4).
    fn new(address: Ipv6Addr, valid: u32, [first, second]: [u32; 2]) -> Self {
        let [valid, first, second] =
            [valid, first, second].map(|seconds| Duration::from_secs(u64::from(seconds)));
        let tenths = |share: u32| valid.checked_mul(share).and_then(|t| t.checked_div(10)).unwrap_or(valid);
        let is_given = !first.is_zero() && first < second && second < valid;
        let renewal = if is_given { [first, second] } else { [tenths(5), tenths(8)] };
        Self { address, valid, renewal }
    }
}

fn hosts(mut value: Reader<'_>) -> Result<Vec<Ipv6Addr>, Malformed> {
    let mut hosts = Vec::new();
    while !value.is_empty() {
        let address = Ipv6Addr::from(value.array::<16>()?);
        if hosts.len() < MOST_SERVERS && !address.is_multicast() && !address.is_unspecified() {
            hosts.push(address);
        }
    }
    Ok(hosts)
}

#[cfg(test)]
pub(super) mod tests {
    use std::vec;

    use super::*;

    pub const CARD: [u8; 6] = [2, 0, 0, 0, 0, 7];
    pub const SERVER: &[u8] = b"\x00\x02server";
    pub const ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![];
        add(&mut bytes, code, value);
        bytes
    }

    /// A server's message with these options besides the identifiers.
    pub fn message(kind: u8, transaction: [u8; 3], options: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend(transaction);
        add(&mut bytes, option::CLIENT, &duid(CARD));
        add(&mut bytes, option::SERVER, SERVER);
        options.iter().for_each(|option| bytes.extend(option));
        bytes
    }

    /// An IA_NA with one address for so many seconds.
    pub fn association_option(seconds: u32, renewal: [u32; 2]) -> Vec<u8> {
        let mut address = ADDRESS.octets().to_vec();
        address.extend(seconds.to_be_bytes());
        address.extend(seconds.to_be_bytes());
        let mut value = IAID.to_be_bytes().to_vec();
        renewal.iter().for_each(|time| value.extend(time.to_be_bytes()));
        value.extend(option(option::ADDRESS, &address));
        option(option::IA_NA, &value)
    }

    pub fn refusal_option() -> Vec<u8> {
        option(option::STATUS, &[0, 2, b'n', b'o'])
    }

    fn cause(bytes: &[u8]) -> (usize, &'static str) {
        let error = Reply::parse(bytes).unwrap_err();
        (error.offset, error.cause)
    }

    #[test]
    fn a_reply_is_read() {
        let options = [
            association_option(3600, [100, 200]),
            option(option::DNS, &ADDRESS.octets()),
            option(option::SNTP, &ADDRESS.octets()),
            option(option::DOMAINS, b"\x03lan\x00\x01a\x03lan\x00"),
            option(option::BOOT_FILE, b"oci://registry.example/linux:1"),
            option(200, b"?"),
        ];
        let reply = Reply::parse(&message(7, [1, 2, 3], &options)).unwrap();
        assert!(!reply.is_offer && !reply.is_refusal && reply.is_for(CARD, [1, 2, 3]));
        assert!(!reply.is_for(CARD, [1, 2, 4]) && !reply.is_for([9; 6], [1, 2, 3]));
        let own = reply.assigned.unwrap();
        assert_eq!((own.address, own.valid), (ADDRESS, Duration::from_secs(3600)));
        assert_eq!(own.renewal, [100, 200].map(Duration::from_secs));
        assert_eq!((reply.dns, reply.ntp), (vec![ADDRESS], vec![ADDRESS]));
        assert_eq!(reply.domains, ["lan", "a.lan"]);
        assert_eq!(reply.boot_file.as_deref(), Some("oci://registry.example/linux:1"));
    }

    #[test]
    fn times_are_in_order() {
        let renewal = |valid, given| {
            let reply = Reply::parse(&message(7, [0; 3], &[association_option(valid, given)])).unwrap();
            reply.assigned.map(|own| own.renewal)
        };
        assert_eq!(renewal(100, [0, 0]), Some([50, 80].map(Duration::from_secs)));
        assert_eq!(renewal(100, [90, 20]), Some([50, 80].map(Duration::from_secs)));
        assert_eq!(renewal(0, [0, 0]), None, "not valid any more");
    }

    #[test]
    fn a_refusal_is_seen_inside_and_outside() {
        let reply = Reply::parse(&message(7, [0; 3], &[refusal_option()])).unwrap();
        assert!(reply.is_refusal && reply.assigned.is_none());
        let mut inside = vec![0; 12];
        inside.extend(refusal_option());
        let reply = Reply::parse(&message(2, [0; 3], &[option(option::IA_NA, &inside)])).unwrap();
        assert!(reply.is_offer && reply.is_refusal && reply.assigned.is_none());
    }

    #[test]
    fn broken_messages_are_refused() {
        assert_eq!(cause(&message(1, [0; 3], &[])), (0, "not a server's answer"));
        assert_eq!(cause(&[7, 0, 0, 0]), (0, "the client or server identifier is missing"));
        let long = option(option::SERVER, &[1; LONGEST_DUID + 1]);
        assert_eq!(cause(&message(7, [0; 3], &[long])), (0, "the client or server identifier is missing"));
        assert_eq!(cause(&[7; LONGEST + 1]), (0, "longer than a frame"));
        assert_eq!(cause(&message(7, [0; 3], &[option(option::IA_NA, &[0; 11])])).1, "truncated");
        assert_eq!(cause(&message(7, [0; 3], &[option(option::DNS, &[0; 17])])).1, "truncated");
        let whole = message(7, [0; 3], &[association_option(9, [0; 2])]);
        assert_eq!(cause(&whole[..whole.len() - 1]), (34, "truncated"));
    }
}
