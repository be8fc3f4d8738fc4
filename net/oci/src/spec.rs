// SPDX-License-Identifier: BSD-3-Clause
//! The documents of the image specification, as far as they are used. Unknown members are ignored.

use alloc::{borrow::Cow, string::String, vec::Vec};

use json::{Error, Object, Value};
use serde::Serialize;

use crate::Digest;

pub use crate::annotations::Annotations;

/// OCI's image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI's image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The type of an artifact's empty configuration: `{}`.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A descriptor: type, digest and size of some content.
///
/// Spec: OCI image 1.1, descriptor.md.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// The artifact type, if this points to a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The platform that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<MachineKind>,
    /// Annotations.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

/// The platform of a manifest, as an index gives it.
///
/// Spec: OCI image 1.1, image-index.md, "platform".
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct MachineKind {
    /// Go's `GOARCH`.
    pub architecture: String,
    /// Go's `GOOS`.
    pub os: String,
    /// The variant, for example `v8` of `arm64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// An artifact: its parts, in order.
///
/// Spec: OCI image 1.1, manifest.md.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The media type of this document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The parts.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

/// Manifests of the same artifact, for several platforms.
///
/// Spec: OCI image 1.1, image-index.md.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// The media type of this document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests, and further indexes.
    pub manifests: Vec<Descriptor>,
    /// Annotations.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

/// The most parts of an artifact, or manifests of an index; common documents have a few dozen. With
/// [`MOST_ANNOTATIONS`] each, the largest document takes 16 MiB as a value, and not ten times as much.
const MOST_DESCRIPTORS: usize = 512;
/// The most annotations of one descriptor or document.
pub const MOST_ANNOTATIONS: usize = 64;

impl Descriptor {
    pub(crate) fn read(value: Value<'_>) -> Result<Self, Error> {
        let names = ["mediaType", "digest", "size", "artifactType", "platform", "annotations"];
        let [media_type, digest, size, artifact_type, platform, annotations] =
            value.object()?.members(names)?;
        Ok(Self {
            media_type: text(media_type)?.unwrap_or_default(),
            digest: Digest::parse(&digest.text()?)
                .ok_or_else(|| digest.unexpected("a sha256 or sha512 digest"))?,
            size: size.number()?,
            artifact_type: text(artifact_type)?,
            platform: platform.given().map(MachineKind::read).transpose()?,
            annotations: map(annotations)?,
        })
    }

    /// A list, which Go writes as `null` if it is empty.
    fn list(value: Value<'_>) -> Result<Vec<Self>, Error> {
        value.list(MOST_DESCRIPTORS)?.into_iter().map(Self::read).collect()
    }
}

impl MachineKind {
    fn read(value: Value<'_>) -> Result<Self, Error> {
        let [architecture, os, variant] = value.object()?.members(["architecture", "os", "variant"])?;
        Ok(Self {
            architecture: text(architecture)?.unwrap_or_default(),
            os: text(os)?.unwrap_or_default(),
            variant: text(variant)?,
        })
    }
}

impl Manifest {
    pub(crate) fn read(document: Object<'_>) -> Result<Self, Error> {
        let names =
            ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"];
        let [schema_version, media_type, artifact_type, config, layers, subject, annotations] =
            document.members(names)?;
        Ok(Self {
            schema_version: schema(schema_version)?,
            media_type: text(media_type)?,
            artifact_type: text(artifact_type)?,
            config: Descriptor::read(config)?,
            layers: Descriptor::list(layers)?,
            subject: subject.given().map(Descriptor::read).transpose()?,
            annotations: map(annotations)?,
        })
    }
}

impl Index {
    pub(crate) fn read(document: Object<'_>) -> Result<Self, Error> {
        let names = ["schemaVersion", "mediaType", "artifactType", "manifests", "annotations"];
        let [schema_version, media_type, artifact_type, manifests, annotations] = document.members(names)?;
        Ok(Self {
            schema_version: schema(schema_version)?,
            media_type: text(media_type)?,
            artifact_type: text(artifact_type)?,
            manifests: Descriptor::list(manifests)?,
            annotations: map(annotations)?,
        })
    }
}

fn schema(version: Value<'_>) -> Result<u32, Error> {
    u32::try_from(version.number()?).map_err(|_| version.unexpected("2"))
}

fn text(value: Value<'_>) -> Result<Option<String>, Error> {
    Ok(value.optional_text()?.map(Cow::into_owned))
}

fn map(value: Value<'_>) -> Result<Annotations, Error> {
    let texts = value.texts(MOST_ANNOTATIONS)?;
    Ok(texts.into_iter().map(|(name, text)| (name.into_owned(), text.into_owned())).collect())
}
