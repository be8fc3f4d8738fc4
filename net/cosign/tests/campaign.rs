// SPDX-License-Identifier: BSD-3-Clause
//! Damaged signatures of both forms are read or refused, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use oracle::campaign::{self, Depth, Plan};
use sigstore::Bundle;

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
"verificationMaterial":{"publicKey":{"hint":""}},
"dsseEnvelope":{"payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==",
"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"c2lnbmF0dXJl"}]}}"#;

const PAYLOAD: &str = r#"{"critical":{"identity":{"docker-reference":"registry.test/a"},
"image":{"docker-manifest-digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
"type":"cosign container image signature"},"optional":null}"#;

/// Layers passed: it is JSON; it is a bundle, or a payload that names a digest as long as the sound one's.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    cosign::fuzz::fuzz(&bytes);
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return 0 };
    let digest = json["critical"]["image"]["docker-manifest-digest"].as_str();
    1 + usize::from(Bundle::parse(&bytes).is_ok() || digest.is_some_and(|digest| digest.len() == 71))
}

#[test]
fn signatures() {
    let repair = |_: &mut [u8], _| {};
    for (name, text, seed) in [("bundle", BUNDLE, 45), ("payload", PAYLOAD, 46)] {
        let (image, layers) = (text.as_bytes(), &["JSON", "signature"][..]);
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
