// SPDX-License-Identifier: BSD-3-Clause
//! Codes of corrupt and of unsupported data, and the formats in them.

code::table! {
    /// Errors of disks and volumes.
    pub CODES;
    pub(crate) CHECKSUM: Family = "E-FS-*-CSUM",
        "checksum mismatch: the stored checksum is not the computed one; both are shown",
        "repair it with the format's own tool";
    pub(crate) MAGIC: Family = "E-FS-*-MAGIC",
        "a magic number or signature is missing",
        "repair it with the format's own tool";
    pub(crate) RANGE: Family = "E-FS-*-RANGE",
        "a value is out of range for the format or the device",
        "if the image or partition is truncated, copy it again in full; otherwise repair it with the format's own tool";
    pub(crate) INCONSISTENT: Family = "E-FS-*-INCONSISTENT",
        "two values contradict each other",
        "repair it with the format's own tool";
    pub(crate) LOOP: Family = "E-FS-*-LOOP",
        "a chain or tree contains a loop, or is deeper than the format allows",
        "repair it with the format's own tool";
    pub(crate) TRUNCATED: Family = "E-FS-*-TRUNCATED",
        "a structure or the device is truncated",
        "if the image or partition is truncated, copy it again in full; otherwise repair it with the format's own tool";
    pub(crate) DATA: Family = "E-FS-*-DATA",
        "compressed data is corrupt",
        "repair it with the format's own tool";
    pub(crate) UNSUPPORTED: Family = "E-FS-*-UNSUPPORTED",
        "the data uses a feature that cloud-boot does not support; the message names it",
        "make the filesystem or image again without that feature, or move the files to another one";
    pub(crate) MISSING: Family = "E-FS-*-MISSING",
        "more devices are missing than the profile of the set tolerates; the message names them",
        "attach as many of the missing disks as the profile needs";
    pub(crate) DEGRADED: Family = "E-FS-*-DEGRADED",
        "it can be read, but a part is missing, was not replayed, or is marked as damaged; the message says which",
        "attach the missing device, detach a copy, copy a truncated image again in full, mount it once with Linux, or \
         check it with the format's own tool";
}

code::table! {
    /// Errors of kernels and other images.
    pub IMAGES;
    pub(crate) IMAGE_TRUNCATED: Family = "E-IMAGE-*-TRUNCATED",
        "the file is truncated; the kernel may have been copied only in part",
        "install the kernel again";
    pub(crate) IMAGE_CHECKSUM: Family = "E-IMAGE-*-CSUM",
        "checksum mismatch of compressed data",
        "install the kernel again";
    pub(crate) IMAGE_DATA: Family = "E-IMAGE-*-DATA",
        "compressed data is corrupt; the message quotes the decoder",
        "install the kernel again";
    pub(crate) IMAGE_MAGIC: Family = "E-IMAGE-*-MAGIC",
        "a magic number or signature is missing; for `PE`: the file is not an EFI program",
        "use a kernel with an EFI stub";
    pub(crate) IMAGE_RANGE: Family = "E-IMAGE-*-RANGE",
        "a header field is out of range",
        "install the kernel again; if that does not help, use another build of the kernel";
    pub(crate) IMAGE_INCONSISTENT: Family = "E-IMAGE-*-INCONSISTENT",
        "two fields contradict each other",
        "install the kernel again; if that does not help, use another build of the kernel";
    pub(crate) IMAGE_UNSUPPORTED: Family = "E-IMAGE-*-UNSUPPORTED",
        "the file uses a format or feature that cloud-boot does not support; the message names it",
        "use a kernel without it";
}

code::table! {
    /// The formats of disks and volumes.
    pub FORMATS;
    pub(crate) GPT: Word = "GPT", "a GUID partition table", "`sgdisk --verify`";
    pub(crate) MBR: Word = "MBR", "a legacy partition table (master boot record)", "`sfdisk --verify`";
    pub(crate) EXT4: Word = "EXT4", "ext2, ext3 or ext4", "`e2fsck`";
    pub(crate) XFS: Word = "XFS", "XFS", "`xfs_repair`";
    pub(crate) BTRFS: Word = "BTRFS", "btrfs", "`btrfs scrub` if another copy is intact, otherwise `btrfs check`";
    pub(crate) FAT: Word = "FAT", "FAT12, FAT16 or FAT32", "`fsck.fat`";
    pub(crate) ISO9660: Word = "ISO9660", "the filesystem of CDs and ISO images", "write the image again";
    pub(crate) QCOW2: Word = "QCOW2", "a QEMU disk image", "`qemu-img check`";
    pub(crate) VHD: Word = "VHD", "a Microsoft virtual hard disk", "make the image again (`qemu-img convert`)";
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
    pub(crate) INITRD: Word = "INITRD", "several initial RAM disks, one after the other", "";
}
