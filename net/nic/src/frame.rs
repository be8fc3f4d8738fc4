// SPDX-License-Identifier: BSD-3-Clause
//! Received frames.

use alloc::boxed::Box;
use core::ops::Range;

/// A received frame, in the buffer that the card wrote it to.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    buffer: Box<[u8]>,
    /// The frame's range in the buffer. Invariant: within it.
    range: Range<usize>,
    partial: Option<Partial>,
}

/// A checksum that the sender, on the same host, left to hardware that the frame never passed (virtio 1.2, section
/// 5.1.6.4: VIRTIO_NET_HDR_F_NEEDS_CSUM).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Partial {
    /// Where the sum starts, in bytes from the start of the frame.
    start: u16,
    /// Where the result belongs, in bytes from `start`.
    offset: u16,
}

impl Frame {
    /// The frame at `range` of a buffer; `None` if the range is not within it.
    pub fn new(buffer: Box<[u8]>, range: Range<usize>) -> Option<Self> {
        buffer.get(range.clone())?;
        Some(Self { buffer, range, partial: None })
    }

    /// The same frame, with a TCP or UDP checksum that covers the pseudo header only: the sum starts at byte `start`
    /// of the frame, and the result belongs `offset` bytes after that.
    #[must_use]
    pub fn with_partial_checksum(self, start: u16, offset: u16) -> Self {
        Self { partial: Some(Partial { start, offset }), ..self }
    }

    /// The frame, from the destination address on.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }

    /// Computes the checksum if the sender left it out. A caller that verifies checksums calls this first; one that
    /// does not saves the time.
    ///
    /// An offset outside the frame is ignored: such a frame then fails verification.
    pub fn complete_checksum(&mut self) {
        let Some(Partial { start, offset }) = self.partial.take() else { return };
        let frame = self.buffer.get_mut(self.range.clone()).unwrap_or_default();
        let Some(covered) = frame.get_mut(usize::from(start)..) else { return };
        let sum = !ones_complement_sum(covered);
        // Zero means "no checksum" in UDP; the other zero of one's complement stands for it.
        let sum = if sum == 0 { 0xffff } else { sum };
        let field = covered.get_mut(usize::from(offset)..).and_then(<[u8]>::first_chunk_mut);
        if let Some(field) = field {
            *field = sum.to_be_bytes();
        }
    }

    /// The buffer, for the driver that lent it.
    pub fn into_buffer(self) -> Box<[u8]> {
        self.buffer
    }
}

/// The sum of RFC 1071 over 16-bit words, the last one padded with zero.
fn ones_complement_sum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    // 2^32 words of 32 bits fit: no wrap.
    let sum = words
        .iter()
        .chain([&last])
        .fold(0u64, |sum, word| sum.wrapping_add(u64::from(u32::from_be_bytes(*word))));
    // The sum is the same modulo 2^16 - 1, of which 2^16 and 2^32 are 1.
    let [a, b, c, d, e, f, g, h] = sum.to_be_bytes();
    let quarters = [[a, b], [c, d], [e, f], [g, h]];
    let mut folded =
        quarters.iter().fold(0u32, |sum, pair| sum.wrapping_add(u32::from(u16::from_be_bytes(*pair))));
    // Four words carry twice at most.
    for _ in 0..2 {
        folded = (folded & 0xffff).wrapping_add(folded >> 16);
    }
    let [_, _, high, low] = folded.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn frame(bytes: &[u8]) -> Frame {
        Frame::new(bytes.into(), 0..bytes.len()).unwrap()
    }

    #[test]
    fn a_frame_stands_where_the_driver_says() {
        let frame = Frame::new(vec![1, 2, 3, 4].into(), 1..3).unwrap();
        assert_eq!(frame.bytes(), [2, 3]);
        assert_eq!(&*frame.into_buffer(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_frame_outside_its_buffer_is_refused() {
        assert_eq!(Frame::new(vec![1, 2].into(), 1..3), None);
        #[expect(clippy::reversed_empty_ranges, reason = "what a broken card may say")]
        let backwards = 2..1;
        assert_eq!(Frame::new(vec![1, 2].into(), backwards), None);
    }

    #[test]
    fn the_sum_is_that_of_the_rfc() {
        // RFC 1071, section 3: the words 0001, f203, f4f5, f6f7 sum to ddf2.
        assert_eq!(ones_complement_sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(ones_complement_sum(&[]), 0);
        assert_eq!(ones_complement_sum(&[0xab]), 0xab00);
        assert_eq!(ones_complement_sum(&[0xff; 65536]), 0xffff);
    }

    #[test]
    fn a_completed_frame_sums_to_all_ones() {
        // Odd and even lengths; the field at the start, in the middle, and holding the pseudo header's sum.
        for length in [24, 25, 26, 27] {
            for offset in [0, 6, 16] {
                let mut bytes: Vec<u8> = (0..length).map(|i: u8| i.wrapping_mul(37)).collect();
                bytes[3 + offset..5 + offset].copy_from_slice(&[0x12, 0x34]);
                let pseudo = u16::from_be_bytes([0x12, 0x34]);
                let mut frame = frame(&bytes).with_partial_checksum(3, offset.try_into().unwrap());
                frame.complete_checksum();
                // The receiver's rule: the covered bytes and the pseudo header together sum to ffff.
                let sum = u32::from(ones_complement_sum(&frame.bytes()[3..])) + u32::from(pseudo);
                let sum = (sum & 0xffff) + (sum >> 16);
                assert_eq!(sum, 0xffff, "{length} {offset}");
            }
        }
    }

    #[test]
    fn a_sum_of_zero_is_stored_as_ffff() {
        let mut frame = frame(&[0xff, 0xff, 0, 0]).with_partial_checksum(0, 2);
        frame.complete_checksum();
        assert_eq!(frame.bytes(), [0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_checksum_outside_the_frame_changes_nothing() {
        for (start, offset) in [(4, 0), (5, 0), (0, 3), (0, 4), (3, 0), (0xffff, 0xffff)] {
            let mut frame = frame(&[1, 2, 3, 4]).with_partial_checksum(start, offset);
            frame.complete_checksum();
            assert_eq!(frame.bytes(), [1, 2, 3, 4], "{start} {offset}");
        }
    }

    #[test]
    fn a_checksum_is_completed_once() {
        let mut frame = frame(&[1, 2, 3, 4, 0, 0]).with_partial_checksum(0, 4);
        frame.complete_checksum();
        let once = frame.bytes().to_vec();
        frame.complete_checksum();
        assert_eq!(frame.bytes(), once);
    }
}
