// SPDX-License-Identifier: BSD-3-Clause
//! Every field of a bundle and every member of it, changed or left out.

use peers::Key;
use serde_json::Value;

use crate::{
    broken::{broken, leaves, without},
    judged::{Form, bundle, refused, refused_by_us_only},
    service::Service,
};

/// A path's end, and words of the refusal; first those that cosign does not look at.
type Row = (&'static str, &'static str);

#[test]
fn every_field_of_a_bundle_with_rekor_v1() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let bundle = bundle(&service, Form::Message, "hashedrekord 0.0.1");
    let ours: &[Row] = &[
        ("/kindVersion/kind", "kindVersion is not what the body says"),
        ("/kindVersion/version", "kindVersion is not what the body says"),
        // The way to the root is the same in both trees.
        ("/treeSize", "treeSize is 12, the checkpoint's is 11"),
    ];
    let both: &[Row] = &[
        ("/mediaType", "mediaType"),
        ("/messageDigest/algorithm", "SHA2_256x"),
        ("/messageDigest/digest", "it signs sha256:"),
        ("/messageSignature/signature", "the signature of the message signature does not verify"),
        ("/certificate/rawBytes", ""),
        ("/canonicalizedBody", ""),
        ("/checkpoint/envelope", "log checkpoint"),
        ("/hashes/0", "does not lead to the checkpoint's root"),
        ("/hashes/1", "does not lead to the checkpoint's root"),
        ("/hashes/2", "does not lead to the checkpoint's root"),
        ("/hashes/3", "does not lead to the checkpoint's root"),
        ("/inclusionProof/logIndex", "does not lead to the checkpoint's root"),
        ("/rootHash", "rootHash is not the checkpoint's"),
        ("/signedEntryTimestamp", "the promise is not signed by the log"),
        ("/integratedTime", "the promise is not signed by the log"),
        ("/tlogEntries/0/logIndex", "the promise is not signed by the log"),
        ("/logId/keyId", "its log is not in the trusted root"),
    ];
    each(&service, &bundle, ours, both);
}

#[test]
fn every_field_of_a_bundle_with_rekor_v2() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let bundle = bundle(&service, Form::Envelope, "hashedrekord 0.0.2");
    let ours: &[Row] = &[
        ("/kindVersion/kind", "kindVersion is not what the body says"),
        ("/kindVersion/version", "kindVersion is not what the body says"),
        ("/rootHash", "rootHash is not the checkpoint's"),
        ("/treeSize", "treeSize is 12, the checkpoint's is 11"),
        ("/inclusionProof/logIndex", "logIndex is 5, the proof's is 6"),
        // Cosign computes what the body must have been.
        ("/canonicalizedBody", "it is about another certificate"),
    ];
    let both: &[Row] = &[
        ("/mediaType", "mediaType"),
        ("/dsseEnvelope/payload", "the signature of the DSSE envelope does not verify"),
        ("/dsseEnvelope/payloadType", "the signature of the DSSE envelope does not verify"),
        ("/signatures/0/sig", "the signature of the DSSE envelope does not verify"),
        ("/certificate/rawBytes", ""),
        ("/checkpoint/envelope", "log checkpoint"),
        ("/hashes/0", "does not lead to the checkpoint's root"),
        ("/hashes/1", "does not lead to the checkpoint's root"),
        ("/hashes/2", "does not lead to the checkpoint's root"),
        ("/hashes/3", "does not lead to the checkpoint's root"),
        ("/tlogEntries/0/logIndex", "logIndex is 6, the proof's is 5"),
        ("/logId/keyId", "its log is not in the trusted root"),
        ("/signedTimestamp", ""),
    ];
    each(&service, &bundle, ours, both);
}

/// Breaks each field, and says if there is one without a row, or a row without a field.
fn each(service: &Service, bundle: &Value, ours: &[Row], both: &[Row]) {
    let root = service.trusted_root();
    let paths = leaves(bundle);
    assert_eq!(paths.len(), ours.len() + both.len(), "a row for each of {paths:#?}");
    for path in paths {
        println!("{path}");
        let row = |rows: &[Row]| rows.iter().find(|row| path.ends_with(row.0)).map(|row| row.1);
        let broken = broken(bundle, &path);
        match (row(ours), row(both)) {
            (Some(words), None) => refused_by_us_only(service, &path, &broken, &root, words),
            (None, Some(words)) => refused(service, &path, &broken, &root, words),
            (None, None) => panic!("no row for {path}"),
            (Some(_), Some(_)) => panic!("two rows for {path}"),
        }
    }
}

#[test]
fn every_member_that_is_missing() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let entry = "/verificationMaterial/tlogEntries/0";
    let rows: &[(&str, Row)] = &[
        ("hashedrekord 0.0.1", ("/inclusionProof/hashes/3", "does not lead")),
        ("hashedrekord 0.0.1", ("/inclusionProof/checkpoint", "no signatures")),
        ("hashedrekord 0.0.1", ("/inclusionProof/rootHash", "rootHash is not the checkpoint's")),
        ("hashedrekord 0.0.1", ("/inclusionProof", "no inclusionProof")),
        ("hashedrekord 0.0.1", ("/logId", "its log is not in the trusted root")),
        ("hashedrekord 0.0.1", ("/canonicalizedBody", "malformed log entry: body")),
        ("hashedrekord 0.0.1", ("", "no entry of a transparency log")),
        ("hashedrekord 0.0.2", ("/inclusionProof", "no inclusionProof")),
        ("hashedrekord 0.0.2", ("/inclusionProof/hashes/0", "does not lead")),
        ("hashedrekord 0.0.2", ("/inclusionProof/checkpoint/envelope", "no signatures")),
    ];
    let bundles =
        ["hashedrekord 0.0.1", "hashedrekord 0.0.2"].map(|kind| bundle(&service, Form::Message, kind));
    for (kind, (path, words)) in rows {
        println!("{kind} {path}");
        let bundle = &bundles[usize::from(kind.ends_with('2'))];
        refused(&service, path, &without(bundle, &format!("{entry}{path}")), &root, words);
    }
    let [promised, timed] = &bundles;
    let without_promise = without(promised, &format!("{entry}/inclusionPromise"));
    refused(&service, "v1 without a time", &without_promise, &root, "says when it was signed");
    let without_time = without(timed, "/verificationMaterial/timestampVerificationData");
    refused(&service, "v2 without a time", &without_time, &root, "says when it was signed");
}
