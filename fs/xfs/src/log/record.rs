// SPDX-License-Identifier: BSD-3-Clause
//! Log records, each the result of one write: `xlog_rec_header` of fs/xfs/libxfs/xfs_log_format.h.
//!
//! ```text
//! | header | more headers | operations ...                                 |
//! |        | one per further 32 KiB of h_size | h_len bytes, padded to whole blocks |
//! ```
//! The cycle number replaces the first word of each block of operations; the header keeps the original word.

use alloc::vec;
use core::mem::offset_of;

use crc32c::crc32c;
use filesystem::Fault;
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U32, U64},
};

use super::{
    Failure, Lsn, Outcome, SECTOR, corrupt,
    ring::{LogBlock, Ring},
};

/// `XLOG_HEADER_MAGIC_NUM`
pub const MAGIC: u32 = 0xfeed_babe;
/// `XLOG_VERSION_1 | XLOG_VERSION_2`
const VERSIONS: u32 = 3;
const VERSION_2: u32 = 2;
/// `XLOG_MAX_RECORD_BSIZE`
const MOST_BYTES: u32 = 256 << 10;
/// `XLOG_HEADER_CYCLE_SIZE`: bytes of operations whose first words fit in one header.
const CYCLE_BYTES: u32 = 32 << 10;
/// `XLOG_CYCLE_DATA_SIZE`
const CYCLE_WORDS: usize = 64;
/// Bytes of the first header that the checksum covers: up to the end of `h_pad0`; on 32-bit x86, of `h_size`.
const HEADER_SIZES: [usize; 2] = [offset_of!(Raw, h_reserved), offset_of!(Raw, h_pad0)];
/// Bytes of the other headers that it covers: `XLOG_REC_EXT_SIZE`, a cycle number and the words.
const MORE_HEADER_SIZE: usize = MORE_WORDS_AT + 4 * CYCLE_WORDS;
const MORE_WORDS_AT: usize = 4;
const CRC_AT: usize = offset_of!(Raw, h_crc);
const WORDS_AT: usize = offset_of!(Raw, h_cycle_data);
/// Blocks of the largest record: a buffer of 256 KiB and its headers, with some to spare.
pub const MOST_BLOCKS: usize = 520;
/// `XLOG_FMT_LINUX_LE`
pub const LITTLE_ENDIAN: u32 = 1;
/// `oh_flags` of an operation, and the flag of the one that ends the log on unmount: `XLOG_UNMOUNT_TRANS`.
const FLAGS_AT: usize = 9;
pub const UNMOUNT: u8 = 0x20;

/// `struct xlog_rec_header`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    h_magicno: U32,
    h_cycle: U32,
    h_version: U32,
    h_len: U32,
    h_lsn: U64,
    h_tail_lsn: U64,
    h_crc: zerocopy::little_endian::U32,
    h_prev_block: U32,
    h_num_logops: U32,
    h_cycle_data: [U32; CYCLE_WORDS],
    h_fmt: U32,
    h_fs_uuid: [u8; 16],
    h_size: U32,
    h_pad0: [u8; 4],
    h_reserved: [u8; 184],
}

const _: () = assert!(size_of::<Raw>() == SECTOR);

/// The values in a record's header.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Its block in the log.
    pub at: LogBlock,
    /// Its number.
    pub lsn: Lsn,
    /// Block of the first record whose changes may not be on the device yet, counted from the log's start.
    pub tail: u32,
    /// The number of operations.
    pub operations: u32,
    /// Byte order of the content of operations.
    pub format: u32,
    /// The filesystem's UUID.
    pub uuid: [u8; 16],
    /// Bytes of Linux's buffer for a record.
    pub size: u32,
    /// Every field is within what the format allows.
    is_right: bool,
    /// Blocks of all headers.
    headers: u32,
    /// Bytes of operations.
    length: u32,
    crc: u32,
}

impl Header {
    /// The error for a record of another filesystem.
    pub fn is_foreign(&self, ring: &Ring<'_>) -> Failure {
        let [a, b, c, d, ..] = self.uuid;
        let found = u32::from_be_bytes([a, b, c, d]);
        corrupt(Fault::Inconsistent, "xlog_rec_header.h_fs_uuid", ring.offset(self.at), found.into())
    }

    /// Blocks of the whole record.
    pub fn blocks(&self) -> u32 {
        // Cannot saturate: both are 32 bits divided by 512 and more.
        self.headers.saturating_add(self.length.div_ceil(512))
    }
}

/// Called with every record and its operations.
pub type EachRecord<'a> = dyn FnMut(&Header, &[u8]) -> Outcome<()> + 'a;

/// The cycle that a block was written in.
pub fn cycle(block: &[u8; SECTOR]) -> u32 {
    let [words, ..] = block.as_chunks::<8>().0 else { return 0 };
    let [a, b, c, d, ref next @ ..] = *words;
    match u32::from_be_bytes([a, b, c, d]) {
        MAGIC => u32::from_be_bytes(*next),
        cycle => cycle,
    }
}

/// Whether a record begins with this block.
pub fn is_header(block: &[u8; SECTOR]) -> bool {
    block.starts_with(&MAGIC.to_be_bytes())
}

/// The header in block `at`; `None` if the block has none.
pub fn header(at: LogBlock, block: &[u8]) -> Option<Header> {
    let (raw, _) = Raw::ref_from_prefix(block).ok()?;
    let (version, length, size) = (raw.h_version.get(), raw.h_len.get(), raw.h_size.get());
    let headers = if version & VERSION_2 == 0 { 1 } else { size.div_ceil(CYCLE_BYTES).max(1) };
    // Linux clears a block by writing a header without operations.
    let is_right = version != 0 && version & !VERSIONS == 0 && (1..=MOST_BYTES).contains(&length);
    (raw.h_magicno.get() == MAGIC).then_some(Header {
        at,
        lsn: Lsn(raw.h_lsn.get()),
        tail: low_half(raw.h_tail_lsn.get()),
        operations: raw.h_num_logops.get(),
        format: raw.h_fmt.get(),
        uuid: raw.h_fs_uuid,
        size,
        is_right: is_right && size <= MOST_BYTES,
        headers,
        length,
        crc: raw.h_crc.get(),
    })
}

/// The block number of an LSN.
fn low_half(lsn: u64) -> u32 {
    let [.., a, b, c, d] = lsn.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

impl Ring<'_> {
    /// Whether this is the record that an unmount writes.
    pub fn is_unmount(&self, header: &Header) -> Outcome<bool> {
        let mut block = [0; SECTOR];
        self.read(self.after(header.at, header.headers.min(self.blocks)), &mut block)?;
        Ok(header.operations == 1 && block.get(FLAGS_AT).is_some_and(|flags| flags & UNMOUNT != 0))
    }

    /// Calls `each` with every record from `from` to `head` and its operations; returns the block of the first record
    /// that is missing or damaged.
    ///
    /// # Errors
    /// Those of `each` and of the device.
    pub fn walk(
        &self,
        from: LogBlock,
        head: LogBlock,
        each: &mut EachRecord<'_>,
    ) -> Outcome<Option<LogBlock>> {
        let (mut at, mut left) = (from, self.distance(from, head));
        let mut buf = vec![0; MOST_BLOCKS * SECTOR];
        while left > 0 {
            let first = buf.get_mut(..SECTOR).unwrap_or_default();
            self.read(at, first)?;
            let header = header(at, first).filter(|header| header.is_right);
            let Some(header) = header else { return Ok(Some(at)) };
            let Some(rest) = left.checked_sub(header.blocks()) else { return Ok(Some(at)) };
            // Cannot saturate: a record has no more blocks than are left, and the ring at most 2²².
            let length = usize::try_from(header.blocks()).unwrap_or(usize::MAX).saturating_mul(SECTOR);
            let record = buf.get_mut(..length).unwrap_or_default();
            self.read(at, record)?;
            let Some(operations) = unpack(&header, record) else { return Ok(Some(at)) };
            each(&header, operations)?;
            (at, left) = (self.after(at, header.blocks()), rest);
        }
        Ok(None)
    }
}

/// The operations of a record, with their words restored from the headers; `None` if the checksum is wrong.
fn unpack<'a>(header: &Header, record: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(header.length).ok()?;
    let headers = usize::try_from(header.headers).ok()?.checked_mul(SECTOR)?;
    let (headers, data) = record.split_at_mut_checked(headers)?;
    let (first, more) = headers.as_chunks::<SECTOR>().0.split_first()?;
    // The checksum does not cover headers that this many bytes do not need.
    let used = usize::try_from(header.length.div_ceil(CYCLE_BYTES)).ok()?.checked_sub(1)?;
    let more = more.get(..used)?;
    let is_right = |size: usize| {
        let before = crc32c(crc32c(!0, first.get(..CRC_AT)?), &[0; 4]);
        let mut crc = crc32c(before, first.get(CRC_AT..size)?.get(4..)?);
        for header in more {
            crc = crc32c(crc, header.get(..MORE_HEADER_SIZE)?);
        }
        Some(!crc32c(crc, data.get(..length)?) == header.crc)
    };
    if !HEADER_SIZES.into_iter().any(|size| is_right(size) == Some(true)) {
        return None;
    }
    for (number, block) in data.as_chunks_mut::<SECTOR>().0.iter_mut().enumerate() {
        let (header, words_at) = match number / CYCLE_WORDS {
            0 => (first, WORDS_AT),
            header => (more.get(header.wrapping_sub(1))?, MORE_WORDS_AT),
        };
        let word = header.get(words_at..)?.as_chunks::<4>().0.get(number % CYCLE_WORDS)?;
        *block.first_chunk_mut()? = *word;
    }
    data.get(..length)
}
