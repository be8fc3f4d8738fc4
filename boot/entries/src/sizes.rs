// SPDX-License-Identifier: BSD-3-Clause
//! Sums of sizes and indices.
//!
//! All operands are sizes of things in memory, which has fewer than `usize::MAX` bytes: nothing here can saturate
//! except [`work`], which is an amount to charge.

/// A sum of sizes.
pub fn total(sizes: impl IntoIterator<Item = usize>) -> usize {
    sizes.into_iter().fold(0, usize::saturating_add)
}

/// The index after `at`.
pub fn behind(at: usize) -> usize {
    at.saturating_add(1)
}

/// The work of handling `bytes` so many times. A saturated value is beyond any limit.
pub fn work(times: usize, bytes: usize) -> usize {
    times.saturating_mul(bytes)
}
