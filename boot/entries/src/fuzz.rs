// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry points.

/// Any bytes are a grub.cfg, of which a menu comes, or an error.
pub fn fuzz_grub(data: &[u8]) {
    crate::grub::fuzz(data);
}

/// Any bytes are a file of the Boot Loader Specification.
pub fn fuzz_bls(data: &[u8]) {
    crate::bls::fuzz_conf(data);
}

/// Any bytes are an extlinux.conf.
pub fn fuzz_extlinux(data: &[u8]) {
    crate::extlinux::fuzz(data);
}
