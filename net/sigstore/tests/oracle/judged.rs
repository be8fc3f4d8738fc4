// SPDX-License-Identifier: BSD-3-Clause
//! Bundles, judged by us and by cosign.

use std::{fs, process::Command};

use serde_json::Value;
use sigstore::{Bundle, Error, Identity, Subject, TrustedRoot, verify_keyless};

pub use crate::service::Form;
use crate::service::{IDENTITY, ISSUER, Service, Signed, Signer};

/// What is signed.
pub const ARTIFACT: &[u8] = b"an artifact\n";

/// A bundle of the artifact whose signer is `signer`, certified anew.
pub fn bundle(service: &Service, form: Form, kind: &str) -> Value {
    service.certify("signer", &Signer::default());
    bundle_by(service, "signer", "sha256", form, kind)
}

/// The same of a signer that was certified, whose key signs with this hash function; `ph` is Ed25519ph.
pub fn bundle_by(service: &Service, signer: &str, hash: &str, form: Form, kind: &str) -> Value {
    Signed { artifact: ARTIFACT, signer, hash, form, kind }.bundle(service)
}

/// Our verdict.
pub fn ours(bundle: &Value, root: &Value) -> Result<sigstore::Signer, Error> {
    let identity = Identity { identity: IDENTITY.into(), issuer: ISSUER.into() };
    let bundle = Bundle::parse(&serde_json::to_vec(bundle).unwrap())?;
    let root = TrustedRoot::parse(&serde_json::to_vec(root).unwrap())?;
    verify_keyless(&bundle, &Subject::Message(ARTIFACT), &root, &identity)
}

/// Cosign's verdict; its words if it refuses.
pub fn cosign(service: &Service, bundle: &Value, root: &Value) -> Result<(), String> {
    let folder = service.pki.folder();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("bundle.json", &serde_json::to_vec(bundle).unwrap());
    write("root.json", &serde_json::to_vec(root).unwrap());
    write("artifact", ARTIFACT);
    let output = Command::new("cosign")
        .args(["verify-blob", "--bundle", "bundle.json", "--trusted-root", "root.json"])
        .args(["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER, "artifact"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", folder)
        .output()
        .unwrap_or_else(|error| panic!("cosign cannot be run: {error}"));
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Both accept it.
pub fn accepted(service: &Service, what: &str, bundle: &Value, root: &Value) {
    let signer = ours(bundle, root).unwrap_or_else(|error| panic!("{what}: {error}\n{bundle:#}"));
    let sigstore::Signer::Certificate { identity, issuer, .. } = signer else { panic!("{what}: a key") };
    assert_eq!((&*identity, &*issuer), (IDENTITY, ISSUER), "{what}");
    cosign(service, bundle, root).unwrap_or_else(|said| panic!("{what}: cosign refuses: {said}"));
}

/// We accept what cosign refuses, on purpose.
pub fn accepted_by_us_only(service: &Service, what: &str, bundle: &Value, root: &Value) {
    ours(bundle, root).unwrap_or_else(|error| panic!("{what}: {error}\n{bundle:#}"));
    assert!(cosign(service, bundle, root).is_err(), "{what}: cosign accepts it, too");
}

/// Both refuse it, we in words with these ones.
pub fn refused(service: &Service, what: &str, bundle: &Value, root: &Value, words: &str) {
    refused_by_us(what, bundle, root, words);
    if cosign(service, bundle, root).is_ok() {
        panic!("{what}: cosign accepts it, we refuse it: {words}");
    }
}

/// We refuse what cosign accepts, on purpose.
pub fn refused_by_us_only(service: &Service, what: &str, bundle: &Value, root: &Value, words: &str) {
    refused_by_us(what, bundle, root, words);
    cosign(service, bundle, root).unwrap_or_else(|said| panic!("{what}: cosign refuses it, too: {said}"));
}

pub fn refused_by_us(what: &str, bundle: &Value, root: &Value, words: &str) {
    match ours(bundle, root) {
        Ok(_) => panic!("{what}: we accept it, and should say {words:?}\n{bundle:#}"),
        Err(error) => assert!(error.to_string().contains(words), "{what}: {error}, and not {words:?}"),
    }
}
