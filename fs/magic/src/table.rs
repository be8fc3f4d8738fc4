// SPDX-License-Identifier: BSD-3-Clause
//! The table of signatures, in the order in which they are tried.

use block::ReadError;

use crate::{
    Found, Usage, containers,
    containers::always,
    filesystems,
    probe::{LONGEST, Probe},
};

/// A format, or a variant of one.
pub struct Signature {
    pub found: Found,
    /// Magic numbers; any of them is enough.
    pub magics: &'static [Magic],
    /// A further check of the structure whose magic number matched, which is at this offset.
    pub check: fn(&Probe<'_>, u64) -> Result<bool, ReadError>,
}

/// A magic number in a structure with a known location.
pub struct Magic {
    pub start: Location,
    /// Its offset in the structure.
    pub at: u64,
    pub bytes: &'static [u8],
}

/// The location of a structure on a device.
#[derive(Clone, Copy)]
pub enum Location {
    /// This many bytes from the start.
    Start(u64),
    /// `back` bytes before the end, where the end is the size rounded down to whole `unit`s.
    End { unit: u64, back: u64 },
}

impl Location {
    /// The offset on a device of `size` bytes; `None` if that is too small.
    pub fn of(self, size: u64) -> Option<u64> {
        match self {
            Self::Start(offset) => Some(offset),
            Self::End { unit, back } => size.checked_sub(size.checked_rem(unit)?)?.checked_sub(back),
        }
    }
}

type Check = fn(&Probe<'_>, u64) -> Result<bool, ReadError>;
type Names = (&'static str, &'static str);

const fn row((name, title): Names, usage: Usage, magics: &'static [Magic], check: Check) -> Signature {
    Signature { found: Found { name, title, usage }, magics, check }
}

const fn filesystem(names: Names, magics: &'static [Magic], check: Check) -> Signature {
    row(names, Usage::Filesystem, magics, check)
}

const fn member(names: Names, magics: &'static [Magic], check: Check) -> Signature {
    row(names, Usage::Member, magics, check)
}

const fn encrypted(names: Names, magics: &'static [Magic], check: Check) -> Signature {
    row(names, Usage::Encrypted, magics, check)
}

const fn other(names: Names, magics: &'static [Magic], check: Check) -> Signature {
    row(names, Usage::Other, magics, check)
}

/// `bytes` at offset `at` of the structure at byte `start`.
const fn magic(start: u64, at: u64, bytes: &'static [u8]) -> Magic {
    assert!(bytes.len() <= LONGEST);
    Magic { start: Location::Start(start), at, bytes }
}

/// `bytes` at offset `at` of the structure `back` bytes before the last whole `unit` ends.
const fn before_end(unit: u64, back: u64, at: u64, bytes: &'static [u8]) -> Magic {
    assert!(bytes.len() <= LONGEST);
    Magic { start: Location::End { unit, back }, at, bytes }
}

/// `bytes` at the end of the first page (of 4 to 64 KiB), where swap has its magic number.
const fn in_first_page(bytes: &'static [u8]) -> [Magic; 5] {
    [
        magic(0, 0xff6, bytes),
        magic(0, 0x1ff6, bytes),
        magic(0, 0x3ff6, bytes),
        magic(0, 0x7ff6, bytes),
        magic(0, 0xfff6, bytes),
    ]
}

/// `bytes` in the superblock of UFS, which has four possible locations.
const fn in_ufs(bytes: &'static [u8]) -> [Magic; 4] {
    [
        magic(0, UFS_MAGIC, bytes),
        magic(8 * KIB, UFS_MAGIC, bytes),
        magic(64 * KIB, UFS_MAGIC, bytes),
        magic(256 * KIB, UFS_MAGIC, bytes),
    ]
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * 1024;
/// `fs_magic` in the superblock of UFS.
const UFS_MAGIC: u64 = 1372;

const MD: Names = ("linux_raid_member", "Linux md member");
const LUKS1: Names = ("crypto_LUKS", "LUKS1 container");
const LUKS2: Names = ("crypto_LUKS", "LUKS2 container");
const BITLOCKER: Names = ("BitLocker", "BitLocker volume");
const FAT: Names = ("vfat", "FAT");
const SUSPENDED: Names = ("swsuspend", "swap with a suspended system");
const SWAP: Names = ("swap", "swap");
const UFS1: Names = ("ufs", "UFS1");
const UFS2: Names = ("ufs", "UFS2");
const HFS_PLUS: Names = ("hfsplus", "HFS+");
const SQUASHFS_3: Names = ("squashfs3", "SquashFS of a version before 4");

const MD_1: &[u8] = b"\xfc\x4e\x2b\xa9\x01\0\0\0";
const BCACHE: &[u8] = b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81";
const BCACHEFS: &[u8] = b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef";
const STRATIS: &[u8] = b"!Stra0tis\x86\xff\x02^\x41rh";
/// Revision, reserved bytes and magic number: the magic number alone has only two bytes.
const NILFS: &[u8] = b"\x02\0\0\0\0\0\x34\x34";
/// Length and name of the first pair in a vdev label.
const ZFS: &[u8] = b"\0\0\0\x07version";

/// All signatures. Members and containers come before formats whose remains may still be after their headers, and a
/// format before others whose signature may match it, too.
pub const SIGNATURES: &[Signature] = &[
    member(MD, &[before_end(64 * KIB, 64 * KIB, 0, b"\xfc\x4e\x2b\xa9")], containers::md_0_little),
    member(MD, &[before_end(64 * KIB, 64 * KIB, 0, b"\xa9\x2b\x4e\xfc")], containers::md_0_big),
    member(
        MD,
        &[before_end(4 * KIB, 8 * KIB, 0, MD_1), magic(0, 0, MD_1), magic(4 * KIB, 0, MD_1)],
        containers::md_1,
    ),
    member(
        ("ddf_raid_member", "DDF RAID member"),
        &[before_end(512, 512, 0, b"\xde\x11\xde\x11"), before_end(512, 257 * 512, 0, b"\xde\x11\xde\x11")],
        always,
    ),
    // Two sectors before the end, for either sector size.
    member(
        ("isw_raid_member", "Intel RAID member"),
        &[
            before_end(512, 2 * 512, 0, b"Intel Raid ISM Cfg Sig. "),
            before_end(4 * KIB, 8 * KIB, 0, b"Intel Raid ISM Cfg Sig. "),
        ],
        always,
    ),
    other(("bcache", "bcache device"), &[magic(4 * KIB, 24, BCACHE)], containers::bcache),
    filesystem(
        ("bcachefs", "bcachefs"),
        &[
            magic(4 * KIB, 24, BCACHE),
            magic(4 * KIB, 24, BCACHEFS),
            magic(2 * MIB, 24, BCACHEFS),
            before_end(1, MIB, 24, BCACHEFS),
        ],
        containers::bcachefs,
    ),
    other(("ceph_bluestore", "Ceph BlueStore"), &[magic(0, 0, b"bluestore block device")], always),
    member(
        ("drbd", "DRBD device"),
        &[
            before_end(1, 4 * KIB, 60, b"\x83\x74\x02\x6b"),
            before_end(1, 4 * KIB, 60, b"\x83\x74\x02\x6c"),
            before_end(1, 4 * KIB, 60, b"\x83\x74\x02\x6d"),
        ],
        containers::drbd,
    ),
    member(
        ("LVM2_member", "LVM physical volume"),
        &[
            magic(0, 0, b"LABELONE"),
            magic(512, 0, b"LABELONE"),
            magic(1024, 0, b"LABELONE"),
            magic(1536, 0, b"LABELONE"),
        ],
        containers::lvm,
    ),
    member(
        ("LVM1_member", "LVM1 physical volume"),
        &[magic(0, 0, b"HM\x01\0"), magic(0, 0, b"HM\x02\0")],
        always,
    ),
    other(("DM_snapshot_cow", "device-mapper snapshot"), &[magic(0, 0, b"SnAp")], always),
    encrypted(("DM_verity_hash", "dm-verity hashes"), &[magic(0, 0, b"verity\0\0\x01\0\0\0")], always),
    encrypted(("DM_integrity", "dm-integrity device"), &[magic(0, 0, b"integrt\0")], containers::integrity),
    encrypted(LUKS1, &[magic(0, 0, b"LUKS\xba\xbe\0\x01")], always),
    encrypted(LUKS2, &[magic(0, 0, b"LUKS\xba\xbe\0\x02")], containers::luks2),
    member(("VMFS_volume_member", "VMFS volume member"), &[magic(MIB, 0, b"\x0d\xd0\x01\xc0")], always),
    other(("vdo", "VDO device"), &[magic(0, 0, b"dmvdo001")], always),
    member(("stratis", "Stratis pool member"), &[magic(512, 4, STRATIS), magic(9 * 512, 4, STRATIS)], always),
    encrypted(BITLOCKER, &[magic(0, 0, b"\xeb\x52\x90-FVE-FS-")], always),
    encrypted(BITLOCKER, &[magic(0, 0, b"\xeb\x58\x90-FVE-FS-")], containers::bitlocker),
    encrypted(BITLOCKER, &[magic(0, 0, b"\xeb\x58\x90MSWIN4.1")], containers::bitlocker_to_go),
    filesystem(
        FAT,
        &[
            magic(0, 0x52, b"FAT32   "),
            magic(0, 0x52, b"MSWIN"),
            magic(0, 0x36, b"FAT16   "),
            magic(0, 0x36, b"FAT12   "),
            magic(0, 0x36, b"FAT     "),
            magic(0, 0x36, b"MSDOS"),
        ],
        filesystems::fat,
    ),
    filesystem(FAT, &[magic(0, 0x1fe, b"\x55\xaa")], filesystems::fat_unnamed),
    other(SUSPENDED, &[magic(0, 0, b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c")], always),
    other(SUSPENDED, &in_first_page(b"S1SUSPEND"), always),
    other(SUSPENDED, &in_first_page(b"S2SUSPEND"), always),
    other(SUSPENDED, &in_first_page(b"ULSUSPEND"), always),
    other(SUSPENDED, &in_first_page(b"LINHIB0001"), always),
    other(SWAP, &in_first_page(b"SWAP-SPACE"), always),
    other(SWAP, &in_first_page(b"SWAPSPACE2"), containers::swap),
    filesystem(("xfs", "XFS"), &[magic(0, 0, b"XFSB")], always),
    other(("jbd", "journal of ext4"), &[magic(KIB, 0x38, b"\x53\xef")], filesystems::ext_journal),
    filesystem(("ext4", "ext4"), &[magic(KIB, 0x38, b"\x53\xef")], filesystems::ext4),
    filesystem(("ext3", "ext3"), &[magic(KIB, 0x38, b"\x53\xef")], filesystems::ext3),
    filesystem(("ext2", "ext2"), &[magic(KIB, 0x38, b"\x53\xef")], filesystems::ext2),
    filesystem(
        ("reiserfs", "ReiserFS"),
        &[
            magic(8 * KIB, 0x34, b"ReIsErFs"),
            magic(64 * KIB, 0x34, b"ReIsEr2Fs"),
            magic(64 * KIB, 0x34, b"ReIsEr3Fs"),
            magic(64 * KIB, 0x34, b"ReIsErFs"),
            magic(8 * KIB, 0x14, b"ReIsErFs"),
        ],
        always,
    ),
    filesystem(("reiser4", "Reiser4"), &[magic(64 * KIB, 0, b"ReIsEr4")], always),
    filesystem(("jfs", "JFS"), &[magic(32 * KIB, 0, b"JFS1")], always),
    filesystem(
        ("udf", "UDF"),
        &[
            magic(32 * KIB, 1, b"BEA01"),
            magic(32 * KIB, 1, b"BOOT2"),
            magic(32 * KIB, 1, b"CD001"),
            magic(32 * KIB, 1, b"CDW02"),
            magic(32 * KIB, 1, b"NSR02"),
            magic(32 * KIB, 1, b"NSR03"),
            magic(32 * KIB, 1, b"TEA01"),
        ],
        filesystems::udf,
    ),
    filesystem(("iso9660", "ISO 9660"), &[magic(32 * KIB, 1, b"CD001")], always),
    filesystem(("iso9660", "High Sierra"), &[magic(32 * KIB, 9, b"CDROM")], always),
    member(
        ("zfs_member", "ZFS member"),
        &[
            magic(16 * KIB, 20, ZFS),
            magic((256 + 16) * KIB, 20, ZFS),
            before_end(256 * KIB, (512 - 16) * KIB, 20, ZFS),
            before_end(256 * KIB, (256 - 16) * KIB, 20, ZFS),
        ],
        containers::zfs,
    ),
    filesystem(HFS_PLUS, &[magic(KIB, 0, b"BD")], filesystems::hfs_plus_wrapped),
    filesystem(HFS_PLUS, &[magic(KIB, 0, b"H+\0\x04")], filesystems::hfs_plus),
    filesystem(("hfsplus", "HFSX"), &[magic(KIB, 0, b"HX\0\x05")], filesystems::hfs_plus),
    filesystem(("hfs", "HFS"), &[magic(KIB, 0, b"BD")], filesystems::hfs),
    filesystem(UFS1, &in_ufs(b"\x54\x19\x01\0"), always),
    filesystem(UFS1, &in_ufs(b"\0\x01\x19\x54"), always),
    filesystem(UFS2, &in_ufs(b"\x19\x01\x54\x19"), always),
    filesystem(UFS2, &in_ufs(b"\x19\x54\x01\x19"), always),
    filesystem(("hpfs", "HPFS"), &[magic(8 * KIB, 0, b"\x49\xe8\x95\xf9")], filesystems::hpfs),
    filesystem(("ntfs", "NTFS"), &[magic(0, 3, b"NTFS    ")], always),
    filesystem(("ReFS", "ReFS"), &[magic(0, 0, b"\0\0\0ReFS\0")], always),
    filesystem(
        ("cramfs", "cramfs"),
        &[magic(0, 0, b"\x45\x3d\xcd\x28"), magic(0, 0, b"\x28\xcd\x3d\x45")],
        always,
    ),
    filesystem(("romfs", "romfs"), &[magic(0, 0, b"-rom1fs-")], always),
    filesystem(
        ("minix", "Minix"),
        &[
            magic(KIB, 16, b"\x7f\x13"),
            magic(KIB, 16, b"\x8f\x13"),
            magic(KIB, 16, b"\x68\x24"),
            magic(KIB, 16, b"\x78\x24"),
        ],
        filesystems::minix,
    ),
    filesystem(("minix", "Minix"), &[magic(KIB, 24, b"\x5a\x4d")], filesystems::minix3),
    filesystem(("gfs", "GFS"), &[magic(64 * KIB, 0, b"\x01\x16\x19\x70")], filesystems::gfs),
    filesystem(("gfs2", "GFS2"), &[magic(64 * KIB, 0, b"\x01\x16\x19\x70")], filesystems::gfs2),
    filesystem(("ocfs", "OCFS"), &[magic(8 * KIB, 0, b"OracleCFS")], always),
    filesystem(
        ("ocfs2", "OCFS2"),
        &[
            magic(KIB, 0, b"OCFSV2"),
            magic(2 * KIB, 0, b"OCFSV2"),
            magic(4 * KIB, 0, b"OCFSV2"),
            magic(8 * KIB, 0, b"OCFSV2"),
        ],
        always,
    ),
    member(("oracleasm", "Oracle ASM disk"), &[magic(0, 32, b"ORCLDISK")], always),
    filesystem(
        ("vxfs", "VxFS"),
        &[magic(KIB, 0, b"\xf5\xfc\x01\xa5"), magic(8 * KIB, 0, b"\xa5\x01\xfc\xf5")],
        always,
    ),
    filesystem(("squashfs", "SquashFS"), &[magic(0, 0, b"hsqs")], filesystems::squashfs),
    filesystem(SQUASHFS_3, &[magic(0, 0, b"sqsh")], filesystems::squashfs3_big),
    filesystem(SQUASHFS_3, &[magic(0, 0, b"hsqs")], filesystems::squashfs3_little),
    filesystem(("btrfs", "Btrfs"), &[magic(64 * KIB, 0x40, b"_BHRfS_M")], always),
    filesystem(("VMFS", "VMFS"), &[magic(2 * MIB, 0, b"\x5e\xf1\xab\x2f")], always),
    filesystem(("nilfs2", "NILFS2"), &[magic(KIB, 0, NILFS), before_end(512, 4 * KIB, 0, NILFS)], always),
    filesystem(("exfat", "exFAT"), &[magic(0, 3, b"EXFAT   ")], always),
    filesystem(("f2fs", "F2FS"), &[magic(KIB, 0, b"\x10\x20\xf5\xf2")], always),
    filesystem(("apfs", "APFS"), &[magic(0, 32, b"NXSB")], always),
    filesystem(("erofs", "EROFS"), &[magic(KIB, 0, b"\xe2\xe1\xf5\xe0")], filesystems::erofs),
];
