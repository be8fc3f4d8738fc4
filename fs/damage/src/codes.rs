// SPDX-License-Identifier: BSD-3-Clause
//! The codes of damaged data, of what cannot be read yet, and the formats in them.

code::table! {
    /// What is wrong with disks and volumes.
    pub CODES;
    pub(crate) CHECKSUM: Family = "E-FS-*-CSUM",
        "the stored checksum is not the one computed; both are shown",
        "repair it with the tool of its format";
    pub(crate) MAGIC: Family = "E-FS-*-MAGIC",
        "a magic number or signature is not there",
        "repair it with the tool of its format";
    pub(crate) RANGE: Family = "E-FS-*-RANGE",
        "a value is outside what the format allows or the device holds",
        "if the image or partition was cut short, copy all of it; otherwise repair it with the tool of its format";
    pub(crate) INCONSISTENT: Family = "E-FS-*-INCONSISTENT",
        "two values contradict each other",
        "repair it with the tool of its format";
    pub(crate) LOOP: Family = "E-FS-*-LOOP",
        "a chain or tree leads back to itself or is deeper than the format allows",
        "repair it with the tool of its format";
    pub(crate) TRUNCATED: Family = "E-FS-*-TRUNCATED",
        "a structure ends before its content does",
        "if the image or partition was cut short, copy all of it; otherwise repair it with the tool of its format";
    pub(crate) DATA: Family = "E-FS-*-DATA",
        "compressed data cannot be unpacked",
        "repair it with the tool of its format";
    pub(crate) UNSUPPORTED: Family = "E-FS-*-UNSUPPORTED",
        "the data may be right, but uses a feature that cloud-boot lacks; the message names it",
        "make the filesystem or image again without that feature, or put the files on another";
    pub(crate) MISSING: Family = "E-FS-*-MISSING",
        "more devices of a set are missing than its profile can do without; the message names them",
        "attach missing disks, as many as the profile cannot do without";
    pub(crate) DEGRADED: Family = "E-FS-*-DEGRADED",
        "it is read, but a part of it is missing, was not replayed, or is marked as damaged; the message says which",
        "attach what is missing, leave out what is a copy, copy all of an image that was cut short, mount it once with \
         Linux, or check it with the tool of its format";
}

code::table! {
    /// What is wrong with kernels and other images.
    pub IMAGES;
    pub(crate) IMAGE_TRUNCATED: Family = "E-IMAGE-*-TRUNCATED",
        "the file ends before something that it promises; a kernel that was copied in part",
        "install the kernel again";
    pub(crate) IMAGE_CHECKSUM: Family = "E-IMAGE-*-CSUM",
        "the checksum of compressed data is wrong",
        "install the kernel again";
    pub(crate) IMAGE_DATA: Family = "E-IMAGE-*-DATA",
        "compressed data is wrong, in the decoder's words",
        "install the kernel again";
    pub(crate) IMAGE_MAGIC: Family = "E-IMAGE-*-MAGIC",
        "a magic number or signature is not there; for `PE`: the file is no EFI program",
        "a kernel with an EFI stub";
    pub(crate) IMAGE_RANGE: Family = "E-IMAGE-*-RANGE",
        "a field of a header is outside what the format allows",
        "install the kernel again; where that changes nothing, a kernel built otherwise";
    pub(crate) IMAGE_INCONSISTENT: Family = "E-IMAGE-*-INCONSISTENT",
        "two fields contradict each other",
        "install the kernel again; where that changes nothing, a kernel built otherwise";
    pub(crate) IMAGE_UNSUPPORTED: Family = "E-IMAGE-*-UNSUPPORTED",
        "the file may be right, but uses a format or feature that cloud-boot lacks; the message names it",
        "a kernel without it";
}

code::table! {
    /// The formats of disks and volumes.
    pub FORMATS;
    pub(crate) GPT: Word = "GPT", "a GUID partition table", "`sgdisk --verify`";
    pub(crate) MBR: Word = "MBR", "a partition table of the old kind", "`sfdisk --verify`";
    pub(crate) EXT4: Word = "EXT4", "ext2, ext3 or ext4", "`e2fsck`";
    pub(crate) XFS: Word = "XFS", "XFS", "`xfs_repair`";
    pub(crate) BTRFS: Word = "BTRFS", "btrfs", "`btrfs scrub` where another copy is sound, otherwise `btrfs check`";
    pub(crate) FAT: Word = "FAT", "FAT12, FAT16 or FAT32", "`fsck.fat`";
    pub(crate) ISO9660: Word = "ISO9660", "a CD's filesystem", "write the image again";
    pub(crate) QCOW2: Word = "QCOW2", "a disk image of QEMU's", "`qemu-img check`";
    pub(crate) VHD: Word = "VHD", "a virtual hard disk of Microsoft's", "make the image again (`qemu-img convert`)";
    pub(crate) FILE: Word = "FILE", "a file, whatever its format", "write the file again";
}

code::table! {
    /// The formats of kernels and other images.
    pub IMAGE_FORMATS;
    pub(crate) KERNEL: Word = "KERNEL", "a kernel, whatever its format", "";
    pub(crate) PE: Word = "PE", "an EFI program; a kernel with an EFI stub is one", "";
    pub(crate) ZBOOT: Word = "ZBOOT", "a compressed kernel that unpacks itself under EFI", "";
    pub(crate) GZIP: Word = "GZIP", "a kernel in gzip's format", "";
    pub(crate) ZSTD: Word = "ZSTD", "a kernel in Zstandard's format", "";
    pub(crate) XZ: Word = "XZ", "a kernel in the .xz format", "";
    pub(crate) LZ4: Word = "LZ4", "a kernel in LZ4's format", "";
    pub(crate) INITRD: Word = "INITRD", "several initial RAM disks behind one another", "";
}
