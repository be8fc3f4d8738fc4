// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's errors.

code::table! {
    /// What is wrong with kernels and other images.
    pub CODES;
    pub(crate) TRUNCATED: Family = "E-IMAGE-*-TRUNCATED",
        "the file ends before something that it promises; a kernel that was copied in part",
        "install the kernel again";
    pub(crate) CHECKSUM: Family = "E-IMAGE-*-CSUM",
        "the checksum of compressed data is wrong",
        "install the kernel again";
    pub(crate) DATA: Family = "E-IMAGE-*-DATA",
        "compressed data is wrong, in the decoder's words",
        "install the kernel again";
    pub(crate) MAGIC: Family = "E-IMAGE-*-MAGIC",
        "a magic number or signature is not there; for `PE`: the file is no EFI program",
        "a kernel with an EFI stub";
    pub(crate) RANGE: Family = "E-IMAGE-*-RANGE",
        "a field of a header is outside what the format allows",
        "install the kernel again; where that changes nothing, a kernel built otherwise";
    pub(crate) INCONSISTENT: Family = "E-IMAGE-*-INCONSISTENT",
        "two fields contradict each other",
        "install the kernel again; where that changes nothing, a kernel built otherwise";
    pub(crate) UNSUPPORTED: Family = "E-IMAGE-*-UNSUPPORTED",
        "the file may be right, but uses a format or feature that cloud-boot lacks; the message names it",
        "a kernel without it";
    pub(crate) LIMIT: Family = "E-IMAGE-*-LIMIT",
        "the content is larger than any honest kernel (512 MiB unpacked)",
        "another kernel";
    pub(crate) MACHINE: Code = "E-IMAGE-PE-MACHINE",
        "the program is for another architecture; both are named",
        "the right image for this machine";
}

code::table! {
    /// The formats of the codes.
    pub FORMATS;
    pub(crate) KERNEL: Word = "KERNEL", "a kernel, whatever its format", "";
    pub(crate) PE: Word = "PE", "an EFI program; a kernel with an EFI stub is one", "";
    pub(crate) ZBOOT: Word = "ZBOOT", "a compressed kernel that unpacks itself under EFI", "";
    pub(crate) GZIP: Word = "GZIP", "a kernel in gzip's format", "";
    pub(crate) ZSTD: Word = "ZSTD", "a kernel in Zstandard's format", "";
    pub(crate) XZ: Word = "XZ", "a kernel in the .xz format", "";
    pub(crate) LZ4: Word = "LZ4", "a kernel in LZ4's format", "";
    pub(crate) INITRD: Word = "INITRD", "several initial RAM disks behind one another", "";
}
