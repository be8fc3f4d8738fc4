// SPDX-License-Identifier: BSD-3-Clause
//! Entries about something else, logs that do not count, and checkpoints that prove nothing.

use base64ct::{Base64, Encoding as _};
use peers::Key;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    broken::with,
    judged::{ARTIFACT, Form, accepted, accepted_by_us_only, bundle, bundle_by, refused, refused_by_us_only},
    log::{self, Hash, Payload, Said},
    service::{REKOR_2, Service, Signer},
};

const ENTRIES: &str = "/verificationMaterial/tlogEntries";
const CHECKPOINT: &str = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";

/// The signature and the certificate of a bundle.
fn said_by(bundle: &Value) -> (Vec<u8>, Vec<u8>) {
    let bytes = |path: &str| Base64::decode_vec(bundle.pointer(path).unwrap().as_str().unwrap()).unwrap();
    let is_message = bundle.get("messageSignature").is_some();
    let signature = if is_message { "/messageSignature/signature" } else { "/dsseEnvelope/signatures/0/sig" };
    (bytes(signature), bytes("/verificationMaterial/certificate/rawBytes"))
}

#[test]
fn entries_about_something_else() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    service.certify("other", &Signer::default());
    for kind in ["hashedrekord 0.0.1", "hashedrekord 0.0.2"] {
        let good = bundle(&service, Form::Message, kind);
        let (signature, certificate) = said_by(&good);
        let (pem, other_pem) = (service.pki.read("signer.pem"), service.pki.read("other.pem"));
        let other_certificate = service.der("other");
        let other_signature = service.sign("signer", "sha256", ARTIFACT);
        let message = Payload::Message(ARTIFACT);
        let this = (certificate.as_slice(), pem.as_slice());
        let cases = [
            ("it is about another signature", &other_signature, this, message),
            ("it is about another certificate", &signature, (&*other_certificate, &*other_pem), message),
            ("its digest differs", &signature, this, Payload::Message(b"another artifact\n")),
        ];
        for (words, signature, certificate, payload) in cases {
            println!("{kind}: {words}");
            let said = Said { hash: Hash::Sha256, signature, certificate, payload };
            let entry = log::entry(&service, kind, &log::body(kind, &said));
            refused(&service, kind, &with(&good, ENTRIES, vec![entry]), &root, words);
        }
    }
}

#[test]
fn entries_of_other_kinds() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let of_message = bundle(&service, Form::Message, "dsse 0.0.1");
    refused(&service, "dsse for a message", &of_message, &root, "it is about an envelope");
    let of_message = bundle(&service, Form::Message, "dsse 0.0.2");
    refused(&service, "dsse for a message", &of_message, &root, "it is about an envelope");
    let of_envelope = bundle(&service, Form::Envelope, "hashedrekord 0.0.1");
    refused(&service, "a message for an envelope", &of_envelope, &root, "it is about a message");

    let good = bundle(&service, Form::Message, "hashedrekord 0.0.1");
    let (signature, certificate) = said_by(&good);
    let pem = service.pki.read("signer.pem");
    let said = Said {
        hash: Hash::Sha256,
        signature: &signature,
        certificate: (&certificate, &pem),
        payload: Payload::Message(ARTIFACT),
    };
    let body = log::body("hashedrekord 0.0.1", &said);
    let logged = |kind: &str, body: &str| with(&good, ENTRIES, vec![log::entry(&service, kind, body)]);
    let rekord = body.replace("hashedrekord", "rekord");
    refused(
        &service,
        "rekord",
        &logged("rekord 0.0.1", &rekord),
        &root,
        "kind \"rekord 0.0.1\" is not supported",
    );
    let later = body.replace("0.0.1", "0.0.3");
    refused(&service, "0.0.3", &logged("hashedrekord 0.0.3", &later), &root, "is not supported");
    let key = said_with(&said, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    refused(&service, "key", &logged("hashedrekord 0.0.1", &key), &root, "it is about a key");
    let none = said_with(&said, b"none");
    refused(&service, "no PEM", &logged("hashedrekord 0.0.1", &none), &root, "the certificate is not PEM");
    let weak = body.replace("\"sha256\"", "\"sha1\"");
    refused(&service, "sha1", &logged("hashedrekord 0.0.1", &weak), &root, "hash function \"sha1\"");
}

fn said_with(said: &Said<'_>, pem: &[u8]) -> String {
    log::body("hashedrekord 0.0.1", &Said { certificate: (said.certificate.0, pem), ..*said })
}

#[test]
fn logs_that_do_not_count() {
    let service = Service::new(Key::P256, Key::P256);
    let root = service.trusted_root();
    let (past, future) = ("2020-06-01T00:00:00Z", "2099-01-01T00:00:00Z");
    let v1 = bundle(&service, Form::Message, "hashedrekord 0.0.1");
    let v2 = bundle(&service, Form::Message, "hashedrekord 0.0.2");

    let mut over = root.clone();
    over["tlogs"][0]["publicKey"]["validFor"]["end"] = past.into();
    refused(&service, "its key is over", &v1, &over, "is outside the validity of the log's key");
    let later = with(&root, "/tlogs/0/publicKey/validFor/start", future);
    refused(&service, "its key is not yet", &v1, &later, "is outside the validity of the log's key");
    let mut open = root.clone();
    open["tlogs"][0]["publicKey"]["validFor"]["end"] = future.into();
    accepted(&service, "its key will end", &v1, &open);

    // Both logs with each other's key, and so with each other's identifier.
    for (number, bundle) in [(0, &v1), (1, &v2)] {
        let other = root["tlogs"][1 - number]["publicKey"]["rawBytes"].clone();
        let swapped = with(&root, &format!("/tlogs/{number}/publicKey/rawBytes"), other);
        let words = if number == 0 { "the promise is not signed" } else { "not signed by the log" };
        refused(&service, "another key", bundle, &swapped, words);
        let mut none = root.clone();
        none["tlogs"].as_array_mut().unwrap().remove(number);
        refused(&service, "not in the root", bundle, &none, "its log is not in the trusted root");
    }
    let moved = with(&root, "/tlogs/1/baseUrl", "https://other.example.org");
    refused(&service, "another origin", &v2, &moved, "its origin is \"rekor2.example.org\"");
    let at_a_port = with(&root, "/tlogs/1/baseUrl", format!("https://{REKOR_2}:8443/log"));
    accepted(&service, "a path and a port", &v2, &at_a_port);
}

#[test]
fn checkpoints_that_prove_nothing() {
    for key in [Key::Ed25519, Key::P256] {
        let service = Service::new(key, Key::P256);
        let root = service.trusted_root();
        let good = bundle(&service, Form::Message, "hashedrekord 0.0.2");
        let note = good.pointer(CHECKPOINT).unwrap().as_str().unwrap();
        let (text, line) = note.split_once("\n\n").unwrap();
        let text = format!("{text}\n");
        let sign = |key: &str, name: &str, text: &str| log::signature(&service, key, name, text, true);
        let note_of = |lines: &[&str]| with(&good, CHECKPOINT, format!("{text}\n{}", lines.concat()));

        let witness = sign("rekor1", "witness.example.org", &text);
        accepted(&service, "with a witness", &note_of(&[line, &witness]), &root);
        accepted(&service, "behind a witness", &note_of(&[&witness, line]), &root);
        let not_by = "not signed by the log https://rekor2.example.org";
        refused(&service, "by the witness alone", &note_of(&[&witness]), &root, not_by);
        let renamed = sign("rekor2", "other.example.org", &text);
        refused(&service, "by another name", &note_of(&[&renamed]), &root, not_by);
        let false_one = sign("rekor2", REKOR_2, "another text\n");
        let words = "does not verify with the log https://rekor2.example.org";
        refused(&service, "a false signature", &note_of(&[&false_one]), &root, words);
        refused(&service, "a false one beside a good one", &note_of(&[&false_one, line]), &root, words);

        let of_size = |size: &str| {
            let text = text.replace("\n11\n", size);
            with(&good, CHECKPOINT, format!("{text}\n{}", sign("rekor2", REKOR_2, &text)))
        };
        let words = "treeSize is 11, the checkpoint's is 4";
        refused(&service, "of a smaller tree", &of_size("\n4\n"), &root, words);
        // The way to the root is the same in both trees, and cosign does not look at treeSize.
        let words = "treeSize is 11, the checkpoint's is 12";
        refused_by_us_only(&service, "of a larger tree", &of_size("\n12\n"), &root, words);
        let foreign = text.replace("rekor2.", "rekor3.");
        let note = format!("{foreign}\n{}", sign("rekor2", REKOR_2, &foreign));
        refused(&service, "of another origin", &with(&good, CHECKPOINT, note), &root, "its origin is");
    }
}

#[test]
fn two_entries_of_which_one_counts() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let good = bundle(&service, Form::Message, "hashedrekord 0.0.1");
    let entry = good.pointer(ENTRIES).unwrap()[0].clone();
    let mut unknown = entry.clone();
    unknown["logId"]["keyId"] = Base64::encode_string(&Sha256::digest(b"another log")).into();
    let both = with(&good, ENTRIES, vec![unknown.clone(), entry.clone()]);
    accepted(&service, "an unknown log first", &both, &root);
    let both = with(&good, ENTRIES, vec![entry, unknown.clone()]);
    accepted(&service, "an unknown log behind", &both, &root);
    let only = with(&good, ENTRIES, vec![unknown]);
    refused(&service, "an unknown log only", &only, &root, "its log is not in the trusted root");
}

#[test]
fn signers_with_other_keys() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    service.certify("rsa", &Signer { key: Key::Rsa(2048), ..Signer::default() });
    for kind in ["dsse 0.0.1", "intoto 0.0.2"] {
        let bundle = bundle_by(&service, "rsa", "sha256", Form::Envelope, kind);
        accepted(&service, kind, &bundle, &root);
    }
    service.certify("edwards", &Signer { key: Key::Ed25519, ..Signer::default() });
    let bundle = bundle_by(&service, "edwards", "", Form::Envelope, "dsse 0.0.1");
    accepted(&service, "Ed25519", &bundle, &root);
    for kind in ["hashedrekord 0.0.1", "hashedrekord 0.0.2"] {
        let bundle = bundle_by(&service, "edwards", "ph", Form::Message, kind);
        accepted(&service, "Ed25519ph", &bundle, &root);
        let other = with(&bundle, "/messageSignature/messageDigest/algorithm", "SHA2_256");
        refused(&service, "another function", &other, &root, "64 bytes are not a digest");
    }
    // With a certificate, cosign wants messages with Ed25519ph and envelopes with Ed25519. Each form commits to the same
    // bytes, and cosign itself signs envelopes with Ed25519ph where the key has no certificate.
    for (hash, form, kind) in [
        ("", Form::Message, "hashedrekord 0.0.1"),
        ("ph", Form::Envelope, "dsse 0.0.1"),
        ("ph", Form::Envelope, "hashedrekord 0.0.2"),
    ] {
        let bundle = bundle_by(&service, "edwards", hash, form, kind);
        accepted_by_us_only(&service, kind, &bundle, &root);
    }
}
