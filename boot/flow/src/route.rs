// SPDX-License-Identifier: BSD-3-Clause
//! The way to a server: a platform's network, or a registry's record in the cache.
//!
//! One type for both, so that a program contains the generic code above it only once.

use alloc::vec::Vec;
use core::time::Duration;

use dial::{Dial, Service};
use embedded_io_async::{ErrorType, Read, Write};

use crate::cache::{Connection, Replay};

/// A network.
pub enum Route<'r, D> {
    /// The platform's.
    Network(D),
    /// The cache's record of a registry's answers.
    Record(&'r Replay<'r>),
}

/// A connection over a route.
pub enum Stream<'r, S> {
    /// The platform's.
    Network(S),
    /// To the registry of a record.
    Record(Connection<'r>),
}

impl<'r, D: Dial> Dial for Route<'r, D> {
    type Stream = Stream<'r, D::Stream>;

    async fn connect(&self, host: &str, port: u16) -> Result<Self::Stream, dial::Error> {
        match self {
            Self::Network(dial) => dial.connect(host, port).await.map(Stream::Network),
            Self::Record(replay) => Ok(Stream::Record(Connection::new(replay))),
        }
    }

    async fn secure(&self, stream: Self::Stream, server: &str) -> Result<Self::Stream, dial::Error> {
        match (self, stream) {
            (Self::Network(dial), Stream::Network(stream)) => {
                dial.secure(stream, server).await.map(Stream::Network)
            }
            // There is no wire to protect: what is read is checked by its digest, and by that of the record.
            (_, Stream::Record(connection)) => Ok(Stream::Record(connection)),
            (Self::Record(_), Stream::Network(_)) => Err(dial::Error {
                kind: dial::Kind::Refused,
                code: dial::codes::SECURE,
                object: server.into(),
                cause: "a record has no TLS".into(),
            }),
        }
    }

    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        match self {
            Self::Network(dial) => dial.services(name).await,
            Self::Record(_) => Ok(Replay::services(name)),
        }
    }

    fn now(&self) -> Duration {
        match self {
            Self::Network(dial) => dial.now(),
            Self::Record(replay) => replay.now(),
        }
    }

    async fn sleep(&self, until: Duration) {
        match self {
            Self::Network(dial) => dial.sleep(until).await,
            Self::Record(replay) => replay.sleep(until).await,
        }
    }

    fn random(&self) -> u32 {
        match self {
            Self::Network(dial) => dial.random(),
            Self::Record(_) => 0,
        }
    }
}

impl<S: ErrorType> ErrorType for Stream<'_, S> {
    type Error = S::Error;
}

impl<S: Read> Read for Stream<'_, S> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, S::Error> {
        match self {
            Self::Network(stream) => stream.read(buf).await,
            Self::Record(connection) => Ok(connection.read(buf)),
        }
    }
}

impl<S: Write> Write for Stream<'_, S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, S::Error> {
        match self {
            Self::Network(stream) => stream.write(bytes).await,
            Self::Record(connection) => Ok(connection.write(bytes)),
        }
    }

    async fn flush(&mut self) -> Result<(), S::Error> {
        match self {
            Self::Network(stream) => stream.flush().await,
            Self::Record(_) => Ok(()),
        }
    }
}
