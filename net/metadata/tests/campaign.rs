// SPDX-License-Identifier: BSD-3-Clause
//! Damaged metadata documents are read or refused, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use metadata::Document;
use oracle::campaign::{self, Depth, Plan};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

/// As OpenStack serves it, with an object of ours.
const OBJECT: &str = r#"{"uuid":"d8e02d56-2648-49a3-bf97-6be8f1204f38","availability_zone":"nova","hostname":"test.example",
"keys":[{"data":"ssh-ed25519 AAAA","type":"ssh","name":"mykey"}],"launch_index":0,"meta":{"priority":"low"},
"cloudboot":{"target":"debian","image":"oci://registry.example/boot/linux:1","disk":{"device":"LABEL=root"},
"net":{"skip":false},"unknown":[1,{"a":"\ud83d\ude00"}]}}"#;

/// The same, in the form in which users give it an instance.
const TEXT: &str = r#"{"uuid":"d8e02d56","meta":{"cloudboot":
"{\"target\":\"debian\",\"image\":\"oci://registry.example/boot/linux:1\",\"disk\":{\"device\":\"LABEL=root\"}}"}}"#;

/// Layers passed: it is a document; it has something for us; it has all settings of the sound one.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    metadata::fuzz::fuzz(&bytes);
    let Ok(document) = Document::parse(&bytes) else { return 0 };
    if !document.has_object() {
        return 1;
    }
    let has = |wanted: &str| document.settings().any(|(name, _)| name == wanted);
    let names = ["cloudboot.target", "cloudboot.image", "cloudboot.disk"];
    2 + usize::from(names.iter().all(|name| has(name)))
}

#[test]
fn documents() {
    let repair = |_: &mut [u8], _| {};
    for (name, text, seed) in [("object", OBJECT, 52), ("text", TEXT, 53)] {
        let (image, layers) = (text.as_bytes(), &["document", "object", "settings"][..]);
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
