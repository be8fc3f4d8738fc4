// SPDX-License-Identifier: BSD-3-Clause
//! The heap: the firmware's, with a count of the bytes in use.

use core::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicUsize, Ordering},
};

use uefi::allocator::Allocator;

/// From this size on, an allocation gets whole pages, so that block devices with strict alignment (NVMe) can transfer
/// straight into it.
const LARGE: usize = 64 * 1024;
const PAGE: usize = 4096;

#[global_allocator]
static HEAP: Heap = Heap { used: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

struct Heap {
    used: AtomicUsize,
    peak: AtomicUsize,
}

/// The highest number of bytes that were in use at one time.
pub fn peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}

/// The layout that is requested from the firmware instead of `layout`.
fn actual(layout: Layout) -> Layout {
    let pages = layout.size().checked_next_multiple_of(PAGE).filter(|_| layout.size() >= LARGE);
    pages.and_then(|size| Layout::from_size_align(size, PAGE.max(layout.align())).ok()).unwrap_or(layout)
}

// SAFETY: every call is passed on to the firmware's allocator, with one layout for a given `layout` in both
// directions; `actual` never makes size or alignment smaller.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: `actual(layout)` has a size that is not zero, as the caller guarantees of `layout`.
        let pointer = unsafe { Allocator.alloc(actual(layout)) };
        if !pointer.is_null() {
            // Cannot saturate: bytes that were allocated.
            let used = self.used.fetch_add(layout.size(), Ordering::Relaxed).saturating_add(layout.size());
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `alloc` got it from the same allocator with the same `actual(layout)`.
        unsafe { Allocator.dealloc(pointer, actual(layout)) }
    }
}
