// SPDX-License-Identifier: BSD-3-Clause
//! The formats that errors name.

use core::fmt;

use code::Word;

use crate::codes;

/// A format of disks, volumes or images.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// GUID partition table.
    Gpt,
    /// Master boot record and its logical partitions.
    Mbr,
    /// ext2, ext3, ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
    /// FAT12, FAT16, FAT32.
    Fat,
    /// ISO 9660 with Rock Ridge and El Torito.
    Iso9660,
    /// Disk images of QEMU, version 2 and 3.
    Qcow2,
    /// Virtual hard disks of Virtual PC, Hyper-V and Azure.
    Vhd,
    /// A file of any format.
    File,
    /// A kernel file, whatever its format.
    Kernel,
    /// PE32+, the format of EFI applications.
    Pe,
    /// A compressed kernel that unpacks itself under EFI.
    Zboot,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format.
    Xz,
    /// LZ4 frames, and the legacy frames that kernels use.
    Lz4,
    /// Several concatenated initrds.
    Initrd,
}

impl Format {
    /// The format's part of a stable code.
    pub fn word(self) -> Word {
        match self {
            Self::Gpt => codes::GPT,
            Self::Mbr => codes::MBR,
            Self::Ext4 => codes::EXT4,
            Self::Xfs => codes::XFS,
            Self::Btrfs => codes::BTRFS,
            Self::Fat => codes::FAT,
            Self::Iso9660 => codes::ISO9660,
            Self::Qcow2 => codes::QCOW2,
            Self::Vhd => codes::VHD,
            Self::File => codes::FILE,
            Self::Kernel => codes::KERNEL,
            Self::Pe => codes::PE,
            Self::Zboot => codes::ZBOOT,
            Self::Gzip => codes::GZIP,
            Self::Zstd => codes::ZSTD,
            Self::Xz => codes::XZ,
            Self::Lz4 => codes::LZ4,
            Self::Initrd => codes::INITRD,
        }
    }

    /// Whether it is a format of kernels or other images, whose codes start with `E-IMAGE`.
    pub(crate) fn is_image(self) -> bool {
        match self {
            Self::Gpt
            | Self::Mbr
            | Self::Ext4
            | Self::Xfs
            | Self::Btrfs
            | Self::Fat
            | Self::Iso9660
            | Self::Qcow2
            | Self::Vhd
            | Self::File => false,
            Self::Kernel
            | Self::Pe
            | Self::Zboot
            | Self::Gzip
            | Self::Zstd
            | Self::Xz
            | Self::Lz4
            | Self::Initrd => true,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gpt => "GPT",
            Self::Mbr => "MBR",
            Self::Ext4 => "ext4",
            Self::Xfs => "XFS",
            Self::Btrfs => "btrfs",
            Self::Fat => "FAT",
            Self::Iso9660 => "ISO 9660",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "VHD",
            Self::File => "file",
            Self::Kernel => "kernel",
            Self::Pe => "PE",
            Self::Zboot => "EFI zboot",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Initrd => "initrd",
        })
    }
}
