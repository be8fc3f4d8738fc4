// SPDX-License-Identifier: BSD-3-Clause
//! What network protocols need from a platform.
//!
//! [`Dial`] is implemented by the loader (smoltcp and rustls) and by programs on Linux (sockets); `http` and `oci`
//! are written against it once. Everything runs on one thread: futures need not be `Send`.
//!
//! Time is a [`Duration`] since some moment of the platform's choice. It never goes back.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod codes;
mod error;
mod seconds;
mod wait;

use alloc::{string::String, vec::Vec};
use core::{future::Future, time::Duration};

use embedded_io_async::{Read, Write};

pub use error::{Error, Kind};
pub use seconds::Seconds;
pub use wait::{Late, Task, all, breathe, within};

/// A platform's network, clock and source of random numbers.
pub trait Dial {
    /// A connection, with TLS or without.
    ///
    /// Dropping it closes the connection. `read` returns 0 at the end that the peer announced (with TLS:
    /// `close_notify`), and an error if the connection was cut. Dropping a `read` future loses no bytes.
    type Stream: Read + Write;

    /// Connects to a host, a name or an address (IPv6 without brackets), over TCP.
    ///
    /// # Errors
    /// The name cannot be resolved, or no address of it accepts the connection.
    fn connect(&self, host: &str, port: u16) -> impl Future<Output = Result<Self::Stream, Error>>;

    /// Starts TLS on a connection. The server's certificate must have this name or address.
    ///
    /// # Errors
    /// The handshake fails, or the certificate is not trusted.
    fn secure(&self, stream: Self::Stream, server: &str)
    -> impl Future<Output = Result<Self::Stream, Error>>;

    /// The SRV records of a name, `_service._tcp.zone`, in any order. Empty if there are none.
    ///
    /// # Errors
    /// No name server gave an answer.
    fn services(&self, name: &str) -> impl Future<Output = Result<Vec<Service>, Error>>;

    /// The time now.
    fn now(&self) -> Duration;

    /// The time that has passed since `earlier`.
    fn since(&self, earlier: Duration) -> Duration {
        // Cannot saturate: time never goes back.
        self.now().saturating_sub(earlier)
    }

    /// The time after `wait`: a deadline.
    fn after(&self, wait: Duration) -> Duration {
        // May saturate: nobody waits until the end of time.
        self.now().saturating_add(wait)
    }

    /// Waits until a time.
    fn sleep(&self, until: Duration) -> impl Future<Output = ()>;

    /// A random number, good enough for jitter and for the choice among equal replicas.
    fn random(&self) -> u32;
}

/// A record of type SRV.
///
/// Spec: RFC 2782.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// Lower values are tried first.
    pub priority: u16,
    /// The share of this target among those of the same priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, without the dot at its end.
    pub target: String,
}

impl<D: Dial> Dial for &D {
    type Stream = D::Stream;

    fn connect(&self, host: &str, port: u16) -> impl Future<Output = Result<Self::Stream, Error>> {
        D::connect(self, host, port)
    }

    fn secure(
        &self,
        stream: Self::Stream,
        server: &str,
    ) -> impl Future<Output = Result<Self::Stream, Error>> {
        D::secure(self, stream, server)
    }

    fn services(&self, name: &str) -> impl Future<Output = Result<Vec<Service>, Error>> {
        D::services(self, name)
    }

    fn now(&self) -> Duration {
        D::now(self)
    }

    fn sleep(&self, until: Duration) -> impl Future<Output = ()> {
        D::sleep(self, until)
    }

    fn random(&self) -> u32 {
        D::random(self)
    }
}
