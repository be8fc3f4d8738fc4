// SPDX-License-Identifier: BSD-3-Clause
//! Further checks for the magic numbers of filesystems.
//!
//! Each function gets the offset of the structure whose magic number matched.

use block::ReadError;

use crate::probe::Probe;

/// A boot sector with a FAT type string: its parameters are plausible.
pub fn fat(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let (Some(sector_size), Some(per_cluster)) = (probe.le16(start, 11)?, probe.u8(start, 13)?) else {
        return Ok(false);
    };
    let (Some(reserved), Some(fats)) = (probe.le16(start, 14)?, probe.u8(start, 16)?) else {
        return Ok(false);
    };
    let media = probe.u8(start, 21)?.unwrap_or(0);
    let is_shaped = sector_size.is_power_of_two() && (512..=4096).contains(&sector_size);
    let is_medium = media == 0xf0 || media >= 0xf8;
    if !is_shaped || !is_medium || !per_cluster.is_power_of_two() || reserved == 0 || fats == 0 {
        return Ok(false);
    }
    let short_or_long = |short: u64, long: u64| match probe.le16(start, short)? {
        Some(0) | None => Ok(u64::from(probe.le32(start, long)?.unwrap_or(0))),
        Some(value) => Ok::<u64, ReadError>(u64::from(value)),
    };
    let (sectors, table) = (short_or_long(19, 32)?, short_or_long(22, 36)?);
    let root_entries = probe.le16(start, 17)?.unwrap_or(0);
    // Nothing can saturate: 32 bits times 8 bits, and sums of such.
    let root = u64::from(root_entries).saturating_mul(32).div_ceil(u64::from(sector_size));
    let before =
        table.saturating_mul(u64::from(fats)).saturating_add(root).saturating_add(u64::from(reserved));
    let clusters = sectors.checked_sub(before).and_then(|data| data.checked_div(u64::from(per_cluster)));
    let limit = if probe.le16(start, 22)? == Some(0) { FAT32_CLUSTERS } else { FAT16_CLUSTERS };
    Ok(clusters.is_some_and(|clusters| clusters <= limit))
}

/// A boot sector that may be FAT, without a type string (old floppies). JFS and HPFS look the same.
pub fn fat_unnamed(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_other = probe.has(start, 0x36, b"JFS     ")? || probe.has(start, 0x36, b"HPFS    ")?;
    Ok(!is_other && fat(probe, start)?)
}

const FAT16_CLUSTERS: u64 = 0xfff4;
const FAT32_CLUSTERS: u64 = 0x0fff_fff6;

/// The feature bits of a filesystem of the ext family.
struct Ext {
    compatible: u32,
    incompatible: u32,
    read_only: u32,
}

impl Ext {
    const JOURNAL: u32 = 0x4;
    const JOURNAL_DEVICE: u32 = 0x8;
    /// Incompatible features of ext2 and ext3: file types and `META_BG`; ext3 also has recovery.
    const EXT2: u32 = 0x12;
    const EXT3: u32 = 0x16;
    /// Read-only compatible features of both: sparse superblocks, large files, btree directories.
    const OLD_READ_ONLY: u32 = 0x7;

    /// `None` if the block size is implausible.
    fn read(probe: &Probe<'_>, start: u64) -> Result<Option<Self>, ReadError> {
        if probe.le32(start, 0x18)?.is_none_or(|log_block_size| log_block_size > 6) {
            return Ok(None);
        }
        let (compatible, incompatible) = (probe.le32(start, 0x5c)?, probe.le32(start, 0x60)?);
        let (Some(compatible), Some(incompatible)) = (compatible, incompatible) else { return Ok(None) };
        Ok(probe.le32(start, 0x64)?.map(|read_only| Self { compatible, incompatible, read_only }))
    }

    fn is_known(&self, incompatible: u32) -> bool {
        self.incompatible & !incompatible == 0 && self.read_only & !Self::OLD_READ_ONLY == 0
    }
}

/// An external journal device.
pub fn ext_journal(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(Ext::read(probe, start)?.is_some_and(|ext| ext.incompatible & Ext::JOURNAL_DEVICE != 0))
}

/// No journal, and only features of ext2.
pub fn ext2(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(Ext::read(probe, start)?
        .is_some_and(|ext| ext.compatible & Ext::JOURNAL == 0 && ext.is_known(Ext::EXT2)))
}

/// A journal, and only features of ext3.
pub fn ext3(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(Ext::read(probe, start)?
        .is_some_and(|ext| ext.compatible & Ext::JOURNAL != 0 && ext.is_known(Ext::EXT3)))
}

/// A feature that ext3 does not have.
pub fn ext4(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_ext4 = |ext: Ext| ext.incompatible & Ext::JOURNAL_DEVICE == 0 && !ext.is_known(Ext::EXT3);
    Ok(Ext::read(probe, start)?.is_some_and(is_ext4))
}

/// An NSR descriptor in the volume recognition sequence, and an anchor at sector 256 or 512.
pub fn udf(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_recognized = has_nsr(probe, start, 2048)? || has_nsr(probe, start, 4096)?;
    if !is_recognized {
        return Ok(false);
    }
    for sector_size in [512, 1024, 2048, 4096] {
        for sector in [256_u32, 512] {
            // Cannot saturate: 512 sectors of 4096 bytes. The tag of an anchor is 2, and it stores its own sector.
            let anchor = u64::from(sector).saturating_mul(sector_size);
            if probe.le16(anchor, 0)? == Some(2) && probe.le32(anchor, 12)? == Some(sector) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a sequence of descriptors, `step` bytes apart, contains one of ECMA-167.
fn has_nsr(probe: &Probe<'_>, start: u64, step: u64) -> Result<bool, ReadError> {
    for index in 0..64_u64 {
        // An offset that saturates is past the end of every device.
        let place = start.saturating_add(index.saturating_mul(step));
        match probe.bytes::<5>(place, 1)?.as_ref() {
            Some(b"NSR02" | b"NSR03") => return Ok(true),
            Some(b"BEA01" | b"BOOT2" | b"CD001" | b"CDW02" | b"TEA01") => {}
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Blocks of at least 512 bytes.
pub fn hfs_plus(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.be32(start, 40)?.is_some_and(|size| size >= 512 && size.is_power_of_two()))
}

/// An HFS volume that only wraps an HFS+ volume, for systems that only know HFS.
pub fn hfs_plus_wrapped(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let Some(embedded) = probe.bytes::<2>(start, 124)?.filter(|magic| [*b"H+", *b"HX"].contains(magic))
    else {
        return Ok(false);
    };
    let (Some(block), Some(first)) = (probe.be32(start, 20)?, probe.be16(start, 28)?) else {
        return Ok(false);
    };
    let Some(number) = probe.be16(start, 126)? else { return Ok(false) };
    // Cannot saturate: 16 bits times 32 bits, plus small numbers.
    let volume = u64::from(first).saturating_mul(512);
    let volume = volume.saturating_add(u64::from(number).saturating_mul(u64::from(block)));
    let header = volume.saturating_add(1024);
    Ok(probe.has(header, 0, &embedded)? && hfs_plus(probe, header)?)
}

/// The block size is a multiple of 512, and the name fits.
pub fn hfs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_wrapper = probe.bytes::<2>(start, 124)?.is_some_and(|magic| [*b"H+", *b"HX"].contains(&magic));
    let has_blocks = probe.be32(start, 20)?.is_some_and(|size| size != 0 && size.is_multiple_of(512));
    Ok(!is_wrapper && has_blocks && probe.u8(start, 36)?.is_some_and(|length| length <= 27))
}

/// The spare block has its magic number, too.
pub fn hpfs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    probe.has(start, 0x200, &[0x49, 0x18, 0x91, 0xf9])
}

/// Minix 1 or 2; the bitmaps are large enough.
pub fn minix(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_first = probe.le16(start, 16)?.is_some_and(|magic| magic == 0x137f || magic == 0x138f);
    let zones = if is_first { probe.le16(start, 2)?.map(u32::from) } else { probe.le32(start, 20)? };
    let (Some(state), Some(inodes), Some(zones)) = (probe.le16(start, 18)?, probe.le16(start, 0)?, zones)
    else {
        return Ok(false);
    };
    Ok(state <= 3 && has_minix_maps(probe, start, 4, [u32::from(inodes), zones])?)
}

/// Minix 3.
pub fn minix3(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let (Some(inodes), Some(zones)) = (probe.le32(start, 0)?, probe.le32(start, 20)?) else {
        return Ok(false);
    };
    has_minix_maps(probe, start, 6, [inodes, zones])
}

/// Checks four fields from `field` on: blocks of the inode bitmap, blocks of the zone bitmap, first data zone, and the
/// zone size in blocks as a power of two, which is always 0.
fn has_minix_maps(
    probe: &Probe<'_>,
    start: u64,
    field: u64,
    [inodes, zones]: [u32; 2],
) -> Result<bool, ReadError> {
    let Some(bytes) = probe.bytes::<8>(start, field)? else { return Ok(false) };
    let [a, b, c, d, e, f, g, h] = bytes;
    let [inode_map, zone_map, first, zone_size] = [[a, b], [c, d], [e, f], [g, h]].map(u16::from_le_bytes);
    // Cannot saturate: 16 bits times 13 bits, and 32 bits plus one.
    let bits = |blocks: u16| u64::from(blocks).saturating_mul(1024 * 8);
    let data_zones = u64::from(zones).checked_sub(u64::from(first));
    let has_inodes = inodes != 0 && bits(inode_map) > u64::from(inodes);
    Ok(zone_size == 0 && has_inodes && data_zones.is_some_and(|zones| bits(zone_map) > zones))
}

/// The format numbers that distinguish GFS from GFS2.
pub fn gfs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.be32(start, 24)? == Some(1309) && probe.be32(start, 28)? == Some(1401))
}

/// As [`gfs`]; newer versions of GFS2 have larger numbers.
pub fn gfs2(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    let is_format = probe.be32(start, 24)?.is_some_and(|format| (1800..1900).contains(&format));
    Ok(is_format && probe.be32(start, 28)?.is_some_and(|format| (1900..2000).contains(&format)))
}

/// Version 4, which Linux reads.
pub fn squashfs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.le16(start, 28)?.is_some_and(|version| version >= 4))
}

/// Up to version 3.
pub fn squashfs3_little(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.le16(start, 28)?.is_some_and(|version| version <= 3))
}

/// Up to version 3, written by a big-endian machine.
pub fn squashfs3_big(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.be16(start, 28)?.is_some_and(|version| version <= 3))
}

/// Blocks of 512 bytes to 64 KiB.
pub fn erofs(probe: &Probe<'_>, start: u64) -> Result<bool, ReadError> {
    Ok(probe.u8(start, 12)?.is_some_and(|bits| (9..=16).contains(&bits)))
}
