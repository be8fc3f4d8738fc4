// SPDX-License-Identifier: BSD-3-Clause
//! A registry in memory, and whoever signs what it has.

use std::{
    cell::RefCell, collections::BTreeMap, format, rc::Rc, string::String, string::ToString, vec, vec::Vec,
};

use artifact::types::{CONFIG, KINDS, Role};
use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use oci::{
    Algorithm, Digest,
    spec::{Annotations, Descriptor, EMPTY, INDEX, Index, MANIFEST, MachineKind, Manifest},
};
use peers::{Answer, Asked, Script, World};
use sigstore::PublicKey;

use crate::{Failure, Fetched, Order, tests::disks::program};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Where the registry is.
const HOST: &str = "host.example:443";

/// The key that a number makes.
pub struct Signing(SigningKey);

impl Signing {
    pub fn new(number: u8) -> Self {
        Self(SigningKey::from_bytes(&[number; 32]))
    }

    pub fn public(&self) -> PublicKey {
        // RFC 8410, section 4.
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        PublicKey::from_spki(&[&head[..], self.0.verifying_key().as_bytes()].concat()).unwrap()
    }

    /// A bundle of version 0.3 about a digest.
    fn bundle(&self, digest: &Digest) -> Vec<u8> {
        let payload = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{}}}}"#,
            digest.hex()
        );
        let kind = "application/vnd.in-toto+json";
        let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        let signature = Base64::encode_string(&self.0.sign(signed.as_bytes()).to_bytes());
        let payload = Base64::encode_string(payload.as_bytes());
        format!(
            r#"{{"mediaType":"{BUNDLE}","verificationMaterial":{{"publicKey":{{"hint":""}}}},"dsseEnvelope":{{"payload":"{payload}","payloadType":"{kind}","signatures":[{{"sig":"{signature}"}}]}}}}"#
        )
        .into_bytes()
    }
}

/// What was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The manifest's digest.
    pub manifest: Digest,
    /// Digest of its initrd.
    pub initrd: Digest,
}

/// What it has, by digests and tags.
#[derive(Clone, Default)]
pub struct Registry {
    things: BTreeMap<String, Vec<u8>>,
    is_down: bool,
    /// What a tag means once it was asked for.
    then: BTreeMap<String, Vec<u8>>,
    asked: Rc<RefCell<Vec<String>>>,
}

impl Registry {
    /// Nobody answers any more, or again.
    pub fn set_down(&mut self, is_down: bool) {
        self.is_down = is_down;
    }

    /// Pushes a kernel with an initrd of this text, under a tag: it has an epoch, and who has signed it.
    pub fn push(&mut self, tag: &str, initrd: &str, epoch: u64, by: &[&Signing]) -> Pushed {
        let parts =
            [(Role::Kernel, program()), (Role::Initrd, initrd.into()), (Role::Cmdline, b"root=net".to_vec())];
        let layer = |(role, bytes): &(Role, Vec<u8>)| {
            let kind = KINDS.iter().find(|kind| kind.role == *role).unwrap();
            self.put(bytes.clone());
            described(kind.media_type, bytes)
        };
        let layers: Vec<Descriptor> = parts.iter().map(layer).collect();
        let annotations = if epoch == 0 {
            Annotations::default()
        } else {
            Annotations::from([("org.cloudboot.epoch".to_string(), epoch.to_string())])
        };
        let initrd = layers[1].digest.clone();
        let bytes = serde_json::to_vec(&Manifest { annotations, ..manifest(layers, CONFIG, None) }).unwrap();
        self.things.insert(tag.into(), bytes.clone());
        let manifest = self.put(bytes);
        self.sign(&manifest, by);
        Pushed { manifest, initrd }
    }

    /// A tag means something else.
    pub fn tag(&mut self, tag: &str, pushed: &Pushed) {
        let bytes = self.things[&pushed.manifest.to_string()].clone();
        self.things.insert(tag.into(), bytes);
    }

    /// A tag means something else as soon as somebody has asked for it.
    pub fn tag_then(&mut self, tag: &str, pushed: &Pushed) {
        self.then.insert(tag.into(), self.things[&pushed.manifest.to_string()].clone());
    }

    /// Puts an index under a tag that has this manifest for the machine, an epoch, and no signature.
    pub fn push_index(&mut self, tag: &str, pushed: &Pushed, epoch: u64) {
        let bytes = &self.things[&pushed.manifest.to_string()];
        let machine = MachineKind { architecture: "amd64".into(), os: "linux".into(), variant: None };
        let index = Index {
            schema_version: 2,
            media_type: Some(INDEX.into()),
            artifact_type: None,
            manifests: vec![Descriptor { platform: Some(machine), ..described(MANIFEST, bytes) }],
            annotations: Annotations::from([("org.cloudboot.epoch".to_string(), epoch.to_string())]),
        };
        self.things.insert(tag.into(), serde_json::to_vec(&index).unwrap());
    }

    /// How often this was asked for, by the end of its address.
    pub fn count(&self, end: &str) -> usize {
        self.asked.borrow().iter().filter(|target| target.ends_with(end)).count()
    }

    /// Changes a byte of what has a digest.
    pub fn damage(&mut self, digest: &Digest) {
        self.things.get_mut(&digest.to_string()).unwrap()[0] ^= 1;
    }

    /// Bundles of these keys about a digest, in the list under its tag.
    fn sign(&mut self, digest: &Digest, keys: &[&Signing]) {
        let mut listed = Vec::new();
        for key in keys {
            let bundle = key.bundle(digest);
            let layer = described(BUNDLE, &bundle);
            self.put(bundle);
            let subject = Descriptor { digest: digest.clone(), ..described(MANIFEST, b"") };
            let bytes = serde_json::to_vec(&manifest(vec![layer], EMPTY, Some(subject))).unwrap();
            listed.push(Descriptor { artifact_type: Some(EMPTY.into()), ..described(MANIFEST, &bytes) });
            self.put(bytes);
        }
        let index = Index {
            schema_version: 2,
            media_type: Some(INDEX.into()),
            artifact_type: None,
            manifests: listed,
            annotations: Annotations::default(),
        };
        self.things.insert(digest.to_string().replace(':', "-"), serde_json::to_vec(&index).unwrap());
    }

    fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        self.things.insert(digest.to_string(), bytes);
        digest
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let name = asked.target.rsplit('/').next().unwrap();
        let then = self.then.get(name).filter(|_| self.count(&asked.target) > 0);
        self.asked.borrow_mut().push(asked.target.clone());
        let thing = then.or_else(|| self.things.get(name)).filter(|_| !asked.target.contains("/referrers/"));
        thing.map_or_else(|| Answer::new(404, &[], b"{}"), |bytes| Answer::part(asked, bytes))
    }

    /// Fetches by a network on which it is the only host.
    pub fn fetch(&self, order: &Order<'_>) -> Result<Fetched, Failure> {
        let world = World::new();
        let this = self.clone();
        let _script = (!self.is_down).then(|| Script::at(&world, HOST, move |asked| this.answer(asked)));
        world.run(crate::fetch(world.wire(), order))
    }
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Annotations::default(),
    }
}

fn manifest(layers: Vec<Descriptor>, config: &str, subject: Option<Descriptor>) -> Manifest {
    Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.into()),
        artifact_type: None,
        config: described(config, b"{}"),
        layers,
        subject,
        annotations: Annotations::default(),
    }
}
