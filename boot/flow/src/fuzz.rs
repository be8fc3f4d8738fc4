// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

/// Any bytes: the variable of the cache. (The record of a slot is `oci`'s.)
pub fn fuzz(data: &[u8]) {
    crate::cache::fuzz(data);
}
