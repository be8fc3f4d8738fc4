// SPDX-License-Identifier: BSD-3-Clause
//! Machines in QEMU, and what their serial consoles say.
//!
//! Bytes of the console pass through a pipeline: [`characters::Characters`] decodes them to text that is safe to show,
//! [`console::Console`] splits it into lines, [`script::Script`] checks each line, [`phases::Phases`] notes when
//! firmware, loader, kernel and userspace ended, and [`record::Record`] keeps what a reader of a failed run needs.
//! [`watch::Watch`] drives all five; [`process::Qemu`] owns the process, which always ends with its owner.

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
