// SPDX-License-Identifier: BSD-3-Clause
//! Network cards that the firmware drives, through EFI_SIMPLE_NETWORK_PROTOCOL (UEFI 2.11, section 24.1).

use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::ptr::NonNull;

use nic::{Frame, HEADER, Mac, Nic, TAG};
use uefi::{
    Handle, Status,
    boot::{self, ScopedProtocol},
    proto::network::snp::{NetworkState, ReceiveFlags, SimpleNetwork},
};

use crate::nic::running::{Running, StopMethod};

/// The hardware type of Ethernet (RFC 3232).
const ETHERNET: u8 = 1;
/// Largest MTU that is used: some drivers count the Ethernet header in `max_packet_size`, so it cannot be trusted
/// beyond this.
const MOST_MTU: usize = 1500;
/// Bytes of the shortest Ethernet frame, without its check sequence.
const SHORTEST: usize = 60;
/// Bytes of the receive buffer, and of its replacement after a frame that did not fit.
const ROOM: usize = 2048;
const LARGE_ROOM: usize = 64 * 1024;
/// Transmit buffers.
const BUFFERS: usize = 32;
/// With fewer idle buffers than this, the firmware is asked which ones it is done with: asking for each frame is slow.
const FEW: usize = BUFFERS / 2;

/// A card.
pub struct Snp {
    name: String,
    mac: Mac,
    mtu: usize,
    running: Running,
    protocol: ScopedProtocol<SimpleNetwork>,
    /// The receive buffer, unless a frame is in it, and its length.
    spare: Option<Box<[u8]>>,
    room: usize,
    /// Transmit buffers: unused ones, and those that the firmware has.
    idle: Vec<Box<[u8]>>,
    sending: Vec<NonNull<[u8]>>,
    /// The frame that is being written, with its length.
    draft: Option<(Box<[u8]>, usize)>,
}

impl Snp {
    /// Takes the card from the firmware's own network, and starts it.
    ///
    /// # Errors
    /// The firmware's status; `UNSUPPORTED` if it is not Ethernet.
    pub fn start(handle: Handle, name: String) -> uefi::Result<Self> {
        let mut protocol = boot::open_protocol_exclusive::<SimpleNetwork>(handle)?;
        let interface = NonNull::from(&*protocol).cast();
        // SAFETY: `SimpleNetwork` is the raw interface (`repr(transparent)`), which stays as long as it is opened
        // exclusively; `running` is dropped before `protocol`: fields are dropped in their order.
        let running = unsafe { Running::note(StopMethod::Snp(interface)) }.ok_or(Status::OUT_OF_RESOURCES)?;
        let mode = protocol.mode();
        if (mode.if_type, mode.hw_address_size, mode.media_header_size) != (ETHERNET, 6, HEADER as u32) {
            return Err(Status::UNSUPPORTED.into());
        }
        if protocol.mode().state == NetworkState::STOPPED {
            protocol.start()?;
        }
        if protocol.mode().state == NetworkState::STARTED {
            protocol.initialize(0, 0)?;
        }
        listen(&mut protocol)?;
        let mode = protocol.mode();
        let mtu = usize::try_from(mode.max_packet_size).unwrap_or(MOST_MTU).min(MOST_MTU);
        let [a, b, c, d, e, f, ..] = mode.current_address.0;
        Ok(Self {
            name,
            mac: Mac([a, b, c, d, e, f]),
            mtu,
            running,
            protocol,
            spare: None,
            room: ROOM,
            idle: (0..BUFFERS).map(|_| vec![0; HEADER + TAG + mtu].into_boxed_slice()).collect(),
            sending: Vec::with_capacity(BUFFERS),
            draft: None,
        })
    }

    /// Takes back the buffers that the firmware is done with; it reports one at a time.
    fn reclaim(&mut self) {
        for _ in 0..self.sending.len() {
            let Ok(Some(done)) = self.protocol.get_recycled_transmit_buffer_status() else { break };
            let is_it = |buffer: &NonNull<[u8]>| buffer.cast() == done;
            if let Some(place) = self.sending.iter().position(is_it) {
                self.take_back(place);
            }
        }
    }

    /// Moves a buffer of the firmware back to the idle ones.
    fn take_back(&mut self, place: usize) {
        let buffer = self.sending.swap_remove(place);
        // SAFETY: `commit` leaked this box, the firmware is done with it, and it is not in `sending` any more.
        self.idle.push(unsafe { Box::from_raw(buffer.as_ptr()) });
    }
}

/// Sets the receive filters. IPv6 needs multicast, and many drivers do not support filtering by group, so all multicast
/// is received, or else everything.
fn listen(protocol: &mut SimpleNetwork) -> uefi::Result {
    let basic = ReceiveFlags::UNICAST | ReceiveFlags::BROADCAST;
    let known = ReceiveFlags::from_bits_truncate(protocol.mode().receive_filter_mask);
    let wide = [ReceiveFlags::PROMISCUOUS_MULTICAST, ReceiveFlags::PROMISCUOUS];
    let wide = wide.into_iter().find(|flag| known.contains(*flag)).unwrap_or(ReceiveFlags::empty());
    let none = ReceiveFlags::empty();
    // Without multicast, at least IPv4 works.
    protocol
        .receive_filters(basic | wide, none, true, None)
        .or_else(|_| protocol.receive_filters(basic, none, true, None))
}

/// Shuts down an interface that the firmware, or an earlier program, left running: its driver would not release the
/// card.
pub fn quiet(handle: Handle) {
    let Ok(mut protocol) = boot::open_protocol_exclusive::<SimpleNetwork>(handle) else { return };
    // An error means that the interface is in a state in which there is nothing to do.
    let _ = protocol.shutdown();
    let _ = protocol.stop();
}

impl Drop for Snp {
    fn drop(&mut self) {
        if self.running.stop() {
            while !self.sending.is_empty() {
                self.take_back(0);
            }
        }
    }
}

impl Nic for Snp {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> Mac {
        self.mac
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn has_link(&mut self) -> bool {
        // The firmware updates the link state only when it is asked for its interrupt status.
        let _ = self.protocol.get_interrupt_status();
        let mode = self.protocol.mode();
        !bool::from(mode.media_present_supported) || bool::from(mode.media_present)
    }

    fn receive(&mut self) -> Option<Frame> {
        let mut buffer = self.spare.take().unwrap_or_else(|| vec![0; self.room].into_boxed_slice());
        match self.protocol.receive(&mut buffer, None, None, None, None) {
            Ok(length) => Frame::new(buffer, 0..length),
            // The firmware keeps the frame until a buffer is large enough.
            Err(error) if error.status() == Status::BUFFER_TOO_SMALL => {
                self.room = LARGE_ROOM;
                None
            }
            Err(_) => {
                self.spare = Some(buffer);
                None
            }
        }
    }

    fn recycle(&mut self, frame: Frame) {
        self.spare = Some(frame.into_buffer()).filter(|buffer| buffer.len() == self.room);
    }

    fn can_transmit(&mut self) -> bool {
        if self.idle.len() < FEW {
            self.reclaim();
        }
        self.draft.is_some() || !self.idle.is_empty()
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        if length > HEADER + TAG + self.mtu || !self.can_transmit() {
            return None;
        }
        let buffer = self.draft.take().map(|(buffer, _)| buffer).or_else(|| self.idle.pop())?;
        let (buffer, _) = self.draft.insert((buffer, length));
        buffer.get_mut(..length)
    }

    fn commit(&mut self) {
        let Some((mut buffer, length)) = self.draft.take() else { return };
        // Not every driver pads frames that are too short for the wire.
        let padded = length.max(SHORTEST);
        buffer[length..padded].fill(0);
        let mut raw = NonNull::from(Box::leak(buffer));
        // SAFETY: the box is ours, and nobody else has this pointer until the firmware has accepted it.
        let frame = unsafe { &mut raw.as_mut()[..padded] };
        let outcome = self.protocol.transmit(0, frame, None, None, None);
        self.sending.push(raw);
        if outcome.is_err() {
            // The firmware's queue is full, or the card is stopped. A lost frame is sent again by the protocol above.
            self.take_back(self.sending.len() - 1);
            self.reclaim();
        }
    }

    fn flush(&mut self) {
        // The firmware sends each frame at once.
    }
}
