// SPDX-License-Identifier: BSD-3-Clause
//! Reads big-endian fields of messages in order.

use core::net::Ipv4Addr;

use crate::Malformed;

/// The unread rest of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    structure: &'static str,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which errors call `structure`.
    pub fn new(structure: &'static str, bytes: &'a [u8]) -> Self {
        Self { structure, bytes, offset: 0 }
    }

    /// An error about the next byte.
    pub fn malformed(&self, cause: &'static str) -> Malformed {
        Malformed { structure: self.structure, offset: self.offset, cause }
    }

    /// The number of bytes read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The bytes that have not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            return Err(self.malformed("truncated"));
        };
        self.advance(rest, length)?;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return Err(self.malformed("truncated"));
        };
        self.advance(rest, N)?;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn v4(&mut self) -> Result<Ipv4Addr, Malformed> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    /// The next `length` bytes as a separate reader, whose offsets still count from the start of the message.
    pub fn part(&mut self, structure: &'static str, length: usize) -> Result<Self, Malformed> {
        let offset = self.offset;
        Ok(Self { structure, bytes: self.take(length)?, offset })
    }

    fn advance(&mut self, rest: &'a [u8], by: usize) -> Result<(), Malformed> {
        self.offset = self.offset.checked_add(by).ok_or_else(|| self.malformed("too long"))?;
        self.bytes = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_order_and_the_end_is_named() {
        let mut reader = Reader::new("thing", &[1, 0, 2, 0, 0, 0, 3, 9, 8, 7]);
        assert_eq!((reader.u8(), reader.u16(), reader.u32()), (Ok(1), Ok(2), Ok(3)));
        let mut part = reader.part("part", 2).unwrap();
        assert_eq!(part.take(2), Ok(&[9, 8][..]));
        assert!(part.is_empty());
        assert_eq!(part.u8().unwrap_err().offset, 9);
        assert_eq!((reader.offset(), reader.rest()), (9, &[7][..]));
        let error = reader.u16().unwrap_err();
        assert_eq!(error, Malformed { structure: "thing", offset: 9, cause: "truncated" });
        assert_eq!(reader.u8(), Ok(7), "an error takes nothing");
    }
}
