// SPDX-License-Identifier: BSD-3-Clause
//! Our driver of virtio network cards (virtio 1.2, section 5.1). It is several times as fast as the firmware's driver,
//! which notifies the device of every single frame.

use alloc::{boxed::Box, string::String, vec::Vec};

use flow::Memory as _;
use nic::{Frame, HEADER, Mac, Nic, TAG};
use uefi::Handle;

use crate::{
    memory::FreeMemory,
    nic::{
        ring::{Access, Ring},
        transport::{
            Fault, Notifier, Transport,
            status::{ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK},
        },
    },
};

/// Features (sections 5.1.3 and 6). GUEST_CSUM: a sender on this host may leave the checksum out; all others are
/// verified as usual.
const GUEST_CSUM: u64 = 1 << 1;
const MTU: u64 = 1 << 3;
const MAC: u64 = 1 << 5;
/// The host merges TCP segments into large frames.
const GUEST_TSO4: u64 = 1 << 7;
const GUEST_TSO6: u64 = 1 << 8;
/// The device reports the state of the link.
const STATUS: u64 = 1 << 16;
const VERSION_1: u64 = 1 << 32;
/// Memory must be mapped for the device, for example because of an IOMMU.
const ACCESS_PLATFORM: u64 = 1 << 33;
/// Features that are used if the device offers them.
const WANTED: u64 = GUEST_CSUM | MTU | MAC | GUEST_TSO4 | GUEST_TSO6 | STATUS | VERSION_1;

/// Queues.
const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;

/// Offsets of `struct virtio_net_config`.
const CONFIG_MAC: u64 = 0;
const CONFIG_STATUS: u64 = 6;
const CONFIG_MTU: u64 = 10;
const LINK_UP: u16 = 1;

/// Bytes of `struct virtio_net_hdr` in front of each frame.
const NET_HEADER: usize = 12;
/// VIRTIO_NET_HDR_F_NEEDS_CSUM
const NEEDS_CSUM: u8 = 1;

/// The MTU of Ethernet; and the least that a device may have (section 5.1.4.1).
const ETHERNET: u16 = 1500;
const LEAST_MTU: u16 = 68;
/// Receive buffers: many that hold one frame, or fewer that hold what the host merges (at least 65562 bytes, section
/// 5.1.6.3.1).
const SMALL: usize = 2048;
const LARGE: usize = 68 * 1024;
const MOST_SMALL: u16 = 256;
const MOST_LARGE: u16 = 64;
/// Fewest receive buffers with which a card is used.
const LEAST: u16 = 16;
/// Transmit buffers; most frames are acknowledgements.
const MOST_SENT: u16 = 64;
/// Number of receive buffers that are given back at once: each notification of the device is expensive.
const BATCH: u16 = 16;

/// A card.
pub struct Virtio {
    name: String,
    mac: Mac,
    mtu: usize,
    has_status: bool,
    transport: Transport,
    incoming: (Ring, Notifier),
    outgoing: (Ring, Notifier),
    /// Bytes of each receive buffer.
    room: usize,
    /// Unused transmit buffers.
    idle: Vec<Box<[u8]>>,
    /// The frame that is being written, with its length. It is kept apart from `idle`, since a buffer that the device
    /// returns meanwhile must not be sent in its place.
    draft: Option<(Box<[u8]>, usize)>,
}

impl Virtio {
    /// Whether a PCI function with this id is a virtio network card, transitional or modern.
    pub fn is_one(id: u32) -> bool {
        matches!(id, 0x1000_1af4 | 0x1041_1af4)
    }

    /// Takes the card of a handle from the firmware's drivers, and starts it.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn start(handle: Handle, name: String) -> Result<Self, Fault> {
        let transport = Transport::take(handle)?;
        let features = negotiate(&transport)?;
        let mut mac = [0; 6];
        for (byte, offset) in mac.iter_mut().zip(CONFIG_MAC..) {
            *byte = transport.configuration(offset)?;
        }
        let has = |feature| features & feature != 0;
        let mtu = if has(MTU) { transport.configuration_half(CONFIG_MTU)? } else { ETHERNET };
        if mtu < LEAST_MTU {
            return Err(Fault::Device("its MTU is less than 68"));
        }
        let mtu = usize::from(mtu);
        let frame = NET_HEADER + HEADER + TAG + mtu;
        let (room, most) =
            if has(GUEST_TSO4 | GUEST_TSO6) { (LARGE, MOST_LARGE) } else { (frame.max(SMALL), MOST_SMALL) };
        let most = if frame > SMALL { MOST_LARGE } else { most };
        let incoming = transport.queue(RECEIVE, most)?;
        let outgoing = transport.queue(TRANSMIT, MOST_SENT)?;
        let (has_status, idle) = (has(STATUS), Vec::new());
        // From here on, `drop` frees the buffers of the queues.
        let mut this = Self {
            name,
            mac: Mac(mac),
            mtu,
            has_status,
            transport,
            incoming,
            outgoing,
            room,
            idle,
            draft: None,
        };
        this.provide(frame)?;
        Ok(this)
    }

    /// Provides receive buffers, and starts the card.
    fn provide(&mut self, frame: usize) -> Result<(), Fault> {
        let buffer = |length| Some(FreeMemory.buffer(length)?.into_boxed_slice());
        for _ in 0..self.outgoing.0.size() {
            self.idle.extend(buffer(frame));
        }
        for _ in 0..self.incoming.0.size() {
            // Fewer buffers only make it slower.
            let Some(buffer) = buffer(self.room) else { break };
            self.give(buffer);
        }
        if self.incoming.0.unpublished() < LEAST || self.idle.is_empty() {
            return Err(Fault::Device("no memory for its buffers"));
        }
        self.transport.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)?;
        self.publish();
        Ok(())
    }

    /// Gives the card a receive buffer.
    fn give(&mut self, buffer: Box<[u8]>) {
        // There are as many descriptors as buffers; a buffer without one would be freed.
        drop(self.incoming.0.add(buffer, self.room, Access::Write));
    }

    /// Makes the given buffers visible to the card.
    fn publish(&mut self) {
        let (ring, notifier) = &mut self.incoming;
        if ring.publish() {
            self.transport.notify(notifier);
        }
    }
}

/// Negotiates features with the device.
fn negotiate(transport: &Transport) -> Result<u64, Fault> {
    transport.set_status(ACKNOWLEDGE)?;
    transport.set_status(ACKNOWLEDGE | DRIVER)?;
    let offered = transport.offered()?;
    if offered & ACCESS_PLATFORM != 0 {
        return Err(Fault::Device("it is behind an IOMMU"));
    }
    if offered & VERSION_1 == 0 || offered & MAC == 0 {
        return Err(Fault::Device("no virtio 1.0 feature, or no MAC address"));
    }
    let mut features = offered & WANTED;
    // Merged segments have no checksum, so they need GUEST_CSUM.
    if features & GUEST_CSUM == 0 {
        features &= !(GUEST_TSO4 | GUEST_TSO6);
    }
    transport.accept(features)?;
    transport.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK)?;
    if transport.status()? & FEATURES_OK == 0 {
        return Err(Fault::Device("it rejects the features"));
    }
    Ok(features)
}

impl Drop for Virtio {
    fn drop(&mut self) {
        if !self.transport.stop() {
            // The device may still write into its buffers, so they are leaked.
            return;
        }
        for (ring, _) in [&mut self.incoming, &mut self.outgoing] {
            // SAFETY: the device was reset, and the ring is not used any more.
            unsafe { ring.free() };
        }
    }
}

impl Nic for Virtio {
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
        let is_up = |status| status & LINK_UP != 0;
        !self.has_status || self.transport.configuration_half(CONFIG_STATUS).is_ok_and(is_up)
    }

    fn receive(&mut self) -> Option<Frame> {
        let Some((buffer, length)) = self.incoming.0.take() else {
            self.publish();
            return None;
        };
        if !(NET_HEADER..=buffer.len()).contains(&length) {
            self.give(buffer);
            return None;
        }
        let &[flags, _, _, _, _, _, a, b, c, d, ..] = &*buffer else { return None };
        let frame = Frame::new(buffer, NET_HEADER..length)?;
        let (start, offset) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        Some(if flags & NEEDS_CSUM != 0 { frame.with_partial_checksum(start, offset) } else { frame })
    }

    fn recycle(&mut self, frame: Frame) {
        self.give(frame.into_buffer());
        if self.incoming.0.unpublished() >= BATCH {
            self.publish();
        }
    }

    fn can_transmit(&mut self) -> bool {
        if self.idle.is_empty() && self.draft.is_none() {
            self.flush();
            while let Some((buffer, _)) = self.outgoing.0.take() {
                self.idle.push(buffer);
            }
        }
        self.draft.is_some() || !self.idle.is_empty()
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        if length > HEADER + TAG + self.mtu || !self.can_transmit() {
            return None;
        }
        let buffer = self.draft.take().map(|(buffer, _)| buffer).or_else(|| self.idle.pop())?;
        let (buffer, _) = self.draft.insert((buffer, length));
        let (header, frame) = buffer.split_at_mut_checked(NET_HEADER)?;
        // A zero header: the device has nothing to complete (checksum, segmentation).
        header.fill(0);
        frame.get_mut(..length)
    }

    fn commit(&mut self) {
        let Some((buffer, length)) = self.draft.take() else { return };
        if let Err(buffer) = self.outgoing.0.add(buffer, NET_HEADER + length, Access::Read) {
            self.idle.push(buffer);
        }
    }

    fn flush(&mut self) {
        let (ring, notifier) = &mut self.outgoing;
        if ring.publish() {
            self.transport.notify(notifier);
        }
    }
}
