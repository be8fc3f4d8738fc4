// SPDX-License-Identifier: BSD-3-Clause
//! Keyless bundles of a signing service of our own: cosign with the same trusted root agrees on each, good or broken.
//! Where cosign does not look, and we do, a case says so.

mod bounds;
mod broken;
mod certificates;
mod fields;
mod heap;
mod judged;
mod logs;
mod timestamps;

use broken::{with, without};
use judged::{Form, accepted, accepted_by_us_only, bundle, refused};
use peers::{
    Key,
    sigstore::{self as service, log},
};
use serde_json::json;
use service::Service;

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

fn in_entry(path: &str) -> String {
    format!("{ENTRY}{path}")
}

#[test]
fn entries_of_all_kinds() {
    let kinds = [
        (Form::Message, "hashedrekord 0.0.1"),
        (Form::Envelope, "dsse 0.0.1"),
        (Form::Envelope, "intoto 0.0.2"),
        (Form::Message, "hashedrekord 0.0.2"),
        (Form::Envelope, "hashedrekord 0.0.2"),
    ];
    for log in [Key::Ed25519, Key::P256] {
        let service = Service::new(log, Key::P256);
        let root = service.trusted_root();
        for (form, kind) in kinds {
            println!("{kind} {form:?} {log:?}");
            accepted(&service, kind, &bundle(&service, form, kind), &root);
        }
        // Rekor v2 took them until 2026. Cosign 3.1 reads them no longer, but they are in bundles that 3.0 has written.
        let kind = "dsse 0.0.2";
        accepted_by_us_only(&service, kind, &bundle(&service, Form::Envelope, kind), &root);
    }
}

#[test]
fn older_versions() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let new = bundle(&service, Form::Message, "hashedrekord 0.0.1");
    let mut old = with(&new, "/mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.2");
    let certificate = old["verificationMaterial"]["certificate"].clone();
    old = without(&old, "/verificationMaterial/certificate");
    old["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
    accepted(&service, "0.2", &old, &root);
    let promised = without(&old, &in_entry("/inclusionProof"));
    refused(&service, "0.2 without a proof", &promised, &root, "no inclusionProof");
    let oldest = with(&promised, "/mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.1");
    accepted(&service, "0.1", &oldest, &root);
    let proven = with(&old, "/mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.1");
    accepted(&service, "0.1 with a proof, too", &proven, &root);
    let proven = without(&proven, &in_entry("/inclusionPromise"));
    refused(&service, "0.1 without a promise", &proven, &root, "no inclusionPromise");
}
