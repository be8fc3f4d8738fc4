// SPDX-License-Identifier: BSD-3-Clause
//! The on-disk blocks of a journal (jbd2), big-endian: include/linux/jbd2.h.

use alloc::{format, vec::Vec};

use crc32c::crc32c;
use filesystem::{Error, Fault};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use crate::{
    corrupt,
    units::{BlockNumber, ByteOffset},
    unsupported,
};

/// `JBD2_MAGIC_NUMBER`
pub const MAGIC: u32 = 0xc03b_3998;

/// `JBD2_FEATURE_COMPAT_CHECKSUM`
const COMPAT_CHECKSUM: u32 = 0x1;
const INCOMPAT_64BIT: u32 = 0x2;
const INCOMPAT_CSUM_V2: u32 = 0x8;
const INCOMPAT_CSUM_V3: u32 = 0x10;
const INCOMPAT_FAST_COMMIT: u32 = 0x20;
/// revoke, 64bit, async_commit, csum_v2, csum_v3, fast_commit
const READ: u32 = 0x3f;
/// `JBD2_CRC32C_CHKSUM`
const CRC32C: u8 = 4;
/// Used if `s_num_fc_blks` is 0: `JBD2_DEFAULT_FAST_COMMIT_BLOCKS`.
const DEFAULT_FAST_COMMIT_BLOCKS: u32 = 256;

const TAG_ESCAPE: u32 = 1;
const TAG_SAME_UUID: u32 = 2;
const TAG_LAST: u32 = 8;
/// Bytes of `journal_header_t`, and of `jbd2_journal_revoke_header_t`.
const HEADER: usize = 12;
const REVOKE_HEADER: usize = 16;

/// `journal_superblock_t`, with its `journal_header_t` in front, up to the checksum.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    h_magic: U32,
    h_blocktype: U32,
    h_sequence: U32,
    s_blocksize: U32,
    s_maxlen: U32,
    s_first: U32,
    s_sequence: U32,
    s_start: U32,
    s_errno: U32,
    s_feature_compat: U32,
    s_feature_incompat: U32,
    s_feature_ro_compat: U32,
    s_uuid: [u8; 16],
    s_nr_users: U32,
    s_dynsuper: U32,
    s_max_transaction: U32,
    s_max_trans_data: U32,
    s_checksum_type: u8,
    s_padding2: [u8; 3],
    s_num_fc_blks: U32,
    s_head: U32,
    s_padding: [U32; 40],
    s_checksum: U32,
}

/// Offset of `s_checksum`, which covers the first 1024 bytes.
const CHECKSUM_AT: usize = 0xfc;
const SUPERBLOCK_BYTES: usize = 0x400;
const _: () = assert!(size_of::<Raw>() == CHECKSUM_AT + 4);

/// The values of the journal's superblock.
#[derive(Debug)]
pub struct Superblock {
    /// First block of the ring.
    pub first: u32,
    /// One past the last block of the ring.
    pub end: u32,
    /// Number of the first transaction.
    pub sequence: u32,
    /// Block of the first transaction; 0 in an empty journal.
    pub start: u32,
    /// Seed of the checksums; `None` without csum_v2 or csum_v3.
    pub checksum_seed: Option<u32>,
    /// Commit blocks may have a checksum over the whole transaction.
    pub sums_transactions: bool,
    /// First of the fast commit blocks, which are after the ring.
    pub first_fast_commit: Option<u32>,
    is_64bit: bool,
    is_v3: bool,
}

/// Kinds of block.
pub enum Kind {
    /// Holds the tags of the data blocks that follow.
    Descriptor,
    /// The end of a transaction.
    Commit,
    /// Holds the numbers of blocks whose copies in earlier transactions are void.
    Revoke,
}

/// A tag in a descriptor: one data block that follows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tag {
    /// The block of the filesystem that it replaces.
    pub block: BlockNumber,
    /// Its first four bytes were the journal's magic number, and are stored as zeros.
    pub is_escaped: bool,
    /// Checksum of transaction number and content: all 32 bits with csum_v3, the low 16 with csum_v2.
    checksum: u32,
}

/// The kind of a block, if it is one of the journal's own in transaction `sequence`.
pub fn kind(bytes: &[u8], sequence: u32) -> Option<Kind> {
    if word(bytes, 0)? != MAGIC || word(bytes, 8)? != sequence {
        return None;
    }
    match word(bytes, 4)? {
        1 => Some(Kind::Descriptor),
        2 => Some(Kind::Commit),
        5 => Some(Kind::Revoke),
        _ => None,
    }
}

/// Whether a block starts a fast commit on top of the transactions before `sequence`: `EXT4_FC_TAG_HEAD`
/// of fs/ext4/fast_commit.h, little-endian, with that number as its `fc_tid`.
pub fn is_fast_commit(bytes: &[u8], sequence: u32) -> bool {
    let tid = bytes.get(8..).and_then(|rest| rest.first_chunk().copied()).map(u32::from_le_bytes);
    bytes.starts_with(&[9, 0]) && tid == Some(sequence)
}

impl Superblock {
    /// Parses block 0 of a journal, which is at `offset`; the journal's inode has `blocks` blocks of `block_size`
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the field, [`Error::Unsupported`] naming the feature.
    pub fn parse(bytes: &[u8], offset: ByteOffset, block_size: u64, blocks: u64) -> Result<Self, Error> {
        let fail = |fault, structure, found: u32| Err(corrupt(fault, structure, offset, found));
        let Ok((raw, _)) = Raw::ref_from_prefix(bytes) else {
            return fail(Fault::Truncated, "journal_superblock_t", 0);
        };
        if raw.h_magic.get() != MAGIC {
            return fail(Fault::Magic, "journal_superblock_t.h_magic", raw.h_magic.get());
        }
        if !matches!(raw.h_blocktype.get(), 3 | 4) {
            return fail(Fault::Range, "journal_superblock_t.h_blocktype", raw.h_blocktype.get());
        }
        if u64::from(raw.s_blocksize.get()) != block_size {
            return fail(Fault::Inconsistent, "journal_superblock_t.s_blocksize", raw.s_blocksize.get());
        }
        let incompat = raw.incompat();
        if let Some(bit) = (0..32).find(|bit| incompat & !READ & 1 << bit != 0) {
            return Err(unsupported(format!("journal FEATURE_I{bit}")));
        }
        let has_checksums = incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3) != 0;
        if has_checksums {
            raw.verify(bytes, offset)?;
        }
        let (first, length, start) = (raw.s_first.get(), raw.s_maxlen.get(), raw.s_start.get());
        let has_fast_commits = incompat & INCOMPAT_FAST_COMMIT != 0;
        let end = length.checked_sub(if has_fast_commits { raw.fast_commit_blocks() } else { 0 });
        let Some(end) = end.filter(|end| (1..*end).contains(&first) && u64::from(length) <= blocks) else {
            return fail(Fault::Range, "journal_superblock_t.s_maxlen", length);
        };
        if start != 0 && !(first..end).contains(&start) {
            return fail(Fault::Range, "journal_superblock_t.s_start", start);
        }
        Ok(Self {
            first,
            end,
            sequence: raw.s_sequence.get(),
            start,
            checksum_seed: has_checksums.then(|| crc32c(!0, &raw.s_uuid)),
            sums_transactions: !has_checksums && raw.compat() & COMPAT_CHECKSUM != 0,
            // As jbd2 counts: one block between the ring and the fast commits stays unused.
            first_fast_commit: end.checked_add(1).filter(|block| *block < length),
            is_64bit: incompat & INCOMPAT_64BIT != 0,
            is_v3: incompat & INCOMPAT_CSUM_V3 != 0,
        })
    }

    /// The tags of a descriptor block; `None` if it is damaged.
    pub fn tags(&self, bytes: &[u8]) -> Option<Vec<Tag>> {
        let mut rest = self.body(bytes)?.get(HEADER..)?;
        let mut tags = Vec::new();
        // In a full block, the last tag may lack its flag.
        while let Some((tag, flags, length)) = self.tag(rest) {
            tags.push(tag);
            if flags & TAG_LAST != 0 {
                break;
            }
            let uuid = if flags & TAG_SAME_UUID == 0 { 16 } else { 0 };
            rest = rest.get(length..).and_then(|rest| rest.get(uuid..)).unwrap_or_default();
        }
        Some(tags)
    }

    /// The first tag (`journal_block_tag3_t` or `journal_block_tag_t`), its flags, and its length without the UUID.
    fn tag(&self, bytes: &[u8]) -> Option<(Tag, u32, usize)> {
        let low = word(bytes, 0)?;
        let second = word(bytes, 4)?;
        let (flags, checksum, high, length) = if self.is_v3 {
            (second, word(bytes, 12)?, word(bytes, 8)?, 16)
        } else {
            let high = if self.is_64bit { word(bytes, 8)? } else { 0 };
            // csum_v2 made the structure two bytes longer; without 64bit its last four bytes are missing.
            let length = match (self.is_64bit, self.checksum_seed.is_some()) {
                (true, true) => 14,
                (true, false) => 12,
                (false, true) => 10,
                (false, false) => 8,
            };
            (second & 0xffff, second >> 16, high, length)
        };
        bytes.get(..length)?;
        let high = if self.is_64bit { u64::from(high) << 32 } else { 0 };
        let block = BlockNumber(high | u64::from(low));
        let tag = Tag { block, is_escaped: flags & TAG_ESCAPE != 0, checksum };
        Some((tag, flags, length))
    }

    /// The stored checksum of a data block and the computed one, if they differ.
    pub fn wrong_checksum(&self, sequence: u32, tag: &Tag, bytes: &[u8]) -> Option<(u32, u32)> {
        let computed = crc32c(crc32c(self.checksum_seed?, &sequence.to_be_bytes()), bytes);
        let computed = if self.is_v3 { computed } else { computed & 0xffff };
        (tag.checksum != computed).then_some((tag.checksum, computed))
    }

    /// The block numbers of a revocation block; `None` if it is damaged.
    pub fn revoked(&self, bytes: &[u8]) -> Option<Vec<BlockNumber>> {
        let used = usize::try_from(word(bytes, HEADER)?).ok()?;
        let list = self.body(bytes)?.get(REVOKE_HEADER..used)?;
        Some(if self.is_64bit {
            list.as_chunks().0.iter().map(|bytes| BlockNumber(u64::from_be_bytes(*bytes))).collect()
        } else {
            let number = |bytes: &[u8; 4]| BlockNumber(u32::from_be_bytes(*bytes).into());
            list.as_chunks().0.iter().map(number).collect()
        })
    }

    /// Whether a commit block's checksum is valid: its own, or `sum` over the blocks of its transaction.
    pub fn is_commit_right(&self, bytes: &[u8], sum: u32) -> bool {
        let (Some(stored), Some(head), Some(rest)) = (word(bytes, 16), bytes.get(..16), bytes.get(20..))
        else {
            return false;
        };
        if let Some(seed) = self.checksum_seed {
            return crc32c(crc32c(crc32c(seed, head), &[0; 4]), rest) == stored;
        }
        // h_chksum_type and h_chksum_size: CRC-32 of four bytes, or none.
        match head.get(12..14) {
            _ if !self.sums_transactions => true,
            Some([1, 4]) => stored == sum,
            Some([0, 0]) => stored == 0,
            _ => false,
        }
    }

    /// A block without its tail; `None` if the checksum in the tail is wrong.
    fn body<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Some(seed) = self.checksum_seed else {
            return Some(bytes);
        };
        let (body, tail) = bytes.split_last_chunk::<4>()?;
        (crc32c(crc32c(seed, body), &[0; 4]) == u32::from_be_bytes(*tail)).then_some(body)
    }
}

impl Raw {
    /// Version 1 has no features.
    fn has_features(&self) -> bool {
        self.h_blocktype.get() == 4
    }

    fn compat(&self) -> u32 {
        if self.has_features() { self.s_feature_compat.get() } else { 0 }
    }

    fn incompat(&self) -> u32 {
        if self.has_features() { self.s_feature_incompat.get() } else { 0 }
    }

    fn fast_commit_blocks(&self) -> u32 {
        match self.s_num_fc_blks.get() {
            0 => DEFAULT_FAST_COMMIT_BLOCKS,
            blocks => blocks,
        }
    }

    fn verify(&self, bytes: &[u8], offset: ByteOffset) -> Result<(), Error> {
        if self.s_checksum_type != CRC32C {
            let found = self.s_checksum_type;
            return Err(corrupt(Fault::Range, "journal_superblock_t.s_checksum_type", offset, found));
        }
        let head = bytes.get(..CHECKSUM_AT).unwrap_or_default();
        let rest =
            bytes.get(CHECKSUM_AT..SUPERBLOCK_BYTES).and_then(|rest| rest.get(4..)).unwrap_or_default();
        let computed = [head, &[0; 4], rest].into_iter().fold(!0, crc32c);
        let stored = self.s_checksum.get();
        if stored == computed {
            return Ok(());
        }
        let fault = Fault::Checksum { computed: u64::from(computed) };
        Err(corrupt(fault, "journal_superblock_t.s_checksum", offset, stored))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Superblock, Error> {
        Superblock::parse(bytes, ByteOffset(0), 1024, 1024)
    }

    /// Version 2, blocks of 1 KiB, 1024 of them.
    fn superblock(incompat: u32) -> Vec<u8> {
        let words = [MAGIC, 4, 0, 1024, 1024, 1, 7, 1, 0, 0, incompat, 0];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        bytes.resize(1024, 0);
        bytes
    }

    #[test]
    fn fast_commits_have_blocks_of_their_own_behind_the_ring() {
        let plain = parse(&superblock(0)).unwrap();
        assert_eq!((plain.end, plain.first_fast_commit), (1024, None));
        let fast = parse(&superblock(INCOMPAT_FAST_COMMIT)).unwrap();
        assert_eq!((fast.end, fast.first_fast_commit), (768, Some(769)));
        let mut head = vec![9, 0, 8, 0, 0, 0, 0, 0];
        head.extend(7u32.to_le_bytes());
        assert!(is_fast_commit(&head, 7));
        assert!(!is_fast_commit(&head, 8), "of an earlier transaction");
        assert!(!is_fast_commit(&[0; 1024], 7));
    }

    #[test]
    fn a_ring_outside_of_the_journal_is_refused() {
        for (word, value, structure) in [
            (4, 1025, "s_maxlen"),
            (4, 0, "s_maxlen"),
            (5, 0, "s_maxlen"),
            (5, 1024, "s_maxlen"),
            (7, 1024, "s_start"),
        ] {
            let mut bytes = superblock(0);
            bytes[word * 4..][..4].copy_from_slice(&u32::to_be_bytes(value));
            let error = parse(&bytes).unwrap_err();
            assert!(format!("{error}").contains(structure), "{word}: {error}");
        }
        let mut bytes = superblock(INCOMPAT_FAST_COMMIT);
        bytes[0x54..0x58].copy_from_slice(&1024u32.to_be_bytes()); // s_num_fc_blks
        assert!(parse(&bytes).is_err());
    }

    #[test]
    fn revocations_past_their_block_are_damage() {
        let journal = parse(&superblock(0)).unwrap();
        let mut bytes = vec![0; 1024];
        bytes[12..16].copy_from_slice(&24u32.to_be_bytes());
        bytes[16..20].copy_from_slice(&5u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&6u32.to_be_bytes());
        assert_eq!(journal.revoked(&bytes), Some(vec![BlockNumber(5), BlockNumber(6)]));
        for used in [15u32, 1025, u32::MAX] {
            bytes[12..16].copy_from_slice(&used.to_be_bytes());
            assert_eq!(journal.revoked(&bytes), None, "{used}");
        }
    }
}
