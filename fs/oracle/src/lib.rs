// SPDX-License-Identifier: BSD-3-Clause
//! References for the tests of format readers.
//!
//! - [`Tree`]: a filesystem in memory, for the layers above the formats.
//! - [`FileDevice`]: a file as a device, for images that are too large to hold in memory.
//! - [`manifest`]: everything that a walk over a filesystem sees, as records to compare.
//! - [`tools`]: the programs that make and check the real formats.
//! - [`aged`]: images written by Linux, with what it reads from them, and how they were made ([`recipe`]).
//! - [`opinion`]: what GRUB and The Sleuth Kit say about them.
//! - [`compared`]: results of comparisons, for the matrix of formats.
//! - [`headers`]: headers built by hand, for formats that cannot be made here.
//! - [`processor_time`]: the processor time of a test.
//! - [`campaign`]: corrupted images, each read under limits of time, stack and memory.
//!
//! For tests on the build machine only: it needs std, and it reports by panicking.

pub mod aged;
pub mod campaign;
pub mod compared;
mod device;
pub mod headers;
pub mod manifest;
pub mod opinion;
mod processor;
pub mod random;
pub mod recipe;
pub mod tools;
mod tree;

pub use device::FileDevice;
pub use processor::processor_time;
pub use tree::Tree;
