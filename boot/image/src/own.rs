// SPDX-License-Identifier: BSD-3-Clause
//! cloud-boot's own loader, in any version.
//!
//! Its `.sbat` section names cloud-boot and a generation (shim's SBAT.md). A unified kernel image built with our stub
//! has that section, too, but also a kernel: it is not the loader.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{
    pe::Headers,
    uki::{Part, part},
};

/// The section of settings, as on a kernel's command line.
pub const CMDLINE: &str = ".cmdline";
/// The section of the trusted signature keys, PEM.
pub const KEYS: &str = ".keys";
/// The section of additional root certificates, PEM.
pub const ROOTS: &str = ".roots";
/// The section of the trusted root for keyless signatures, `trusted_root.json`.
pub const TRUSTED_ROOT: &str = ".troot";

/// Our component's name at the start of its line.
const COMPONENT: &[u8] = b"cloud-boot,";
/// Bytes of the text that are searched: our section is shorter.
const LONGEST: u64 = 4096;
/// Bytes at the start of a file that hold the headers of every loader of ours.
pub const HEAD_SIZE: usize = 4096;
/// Bytes that are read of a file, at most.
pub const MOST_READ: usize = HEAD_SIZE + 4096;

/// Whether a file is cloud-boot's own loader. `head` holds the first [`HEAD_SIZE`] of its `size` bytes, or all of them;
/// `read` reads a range of it.
pub fn is_own_loader(head: &[u8], size: u64, read: &dyn Fn(Range<u64>) -> Option<Vec<u8>>) -> bool {
    let Ok(headers) = Headers::parse(head, size) else { return false };
    if part(&headers, Part::Linux).is_some() {
        return false;
    }
    let Some(section) = part(&headers, Part::Sbat) else { return false };
    let Range { start, end } = section.data();
    // Cannot saturate: a section starts at a number of 32 bits.
    let text = read(start..end.min(start.saturating_add(LONGEST))).unwrap_or_default();
    text.split(|byte| *byte == b'\n').any(|line| line.starts_with(COMPONENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Builder;

    fn is_own(file: &[u8]) -> bool {
        let read = |range: Range<u64>| Some(file[range.start as usize..range.end as usize].to_vec());
        is_own_loader(file, file.len() as u64, &read)
    }

    const SBAT: &[u8] = b"sbat,1,SBAT Version\ncloud-boot,1,cloud-boot,cloud-boot,9.9.9,see\n";

    #[test]
    fn the_component_in_sbat_decides_and_a_kernel_overrules_it() {
        assert!(is_own(&Builder::new().with(".sbat", SBAT).bytes()));
        assert!(is_own(&Builder::new().with(".sbat", b"cloud-boot,7,x,x,0.0.1,x\n").bytes()));
        let unified = Builder::new().with(".sbat", SBAT).with(".linux", b"kernel");
        assert!(!is_own(&unified.bytes()), "a unified kernel image with our stub");
        for other in [&b"sbat,1\nshim,4,UEFI shim\n"[..], b"x cloud-boot,1\n", b"cloud-boot\n", b""] {
            assert!(!is_own(&Builder::new().with(".sbat", other).bytes()), "{other:?}");
        }
        assert!(!is_own(&Builder::new().bytes()) && !is_own(b"MZ"));
    }
}
