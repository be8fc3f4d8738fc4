// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's errors.

code::table! {
    /// What reading disks and volumes raises.
    pub CODES;
    pub(crate) IO: Code = "E-IO",
        "the device failed, in the firmware's words",
        "look at disk, cable, or the host's storage";
    pub(crate) CHECKSUM: Family = "E-FS-*-CSUM",
        "the stored checksum is not the one computed; both are shown",
        "repair it with the tool of its format";
    pub(crate) MAGIC: Family = "E-FS-*-MAGIC",
        "a magic number or signature is not there",
        "repair it with the tool of its format";
    pub(crate) RANGE: Family = "E-FS-*-RANGE",
        "a value is outside what the format allows or the device holds",
        "repair it with the tool of its format";
    pub(crate) INCONSISTENT: Family = "E-FS-*-INCONSISTENT",
        "two values contradict each other",
        "repair it with the tool of its format";
    pub(crate) LOOP: Family = "E-FS-*-LOOP",
        "a chain or tree leads back to itself or is deeper than the format allows",
        "repair it with the tool of its format";
    pub(crate) TRUNCATED: Family = "E-FS-*-TRUNCATED",
        "a structure ends before its content does",
        "repair it with the tool of its format";
    pub(crate) DATA: Family = "E-FS-*-DATA",
        "compressed data cannot be unpacked",
        "repair it with the tool of its format";
    pub(crate) UNSUPPORTED: Family = "E-FS-*-UNSUPPORTED",
        "the data may be right, but uses a feature that cloud-boot lacks; the message names it",
        "make the filesystem or image again without that feature, or put the files on another";
}

code::table! {
    /// What looking for a file raises.
    pub FILES;
    pub(crate) NOT_FOUND: Code = "E-FS-NOTFOUND",
        "the kernel or initrd that the entry names is not there",
        "make it (`update-initramfs -c -k all`), or run `update-grub`";
    pub(crate) TYPE: Code = "E-FS-TYPE",
        "it is there, but no regular file",
        "put a file there";
    pub(crate) LINKS: Code = "E-FS-LINKS",
        "a path leads through more than 40 symbolic links",
        "mend the links";
    pub(crate) SIZE: Code = "E-FS-SIZE",
        "a file or directory is larger than its use allows",
        "put a smaller one there; where its size cannot be true, check the filesystem";
}

code::table! {
    /// The formats of the codes.
    pub FORMATS;
    pub(crate) GPT: Word = "GPT", "a GUID partition table", "`sgdisk --verify`";
    pub(crate) MBR: Word = "MBR", "a partition table of the old kind", "`sfdisk --verify`";
    pub(crate) EXT4: Word = "EXT4", "ext2, ext3 or ext4", "`e2fsck`";
    pub(crate) FAT: Word = "FAT", "FAT12, FAT16 or FAT32", "`fsck.fat`";
    pub(crate) ISO9660: Word = "ISO9660", "a CD's filesystem", "write the image again";
    pub(crate) QCOW2: Word = "QCOW2", "a disk image of QEMU's", "`qemu-img check`";
    pub(crate) VHD: Word = "VHD", "a virtual hard disk of Microsoft's", "make the image again (`qemu-img convert`)";
    pub(crate) FILE: Word = "FILE", "a file, whatever its format", "write the file again";
}
