// SPDX-License-Identifier: BSD-3-Clause
//! Connections with TLS or without.

use alloc::{boxed::Box, string::ToString as _};
use core::fmt;

use dial::Kind;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use ip::Connection;
use tls::{Cause, TlsStream};

/// A connection, with TLS or without; closed when it is dropped.
pub enum Stream {
    /// As it is.
    Plain(Connection),
    /// Within TLS.
    Secure(Box<TlsStream<Connection>>),
}

impl Stream {
    /// Starts TLS.
    pub(crate) async fn secured(self, server: &str, config: &tls::Config) -> Result<Self, dial::Error> {
        let Self::Plain(connection) = self else {
            return Err(refused(server, "TLS within TLS is not spoken here"));
        };
        let failed = |error: tls::Error| dial::Error {
            kind: kind(&error.cause),
            code: error.cause.code(),
            object: server.into(),
            cause: error.cause.to_string(),
        };
        tls::connect(connection, server, config)
            .await
            .map(|stream| Self::Secure(Box::new(stream)))
            .map_err(failed)
    }
}

/// TLS that is not even tried.
pub(crate) fn refused(server: &str, cause: &str) -> dial::Error {
    dial::Error { kind: Kind::Refused, code: dial::codes::SECURE, object: server.into(), cause: cause.into() }
}

/// A connection that broke may hold the next time; whom a certificate does not name, it will not.
fn kind(cause: &Cause) -> Kind {
    match cause {
        Cause::Io(_) | Cause::Closed { .. } | Cause::Mac => Kind::Connect,
        _ => Kind::Refused,
    }
}

/// How a connection failed.
#[derive(Debug)]
pub enum Broken {
    /// In the words of TCP.
    Plain(ip::Error),
    /// In those of TLS.
    Secure(tls::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(error) => error.fmt(f),
            Self::Secure(error) => error.cause.fmt(f),
        }
    }
}

impl core::error::Error for Broken {}

impl embedded_io_async::Error for Broken {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Plain(error) => error.kind(),
            Self::Secure(error) => error.kind(),
        }
    }
}

impl ErrorType for Stream {
    type Error = Broken;
}

impl Read for Stream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        match self {
            Self::Plain(connection) => connection.read(buf).await.map_err(Broken::Plain),
            Self::Secure(stream) => stream.read(buf).await.map_err(Broken::Secure),
        }
    }
}

impl Write for Stream {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Plain(connection) => connection.write(buf).await.map_err(Broken::Plain),
            Self::Secure(stream) => stream.write(buf).await.map_err(Broken::Secure),
        }
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        match self {
            Self::Plain(connection) => connection.flush().await.map_err(Broken::Plain),
            Self::Secure(stream) => stream.flush().await.map_err(Broken::Secure),
        }
    }
}
