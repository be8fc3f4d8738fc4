// SPDX-License-Identifier: BSD-3-Clause
//! IPv6 autoconfiguration: router advertisements, and DHCPv6 if the router requests it.
//!
//! [`Client`] is the protocol as a state machine driven by time. It solicits a router (RFC 4861), makes an address for
//! each autonomous prefix (SLAAC, RFC 4862, with the card's EUI-64), and uses the router's resolvers,
//! domains (RFC 8106) and MTU. If the router says so, it asks DHCPv6 (RFC 8415) for an address (IA_NA), or for
//! servers only. The first router that answers is the only one used until its lifetime ends.
//!
//! Not supported: duplicate address detection, other routers' advertisements, routes of RFC 4191, temporary addresses,
//! delegated prefixes, reconfiguration by the server, DHCPv6 if no router answers.

mod advertisement;
mod client;
mod dhcp6;
mod service;

pub use advertisement::{Advertisement, Prefix};
pub use client::{Client, Event, Step};
pub use dhcp6::{Assigned, Reply};
pub(crate) use service::Service;
