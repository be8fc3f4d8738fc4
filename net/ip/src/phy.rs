// SPDX-License-Identifier: BSD-3-Clause
//! The card as smoltcp's device. It removes and adds the VLAN tag (IEEE 802.1Q, clause 9).

use alloc::{boxed::Box, vec, vec::Vec};
use core::{cell::RefCell, net::Ipv4Addr};

use nic::{Frame, HEADER, Nic, TAG};
use smoltcp::{
    phy::{self, Device, DeviceCapabilities, Medium},
    time::Instant,
};

use crate::{Error, Vlan};

/// Bytes of both addresses; the tag follows them.
const ADDRESSES: usize = 12;
/// The first bytes of a tag.
const TPID: [u8; 2] = [0x81, 0x00];
/// The EtherType of ARP, and the offsets of the IPv4 addresses (RFC 826).
const ARP: [u8; 2] = [0x08, 0x06];
const ARP_SENDER: usize = 28;
const ARP_TARGET: usize = 38;
/// The smallest MTU of a link (RFC 8200, section 5); a card with less is not used.
pub(crate) const LEAST_MTU: usize = 1280;
/// The largest MTU that is announced: jumbo frames. Cards that join segments deliver longer ones anyway.
const MOST_MTU: usize = 9000;

/// A card and the VLAN used on it.
pub(crate) struct Phy {
    nic: RefCell<Box<dyn Nic>>,
    vlan: Option<Vlan>,
    /// The MTU that smoltcp is told, once for each interface.
    mtu: usize,
    /// Our IPv4 address, and the stand-ins that smoltcp has instead (`stack/on_link.rs`).
    own: Option<Ipv4Addr>,
    stand_ins: Vec<Ipv4Addr>,
}

impl Phy {
    pub fn new(nic: Box<dyn Nic>, vlan: Option<Vlan>) -> Result<Self, Error> {
        let mtu = nic.mtu();
        if mtu < LEAST_MTU {
            return Err(Error::Mtu { mtu });
        }
        Ok(Self { nic: RefCell::new(nic), vlan, mtu: mtu.min(MOST_MTU), own: None, stand_ins: Vec::new() })
    }

    /// Limits the packets of interfaces made from now on to `mtu` bytes, or to the card's MTU if that is less or
    /// `mtu` is `None`.
    pub fn limit(&mut self, mtu: Option<u16>) {
        let most = self.nic.get_mut().mtu().min(MOST_MTU);
        self.mtu = mtu.map_or(most, |mtu| most.min(usize::from(mtu)));
    }

    /// From now on, no frame shows these stand-in addresses to others: ARP requests come from `own`.
    pub fn stand_in(&mut self, own: Option<Ipv4Addr>, stand_ins: Vec<Ipv4Addr>) {
        (self.own, self.stand_ins) = (own, stand_ins);
    }

    /// Replaces a stand-in by our address in an ARP packet that we send.
    fn hide(&self, frame: &mut [u8]) {
        if self.stand_ins.is_empty() || !is_arp(frame) {
            return;
        }
        let sender = frame.get_mut(ARP_SENDER..).and_then(<[u8]>::first_chunk_mut);
        if let (Some(sender), Some(own)) = (sender, self.own)
            && self.stand_ins.contains(&Ipv4Addr::from(*sender))
        {
            *sender = own.octets();
        }
    }

    /// Whether it is an ARP request for a stand-in: that address may belong to another machine.
    fn asks_for_stand_in(&self, frame: &[u8]) -> bool {
        let target = || frame.get(ARP_TARGET..).and_then(<[u8]>::first_chunk::<4>);
        !self.stand_ins.is_empty()
            && is_arp(frame)
            && target().is_some_and(|target| self.stand_ins.contains(&Ipv4Addr::from(*target)))
    }

    /// Sends what is queued.
    pub fn flush(&mut self) {
        self.nic.get_mut().flush();
    }

    pub fn nic(&mut self) -> &mut dyn Nic {
        &mut **self.nic.get_mut()
    }
}

impl Device for Phy {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Transmitter<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Transmitter<'_>)> {
        let mut frame = self.nic.get_mut().receive()?;
        frame.complete_checksum();
        Some((Received { phy: self, frame }, Transmitter { phy: self }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmitter<'_>> {
        self.nic.get_mut().can_transmit().then_some(Transmitter { phy: self })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        // Cannot saturate: at most MOST_MTU.
        capabilities.max_transmission_unit = self.mtu.saturating_add(HEADER);
        capabilities
    }
}

/// A frame that has arrived.
pub(crate) struct Received<'a> {
    phy: &'a Phy,
    frame: Frame,
}

impl phy::RxToken for Received<'_> {
    /// Passes the frame on without its tag; a frame of another VLAN becomes an empty one, which smoltcp ignores.
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let untagged = untagged(self.frame.bytes(), self.phy.vlan);
        let frame = match &untagged {
            Untagged::Same(frame) => frame,
            Untagged::Copy(frame) => frame.as_slice(),
            Untagged::Foreign => &[],
        };
        let result = read(if self.phy.asks_for_stand_in(frame) { &[] } else { frame });
        self.phy.nic.borrow_mut().recycle(self.frame);
        result
    }
}

/// A frame to send.
pub(crate) struct Transmitter<'a> {
    phy: &'a Phy,
}

impl phy::TxToken for Transmitter<'_> {
    /// If the card has no room after all, the frame is lost, as on a wire.
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut nic = self.phy.nic.borrow_mut();
        let tag = self.phy.vlan.map(tag);
        // Cannot saturate: smoltcp's frames are limited by the MTU.
        let whole = length.saturating_add(if tag.is_some() { TAG } else { 0 });
        let Some(buffer) = nic.transmit(whole) else {
            return write(&mut vec![0; length]);
        };
        let result = match (&tag, buffer.get_mut(TAG..)) {
            (Some(tag), Some(frame)) => {
                let result = write(frame);
                self.phy.hide(frame);
                insert(buffer, tag);
                result
            }
            _ => {
                let result = write(buffer);
                self.phy.hide(buffer);
                result
            }
        };
        nic.commit();
        result
    }
}

fn is_arp(frame: &[u8]) -> bool {
    frame.get(ADDRESSES..).is_some_and(|rest| rest.starts_with(&ARP))
}

/// The tag of a VLAN, priority 0.
fn tag(vlan: Vlan) -> [u8; TAG] {
    let ([a, b], [c, d]) = (TPID, vlan.id().to_be_bytes());
    [a, b, c, d]
}

/// Inserts a tag into a frame that was written at offset [`TAG`] of `buffer`.
fn insert(buffer: &mut [u8], tag: &[u8; TAG]) {
    // Both ranges are in the buffer: smoltcp's frames have a whole header.
    if let Some(head) = buffer.first_chunk_mut::<{ ADDRESSES + TAG }>() {
        head.copy_within(TAG.., 0);
        head.iter_mut().skip(ADDRESSES).zip(tag).for_each(|(to, from)| *to = *from);
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Untagged<'a> {
    Same(&'a [u8]),
    Copy(Vec<u8>),
    /// A frame of another VLAN.
    Foreign,
}

/// A frame without its tag. VLAN 0 means untagged: the tag only carries a priority (clause 6.9.1).
fn untagged(frame: &[u8], vlan: Option<Vlan>) -> Untagged<'_> {
    let wanted = vlan.map_or(0, Vlan::id);
    let tagged = frame.split_at_checked(ADDRESSES).and_then(|(addresses, rest)| {
        let (tag, payload) = rest.split_first_chunk::<TAG>()?;
        let [a, b, c, d] = *tag;
        ([a, b] == TPID).then_some((addresses, u16::from_be_bytes([c, d]) & 0x0fff, payload))
    });
    match tagged {
        Some((addresses, id, payload)) if id == wanted => Untagged::Copy([addresses, payload].concat()),
        None if vlan.is_none() => Untagged::Same(frame),
        _ => Untagged::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use nic::Cable;
    use smoltcp::phy::{RxToken, TxToken};

    use super::*;

    const PLAIN: [u8; 16] = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, b'i', b'p'];
    const TAGGED: [u8; 20] = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0, 42, 8, 0, b'i', b'p'];

    fn vlan(id: u16) -> Option<Vlan> {
        Some(Vlan::new(id).unwrap())
    }

    #[test]
    fn a_tag_is_put_in_and_taken_out() {
        let [left, mut right] = Cable::new();
        let mut phy = Phy::new(Box::new(left), vlan(42)).unwrap();
        phy.transmit(Instant::ZERO).unwrap().consume(PLAIN.len(), |room| room.copy_from_slice(&PLAIN));
        phy.flush();
        let frame = right.receive().unwrap();
        assert_eq!(frame.bytes(), TAGGED);
        right.transmit(TAGGED.len()).unwrap().copy_from_slice(&TAGGED);
        right.commit();
        right.flush();
        let (received, _) = phy.receive(Instant::ZERO).unwrap();
        received.consume(|frame| assert_eq!(frame, PLAIN));
    }

    #[test]
    fn frames_of_other_vlans_are_passed_over() {
        assert_eq!(untagged(&TAGGED, vlan(42)), Untagged::Copy(PLAIN.to_vec()));
        assert_eq!(untagged(&TAGGED, vlan(43)), Untagged::Foreign);
        assert_eq!(untagged(&TAGGED, None), Untagged::Foreign);
        assert_eq!(untagged(&PLAIN, vlan(42)), Untagged::Foreign);
        assert_eq!(untagged(&PLAIN, None), Untagged::Same(&PLAIN));
        let mut priority = TAGGED;
        priority[14..16].copy_from_slice(&[0xe0, 0]);
        assert_eq!(untagged(&priority, None), Untagged::Copy(PLAIN.to_vec()));
        for length in 0..16 {
            assert_eq!(untagged(&TAGGED[..length], vlan(42)), Untagged::Foreign, "{length}");
        }
    }

    #[test]
    fn a_card_of_tiny_packets_is_refused() {
        struct Tiny(Cable);
        impl Nic for Tiny {
            fn mtu(&self) -> usize {
                LEAST_MTU - 1
            }
            fn name(&self) -> &str {
                self.0.name()
            }
            fn mac(&self) -> nic::Mac {
                self.0.mac()
            }
            fn has_link(&mut self) -> bool {
                self.0.has_link()
            }
            fn receive(&mut self) -> Option<Frame> {
                self.0.receive()
            }
            fn recycle(&mut self, frame: Frame) {
                self.0.recycle(frame);
            }
            fn can_transmit(&mut self) -> bool {
                self.0.can_transmit()
            }
            fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
                self.0.transmit(length)
            }
            fn commit(&mut self) {
                self.0.commit();
            }
            fn flush(&mut self) {
                self.0.flush();
            }
        }
        let [left, _] = Cable::new();
        assert!(matches!(Phy::new(Box::new(Tiny(left)), None), Err(Error::Mtu { mtu: 1279 })));
    }

    #[test]
    fn a_card_without_room_loses_the_frame() {
        let [left, _right] = Cable::new();
        let mut phy = Phy::new(Box::new(left), None).unwrap();
        let token = phy.transmit(Instant::ZERO).unwrap();
        assert_eq!(token.consume(4000, |room| room.len()), 4000);
    }
}
