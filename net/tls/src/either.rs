// SPDX-License-Identifier: BSD-3-Clause
//! Connections with TLS or without.

use alloc::{boxed::Box, string::ToString as _};
use core::fmt;

use dial::Kind;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use crate::{Cause, Config, Error, TlsStream, connect};

/// A connection, with TLS or without; closed when it is dropped.
pub enum Stream<C> {
    /// Without TLS.
    Plain(C),
    /// With TLS.
    Secure(Box<TlsStream<C>>),
}

impl<C: Read + Write> Stream<C> {
    /// Starts TLS with a server whose certificate must have this name or address.
    ///
    /// # Errors
    /// TLS is already in use, the server's certificate is not accepted, or the connection breaks.
    pub async fn secured(self, server: &str, config: &Config) -> Result<Self, dial::Error> {
        let Self::Plain(connection) = self else {
            return Err(refused(server, "TLS within TLS is not supported"));
        };
        let failed = |error: Error| dial::Error {
            kind: kind(&error.cause),
            code: error.cause.code(),
            object: server.into(),
            cause: error.cause.to_string(),
        };
        let stream = connect(connection, server, config).await.map_err(failed)?;
        Ok(Self::Secure(Box::new(stream)))
    }
}

/// The error when TLS is not even tried.
pub fn refused(server: &str, cause: &str) -> dial::Error {
    dial::Error { kind: Kind::Refused, code: dial::codes::SECURE, object: server.into(), cause: cause.into() }
}

/// A broken connection may succeed the next time; a refused certificate will not.
fn kind(cause: &Cause) -> Kind {
    match cause {
        Cause::Io(_) | Cause::Closed { .. } | Cause::Mac => Kind::Connect,
        _ => Kind::Refused,
    }
}

/// Why a connection failed.
#[derive(Debug)]
pub enum Broken<E> {
    /// An error of the underlying stream.
    Plain(E),
    /// An error of TLS.
    Secure(Error),
}

impl<E: fmt::Display> fmt::Display for Broken<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(error) => error.fmt(f),
            Self::Secure(error) => error.cause.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Broken<E> {}

impl<E: embedded_io_async::Error> embedded_io_async::Error for Broken<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Plain(error) => error.kind(),
            Self::Secure(error) => error.kind(),
        }
    }
}

impl<C: ErrorType> ErrorType for Stream<C> {
    type Error = Broken<C::Error>;
}

impl<C: Read + Write> Read for Stream<C> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        match self {
            Self::Plain(connection) => connection.read(buf).await.map_err(Broken::Plain),
            Self::Secure(stream) => stream.read(buf).await.map_err(Broken::Secure),
        }
    }
}

impl<C: Read + Write> Write for Stream<C> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        match self {
            Self::Plain(connection) => connection.write(buf).await.map_err(Broken::Plain),
            Self::Secure(stream) => stream.write(buf).await.map_err(Broken::Secure),
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        match self {
            Self::Plain(connection) => connection.flush().await.map_err(Broken::Plain),
            Self::Secure(stream) => stream.flush().await.map_err(Broken::Secure),
        }
    }
}
