// SPDX-License-Identifier: BSD-3-Clause
//! A cache of recently read pages.

use alloc::{boxed::Box, vec::Vec};
use core::cell::RefCell;

use crate::{BlockRead, ReadError, check_bounds};

/// Bytes of one page, which is what one small read costs on the device.
const PAGE: usize = 16 * 1024;
const PAGE_U64: u64 = 16 * 1024;

/// Keeps the pages that were read last, for parsers that read many small structures close together.
///
/// Reads of a page or more go to the device directly, so that file data neither passes through the cache
/// nor pushes metadata out of it.
#[derive(Debug)]
pub struct Cache<D> {
    device: D,
    capacity: usize,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    pages: Vec<Page>,
    clock: u64,
}

#[derive(Debug)]
struct Page {
    index: u64,
    used: u64,
    bytes: Box<[u8]>,
}

impl<D: BlockRead> Cache<D> {
    /// A cache of at most `pages` pages of 16 KiB each, at least one.
    pub fn new(device: D, pages: usize) -> Self {
        Self { device, capacity: pages.max(1), state: RefCell::default() }
    }

    /// The device behind the cache.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device behind the cache, without the cache.
    pub fn into_device(self) -> D {
        self.device
    }

    fn load(&self, index: u64) -> Result<Box<[u8]>, ReadError> {
        // Cannot saturate: the page begins on the device, which has the bytes that are asked for.
        let start = index.saturating_mul(PAGE_U64);
        let length = usize::try_from(self.device.size().saturating_sub(start)).unwrap_or(PAGE).min(PAGE);
        let mut bytes = alloc::vec![0; length].into_boxed_slice();
        self.device.read_at(start, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies from one page; `buf` does not reach past its end.
    fn copy_from_page(&self, index: u64, skip: usize, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut state = self.state.borrow_mut();
        // Cannot saturate: nobody reads 2⁶⁴ times.
        state.clock = state.clock.saturating_add(1);
        let now = state.clock;
        let position = match state.pages.iter().position(|p| p.index == index) {
            Some(position) => position,
            None => {
                let page = Page { index, used: now, bytes: self.load(index)? };
                if state.pages.len() < self.capacity {
                    state.pages.push(page);
                    // Cannot saturate: one was added just now.
                    state.pages.len().saturating_sub(1)
                } else {
                    let oldest =
                        state.pages.iter().enumerate().min_by_key(|(_, p)| p.used).map_or(0, |(i, _)| i);
                    if let Some(slot) = state.pages.get_mut(oldest) {
                        *slot = page;
                    }
                    oldest
                }
            }
        };
        if let Some(page) = state.pages.get_mut(position) {
            page.used = now;
            if let Some(source) = page.bytes.get(skip..).and_then(|b| b.get(..buf.len())) {
                buf.copy_from_slice(source);
            }
        }
        Ok(())
    }
}

impl<D: BlockRead> BlockRead for Cache<D> {
    fn size(&self) -> u64 {
        self.device.size()
    }

    fn logical_block_size(&self) -> u32 {
        self.device.logical_block_size()
    }

    fn read_at(&self, mut offset: u64, mut buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        if buf.len() >= PAGE {
            return self.device.read_at(offset, buf);
        }
        while !buf.is_empty() {
            let skip = usize::try_from(offset % PAGE_U64).unwrap_or(0);
            // Cannot saturate: `skip` is less than a page, and the bytes end on the device.
            let length = buf.len().min(PAGE.saturating_sub(skip));
            let Some((head, rest)) = buf.split_at_mut_checked(length) else { break };
            self.copy_from_page(offset / PAGE_U64, skip, head)?;
            buf = rest;
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use std::vec;

    use super::*;

    struct Counting(Vec<u8>, Cell<usize>);

    impl BlockRead for Counting {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
            self.1.set(self.1.get() + 1);
            self.0.read_at(offset, buf)
        }
    }

    fn disk(length: usize) -> Counting {
        Counting((0..length).map(|i| (i % 253) as u8).collect(), Cell::new(0))
    }

    #[test]
    fn small_reads_of_one_page_cost_one_read() {
        let cache = Cache::new(disk(3 * PAGE + 5), 2);
        let mut buf = [0; 8];
        for i in 0..100 {
            cache.read_at(i * 8, &mut buf).unwrap();
            assert_eq!(buf[0], ((i * 8) % 253) as u8);
        }
        assert_eq!(cache.device().1.get(), 1);
    }

    #[test]
    fn a_read_over_the_edge_and_at_the_end_is_whole() {
        let cache = Cache::new(disk(3 * PAGE + 5), 2);
        let mut buf = [0; 10];
        cache.read_at(PAGE as u64 - 5, &mut buf).unwrap();
        assert_eq!(buf.to_vec(), cache.device().0[PAGE - 5..PAGE + 5]);
        let mut end = [0; 5];
        cache.read_at(3 * PAGE as u64, &mut end).unwrap();
        assert_eq!(end.to_vec(), cache.device().0[3 * PAGE..]);
        assert!(cache.read_at(3 * PAGE as u64 + 1, &mut end).is_err());
    }

    #[test]
    fn the_oldest_page_makes_room() {
        let cache = Cache::new(disk(4 * PAGE), 2);
        let mut buf = [0; 1];
        for page in [0, 1, 0, 2, 0, 1] {
            cache.read_at(page * PAGE as u64, &mut buf).unwrap();
        }
        assert_eq!(cache.device().1.get(), 4, "0, 1, 2 and again 1");
    }

    #[test]
    fn large_reads_pass_by() {
        let cache = Cache::new(disk(4 * PAGE), 2);
        let mut buf = vec![0; 2 * PAGE];
        cache.read_at(3, &mut buf).unwrap();
        assert!(buf == cache.device().0[3..3 + 2 * PAGE]);
        assert!(cache.state.borrow().pages.is_empty());
    }
}
