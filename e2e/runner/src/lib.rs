// SPDX-License-Identifier: BSD-3-Clause
//! Boots machines in QEMU and judges them by their serial console.
//!
//! Two programs share it. `qemu_test` is the executable of every `qemu_test` target (`//e2e:defs.bzl`): it
//! reads a [`spec::Spec`], waits for an ordered list of patterns and fails early on forbidden ones. `demo`
//! builds the boot image and a Debian disk, boots them and shows the console.
//!
//! Bytes of the console go one way: [`console::Console`] makes lines of them, [`script::Script`] judges each
//! line, [`phases::Phases`] notes when firmware, loader, kernel and userspace came to their end, and
//! [`record::Record`] keeps what a reader of a failed test needs. [`watch::Watch`] drives the four;
//! [`process::Qemu`] owns the process, which ends with its owner, however that ends.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod arch;
pub mod console;
pub mod demo;
pub mod inspected;
pub mod machine;
pub mod pattern;
pub mod phases;
pub mod process;
pub mod record;
pub mod report;
pub mod script;
pub mod spec;
pub mod terminal;
pub mod watch;
