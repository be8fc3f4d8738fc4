// SPDX-License-Identifier: BSD-3-Clause
//! Reports the multicast groups of this machine (MLDv2, RFC 3810): its solicited-node groups. Otherwise, a switch
//! with MLD snooping would not forward neighbor solicitations.
//!
//! smoltcp's own reports say that groups are left (version 0.14 sends CHANGE_TO_INCLUDE_MODE when one is joined).
//! Reports are sent unsolicited, more often than switches forget; queries are not answered.

use alloc::vec::Vec;
use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use smoltcp::wire::{
    EthernetAddress, EthernetProtocol, Icmpv6Packet, IpCidr, IpProtocol, Ipv6Packet, Ipv6Repr,
};

use super::{Inner, link_local, neighbor::solicited_group};
use crate::Instant;

/// Time between two reports; switches forget after 260 s (RFC 3810, section 9.4).
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// The destination of reports (section 5.2.14), and its Ethernet address.
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const ROUTERS_CARD: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 0x16]);
/// A hop-by-hop header with a router alert for MLD (RFC 2711), before ICMPv6.
const ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];
/// The ICMPv6 type of a report; the type of its records, CHANGE_TO_EXCLUDE_MODE: any source (section 5.2.12).
const REPORT: u8 = 143;
const LISTENS: u8 = 4;
/// Routers do not forward reports (section 5).
const HOP_LIMIT: u8 = 1;

impl Inner {
    /// Reports the groups if it is time.
    pub fn report_groups(&mut self) {
        if !self.uses_v6 || self.now < self.next_report {
            return;
        }
        self.next_report = self.now.after(REPORT_EVERY);
        let IpAddr::V6(own) = link_local(self.phy.nic().mac()).address() else { return };
        let addresses = self.interface.ip_addrs().iter().filter_map(|cidr| match cidr {
            IpCidr::Ipv6(cidr) => Some(cidr.address()),
            IpCidr::Ipv4(_) => None,
        });
        let mut groups: Vec<Ipv6Addr> = addresses.map(solicited_group).collect();
        groups.sort();
        groups.dedup();
        let mut message = report(&groups);
        Icmpv6Packet::new_unchecked(&mut message).fill_checksum(&own, &ROUTERS);
        let body = [&ALERT[..], &message].concat();
        let header = Ipv6Repr {
            src_addr: own,
            dst_addr: ROUTERS,
            next_header: IpProtocol::HopByHop,
            payload_len: body.len(),
            hop_limit: HOP_LIMIT,
        };
        // Cannot saturate: at most eight addresses.
        let length = header.buffer_len().saturating_add(body.len());
        self.emit(ROUTERS_CARD, EthernetProtocol::Ipv6, length, |payload| {
            let mut packet = Ipv6Packet::new_unchecked(payload);
            header.emit(&mut packet);
            packet.payload_mut().copy_from_slice(&body);
        });
    }

    /// When groups are reported next.
    pub fn next_report(&self) -> Instant {
        if self.uses_v6 { self.next_report } else { Instant::NEVER }
    }
}

/// A report without its checksum (section 5.2).
fn report(groups: &[Ipv6Addr]) -> Vec<u8> {
    let count = u16::try_from(groups.len()).unwrap_or(0);
    let mut message = Vec::new();
    message.extend([REPORT, 0, 0, 0, 0, 0]);
    message.extend(count.to_be_bytes());
    for group in groups {
        // No auxiliary data, no sources.
        message.extend([LISTENS, 0, 0, 0]);
        message.extend(group.octets());
    }
    message
}
