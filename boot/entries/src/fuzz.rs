// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

/// Any bytes are a grub.cfg, of which a menu comes, or an error.
pub fn fuzz_grub(data: &[u8]) {
    crate::grub::fuzz(data);
}
