// SPDX-License-Identifier: BSD-3-Clause
//! Converts rustls errors to ours.
use alloc::{format, string::ToString as _};

use rustls::{Error, InvalidMessage, PeerIncompatible};

use crate::{Alert, Cause, Certificate, name::clean, verify::Verifier};

/// Our cause for a rustls error; `verifier` knows more about certificates than rustls reports.
pub fn cause(error: Error, verifier: &Verifier) -> Cause {
    match error {
        Error::AlertReceived(alert) => Cause::Alert(Alert(alert.into())),
        Error::InvalidCertificate(_) => {
            // If the chain is valid, the fault is in the handshake signature, which rustls verifies itself.
            Cause::Certificate(verifier.fault().cloned().unwrap_or(Certificate::Handshake))
        }
        Error::DecryptError => Cause::Mac,
        Error::PeerSentOversizedRecord => Cause::Size("a record"),
        Error::InvalidMessage(message) => invalid(message),
        Error::PeerIncompatible(incompatible) => lacks(&incompatible),
        Error::FailedToGetRandomBytes => Cause::Random,
        Error::PeerMisbehaved(how) => Cause::Protocol(clean(format!("{how:?}"))),
        other => Cause::Protocol(clean(other.to_string())),
    }
}

fn invalid(message: InvalidMessage) -> Cause {
    match message {
        InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion => Cause::Plain,
        InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge => {
            Cause::Size("a handshake message")
        }
        InvalidMessage::MessageTooLarge => Cause::Size("a record"),
        other => Cause::Protocol(clean(format!("{other:?} (decode_error)"))),
    }
}

fn lacks(incompatible: &PeerIncompatible) -> Cause {
    match incompatible {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            Cause::Common("the server speaks an older TLS (protocol_version)")
        }
        PeerIncompatible::NoCipherSuitesInCommon => Cause::Common("no cipher suite in common"),
        PeerIncompatible::NoKxGroupsInCommon => Cause::Common("no group for the key exchange in common"),
        PeerIncompatible::NoSignatureSchemesInCommon => Cause::Common("no signature scheme in common"),
        other => Cause::Protocol(clean(format!("{other:?}"))),
    }
}
