// SPDX-License-Identifier: BSD-3-Clause
//! What nobody has signed: with a key, no part of it is fetched. (What somebody has signed is a matter of `net/cosign`'s
//! tests, and of booted machines.)

use std::{cell::RefCell, rc::Rc};

use arch::Arch;
use artifact::{
    Room, Told,
    types::{CONFIG, KINDS},
};
use config::Config;
use flow::{Demand, Failure, Fetched, Order};
use oci::{
    Algorithm, Digest, Platform, Reference,
    spec::{self, Descriptor, Manifest},
};
use peers::{Answer, Script, World};
use sigstore::PublicKey;

/// A key that has signed nothing: RFC 8410, section 10.1.
const KEY: [u8; 44] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0x19, 0xbf, 0x44, 0x09, 0x69,
    0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b, 0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6,
    0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1,
];

struct Memory;

impl Room for Memory {
    fn available(&self) -> u64 {
        1 << 30
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        Some(vec![0; length])
    }
}

struct Nobody;

impl Told for Nobody {
    fn resolved(&self, _: &Reference, _: &Digest, _: u64) {}
    fn arrived(&self, _: u64, _: u64) {}
    fn part(&self, _: &str, _: u64) {}
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    }
}

/// Fetches an artifact that has no signatures, as `demanded`; also yields what was asked for.
fn fetched(demanded: impl Fn(&cosign::Policy) -> Demand<'_>) -> (Result<Fetched, Failure>, Vec<String>) {
    let kernel = b"kernel";
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: None,
        config: descriptor(CONFIG, b"{}"),
        layers: vec![descriptor(KINDS[0].media_type, kernel)],
        subject: None,
        annotations: Default::default(),
    };
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let asked: Rc<RefCell<Vec<String>>> = Rc::default();
    let (world, seen) = (World::new(), asked.clone());
    let _script = Script::at(&world, "registry.test:443", move |request| {
        seen.borrow_mut().push(request.target.clone());
        let name = format!("/{}", Digest::of(Algorithm::Sha256, kernel));
        if request.target.ends_with("/manifests/1") {
            return Answer::new(200, &[], &manifest);
        }
        if request.target.contains("/blobs/") && request.target.ends_with(&name) {
            return Answer::part(request, kernel);
        }
        Answer::new(404, &[], b"{}")
    });
    let policy = cosign::Policy::any_of(vec![PublicKey::from_spki(&KEY).unwrap()]);
    let order = Order {
        reference: &Reference::parse("registry.test/boot/linux:1").unwrap(),
        platform: Platform::linux(Arch::X86_64),
        config: &Config::default(),
        demand: demanded(&policy),
        room: &Memory,
        told: &Nobody,
        cache: None,
    };
    let result = world.run(flow::fetch(world.wire(), &order));
    let asked = asked.borrow().clone();
    (result, asked)
}

fn has_blobs(asked: &[String]) -> bool {
    asked.iter().any(|target| target.contains("/blobs/"))
}

#[test]
fn what_is_not_signed_is_refused_before_any_part_is_fetched() {
    let (result, asked) = fetched(|signers| Demand::Signature { signers, is_enforced: true });
    let failure = result.unwrap_err();
    assert_eq!((failure.code.to_string().as_str(), failure.phase), ("E-TRUST-UNSIGNED", flow::Phase::Verify));
    assert!(!has_blobs(&asked), "{asked:?}");
}

#[test]
fn where_it_is_only_warned_of_the_parts_come_with_the_reason() {
    let (result, asked) = fetched(|signers| Demand::Signature { signers, is_enforced: false });
    let vouched = result.unwrap().vouched.expect("signatures were looked for");
    assert_eq!(vouched.unwrap_err().code.to_string(), "E-TRUST-UNSIGNED");
    assert!(has_blobs(&asked), "{asked:?}");
}

#[test]
fn without_a_demand_no_signature_is_looked_for() {
    for is_pinned in [true, false] {
        let (result, asked) = fetched(|_| if is_pinned { Demand::Digest } else { Demand::Nothing });
        assert!(result.unwrap().vouched.is_none());
        assert!(!asked.iter().any(|target| target.contains("sha256-") || target.contains("/referrers/")));
    }
}
