// SPDX-License-Identifier: BSD-3-Clause
//! Certificates that prove nothing: who has issued them, what they are for, when they are valid, and what the log of
//! certificates says of them.

use peers::Key;
use serde_json::Value;

use crate::{
    judged::{Form, accepted, bundle_by, refused, refused_by_us_only},
    service::{Service, Signer, Stamp},
};

const KIND: &str = "hashedrekord 0.0.1";

const ISSUED: &str = "no authority of the trusted root has issued it";

/// A bundle by a signer with such a certificate.
fn signed(service: &Service, signer: &Signer<'_>) -> Value {
    service.certify("signer", signer);
    bundle_by(service, "signer", "sha256", Form::Message, KIND)
}

#[test]
fn certificates_that_are_not_logged() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    accepted(&service, "a good one", &signed(&service, &Signer::default()), &root);
    for (stamp, words) in [
        (Stamp::Missing, "the certificate has none"),
        (Stamp::OfAnother, "does not verify"),
        (Stamp::ByAnother, "its log is not in the trusted root"),
    ] {
        let bundle = signed(&service, &Signer { stamp, ..Signer::default() });
        refused(&service, &format!("{stamp:?}"), &bundle, &root, words);
    }
}

#[test]
fn chains_that_do_not_lead_to_the_root() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let signing = "extendedKeyUsage = codeSigning\n";
    service.pki.root("other-ca", Key::P384);
    service.pki.intermediate("other", Key::P256, "other-ca", signing);
    service.publish("other");
    let bundle = signed(&service, &Signer { issuer: "other", ..Signer::default() });
    refused(&service, "another authority", &bundle, &root, ISSUED);
    // One that was issued for signing is no authority.
    service.certify("signed", &Signer::default());
    service.publish("signed");
    let bundle = signed(&service, &Signer { issuer: "signed", ..Signer::default() });
    refused(&service, "a signer as authority", &bundle, &root, ISSUED);
    let bundle = signed(&service, &Signer::default());
    let mut short = root.clone();
    let chain = short["certificateAuthorities"][0]["certChain"]["certificates"].as_array_mut().unwrap();
    chain.remove(0);
    refused(&service, "a root without its intermediate", &bundle, &short, ISSUED);
}

#[test]
fn certificates_for_something_else() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let extensions = "extendedKeyUsage = serverAuth\n";
    let bundle = signed(&service, &Signer { extensions, ..Signer::default() });
    refused(&service, "servers", &bundle, &root, "is not for this use (extKeyUsage)");
    // Go takes a certificate that names no purpose for one of all purposes.
    let bundle = signed(&service, &Signer { extensions: "", ..Signer::default() });
    refused_by_us_only(&service, "nothing", &bundle, &root, "it is not for code signing (extKeyUsage)");
}

#[test]
fn certificates_that_were_not_valid_when_they_signed() {
    let mut service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    service.certify("signer", &Signer::default());
    let now = service.now;
    for (what, time) in [("before", now - 7200), ("after", now + 7200)] {
        service.now = time;
        let bundle = bundle_by(&service, "signer", "sha256", Form::Message, KIND);
        refused(&service, what, &bundle, &root, "signer's certificate: it was valid from ");
    }
    service.now = now + 1800;
    accepted(&service, "within", &bundle_by(&service, "signer", "sha256", Form::Message, KIND), &root);
}
