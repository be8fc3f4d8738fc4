// SPDX-License-Identifier: BSD-3-Clause
//! Registries and mirrors that hide, flood and refuse. Time is the world's.

use std::{collections::BTreeMap, rc::Rc};

use base64ct::{Base64, Encoding as _};
use cosign::{Error, Keyless, Policy, Signed, Signer, verify};
use ed25519_dalek::{Signer as _, SigningKey};
use oci::{
    Algorithm, Client, Digest, Document, Mirror, Options, Reference,
    spec::{Descriptor, EMPTY, INDEX, Index, MANIFEST, Manifest},
};
use peers::{
    Answer, Asked, Script, World,
    sigstore::{Form, IDENTITY, ISSUER, Service},
};
use sigstore::{Identity, PublicKey, TrustedRoot};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn listed(bytes: &[u8]) -> Index {
    match Document::parse(bytes, &[INDEX]) {
        Ok(Document::Index(index)) => index,
        other => panic!("an index: {other:?}"),
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

fn manifest(layers: Vec<Descriptor>, subject: Option<&Digest>) -> Manifest {
    Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.into()),
        artifact_type: None,
        config: described(EMPTY, b"{}"),
        layers,
        subject: subject.map(|digest| Descriptor { digest: digest.clone(), ..described(MANIFEST, b"") }),
        annotations: Default::default(),
    }
}

fn index(manifests: Vec<Descriptor>) -> Vec<u8> {
    let index = Index {
        schema_version: 2,
        media_type: Some(INDEX.into()),
        artifact_type: None,
        manifests,
        annotations: Default::default(),
    };
    serde_json::to_vec(&index).unwrap()
}

/// The key that a number makes.
struct Key(SigningKey);

impl Key {
    fn new(number: u8) -> Self {
        Self(SigningKey::from_bytes(&[number; 32]))
    }

    fn public(&self) -> PublicKey {
        // RFC 8410, section 4.
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        PublicKey::from_spki(&[&head[..], self.0.verifying_key().as_bytes()].concat()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> String {
        Base64::encode_string(&self.0.sign(message).to_bytes())
    }

    /// A bundle of version 0.3 about a digest.
    fn bundle(&self, digest: &Digest) -> Vec<u8> {
        let hex = digest.hex();
        let payload = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{hex}"}}}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{}}}}"#
        );
        let kind = "application/vnd.in-toto+json";
        let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        format!(
            r#"{{"mediaType":"{BUNDLE}","verificationMaterial":{{"publicKey":{{"hint":""}}}},"dsseEnvelope":{{"payload":"{}","payloadType":"{kind}","signatures":[{{"sig":"{}"}}]}}}}"#,
            Base64::encode_string(payload.as_bytes()),
            self.sign(signed.as_bytes())
        )
        .into_bytes()
    }
}

/// What a registry has: anything by its digest or tag.
#[derive(Clone, Default)]
struct Store {
    tags: BTreeMap<String, Vec<u8>>,
    things: BTreeMap<String, Vec<u8>>,
}

impl Store {
    fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        self.things.insert(digest.to_string(), bytes);
        digest
    }

    /// Bundles of these keys about a digest, in the list under its tag.
    fn sign(&mut self, digest: &Digest, keys: &[&Key]) {
        self.attach(digest, keys.iter().map(|key| key.bundle(digest)).collect());
    }

    /// These bundles, in the list under a digest's tag.
    fn attach(&mut self, digest: &Digest, bundles: Vec<Vec<u8>>) {
        let listed = bundles.into_iter().map(|bundle| {
            let layer = described(BUNDLE, &bundle);
            self.put(bundle);
            let bytes = serde_json::to_vec(&manifest(vec![layer], Some(digest))).unwrap();
            let own = described(MANIFEST, &bytes);
            self.put(bytes);
            // As cosign describes it.
            Descriptor { artifact_type: Some(EMPTY.into()), ..own }
        });
        let listed = listed.collect();
        self.tags.insert(tag(digest), index(listed));
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let name = asked.target.rsplit('/').next().unwrap();
        if asked.target.contains("/referrers/") {
            return not_found();
        }
        match self.tags.get(name).or(self.things.get(name)) {
            Some(bytes) => Answer::part(asked, bytes),
            None => not_found(),
        }
    }

    fn at(&self, world: &World, at: &str) -> Script {
        let store = self.clone();
        Script::at(world, at, move |asked| store.answer(asked))
    }
}

fn tag(digest: &Digest) -> String {
    digest.to_string().replace(':', "-")
}

fn not_found() -> Answer {
    Answer::new(404, &[], b"{}")
}

const REGISTRY: &str = "registry.test:443";
const MIRROR: &str = "mirror.test:443";

fn verified(
    world: &Rc<World>,
    digests: &[&Digest],
    policy: &Policy,
    mirrors: &[&str],
) -> Result<Signed, Error> {
    let mirrors = mirrors.iter().map(|mirror| Mirror::parse(mirror).unwrap()).collect();
    let options = Options { mirrors, ..Options::default() };
    let client = Client::new(http::Client::new(world.wire()), options);
    let reference = Reference::parse("registry.test/a/b:1").unwrap();
    world.run(verify(&client, &reference, digests, policy))
}

/// The error of a registry alone.
fn refused(world: &Rc<World>, digest: &Digest, policy: &Policy) -> String {
    verified(world, &[digest], policy, &[]).unwrap_err().to_string()
}

fn by(key: &Key) -> Vec<Signer> {
    vec![Signer::Key { id: key.public().id() }]
}

fn kernel() -> Digest {
    Digest::of(Algorithm::Sha256, b"kernel")
}

#[test]
fn a_mirror_may_have_signatures_and_cannot_hide_them() {
    let (digest, key) = (kernel(), Key::new(1));
    let policy = Policy::any_of(vec![key.public()]);
    let mirrors = ["registry.test=mirror.test:443"];
    let mut signed = Store::default();
    signed.sign(&digest, &[&key]);
    let mut others = Store::default();
    others.sign(&digest, &[&Key::new(9)]);
    // The registry is not there, and its mirror is.
    let world = World::new();
    signed.at(&world, MIRROR);
    assert_eq!(verified(&world, &[&digest], &policy, &mirrors).unwrap().signers(), by(&key));
    // The mirror has nothing, or others' signatures only.
    for mirror in [Store::default(), others.clone()] {
        let world = World::new();
        mirror.at(&world, MIRROR);
        signed.at(&world, REGISTRY);
        assert_eq!(verified(&world, &[&digest], &policy, &mirrors).unwrap().signers(), by(&key));
    }
    // Neither has them.
    let world = World::new();
    others.at(&world, MIRROR);
    Store::default().at(&world, REGISTRY);
    let error = verified(&world, &[&digest], &policy, &mirrors).unwrap_err().to_string();
    assert_eq!(error, format!("E-TRUST-UNSIGNED registry.test/a/b:1: no signature of {digest}"));
}

#[test]
fn signers_of_two_digests_are_not_added_up() {
    let (image, child) = (kernel(), Digest::of(Algorithm::Sha256, b"child"));
    let [one, two] = [Key::new(1), Key::new(2)];
    let mut store = Store::default();
    store.sign(&image, &[&one]);
    store.sign(&child, &[&two, &two]);
    let world = World::new();
    store.at(&world, REGISTRY);
    let keys = vec![one.public(), two.public()];
    let policy = Policy { keys: keys.clone(), threshold: 2, keyless: None };
    let error = verified(&world, &[&image, &child], &policy, &[]).unwrap_err();
    let expected = format!(
        "E-TRUST-THRESHOLD registry.test/a/b:1: 1 of 2 signers have signed {image}: key {}",
        one.public().id()
    );
    assert_eq!(error.to_string(), expected);
    // The positive twins: either digest where one is enough, and one digest by both.
    for (keys, digest, signer) in [(vec![one.public()], &image, &one), (vec![two.public()], &child, &two)] {
        let signed = verified(&world, &[&image, &child], &Policy::any_of(keys), &[]).unwrap();
        assert_eq!((signed.digest(), signed.signers()), (digest, &by(signer)[..]));
    }
    let world = World::new();
    store.sign(&child, &[&two, &one]);
    store.at(&world, REGISTRY);
    let signed = verified(&world, &[&image, &child], &policy, &[]).unwrap();
    assert_eq!((signed.digest(), signed.signers()), (&child, &[by(&two), by(&one)].concat()[..]));
    // A key that is given twice is one.
    let twice = Policy { keys: [keys[0].clone(), keys[0].clone()].to_vec(), ..policy };
    let error = verified(&world, &[&image], &twice, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "E-TRUST-POLICY registry.test/a/b:1: the signature policy cannot be satisfied: its threshold is larger than the \
         number of its signers"
    );
}

#[test]
fn many_small_signatures_are_as_bounded_as_a_large_one() {
    let (digest, key) = (kernel(), Key::new(1));
    let policy = Policy::any_of(vec![key.public()]);
    let limit = |what: &str| {
        format!(
            "E-TRUST-LIMIT registry.test/a/b:1: its signatures exceed the limit of {what}; the rest was not read"
        )
    };
    // A list of manifests, all by somebody else.
    let mut store = Store::default();
    let other = Key::new(9);
    store.sign(&digest, &[&other; 1]);
    let one = listed(&store.tags[&tag(&digest)]);
    let many = (0..500).map(|_| one.manifests[0].clone()).collect();
    store.tags.insert(tag(&digest), index(many));
    let world = World::new();
    let script = store.at(&world, REGISTRY);
    assert_eq!(refused(&world, &digest, &policy), limit("128 documents and payloads"));
    assert!(script.asked().len() < 140, "{}", script.asked().len());
    // Layers under the older form's tag.
    let layer = Descriptor {
        annotations: [("dev.cosignproject.cosign/signature".to_string(), other.sign(b"x"))].into(),
        ..described(PAYLOAD, b"x")
    };
    let flood = manifest(vec![layer; 500], None);
    let mut store = Store::default();
    store.put(b"x".to_vec());
    store.tags.insert(format!("{}.sig", tag(&digest)), serde_json::to_vec(&flood).unwrap());
    let world = World::new();
    let script = store.at(&world, REGISTRY);
    assert_eq!(refused(&world, &digest, &policy), limit("256 verifications (signatures times keys)"));
    assert_eq!(script.asked().len(), 4, "a payload is fetched once");
    // Large payloads.
    let layers: Vec<Vec<u8>> = (0..100).map(|number| vec![number; 65_000]).collect();
    let mut store = Store::default();
    let described = layers.iter().map(|bytes| described(PAYLOAD, bytes)).collect();
    store
        .tags
        .insert(format!("{}.sig", tag(&digest)), serde_json::to_vec(&manifest(described, None)).unwrap());
    layers.into_iter().for_each(|bytes| drop(store.put(bytes)));
    let world = World::new();
    store.at(&world, REGISTRY);
    assert_eq!(refused(&world, &digest, &policy), limit("4 MiB of documents and payloads"));
}

#[test]
fn a_registry_that_does_not_answer_is_not_one_without_signatures() {
    let (digest, policy) = (kernel(), Policy::any_of(vec![Key::new(1).public()]));
    let world = World::new();
    Script::at(&world, REGISTRY, |_| Answer::new(503, &[], b""));
    let error = refused(&world, &digest, &policy);
    assert!(error.starts_with("E-NET-OCI-STATUS registry.test/a/b:1: 503"), "{error}");
    let world = World::new();
    Script::at(&world, REGISTRY, |_| Answer::new(401, &["WWW-Authenticate: Basic realm=\"x\""], b""));
    let error = refused(&world, &digest, &policy);
    assert!(error.starts_with("E-NET-OCI-LOGIN registry.test/a/b:1: 401"), "{error}");
}

#[test]
fn lists_come_from_registries_of_every_kind() {
    let (digest, key) = (kernel(), Key::new(1));
    let policy = Policy::any_of(vec![key.public()]);
    let mut store = Store::default();
    store.sign(&digest, &[&key]);
    let list = store.tags[&tag(&digest)].clone();
    let json = format!("Content-Type: {INDEX}");
    let page = "Content-Type: text/html".to_string();
    let empty = index(Vec::new());
    // An API; pages for people; refusals; an API that does not know what older clients have listed.
    for (status, field, body, has_tag) in [
        (200, &json, list, false),
        (200, &page, b"<html>".to_vec(), true),
        (400, &page, Vec::new(), true),
        (405, &page, Vec::new(), true),
        (200, &json, empty, true),
    ] {
        let mut store = store.clone();
        if !has_tag {
            store.tags.clear();
        }
        let world = World::new();
        let field = field.clone();
        Script::at(&world, REGISTRY, move |asked| match asked.target.contains("/referrers/") {
            true => Answer::new(status, &[&field], &body),
            false => store.answer(asked),
        });
        let result = verified(&world, &[&digest], &policy, &[]);
        assert_eq!(
            result.map(|signed| signed.signers().to_vec()).map_err(|error| error.to_string()),
            Ok(by(&key)),
            "{status}"
        );
    }
}

/// The error where the API's list and the one under the tag are these bytes; a list that is empty is missing.
fn with_lists(store: &Store, digest: &Digest, api: &[u8], tagged: &[u8], policy: &Policy) -> Option<String> {
    let mut store = store.clone();
    store.tags.remove(&tag(digest));
    if !tagged.is_empty() {
        store.tags.insert(tag(digest), tagged.to_vec());
    }
    let (world, api) = (World::new(), api.to_vec());
    let kind = format!("Content-Type: {INDEX}");
    Script::at(&world, REGISTRY, move |asked| {
        match asked.target.contains("/referrers/") && !api.is_empty() {
            true => Answer::new(200, &[&kind], &api),
            false => store.answer(asked),
        }
    });
    verified(&world, &[digest], policy, &[]).err().map(|error| error.to_string())
}

#[test]
fn a_damaged_list_leaves_signatures_elsewhere() {
    let (digest, key) = (kernel(), Key::new(1));
    let policy = Policy::any_of(vec![key.public()]);
    let mut store = Store::default();
    store.sign(&digest, &[&key]);
    let good = store.tags[&tag(&digest)].clone();
    let damaged = &good[..good.len() - 1];
    assert_eq!(with_lists(&store, &digest, damaged, &good, &policy), None, "the list under the tag");
    let error = with_lists(&store, &digest, damaged, b"", &policy).unwrap();
    let expected = "E-NET-OCI-JSON registry.test/a/b:1: no signature was found: registry.test/a/b:1: the list of \
                    signatures is damaged: malformed index: EOF while parsing an object";
    assert!(error.starts_with(expected), "{error}");
    let error = with_lists(&store, &digest, b"", damaged, &policy).unwrap();
    let expected = format!(
        "E-NET-OCI-JSON registry.test/a/b:1: no signature was found: registry.test/a/b:{}: the list of signatures is \
         damaged: malformed index: ",
        tag(&digest)
    );
    assert!(error.starts_with(&expected), "{error}");
    // Signatures in the older form need no list.
    let payload = format!(
        r#"{{"critical":{{"identity":{{}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}}}}"#
    );
    let annotations = [("dev.cosignproject.cosign/signature".into(), key.sign(payload.as_bytes()))].into();
    let layer = Descriptor { annotations, ..described(PAYLOAD, payload.as_bytes()) };
    store.put(payload.into_bytes());
    let older = serde_json::to_vec(&manifest(vec![layer], None)).unwrap();
    store.tags.insert(format!("{}.sig", tag(&digest)), older);
    assert_eq!(with_lists(&store, &digest, damaged, damaged, &policy), None, "the older form");
    let other = Policy::any_of(vec![Key::new(2).public()]);
    let error = with_lists(&store, &digest, damaged, damaged, &other).unwrap();
    let expected = "E-TRUST-SIGNER registry.test/a/b:1: 1 signature, not accepted: registry.test/a/b:1: the list \
                    of signatures is damaged: ";
    assert!(error.starts_with(expected) && error.contains(".sig layer 0: not by a trusted key"), "{error}");
}

#[test]
fn a_list_that_is_too_long_is_read_as_far_as_it_may_be() {
    let (digest, key) = (kernel(), Key::new(1));
    let policy = Policy::any_of(vec![key.public()]);
    let mut store = Store::default();
    store.sign(&digest, &[&key]);
    let list = listed(&store.tags[&tag(&digest)]);
    let ours = &list.manifests[0];
    let other =
        Descriptor { artifact_type: Some("application/spdx+json".into()), ..described(MANIFEST, b"") };
    let with_ours_at = |at: usize| {
        let mut manifests = vec![other.clone(); 512];
        manifests.insert(at, ours.clone());
        index(manifests)
    };
    for (api, tagged) in [(with_ours_at(511), Vec::new()), (Vec::new(), with_ours_at(511))] {
        assert_eq!(with_lists(&store, &digest, &api, &tagged, &policy), None);
    }
    let error = with_lists(&store, &digest, &with_ours_at(512), b"", &policy).unwrap();
    assert_eq!(
        error,
        "E-NET-OCI-LIMIT registry.test/a/b:1: no signature was found: registry.test/a/b:1: the list of signatures has more \
         than 512 referrers; the rest was not read"
    );
}

#[test]
fn what_is_wrong_with_one_signature_leaves_the_others() {
    let (digest, key) = (kernel(), Key::new(1));
    let mut store = Store::default();
    store.sign(&digest, &[&Key::new(9), &key]);
    let mut list = listed(&store.tags[&tag(&digest)]);
    let broken = store.put(b"no JSON".to_vec());
    let with = |digest: Digest, kind: &str| Descriptor {
        digest,
        artifact_type: Some(kind.into()),
        ..described(MANIFEST, b"")
    };
    let gone = Digest::of(Algorithm::Sha256, b"gone");
    list.manifests.insert(0, with(broken, BUNDLE));
    list.manifests.insert(0, with(gone.clone(), BUNDLE));
    list.manifests.insert(0, with(gone.clone(), "application/vnd.cncf.notary.signature"));
    list.manifests.insert(0, with(gone, "application/spdx+json"));
    store.tags.insert(tag(&digest), serde_json::to_vec(&list).unwrap());
    let world = World::new();
    store.at(&world, REGISTRY);
    let signed = verified(&world, &[&digest], &Policy::any_of(vec![key.public()]), &[]);
    assert_eq!(signed.unwrap().signers(), by(&key));
    // What was found is told to whom it does not suffice.
    let error = refused(&world, &digest, &Policy::any_of(vec![Key::new(2).public()]));
    assert!(
        error.starts_with("E-TRUST-SIGNER registry.test/a/b:1: 5 signatures, none accepted: "),
        "{error}"
    );
    for words in ["not found in the registry", "malformed manifest", "not by a trusted key", "and 1 more"] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn digests_and_policies_that_cannot_be_are_named() {
    let world = World::new();
    Store::default().at(&world, REGISTRY);
    let policy = Policy::any_of(vec![Key::new(1).public()]);
    let long = Digest::of(Algorithm::Sha512, b"");
    let expected =
        format!("E-TRUST-ALGORITHM registry.test/a/b:1: only sha256 digests are signed, not {long}");
    assert_eq!(refused(&world, &long, &policy), expected);
    for (policy, words) in [
        (Policy { threshold: 0, ..policy.clone() }, "a threshold of 0"),
        (Policy::any_of(Vec::new()), "its threshold is larger"),
        (Policy::any_of((0..33).map(|number| Key::new(number).public()).collect()), "more than 32 keys"),
    ] {
        let error = refused(&world, &kernel(), &policy);
        assert!(error.starts_with("E-TRUST-POLICY ") && error.contains(words), "{error}");
    }
    let error = verified(&world, &[], &policy, &[]).unwrap_err().to_string();
    assert!(error.ends_with("there is no digest to verify"), "{error}");
}

/// A signature without a key of its own: the certificate says who, the log when, and the bundle stands in the registry
/// as one of a key does.
#[test]
fn a_certificate_signs_for_its_identity_only() {
    let service = Service::new(peers::Key::P256, peers::Key::P256);
    service.certify("signer", &peers::sigstore::Signer::default());
    let root = TrustedRoot::parse(service.trusted_root().to_string().as_bytes()).unwrap();
    let policy = |identity: &str, issuer: &str| Policy {
        keys: Vec::new(),
        threshold: 1,
        keyless: Some(Keyless {
            root: root.clone(),
            identity: Identity { identity: identity.into(), issuer: issuer.into() },
        }),
    };
    let bundle = |artifact: &[u8], kind| {
        let (form, hash, signer) = (Form::Envelope, "sha256", "signer");
        let signed = peers::sigstore::Signed { artifact, signer, hash, form, kind };
        signed.bundle(&service).to_string().into_bytes()
    };
    let digest = kernel();
    for kind in ["dsse 0.0.1", "hashedrekord 0.0.2"] {
        let mut store = Store::default();
        store.attach(&digest, vec![bundle(b"kernel", kind)]);
        let world = World::new();
        store.at(&world, REGISTRY);
        let signed = verified(&world, &[&digest], &policy(IDENTITY, ISSUER), &[]).unwrap();
        assert_eq!(signed.digest(), &digest);
        let [Signer::Certificate { identity, issuer, .. }] = signed.signers() else { panic!("{signed:?}") };
        assert_eq!((identity.as_str(), issuer.as_str()), (IDENTITY, ISSUER), "{kind}");
        let error = refused(&world, &digest, &policy("somebody@example.org", ISSUER));
        let cause =
            format!("the signer's identity is \"{IDENTITY}\", but only \"somebody@example.org\" is allowed");
        assert!(error.starts_with("E-TRUST-IDENTITY ") && error.ends_with(&cause), "{error}");
        let error = refused(&world, &digest, &policy(IDENTITY, "https://issuer.example.org"));
        let cause = format!(
            "the signer's issuer is \"{ISSUER}\", but only \"https://issuer.example.org\" is allowed"
        );
        assert!(error.starts_with("E-TRUST-IDENTITY ") && error.ends_with(&cause), "{error}");
        // Beside a key, where two must sign.
        let key = Key::new(1);
        let both = Policy { keys: vec![key.public()], threshold: 2, ..policy(IDENTITY, ISSUER) };
        let error = refused(&world, &digest, &both);
        let cause = format!("1 of 2 signers have signed {digest}: {IDENTITY} ({ISSUER})");
        assert!(error.starts_with("E-TRUST-THRESHOLD ") && error.ends_with(&cause), "{error}");
        store.attach(&digest, vec![key.bundle(&digest), bundle(b"kernel", kind)]);
        let world = World::new();
        store.at(&world, REGISTRY);
        assert_eq!(verified(&world, &[&digest], &both, &[]).unwrap().signers().len(), 2, "{kind}");
        // The same signer, about something else.
        store.attach(&digest, vec![bundle(b"another kernel", kind)]);
        let world = World::new();
        store.at(&world, REGISTRY);
        let error = refused(&world, &digest, &policy(IDENTITY, ISSUER));
        assert!(
            error.starts_with("E-TRUST-SUBJECT ") && error.ends_with(&format!(", not {digest}")),
            "{error}"
        );
    }
}
