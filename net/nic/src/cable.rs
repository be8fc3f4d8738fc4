// SPDX-License-Identifier: BSD-3-Clause
//! Two cards in memory, joined by a cable.

use alloc::{boxed::Box, collections::VecDeque, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};

use crate::{Frame, HEADER, Mac, Nic, TAG};

/// Frames that one end can queue; when it is full, frames are lost, as on a real card.
const QUEUE: usize = 256;
/// The MTU of Ethernet.
const MTU: usize = 1500;

/// One end of a cable: a card whose frames arrive at the other end. For tests of code that uses a [`Nic`].
pub struct Cable {
    name: String,
    mac: Mac,
    incoming: Rc<Wire>,
    outgoing: Rc<Wire>,
    is_plugged: Rc<Cell<bool>>,
    /// The frame that is being written.
    draft: Vec<u8>,
    /// Committed, not yet flushed.
    queued: Vec<Box<[u8]>>,
}

type Wire = RefCell<VecDeque<Box<[u8]>>>;

impl Cable {
    /// Both ends of a cable that is plugged in. Their addresses are locally administered and end in 1 and 2.
    pub fn new() -> [Self; 2] {
        let (there, back) = (Rc::<Wire>::default(), Rc::<Wire>::default());
        let is_plugged = Rc::new(Cell::new(true));
        let end = |number: u8, incoming: &Rc<Wire>, outgoing: &Rc<Wire>| Self {
            name: alloc::format!("cable{number}"),
            mac: Mac([0x02, 0, 0, 0, 0, number]),
            incoming: Rc::clone(incoming),
            outgoing: Rc::clone(outgoing),
            is_plugged: Rc::clone(&is_plugged),
            draft: Vec::new(),
            queued: Vec::new(),
        };
        [end(1, &back, &there), end(2, &there, &back)]
    }

    /// Pulls the cable, or plugs it in. Frames sent without a link are lost.
    pub fn plug(&self, is_plugged: bool) {
        self.is_plugged.set(is_plugged);
    }
}

impl Nic for Cable {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> Mac {
        self.mac
    }

    fn mtu(&self) -> usize {
        MTU
    }

    fn has_link(&mut self) -> bool {
        self.is_plugged.get()
    }

    fn receive(&mut self) -> Option<Frame> {
        let bytes = self.incoming.borrow_mut().pop_front()?;
        let range = 0..bytes.len();
        Frame::new(bytes, range)
    }

    fn recycle(&mut self, frame: Frame) {
        drop(frame);
    }

    fn can_transmit(&mut self) -> bool {
        self.queued.len() < QUEUE
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        let longest = MTU.checked_add(HEADER)?.checked_add(TAG)?;
        if length > longest || !self.can_transmit() {
            return None;
        }
        self.draft.clear();
        self.draft.resize(length, 0);
        Some(&mut self.draft)
    }

    fn commit(&mut self) {
        self.queued.push(core::mem::take(&mut self.draft).into_boxed_slice());
    }

    fn flush(&mut self) {
        let mut wire = self.outgoing.borrow_mut();
        for frame in self.queued.drain(..) {
            if self.is_plugged.get() && wire.len() < QUEUE {
                wire.push_back(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(card: &mut dyn Nic, bytes: &[u8]) {
        card.transmit(bytes.len()).unwrap().copy_from_slice(bytes);
        card.commit();
    }

    fn next(card: &mut dyn Nic) -> Option<Vec<u8>> {
        let frame = card.receive()?;
        let bytes = frame.bytes().to_vec();
        card.recycle(frame);
        Some(bytes)
    }

    #[test]
    fn frames_arrive_in_order_at_the_other_end_after_a_flush() {
        let [mut a, mut b] = Cable::new();
        send(&mut a, b"one");
        send(&mut a, b"three");
        assert_eq!(next(&mut b), None);
        a.flush();
        assert_eq!(next(&mut b).as_deref(), Some(&b"one"[..]));
        assert_eq!(next(&mut b).as_deref(), Some(&b"three"[..]));
        assert_eq!(next(&mut b), None);
        assert_eq!(next(&mut a), None);
        send(&mut b, b"back");
        b.flush();
        assert_eq!(next(&mut a).as_deref(), Some(&b"back"[..]));
    }

    #[test]
    fn a_frame_that_is_not_committed_is_not_sent() {
        let [mut a, mut b] = Cable::new();
        a.transmit(3).unwrap().copy_from_slice(b"old");
        send(&mut a, b"new!");
        a.flush();
        assert_eq!(next(&mut b).as_deref(), Some(&b"new!"[..]));
        assert_eq!(next(&mut b), None);
    }

    #[test]
    fn a_frame_longer_than_the_link_carries_is_refused() {
        let [mut a, _b] = Cable::new();
        assert!(a.transmit(1518).is_some());
        assert!(a.transmit(1519).is_none());
    }

    #[test]
    fn what_is_sent_without_a_link_is_lost() {
        let [mut a, mut b] = Cable::new();
        b.plug(false);
        assert!(!a.has_link() && !b.has_link());
        send(&mut a, b"lost");
        a.flush();
        b.plug(true);
        assert!(a.has_link());
        assert_eq!(next(&mut b), None);
    }

    #[test]
    fn a_queue_that_is_full_has_no_room_until_it_is_flushed() {
        let [mut a, _b] = Cable::new();
        for _ in 0..QUEUE {
            send(&mut a, b"x");
        }
        assert!(!a.can_transmit() && a.transmit(1).is_none());
        a.flush();
        assert!(a.can_transmit() && a.transmit(1).is_some());
    }

    #[test]
    fn cards_have_their_own_addresses_and_names() {
        let [a, b] = Cable::new().map(|end| -> Box<dyn Nic> { Box::new(end) });
        assert_eq!((a.name(), b.name()), ("cable1", "cable2"));
        assert_ne!(a.mac(), b.mac());
    }
}
