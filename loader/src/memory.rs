// SPDX-License-Identifier: BSD-3-Clause
//! Free memory.

use alloc::vec::Vec;
use core::arch::asm;

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
        // Cannot saturate: the pages are of memory that has addresses.
        free.map(|area| area.page_count.saturating_mul(PAGE)).sum()
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok()?;
        // SAFETY: the assembly is empty. To the compiler it may have written everything that the pointer leads to, so
        // the bytes count as initialised, with whatever values the memory happens to have.
        unsafe { asm!("/* {} */", in(reg) bytes.as_mut_ptr(), options(nostack, preserves_flags)) };
        // SAFETY: there is room for `length` bytes, and the line above counts as having written them.
        unsafe { bytes.set_len(length) };
        Some(bytes)
    }
}
