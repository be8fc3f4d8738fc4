// SPDX-License-Identifier: BSD-3-Clause
//! Messages (RFC 1035, section 4.1).

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Kind, LONGEST_DATAGRAM, MOST_RECORDS, name::Name};
use crate::{Malformed, reader::Reader};

/// The class of the Internet.
const INTERNET: u16 = 1;
/// Flags of a query: recursion desired.
const QUERY: u16 = 0x0100;
/// The type of EDNS's pseudo record.
const OPT: u16 = 41;
/// Flags: response; opcode; truncated; RCODE.
const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RCODE: u16 = 0x000f;

/// A question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question<'a> {
    /// The name.
    pub name: &'a Name,
    /// The type of record.
    pub kind: Kind,
}

impl Question<'_> {
    /// The query's bytes, with its ID. With EDNS, an answer may have up to 1232 bytes.
    pub fn bytes(&self, id: u16, has_edns: bool) -> Vec<u8> {
        let additional: u16 = if has_edns { 1 } else { 0 };
        let mut bytes = Vec::new();
        for word in [id, QUERY, 1, 0, 0, additional] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(self.name.wire());
        bytes.extend(self.kind.number().to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        if has_edns {
            // The root as name, the type, the size of datagrams; no flags, no options.
            bytes.push(0);
            bytes.extend(OPT.to_be_bytes());
            bytes.extend(LONGEST_DATAGRAM.to_be_bytes());
            bytes.extend([0; 6]);
        }
        bytes
    }

    /// Whether a message answers this question, asked with this ID.
    pub fn is_answered_by(&self, message: &Message, id: u16) -> bool {
        message.id == id && message.name == *self.name && message.kind == self.kind.number()
    }
}

/// An answer: header fields, the only question, and the records of the answer section.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The ID of the query.
    pub id: u16,
    /// Whether records are missing because they did not fit.
    pub is_truncated: bool,
    /// RCODE: 0 is success, 3 means that there is no such name.
    pub rcode: u8,
    /// The name in the question.
    pub name: Name,
    /// The type of record in the question.
    pub kind: u16,
    /// The records of the answer section with class IN.
    pub answers: Vec<Record>,
}

/// A record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The owner name.
    pub name: Name,
    /// The record data.
    pub data: Data,
}

/// The data of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// An address, A or AAAA.
    Address(IpAddr),
    /// The canonical name (CNAME).
    Alias(Name),
    /// A host that offers a service.
    Service {
        /// Lower values are tried first.
        priority: u16,
        /// The share among hosts of equal priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; the root if the service is not offered.
        target: Name,
    },
    /// Something else.
    Other,
}

impl Data {
    /// Whether it is of this kind.
    pub(super) fn is(&self, kind: Kind) -> bool {
        match self {
            Self::Address(address) => address.is_ipv4() == (kind == Kind::A) && kind != Kind::Srv,
            Self::Service { .. } => kind == Kind::Srv,
            Self::Alias(_) | Self::Other => false,
        }
    }
}

impl Message {
    /// Parses an answer. If it is truncated, the records before its end are read.
    ///
    /// # Errors
    /// Not an answer to a standard query with one question; malformed names, lengths or records; more than
    /// [`MOST_RECORDS`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("DNS message", bytes);
        let id = reader.u16()?;
        let at = reader;
        let flags = reader.u16()?;
        if flags & RESPONSE == 0 || flags & OPCODE != 0 {
            return Err(at.malformed("not a response to a query"));
        }
        let at = reader;
        let [questions, answers, _authorities, _additional] =
            [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        if questions != 1 {
            return Err(at.malformed("not exactly one question"));
        }
        let name = Name::read(&mut reader, bytes)?;
        let kind = reader.u16()?;
        let at = reader;
        if reader.u16()? != INTERNET {
            return Err(at.malformed("the class is not IN"));
        }
        let is_truncated = flags & TRUNCATED != 0;
        let rcode = u8::try_from(flags & RCODE).unwrap_or(u8::MAX);
        let mut message = Self { id, is_truncated, rcode, name, kind, answers: Vec::new() };
        match message.read_records(reader, usize::from(answers), bytes) {
            Err(_) if is_truncated => Ok(message),
            result => result.map(|()| message),
        }
    }

    fn read_records<'a>(
        &mut self,
        mut reader: Reader<'a>,
        count: usize,
        whole: &'a [u8],
    ) -> Result<(), Malformed> {
        if count > MOST_RECORDS {
            return Err(reader.malformed("too many records"));
        }
        for _ in 0..count {
            self.answers.extend(record(&mut reader, whole)?);
        }
        Ok(())
    }
}

/// The next record; `None` if its class is not IN.
fn record<'a>(reader: &mut Reader<'a>, whole: &'a [u8]) -> Result<Option<Record>, Malformed> {
    let name = Name::read(reader, whole)?;
    let [kind, class] = [reader.u16()?, reader.u16()?];
    let _lifetime = reader.u32()?;
    let length = reader.u16()?;
    let mut data = reader.part("DNS record", usize::from(length))?;
    if class != INTERNET {
        return Ok(None);
    }
    let parsed = match kind {
        1 => Data::Address(IpAddr::V4(Ipv4Addr::from(data.array::<4>()?))),
        28 => Data::Address(IpAddr::V6(Ipv6Addr::from(data.array::<16>()?))),
        5 => Data::Alias(Name::read(&mut data, whole)?),
        33 => {
            let [priority, weight, port] = [data.u16()?, data.u16()?, data.u16()?];
            Data::Service { priority, weight, port, target: Name::read(&mut data, whole)? }
        }
        _ => return Ok(Some(Record { name, data: Data::Other })),
    };
    if !data.is_empty() {
        return Err(data.malformed("longer than its type allows"));
    }
    Ok(Some(Record { name, data: parsed }))
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    /// An answer about `a.x` of type A.
    fn answer(flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![];
        for word in [7, flags, 1, records.len() as u16, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(b"\x01a\x01x\x00\x00\x01\x00\x01");
        records.iter().for_each(|record| bytes.extend(*record));
        bytes
    }

    const ADDRESS: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x09\x00\x04\x0a\x00\x00\x01";
    const ALIAS: &[u8] = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01b\xc0\x0e";
    const SERVICE: &[u8] =
        b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x09\x00\x0b\x00\x01\x00\x02\x01\xbb\x02cd\xc0\x0e";
    const CHAOS: &[u8] = b"\xc0\x0c\x00\x01\x00\x03\x00\x00\x00\x09\x00\x01\x0a";

    fn cause(bytes: &[u8]) -> (usize, &'static str) {
        let error = Message::parse(bytes).unwrap_err();
        (error.offset, error.cause)
    }

    #[test]
    fn a_query_is_written() {
        let asked = name("a.x");
        let question = Question { name: &asked, kind: Kind::Srv };
        let plain = question.bytes(0x1234, false);
        assert_eq!(plain, b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x01x\x00\x00\x21\x00\x01");
        let edns = question.bytes(0x1234, true);
        assert_eq!(edns[11], 1);
        assert_eq!(edns[plain.len()..], *b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    }

    #[test]
    fn an_answer_is_read() {
        let message = Message::parse(&answer(0x8180, &[ALIAS, ADDRESS, CHAOS, SERVICE])).unwrap();
        assert_eq!((message.id, message.rcode, message.is_truncated), (7, 0, false));
        assert_eq!((&message.name, message.kind), (&name("a.x"), 1));
        let data: Vec<Data> = message.answers.into_iter().map(|record| record.data).collect();
        let address = Data::Address(Ipv4Addr::new(10, 0, 0, 1).into());
        let service = Data::Service { priority: 1, weight: 2, port: 443, target: name("cd.x") };
        assert_eq!(data, [Data::Alias(name("b.x")), address, service]);
    }

    #[test]
    fn only_its_own_answer_answers_a_question() {
        let message = Message::parse(&answer(0x8180, &[])).unwrap();
        let [same, other] = ["A.x", "b.x"].map(name);
        let answers = |name, kind, id| Question { name, kind }.is_answered_by(&message, id);
        assert!(answers(&same, Kind::A, 7));
        assert!(
            !answers(&same, Kind::A, 8) && !answers(&same, Kind::Aaaa, 7) && !answers(&other, Kind::A, 7)
        );
    }

    #[test]
    fn a_truncated_answer_is_read_as_far_as_it_goes() {
        let whole = answer(0x8380, &[ADDRESS, ADDRESS]);
        let message = Message::parse(&whole[..whole.len() - 3]).unwrap();
        assert!(message.is_truncated);
        assert_eq!(message.answers.len(), 1);
    }

    #[test]
    fn broken_answers_are_refused() {
        assert_eq!(cause(&answer(0x0180, &[])), (2, "not a response to a query"));
        assert_eq!(cause(&answer(0xa180, &[])), (2, "not a response to a query"));
        let mut two = answer(0x8180, &[]);
        two[5] = 2;
        assert_eq!(cause(&two), (4, "not exactly one question"));
        let mut chaos = answer(0x8180, &[]);
        chaos[20] = 3;
        assert_eq!(cause(&chaos), (19, "the class is not IN"));
        let mut long = ADDRESS.to_vec();
        long[11] = 5;
        long.push(0);
        assert_eq!(cause(&answer(0x8180, &[&long])), (37, "longer than its type allows"));
        let whole = answer(0x8180, &[ADDRESS]);
        for length in 0..whole.len() {
            assert_eq!(cause(&whole[..length]).1, "truncated", "{length}");
        }
        let many = vec![ADDRESS; MOST_RECORDS + 1];
        assert_eq!(cause(&answer(0x8180, &many)), (21, "too many records"));
    }
}
