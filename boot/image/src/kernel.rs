// SPDX-License-Identifier: BSD-3-Clause
//! What a kernel file is, and what is compressed in it.

use alloc::vec::Vec;

use arch::Arch;

use crate::{Compression, Error, Format, Unsupported, zboot};

/// Bytes at the start of a file that are enough to tell its kind.
pub const HEAD_SIZE: usize = 4096;

/// Bytes of the largest kernel that is unpacked: real ones are smaller.
pub const LARGEST: u64 = 512 << 20;

/// The kind of a kernel file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An EFI application; [`crate::pe::Pe::parse`] says whether it is whole.
    Pe,
    /// An EFI application that holds a compressed kernel and unpacks it itself.
    Zboot,
    /// Compressed as a whole: firmware cannot load it before it is unpacked.
    Compressed(Compression),
    /// A kernel of this architecture without an EFI stub: firmware cannot load it.
    LinuxImage(Arch),
    /// An ELF file, such as `vmlinux`: firmware cannot load it.
    Elf,
    /// None of these.
    Unknown,
}

/// The kind of a file, by its first [`HEAD_SIZE`] bytes or all of them.
///
/// Spec: Linux, `Documentation/arch/arm64/booting.rst`, `Documentation/arch/riscv/boot-image-header.rst`,
/// `Documentation/arch/x86/boot.rst`.
pub fn kind(head: &[u8]) -> Kind {
    if is_pe(head) {
        return if zboot::is_zboot(head) { Kind::Zboot } else { Kind::Pe };
    }
    if let Some(compression) = Compression::of(head) {
        return Kind::Compressed(compression);
    }
    let images = [
        // magic and magic2 of the headers of arm64 and riscv, boot_flag and header of x86's boot protocol.
        (&[(56, &b"ARM\x64"[..])][..], Arch::Aarch64),
        (&[(48, b"RISCV\0\0\0"), (56, b"RSC\x05")], Arch::Riscv64),
        (&[(0x1fe, b"\x55\xaa"), (0x202, b"HdrS")], Arch::X86_64),
    ];
    let has = |(at, magic): &(usize, &[u8])| head.get(*at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((_, machine)) = images.iter().find(|(magics, _)| magics.iter().all(has)) {
        return Kind::LinuxImage(*machine);
    }
    if head.starts_with(b"\x7fELF") { Kind::Elf } else { Kind::Unknown }
}

/// Whether the PE signature is where the DOS header points.
fn is_pe(head: &[u8]) -> bool {
    let at = head.get(0x3c..0x40).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let at = at.and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
    head.starts_with(b"MZ") && head.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

/// Unpacks a file that is compressed, or the kernel in a zboot file, of at most `limit` bytes.
///
/// gzip and lz4 unpack straight into the returned buffer, zstd and xz through a separate window. A window is at most
/// 128 MiB, and no larger than the content.
///
/// # Errors
/// [`Error::Limit`] when the content is larger than `limit`; [`Error::Corrupt`], [`Error::Data`] and
/// [`Error::Truncated`] when it is damaged, by its checksum at the latest (legacy lz4 has none; xz, zstd and lz4
/// need not have any); [`Error::Unsupported`] when nothing is packed in the file, or in a way that is not known;
/// [`Error::NoMemory`].
pub fn unpack(file: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
    match kind(file) {
        Kind::Zboot => zboot::Zboot::parse(file)?.unpack(limit),
        Kind::Compressed(compression) => compression.unpack(file, None, limit),
        _ => Err(Error::Unsupported(Unsupported {
            format: Format::Kernel,
            feature: "a file that is not compressed".into(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Builder;

    /// Bytes and where they stand.
    type Parts<'a> = &'a [(usize, &'a [u8])];

    /// Zeros but for these bytes.
    fn head(parts: Parts<'_>) -> [u8; 1024] {
        let mut head = [0; 1024];
        for (at, bytes) in parts {
            head[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        head
    }

    #[test]
    fn kinds_are_told_apart_by_the_first_bytes() {
        let mut pe = Builder::new().bytes();
        assert_eq!(kind(&pe), Kind::Pe);
        pe[4..8].copy_from_slice(b"zimg");
        assert_eq!(kind(&pe), Kind::Zboot);
        let table: [(Parts<'_>, Kind); 13] = [
            (&[(0, b"\x1f\x8b\x08")], Kind::Compressed(Compression::Gzip)),
            (&[(0, b"\x28\xb5\x2f\xfd")], Kind::Compressed(Compression::Zstd)),
            (&[(0, b"\xfd7zXZ\0")], Kind::Compressed(Compression::Xz)),
            (&[(0, b"\x04\x22\x4d\x18")], Kind::Compressed(Compression::Lz4)),
            (&[(0, b"\x02\x21\x4c\x18")], Kind::Compressed(Compression::Lz4Legacy)),
            (&[(56, b"ARM\x64")], Kind::LinuxImage(Arch::Aarch64)),
            (&[(48, b"RISCV\0\0\0"), (56, b"RSC\x05")], Kind::LinuxImage(Arch::Riscv64)),
            (&[(0x1fe, b"\x55\xaaxxHdrS")], Kind::LinuxImage(Arch::X86_64)),
            (&[(0, b"\x7fELF")], Kind::Elf),
            // Half of the magic, an MS-DOS program, one whose PE header is elsewhere, nothing.
            (&[(56, b"RSC\x05")], Kind::Unknown),
            (&[(0, b"MZ")], Kind::Unknown),
            (&[(0, b"MZ"), (0x3c, &[0xff; 4])], Kind::Unknown),
            (&[], Kind::Unknown),
        ];
        for (parts, expected) in table {
            assert_eq!(kind(&head(parts)), expected);
        }
        assert_eq!(kind(b""), Kind::Unknown);
    }

    #[test]
    fn unpack_refuses_what_holds_nothing() {
        for file in [&b""[..], &Builder::new().bytes()] {
            assert_eq!(unpack(file, 1 << 20).unwrap_err().code(), "E-IMAGE-KERNEL-UNSUPPORTED");
        }
    }
}
