// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use alloc::{string::String, vec::Vec};

use oci::{Algorithm, Digest, spec::Annotations};
use sigstore::PublicKey;

use crate::{Policy, budget::Budget, judge::Judge, simple::Simple};

/// The `SubjectPublicKeyInfo` of an Ed25519 key: RFC 8410, section 10.1.
const KEY: [u8; 44] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0x19, 0xbf, 0x44, 0x09, 0x69,
    0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b, 0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6,
    0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1,
];

/// Any bytes as a bundle, a payload, and annotation values.
pub fn fuzz(data: &[u8]) {
    let keys: Vec<PublicKey> = PublicKey::from_spki(&KEY).into_iter().collect();
    let policy = Policy::any_of(keys);
    let digest = Digest::of(Algorithm::Sha256, data);
    let Ok(mut judge) = Judge::new(&policy, &digest) else { return };
    let mut budget = Budget::new();
    assert!(judge.bundle("bundle".into(), data, &mut budget).is_ok(), "one signature is within the budget");
    let text = String::from_utf8_lossy(data);
    let names = ["dev.cosignproject.cosign/signature", "dev.sigstore.cosign/certificate"];
    let more = ["dev.sigstore.cosign/bundle", "dev.sigstore.cosign/rfc3161timestamp"];
    for values in [["AAAA", &text], [&text, ""]] {
        let annotations = names.into_iter().zip(values).chain(more.map(|name| (name, &*text)));
        let annotations: Annotations = annotations.map(|(name, value)| (name.into(), value.into())).collect();
        let Ok(simple) = Simple::new(data, &annotations) else { continue };
        let _ = simple.check(&digest);
        assert!(
            judge.simple("payload".into(), &simple, &mut budget).is_ok(),
            "one payload more is within the budget"
        );
    }
    assert!(judge.signers.is_empty() && !judge.findings.is_empty(), "nobody has signed this");
}
