// SPDX-License-Identifier: BSD-3-Clause
//! A split virtqueue (virtio 1.2, section 2.7). Each buffer is owned by one side at a time.
//!
//! No event index and no indirect descriptors: it is fast because the device is notified once for many buffers.

use alloc::{boxed::Box, vec::Vec};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    sync::atomic::{Ordering, fence},
};

use crate::nic::pages::Pages;

/// VIRTQ_DESC_F_WRITE: the device writes the buffer.
const WRITE: u32 = 2;
/// VIRTQ_AVAIL_F_NO_INTERRUPT
const NO_INTERRUPT: u16 = 1;
/// VIRTQ_USED_F_NO_NOTIFY
const NO_NOTIFY: u16 = 1;
/// Bytes of a descriptor.
const DESCRIPTOR: usize = 16;

/// What the device does with a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The device reads it.
    Read,
    /// The device writes it.
    Write,
}

/// A virtqueue.
///
/// Dropping it does not free the memory that the device knows of: after resetting the device, call
/// [`free`](Self::free).
pub struct Ring {
    pages: ManuallyDrop<Pages>,
    /// Number of descriptors, a power of two.
    size: u16,
    /// The buffers that the device has, by descriptor.
    held: Vec<Option<NonNull<[u8]>>>,
    /// Unused descriptors.
    free: Vec<u16>,
    /// Number of buffers ever added, and ever made known to the device; modulo 2^16.
    added: u16,
    published: u16,
    /// Number of buffers that ever came back; modulo 2^16.
    taken: u16,
    /// The device has returned a buffer that it did not have. No more buffers are taken from it.
    is_broken: bool,
}

impl Ring {
    /// A queue whose number of descriptors is the largest power of two up to `most`; none if `most` is 0 or there is no
    /// memory.
    pub fn new(most: u16) -> Option<Self> {
        let size = 1 << most.checked_ilog2()?.min(14);
        let count = usize::from(size);
        let pages = Pages::allocate(used_offset(count) + 6 + count * 8)?;
        let this = Self {
            pages: ManuallyDrop::new(pages),
            size,
            held: (0..size).map(|_| None).collect(),
            free: (0..size).rev().collect(),
            added: 0,
            published: 0,
            taken: 0,
            is_broken: false,
        };
        this.pages.halves()[available_offset(count) / 2].store(NO_INTERRUPT, Ordering::Relaxed);
        Some(this)
    }

    /// The number of descriptors.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// The addresses of the descriptors, of the available ring (written by us), and of the used ring (written by the
    /// device).
    pub fn addresses(&self) -> [u64; 3] {
        let (base, count) = (self.pages.address(), usize::from(self.size));
        [base, base + available_offset(count) as u64, base + used_offset(count) as u64]
    }

    /// Adds a buffer, of which the device uses the first `length` bytes. The device sees it after
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// Returns the buffer if no descriptor is free, or it is shorter than `length`.
    pub fn add(&mut self, buffer: Box<[u8]>, length: usize, access: Access) -> Result<(), Box<[u8]>> {
        let length = match u32::try_from(length) {
            Ok(short) if length <= buffer.len() => short,
            _ => return Err(buffer),
        };
        let Some(descriptor) = self.free.pop() else { return Err(buffer) };
        let buffer = NonNull::from(Box::leak(buffer));
        let address = buffer.cast::<u8>().as_ptr().expose_provenance() as u64;
        let at = usize::from(descriptor) * DESCRIPTOR / 4;
        let flags = if access == Access::Write { WRITE } else { 0 };
        // Address, length, flags and next, the lower half first on all architectures.
        let words = [address as u32, (address >> 32) as u32, length, flags];
        for (word, value) in self.pages.words()[at..].iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        let entry = available_offset(self.held.len()) / 2 + 2 + self.place(self.added);
        self.pages.halves()[entry].store(descriptor, Ordering::Relaxed);
        self.held[usize::from(descriptor)] = Some(buffer);
        self.added = self.added.wrapping_add(1);
        Ok(())
    }

    /// How many added buffers the device does not know of yet.
    pub fn unpublished(&self) -> u16 {
        self.added.wrapping_sub(self.published)
    }

    /// Makes the added buffers visible to the device. True if the device must be notified.
    pub fn publish(&mut self) -> bool {
        if self.unpublished() == 0 {
            return false;
        }
        self.published = self.added;
        let halves = self.pages.halves();
        // Release: the device must see descriptors and entries before it sees the new index.
        halves[available_offset(self.held.len()) / 2 + 1].store(self.added, Ordering::Release);
        // The index must be written before the flag is read, or both sides could wait for each other (section
        // 2.7.13.3.1).
        fence(Ordering::SeqCst);
        halves[used_offset(self.held.len()) / 2].load(Ordering::Relaxed) & NO_NOTIFY == 0
    }

    /// The next buffer that the device is done with, and the number of bytes that it claims to have written.
    pub fn take(&mut self) -> Option<(Box<[u8]>, usize)> {
        let used = used_offset(self.held.len());
        // Acquire: everything that the device wrote before it raised the index is visible.
        let returned = self.pages.halves()[used / 2 + 1].load(Ordering::Acquire);
        if self.is_broken || returned == self.taken {
            return None;
        }
        let at = used / 4 + 1 + 2 * self.place(self.taken);
        let [descriptor, length] =
            [0, 1].map(|i| self.pages.words()[at + i].load(Ordering::Relaxed) as usize);
        let Some(buffer) = self.held.get_mut(descriptor).and_then(Option::take) else {
            self.is_broken = true;
            return None;
        };
        self.taken = self.taken.wrapping_add(1);
        // `held` has at most 2^14 of them.
        self.free.push(descriptor as u16);
        // SAFETY: `add` leaked this box, the device has returned it, and `held` gives it out once.
        Some((unsafe { Box::from_raw(buffer.as_ptr()) }, length))
    }

    /// Index of the entry with this running number.
    fn place(&self, number: u16) -> usize {
        usize::from(number & (self.size - 1))
    }

    /// Frees the queue and the buffers that the device has.
    ///
    /// # Safety
    /// The device was reset after it was told of this queue, or was never told, and this is the last use of `self`.
    pub unsafe fn free(&mut self) {
        for buffer in self.held.drain(..).flatten() {
            // SAFETY: `add` leaked this box, and the device does not use it any more (the caller's promise).
            drop(unsafe { Box::from_raw(buffer.as_ptr()) });
        }
        // SAFETY: the device does not use the pages any more, and nobody else will (the caller's promise).
        unsafe { ManuallyDrop::drop(&mut self.pages) };
    }
}

/// Offset of the available ring: flags, index, one entry for each descriptor, and two bytes for the event index.
const fn available_offset(size: usize) -> usize {
    size * DESCRIPTOR
}

/// Offset of the used ring, aligned to 4: flags, index, 8 bytes for each descriptor.
const fn used_offset(size: usize) -> usize {
    (available_offset(size) + 6 + size * 2).next_multiple_of(4)
}
