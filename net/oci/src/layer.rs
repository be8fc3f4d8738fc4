// SPDX-License-Identifier: BSD-3-Clause
//! Layers that are compressed as a whole.

use alloc::{borrow::Cow, string::ToString as _};

use image::Compression;

use crate::{Cause, Error, spec::Descriptor};

/// The content of a layer of at most `limit` bytes, decompressed if its media type names gzip or zstd.
///
/// # Errors
/// It does not match its type, is damaged, or is larger.
pub fn unpacked<'a>(descriptor: &Descriptor, blob: &'a [u8], limit: u64) -> Result<Cow<'a, [u8]>, Error> {
    let failed = |cause| Error::new(&descriptor.digest, cause);
    let Some(said) = compression(&descriptor.media_type) else { return Ok(Cow::Borrowed(blob)) };
    if Compression::of(blob) != Some(said) {
        let found = descriptor.media_type.to_string();
        return Err(failed(Cause::Unsupported { what: "content that is not of its layer's type", found }));
    }
    let content = said.unpack(blob, None, limit).map_err(|error| failed(Cause::Unpack(error)))?;
    Ok(Cow::Owned(content))
}

/// The compression that a media type names: OCI's suffixes, and Docker's.
fn compression(media_type: &str) -> Option<Compression> {
    let name = media_type.split(';').next().unwrap_or("").trim();
    match name.rsplit(['+', '.']).next() {
        Some("gzip" | "gz") => Some(Compression::Gzip),
        Some("zstd") => Some(Compression::Zstd),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec::Vec};

    use super::*;
    use crate::{Algorithm, Digest};

    /// `gzip -9n` of "cloud-boot\n".
    const GZIP: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0xce, 0xc9, 0x2f, 0x4d, 0xd1, 0x4d,
        0xca, 0xcf, 0x2f, 0xe1, 0x02, 0x00, 0x3d, 0x10, 0x71, 0xa2, 0x0b, 0x00, 0x00, 0x00,
    ];

    fn layer(media_type: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.into(),
            digest: Digest::of(Algorithm::Sha256, GZIP),
            size: 31,
            artifact_type: None,
            platform: None,
            annotations: Default::default(),
        }
    }

    #[test]
    fn types_name_their_compression() {
        for (media_type, expected) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", Some(Compression::Gzip)),
            ("application/vnd.oci.image.layer.v1.tar+zstd", Some(Compression::Zstd)),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", Some(Compression::Gzip)),
            ("application/vnd.cloud-boot.apkovl.v1+tar.gz", Some(Compression::Gzip)),
            ("application/vnd.cloud-boot.kernel.v1", None),
            ("application/vnd.oci.image.layer.v1.tar", None),
        ] {
            assert_eq!(compression(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn content_that_is_not_of_the_type_is_refused() {
        let error = unpacked(&layer("x+gzip"), b"plain", 100).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("content that is not of its layer's type \"x+gzip\" is not supported"),
            "{error}"
        );
        assert_eq!(unpacked(&layer("x"), GZIP, 100).unwrap(), GZIP);
    }

    #[test]
    fn content_is_limited() {
        let limited = |limit| unpacked(&layer("x+gzip"), GZIP, limit).map(Vec::from);
        assert_eq!(limited(11).unwrap(), b"cloud-boot\n");
        assert!(matches!(limited(10).unwrap_err().cause(), Cause::Unpack(_)));
    }
}
