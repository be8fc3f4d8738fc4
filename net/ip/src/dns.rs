// SPDX-License-Identifier: BSD-3-Clause
//! DNS: addresses (A, AAAA) and services (SRV) of names.
//!
//! Servers are asked one after the other, by UDP with EDNS (RFC 6891), and by TCP if an answer is truncated. Each
//! question has an unpredictable ID and port; an answer is accepted only if it comes from the server asked,
//! with the ID, name, type and class of the question. Aliases (CNAME) are followed, at most [`MOST_ALIASES`].
//!
//! Not supported: DNSSEC, caching, other record types, names with characters other than letters, digits, `-` and `_`.

mod join;
mod message;
mod name;
mod resolve;
#[cfg(test)]
mod scripted;
mod service;

pub use message::{Data, Message, Question, Record};
pub use name::{LONGEST_NAME, Name};
pub use service::Service;

use core::time::Duration;

/// The most aliases that are followed for one question.
pub const MOST_ALIASES: usize = 8;
/// The most records of an answer; one with more is unusable.
pub const MOST_RECORDS: usize = 256;
/// The longest answer by UDP that servers are told we accept, in bytes: small enough never to be fragmented (DNS flag
/// day 2020).
const LONGEST_DATAGRAM: u16 = 1232;
/// How long to wait for each server, in each round over all of them.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Once one kind of address is known, how long to wait for the other: some servers drop questions for it. The second
/// answer is often a little later (RFC 8305, section 3).
const GRACE: Duration = Duration::from_millis(300);
/// How long an answer by TCP may take in all.
const STREAM_WAIT: Duration = Duration::from_secs(5);
/// The port of servers.
const PORT: u16 = 53;

/// A kind of record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
    /// Services (RFC 2782).
    Srv,
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Srv => 33,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        }
    }
}
