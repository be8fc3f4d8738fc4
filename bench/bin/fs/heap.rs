// SPDX-License-Identifier: BSD-3-Clause
//! The system's allocator with a counter.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

#[global_allocator]
static HEAP: Heap = Heap { used: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

struct Heap {
    used: AtomicUsize,
    peak: AtomicUsize,
}

/// Resets the peak, and returns the bytes in use.
pub fn start() -> usize {
    let used = HEAP.used.load(Ordering::Relaxed);
    HEAP.peak.store(used, Ordering::Relaxed);
    used
}

/// The peak of bytes in use since then.
pub fn peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}

// SAFETY: every call is passed to the system's allocator with the caller's own layout; `realloc` and
// `alloc_zeroed` are the trait's, which call these two.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller guarantees a layout whose size is not zero.
        let pointer = unsafe { System.alloc(layout) };
        if !pointer.is_null() {
            let used = self.used.fetch_add(layout.size(), Ordering::Relaxed).saturating_add(layout.size());
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `alloc` got it from the same allocator with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}
