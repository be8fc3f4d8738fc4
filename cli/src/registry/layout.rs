// SPDX-License-Identifier: BSD-3-Clause
//! Image layouts: folders that hold artifacts, written `oci:FOLDER[:TAG]`.
//!
//! Spec: OCI image 1.1, image-layout.md.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use oci::{
    Algorithm, Digest, Document, Platform, Sink,
    spec::{Descriptor, INDEX, Index, MANIFEST, Manifest},
};

use super::stored;
use crate::{codes, failure::Failure};

/// The annotation that has the tag.
const NAME: &str = "org.opencontainers.image.ref.name";
const MARK: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Bytes of the largest document, as for registries.
const LARGEST: u64 = 4 << 20;
/// Limit of nested indexes.
const DEEPEST: usize = 4;

/// A folder, and a tag in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    folder: PathBuf,
    tag: Option<String>,
}

impl Layout {
    /// Parses `oci:FOLDER[:TAG]`; none for anything else. `oci://` is a registry.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("oci:").filter(|rest| !rest.starts_with("//"))?;
        let (folder, tag) = match rest.rsplit_once(':') {
            Some((folder, tag)) if !tag.contains('/') => (folder, Some(tag.into())),
            _ => (rest, None),
        };
        Some(Self { folder: folder.into(), tag })
    }

    /// The manifest for a platform, with its digest.
    pub fn manifest(&self, wanted: &Platform) -> Result<(Digest, Manifest), Failure> {
        let bytes = self.read(&self.folder.join("index.json"), LARGEST)?;
        let index = self.document(&bytes)?;
        let Document::Index(mut index) = index else {
            return Err(self.failed("index.json is a manifest, not an index"));
        };
        if let Some(tag) = &self.tag {
            index.manifests.retain(|one| one.annotations.get(NAME) == Some(tag));
        }
        // A single manifest is taken as it is, like a registry's tag.
        let mut found = match index.manifests.as_slice() {
            [only] => only.clone(),
            _ => self.best(wanted, &index)?,
        };
        for _ in 0..DEEPEST {
            match self.document(&self.checked(&found)?)? {
                Document::Manifest(manifest) => return Ok((found.digest, *manifest)),
                Document::Index(next) => found = self.best(wanted, &next)?,
            }
        }
        Err(self.failed("indexes are nested too deep"))
    }

    fn best(&self, wanted: &Platform, index: &Index) -> Result<Descriptor, Failure> {
        let best = wanted.best(index).cloned();
        best.ok_or_else(|| self.failed(&format!("no such tag, or nothing for {wanted}")))
    }

    /// The bytes of a document, checked.
    fn checked(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Failure> {
        let path = self.path(&descriptor.digest);
        let bytes = self.read(&path, descriptor.size.min(LARGEST))?;
        let found = Digest::of(descriptor.digest.algorithm(), &bytes);
        if found == descriptor.digest {
            return Ok(bytes);
        }
        let cause = format!("digest is {found}, expected {}", descriptor.digest);
        Err(Failure::new(oci::codes::DIGEST, path.as_os_str().as_encoded_bytes(), cause))
    }

    /// A blob, opened, if it has its size.
    pub fn open(&self, descriptor: &Descriptor) -> Result<File, Failure> {
        let path = self.path(&descriptor.digest);
        let file = File::open(&path).map_err(|error| unread(&path, &error))?;
        let size = file.metadata().map_err(|error| unread(&path, &error))?.len();
        if size != descriptor.size {
            return Err(unread(&path, &format!("{size} bytes, {} expected", descriptor.size)));
        }
        Ok(file)
    }

    /// Copies a blob that was opened, checked on the way.
    pub fn copy(&self, descriptor: &Descriptor, file: &File, to: &dyn Sink) -> Result<(), Failure> {
        stored::copy(&self.path(&descriptor.digest), file, descriptor, to)
    }

    /// The bytes of a document that was read before.
    pub fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, Failure> {
        self.read(&self.path(digest), LARGEST)
    }

    /// The path for a blob; creates its folder.
    pub fn place(&self, digest: &Digest) -> Result<PathBuf, Failure> {
        let path = self.path(digest);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|error| written(folder, &error))?;
        Ok(path)
    }

    /// Stores a blob.
    pub fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Failure> {
        replace(&self.place(digest)?, bytes)
    }

    /// Stores a manifest under the tag, and makes the folder a layout.
    pub fn put_manifest(&self, bytes: &[u8]) -> Result<Digest, Failure> {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        self.put_blob(&digest, bytes)?;
        let path = self.folder.join("index.json");
        let mut index = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Index {
                schema_version: 2,
                media_type: Some(INDEX.into()),
                artifact_type: None,
                manifests: Vec::new(),
                annotations: Default::default(),
            },
            _ => match self.document(&self.read(&path, LARGEST)?)? {
                Document::Index(index) => index,
                Document::Manifest(_) => return Err(self.failed("index.json is a manifest, not an index")),
            },
        };
        index.manifests.retain(|one| one.digest != digest && one.annotations.get(NAME) != self.tag.as_ref());
        index.manifests.push(Descriptor {
            media_type: MANIFEST.into(),
            digest: digest.clone(),
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: self.tag.iter().map(|tag| (NAME.into(), tag.clone())).collect(),
        });
        let text = serde_json::to_vec(&index).map_err(|error| self.failed(&error.to_string()))?;
        replace(&self.folder.join("oci-layout"), MARK)?;
        replace(&path, &text)?;
        Ok(digest)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let algorithm = if digest.algorithm() == Algorithm::Sha256 { "sha256" } else { "sha512" };
        self.folder.join("blobs").join(algorithm).join(digest.hex())
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
        let size = fs::metadata(path).map_err(|error| unread(path, &error))?.len();
        if size > limit {
            return Err(unread(path, &format!("{size} bytes, {limit} expected")));
        }
        fs::read(path).map_err(|error| unread(path, &error))
    }

    fn document(&self, bytes: &[u8]) -> Result<Document, Failure> {
        Document::parse(bytes, &[]).map_err(|cause| self.failed(&cause.to_string()))
    }

    fn failed(&self, cause: &str) -> Failure {
        Failure::new(codes::LAYOUT, self.folder.as_os_str().as_encoded_bytes(), cause)
    }
}

/// Writes a file as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    let done = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    done.map_err(|error| {
        let _ = fs::remove_file(&part);
        written(path, &error)
    })
}

fn unread(path: &Path, cause: &dyn ToString) -> Failure {
    Failure::new(codes::FILE, path.as_os_str().as_encoded_bytes(), cause.to_string())
}

fn written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(codes::TARGET, path.as_os_str().as_encoded_bytes(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_a_folder_and_a_tag() {
        let parts = |text: &str| Layout::parse(text).map(|layout| (layout.folder, layout.tag));
        assert_eq!(parts("oci:a/b:c"), Some(("a/b".into(), Some("c".into()))));
        assert_eq!(parts("oci:a:b/c"), Some(("a:b/c".into(), None)));
        assert_eq!(parts("oci:a"), Some(("a".into(), None)));
        assert_eq!(parts("oci://a/b:c"), None);
    }
}
