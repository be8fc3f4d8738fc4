// SPDX-License-Identifier: BSD-3-Clause
//! IPv6 addresses without anybody's configuration: routers' advertisements, and DHCPv6 where they ask for it.
//!
//! [`Client`] is the protocol as a state machine, ruled by time. It solicits a router (RFC 4861), makes an address for
//! each prefix that is for that (SLAAC, RFC 4862, with the identifier of the card), and takes routers' resolvers and
//! domains (RFC 8106) and MTU. Where the router says so, it asks DHCPv6 (RFC 8415) for an address (IA_NA), or for
//! servers only. The first router with an answer is the only one, until its lifetime ends.
//!
//! Not supported: duplicate address detection, other routers' advertisements, routes of RFC 4191, temporary addresses,
//! delegated prefixes, reconfiguration by the server, DHCPv6 where no router answers.

mod advertisement;
mod client;
mod dhcp6;
mod service;

pub use advertisement::{Advertisement, Prefix};
pub use client::{Client, Event, Step};
pub use dhcp6::{Assigned, Reply};
pub(crate) use service::Service;
