// SPDX-License-Identifier: BSD-3-Clause
//! Connections that several downloads share.

use alloc::vec::Vec;
use core::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::{Poll, Waker},
};

/// The connections that concurrent downloads may use together: one that is released goes to the next download that
/// waits.
#[derive(Debug)]
pub struct Slots {
    free: Cell<usize>,
    /// Downloads that wait for one.
    waiting: RefCell<Vec<Waker>>,
}

/// The right to one connection, until it is dropped.
#[derive(Debug)]
pub struct Slot<'s>(&'s Slots);

impl Slots {
    /// Slots for `count` connections, at least one.
    pub fn new(count: usize) -> Self {
        Self { free: Cell::new(count.max(1)), waiting: RefCell::default() }
    }

    /// Waits for a slot.
    pub async fn take(&self) -> Slot<'_> {
        poll_fn(|context| match self.free.get().checked_sub(1) {
            Some(rest) => {
                self.free.set(rest);
                Poll::Ready(Slot(self))
            }
            None => {
                self.waiting.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // Cannot saturate: the slot was subtracted before, so there are never more than at the start.
        self.0.free.set(self.0.free.get().saturating_add(1));
        self.0.waiting.borrow_mut().drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use core::{future::Future, pin::pin, task::Context};

    use super::*;

    #[test]
    fn a_slot_that_is_left_is_taken_by_another() {
        let slots = Slots::new(0);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(first) = pin!(slots.take()).poll(&mut context) else { panic!("none is free") };
        let mut waiting = pin!(slots.take());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }
}
