// SPDX-License-Identifier: BSD-3-Clause
//! What the largest bundle costs that is accepted: as many proofs as there may be, each as long as it may be, with the
//! longest chains, keys on P-384, which take longest, and a payload that fills the rest.

use std::{fs, time::Duration};

use peers::{Issued, Key};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore::{Bundle, Identity, Signer, Subject, TrustedRoot, verify_keyless};

use crate::{
    heap,
    judged::ARTIFACT,
    log::{self, Hash, Payload, Said},
    service::{self, IDENTITY, ISSUER, REKOR_1, Service, base64, hex},
};

/// The limits, as the README of the crate has them.
const PROOFS: usize = 8;
const CHAIN: usize = 5;
const HASHES: usize = 63;
const SIGNATURES: usize = 64;

/// Bytes that may be in use, the bundle's own among them.
const MEMORY: usize = 1 << 20;

const KIND: &str = "dsse 0.0.1";

/// A service whose authorities have the longest chains, and its root.
fn service() -> (Service, Value) {
    let mut service = Service::new(Key::P384, Key::P384);
    // From the one that issues to the root.
    let chain = |last: &str, between: usize| {
        let mut names = vec![last.to_string()];
        for number in 0..between {
            let name = format!("{last}-{number}");
            service.pki.intermediate(&name, Key::P384, &names[0], "");
            names.insert(0, name);
        }
        names
    };
    let mut authorities = chain("ca", CHAIN - 2);
    service.pki.intermediate("issuing", Key::P384, &authorities[0], "");
    authorities.insert(0, "issuing".into());
    let mut stampers = chain("tsa-root", CHAIN - 2);
    let extensions = "extendedKeyUsage = critical, timeStamping\nkeyUsage = critical, digitalSignature\n";
    let issued = Issued { common_name: "tsa", extensions, ..Issued::default() };
    service.pki.issue("tsa", Key::P384, &stampers[0], &issued);
    service.pki.bundle("stampers", &stampers.iter().map(String::as_str).collect::<Vec<_>>());
    stampers.insert(0, "tsa".into());
    service.pki.key("rekor1", Key::P384);
    authorities.iter().chain(&stampers).for_each(|name| service.to_der(name));
    ["issuing", "rekor1"].iter().for_each(|name| service.publish(name));
    let mut root = service.trusted_root();
    for (member, names) in [("certificateAuthorities", &authorities), ("timestampAuthorities", &stampers)] {
        let certificates = names.iter().map(|name| json!({"rawBytes": base64(&service.der(name))}));
        root[member][0]["certChain"]["certificates"] = certificates.collect();
    }
    service.certify("signer", &service::Signer { key: Key::P384, ..Default::default() });
    service.now += 1;
    (service, root)
}

/// A proof from the first leaf of the largest tree, whose root many have signed, the log last.
fn proof(service: &Service, body: &[u8]) -> Value {
    let hash = |parts: &[&[u8]]| Sha256::digest(parts.concat());
    let hashes: Vec<_> = (0..HASHES).map(|number| hash(&[&number.to_le_bytes()])).collect();
    let root = hashes.iter().fold(hash(&[&[0], body]), |node, other| hash(&[&[1], &node, other]));
    let size = 1_u64 << HASHES;
    let text = format!("{REKOR_1} - 8812345678901234567\n{size}\n{}\n", base64(&root));
    let witness = format!("\u{2014} witness.example.org {}\n", base64(&[0; 100]));
    let own = log::signature(service, "rekor1", REKOR_1, &text, false);
    json!({
        "logIndex": "0",
        "rootHash": base64(&root),
        "treeSize": size.to_string(),
        "hashes": hashes.iter().map(|hash| base64(hash)).collect::<Vec<_>>(),
        "checkpoint": {"envelope": format!("{text}\n{}{own}", witness.repeat(SIGNATURES - 1))},
    })
}

/// How much there is of what costs time, and of what costs memory.
#[derive(Clone, Copy)]
struct Share {
    proofs: usize,
    subjects: usize,
}

/// All the proofs, and few subjects, which leave room for them.
const SLOW: Share = Share { proofs: PROOFS, subjects: 256 };
/// All the subjects.
const LARGE: Share = Share { proofs: 1, subjects: 1024 };

/// A bundle whose payload has so many bytes that say nothing.
fn bundle(service: &mut Service, share: Share, filling: usize) -> String {
    let other = format!(r#"{{"digest":{{"sha256":"{}"}}}},"#, "0".repeat(64)).repeat(share.subjects - 1);
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{other}{{"digest":{{"sha256":"{}"}}}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{"x":"{}"}}}}"#,
        hex(&Sha256::digest(ARTIFACT)),
        "?".repeat(filling)
    );
    let payload_type = "application/vnd.in-toto+json";
    let encoded = format!("DSSEv1 {} {payload_type} {} {statement}", payload_type.len(), statement.len());
    let signature = service.sign("signer", "sha384", encoded.as_bytes());
    let (der, pem) = (service.der("signer"), service.pki.read("signer.pem"));
    let payload = Payload::Envelope(statement.as_bytes(), encoded.as_bytes());
    let said = Said { hash: Hash::Sha256, signature: &signature, certificate: (&der, &pem), payload };
    let body = log::body(KIND, &said);
    let (mut entries, mut tokens) = (Vec::new(), Vec::new());
    for _ in 0..share.proofs {
        // Another time for each.
        service.now += 1;
        let mut entry = log::entry(service, KIND, &body);
        entry["inclusionProof"] = proof(service, body.as_bytes());
        entries.push(entry);
        let token = service.timestamp(&signature, "sha512", "-chain stampers.pem", "");
        tokens.push(json!({"signedTimestamp": base64(&token)}));
    }
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": base64(&der)},
            "tlogEntries": entries,
            "timestampVerificationData": {"rfc3161Timestamps": tokens},
        },
        "dsseEnvelope": {
            "payload": base64(statement.as_bytes()),
            "payloadType": payload_type,
            "signatures": [{"sig": base64(&signature)}],
        },
    });
    // Texts with an escape are not borrowed from the JSON.
    bundle.to_string().replace('/', "\\/")
}

/// The largest bundle, and its root.
fn largest(share: Share) -> (Vec<u8>, TrustedRoot) {
    let (mut service, root) = service();
    let room = Bundle::LARGEST - bundle(&mut service, share, 0).len();
    // Base64, in which "???" has a slash, which takes a byte more; signatures differ by a few bytes.
    let mut bundle = bundle(&mut service, share, room / 5 * 3 - 256).into_bytes();
    assert!(bundle.len() <= Bundle::LARGEST && bundle.len() > Bundle::LARGEST - 2048, "{}", bundle.len());
    bundle.resize(Bundle::LARGEST, b' ');
    (bundle, TrustedRoot::parse(root.to_string().as_bytes()).unwrap())
}

fn verify(bundle: &[u8], root: &TrustedRoot) -> Result<Signer, sigstore::Error> {
    let identity = Identity { identity: IDENTITY.into(), issuer: ISSUER.into() };
    verify_keyless(&Bundle::parse(bundle)?, &Subject::Message(ARTIFACT), root, &identity)
}

#[test]
fn the_largest_bundle_takes_a_mebibyte_at_most() {
    for share in [SLOW, LARGE] {
        let (bundle, root) = largest(share);
        let (peak, verified) = heap::peak(|| verify(&bundle, &root));
        verified.unwrap();
        println!("{peak} bytes beside the bundle's own {}", bundle.len());
        assert!(peak > bundle.len(), "the heap is counted: {peak}");
        assert!(peak + bundle.len() <= MEMORY, "{peak}");
    }
}

/// Budget: 50 ms of a processor.
#[test]
#[ignore = "a measurement, which says something in an optimised build"]
fn how_long_the_largest_bundle_takes() {
    let (bundle, root) = largest(SLOW);
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            let start = on_processor();
            verify(&bundle, &root).unwrap();
            on_processor() - start
        })
        .collect();
    times.sort();
    println!("at least {:?}, median {:?}", times[0], times[10]);
}

/// How long this thread has run so far.
///
/// Spec: Linux, Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat".
fn on_processor() -> Duration {
    let line = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(line.split(' ').next().unwrap().parse().unwrap())
}
