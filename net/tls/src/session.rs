// SPDX-License-Identifier: BSD-3-Clause
//! The client side of a TLS connection without its stream: bytes in, bytes out.
use alloc::{string::String, sync::Arc};
use core::fmt;

use rustls::{
    ClientConfig, ProtocolVersion,
    client::{ClientConnectionData, UnbufferedClientConnection},
    pki_types::ServerName,
    unbuffered::{
        ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus, WriteTraffic,
    },
};

use crate::{
    Cause, Config,
    buffer::{Incoming, Outgoing, Plain},
    cause::cause,
    verify::Verifier,
};

/// The most bytes of application data in one record.
const FRAGMENT: usize = 16 << 10;

/// The connection, its buffers, and how it ended.
pub struct Session {
    connection: UnbufferedClientConnection,
    verifier: Arc<Verifier>,
    pub incoming: Incoming,
    pub outgoing: Outgoing,
    pub plain: Plain,
    /// The first error; later calls return the same.
    failed: Option<Cause>,
    is_closed: bool,
}

/// Why [`Session::advance`] stopped.
#[derive(Debug, Eq, PartialEq)]
pub enum Step {
    /// The handshake needs more bytes from the server.
    Handshaking,
    /// The handshake is done, and nothing is left to process.
    Open,
    /// There is decrypted data.
    Plain,
    /// The server has sent `close_notify`.
    Closed,
    /// This many bytes of the data were put into records.
    Sent(usize),
}

/// What to send.
#[derive(Clone, Copy)]
pub enum Send<'a> {
    Nothing,
    Data(&'a [u8]),
    /// `close_notify`.
    Farewell,
}

impl Session {
    pub fn new(config: &Config, server: ServerName<'static>) -> Result<Self, Cause> {
        let (client, verifier) = config.for_connection();
        Ok(Self {
            connection: Self::connection(client, server, &verifier)?,
            verifier,
            incoming: Incoming::new()?,
            outgoing: Outgoing::default(),
            plain: Plain::default(),
            failed: None,
            is_closed: false,
        })
    }

    fn connection(
        client: Arc<ClientConfig>,
        server: ServerName<'static>,
        verifier: &Verifier,
    ) -> Result<UnbufferedClientConnection, Cause> {
        UnbufferedClientConnection::new(client, server).map_err(|error| cause(error, verifier))
    }

    /// Processes received bytes until more are needed or there is something for the caller.
    ///
    /// # Errors
    /// The first error of the connection; later calls return the same. The alert for the server is in `outgoing`.
    pub fn advance(&mut self, send: Send<'_>) -> Result<Step, Cause> {
        if let Some(cause) = &self.failed {
            return Err(cause.clone());
        }
        let step = self.process(send);
        if let Err(cause) = &step {
            self.failed = Some(cause.clone());
        }
        step
    }

    /// Fails the connection from outside: its stream has ended or failed.
    pub fn fail(&mut self, cause: Cause) -> Cause {
        self.failed.get_or_insert(cause).clone()
    }

    /// Whether the server has sent `close_notify`.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the handshake is not done yet.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// The negotiated parameters, after the handshake.
    pub fn negotiated(&self) -> Negotiated {
        let suite = self.connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let group = self.connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
        Negotiated {
            version: match self.connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "",
            },
            // rustls has its own prefix for the suites of TLS 1.3.
            suite: suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1),
            group: group.unwrap_or_default().to_ascii_lowercase(),
        }
    }

    fn process(&mut self, send: Send<'_>) -> Result<Step, Cause> {
        loop {
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(self.incoming.filled());
            let step = match state {
                Err(error) => {
                    self.incoming.discard(discard);
                    self.say_why();
                    return Err(cause(error, &self.verifier));
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut self.outgoing, |space| data.encode(space).map_err(NotWritten::from))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It is queued in `outgoing`, before everything that follows.
                    data.done();
                    None
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| cause(error, &self.verifier))?;
                        self.plain.append(record.payload)?;
                    }
                    // Empty records are allowed, and give the reader nothing.
                    (matches!(send, Send::Nothing) && !self.plain.is_empty()).then_some(Step::Plain)
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.is_closed = true;
                    matches!(send, Send::Nothing).then_some(Step::Closed)
                }
                Ok(ConnectionState::Closed) => Some(Step::Closed),
                Ok(ConnectionState::WriteTraffic(traffic)) => {
                    Some(protect(&mut self.outgoing, traffic, send)?)
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Step::Handshaking),
                Ok(other) => return Err(Cause::Protocol(alloc::format!("{other:?}"))),
            };
            self.incoming.discard(discard);
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// After an error: gets the alert for the server from rustls. Other received bytes are not processed any more:
    /// rustls does not support that.
    fn say_why(&mut self) {
        while self.connection.wants_write() {
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(self.incoming.filled());
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { return };
            // The caller gets the error before this one.
            if encode(&mut self.outgoing, |space| data.encode(space).map_err(NotWritten::from)).is_err() {
                return;
            }
            self.incoming.discard(discard);
        }
    }
}

/// Puts data to send into records.
fn protect(
    outgoing: &mut Outgoing,
    mut traffic: WriteTraffic<'_, ClientConnectionData>,
    send: Send<'_>,
) -> Result<Step, Cause> {
    match send {
        Send::Nothing => Ok(Step::Open),
        Send::Data(data) => {
            let part = data.get(..FRAGMENT).unwrap_or(data);
            encode(outgoing, |space| traffic.encrypt(part, space).map_err(NotWritten::from))?;
            Ok(Step::Sent(part.len()))
        }
        Send::Farewell => {
            encode(outgoing, |space| traffic.queue_close_notify(space).map_err(NotWritten::from))?;
            Ok(Step::Sent(0))
        }
    }
}

/// Why rustls has written nothing.
enum NotWritten {
    Space(usize),
    Records,
}

impl From<EncodeError> for NotWritten {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Space(required_size)
            }
            EncodeError::AlreadyEncoded => Self::Records,
        }
    }
}

impl From<EncryptError> for NotWritten {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Space(required_size)
            }
            EncryptError::EncryptExhausted => Self::Records,
        }
    }
}

/// Appends what rustls writes: it is asked twice, first for the size.
fn encode(
    outgoing: &mut Outgoing,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, NotWritten>,
) -> Result<(), Cause> {
    let exhausted = || Cause::Protocol("a key has reached its limit of records".into());
    match write(&mut []) {
        Ok(_) => Ok(()),
        Err(NotWritten::Records) => Err(exhausted()),
        Err(NotWritten::Space(size)) => outgoing.append(size, |space| write(space).map_err(|_| exhausted())),
    }
}

/// The negotiated parameters, by their IANA names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Negotiated {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The cipher suite.
    pub suite: String,
    /// The key exchange group.
    pub group: String,
}

impl fmt::Display for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.version, self.suite, self.group)
    }
}
