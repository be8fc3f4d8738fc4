// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use alloc::string::{String, ToString as _};

use arch::Arch;

use crate::{
    Digest, Document, Mirror, Platform, Record, Reference,
    auth::{Challenge, granted},
    client::said,
    platform, spec,
};

/// Any bytes as a document, a reference, a challenge, a token, an error, a mirror, a record.
pub fn fuzz(data: &[u8]) {
    for media_type in ["", spec::MANIFEST, spec::INDEX] {
        match Document::parse(data, &[media_type]) {
            Ok(Document::Index(index)) => {
                for arch in Arch::ALL {
                    let found = Platform::linux(arch).candidates(&index);
                    assert!(found.len() <= index.manifests.len(), "no manifest is found twice");
                }
                let _ = platform::available(&index);
            }
            Ok(Document::Manifest(_)) | Err(_) => {}
        }
    }
    let _ = (granted(data), said(data));
    if let Ok(record) = Record::parse(data) {
        assert_eq!(record.emit().as_deref(), Some(data), "a record has one form");
    }
    let text = String::from_utf8_lossy(data);
    let _ = (Challenge::all(&text), Mirror::parse(&text));
    if let Ok(reference) = Reference::parse(&text) {
        let shown = reference.to_string();
        let again = Reference::parse(&shown).map(|again| again.to_string());
        assert!(again.is_ok_and(|again| again == shown), "{shown} is a reference");
    }
    if let Some(digest) = Digest::parse(&text) {
        assert_eq!(digest.to_string(), text, "a digest is its text");
    }
}
