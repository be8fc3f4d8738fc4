// SPDX-License-Identifier: BSD-3-Clause
//! Bundles that cosign makes with keys of every kind are accepted; each of their fields, changed, is refused.

use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command},
};

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};
use sigstore::{Bundle, Error, PublicKey, Subject, verify_with_key};

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
const ARTIFACT: &[u8] = b"an artifact\n";

/// A folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let folder = base.join(format!("cloud-boot-sigstore-{name}-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("artifact"), ARTIFACT).expect("a file");
        // A service without logs and timestamps.
        fs::write(
            folder.join("service.json"),
            r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#,
        )
        .expect("a file");
        Self(folder)
    }

    fn run(&self, program: &str, arguments: &str) -> String {
        let output = Command::new(program)
            .args(arguments.split_ascii_whitespace())
            .current_dir(&self.0)
            .env("PATH", PATH)
            .env("HOME", &self.0)
            .env("COSIGN_PASSWORD", "")
            .output()
            .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments}: {said}");
        said
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The bundle with what `openssl` writes to `sig` in place of its signature.
    fn signed_by_openssl(&self, bundle: &Value, arguments: &str) -> Value {
        self.run("openssl", arguments);
        let mut changed = bundle.clone();
        changed["messageSignature"]["signature"] = Base64::encode_string(&self.read("sig")).into();
        changed
    }

    /// A key pair of cosign's, imported from openssl's, and the bundle that `sign-blob` makes with it.
    fn signed(&self, options: &str) -> (PublicKey, Value) {
        self.run("openssl", &format!("genpkey {options} -out key.pem"));
        self.run("cosign", "import-key-pair --key key.pem --output-key-prefix key -y");
        self.run(
            "cosign",
            "sign-blob --signing-config service.json --key key.key --bundle bundle.json -y artifact",
        );
        let key = PublicKey::from_pem(&self.read("key.pub")).expect("a key");
        (key, serde_json::from_slice(&self.read("bundle.json")).expect("a bundle"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn verify(bundle: &Value, subject: &Subject<'_>, key: &PublicKey) -> Result<(), Error> {
    verify_with_key(&Bundle::parse(bundle.to_string().as_bytes())?, subject, key)
}

fn sha256() -> Subject<'static> {
    Subject::Sha256(Sha256::digest(ARTIFACT).into())
}

/// Keys of every kind, and why their signatures are not accepted with nothing but the digest.
#[test]
fn signatures_of_files() {
    for (name, options, with_digest) in [
        ("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", ""),
        ("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "its digest is not SHA-256"),
        ("ed25519", "-algorithm ED25519", "Ed25519 does not sign a SHA-256 digest"),
        ("rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""),
        ("rsa4096", "-algorithm RSA -pkeyopt rsa_keygen_bits:4096", ""),
    ] {
        let folder = Folder::new(name);
        let (key, bundle) = folder.signed(options);
        assert_eq!(verify(&bundle, &Subject::Message(ARTIFACT), &key), Ok(()), "{name}: {bundle}");
        assert_eq!(bundle["verificationMaterial"]["publicKey"]["hint"], key.hint(), "{name}");
        match verify(&bundle, &sha256(), &key) {
            Ok(()) => assert_eq!(with_digest, "", "{name}"),
            Err(error) => {
                assert!(error.wants_message(), "{name}: {error}");
                let error = error.to_string();
                assert!(!with_digest.is_empty() && error.contains(with_digest), "{name}: {error}");
            }
        }
        assert!(verify(&bundle, &Subject::Message(b"another"), &key).is_err(), "{name}");
        if name == "p256" {
            folder.run(
                "cosign",
                "verify-blob --key key.pub --insecure-ignore-tlog=true --bundle bundle.json artifact",
            );
            each_field_changed(&bundle, &key);
            other_signatures(&folder, &key);
        }
        if name.starts_with("rsa") {
            pss(&folder, &bundle, &key);
        }
        if name == "ed25519" {
            prehashed(&folder, &bundle, &key);
        }
    }
}

fn each_field_changed(bundle: &Value, key: &PublicKey) {
    for (path, value, expected) in [
        ("/mediaType", json!("application/vnd.dev.sigstore.bundle.v0.4+json"), "bundle: mediaType"),
        ("/mediaType", json!(null), "bundle: mediaType"),
        ("/verificationMaterial", json!(null), "malformed bundle: no verificationMaterial"),
        (
            "/verificationMaterial/publicKey",
            json!(null),
            "malformed bundle: neither publicKey nor certificate",
        ),
        ("/messageSignature", json!(null), "malformed bundle: neither messageSignature nor dsseEnvelope"),
        (
            "/messageSignature/messageDigest/algorithm",
            json!("SHA3_256"),
            "message signature: digest algorithm \"SHA3_256\" is not supported",
        ),
        (
            "/messageSignature/messageDigest/digest",
            json!("AAAA"),
            "malformed message signature: 3 bytes are not a digest of its algorithm",
        ),
        (
            "/messageSignature/messageDigest/digest",
            json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            "it signs sha256:000000",
        ),
        (
            "/messageSignature/signature",
            json!("AAAA"),
            "the signature of the message signature does not verify",
        ),
        ("/messageSignature/signature", json!("A"), "malformed message signature: signature is not base64"),
    ] {
        let mut changed = bundle.clone();
        *changed.pointer_mut(path).unwrap_or_else(|| panic!("{path} in {bundle}")) = value;
        let error = verify(&changed, &Subject::Message(ARTIFACT), key).expect_err(path).to_string();
        assert!(error.starts_with(expected), "{path}: {error}");
    }
    // The hint is one: it proves nothing, and need not be true.
    let mut changed = bundle.clone();
    changed["verificationMaterial"]["publicKey"]["hint"] = json!("another");
    assert_eq!(verify(&changed, &Subject::Message(ARTIFACT), key), Ok(()));
}

/// An attestation of the same artifact with the same key, and a signature with another key.
fn other_signatures(folder: &Folder, key: &PublicKey) {
    fs::write(folder.0.join("predicate.json"), "{}").expect("a file");
    folder.run(
        "cosign",
        "attest-blob --signing-config service.json --key key.key --bundle attested.json --predicate predicate.json \
         --type custom -y artifact",
    );
    let attested = serde_json::from_slice(&folder.read("attested.json")).expect("a bundle");
    let error = verify(&attested, &Subject::Message(ARTIFACT), key).expect_err("an attestation").to_string();
    assert_eq!(
        error,
        "in-toto statement: it is an attestation, not a signature: predicate type \
         \"https://cosign.sigstore.dev/attestation/v1\" is not supported"
    );
    let (other, bundle) = folder.signed("-algorithm ED25519");
    assert_eq!(verify(&bundle, &Subject::Message(ARTIFACT), &other), Ok(()));
    let error = verify(&bundle, &Subject::Message(ARTIFACT), key).expect_err("another key");
    assert_eq!(error.code(), "E-TRUST-SIGNATURE");
}

/// openssl's signature with PSS in place of cosign's.
fn pss(folder: &Folder, bundle: &Value, key: &PublicKey) {
    let changed = folder.signed_by_openssl(
        bundle,
        "dgst -sha256 -sign key.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -out sig artifact",
    );
    assert_eq!(verify(&changed, &Subject::Message(ARTIFACT), key), Ok(()));
    assert_eq!(verify(&changed, &sha256(), key), Ok(()));
}

/// openssl's signature with Ed25519ph in place of cosign's with Ed25519: `sign-blob` makes them only with a log.
fn prehashed(folder: &Folder, bundle: &Value, key: &PublicKey) {
    let sign = "pkeyutl -sign -rawin -pkeyopt instance:Ed25519ph -inkey key.pem -in artifact -out sig";
    let mut changed = folder.signed_by_openssl(bundle, sign);
    changed["messageSignature"]["messageDigest"] =
        json!({"algorithm": "SHA2_512", "digest": Base64::encode_string(&Sha512::digest(ARTIFACT))});
    assert_eq!(verify(&changed, &Subject::Message(ARTIFACT), key), Ok(()));
    let words = |subject: &Subject<'_>| verify(&changed, subject, key).expect_err("another").to_string();
    assert!(words(&Subject::Message(b"another")).starts_with("it signs sha512:"));
    assert!(words(&sha256()).ends_with("its digest is not SHA-256: give the file, not its digest"));
    // The signature itself, and not only the digest that is beside it.
    let mut other = changed.clone();
    other["messageSignature"]["messageDigest"] = json!(null);
    assert_eq!(verify(&other, &Subject::Message(ARTIFACT), key), Ok(()));
    let error = verify(&other, &Subject::Message(b"another"), key).expect_err("another");
    assert_eq!(error.code(), "E-TRUST-SIGNATURE");
    let error = verify(&other, &Subject::Message(&Sha512::digest(ARTIFACT)), key).expect_err("the digest");
    assert_eq!(error.code(), "E-TRUST-SIGNATURE");
    // With a context, it is another algorithm.
    let sign = sign.replace("Ed25519ph", "Ed25519ph -pkeyopt context-string:x");
    let other = folder.signed_by_openssl(&other, &sign);
    let error = verify(&other, &Subject::Message(ARTIFACT), key).expect_err("a context");
    assert_eq!(error.code(), "E-TRUST-SIGNATURE");
}
