// SPDX-License-Identifier: BSD-3-Clause
//! Why a TLS connection failed.
use alloc::{string::String, sync::Arc};

use code::Code;
use embedded_io_async::ErrorKind;

use crate::{Alert, Checked, Date, codes};

/// A connection that failed, with the server's name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} {server}: {cause}", cause.code())]
pub struct Error {
    /// The name that the certificate must have.
    pub server: Arc<str>,
    /// The cause.
    pub cause: Cause,
}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> ErrorKind {
        match &self.cause {
            Cause::Io(kind) => *kind,
            Cause::Closed { .. } => ErrorKind::ConnectionAborted,
            Cause::Host => ErrorKind::InvalidInput,
            Cause::Memory => ErrorKind::OutOfMemory,
            _ => ErrorKind::InvalidData,
        }
    }
}

/// The cause of a failed connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server's name is not valid.
    #[error("neither a DNS name nor an IP address; correct the name")]
    Host,
    /// The underlying stream failed.
    #[error("the connection failed: {}; check the network and the server", words(*.0))]
    Io(ErrorKind),
    /// The underlying stream ended before TLS did.
    #[error("the server closed the connection {}; check its log", if *.in_handshake {
        "during the handshake"
    } else {
        "without close_notify, so data may be missing"
    })]
    Closed {
        /// Whether it was before the end of the handshake.
        in_handshake: bool,
    },
    /// The server sent a fatal alert.
    #[error("the server sent the alert {0}; check its log")]
    Alert(Alert),
    /// The server sent something other than TLS.
    #[error("the server does not speak TLS; correct the port")]
    Plain,
    /// Client and server have nothing in common.
    #[error("{0}; this client speaks TLS 1.2 and 1.3")]
    Common(&'static str),
    /// The server broke the protocol.
    #[error("the server broke the TLS protocol: {0}; update it")]
    Protocol(String),
    /// A record cannot be decrypted.
    #[error("a record was altered in transit (bad_record_mac); try again")]
    Mac,
    /// Larger than a buffer.
    #[error("{0} is larger than this client accepts; shorten the server's certificate chain")]
    Size(&'static str),
    /// The server's certificate is not accepted.
    #[error(transparent)]
    Certificate(Certificate),
    /// No random bytes.
    #[error("no random numbers for keys; give the machine a source of entropy")]
    Random,
    /// No memory for buffers.
    #[error("no memory for the connection's buffers; give the machine more")]
    Memory,
}

impl Cause {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Host => codes::HOST,
            Self::Io(_) => codes::IO,
            Self::Closed { .. } => codes::EOF,
            Self::Alert(_) => codes::ALERT,
            Self::Plain => codes::PLAIN,
            Self::Common(_) => codes::COMMON,
            Self::Protocol(_) => codes::PROTOCOL,
            Self::Mac => codes::MAC,
            Self::Size(_) => codes::SIZE,
            Self::Certificate(certificate) => certificate.code(),
            Self::Random => codes::RANDOM,
            Self::Memory => code::MEMORY,
        }
    }
}

/// Why a server's certificate is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Certificate {
    /// It has expired, or an intermediate has.
    #[error(
        "certificate{} expired on {not_after} (checked at {checked}); renew it, or set the clock",
        of(.subject)
    )]
    Expired {
        /// The subject; empty if unknown.
        subject: String,
        /// The last moment of its validity.
        not_after: Date,
        /// When it was checked.
        checked: Checked,
    },
    /// It is not valid yet, or an intermediate is not.
    #[error(
        "certificate{} is not valid before {not_before} (checked at {checked}); set the clock",
        of(.subject)
    )]
    NotYetValid {
        /// The subject; empty if unknown.
        subject: String,
        /// The first moment of its validity.
        not_before: Date,
        /// When it was checked.
        checked: Checked,
    },
    /// It has other names.
    #[error(
        "name mismatch: certificate is for {presented}; connect by one of these names, or have it reissued for this one"
    )]
    Name {
        /// Its names, as a list.
        presented: String,
    },
    /// Its issuer is not trusted.
    #[error("unknown issuer{}; trust its root certificate with cloudboot.ca", is(.issuer))]
    UnknownIssuer {
        /// The last issuer in the chain; empty if unknown.
        issuer: String,
    },
    /// The handshake is not signed with the certificate's key.
    #[error("the handshake signature does not match the certificate (decrypt_error); check the server's key")]
    Handshake,
    /// Something else is wrong with the chain.
    #[error("certificate refused: {0}; have it reissued")]
    Refused(&'static str),
}

impl Certificate {
    const fn code(&self) -> Code {
        match self {
            Self::Expired { .. } => codes::EXPIRED,
            Self::NotYetValid { .. } => codes::EARLY,
            Self::Name { .. } => codes::NAME,
            Self::UnknownIssuer { .. } => codes::ISSUER,
            Self::Handshake | Self::Refused(_) => codes::CERT,
        }
    }
}

/// A space and the name, if there is one.
fn of(subject: &str) -> String {
    if subject.is_empty() { String::new() } else { [" ", subject].concat() }
}

fn is(issuer: &str) -> String {
    if issuer.is_empty() { String::new() } else { [": ", issuer].concat() }
}

/// The text of an error kind.
const fn words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset by the server",
        ErrorKind::ConnectionAborted => "connection aborted",
        ErrorKind::NotConnected => "not connected",
        ErrorKind::BrokenPipe => "broken pipe",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::WriteZero => "nothing could be written",
        ErrorKind::OutOfMemory => "out of memory",
        _ => "I/O error",
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use embedded_io_async::Error as _;

    use super::*;

    fn shown(cause: Cause) -> String {
        Error { server: "reg.example".into(), cause }.to_string()
    }

    #[test]
    fn messages_have_code_server_cause_and_advice() {
        let checked = Checked { at: Date(crate::FLOOR), is_floor: true };
        let expired = Certificate::Expired { subject: "CN=a".into(), not_after: Date(0), checked };
        let early = Certificate::NotYetValid { subject: String::new(), not_before: Date(0), checked };
        let (root, others) = ("CN=root".into(), "a.example".into());
        for (cause, message) in [
            (
                Cause::Certificate(expired),
                "E-NET-TLS-EXPIRED reg.example: certificate CN=a expired on 1970-01-01T00:00:00Z (checked at 2026-11-22T00:00:00Z, this version's date, because the clock is not set); renew it, or set the clock",
            ),
            (
                Cause::Certificate(early),
                "E-NET-TLS-EARLY reg.example: certificate is not valid before 1970-01-01T00:00:00Z (checked at 2026-11-22T00:00:00Z, this version's date, because the clock is not set); set the clock",
            ),
            (
                Cause::Certificate(Certificate::UnknownIssuer { issuer: root }),
                "E-NET-TLS-ISSUER reg.example: unknown issuer: CN=root; trust its root certificate with cloudboot.ca",
            ),
            (
                Cause::Certificate(Certificate::Name { presented: others }),
                "E-NET-TLS-NAME reg.example: name mismatch: certificate is for a.example; connect by one of these names, or have it reissued for this one",
            ),
            (
                Cause::Alert(Alert(40)),
                "E-NET-TLS-ALERT reg.example: the server sent the alert handshake_failure (40); check its log",
            ),
            (
                Cause::Io(ErrorKind::ConnectionReset),
                "E-NET-TLS-IO reg.example: the connection failed: connection reset by the server; check the network and the server",
            ),
            (
                Cause::Closed { in_handshake: true },
                "E-NET-TLS-EOF reg.example: the server closed the connection during the handshake; check its log",
            ),
            (
                Cause::Memory,
                "E-MEMORY reg.example: no memory for the connection's buffers; give the machine more",
            ),
        ] {
            assert_eq!(shown(cause), message);
        }
    }

    #[test]
    fn streams_above_see_what_the_stream_below_said() {
        let kind = |cause| Error { server: "a".into(), cause }.kind();
        assert_eq!(kind(Cause::Io(ErrorKind::TimedOut)), ErrorKind::TimedOut);
        assert_eq!(kind(Cause::Mac), ErrorKind::InvalidData);
        assert_eq!(kind(Cause::Closed { in_handshake: false }), ErrorKind::ConnectionAborted);
    }
}
