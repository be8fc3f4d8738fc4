// SPDX-License-Identifier: BSD-3-Clause
//! Memory that a device reads and writes concurrently with us.

use core::{
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU16, AtomicU32},
};

use uefi::boot::{self, AllocateType, MemoryType};

const PAGE: usize = 4096;

/// Whole pages, cleared. Both sides see them as atomic words: a device may write at any time.
pub struct Pages {
    base: NonNull<u8>,
    count: usize,
}

impl Pages {
    /// At least `bytes`; none if there is not enough memory.
    pub fn allocate(bytes: usize) -> Option<Self> {
        let count = bytes.div_ceil(PAGE).max(1);
        let base = boot::allocate_pages(AllocateType::AnyPages, MemoryType::LOADER_DATA, count).ok()?;
        // SAFETY: the firmware has just given us `count` pages from there on.
        unsafe { ptr::write_bytes(base.as_ptr(), 0, count * PAGE) };
        Some(Self { base, count })
    }

    /// The address for the device: without an IOMMU, it is the address that UEFI maps the memory to.
    pub fn address(&self) -> u64 {
        self.base.as_ptr().expose_provenance() as u64
    }

    /// As words of 16 bits.
    pub fn halves(&self) -> &[AtomicU16] {
        let base = self.base.cast().as_ptr();
        // SAFETY: the pages are ours until `self` is dropped, initialised and aligned; everything of ours that looks
        // at them does so through atomic words, of this width or the other.
        unsafe { slice::from_raw_parts(base, self.count * PAGE / size_of::<AtomicU16>()) }
    }

    /// As words of 32 bits.
    pub fn words(&self) -> &[AtomicU32] {
        let base = self.base.cast().as_ptr();
        // SAFETY: as above.
        unsafe { slice::from_raw_parts(base, self.count * PAGE / size_of::<AtomicU32>()) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // A failure only leaves them allocated.
        // SAFETY: they came from `allocate_pages` with this count, and no slice of them outlives `self`.
        let _ = unsafe { boot::free_pages(self.base, self.count) };
    }
}
