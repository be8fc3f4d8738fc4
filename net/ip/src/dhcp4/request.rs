// SPDX-License-Identifier: BSD-3-Clause
//! Messages from clients (RFC 2131, section 4.4).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{MAGIC, option};

/// The requested options, the most important first: a server may not have room for all.
const PARAMETERS: [u8; 10] = [
    option::MASK,
    option::ROUTES,
    option::ROUTER,
    option::DNS,
    option::DOMAIN,
    option::HOSTNAME,
    option::MTU,
    option::NTP,
    option::BOOT_FILE,
    option::VENDOR,
];
/// The largest IP packet in bytes that a server may send: fragments are not reassembled here.
const LONGEST_PACKET: u16 = 1500;
/// Asks the server to broadcast its replies.
const BROADCAST: u16 = 0x8000;

/// The kind of a client's message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asking {
    /// DHCPDISCOVER.
    Discover,
    /// DHCPREQUEST for an offered address.
    Request { address: Ipv4Addr, server: Ipv4Addr },
    /// DHCPREQUEST to extend the lease, to the server that gave it or to any.
    Extend { address: Ipv4Addr },
}

/// The message's bytes. `seconds` is how long the client has been trying.
pub(super) fn bytes(asking: Asking, card: [u8; 6], transaction: u32, seconds: u16) -> Vec<u8> {
    let (kind, own) = match asking {
        Asking::Discover => (1, Ipv4Addr::UNSPECIFIED),
        Asking::Request { .. } => (3, Ipv4Addr::UNSPECIFIED),
        Asking::Extend { address } => (3, address),
    };
    let flags = if own.is_unspecified() { BROADCAST } else { 0 };
    let mut message = Vec::with_capacity(300);
    message.extend([1, 1, 6, 0]);
    message.extend(transaction.to_be_bytes());
    message.extend(seconds.to_be_bytes());
    message.extend(flags.to_be_bytes());
    message.extend(own.octets());
    // yiaddr, siaddr, giaddr
    message.extend([0; 12]);
    message.extend(card);
    // The rest of chaddr, sname, file
    message.extend([0; 10 + 64 + 128]);
    message.extend(MAGIC);
    let mut add = |code: u8, value: &[u8]| {
        message.push(code);
        message.extend(u8::try_from(value.len()));
        message.extend(value);
    };
    add(option::KIND, &[kind]);
    // The address is preceded by its type: Ethernet.
    let [a, b, c, d, e, f] = card;
    add(option::CLIENT, &[1, a, b, c, d, e, f]);
    if let Asking::Request { address, server } = asking {
        add(option::REQUESTED, &address.octets());
        add(option::SERVER, &server.octets());
    }
    add(option::LONGEST_MESSAGE, &LONGEST_PACKET.to_be_bytes());
    add(option::PARAMETERS, &PARAMETERS);
    message.push(option::END);
    // Some relays drop messages shorter than BOOTP's 300 bytes.
    message.resize(message.len().max(300), option::PAD);
    message
}
