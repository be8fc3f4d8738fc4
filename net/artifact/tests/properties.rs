// SPDX-License-Identifier: BSD-3-Clause
//! Whatever a manifest says is a plan or an error.

use artifact::types::{KINDS, TITLE};
use oci::{
    Algorithm, Digest,
    spec::{self, Descriptor, Manifest},
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Sizes: small ones, and those at which sums overflow.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..200_000_u64,
        1 => any::<u64>(),
        1 => (0..10_u64).prop_map(|less| u64::MAX - less),
        1 => (0..10_u64).prop_map(|less| u64::from(u32::MAX) - less),
    ]
}

fn media_type() -> impl Strategy<Value = String> {
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.media_type).collect();
    let others = [
        "",
        "application/octet-stream",
        "application/efi",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "text/plain",
    ];
    // Plans and disks end it: they are the last two, and rare.
    let suffix = select(vec!["", "", "", "", "+gzip", "+zstd", "; a=b"]);
    let name =
        prop_oneof![8 => select(known[..6].to_vec()), 4 => select(others.to_vec()), 1 => select(known)];
    (name, suffix).prop_map(|(name, suffix)| format!("{name}{suffix}"))
}

fn layer() -> impl Strategy<Value = Descriptor> {
    let titles =
        vec!["", "vmlinuz", "initrd.img", "a.efi", "cmdline", "modloop", "x.apkovl.tar.gz", "a\u{1b}b"];
    (media_type(), select(titles), size()).prop_map(|(media_type, title, size)| Descriptor {
        media_type,
        digest: Digest::of(Algorithm::Sha256, b""),
        size,
        artifact_type: None,
        platform: None,
        annotations: [(TITLE.to_string(), title.to_string())].into(),
    })
}

fn manifest(layers: Vec<Descriptor>) -> Vec<u8> {
    let config = Descriptor {
        media_type: spec::EMPTY.into(),
        digest: Digest::of(Algorithm::Sha256, b"{}"),
        size: 2,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: None,
        artifact_type: None,
        config,
        layers,
        subject: None,
        annotations: Default::default(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

proptest! {
    // Failures are reported with their input: the sources are not written to.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_value_or_an_error(data in vec(any::<u8>(), 0..1024)) {
        artifact::fuzz::fuzz(&data);
    }

    #[test]
    fn any_parts_are_a_plan_or_an_error(layers in vec(layer(), 0..6)) {
        artifact::fuzz::fuzz(&manifest(layers));
    }

    #[test]
    fn damaged_manifests_are_a_plan_or_an_error(
        layers in vec(layer(), 1..4),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = manifest(layers);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        artifact::fuzz::fuzz(&bytes);
    }
}
