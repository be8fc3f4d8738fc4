// SPDX-License-Identifier: BSD-3-Clause
//! Attaches a signature to an artifact, where cosign looks for it.

use dial::Dial;
use oci::{
    Algorithm, Client, Digest, Error, Reference,
    spec::{Annotations, Descriptor, EMPTY, MANIFEST, Manifest},
};
use sigstore::{Bundle, PREDICATE};

/// The media type of what is attached.
const BUNDLE: &str = Bundle::MEDIA_TYPE;
/// What the bundle contains, for tools that look at manifests only.
const ANNOTATIONS: [(&str, &str); 2] =
    [("dev.sigstore.bundle.content", "dsse-envelope"), ("dev.sigstore.bundle.predicateType", PREDICATE)];

/// Uploads a v0.3 bundle with an envelope as the signature of a manifest or an index in the reference's
/// repository. Returns the digest of the signature's manifest.
///
/// `subject` is what is signed: media type, digest and size.
///
/// Spec: cosign, specs/BUNDLE_SPEC.md.
///
/// # Errors
/// The registry refuses the upload.
pub async fn attach<D: Dial>(
    client: &Client<D>,
    reference: &Reference,
    subject: &Descriptor,
    bundle: &[u8],
) -> Result<Digest, Error> {
    let configuration = &b"{}"[..];
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.into()),
        artifact_type: Some(BUNDLE.into()),
        config: Descriptor { artifact_type: Some(BUNDLE.into()), ..described(EMPTY, configuration) },
        layers: [described(BUNDLE, bundle)].into(),
        subject: Some(subject.clone()),
        annotations: annotations(),
    };
    client.push_blob(reference, &manifest.config.digest, &configuration).await?;
    for layer in &manifest.layers {
        client.push_blob(reference, &layer.digest, &bundle).await?;
    }
    client.push_referrer(reference, &manifest).await
}

fn annotations() -> Annotations {
    ANNOTATIONS.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        artifact_type: None,
        platform: None,
        annotations: Annotations::default(),
    }
}
