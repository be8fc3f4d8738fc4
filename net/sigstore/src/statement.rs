// SPDX-License-Identifier: BSD-3-Clause
//! In-toto statements: claims about artifacts.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use crate::{
    Error, Structure,
    error::shown,
    json::{Field, hex, parsed},
};

/// The payload type of statements.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The predicate type of `cosign sign`: it only says that the artifact is signed. Other predicates are attestations:
/// that something was scanned or built does not mean that it may be booted.
pub const PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// The types of statements.
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// The most subjects; the same limit as in cosign.
const SUBJECTS: usize = 1024;

/// The statement of `cosign sign` for the artifact with this digest in hexadecimal.
pub(crate) fn of_artifact(sha256: &str) -> String {
    let [type_, _] = TYPES;
    format!(
        r#"{{"_type":"{type_}","subject":[{{"digest":{{"sha256":"{sha256}"}}}}],"predicateType":"{PREDICATE}","predicate":{{}}}}"#
    )
}

/// Checks that the payload signs this digest. The payload's own signature must be verified before.
///
/// Spec: in-toto attestation, spec/v1/statement.md; spec/v0.1.
pub(crate) fn check(payload_type: &str, payload: &[u8], sha256: &[u8; 32]) -> Result<(), Error> {
    if payload_type != PAYLOAD_TYPE {
        return Err(Error::unsupported(Structure::Envelope, "payload type", payload_type));
    }
    let [type_, subject, predicate_type] =
        parsed(Structure::Statement, payload)?.members(["_type", "subject", "predicateType"])?;
    let type_ = type_.text()?;
    if !TYPES.contains(&&*type_) {
        return Err(Error::unsupported(Structure::Statement, "type", &type_));
    }
    let predicate_type = predicate_type.text()?;
    if predicate_type != PREDICATE {
        return Err(Error::unsupported(
            Structure::Statement,
            "it is an attestation, not a signature: predicate type",
            &predicate_type,
        ));
    }
    let expected = hex(sha256);
    let subjects: Vec<Cow<'_, str>> =
        subject.list(SUBJECTS)?.into_iter().map(digest).collect::<Result<_, _>>()?;
    if subjects.iter().any(|digest| *digest == expected) {
        return Ok(());
    }
    let first: Vec<String> =
        subjects.iter().take(3).map(|digest| format!("sha256:{}", shown(digest))).collect();
    let found = if first.is_empty() { "nothing".into() } else { first.join(", ") };
    Err(Error::Subject { found, expected: format!("sha256:{expected}") })
}

/// The SHA-256 digest of a subject; empty if it has none.
fn digest(subject: Field<'_>) -> Result<Cow<'_, str>, Error> {
    let [digest] = subject.members(["digest"])?;
    let [sha256] = digest.members(["sha256"])?;
    sha256.text()
}
