// SPDX-License-Identifier: BSD-3-Clause
//! Timestamps by `openssl ts`: those that prove a time, and others.

use base64ct::{Base64, Encoding as _};
use peers::{Issued, Key};
use serde_json::{Value, json};

use crate::{
    broken::{with, without},
    judged::{Form, accepted, bundle, refused, refused_by_us, refused_by_us_only},
    service::{Service, base64},
};

const KIND: &str = "hashedrekord 0.0.2";
const TOKEN: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
const LONG: (&str, &str) = ("20200101000000Z", "20991231235959Z");

fn signature(bundle: &Value) -> Vec<u8> {
    Base64::decode_vec(bundle["messageSignature"]["signature"].as_str().unwrap()).unwrap()
}

#[test]
fn authorities_with_all_kinds_of_keys() {
    for (key, options) in [
        (Key::P256, "[any]\nsigner_digest = sha256\n"),
        (Key::P384, "[any]\nsigner_digest = sha384\n"),
        (Key::Rsa(2048), "[any]\nsigner_digest = sha512\n"),
        (Key::Rsa(4096), "[any]\nsigner_digest = sha256\ness_cert_id_alg = sha512\n"),
    ] {
        println!("{key:?} {options:?}");
        let service = Service::new(Key::Ed25519, key);
        let good = bundle(&service, Form::Message, KIND);
        let token = service.timestamp(&signature(&good), "sha256", "", options);
        accepted(&service, options, &with(&good, TOKEN, base64(&token)), &service.trusted_root());
    }
}

#[test]
fn tokens_in_other_forms() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let good = bundle(&service, Form::Message, KIND);
    let signature = signature(&good);
    let stamped = |token: &[u8]| with(&good, TOKEN, base64(token));
    let stamp = |hash: &str, options: &str, configuration: &str| {
        stamped(&service.timestamp(&signature, hash, options, configuration))
    };
    accepted(&service, "SHA-384", &stamp("sha384", "", ""), &root);
    accepted(&service, "SHA-512", &stamp("sha512", "", ""), &root);
    accepted(&service, "without certificates", &stamp("sha256", "no-certificates", ""), &root);
    accepted(&service, "with a chain", &stamp("sha256", "-chain tsa-root.pem", ""), &root);
    let precise = "[any]\nclock_precision_digits = 6\n";
    accepted(&service, "with a fraction", &stamp("sha256", "", precise), &root);

    refused(&service, "SHA-1", &stamp("sha1", "", ""), &root, "hash function \"1.3.14.3.2.26\"");
    let weak = "[any]\ness_cert_id_alg = sha1\n";
    refused_by_us(
        "signingCertificate by SHA-1",
        &stamp("sha256", "", weak),
        &root,
        "no signingCertificateV2",
    );
    let other = service.timestamp(b"another signature", "sha256", "", "");
    refused(&service, "of something else", &stamped(&other), &root, "it is for something else");

    let token = service.timestamp(&signature, "sha256", "", "");
    refused(&service, "none", &stamped(b""), &root, "malformed timestamp token");
    let rejected = [0x30, 5, 0x30, 3, 2, 1, 2];
    refused(&service, "rejected", &stamped(&rejected), &root, "the authority has not granted it");
    let longer = [token.as_slice(), &[0]].concat();
    refused(&service, "longer", &stamped(&longer), &root, "malformed timestamp token");
    refused(&service, "cut off", &stamped(&token[..token.len() - 1]), &root, "malformed timestamp token");
    let last = token.len() - 1;
    let mut forged = token.clone();
    forged[last] ^= 1;
    refused(&service, "its signature", &stamped(&forged), &root, "the signature of the timestamp token");
}

#[test]
fn authorities_that_do_not_count() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = service.trusted_root();
    let good = bundle(&service, Form::Message, KIND);
    let signature = signature(&good);
    let authority = "/timestampAuthorities/0";
    let none = with(&root, "/timestampAuthorities", json!([]));
    refused(&service, "none", &good, &none, "the trusted root has no timestamp authority");
    let later = with(&root, &format!("{authority}/validFor/start"), "2099-01-01T00:00:00Z");
    refused(&service, "not yet", &good, &later, "genTime is outside the validity of the authority");
    let mut over = root.clone();
    over["timestampAuthorities"][0]["validFor"]["end"] = "2020-06-01T00:00:00Z".into();
    refused(&service, "over", &good, &over, "genTime is outside the validity of the authority");
    let other_root =
        with(&root, &format!("{authority}/certChain/certificates/1/rawBytes"), base64(&service.der("ca")));
    refused(&service, "another root", &good, &other_root, "is not the authority's");
    let only_root = without(&root, &format!("{authority}/certChain/certificates/0"));
    accepted(&service, "without its own certificate", &good, &only_root);
    let only_leaf = without(&root, &format!("{authority}/certChain/certificates/1"));
    let words = "the authority has no certificate that issues others";
    refused(&service, "without a root", &good, &only_leaf, words);

    let issue = |name: &str, extensions: &str, validity: (&str, &str)| {
        let issued = Issued { common_name: name, extensions, validity, options: "" };
        service.pki.issue(name, Key::P256, "tsa-root", &issued);
        service.to_der(name);
    };
    let by = |name: &str| {
        let options = format!("-signer {name}.pem -inkey {name}.key");
        with(&good, TOKEN, base64(&service.timestamp(&signature, "sha256", &options, "")))
    };
    let usage = "extendedKeyUsage = critical, timeStamping\n";
    issue("second", usage, LONG);
    refused(&service, "another certificate", &by("second"), &root, "signs with another certificate");
    accepted(&service, "any certificate below the root", &by("second"), &only_root);
    // An authority's chain is whole: what a token adds to it is not looked at.
    service.pki.intermediate("middle", Key::P256, "tsa-root", "");
    let issued = Issued { common_name: "below", extensions: usage, validity: LONG, options: "" };
    service.pki.issue("below", Key::P256, "middle", &issued);
    let options = "-signer below.pem -inkey below.key -chain middle.pem";
    let token = base64(&service.timestamp(&signature, "sha256", options, ""));
    refused_by_us_only(
        &service,
        "with a chain",
        &with(&good, TOKEN, token),
        &only_root,
        "is not the authority's",
    );
    issue("expired", usage, ("20200101000000Z", "20200601000000Z"));
    refused(&service, "expired", &by("expired"), &only_root, "is not the authority's");
}

/// Tokens that `openssl ts` does not make, but `openssl cms` does, of its content.
#[test]
fn signers_that_are_no_authorities() {
    let service = Service::new(Key::Ed25519, Key::P256);
    let root = without(&service.trusted_root(), "/timestampAuthorities/0/certChain/certificates/0");
    let good = bundle(&service, Form::Message, KIND);
    let pki = &service.pki;
    service.timestamp(&signature(&good), "sha256", "", "");
    pki.openssl("ts -reply -in reply -token_out -out token");
    pki.openssl("cms -verify -noverify -inform DER -in token -out content");
    let signed = |options: &str| {
        pki.openssl(&format!(
            "cms -sign -binary -nodetach -in content -outform DER -econtent_type 1.2.840.113549.1.9.16.1.4 \
             -md sha256 {options} -out token"
        ));
        let token = pki.read("token");
        let length = (token.len() as u16 + 5).to_be_bytes();
        let response = [&[0x30, 0x82], &length[..], &[0x30, 3, 2, 1, 0], &token].concat();
        with(&good, TOKEN, base64(&response))
    };
    let issue = |name: &str, extensions: &str| {
        let issued = Issued { common_name: name, extensions, validity: LONG, options: "" };
        pki.issue(name, Key::P256, "tsa-root", &issued);
        format!("-signer {name}.pem -inkey {name}.key")
    };
    let tsa = "-signer tsa.pem -inkey tsa.key";
    accepted(&service, "as openssl ts", &signed(&format!("{tsa} -cades")), &root);
    let words = "no signingCertificateV2 is signed";
    refused_by_us("without the certificate's digest", &signed(tsa), &root, words);
    let words = "name of the signer \"subjectKeyIdentifier\" is not supported";
    refused_by_us("another name", &signed(&format!("{tsa} -cades -keyid")), &root, words);
    let words = "its signer's certificate is missing";
    refused(&service, "no certificate", &signed(&format!("{tsa} -cades -nocerts")), &root, words);
    let second = issue("second", "extendedKeyUsage = critical, timeStamping\n");
    let both = format!("{tsa} {second} -cades");
    refused(&service, "two signers", &signed(&both), &root, "it has several signers");
    // Cosign takes it, although then nothing says whose certificate it is.
    let bare = signed(&format!("{tsa} -noattr"));
    refused_by_us_only(&service, "without attributes", &bare, &root, "malformed timestamp token");

    let words = "is not for timestamps only";
    for extensions in [
        "basicConstraints = CA:FALSE\n",
        "extendedKeyUsage = timeStamping\n",
        "extendedKeyUsage = critical, codeSigning\n",
        "extendedKeyUsage = critical, timeStamping, codeSigning\n",
        "extendedKeyUsage = critical, timeStamping, 1.2.3.4\n",
    ] {
        let options = issue("no", extensions);
        refused(&service, extensions, &signed(&format!("{options} -cades")), &root, words);
    }
    let extensions = "basicConstraints = critical, CA:TRUE\nextendedKeyUsage = critical, timeStamping\n";
    let options = issue("authority", extensions);
    let words = "is not the authority's: it is an authority's certificate";
    refused(&service, extensions, &signed(&format!("{options} -cades")), &root, words);
}
