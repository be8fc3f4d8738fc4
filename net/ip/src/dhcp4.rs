// SPDX-License-Identifier: BSD-3-Clause
//! DHCPv4.
//!
//! [`Client`] is the protocol as a state machine driven by time: [`Event`]s in, [`Step`]s out. [`Reply`] is a server's
//! message, [`Lease`] the result.
//!
//! The client requests options 1, 3, 6, 12, 15, 26, 42, 43, 67 and 121; 43 is only kept for the log. Routes (121)
//! replace the router (3), as RFC 3442 requires. Options may be split (RFC 3396) and may be in the name fields
//! (option 52). Servers are asked to broadcast their replies, since the stack receives no unicast without an address.
//!
//! Not supported: an ARP check that the address is free; DHCPDECLINE, DHCPRELEASE.

mod client;
mod lease;
mod reply;
mod request;
mod service;

pub use client::{Client, Event, Step};
pub use lease::Lease;
pub(crate) use lease::{class_network, is_host};
pub use reply::{Kind, Reply};
pub(crate) use service::Service;

/// The port of servers, and that of clients.
pub(crate) const PORTS: [u16; 2] = [67, 68];
/// The magic cookie before the options (RFC 2131, section 3).
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// The longest message in bytes: the most that fits into an Ethernet frame.
pub(crate) const LONGEST: usize = 1472;

/// Options, as RFC 2132 numbers them.
mod option {
    pub const PAD: u8 = 0;
    pub const MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const HOSTNAME: u8 = 12;
    pub const DOMAIN: u8 = 15;
    pub const MTU: u8 = 26;
    pub const NTP: u8 = 42;
    pub const VENDOR: u8 = 43;
    pub const REQUESTED: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const KIND: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const LONGEST_MESSAGE: u8 = 57;
    pub const RENEWAL: u8 = 58;
    pub const REBINDING: u8 = 59;
    pub const CLIENT: u8 = 61;
    pub const BOOT_FILE: u8 = 67;
    /// Classless static routes, RFC 3442.
    pub const ROUTES: u8 = 121;
    pub const END: u8 = 255;
}
