// SPDX-License-Identifier: BSD-3-Clause
//! Connections with TLS: what it needs of this machine, and a stream that may have it.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    time::{SystemTime, UNIX_EPOCH},
};

use dial::Kind;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use tls::{Cause, Clock, Config, NoRandomness, Provider, Random, Roots, TlsStream};

use crate::{Failed, Socket};

static PROVIDER: Provider = Provider::new(&Kernel);

/// What TLS is spoken with.
pub fn config(roots: Roots) -> Config {
    Config::new(&PROVIDER, roots, WallClock)
}

/// The kernel's random numbers.
struct Kernel;

impl Random for Kernel {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        fill(buffer).map_err(|_| NoRandomness)
    }
}

/// Fills a buffer with the kernel's random numbers.
pub fn fill(buffer: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(buffer)
}

/// The time of day.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Option<u64> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
    }
}

/// A connection, with TLS or without; closed when it is dropped.
pub enum Stream {
    /// As it is.
    Plain(Socket),
    /// Within TLS.
    Secure(Box<TlsStream<Socket>>),
}

impl Stream {
    /// Starts TLS.
    pub(crate) async fn secured(self, server: &str, config: &Config) -> Result<Self, dial::Error> {
        let Self::Plain(socket) = self else {
            let cause = "TLS within TLS is not spoken here".into();
            return Err(dial::Error {
                kind: Kind::Refused,
                code: dial::codes::SECURE,
                object: server.into(),
                cause,
            });
        };
        let failed = |error: tls::Error| dial::Error {
            kind: kind(&error.cause),
            code: error.cause.code(),
            object: server.into(),
            cause: error.cause.to_string(),
        };
        tls::connect(socket, server, config)
            .await
            .map(|stream| Self::Secure(Box::new(stream)))
            .map_err(failed)
    }
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
    /// In the system's words.
    Socket(Failed),
    /// In those of TLS.
    Tls(tls::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(failed) => failed.fmt(f),
            Self::Tls(error) => error.cause.fmt(f),
        }
    }
}

impl std::error::Error for Broken {}

impl embedded_io_async::Error for Broken {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Socket(failed) => failed.kind(),
            Self::Tls(error) => error.kind(),
        }
    }
}

impl ErrorType for Stream {
    type Error = Broken;
}

impl Read for Stream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        match self {
            Self::Plain(socket) => socket.read(buf).await.map_err(Broken::Socket),
            Self::Secure(stream) => stream.read(buf).await.map_err(Broken::Tls),
        }
    }
}

impl Write for Stream {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Plain(socket) => socket.write(buf).await.map_err(Broken::Socket),
            Self::Secure(stream) => stream.write(buf).await.map_err(Broken::Tls),
        }
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        match self {
            Self::Plain(socket) => socket.flush().await.map_err(Broken::Socket),
            Self::Secure(stream) => stream.flush().await.map_err(Broken::Tls),
        }
    }
}
