// SPDX-License-Identifier: BSD-3-Clause
//! Sums of sizes, and places behind others.
//!
//! All of them are of what is in memory, which has fewer than `usize::MAX` bytes: nothing here can saturate but
//! [`work`], which is an amount to be charged.

/// A sum of sizes.
pub fn total(sizes: impl IntoIterator<Item = usize>) -> usize {
    sizes.into_iter().fold(0, usize::saturating_add)
}

/// The place behind one of a list or a text.
pub fn behind(at: usize) -> usize {
    at.saturating_add(1)
}

/// The work of doing something so many times. What saturates is beyond any limit.
pub fn work(times: usize, bytes: usize) -> usize {
    times.saturating_mul(bytes)
}
