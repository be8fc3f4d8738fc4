// SPDX-License-Identifier: BSD-3-Clause
//! Buffers of a connection: bounded, and zeroised when dropped, because records are decrypted in them.
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::Cause;

/// The largest record in bytes: header, 16 KiB, and the 2 KiB that protection may add in TLS 1.2.
const RECORD: usize = 5 + (16 << 10) + (2 << 10);
/// Two records, so that one can be completed while the other is used.
const FIRST: usize = 2 * RECORD;
/// A handshake message of 64 KiB, the largest that rustls accepts, in full records, and the next record.
const LARGEST: usize = 5 * RECORD;
/// The most bytes queued for sending: handshake messages are queued; application data goes record by record.
const LARGEST_OUTGOING: usize = 2 * LARGEST;

/// Bytes from the server: `bytes[start..end]`, with `start <= end <= bytes.len()`.
pub struct Incoming {
    bytes: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Incoming {
    pub fn new() -> Result<Self, Cause> {
        let mut incoming = Self { bytes: Zeroizing::new(Vec::new()), start: 0, end: 0 };
        incoming.grow(FIRST)?;
        Ok(incoming)
    }

    /// The received bytes.
    pub fn filled(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Drops bytes at the start; all of them if `count` is larger.
    pub fn discard(&mut self, count: usize) {
        self.start = self.start.checked_add(count).filter(|start| *start < self.end).unwrap_or(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Space for more bytes, never empty.
    ///
    /// # Errors
    /// [`Cause::Size`] when the buffer is full and has its largest size.
    pub fn room(&mut self) -> Result<&mut [u8], Cause> {
        // Cannot saturate: `end` is at most the length of `bytes`.
        let free = self.bytes.len().saturating_sub(self.end);
        if free < RECORD && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            if self.end >= LARGEST {
                return Err(Cause::Size("a handshake message"));
            }
            self.grow(LARGEST)?;
        }
        Ok(self.bytes.get_mut(self.end..).unwrap_or_default())
    }

    /// Adds bytes that were written into [`Self::room`]; false if `count` is more than that room.
    pub fn advance(&mut self, count: usize) -> bool {
        let end = self.end.checked_add(count).filter(|end| *end <= self.bytes.len());
        self.end = end.unwrap_or(self.end);
        end.is_some()
    }

    /// Grows into a new allocation, so that the old one is zeroised.
    fn grow(&mut self, size: usize) -> Result<(), Cause> {
        let mut bytes = Zeroizing::new(Vec::new());
        bytes.try_reserve_exact(size).map_err(|_| Cause::Memory)?;
        bytes.extend_from_slice(&self.bytes);
        bytes.resize(size, 0);
        self.bytes = bytes;
        Ok(())
    }
}

/// Bytes queued for sending: `bytes[start..]`.
#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    start: usize,
}

impl Outgoing {
    pub fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Drops sent bytes; false if there are fewer.
    pub fn sent(&mut self, count: usize) -> bool {
        let start = self.start.checked_add(count).filter(|start| *start <= self.bytes.len());
        self.start = start.unwrap_or(self.start);
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
        start.is_some()
    }

    /// Appends what `write` writes into a buffer of `size` bytes; it returns how many it used.
    ///
    /// # Errors
    /// [`Cause::Size`] when too much is queued already, [`Cause::Memory`], and those of `write`.
    pub fn append(
        &mut self,
        size: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Cause>,
    ) -> Result<(), Cause> {
        let had = self.bytes.len();
        let needed = had.checked_add(size).filter(|needed| *needed <= LARGEST_OUTGOING);
        let needed = needed.ok_or(Cause::Size("the reply to the server"))?;
        self.bytes.try_reserve(size).map_err(|_| Cause::Memory)?;
        self.bytes.resize(needed, 0);
        let written = write(self.bytes.get_mut(had..).unwrap_or_default());
        let used = written.as_ref().map_or(0, |used| *used);
        self.bytes.truncate(had.checked_add(used).unwrap_or(had));
        written.map(|_| ())
    }
}

/// Decrypted bytes not yet read: `bytes[start..]`. At most as long as [`Incoming`], from which they are
/// decrypted: nothing is received while there are any.
#[derive(Default)]
pub struct Plain {
    bytes: Zeroizing<Vec<u8>>,
    start: usize,
}

impl Plain {
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        // Cannot saturate: a vector's length is at most its capacity.
        let free = self.bytes.capacity().saturating_sub(self.bytes.len());
        if free < bytes.len() {
            // A new allocation, so that the old one is zeroised.
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let mut larger = Zeroizing::new(Vec::new());
            let size = rest.len().checked_add(bytes.len()).ok_or(Cause::Memory)?;
            larger.try_reserve_exact(size.max(RECORD)).map_err(|_| Cause::Memory)?;
            larger.extend_from_slice(rest);
            (self.bytes, self.start) = (larger, 0);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Moves as many bytes as fit, and returns the number.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let moved = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..moved), rest.get(..moved)) {
            to.copy_from_slice(from);
        }
        self.start = self.start.checked_add(moved).unwrap_or(self.start);
        moved
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn fill(incoming: &mut Incoming, count: usize) {
        let mut left = count;
        while left > 0 {
            let room = incoming.room().unwrap();
            let part = room.len().min(left);
            room[..part].fill(1);
            assert!(incoming.advance(part));
            left -= part;
        }
    }

    #[test]
    fn incoming_grows_to_its_largest_size_and_no_further() {
        let mut incoming = Incoming::new().unwrap();
        fill(&mut incoming, LARGEST);
        assert_eq!(incoming.filled().len(), LARGEST);
        assert_eq!(incoming.room().err(), Some(Cause::Size("a handshake message")));
        incoming.discard(1);
        assert_eq!(incoming.room().map(|room| room.len()), Ok(1));
        incoming.discard(usize::MAX);
        assert_eq!(incoming.filled(), []);
        assert_eq!(incoming.room().map(|room| room.len()), Ok(LARGEST));
    }

    #[test]
    fn incoming_moves_what_is_left_to_the_front() {
        let mut incoming = Incoming::new().unwrap();
        fill(&mut incoming, FIRST);
        incoming.discard(FIRST - 10);
        assert_eq!(incoming.filled(), [1; 10]);
        assert_eq!(incoming.room().map(|room| room.len()), Ok(FIRST - 10));
        assert_eq!(incoming.filled(), [1; 10]);
        assert!(!incoming.advance(FIRST - 9), "more than there was room for");
        assert_eq!(incoming.filled(), [1; 10]);
    }

    #[test]
    fn outgoing_keeps_order_and_bound() {
        let mut outgoing = Outgoing::default();
        for byte in [1, 2] {
            outgoing
                .append(8, |space| {
                    space[..2].fill(byte);
                    Ok(2)
                })
                .unwrap();
        }
        assert_eq!(outgoing.waiting(), [1, 1, 2, 2]);
        assert!(outgoing.sent(3));
        assert_eq!(outgoing.append(5, |_| Err(Cause::Mac)), Err(Cause::Mac));
        assert_eq!(outgoing.waiting(), [2]);
        assert!(!outgoing.sent(2));
        assert!(outgoing.sent(1));
        assert_eq!(outgoing.waiting(), []);
        assert!(matches!(outgoing.append(LARGEST_OUTGOING + 1, |_| Ok(0)), Err(Cause::Size(_))));
    }

    #[test]
    fn plain_comes_out_in_pieces_of_any_size() {
        let text: Vec<u8> = (0..=255).cycle().take(3 * RECORD + 7).collect();
        for piece in [1, 1000, RECORD, RECORD + 1, 4 * RECORD] {
            let mut plain = Plain::default();
            plain.append(&text[..100]).unwrap();
            plain.append(&text[100..]).unwrap();
            let (mut out, mut buffer) = (Vec::new(), vec![0; piece]);
            while !plain.is_empty() {
                let count = plain.take(&mut buffer);
                assert_eq!(count, piece.min(text.len() - out.len()));
                out.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(out, text);
        }
    }
}
