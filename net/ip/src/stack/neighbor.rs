// SPDX-License-Identifier: BSD-3-Clause
//! Finds the next hop of a packet, and asks for its Ethernet address.
//!
//! smoltcp sends one ARP request or neighbor solicitation a second: a resolver and then a gateway would cost a
//! second of each boot. So we ask here, once for each connection or question; smoltcp takes the answer as
//! if it had asked, and asks again itself if none comes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::{
    phy::{ChecksumCapabilities, Device, TxToken},
    wire::{
        ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Packet,
        Icmpv6Repr, IpCidr, IpProtocol, Ipv6Packet, Ipv6Repr, NdiscRepr,
    },
};

use super::Inner;
use crate::static_form::is_usable;

/// The hop limit of a packet that has passed no router (RFC 4861, section 7.1.1).
const FROM_LINK: u8 = 255;

impl Inner {
    /// The next hop of packets to a host: an on-link address.
    ///
    /// # Errors
    /// Why the host cannot be reached.
    pub fn next_hop(&self, to: IpAddr) -> Result<IpAddr, &'static str> {
        if !is_usable(to) {
            return Err("not a host address");
        }
        let is_same_kind = |cidr: &&IpCidr| IpAddr::from(cidr.address()).is_ipv4() == to.is_ipv4();
        let mut own = self.interface.ip_addrs().iter().filter(is_same_kind).peekable();
        if own.peek().is_none() {
            return Err("this machine has no address of that IP version");
        }
        if own.any(|cidr| cidr.contains_addr(&to.into())) {
            return Ok(to);
        }
        let settings = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        let routes = settings.iter().flat_map(|settings| &settings.routes);
        let ways = routes.filter(|route| route.to.contains(to) && route.via.is_some());
        let way = ways.max_by_key(|route| route.to.prefix());
        way.and_then(|route| route.via).ok_or("no route to that network")
    }

    /// Asks for the Ethernet address of a next hop. If our card has no room for the frame, smoltcp asks later.
    pub fn seek(&mut self, hop: IpAddr) {
        match hop {
            IpAddr::V4(hop) => self.seek_v4(hop),
            IpAddr::V6(hop) => self.seek_v6(hop),
        }
    }

    /// By ARP (RFC 826).
    fn seek_v4(&mut self, hop: Ipv4Addr) {
        let Some(IpAddr::V4(own)) = self.source(hop.into()) else { return };
        let request = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: EthernetAddress(self.phy.nic().mac().0),
            source_protocol_addr: own,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: hop,
        };
        self.emit(EthernetAddress::BROADCAST, EthernetProtocol::Arp, request.buffer_len(), |payload| {
            request.emit(&mut ArpPacket::new_unchecked(payload));
        });
    }

    /// By a neighbour solicitation (RFC 4861, section 4.3) to the group of the address.
    fn seek_v6(&mut self, hop: Ipv6Addr) {
        let own = self.interface.get_source_address_ipv6(&hop);
        let group = solicited_group(hop);
        let card = EthernetAddress(self.phy.nic().mac().0);
        let solicitation =
            Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr: hop, lladdr: Some(card.into()) });
        let header = Ipv6Repr {
            src_addr: own,
            dst_addr: group,
            next_header: IpProtocol::Icmpv6,
            payload_len: solicitation.buffer_len(),
            hop_limit: FROM_LINK,
        };
        // Cannot saturate: less than a hundred bytes.
        let length = header.buffer_len().saturating_add(solicitation.buffer_len());
        let [.., a, b, c] = group.octets();
        let to = EthernetAddress([0x33, 0x33, 0xff, a, b, c]);
        self.emit(to, EthernetProtocol::Ipv6, length, |payload| {
            let mut packet = Ipv6Packet::new_unchecked(payload);
            header.emit(&mut packet);
            let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
            solicitation.emit(&own, &group, &mut message, &ChecksumCapabilities::default());
        });
    }

    /// Queues a frame with a payload of this length; the next poll sends it.
    pub(super) fn emit(
        &mut self,
        to: EthernetAddress,
        protocol: EthernetProtocol,
        length: usize,
        write: impl FnOnce(&mut [u8]),
    ) {
        let from = EthernetAddress(self.phy.nic().mac().0);
        let Some(room) = self.phy.transmit(self.now.to_smoltcp()) else { return };
        room.consume(EthernetFrame::<&[u8]>::buffer_len(length), |bytes| {
            let mut frame = EthernetFrame::new_unchecked(bytes);
            frame.set_dst_addr(to);
            frame.set_src_addr(from);
            frame.set_ethertype(protocol);
            write(frame.payload_mut());
        });
    }
}

/// The solicited-node multicast address (RFC 4291, section 2.7.1).
pub(super) fn solicited_group(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}
