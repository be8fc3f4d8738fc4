// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use alloc::{string::String, vec::Vec};

use crate::{
    Bundle, Content, Dsse, PublicKey, Subject, TrustedRoot,
    keyless::{self, CertificateAuthority, TransparencyLog},
    log::{self, Expected},
    statement,
    time::Validity,
    timestamp,
};

/// An Ed25519 key, as `SubjectPublicKeyInfo`: C2SP `signed-note` has it as an example.
const KEY: [u8; 44] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\
    \xe9\x32\x79\x1a\xe6\xe7\xa8\x40\xa4\x61\x64\xc9\x04\x78\x64\x26\
    \xd5\xe7\x82\x1d\xd8\xb2\x9a\x00\xd6\x1c\xae\x72\xaf\xdd\x4d\xa4";

/// Any bytes as a bundle, a trusted root, a key, a certificate, a statement, the body of a log entry, a checkpoint, a
/// timestamp.
pub fn fuzz(data: &[u8]) {
    let _ = (Bundle::parse(data), TrustedRoot::parse(data));
    let _ = (PublicKey::from_pem(data), PublicKey::from_spki(data));
    let _ = statement::check(statement::PAYLOAD_TYPE, data, &[0; 32]);
    keyless::fuzz(data);
    let validity = Validity { start: 0, end: None };
    let authority = CertificateAuthority { chain: [data, data].map(Vec::from).into(), validity };
    timestamp::fuzz(data, &authority);
    if let Ok(key) = PublicKey::from_spki(&KEY) {
        let log = TransparencyLog { base_url: String::from("https://log"), key, validity, id: b"log".into() };
        // What a body may claim, so that all of it is read.
        let envelope = Dsse { payload_type: String::new(), payload: Vec::new(), signature: b"s".into() };
        let (content, subject) = (Content::Envelope(envelope), Subject::Message(b""));
        let expected = Expected { signature: b"s", certificate: b"c", content: &content, subject: &subject };
        log::fuzz(data, &log, &expected);
    }
}
