// SPDX-License-Identifier: BSD-3-Clause
//! Documents as the specification's own crate writes and reads them.

use oci::{Document, spec};
use oci_spec::image::{
    DescriptorBuilder, ImageIndexBuilder, ImageManifestBuilder, MediaType, PlatformBuilder, Sha256Digest,
};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn descriptor(media_type: MediaType) -> DescriptorBuilder {
    DescriptorBuilder::default()
        .media_type(media_type)
        .digest(HEX.parse::<Sha256Digest>().unwrap())
        .size(7_u64)
}

#[test]
fn a_manifest_is_the_same_for_both() {
    let theirs = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(descriptor(MediaType::EmptyJSON).build().unwrap())
        .layers(vec![descriptor(MediaType::ImageLayerGzip).build().unwrap()])
        .build()
        .unwrap();
    let text = theirs.to_string().unwrap();
    let Ok(Document::Manifest(ours)) = Document::parse(text.as_bytes(), &[]) else {
        panic!("a manifest: {text}")
    };
    assert_eq!((ours.layers[0].size, ours.layers[0].digest.hex()), (7, HEX));
    let again = oci_spec::image::ImageManifest::from_reader(&*serde_json::to_vec(&ours).unwrap()).unwrap();
    assert_eq!(again, theirs);
}

#[test]
fn an_index_is_the_same_for_both() {
    let platform = PlatformBuilder::default().architecture("loong64").os("linux").build().unwrap();
    let one = descriptor(MediaType::ImageManifest).platform(platform).build().unwrap();
    let theirs = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![one])
        .build()
        .unwrap();
    let text = theirs.to_string().unwrap();
    let Ok(Document::Index(ours)) = Document::parse(text.as_bytes(), &[spec::INDEX]) else {
        panic!("an index: {text}")
    };
    assert_eq!(ours.manifests[0].platform.as_ref().unwrap().architecture, "loong64");
    let again = oci_spec::image::ImageIndex::from_reader(&*serde_json::to_vec(&ours).unwrap()).unwrap();
    assert_eq!(again, theirs);
}
