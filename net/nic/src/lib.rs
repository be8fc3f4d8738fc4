// SPDX-License-Identifier: BSD-3-Clause
//! Network cards: the seam between the drivers and the IP stack.
//!
//! [`Nic`] is the interface of a driver. It is polled and object-safe: cards of different kinds can be kept together
//! as `Box<dyn Nic>`. A received [`Frame`] owns its buffer until it is recycled, so that something can be sent while
//! one is being read.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cable;
mod frame;
mod mac;
mod wait;

use alloc::boxed::Box;

pub use cable::Cable;
pub use frame::Frame;
pub use mac::Mac;
pub use wait::{LinkWait, Step};

/// Bytes of an Ethernet header: two addresses and the type.
pub const HEADER: usize = 14;
/// Bytes of a VLAN tag (802.1Q), which the header may also have.
pub const TAG: usize = 4;

/// A network card with its driver.
///
/// Nothing happens between calls: the user of a card calls [`receive`](Self::receive) often, and
/// [`flush`](Self::flush) once after the last frame to send. Frames are Ethernet II frames without preamble
/// and frame check sequence. A driver stops its card when it is dropped.
pub trait Nic {
    /// The name that is shown and configured: the driver and a number, `virtio0`.
    fn name(&self) -> &str;

    /// The card's address.
    fn mac(&self) -> Mac;

    /// The longest IP packet in bytes that may be sent, 1500 on most links. Received ones may be longer, up to
    /// 64 KiB, where the host joins segments.
    fn mtu(&self) -> usize;

    /// Whether the card has a link now; true if it cannot tell. It asks the hardware, which takes a while:
    /// do not call it for each frame.
    fn has_link(&mut self) -> bool;

    /// The next frame that has arrived. It goes back with [`recycle`](Self::recycle) when it has been read.
    fn receive(&mut self) -> Option<Frame>;

    /// Takes back the buffer of a frame from [`receive`](Self::receive) of this card. A frame that is dropped
    /// instead is lost to the card.
    fn recycle(&mut self, frame: Frame);

    /// Whether [`transmit`](Self::transmit) has room for a frame now.
    fn can_transmit(&mut self) -> bool;

    /// A buffer of `length` bytes, header included, for the next frame to send. Its content is unspecified, and
    /// it is sent only after [`commit`](Self::commit); without that, the next call returns the same buffer again.
    ///
    /// `None` if there is no room now, or if `length` is more than [`HEADER`] + [`TAG`] + [`mtu`](Self::mtu).
    fn transmit(&mut self, length: usize) -> Option<&mut [u8]>;

    /// Queues the frame that was written into the buffer of the last [`transmit`](Self::transmit). The card may
    /// send it at once, or not before [`flush`](Self::flush).
    fn commit(&mut self);

    /// Makes the card send all queued frames.
    fn flush(&mut self);
}

impl<T: Nic + ?Sized> Nic for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn mac(&self) -> Mac {
        (**self).mac()
    }

    fn mtu(&self) -> usize {
        (**self).mtu()
    }

    fn has_link(&mut self) -> bool {
        (**self).has_link()
    }

    fn receive(&mut self) -> Option<Frame> {
        (**self).receive()
    }

    fn recycle(&mut self, frame: Frame) {
        (**self).recycle(frame);
    }

    fn can_transmit(&mut self) -> bool {
        (**self).can_transmit()
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        (**self).transmit(length)
    }

    fn commit(&mut self) {
        (**self).commit();
    }

    fn flush(&mut self) {
        (**self).flush();
    }
}
