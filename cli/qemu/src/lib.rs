// SPDX-License-Identifier: BSD-3-Clause
//! Machines in QEMU, and what their serial consoles say.
//!
//! Bytes of the console go one way: [`characters::Characters`] makes text of them that is safe to show,
//! [`console::Console`] lines, [`script::Script`] judges each line, [`phases::Phases`] notes when firmware, loader,
//! kernel and userspace came to their end, and [`record::Record`] keeps what a reader of a failed run needs.
//! [`watch::Watch`] drives the five; [`process::Qemu`] owns the process, which ends with its owner, however that ends.

pub mod characters;
pub mod console;
pub mod disk;
pub mod emulated;
mod firmware;
pub mod kvm;
pub mod machine;
pub mod pattern;
pub mod phases;
pub mod process;
pub mod record;
pub mod report;
pub mod script;
pub mod terminal;
pub mod watch;
