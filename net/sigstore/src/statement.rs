// SPDX-License-Identifier: BSD-3-Clause
//! In-toto statements: who says what of which artifacts.

use alloc::{format, string::String, vec::Vec};

use serde::Deserialize;

use crate::{
    Error, Structure,
    error::shown,
    json::{List, Text, hex, parsed},
};

/// The payload type of statements.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of what `cosign sign` says: nothing but that somebody has signed. Other predicates are attestations: that
/// something was scanned or built does not mean that it may be booted.
pub const PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// The types of statements.
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// Subjects that are read; cosign reads as many.
const SUBJECTS: usize = 1024;

/// Spec: in-toto attestation, spec/v1/statement.md; spec/v0.1.
#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(rename = "_type", borrow, default)]
    type_: Text<'a>,
    #[serde(borrow, default)]
    subject: List<Descriptor<'a>, SUBJECTS>,
    #[serde(rename = "predicateType", borrow, default)]
    predicate_type: Text<'a>,
}

#[derive(Deserialize)]
struct Descriptor<'a> {
    #[serde(borrow, default)]
    digest: Digests<'a>,
}

#[derive(Default, Deserialize)]
struct Digests<'a> {
    #[serde(borrow, default)]
    sha256: Text<'a>,
}

/// What `cosign sign` says of the artifact with this digest, in hexadecimal.
pub(crate) fn of_artifact(sha256: &str) -> String {
    let [type_, _] = TYPES;
    format!(
        r#"{{"_type":"{type_}","subject":[{{"digest":{{"sha256":"{sha256}"}}}}],"predicateType":"{PREDICATE}","predicate":{{}}}}"#
    )
}

/// Whether the payload is the signature of what has this digest. It must be verified before.
pub(crate) fn check(payload_type: &str, payload: &[u8], sha256: &[u8; 32]) -> Result<(), Error> {
    if payload_type != PAYLOAD_TYPE {
        return Err(Error::unsupported(Structure::Envelope, "payload type", payload_type));
    }
    let statement: Statement<'_> = parsed(Structure::Statement, payload)?;
    if !TYPES.contains(&&*statement.type_.0) {
        return Err(Error::unsupported(Structure::Statement, "type", &statement.type_.0));
    }
    if statement.predicate_type.0 != PREDICATE {
        return Err(Error::unsupported(
            Structure::Statement,
            "it is an attestation, not a signature: predicate type",
            &statement.predicate_type.0,
        ));
    }
    let expected = hex(sha256);
    let subjects = &statement.subject.0;
    if subjects.iter().any(|subject| subject.digest.sha256.0 == expected) {
        return Ok(());
    }
    let first: Vec<String> = subjects
        .iter()
        .take(3)
        .map(|subject| format!("sha256:{}", shown(&subject.digest.sha256.0)))
        .collect();
    let found = if first.is_empty() { "nothing".into() } else { first.join(", ") };
    Err(Error::Subject { found, expected: format!("sha256:{expected}") })
}
