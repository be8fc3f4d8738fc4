// SPDX-License-Identifier: BSD-3-Clause
//! From a network card to names, addresses and connections: smoltcp configured once.
//!
//! A [`Stack`] drives one card. Its owner calls [`poll`](Stack::poll) with the current time, often, from one place.
//! Everything else (a lease, an address, a connection, its bytes) is a future that ends at its deadline. Any executor
//! works: futures register wakers, and may also be polled in a loop beside the stack.
//!
//! ```
//! # use core::time::Duration;
//! # async fn example(card: Box<dyn nic::Nic>, entropy: Box<dyn ip::Entropy>) -> Result<(), ip::Error> {
//! use embedded_io_async::{Read, Write};
//! let stack = ip::Stack::new(card, None, entropy, ip::Instant::from_micros(0))?;
//! let lease = stack.dhcp4(ip::limits::ASSIGNMENT_WAIT).await?;
//! assert_eq!(lease.settings.origin, ip::Origin::Dhcp4(lease.server));
//! let addresses = stack.addresses_of("registry.example").await?;
//! let mut connection = stack.connect((addresses[0], 80).into(), ip::Options::default()).await?;
//! connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
//! let mut answer = [0; 1024];
//! let length = connection.read(&mut answer).await?;
//! # Ok(()) }
//! ```
//!
//! Sources: RFC 2131, 2132, 3396, 3442 (DHCPv4), 4861, 4862, 8106, 8415 (IPv6), 1035, 2782, 3596, 6891, 7766 (DNS),
//! IEEE 802.1Q (VLAN), Linux 6.12 Documentation/admin-guide/nfs/nfsroot.rst and net/ipv4/ipconfig.c (`ip=`).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod codes;
pub mod dhcp4;
pub mod dns;
mod error;
pub mod fuzz;
pub mod limits;
mod phy;
mod reader;
mod settings;
mod stack;
mod static_form;
mod tcp;
mod time;
mod udp;
pub mod v6;

pub use error::{Error, Malformed, Unassigned, Unresolved};
pub use settings::{Network, Origin, Route, Settings};
pub use stack::Stack;
pub use static_form::{Kernel, Method, parse_kernel, parse_servers, parse_static};
pub use tcp::{Connection, Options};
pub use time::Instant;

/// A source of unpredictable bytes, for ports, sequence numbers and IDs.
pub trait Entropy {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// The number of a VLAN, 1 to 4094.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Vlan(u16);

impl Vlan {
    /// `None` for the numbers that 802.1Q reserves.
    pub fn new(id: u16) -> Option<Self> {
        (1..=4094).contains(&id).then_some(Self(id))
    }

    /// The number.
    pub fn id(self) -> u16 {
        self.0
    }
}

pub(crate) fn random_u16(entropy: &mut dyn Entropy) -> u16 {
    let mut bytes = [0; 2];
    entropy.fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

pub(crate) fn random_u32(entropy: &mut dyn Entropy) -> u32 {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    u32::from_be_bytes(bytes)
}
