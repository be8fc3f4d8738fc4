// SPDX-License-Identifier: BSD-3-Clause
//! TLS over a stream.
use alloc::{boxed::Box, string::ToString as _, sync::Arc};
use core::fmt;

use embedded_io_async::{Error as _, ErrorKind, ErrorType, Read, Write};
use rustls::pki_types::ServerName;

use crate::{
    Cause, Config, Error, Negotiated,
    name::clean,
    session::{Send, Session, Step},
};

/// Makes a TLS connection over a stream. When it returns, the handshake is done and the server is authenticated.
///
/// `server` is the name that the certificate must have and that is sent to the server (SNI): a DNS name, or an IP
/// address without brackets.
///
/// # Errors
/// A [`Cause`] with the server's name. If possible, an alert was sent to the server.
pub async fn connect<S: Read + Write>(
    stream: S,
    server: &str,
    config: &Config,
) -> Result<TlsStream<S>, Error> {
    let named = |cause| Error { server: clean(server).into(), cause };
    let name = ServerName::try_from(server.to_string()).map_err(|_| named(Cause::Host))?;
    let session = Box::new(Session::new(config, name).map_err(named)?);
    let mut connection = TlsStream { stream, session, server: server.into() };
    loop {
        let step = connection.advance(Send::Nothing).await?;
        connection.send().await?;
        match step {
            Step::Handshaking => connection.receive().await?,
            Step::Closed if connection.session.is_handshaking() => {
                return Err(connection.fail(Cause::Closed { in_handshake: true }));
            }
            Step::Open | Step::Plain | Step::Closed | Step::Sent(_) => return Ok(connection),
        }
    }
}

/// A TLS connection over a stream `S`.
///
/// Written data is sent by the next `flush`, `write` or `read`. `read` returns 0 after the server's `close_notify`; a
/// stream that ends without it is an error, because data may be missing. These futures may be dropped at any point
/// if those of `S` may: nothing is lost or sent twice.
pub struct TlsStream<S> {
    stream: S,
    /// On the heap: futures hold this, and the firmware's stack is small.
    session: Box<Session>,
    server: Arc<str>,
}

impl<S: Read + Write> TlsStream<S> {
    /// The negotiated parameters, for the log.
    pub fn negotiated(&self) -> Negotiated {
        self.session.negotiated()
    }

    /// Sends `close_notify`. Reading is possible until the server sends the same.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.send().await?;
        self.advance(Send::Farewell).await?;
        self.flush().await
    }

    /// [`Session::advance`]; when it fails, sends the alert.
    async fn advance(&mut self, send: Send<'_>) -> Result<Step, Error> {
        match self.session.advance(send) {
            Ok(step) => Ok(step),
            Err(cause) => {
                // The cause is returned, even if the alert cannot be sent.
                let _ = self.send().await;
                let _ = self.stream.flush().await;
                Err(self.named(cause))
            }
        }
    }

    /// Sends queued bytes.
    async fn send(&mut self) -> Result<(), Error> {
        while !self.session.outgoing.waiting().is_empty() {
            let sent = self.stream.write(self.session.outgoing.waiting()).await;
            let sent = sent.map_err(|error| self.fail(Cause::Io(error.kind())))?;
            if sent == 0 || !self.session.outgoing.sent(sent) {
                return Err(self.fail(Cause::Io(ErrorKind::WriteZero)));
            }
        }
        Ok(())
    }

    /// Waits for more from the server, after sending what the server may wait for.
    async fn receive(&mut self) -> Result<(), Error> {
        self.stream.flush().await.map_err(|error| self.fail(Cause::Io(error.kind())))?;
        let room = self.session.incoming.room();
        let received = match room {
            Ok(room) => self.stream.read(room).await,
            Err(cause) => return Err(self.fail(cause)),
        };
        match received {
            Ok(0) => {
                let in_handshake = self.session.is_handshaking();
                Err(self.fail(Cause::Closed { in_handshake }))
            }
            Ok(count) if self.session.incoming.advance(count) => Ok(()),
            Ok(_) => Err(self.fail(Cause::Io(ErrorKind::InvalidData))),
            Err(error) => Err(self.fail(Cause::Io(error.kind()))),
        }
    }

    fn fail(&mut self, cause: Cause) -> Error {
        let cause = self.session.fail(cause);
        self.named(cause)
    }

    fn named(&self, cause: Cause) -> Error {
        Error { server: self.server.clone(), cause }
    }
}

impl<S: ErrorType> ErrorType for TlsStream<S> {
    type Error = Error;
}

impl<S: Read + Write> Read for TlsStream<S> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.session.plain.take(buffer);
            if count > 0 {
                return Ok(count);
            }
            if self.session.is_closed() {
                return Ok(0);
            }
            let step = self.advance(Send::Nothing).await?;
            self.send().await?;
            match step {
                Step::Open | Step::Handshaking => self.receive().await?,
                Step::Plain | Step::Closed | Step::Sent(_) => {}
            }
        }
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // First, so that nothing is awaited after the bytes are in records.
        self.send().await?;
        match self.advance(Send::Data(buffer)).await? {
            Step::Sent(count) => Ok(count),
            _ => Err(self.fail(Cause::Io(ErrorKind::NotConnected))),
        }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.send().await?;
        self.stream.flush().await.map_err(|error| self.fail(Cause::Io(error.kind())))
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("server", &self.server).finish_non_exhaustive()
    }
}
