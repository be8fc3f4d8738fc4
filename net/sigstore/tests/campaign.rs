// SPDX-License-Identifier: BSD-3-Clause
//! Damaged bundles and trusted roots are read or refused, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use oracle::campaign::{self, Depth, Plan};
use peers::{
    Key,
    sigstore::{Form, IDENTITY, ISSUER, Service, Signed, Signer},
};
use sigstore::{Bundle, Identity, Subject, TrustedRoot, verify_keyless};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

const ARTIFACT: &[u8] = b"an artifact\n";

/// Layers passed: it is a bundle; what stands behind it is a trusted root; the bundle is signed by what the root has.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    let (bundle, root) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    sigstore::fuzz(bundle);
    sigstore::fuzz(root);
    let Ok(bundle) = Bundle::parse(bundle) else { return 0 };
    let Ok(root) = TrustedRoot::parse(root.get(1..).unwrap_or_default()) else { return 1 };
    let identity = Identity { identity: IDENTITY.into(), issuer: ISSUER.into() };
    2 + usize::from(verify_keyless(&bundle, &Subject::Message(ARTIFACT), &root, &identity).is_ok())
}

#[test]
fn bundles_and_roots() {
    let service = Service::new(Key::Ed25519, Key::P256);
    service.certify("signer", &Signer::default());
    let root = service.trusted_root().to_string();
    for (name, form, kind, seed) in [
        ("rekor-1", Form::Message, "hashedrekord 0.0.1", 43),
        ("rekor-2", Form::Envelope, "hashedrekord 0.0.2", 44),
    ] {
        let signed = Signed { artifact: ARTIFACT, signer: "signer", hash: "sha256", form, kind };
        let image = format!("{}\0{root}", signed.bundle(&service));
        let (image, layers) = (image.as_bytes(), &["bundle", "trusted root", "signature"][..]);
        let repair = |_: &mut [u8], _| {};
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
