// SPDX-License-Identifier: BSD-3-Clause
//! The system's heap, counted for each thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

#[global_allocator]
static HEAP: Heap = Heap;

struct Heap;

thread_local! {
    /// Bytes in use, and the most that were. Wrapping: what one thread allocates another one may free.
    static USED: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The most bytes that a call has in use at any moment, beside those in use before it, and what it returns.
pub fn peak<T>(call: impl FnOnce() -> T) -> (usize, T) {
    USED.set(0);
    PEAK.set(0);
    let result = call();
    (PEAK.get(), result)
}

fn count(used: usize) {
    // A thread that ends has no cells any more, and nobody asks.
    let _ = USED.try_with(|cell| cell.set(used));
    let is_more = |peak: usize| used > peak && used <= usize::MAX / 2;
    let _ = PEAK.try_with(|cell| cell.set(if is_more(cell.get()) { used } else { cell.get() }));
}

// SAFETY: every call is passed on to the system's allocator with the caller's own layout; `realloc` and `alloc_zeroed`
// are the trait's, which call these two. The cells need neither initialisation nor a destructor, so nothing allocates.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(USED.try_with(Cell::get).unwrap_or(0).wrapping_add(layout.size()));
        // SAFETY: the caller guarantees a layout whose size is not zero.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(USED.try_with(Cell::get).unwrap_or(0).wrapping_sub(layout.size()));
        // SAFETY: `alloc` got it from the same allocator with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}
