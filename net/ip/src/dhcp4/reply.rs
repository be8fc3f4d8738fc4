// SPDX-License-Identifier: BSD-3-Clause
//! Messages from servers (RFC 2131, section 2).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{LONGEST, MAGIC, option};
use crate::{Malformed, reader::Reader};

/// BOOTREPLY.
const REPLY: u8 = 2;
/// Ethernet, and the length of its addresses.
const HARDWARE: [u8; 2] = [1, 6];

/// The type of a server's message (option 53).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK.
    Acknowledged,
    /// DHCPNAK.
    Refused,
}

/// A server's message whose options are well-formed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply<'a> {
    /// What it is.
    pub kind: Kind,
    /// `xid`: the transaction ID of the request that it answers.
    pub transaction: u32,
    /// `yiaddr`: the client's address.
    pub address: Ipv4Addr,
    /// The first six bytes of `chaddr`: the client's card.
    pub card: [u8; 6],
    /// Option 54: the server.
    pub server: Ipv4Addr,
    /// `file`, up to its first zero byte; empty if it holds options.
    pub file: &'a [u8],
    /// The fields with options, in order: options, file, sname (RFC 3396, section 5). Each is a sequence of whole
    /// options.
    areas: [&'a [u8]; 3],
}

impl<'a> Reply<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// Not a reply to an Ethernet card, truncated options, no message type or no server.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("DHCP header", bytes);
        if bytes.len() > LONGEST {
            return Err(reader.malformed("longer than a frame"));
        }
        let start = reader;
        if reader.u8()? != REPLY {
            return Err(start.malformed("not a reply"));
        }
        let at = reader;
        if reader.array()? != HARDWARE {
            return Err(at.malformed("not for an Ethernet address"));
        }
        let _hops = reader.u8()?;
        let transaction = reader.u32()?;
        let [_secs, _flags] = [reader.u16()?, reader.u16()?];
        let [_client, address, _next, _relay] = [reader.v4()?, reader.v4()?, reader.v4()?, reader.v4()?];
        let card = reader.array()?;
        let _padding: [u8; 10] = reader.array()?;
        let sname = reader.part("DHCP sname", 64)?;
        let file = reader.part("DHCP file", 128)?;
        let at = reader;
        if reader.array()? != MAGIC {
            return Err(at.malformed("wrong magic cookie"));
        }
        let rest = reader.rest().len();
        let options = reader.part("DHCP options", rest)?;
        let (areas, is_file_options) = areas(options, file, sname)?;
        let name = file.rest().split(|byte| *byte == 0).next().unwrap_or_default();
        let file = if is_file_options { &[] } else { name };
        let (kind, server) = (Kind::Offer, Ipv4Addr::UNSPECIFIED);
        let mut reply = Self { kind, transaction, address, card, server, file, areas };
        reply.kind = match reply.option(option::KIND).as_deref() {
            Some([2]) => Kind::Offer,
            Some([5]) => Kind::Acknowledged,
            Some([6]) => Kind::Refused,
            _ => return Err(options.malformed("not a server's message type")),
        };
        let server = reply.address_option(option::SERVER);
        reply.server = server.ok_or_else(|| options.malformed("no server identifier"))?;
        Ok(reply)
    }

    /// The value of an option, all its parts joined; `None` if it is missing.
    pub fn option(&self, code: u8) -> Option<Vec<u8>> {
        let mut joined = None;
        for area in self.areas {
            // All areas were checked before.
            if let Ok(Some(part)) = scan(Reader::new("DHCP options", area), code) {
                joined.get_or_insert_with(Vec::new).extend(part);
            }
        }
        joined
    }

    /// The value of an option that is an address.
    pub(super) fn address_option(&self, code: u8) -> Option<Ipv4Addr> {
        let value = self.option(code)?;
        Reader::new("DHCP option", &value).v4().ok()
    }

    /// The value of an option that is a number of 32 bits.
    pub(super) fn number_option(&self, code: u8) -> Option<u32> {
        let value = self.option(code)?;
        Reader::new("DHCP option", &value).u32().ok()
    }
}

/// The fields with options, all of them whole, and whether `file` is one of them (option 52).
fn areas<'a>(
    options: Reader<'a>,
    file: Reader<'a>,
    sname: Reader<'a>,
) -> Result<([&'a [u8]; 3], bool), Malformed> {
    let overload = match scan(options, option::OVERLOAD)?.as_deref() {
        Some([overload @ 1..=3]) => *overload,
        Some(_) => return Err(options.malformed("invalid option overload")),
        None => 0,
    };
    let area = |part: Reader<'a>, bit: u8| if overload & bit == 0 { Reader::new("", &[]) } else { part };
    let areas = [options, area(file, 1), area(sname, 2)];
    for area in areas {
        scan(area, option::END)?;
    }
    Ok((areas.map(|area| area.rest()), overload & 1 != 0))
}

/// The joined values of all options `wanted` in an area of at most [`LONGEST`] bytes.
fn scan(mut area: Reader<'_>, wanted: u8) -> Result<Option<Vec<u8>>, Malformed> {
    let mut joined = None;
    while !area.is_empty() {
        let code = area.u8()?;
        match code {
            option::PAD => continue,
            option::END => break,
            _ => {}
        }
        let length = area.u8()?;
        let value = area.take(usize::from(length))?;
        if code == wanted {
            joined.get_or_insert_with(Vec::new).extend_from_slice(value);
        }
    }
    Ok(joined)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    pub const CARD: [u8; 6] = [2, 0, 0, 0, 0, 7];
    pub const SERVER: [u8; 4] = [10, 0, 0, 1];

    /// A reply with these options.
    pub fn reply(kind: u8, transaction: u32, options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![2, 1, 6, 0];
        bytes.extend(transaction.to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend([10, 0, 0, 9]);
        bytes.extend([0; 8]);
        bytes.extend(CARD);
        bytes.extend([0; 10 + 64 + 128]);
        bytes.extend(MAGIC);
        for (code, value) in [(53, &[kind][..]), (54, &SERVER[..])].iter().chain(options) {
            bytes.extend([*code, value.len() as u8]);
            bytes.extend(*value);
        }
        bytes.push(255);
        bytes
    }

    fn refused(bytes: &[u8]) -> (usize, &'static str) {
        let error = Reply::parse(bytes).unwrap_err();
        (error.offset, error.cause)
    }

    #[test]
    fn a_reply_is_read() {
        let bytes = reply(5, 77, &[(0, &[]), (12, b"na"), (0xfe, b"x"), (12, b"me")]);
        let reply = Reply::parse(&bytes).unwrap();
        assert_eq!((reply.kind, reply.transaction, reply.card), (Kind::Acknowledged, 77, CARD));
        assert_eq!((reply.address, reply.server), (Ipv4Addr::new(10, 0, 0, 9), SERVER.into()));
        assert_eq!(reply.option(12).as_deref(), Some(&b"name"[..]), "parts are joined");
        assert_eq!(reply.option(13), None);
    }

    #[test]
    fn options_stand_in_the_name_fields_too() {
        let mut bytes = reply(5, 77, &[(52, &[3]), (12, b"a")]);
        bytes[108..112].copy_from_slice(&[12, 1, b'b', 255]);
        bytes[44..48].copy_from_slice(&[12, 1, b'c', 255]);
        let reply = Reply::parse(&bytes).unwrap();
        assert_eq!((reply.option(12).as_deref(), reply.file), (Some(&b"abc"[..]), &b""[..]));
        bytes[109] = 200;
        assert_eq!(refused(&bytes), (110, "truncated"));
        bytes[109] = 1;
        bytes[251] = 9;
        assert_eq!(refused(&bytes), (240, "invalid option overload"));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        let good = reply(2, 1, &[]);
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            refused(&bytes)
        };
        assert_eq!(changed(0, 1), (0, "not a reply"));
        assert_eq!(changed(1, 6), (1, "not for an Ethernet address"));
        assert_eq!(changed(2, 8), (1, "not for an Ethernet address"));
        assert_eq!(changed(236, 0), (236, "wrong magic cookie"));
        assert_eq!(changed(242, 1), (240, "not a server's message type"));
        assert_eq!(changed(243, 56), (240, "no server identifier"));
        assert_eq!(changed(244, 200), (245, "truncated"));
        for length in 0..good.len() - 1 {
            assert!(Reply::parse(&good[..length]).is_err() || length >= 249, "{length}");
        }
        assert_eq!(refused(&[2; LONGEST + 1]), (0, "longer than a frame"));
    }
}
