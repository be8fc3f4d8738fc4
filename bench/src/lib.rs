// SPDX-License-Identifier: BSD-3-Clause
//! Benchmarks against peers: each program of `bin/` runs both sides in turn, checks that they did the same, and
//! prints a [`report::Report`] with ratios and budgets.
//!
//! Budgets are constants beside the code that measures them. Measurements run in pairs, one side and then the other
//! ([`pairs`]), so that a machine that is slow for a while is slow for both.

mod bars;
pub mod fs;
pub mod loader;
pub mod machine;
pub mod net;
pub mod options;
pub mod page;
pub mod pairs;
pub mod parts;
pub mod report;
pub mod scratch;
pub mod size;
mod symbols;
