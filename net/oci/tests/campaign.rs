// SPDX-License-Identifier: BSD-3-Clause
//! Damaged documents of registries are read or refused, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use oci::Document;
use oracle::campaign::{self, Depth, Plan};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,
"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
"layers":[{"mediaType":"application/vnd.cloud-boot.kernel.v1","size":6,
"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
"annotations":{"org.opencontainers.image.title":"vmlinuz"}}],"annotations":{"a":"b"}}"#;

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":500,
"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
"platform":{"architecture":"arm64","os":"linux","variant":"v8"}},
{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":500,
"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
"platform":{"architecture":"riscv64","os":"linux"}}]}"#;

/// Layers passed: it is a document; it has as many parts as the sound one.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    oci::fuzz::fuzz(&bytes);
    match Document::parse(&bytes, &[]) {
        Ok(Document::Manifest(manifest)) => 1 + usize::from(manifest.layers.len() == 1),
        Ok(Document::Index(index)) => 1 + usize::from(index.manifests.len() == 2),
        Err(_) => 0,
    }
}

#[test]
fn documents() {
    let repair = |_: &mut [u8], _| {};
    for (name, text, seed) in [("manifest", MANIFEST, 41), ("index", INDEX, 42)] {
        let (image, layers) = (text.as_bytes(), &["document", "all parts"][..]);
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
