// SPDX-License-Identifier: BSD-3-Clause
//! Boots machines in QEMU and judges them by their serial console, with the library `qemu`.
//!
//! Two programs share it. `qemu_test` is the executable of every `qemu_test` target (`//e2e:defs.bzl`): it
//! reads a [`spec::Spec`], waits for an ordered list of patterns and fails early on forbidden ones. `demo`
//! builds the boot image and a Debian disk, boots them and shows the console.

pub mod demo;
pub mod inspected;
pub mod network;
pub mod spec;
