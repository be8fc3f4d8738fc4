// SPDX-License-Identifier: BSD-3-Clause
//! The boot sector: the location of the FAT, the root directory and the clusters.
//!
//! Source: FAT specification 1.03, "Boot Sector and BPB".

use core::mem::offset_of;

use block::BlockRead;
use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{
    corrupt,
    units::{ByteOffset, ClusterNumber},
};

/// Bytes of a boot sector that have a meaning, whatever the sector size.
const BOOT_SECTOR: usize = 512;
/// Signature in the last two of them.
pub(crate) const SIGNATURE: u16 = 0xaa55;
/// Byte offset of the boot sector.
const BOOT_SECTOR_AT: ByteOffset = ByteOffset(0);
/// Bytes of a directory entry.
const ENTRY: u64 = 32;
/// Bits of `BS_Reserved1`, as set by Windows and Linux: dirty, and media errors.
const STATE_MARKED: u8 = 3;
/// Offset of the length of a FAT on FAT32.
const FAT_SIZE_32_AT: usize = offset_of!(BootSector32, bpb32.bpb_fat_sz32);
/// The number of the first cluster: FAT entries 0 and 1 have another use.
pub(crate) const FIRST_CLUSTER: ClusterNumber = ClusterNumber(2);
/// `BPB_ExtFlags`: one FAT only is active, and which.
const EXT_FLAGS_ONE_ACTIVE: u16 = 0x80;
const EXT_FLAGS_ACTIVE: u16 = 0x0f;

/// The width of a FAT's entries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// 12 bits.
    Fat12,
    /// 16 bits.
    Fat16,
    /// 32 bits, of which 28 count.
    Fat32,
}

impl Kind {
    /// Its name: `fat12`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fat12 => "fat12",
            Self::Fat16 => "fat16",
            Self::Fat32 => "fat32",
        }
    }

    /// The FAT entry at the end of a chain.
    pub(crate) fn chain_end(self) -> u32 {
        match self {
            Self::Fat12 => 0xfff,
            Self::Fat16 => 0xffff,
            Self::Fat32 => 0x0fff_ffff,
        }
    }

    /// Bits of one entry.
    pub(crate) fn entry_bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// Maximum number of clusters of this type.
    pub(crate) fn most_clusters(self) -> u32 {
        match self {
            Self::Fat12 => 4084,
            Self::Fat16 => 65_524,
            Self::Fat32 => 0x0fff_fff5,
        }
    }
}

/// The first 36 bytes of the boot sector, common to all three types.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Bpb {
    pub bs_jmp_boot: [u8; 3],
    pub bs_oem_name: [u8; 8],
    pub bpb_byts_per_sec: U16,
    pub bpb_sec_per_clus: u8,
    pub bpb_rsvd_sec_cnt: U16,
    pub bpb_num_fats: u8,
    pub bpb_root_ent_cnt: U16,
    pub bpb_tot_sec16: U16,
    pub bpb_media: u8,
    pub bpb_fat_sz16: U16,
    pub bpb_sec_per_trk: U16,
    pub bpb_num_heads: U16,
    pub bpb_hidd_sec: U32,
    pub bpb_tot_sec32: U32,
}

/// The fields of FAT32 after [`Bpb`].
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Bpb32 {
    pub bpb_fat_sz32: U32,
    pub bpb_ext_flags: U16,
    pub bpb_fs_ver: U16,
    pub bpb_root_clus: U32,
    pub bpb_fs_info: U16,
    pub bpb_bk_boot_sec: U16,
    pub bpb_reserved: [u8; 12],
}

/// The fields after [`Bpb`] (FAT12, FAT16) or [`Bpb32`].
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Identification {
    pub bs_drv_num: u8,
    pub bs_reserved1: u8,
    pub bs_boot_sig: u8,
    pub bs_vol_id: U32,
    pub bs_vol_lab: [u8; 11],
    pub bs_fil_sys_type: [u8; 8],
}

/// The boot sector of FAT12 and FAT16.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BootSector {
    bpb: Bpb,
    id: Identification,
    boot_code: [u8; 448],
    pub signature_word: U16,
}

/// The boot sector of FAT32.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BootSector32 {
    bpb: Bpb,
    bpb32: Bpb32,
    id: Identification,
    boot_code: [u8; 420],
    signature_word: U16,
}

/// The location of the root directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Root {
    /// FAT12, FAT16: `length` bytes at `start`.
    Fixed { start: ByteOffset, length: u64 },
    /// FAT32: the chain that starts with this cluster.
    Chain(ClusterNumber),
}

/// The FATs that a change is written to: all of them, which are consecutive, or only the active one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mirrors {
    pub first: ByteOffset,
    pub count: u64,
}

/// The layout of the volume, in bytes from the start of the device.
///
/// Invariants, established by [`read`]: the FAT is on the device and has an entry for each of `clusters`;
/// `cluster` is a power of two from 512 bytes to 512 KiB; the end of the last cluster does not overflow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub kind: Kind,
    /// Bytes of a cluster.
    pub cluster: u64,
    /// The active FAT.
    pub fat_start: ByteOffset,
    /// Its length in bytes.
    pub fat_length: u64,
    /// The FATs to keep identical.
    pub mirrors: Mirrors,
    /// FAT32's information sector, as given by `BPB_FSInfo`; not read yet.
    pub fs_info: Option<ByteOffset>,
    pub root: Root,
    /// The first cluster, number 2.
    pub data_start: ByteOffset,
    /// Number of clusters.
    pub clusters: u32,
    /// `BS_Reserved1` says that it was not unmounted cleanly, or that its medium had errors.
    pub is_marked: bool,
    /// `BS_VolID`.
    pub volume_id: u32,
    /// `BS_VolLab`, padded with spaces.
    pub label: [u8; 11],
}

impl Geometry {
    /// The first byte of a cluster; `None` if there is no cluster with this number.
    pub fn position(&self, cluster: ClusterNumber) -> Option<ByteOffset> {
        let index = cluster.0.checked_sub(FIRST_CLUSTER.0).filter(|index| *index < self.clusters)?;
        let start = u64::from(index).checked_mul(self.cluster)?;
        self.data_start.0.checked_add(start).map(ByteOffset)
    }
}

/// Whether the device has a FAT boot sector: a jump, the signature, and plausible sizes.
///
/// # Errors
/// [`Error::Io`] if the boot sector cannot be read.
pub fn probe<D: BlockRead + ?Sized>(device: &D) -> Result<bool, Error> {
    if device.size() < 512 {
        return Ok(false);
    }
    let mut sector = [0; BOOT_SECTOR];
    device.read_at(0, &mut sector)?;
    let Ok(raw) = BootSector::ref_from_bytes(&sector) else { return Ok(false) };
    let bpb = &raw.bpb;
    Ok(matches!(bpb.bs_jmp_boot, [0xeb, _, 0x90] | [0xe9, _, _])
        && raw.signature_word.get() == SIGNATURE
        && is_media(bpb.bpb_media)
        && is_sector_size(bpb.bpb_byts_per_sec.get())
        && bpb.bpb_sec_per_clus.is_power_of_two()
        && bpb.bpb_rsvd_sec_cnt.get() != 0
        && bpb.bpb_num_fats != 0)
}

/// Reads and checks the boot sector.
///
/// # Errors
/// [`Error::Corrupt`] naming the field.
pub(crate) fn read<D: BlockRead + ?Sized>(device: &D) -> Result<Geometry, Error> {
    let mut sector = [0; BOOT_SECTOR];
    device.read_at(0, &mut sector)?;
    parse(&sector, device.size())
}

fn parse(sector: &[u8; BOOT_SECTOR], device_size: u64) -> Result<Geometry, Error> {
    let short = || corrupt(Fault::Truncated, "boot sector", BOOT_SECTOR_AT, 512u32);
    let raw = BootSector::ref_from_bytes(sector).map_err(|_| short())?;
    let raw32 = BootSector32::ref_from_bytes(sector).map_err(|_| short())?;
    if raw.signature_word.get() != SIGNATURE {
        let found = raw.signature_word.get();
        return Err(field(Fault::Magic, "Signature_word", offset_of!(BootSector, signature_word), found));
    }
    let (bpb, bpb32) = (&raw.bpb, &raw32.bpb32);
    check_sizes(bpb)?;
    let is_fat32 = bpb.bpb_fat_sz16.get() == 0;
    let id = if is_fat32 { &raw32.id } else { &raw.id };

    let areas = Areas::new(bpb, bpb32, is_fat32)?;
    if areas.data_start > ByteOffset(device_size) {
        let at = if is_fat32 { FAT_SIZE_32_AT } else { offset_of!(Bpb, bpb_fat_sz16) };
        return Err(field(Fault::Range, "BPB_FATSz", at, areas.fat_length));
    }
    let clusters = areas.clusters(bpb)?;
    let kind = match clusters {
        _ if is_fat32 => Kind::Fat32,
        clusters if clusters <= Kind::Fat12.most_clusters() => Kind::Fat12,
        _ => Kind::Fat16,
    };
    if clusters > kind.most_clusters() {
        return Err(field(Fault::Range, "BPB_TotSec32", offset_of!(Bpb, bpb_tot_sec32), clusters));
    }
    // The FAT may be too short for the last clusters, or for all of them: those are not used. It has fewer than 2^48
    // bytes, so the product cannot saturate. The difference saturates at zero if the FAT is too short for any cluster.
    let entries = areas.fat_length.saturating_mul(8).checked_div(kind.entry_bits()).unwrap_or(0);
    let entries = u32::try_from(entries).unwrap_or(u32::MAX).saturating_sub(FIRST_CLUSTER.0);
    let root = match kind {
        Kind::Fat32 => Root::Chain(ClusterNumber(bpb32.bpb_root_clus.get())),
        _ => Root::Fixed { start: areas.root_start, length: areas.root_length },
    };
    let geometry = Geometry {
        kind,
        cluster: areas.cluster,
        fat_start: areas.fat_start,
        fat_length: areas.fat_length,
        mirrors: areas.mirrors,
        fs_info: areas.fs_info,
        root,
        data_start: areas.data_start,
        clusters: clusters.min(entries),
        is_marked: id.bs_reserved1 & STATE_MARKED != 0,
        volume_id: id.bs_vol_id.get(),
        label: id.bs_vol_lab,
    };
    check_root(&geometry)?;
    Ok(geometry)
}

fn check_root(geometry: &Geometry) -> Result<(), Error> {
    match geometry.root {
        Root::Chain(first) if geometry.position(first).is_none() => {
            let at = offset_of!(BootSector32, bpb32.bpb_root_clus);
            Err(field(Fault::Range, "BPB_RootClus", at, first))
        }
        _ => Ok(()),
    }
}

/// Positions and lengths in bytes.
struct Areas {
    sector: u64,
    cluster: u64,
    fat_start: ByteOffset,
    fat_length: u64,
    mirrors: Mirrors,
    fs_info: Option<ByteOffset>,
    root_start: ByteOffset,
    root_length: u64,
    data_start: ByteOffset,
}

impl Areas {
    fn new(bpb: &Bpb, bpb32: &Bpb32, is_fat32: bool) -> Result<Self, Error> {
        // Nothing saturates: a FAT has fewer than 2^48 bytes, there are at most 255, and the rest has 32 bits.
        let sector = u64::from(bpb.bpb_byts_per_sec.get());
        let fats = u64::from(bpb.bpb_num_fats);
        let fat_sectors = match bpb.bpb_fat_sz16.get() {
            0 => bpb32.bpb_fat_sz32.get(),
            sectors => u32::from(sectors),
        };
        if fat_sectors == 0 {
            return Err(field(Fault::Range, "BPB_FATSz32", FAT_SIZE_32_AT, 0u32));
        }
        let fat_length = u64::from(fat_sectors).saturating_mul(sector);
        let first_fat = ByteOffset(u64::from(bpb.bpb_rsvd_sec_cnt.get()).saturating_mul(sector));
        let flags = if is_fat32 { bpb32.bpb_ext_flags.get() } else { 0 };
        let is_mirrored = flags & EXT_FLAGS_ONE_ACTIVE == 0;
        let active = if is_mirrored { 0 } else { u64::from(flags & EXT_FLAGS_ACTIVE) };
        if active >= fats {
            let at = offset_of!(BootSector32, bpb32.bpb_ext_flags);
            return Err(field(Fault::Inconsistent, "BPB_ExtFlags", at, flags));
        }
        let fat_start = first_fat.after(active.saturating_mul(fat_length));
        let root_start = first_fat.after(fats.saturating_mul(fat_length));
        let info =
            Some(bpb32.bpb_fs_info.get()).filter(|info| (1..bpb.bpb_rsvd_sec_cnt.get()).contains(info));
        let root_length = u64::from(bpb.bpb_root_ent_cnt.get()).saturating_mul(ENTRY);
        Ok(Self {
            sector,
            cluster: u64::from(bpb.bpb_sec_per_clus).saturating_mul(sector),
            fat_start,
            fat_length,
            mirrors: Mirrors { first: fat_start, count: if is_mirrored { fats } else { 1 } },
            fs_info: info.filter(|_| is_fat32).map(|info| ByteOffset(u64::from(info).saturating_mul(sector))),
            root_start,
            root_length,
            data_start: root_start.after(root_length.next_multiple_of(sector)),
        })
    }

    fn clusters(&self, bpb: &Bpb) -> Result<u32, Error> {
        let (sectors, at) = match bpb.bpb_tot_sec16.get() {
            0 => (bpb.bpb_tot_sec32.get(), offset_of!(Bpb, bpb_tot_sec32)),
            sectors => (u32::from(sectors), offset_of!(Bpb, bpb_tot_sec16)),
        };
        // Cannot saturate: 32 bits times 16 bits.
        let length = u64::from(sectors).saturating_mul(self.sector).checked_sub(self.data_start.0);
        let clusters = length.and_then(|length| length.checked_div(self.cluster));
        let clusters = clusters.and_then(|clusters| u32::try_from(clusters).ok());
        clusters.ok_or_else(|| field(Fault::Inconsistent, "BPB_TotSec", at, sectors))
    }
}

fn check_sizes(bpb: &Bpb) -> Result<(), Error> {
    let sector = bpb.bpb_byts_per_sec.get();
    if !is_sector_size(sector) {
        return Err(field(Fault::Range, "BPB_BytsPerSec", offset_of!(Bpb, bpb_byts_per_sec), sector));
    }
    if !bpb.bpb_sec_per_clus.is_power_of_two() {
        return Err(field(
            Fault::Range,
            "BPB_SecPerClus",
            offset_of!(Bpb, bpb_sec_per_clus),
            bpb.bpb_sec_per_clus,
        ));
    }
    if bpb.bpb_rsvd_sec_cnt.get() == 0 {
        return Err(field(Fault::Range, "BPB_RsvdSecCnt", offset_of!(Bpb, bpb_rsvd_sec_cnt), 0u32));
    }
    if bpb.bpb_num_fats == 0 {
        return Err(field(Fault::Range, "BPB_NumFATs", offset_of!(Bpb, bpb_num_fats), 0u32));
    }
    Ok(())
}

/// An error about the field at byte `at` of the boot sector.
fn field(fault: Fault, structure: &'static str, at: usize, found: impl Into<u64>) -> Error {
    corrupt(fault, structure, BOOT_SECTOR_AT.within(at), found)
}

fn is_media(media: u8) -> bool {
    media == 0xf0 || media >= 0xf8
}

fn is_sector_size(size: u16) -> bool {
    matches!(size, 512 | 1024 | 2048 | 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A FAT16 of 4 MiB: 512-byte sectors, two FATs of 32 sectors, clusters of one sector.
    fn sector() -> [u8; 512] {
        let mut sector = [0; 512];
        sector[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        sector[11..13].copy_from_slice(&512u16.to_le_bytes());
        sector[13] = 1;
        sector[14] = 1;
        sector[16] = 2;
        sector[17..19].copy_from_slice(&512u16.to_le_bytes());
        sector[19..21].copy_from_slice(&8192u16.to_le_bytes());
        sector[21] = 0xf8;
        sector[22] = 32;
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    fn fault(change: impl Fn(&mut [u8; 512])) -> (&'static str, Fault, u64) {
        let mut sector = sector();
        change(&mut sector);
        match parse(&sector, 4 << 20) {
            Err(Error::Corrupt(corrupt)) => (corrupt.structure, corrupt.fault, corrupt.offset),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn areas_follow_each_other() {
        let geometry = parse(&sector(), 4 << 20).unwrap();
        assert_eq!(geometry.kind, Kind::Fat16);
        assert_eq!(geometry.fat_start, ByteOffset(512));
        assert_eq!(geometry.root, Root::Fixed { start: ByteOffset(65 * 512), length: 512 * 32 });
        assert_eq!(geometry.data_start, ByteOffset(97 * 512));
        assert_eq!(geometry.clusters, 8192 - 97);
        assert_eq!(geometry.position(FIRST_CLUSTER), Some(ByteOffset(97 * 512)));
        assert_eq!(geometry.position(ClusterNumber(1)), None);
        assert_eq!(geometry.position(ClusterNumber(2 + 8192 - 97)), None);
    }

    #[test]
    fn parse_rejects_each_broken_field() {
        assert_eq!(fault(|s| s[510] = 0), ("Signature_word", Fault::Magic, 510));
        assert_eq!(fault(|s| s[12] = 3), ("BPB_BytsPerSec", Fault::Range, 11));
        assert_eq!(fault(|s| s[13] = 3), ("BPB_SecPerClus", Fault::Range, 13));
        assert_eq!(fault(|s| s[14] = 0), ("BPB_RsvdSecCnt", Fault::Range, 14));
        assert_eq!(fault(|s| s[16] = 0), ("BPB_NumFATs", Fault::Range, 16));
        assert_eq!(fault(|s| s[22] = 0), ("BPB_FATSz32", Fault::Range, 36));
        assert_eq!(fault(|s| s[23] = 0xff), ("BPB_FATSz", Fault::Range, 22));
        assert_eq!(fault(|s| s[20] = 0), ("BPB_TotSec", Fault::Inconsistent, 32));
    }

    #[test]
    fn a_fat_that_is_too_short_hides_the_clusters_it_cannot_number() {
        let mut sector = sector();
        sector[22] = 4;
        let geometry = parse(&sector, 4 << 20).unwrap();
        assert_eq!(geometry.clusters, 4 * 512 / 2 - 2);
    }

    #[test]
    fn the_active_fat_of_fat32_is_used() {
        let mut sector = sector();
        sector[17..23].copy_from_slice(&[0, 0, 0, 32, 0xf8, 0]);
        sector[36] = 64;
        sector[40] = 0x81;
        sector[44] = 2;
        let geometry = parse(&sector, 4 << 20).unwrap();
        assert_eq!((geometry.kind, geometry.fat_start), (Kind::Fat32, ByteOffset(65 * 512)));
        assert_eq!((geometry.mirrors.first, geometry.mirrors.count), (ByteOffset(65 * 512), 1));
        sector[40] = 0x82;
        assert!(parse(&sector, 4 << 20).is_err(), "the volume has two FATs");
        sector[40] = 0;
        sector[44] = 1;
        assert_eq!(fault(|s| *s = sector), ("BPB_RootClus", Fault::Range, 44));
    }

    #[test]
    fn probe_refuses_what_only_has_the_signature() {
        let mut disk = alloc::vec![0; 4096];
        disk[..512].copy_from_slice(&sector());
        assert_eq!(probe(&disk), Ok(true));
        disk[11..36].fill(0);
        assert_eq!(probe(&disk), Ok(false));
        assert_eq!(probe(&alloc::vec![0; 100]), Ok(false));
    }
}
