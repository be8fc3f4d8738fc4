// SPDX-License-Identifier: BSD-3-Clause
//! Further checks for the magic numbers of containers, members of sets, and swap.
//!
//! Each function gets the offset of the structure whose magic number matched.

use block::ReadError;

use crate::probe::Probe;

/// The magic number alone is enough.
pub fn always(_: &Probe<'_>, _: u64) -> Result<bool, ReadError> {
    Ok(true)
}

/// md 0.90, written by a little-endian machine.
pub fn md_0_little(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let size = probe.le32(start, MD_0_SIZE)?;
    Ok(size.is_some_and(|kib| md_0_fits(probe, start, kib)))
}

/// md 0.90, written by a big-endian machine.
pub fn md_0_big(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let size = probe.be32(start, MD_0_SIZE)?;
    Ok(size.is_some_and(|kib| md_0_fits(probe, start, kib)))
}

/// Whether the data of the member is before its superblock.
fn md_0_fits(probe: &Probe<'_>, start: u64, kib: u32) -> bool {
    // Cannot saturate: 42 bits.
    let data = u64::from(kib).saturating_mul(1024);
    data <= start && data.checked_add(MD_0_RESERVED).is_some_and(|end| end <= probe.size())
}

/// Offset of `size` in an md 0.90 superblock: the used KiB of the member.
const MD_0_SIZE: u64 = 32;
/// Bytes at the end of a member that md 0.90 reserves.
const MD_0_RESERVED: u64 = 64 * 1024;

/// md 1.x: `super_offset` must be the superblock's own sector.
pub fn md_1(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.le64(start, 144)? == sector(start))
}

/// `offset` must be the superblock's own sector.
pub fn bcache(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.le64(start, 8)? == sector(start))
}

/// As [`bcache`]; both formats once had the same magic number.
pub fn bcachefs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.le64(start, 104)? == sector(start))
}

/// `bm_bytes_per_bit` must have its only possible value.
pub fn drbd(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.be32(start, 80)? == Some(4096))
}

/// The label must store its own sector, and the type LVM2.
pub fn lvm(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.le64(start, 8)? == sector(start) && probe.has(start, 24, b"LVM2 001")?)
}

/// The superblock must have a version.
pub fn integrity(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.u8(start, 8)?.is_some_and(|version| version != 0))
}

/// `hdr_offset` must be the header's own offset.
pub fn luks2(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.be64(start, 256)? == Some(start))
}

/// BitLocker since Windows 7: the boot sector points to the metadata.
pub fn bitlocker(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    bitlocker_metadata(probe, probe.le64(start, 176)?)
}

/// BitLocker To Go, whose boot sector is that of FAT.
pub fn bitlocker_to_go(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    bitlocker_metadata(probe, probe.le64(start, 440)?)
}

fn bitlocker_metadata(probe: &Probe<'_>, place: Option<u64>) -> Result<bool, ReadError> {
    match place {
        Some(place) if place != 0 && place.is_multiple_of(64) => probe.has(place, 0, b"-FVE-FS-"),
        _ => Ok(false),
    }
}

/// Swap version 1, in either byte order, with at least one page.
pub fn swap(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_version_1 = probe.le32(start, 1024)? == Some(1) || probe.be32(start, 1024)? == Some(1);
    Ok(is_version_1 && probe.le32(start, 1028)?.is_some_and(|last_page| last_page != 0))
}

/// A vdev label with the device's GUID, and with a transaction group or a role that needs none (spare, cache).
///
/// The label is a list of name-value pairs in XDR, at offset `start`.
pub fn zfs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    if !probe.bytes(start, 0)?.is_some_and(|[encoding, order]: [u8; 2]| encoding == XDR && order <= 1) {
        return Ok(false);
    }
    let (mut guid, mut txg, mut state) = (0, 0, u64::MAX);
    let mut pair = ZFS_FIRST_PAIR;
    for _ in 0..ZFS_PAIRS {
        let (Some(size), Some(length)) = (probe.be32(start, pair)?, probe.be32(start, at(pair, 8))?) else {
            break;
        };
        if size == 0 {
            break;
        }
        // XDR pads a name to four bytes; type and number of values come before the value.
        // An offset that saturates is past the end of every device, and reads as that.
        let value = probe.be64(start, at(pair, 12).saturating_add(padded(length)).saturating_add(8))?;
        let (name, value) = (probe.bytes::<8>(start, at(pair, 12))?, value.unwrap_or(0));
        match (length, name) {
            (4, Some([b'g', b'u', b'i', b'd', ..])) => guid = value,
            (3, Some([b't', b'x', b'g', ..])) => txg = value,
            (5, Some([b's', b't', b'a', b't', b'e', ..])) => state = value,
            _ => {}
        }
        pair = at(pair, u64::from(size));
    }
    let has_role = state == ZFS_SPARE || state == ZFS_CACHE;
    Ok(guid != 0 && state <= ZFS_LAST_STATE && (has_role || txg != 0))
}

/// Offset of the first pair, after the list's header: encoding, byte order, version, flags.
const ZFS_FIRST_PAIR: u64 = 12;
/// Maximum number of pairs to read: a label has its plain pairs first, some fifteen.
const ZFS_PAIRS: usize = 24;
/// `POOL_STATE_SPARE`, `POOL_STATE_L2CACHE` and the largest state.
const ZFS_SPARE: u64 = 3;
const ZFS_CACHE: u64 = 4;
const ZFS_LAST_STATE: u64 = 7;

/// An offset that saturates is past the end of every device, and reads as that.
fn at(place: u64, offset: u64) -> u64 {
    place.saturating_add(offset)
}

/// A length padded as in XDR. Cannot saturate: 32 bits.
fn padded(length: u32) -> u64 {
    u64::from(length).saturating_add(3) & !3
}

/// The number of the 512-byte sector at an offset, as structures store their own location.
fn sector(start: u64) -> Option<u64> {
    start.checked_div(512)
}
/// The first byte of a packed list, its encoding. The second is the writer's byte order.
const XDR: u8 = 1;
