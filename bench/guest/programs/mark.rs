// SPDX-License-Identifier: BSD-3-Clause
//! How `start` passes its time to the kernel: an entry of the firmware's configuration table, which no boot loader in
//! between reads, and which costs nothing while it runs.

use uefi::{Guid, guid};

/// A GUID of this benchmark only.
pub static TABLE: Guid = guid!("8d2f1d5c-6f0a-4d39-9b0e-3a1f6f2f4c11");

/// Time of the loader's start, and ticks of the counter in a second.
pub type Times = [u64; 2];
