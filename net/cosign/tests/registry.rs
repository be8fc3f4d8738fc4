// SPDX-License-Identifier: BSD-3-Clause
//! What cosign signs in a real registry, in both of its forms and with every kind of key.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use cosign::{Policy, Signed, Signer, attach, verify};
use http::{Backoff, Limits};
use oci::{
    Algorithm, Client, Digest, Document, Options, Reference,
    spec::{Descriptor, INDEX, Index, MANIFEST, Manifest},
};
use peers::{Referrers, Registry, Scratch, output};
use sigstore::PublicKey;
use sockets::Sockets;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const V2: &str = "--new-bundle-format=false";
const V3: &str = "--new-bundle-format=true";

/// Runs cosign; the password of its keys is empty.
fn cosign(folder: &Path, arguments: &[&str]) {
    let output = Command::new("cosign")
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("COSIGN_PASSWORD", "")
        .stdin(Stdio::null())
        .output()
        .expect("cosign, of the toolbox");
    assert!(output.status.success(), "cosign {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn sign(folder: &Path, key: &str, form: &str, image: &str) {
    let key = format!("{key}.key");
    let offline = ["--use-signing-config=false", "--tlog-upload=false", "--allow-insecure-registry", "-y"];
    cosign(folder, &[&["sign", "--key", &key, form][..], &offline, &[image]].concat());
}

/// Whether cosign takes what is there as signed by the key.
fn cosign_verifies(folder: &Path, key: &str, image: &str) {
    let key = format!("{key}.pub");
    let offline = ["--insecure-ignore-tlog=true", "--allow-insecure-registry"];
    cosign(folder, &[&["verify", "--key", &key][..], &offline, &[image]].concat());
}

/// A key of cosign's own making, `NAME.key` and `NAME.pub`.
fn own_key(folder: &Path, name: &str) {
    cosign(folder, &["generate-key-pair", "--output-key-prefix", name]);
}

/// A key that openssl has made, taken over by cosign.
fn imported_key(folder: &Path, name: &str, options: &[&str]) {
    let pem = format!("{name}.pem");
    output(folder, "openssl", &[&["genpkey", "-out", &pem][..], options].concat());
    cosign(folder, &["import-key-pair", "--key", &pem, "--output-key-prefix", name]);
}

fn public(folder: &Path, name: &str) -> PublicKey {
    PublicKey::from_pem(&fs::read(folder.join(format!("{name}.pub"))).unwrap()).unwrap()
}

/// Pushes one file with oras: the artifact's digest.
fn push(scratch: &Scratch, registry: &Registry, repository: &str, content: &[u8]) -> Digest {
    scratch.write("vmlinuz", content);
    let name = format!("{}/{repository}:1", registry.authority());
    let file = "vmlinuz:application/vnd.cloud-boot.kernel.v1";
    // Always the same digest for the same content.
    let created = "org.opencontainers.image.created=2026-01-01T00:00:00Z";
    output(scratch.path(), "oras", &["push", "--plain-http", "--annotation", created, &name, file]);
    Digest::parse(registry.digest(repository, "1").trim()).unwrap()
}

struct Setting {
    sockets: Sockets,
    client: Client<Sockets>,
    authority: String,
}

impl Setting {
    fn new(authority: String) -> Self {
        let sockets = Sockets::default();
        // Limits that no busy machine reaches.
        let long = Duration::from_secs(1200);
        let limits = Limits { connect: long, head: long, body: long, window: long, ..Limits::default() };
        let backoff = Backoff { at_most: Duration::from_secs(600), ..Backoff::default() };
        let options = Options { is_plain: true, backoff, ..Options::default() };
        let client = Client::new(http::Client::new(sockets.clone()).with_limits(limits), options);
        Self { sockets, client, authority }
    }

    fn reference(&self, repository: &str) -> Reference {
        Reference::parse(&format!("{}/{repository}:1", self.authority)).unwrap()
    }

    fn verify(&self, repository: &str, digests: &[&Digest], policy: &Policy) -> Result<Signed, String> {
        let reference = self.reference(repository);
        let result = self.sockets.run(verify(&self.client, &reference, digests, policy));
        result.map_err(|error| error.to_string().replace(&self.authority, "REGISTRY"))
    }

    fn document(&self, reference: &Reference) -> Document {
        self.sockets.run(self.client.document(reference)).unwrap().document
    }

    fn manifest(&self, reference: &Reference) -> Manifest {
        match self.document(reference) {
            Document::Manifest(manifest) => *manifest,
            Document::Index(_) => panic!("a manifest"),
        }
    }

    fn blob(&self, repository: &str, descriptor: &Descriptor) -> Vec<u8> {
        let reference = self.reference(repository);
        self.sockets.run(self.client.blob(&reference, descriptor, 1 << 20, &|_| ())).unwrap()
    }

    fn put_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = described(media_type, bytes);
        let reference = self.reference(repository);
        self.sockets.run(self.client.push_blob(&reference, &descriptor.digest, &bytes)).unwrap();
        descriptor
    }

    fn put(&self, reference: &Reference, media_type: &str, document: &impl serde::Serialize) {
        let bytes = serde_json::to_vec(document).unwrap();
        self.sockets.run(self.client.push_manifest(reference, media_type, &bytes)).unwrap();
    }

    /// The manifest of the only bundle in a repository's list for a digest.
    fn bundle(&self, repository: &str, digest: &Digest) -> (Manifest, Vec<u8>) {
        let reference = self.reference(repository);
        let Document::Index(index) = self.document(&reference.with_tag(&tag(digest)).unwrap()) else {
            panic!("a list")
        };
        let manifest = self.manifest(&reference.with_digest(index.manifests[0].digest.clone()));
        let bundle = self.blob(repository, &manifest.layers[0]);
        (manifest, bundle)
    }

    /// Makes a manifest the only one in the list for a digest.
    fn list_only(&self, repository: &str, digest: &Digest, manifest: &Manifest) {
        let reference = self.reference(repository);
        let bytes = serde_json::to_vec(manifest).unwrap();
        let own = described(MANIFEST, &bytes);
        self.put(&reference.with_digest(own.digest.clone()), MANIFEST, manifest);
        let index = Index {
            schema_version: 2,
            media_type: Some(INDEX.into()),
            artifact_type: None,
            manifests: vec![Descriptor { artifact_type: manifest.artifact_type.clone(), ..own }],
            annotations: Default::default(),
        };
        self.put(&reference.with_tag(&tag(digest)).unwrap(), INDEX, &index);
    }
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    }
}

fn tag(digest: &Digest) -> String {
    digest.to_string().replace(':', "-")
}

fn signer(key: &PublicKey) -> Signer {
    Signer::Key { id: key.id() }
}

#[test]
fn every_kind_of_key_signs_in_both_forms() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("cosign"));
    let folder = scratch.path();
    let setting = Setting::new(registry.authority());
    own_key(folder, "p256");
    imported_key(folder, "p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
    imported_key(folder, "rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    // With this one, cosign makes Ed25519ph signatures.
    imported_key(folder, "ed25519", &["-algorithm", "ED25519"]);
    own_key(folder, "other");
    let names = ["p256", "p384", "rsa", "ed25519"];
    for (repository, form) in [("boot/v2", V2), ("boot/v3", V3)] {
        let keys: Vec<PublicKey> = names.iter().map(|name| public(folder, name)).collect();
        let digest = push(&scratch, &registry, repository, b"kernel");
        let image = format!("{}/{repository}@{digest}", registry.authority());
        // Before: nothing.
        let policy = Policy::any_of(keys.clone());
        let expected = format!("E-TRUST-UNSIGNED REGISTRY/{repository}:1: no signature of {digest}");
        assert_eq!(setting.verify(repository, &[&digest], &policy).unwrap_err(), expected);
        names.iter().for_each(|name| sign(folder, name, form, &image));
        for key in &keys {
            let signed = setting.verify(repository, &[&digest], &Policy::any_of(vec![key.clone()])).unwrap();
            assert_eq!((signed.digest(), signed.signers()), (&digest, &[signer(key)][..]), "{form}");
        }
        // All of them; the same key twice is one; more than there are.
        let every = Policy { threshold: keys.len(), ..policy };
        assert_eq!(setting.verify(repository, &[&digest], &every).unwrap().signers().len(), keys.len());
        let other = public(folder, "other");
        let count = keys.len();
        let five = Policy {
            keys: [&keys[..], std::slice::from_ref(&other)].concat(),
            threshold: count + 1,
            keyless: None,
        };
        let error = setting.verify(repository, &[&digest], &five).unwrap_err();
        let expected = format!(
            "E-TRUST-THRESHOLD REGISTRY/{repository}:1: {count} of {} signers have signed {digest}: key ",
            count + 1
        );
        assert!(error.starts_with(&expected), "{error}");
        let error = setting.verify(repository, &[&digest], &Policy::any_of(vec![other])).unwrap_err();
        let expected = format!("E-TRUST-SIGNER REGISTRY/{repository}:1: {count} signatures, none accepted: ");
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(error.matches("not by a trusted key").count(), count, "{error}");
        let named = keys.iter().filter(|key| error.contains(&format!("(it names key {})", key.id()))).count();
        assert_eq!(named, if form == V3 { count } else { 0 }, "{error}");
    }
}

#[test]
fn lists_of_the_referrers_api_are_read_page_by_page() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("cosign-api"));
    let folder = scratch.path();
    let front = Referrers::before(&registry, 1);
    let setting = Setting::new(front.authority());
    let digest = push(&scratch, &registry, "boot/linux", b"kernel");
    let image = format!("{}/boot/linux@{digest}", front.authority());
    let names = ["a", "b", "c"];
    for name in names {
        own_key(folder, name);
        sign(folder, name, V3, &image);
    }
    let keys = names.map(|name| public(folder, name)).to_vec();
    let policy = Policy { keys, threshold: 3, keyless: None };
    assert_eq!(setting.verify("boot/linux", &[&digest], &policy).unwrap().signers().len(), 3);
    // The registry itself has no API, and cosign has written no list there.
    let direct = Setting::new(registry.authority());
    let error = direct.verify("boot/linux", &[&digest], &policy).unwrap_err();
    assert!(error.starts_with("E-TRUST-UNSIGNED "), "{error}");
    // What we put there is found in the same way, and cosign takes it.
    let again = push(&scratch, &registry, "boot/again", b"kernel");
    assert_eq!(again, digest);
    let reference = front_reference(&front, "boot/linux");
    let list =
        setting.sockets.run(setting.client.referrers(&reference, &digest, oci::Scope::Original, 1 << 20));
    let list = list.unwrap().manifests;
    assert_eq!(list.len(), 3);
    let manifest = setting.manifest(&reference.with_digest(list[0].digest.clone()));
    let bundle = setting.blob("boot/linux", &manifest.layers[0]);
    for (setting, authority) in [(&setting, front.authority()), (&direct, registry.authority())] {
        let reference = Reference::parse(&format!("{authority}/boot/again:1")).unwrap();
        let subject = manifest.subject.clone().unwrap();
        setting.sockets.run(attach(&setting.client, &reference, &subject, &bundle)).unwrap();
        let one = Policy { threshold: 1, ..policy.clone() };
        assert_eq!(
            setting.verify("boot/again", &[&digest], &one).unwrap().signers(),
            [signer(&policy.keys[0])]
        );
        cosign_verifies(folder, "a", &format!("{authority}/boot/again@{digest}"));
    }
}

fn front_reference(front: &Referrers, repository: &str) -> Reference {
    Reference::parse(&format!("{}/{repository}:1", front.authority())).unwrap()
}

#[test]
fn signatures_of_something_else_do_not_count() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("cosign-other"));
    let folder = scratch.path();
    let setting = Setting::new(registry.authority());
    own_key(folder, "k");
    let policy = Policy::any_of(vec![public(folder, "k")]);
    let [one, two] = [("boot/one", "one"), ("boot/two", "two")]
        .map(|(repository, content)| push(&scratch, &registry, repository, content.as_bytes()));
    for form in [V2, V3] {
        sign(folder, "k", form, &format!("{}/boot/one@{one}", registry.authority()));
    }
    // The blobs of one are in the repository of two, too.
    let reference = setting.reference("boot/one");
    let (manifest, bundle) = setting.bundle("boot/one", &one);
    let old = setting.manifest(&reference.with_tag(&format!("{}.sig", tag(&one))).unwrap());
    for layer in old.layers.iter().chain([&old.config, &manifest.config]) {
        setting.put_blob("boot/two", &layer.media_type, &setting.blob("boot/one", layer));
    }
    setting.put_blob("boot/two", BUNDLE, &bundle);
    let old_tag = setting.reference("boot/two").with_tag(&format!("{}.sig", tag(&two))).unwrap();
    setting.put(&old_tag, MANIFEST, &old);
    let subject = format!("it signs {one}, not {two}");
    let prefix = "E-TRUST-SUBJECT REGISTRY/boot/two:1: ";
    let error = setting.verify("boot/two", &[&two], &policy).unwrap_err();
    let place = format!("tag {}.sig layer 0", tag(&two));
    assert_eq!(error, format!("{prefix}1 signature, not accepted: {place}: {subject}"));
    // A bundle in the list of another digest; and one whose manifest says that it is about that digest.
    let claims = Manifest {
        subject: Some(Descriptor { digest: two.clone(), ..manifest.subject.clone().unwrap() }),
        ..manifest.clone()
    };
    for manifest in [&manifest, &claims] {
        setting.list_only("boot/two", &two, manifest);
        let error = setting.verify("boot/two", &[&two], &policy).unwrap_err();
        assert!(error.starts_with(&format!("{prefix}2 signatures, none accepted: sha256:")), "{error}");
        assert_eq!(error.matches(&subject).count(), 2, "{error}");
    }
    // Both digests were asked for: the one that is signed counts.
    let both = Policy { ..policy };
    setting.verify("boot/one", &[&two, &one], &both).unwrap();
}

/// What is said when the only bundle at a registry is changed: manifest and bundle.
fn with_bundle(change: impl Fn(&mut Manifest, &mut serde_json::Value), tampered: &Tampered) -> String {
    let Tampered { setting, digest, policy, manifest, bundle } = tampered;
    let (mut manifest, mut bundle) = (manifest.clone(), bundle.clone());
    change(&mut manifest, &mut bundle);
    let layer = setting.put_blob("boot/linux", BUNDLE, bundle.to_string().as_bytes());
    manifest.layers = vec![Descriptor { media_type: manifest.layers[0].media_type.clone(), ..layer }];
    setting.list_only("boot/linux", digest, &manifest);
    match setting.verify("boot/linux", &[digest], policy) {
        Ok(_) => "ok".into(),
        Err(error) => error,
    }
}

struct Tampered {
    setting: Setting,
    digest: Digest,
    policy: Policy,
    manifest: Manifest,
    bundle: serde_json::Value,
}

#[test]
fn tampered_bundles_are_refused_each_with_its_words() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("cosign-bundle"));
    let folder = scratch.path();
    let setting = Setting::new(registry.authority());
    own_key(folder, "k");
    let key = public(folder, "k");
    let digest = push(&scratch, &registry, "boot/linux", b"kernel");
    sign(folder, "k", V3, &format!("{}/boot/linux@{digest}", registry.authority()));
    let (manifest, bundle) = setting.bundle("boot/linux", &digest);
    let bundle = serde_json::from_slice(&bundle).unwrap();
    let policy = Policy::any_of(vec![key.clone()]);
    let tampered = Tampered { setting, digest, policy, manifest, bundle };
    assert_eq!(with_bundle(|_, _| {}, &tampered), "ok");
    let signature = "/dsseEnvelope/signatures/0/sig";
    let unverified = format!("the signature of the DSSE envelope does not verify with key {}", key.id());
    let set = |pointer: &'static str, value: serde_json::Value| {
        move |_: &mut Manifest, bundle: &mut serde_json::Value| {
            *bundle.pointer_mut(pointer).unwrap() = value.clone()
        }
    };
    let zeros =
        "MEUCIGRU/JcI0JOAPEBHNvvrcopijDgJ59JJBmkLJNKyvlw6AiEA+TYvvWFt2BcP8tZLp5C09X70spE6tUqJbt65iFe/rHw=";
    for (code, words, found) in [
        ("SIGNATURE", unverified.as_str(), with_bundle(set(signature, zeros.into()), &tampered)),
        ("SIGNATURE", &unverified, with_bundle(set("/dsseEnvelope/payload", "e30=".into()), &tampered)),
        (
            "SIGNATURE",
            &unverified,
            with_bundle(set("/dsseEnvelope/payloadType", "text/plain".into()), &tampered),
        ),
        ("BUNDLE", "mediaType", with_bundle(set("/mediaType", "x".into()), &tampered)),
        ("BUNDLE", "bundle", with_bundle(|_, bundle| *bundle = "x".into(), &tampered)),
        ("SUBJECT", "it signs nothing, not ", with_bundle(|manifest, _| manifest.subject = None, &tampered)),
        (
            "UNSIGNED",
            "no signature of ",
            with_bundle(|manifest, _| manifest.layers[0].media_type = "text/plain".into(), &tampered),
        ),
        (
            "UNSIGNED",
            "no signature of ",
            with_bundle(
                |manifest, _| manifest.artifact_type = Some("application/spdx+json".into()),
                &tampered,
            ),
        ),
        (
            "NOTATION",
            "a notation signature (application/vnd.cncf.notary.signature), which is not supported",
            with_bundle(
                |manifest, _| manifest.artifact_type = Some("application/vnd.cncf.notary.signature".into()),
                &tampered,
            ),
        ),
    ] {
        let expected = format!("E-TRUST-{code} REGISTRY/boot/linux:1: ");
        assert!(found.starts_with(&expected) && found.contains(words), "{expected}{words}: {found}");
    }
    // The hint is the signer's word only: without it, the key is found all the same.
    let without = with_bundle(set("/verificationMaterial/publicKey/hint", "".into()), &tampered);
    assert_eq!(without, "ok");
    assert_eq!(with_bundle(|manifest, _| manifest.artifact_type = None, &tampered), "ok");
}

#[test]
fn tampered_payloads_are_refused_each_with_its_words() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("cosign-payload"));
    let folder = scratch.path();
    let setting = Setting::new(registry.authority());
    own_key(folder, "k");
    let policy = Policy::any_of(vec![public(folder, "k")]);
    let digest = push(&scratch, &registry, "boot/linux", b"kernel");
    sign(folder, "k", V2, &format!("{}/boot/linux@{digest}", registry.authority()));
    let tagged = setting.reference("boot/linux").with_tag(&format!("{}.sig", tag(&digest))).unwrap();
    let manifest = setting.manifest(&tagged);
    let payload = setting.blob("boot/linux", &manifest.layers[0]);
    let with = |change: &dyn Fn(&mut Descriptor)| {
        let mut changed = manifest.clone();
        change(&mut changed.layers[0]);
        setting.put(&tagged, MANIFEST, &changed);
        let result = setting.verify("boot/linux", &[&digest], &policy);
        result.map_or_else(|error| error, |signed| format!("ok {}", signed.signers().len()))
    };
    assert_eq!(with(&|_| {}), "ok 1");
    let text = String::from_utf8(payload.clone()).unwrap();
    let other = text.replace("boot/linux", "boot/other");
    let replaced = setting.put_blob("boot/linux", "", other.as_bytes());
    let hint = "not by a trusted key";
    let annotated = |layer: &mut Descriptor, value: Option<&str>| match value {
        Some(value) => layer.annotations.insert(SIGNATURE.into(), value.into()),
        None => layer.annotations = Default::default(),
    };
    for (code, words, found) in [
        (
            "SIGNER",
            hint,
            with(&|layer| (layer.digest, layer.size) = (replaced.digest.clone(), replaced.size)),
        ),
        ("SIGNER", hint, with(&|layer| annotated(layer, Some("AAAA")))),
        (
            "PAYLOAD",
            "dev.cosignproject.cosign/signature: not base64",
            with(&|layer| annotated(layer, Some("?"))),
        ),
        ("PAYLOAD", "dev.cosignproject.cosign/signature: missing", with(&|layer| annotated(layer, None))),
        ("UNSIGNED", "no signature of ", with(&|layer| layer.media_type = "text/plain".into())),
        (
            "PAYLOAD",
            "dev.sigstore.cosign/certificate: not PEM",
            with(&|layer| layer.annotations.insert("dev.sigstore.cosign/certificate".into(), "x".into())),
        ),
    ] {
        let expected = format!("E-TRUST-{code} REGISTRY/boot/linux:1: ");
        assert!(found.starts_with(&expected) && found.contains(words), "{expected}{words}: {found}");
    }
    // Bytes that are not those of the layer's digest.
    assert_eq!(with(&|_| {}), "ok 1");
    fs::write(registry.blob(manifest.layers[0].digest.hex()), other).unwrap();
    let error = setting.verify("boot/linux", &[&digest], &policy).unwrap_err();
    assert!(error.starts_with("E-NET-OCI-DIGEST REGISTRY/boot/linux:1: 1 signature, "), "{error}");
}
