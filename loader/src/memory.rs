// SPDX-License-Identifier: BSD-3-Clause
//! How much memory the firmware has left.

use uefi::{
    boot,
    mem::memory_map::{MemoryMap, MemoryType},
};

const PAGE: u64 = 4096;

/// The conventional memory of the firmware's map.
pub struct FreeMemory;

impl flow::Memory for FreeMemory {
    fn available(&self) -> u64 {
        let Ok(map) = boot::memory_map(MemoryType::LOADER_DATA) else {
            return 0;
        };
        let free = map.entries().filter(|area| area.ty == MemoryType::CONVENTIONAL);
        free.map(|area| area.page_count.saturating_mul(PAGE)).sum()
    }
}
