// SPDX-License-Identifier: BSD-3-Clause
//! Errors.

use alloc::{boxed::Box, string::String};
use core::net::{IpAddr, SocketAddr};

use code::Code;

use crate::codes;

/// A message or text that violates its specification.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{structure} at byte {offset}: {cause}")]
pub struct Malformed {
    /// The part of the message.
    pub structure: &'static str,
    /// Offset in the message, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub cause: &'static str,
}

/// An error between a card and a connection. [`code`](Self::code) is its stable code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The card's MTU is too small for IPv6.
    #[error("the card's MTU is {mtu}, below the 1280 bytes that IPv6 requires")]
    Mtu {
        /// The MTU in bytes.
        mtu: usize,
    },
    /// The card's address is not a unicast address.
    #[error("the card's address {mac} is not a unicast address")]
    Mac {
        /// The address.
        mac: nic::Mac,
    },
    /// A malformed address setting.
    #[error("{text}: {cause}; expected {expected}")]
    Form {
        /// The text.
        text: String,
        /// What is wrong.
        cause: &'static str,
        /// The expected form.
        expected: &'static str,
    },
    /// No address was assigned.
    #[error("{card}: {service}: {cause}")]
    Unassigned {
        /// The card.
        card: String,
        /// The service that should have assigned one.
        service: &'static str,
        /// Why there is none.
        cause: Box<Unassigned>,
    },
    /// Addresses that cannot be used.
    #[error("{object} ({origin}): {cause}")]
    Settings {
        /// The address.
        object: IpAddr,
        /// Where it comes from.
        origin: crate::Origin,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// There is no route to a host.
    #[error("{to}: {cause}")]
    NoRoute {
        /// The host.
        to: IpAddr,
        /// What is missing for a route.
        cause: &'static str,
    },
    /// The host refuses the connection.
    #[error("{to}: connection refused")]
    Refused {
        /// The host and port.
        to: SocketAddr,
    },
    /// The other side reset the connection.
    #[error("{to}: connection reset")]
    Reset {
        /// The host and port.
        to: SocketAddr,
    },
    /// No answer came in time.
    #[error("{to}: no answer to {what} within {milliseconds} ms")]
    TimedOut {
        /// The host and port.
        to: SocketAddr,
        /// The operation that got no answer.
        what: &'static str,
        /// The time waited.
        milliseconds: u128,
    },
    /// Not a valid DNS name.
    #[error("{name}: {cause}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong.
        cause: &'static str,
    },
    /// No DNS server is known.
    #[error("{name}: no DNS server is known")]
    NoServer {
        /// The name to look up.
        name: String,
    },
    /// The name, or a record of this kind, does not exist.
    #[error("{name}: {kind}: {cause} (says {server})")]
    NotFound {
        /// The name.
        name: String,
        /// The kind of record.
        kind: &'static str,
        /// What the server said.
        cause: &'static str,
        /// The server that said so.
        server: IpAddr,
    },
    /// No server gave a usable answer.
    #[error("{name}: {kind}: {server}: {cause}")]
    Unresolved {
        /// The name.
        name: String,
        /// The kind of record.
        kind: &'static str,
        /// The server that was asked last.
        server: IpAddr,
        /// Why its answer cannot be used.
        cause: Unresolved,
    },
    /// There is no room for another connection.
    #[error("{to}: {cause}")]
    Busy {
        /// The host and port.
        to: SocketAddr,
        /// Which resource is used up.
        cause: &'static str,
    },
}

/// Why no address was assigned.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unassigned {
    /// No server answered.
    #[error("no answer within {seconds} s; check cable, VLAN and server")]
    Silence {
        /// The time waited.
        seconds: u64,
    },
    /// The answers were unusable; this is the error of the last one.
    #[error("no usable answer within {seconds} s, the last one: {cause}")]
    Unusable {
        /// The time waited.
        seconds: u64,
        /// What was wrong with it.
        cause: Malformed,
    },
    /// The server refused the address that it had offered, and made no new offer in time.
    #[error("no lease within {seconds} s: the server refused the address that it had offered")]
    Refused {
        /// The time waited.
        seconds: u64,
    },
    /// What was assigned cannot be used.
    #[error("{0}")]
    Settings(Error),
}

/// Why a DNS answer cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unresolved {
    /// No answer came.
    #[error("no answer")]
    Silence,
    /// The server failed, with this RCODE.
    #[error("the server failed ({})", rcode_name(*.0))]
    Failure(u8),
    /// The answer is malformed.
    #[error("{0}")]
    Malformed(Malformed),
    /// The aliases form a loop, or there are too many.
    #[error("more than {0} aliases in a row")]
    Aliases(usize),
    /// The answer was truncated, and TCP did not yield a complete one.
    #[error("truncated, and no answer by TCP")]
    Truncated,
    /// The server cannot be reached.
    #[error("no route to the server")]
    NoRoute,
    /// There is no free socket.
    #[error("too many sockets")]
    Busy,
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Mtu { .. } | Self::Mac { .. } => codes::CARD,
            Self::Form { .. } => codes::FORM,
            Self::Unassigned { .. } => codes::DHCP,
            Self::Settings { .. } => codes::SETTINGS,
            Self::NoRoute { .. } => codes::ROUTE,
            Self::Refused { .. } => codes::REFUSED,
            Self::Reset { .. } => codes::RESET,
            Self::TimedOut { .. } => codes::TIMEOUT,
            Self::Name { .. } => codes::NAME,
            Self::NoServer { .. } => codes::NO_SERVER,
            Self::NotFound { .. } => codes::NOT_FOUND,
            Self::Unresolved { .. } => codes::DNS,
            Self::Busy { .. } => codes::BUSY,
        }
    }
}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        use embedded_io_async::ErrorKind;
        match self {
            Self::Refused { .. } => ErrorKind::ConnectionRefused,
            Self::Reset { .. } => ErrorKind::ConnectionReset,
            Self::TimedOut { .. } => ErrorKind::TimedOut,
            Self::NoRoute { .. } => ErrorKind::AddrNotAvailable,
            Self::Busy { .. } => ErrorKind::OutOfMemory,
            _ => ErrorKind::Other,
        }
    }
}

/// The name of an RCODE (RFC 1035, section 4.1.1).
fn rcode_name(rcode: u8) -> &'static str {
    match rcode {
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => "unknown RCODE",
    }
}
