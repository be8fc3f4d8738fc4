// SPDX-License-Identifier: BSD-3-Clause
//! The content on the server, in the form for each side.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use bench_guest::{BLOCKS, block, sum, sum_of};
use sha2::{Digest as _, Sha256};

use super::{Files, signed::Signature};
use crate::scratch::{self, Scratch};

/// Bytes of the initrd.
pub const INITRD: usize = 64 << 20;
/// Command line of the kernel.
pub const OPTIONS: &str = "console=ttyS0 quiet";
/// The OCI types of the artifact's parts.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.cloud-boot.boot.config.v1+json";

/// The server's folder, and the expected report of the kernel on its files.
pub struct Content {
    /// The folder: `kernel`, `initrd`, `program.efi` (as long as both, for firmware that loads one file), `manifest`,
    /// `config`, `cmdline`, and `signature` with its `payload`.
    pub folder: PathBuf,
    /// The manifest's digest, in the form of references.
    pub digest: String,
    /// The key that it is signed by, PEM.
    pub key: PathBuf,
    /// Digest and file of each blob.
    pub blobs: Vec<(String, &'static str)>,
    /// The kernel's sum, as it prints it.
    pub kernel: String,
    /// `BYTES:SUM` of its file.
    pub kernel_file: String,
    /// `BYTES:SUM`.
    pub initrd: String,
}

impl Content {
    /// Writes the files; the initrd has `bytes` bytes.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(scratch: &Scratch, files: &Files, bytes: usize) -> Result<Self> {
        let folder = scratch.path("content");
        let kernel = fs::read(&files.kernel).with_context(|| files.kernel.display().to_string())?;
        let initrd = scratch::noise(bytes, 5);
        let parts: [(&'static str, &str, &[u8]); 4] = [
            ("config", CONFIG, b"{}"),
            ("kernel", "application/vnd.cloud-boot.kernel.v1", &kernel),
            ("initrd", "application/vnd.cloud-boot.initrd.v1", &initrd),
            ("cmdline", "application/vnd.cloudboot.cmdline.v1", OPTIONS.as_bytes()),
        ];
        for (name, _, bytes) in parts {
            scratch::write(&folder.join(name), bytes)?;
        }
        let mut blobs: Vec<_> = parts.iter().map(|(name, _, bytes)| (digest(bytes), *name)).collect();
        let descriptors: Vec<String> =
            parts.iter().map(|(_, kind, bytes)| descriptor(kind, bytes, "")).collect();
        let (config, layers) = descriptors.split_first().context("a configuration")?;
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{config},\"layers\":[{}]}}",
            layers.join(",")
        );
        scratch::write(&folder.join("manifest"), manifest.as_bytes())?;
        let digest = digest(manifest.as_bytes());
        let signature = Signature::new(scratch, &digest, config)?;
        scratch::write(&folder.join("signature"), signature.manifest.as_bytes())?;
        scratch::write(&folder.join("payload"), signature.payload.as_bytes())?;
        blobs.push((signature.blob(), "payload"));
        let of_file = |bytes: &[u8]| format!("{}:{:x}", bytes.len(), sum_of(bytes));
        let (kernel_file, of_initrd) = (of_file(&kernel), of_file(&initrd));
        scratch::write(&folder.join("program.efi"), &[kernel, initrd].concat())?;
        Ok(Self {
            folder,
            digest,
            key: signature.key,
            blobs,
            kernel: format!("{:x}", sum((0..BLOCKS).flat_map(block))),
            kernel_file,
            initrd: of_initrd,
        })
    }

    /// nginx's locations: the registry's paths, and those of the files.
    pub fn locations(&self) -> String {
        let folder = self.folder.display();
        let blobs = self.blobs.iter().map(|(digest, name)| {
            format!("location = /v2/bench/blobs/{digest} {{ alias {folder}/{name}; }}\n")
        });
        format!(
            "root {folder};\nlocation = /v2/ {{ return 200; }}\n\
             location = /v2/bench/manifests/{} {{ default_type {MANIFEST}; alias {folder}/manifest; }}\n\
             location = /v2/bench/manifests/{} {{ default_type {MANIFEST}; alias {folder}/signature; }}\n\
             location = /program.efi {{ default_type application/efi; }}\n{}",
            self.digest,
            Signature::tag(&self.digest),
            blobs.collect::<String>()
        )
    }
}

/// A descriptor of a manifest, with additional members.
pub fn descriptor(kind: &str, bytes: &[u8], more: &str) -> String {
    let (digest, size) = (digest(bytes), bytes.len());
    format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{digest}\",\"size\":{size}{more}}}")
}

/// The digest of bytes in OCI's form.
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".into(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_has_every_blob_of_the_manifest() {
        let scratch = Scratch::new("net-content").unwrap();
        let kernel = scratch.path("kernel");
        scratch::write(&kernel, b"MZ").unwrap();
        let files =
            Files { loader: None, fetch: PathBuf::new(), kernel, code: PathBuf::new(), vars: PathBuf::new() };
        let content = Content::new(&scratch, &files, 4096).unwrap();
        let text = fs::read_to_string(content.folder.join("manifest")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 3);
        let locations = content.locations();
        for part in layers.iter().chain([&manifest["config"]]) {
            let digest = part["digest"].as_str().unwrap();
            assert!(locations.contains(&format!("/v2/bench/blobs/{digest} ")), "{digest}");
        }
        let program = fs::metadata(content.folder.join("program.efi")).unwrap();
        assert_eq!(program.len(), 2 + 4096);
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
