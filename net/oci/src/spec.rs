// SPDX-License-Identifier: BSD-3-Clause
//! The documents of the image specification, as far as they are used. Unknown members are tolerated, and kept out.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use crate::Digest;

/// OCI's image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI's image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What an artifact has in place of a configuration: `{}`.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Points to something: what it is, its digest and its size.
///
/// Spec: OCI image 1.1, descriptor.md.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What the artifact is, if this points to a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The machine that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<MachineKind>,
    /// Anything.
    #[serde(default, deserialize_with = "annotations", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The machine that something is for, as an index says it.
///
/// Spec: OCI image 1.1, image-index.md, "platform".
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct MachineKind {
    /// Go's `GOARCH`.
    #[serde(default)]
    pub architecture: String,
    /// Go's `GOOS`.
    #[serde(default)]
    pub os: String,
    /// For example `v8`, of `arm64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// An artifact: its parts, in order.
///
/// Spec: OCI image 1.1, manifest.md.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// What this document is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What the artifact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The parts.
    #[serde(default, deserialize_with = "descriptors")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one says something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Anything.
    #[serde(default, deserialize_with = "annotations", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Manifests of the same thing, for several machines.
///
/// Spec: OCI image 1.1, image-index.md.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// What this document is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What the artifact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests, and further indexes.
    #[serde(default, deserialize_with = "descriptors")]
    pub manifests: Vec<Descriptor>,
    /// Anything.
    #[serde(default, deserialize_with = "annotations", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Parts of an artifact, or manifests of an index, that a document may have; those of today have a few dozen. With
/// [`MOST_ANNOTATIONS`] each, the largest document takes 16 MiB as a value, and not ten times as much.
const MOST_DESCRIPTORS: usize = 512;
/// Annotations of one thing that a document may have.
pub const MOST_ANNOTATIONS: usize = 64;

/// Go writes `null` where something is empty.
fn descriptors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Descriptor>, D::Error> {
    deserializer.deserialize_option(Descriptors)
}

fn annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_option(Annotations)
}

/// Reads a list of few members; `null` has none.
struct Descriptors;

/// Reads an object of few members; `null` has none.
struct Annotations;

impl<'de> Visitor<'de> for Descriptors {
    type Value = Vec<Descriptor>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut descriptors = Vec::new();
        while let Some(descriptor) = list.next_element()? {
            if descriptors.len() >= MOST_DESCRIPTORS {
                return Err(A::Error::custom(format_args!("more than {MOST_DESCRIPTORS} descriptors")));
            }
            descriptors.push(descriptor);
        }
        Ok(descriptors)
    }
}

impl<'de> Visitor<'de> for Annotations {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut annotations = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            annotations.insert(name, value);
            if annotations.len() > MOST_ANNOTATIONS {
                return Err(A::Error::custom(format_args!("more than {MOST_ANNOTATIONS} annotations")));
            }
        }
        Ok(annotations)
    }
}
