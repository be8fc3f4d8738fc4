// SPDX-License-Identifier: BSD-3-Clause
//! The buffer that content is unpacked into.

use alloc::vec::Vec;

use crate::{Error, Format, pe::wide};

/// The least that the buffer grows by, in bytes.
const STEP: usize = 1 << 20;

/// A buffer that grows up to a limit, and whose content later content may refer back to.
pub struct Output {
    format: Format,
    limit: u64,
    /// The first `length` bytes are content, the others are zero and free to be written.
    bytes: Vec<u8>,
    length: usize,
}

/// What is known of content before it is unpacked.
pub struct Expected {
    /// Its claimed length in bytes.
    pub size: Option<u64>,
    /// Length in bytes of the compressed data.
    pub data: usize,
    /// The most bytes of content that a byte of such data can hold.
    pub ratio: u64,
}

impl Output {
    /// An empty buffer that may grow to `limit` bytes.
    pub fn new(format: Format, limit: u64) -> Self {
        Self { format, limit, bytes: Vec::new(), length: 0 }
    }

    /// The most bytes that the content may have.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Number of bytes that the content has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The content so far.
    pub fn content(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Reserves memory for the claimed length, but not for more than the data can hold.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub fn expect(&mut self, expected: Expected) -> Result<(), Error> {
        // A saturated value is above any limit.
        let most = wide(expected.data).saturating_mul(expected.ratio);
        self.reserve(expected.size.unwrap_or_default().min(most).min(self.limit))
    }

    /// Reserves memory for `more` bytes behind the content, or for as many as the limit allows; returns how many.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub fn room(&mut self, more: usize) -> Result<usize, Error> {
        // Cannot saturate: the content is within the limit.
        let left = self.limit.saturating_sub(wide(self.length));
        let more = more.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.grow(more)?;
        Ok(more)
    }

    /// Reserves memory for content of `size` bytes in all.
    ///
    /// # Errors
    /// [`Error::Limit`] when that is more than is allowed.
    pub fn reserve(&mut self, size: u64) -> Result<(), Error> {
        if size > self.limit {
            return Err(Error::Limit { format: self.format, size, limit: self.limit });
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size <= self.bytes.len() {
            return Ok(());
        }
        let no_memory = |_| Error::NoMemory { format: self.format, bytes: wide(size) };
        // Cannot saturate: `size` is greater.
        self.bytes.try_reserve_exact(size.saturating_sub(self.bytes.len())).map_err(no_memory)?;
        self.bytes.resize(size, 0);
        Ok(())
    }

    /// Reserves memory for `more` bytes behind the content, doubling the buffer if the limit allows.
    ///
    /// # Errors
    /// [`Error::Limit`] when not even `more` bytes are allowed.
    pub fn grow(&mut self, more: usize) -> Result<(), Error> {
        // A saturated value is above any limit.
        let needed = wide(self.length).saturating_add(wide(more));
        if needed <= wide(self.bytes.len()) {
            return Ok(());
        }
        let wanted = wide(self.length).saturating_add(wide(self.length.max(STEP)));
        self.reserve(wanted.min(self.limit).max(needed))
    }

    /// All memory there is, and the length of the content in it.
    pub fn memory(&mut self) -> (&mut [u8], usize) {
        (&mut self.bytes, self.length)
    }

    /// The content, and the memory behind it.
    pub fn split(&mut self) -> (&[u8], &mut [u8]) {
        match self.bytes.split_at_mut_checked(self.length) {
            Some((content, free)) => (content, free),
            None => (&[], &mut []),
        }
    }

    /// Counts `written` more bytes as content.
    pub fn advance(&mut self, written: usize) {
        // Cannot saturate: both are in memory.
        self.length = self.length.saturating_add(written).min(self.bytes.len());
    }

    /// Copies content to the end.
    ///
    /// # Errors
    /// As [`grow`](Self::grow).
    pub fn push(&mut self, data: &[u8]) -> Result<(), Error> {
        self.grow(data.len())?;
        if let Some(place) = self.split().1.get_mut(..data.len()) {
            place.copy_from_slice(data);
        }
        self.advance(data.len());
        Ok(())
    }

    /// The content, without unused memory.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_doubling_up_to_the_limit_and_no_further() {
        let mut output = Output::new(Format::Gzip, 5 << 20);
        output.push(&[1; 3]).unwrap();
        assert_eq!(output.memory().0.len(), STEP);
        for _ in 0..4 {
            output.push(&[2; 1 << 20]).unwrap();
        }
        assert_eq!(output.content().len(), 3 + (4 << 20));
        assert_eq!(
            output.push(&[3; 1 << 20]),
            Err(Error::Limit { format: Format::Gzip, size: 3 + (5 << 20), limit: 5 << 20 })
        );
        output.push(&[3; (1 << 20) - 3]).unwrap();
        assert!(output.grow(1).is_err());
        let content = output.finish();
        assert_eq!((content.len(), content[2], content[3], content[(5 << 20) - 1]), (5 << 20, 1, 2, 3));
    }

    #[test]
    fn reserve_rejects_a_size_beyond_the_limit_before_it_takes_memory() {
        let mut output = Output::new(Format::Zstd, 1000);
        assert!(output.reserve(u64::MAX).is_err());
        assert!(output.reserve(1001).is_err());
        output.reserve(1000).unwrap();
        output.reserve(10).unwrap();
        assert_eq!(output.memory().0.len(), 1000);
    }
}
