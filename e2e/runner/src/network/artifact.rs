// SPDX-License-Identifier: BSD-3-Clause
//! The artifact in the registry: pushed by real programs, then damaged there.

use std::{fs, os::unix::fs::symlink, path::Path};

use anyhow::{Context, Result, bail, ensure};
use arch::Arch;
use peers::{Registry, output};
use serde::Deserialize;
use serde_json::{Value, json};

/// The repository.
pub const NAME: &str = "boot/mini";
/// The tag.
pub const TAG: &str = "1";

/// OCI's media types.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The annotation with the name of a part's file.
const TITLE: &str = "org.opencontainers.image.title";

/// Media types by file name, for programs that do not recognize content.
const TYPES: [(&str, &str); 4] = [
    ("vmlinuz", "application/vnd.cloud-boot.kernel.v1"),
    ("mini.efi", "application/vnd.cloud-boot.kernel.v1"),
    ("initrd.img", "application/vnd.cloud-boot.initrd.v1"),
    ("cmdline.txt", "application/vnd.cloudboot.cmdline.v1"),
];

/// Kinds by file name that `cloud-boot push` cannot recognize by content.
const KINDS: [(&str, &str); 2] = [("modloop", "modloop"), ("host.apkovl.tar.gz", "apkovl")];

/// The program that pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushedBy {
    /// `cloud-boot push`.
    #[default]
    CloudBoot,
    /// `oras push`, with explicit media types.
    Oras,
    /// `skopeo copy` from a layout that `cloud-boot push` made.
    Skopeo,
}

/// Damage to an artifact after the push. Parts are named by their files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// A bit is flipped in the registry's storage, in the middle of a part, of the `manifest`, or of the first `child`
    /// of an index.
    Flip(String),
    /// A part is truncated to half its length in the registry's storage.
    Truncate(String),
    /// The tag has another manifest, which claims this size for a part.
    Claim(String, u64),
    /// The tag has an index, in which the manifest is the one for each of these architectures.
    Index(Vec<String>),
}

/// An artifact and its registry.
pub struct Artifact<'a> {
    /// The program `cloud-boot`.
    pub command: &'a str,
    /// A folder for files.
    pub folder: &'a Path,
    /// The registry, by TLS.
    pub registry: &'a Registry,
    /// The root certificate of the registry.
    pub ca: &'a Path,
    /// The architecture that it is for.
    pub arch: Arch,
}

impl Artifact<'_> {
    /// Pushes files.
    ///
    /// # Errors
    /// When a file cannot be found, or is of no known kind.
    ///
    /// # Panics
    /// The program that pushes fails.
    pub fn push(&self, files: &[String], by: PushedBy) -> Result<()> {
        let mut names = Vec::new();
        for file in files {
            let path = std::path::absolute(file)?;
            let name = path.file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
            symlink(&path, self.folder.join(&name)).with_context(|| name.clone())?;
            names.push(name);
        }
        let (ca, target) = (self.ca.display().to_string(), self.reference());
        let reference = format!("oci://{target}");
        let call = |program: &str, head: &[&str], parts: &[String]| {
            let parts = parts.iter().map(String::as_str);
            output(self.folder, program, &head.iter().copied().chain(parts).collect::<Vec<_>>());
        };
        let arch = self.arch.to_string();
        let ours = ["push", "--arch", &arch];
        match by {
            PushedBy::CloudBoot => {
                let parts: Vec<String> = names.iter().map(|name| said(name)).collect();
                call(self.command, &[&ours[..], &["--ca", &ca, &reference]].concat(), &parts);
            }
            PushedBy::Oras => {
                let parts = names.iter().map(|name| typed(name)).collect::<Result<Vec<_>>>()?;
                call("oras", &["push", "--ca-file", &ca, &target], &parts);
            }
            PushedBy::Skopeo => {
                call(self.command, &[&ours[..], &["oci:layout:1"]].concat(), &names);
                // skopeo takes certificates only from a folder, by this name.
                let trusted = self.folder.join("trusted");
                fs::create_dir(&trusted)?;
                fs::copy(self.ca, trusted.join("ca.crt"))?;
                let accept = ["--dest-oci-accept-uncompressed-layers", "--dest-cert-dir", "trusted"];
                let (from, to) = ("oci:layout:1", format!("docker://{target}"));
                let copy = [&["copy", "--insecure-policy"][..], &accept, &[from, &to]].concat();
                call("skopeo", &copy, &[]);
            }
        }
        Ok(())
    }

    /// Damages it.
    ///
    /// # Errors
    /// When there is no such part.
    ///
    /// # Panics
    /// oras fails.
    pub fn damage(&self, damage: &Damage) -> Result<()> {
        let digest = self.registry.digest(NAME, TAG);
        let stored = |digest: &str| -> Result<_> {
            let hex = digest.strip_prefix("sha256:").context("a digest")?;
            Ok(self.registry.blob(hex))
        };
        let bytes = fs::read(stored(&digest)?).context("the manifest")?;
        let mut manifest: Value = serde_json::from_slice(&bytes)?;
        match damage {
            Damage::Flip(part) if part == "manifest" => flip(&stored(&digest)?),
            Damage::Flip(part) if part == "child" => {
                let child = manifest.pointer_mut("/manifests/0").context("an index with manifests")?;
                flip(&stored(text(child, "digest")?)?)
            }
            Damage::Flip(part) => flip(&stored(text(layer(&mut manifest, part)?, "digest")?)?),
            Damage::Truncate(part) => {
                let path = stored(text(layer(&mut manifest, part)?, "digest")?)?;
                let file = fs::File::options().write(true).open(&path)?;
                Ok(file.set_len(file.metadata()?.len() / 2)?)
            }
            Damage::Claim(part, size) => {
                *layer(&mut manifest, part)?.get_mut("size").context("size out of range")? = json!(size);
                self.push_document(MANIFEST, &manifest)
            }
            Damage::Index(architectures) => {
                let entries: Vec<Value> = architectures
                    .iter()
                    .map(|name| {
                        let platform = json!({"architecture": name, "os": "linux"});
                        json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "platform": platform})
                    })
                    .collect();
                self.push_document(
                    INDEX,
                    &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
                )
            }
        }
    }

    /// Gives the tag another manifest of the same parts, with these annotations: another artifact, as anyone with write
    /// access to the registry could make it.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    ///
    /// # Panics
    /// oras fails.
    pub fn annotate(&self, list: &[(&str, &str)]) -> Result<()> {
        let mut manifest = self.manifest()?;
        let annotations = manifest.as_object_mut().context("a manifest")?.entry("annotations");
        let annotations = annotations.or_insert_with(|| json!({})).as_object_mut().context("annotations")?;
        annotations.extend(list.iter().map(|(name, value)| ((*name).into(), json!(value))));
        self.push_document(MANIFEST, &manifest)
    }

    /// The digest of the first part in the manifest.
    ///
    /// # Errors
    /// When it contains none.
    pub fn first(&self) -> Result<String> {
        let manifest = self.manifest()?;
        let first = manifest.pointer("/layers/0/digest").and_then(Value::as_str);
        Ok(first.context("a manifest with layers")?.into())
    }

    /// The document of the tag: the manifest, or an index.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn document(&self) -> Result<Vec<u8>> {
        let digest = self.registry.digest(NAME, TAG);
        let hex = digest.strip_prefix("sha256:").context("a digest")?;
        Ok(fs::read(self.registry.blob(hex))?)
    }

    /// The reference by digest: host, repository and digest.
    pub fn digested(&self) -> String {
        format!("{}/{NAME}@{}", self.registry.authority(), self.registry.digest(NAME, TAG))
    }

    fn manifest(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.document()?)?)
    }

    fn push_document(&self, media_type: &str, document: &Value) -> Result<()> {
        fs::write(self.folder.join("document.json"), document.to_string())?;
        let ca = self.ca.display().to_string();
        let head = ["manifest", "push", "--ca-file", &ca, "--media-type", media_type];
        output(self.folder, "oras", &[&head[..], &[&self.reference(), "document.json"]].concat());
        Ok(())
    }

    /// The reference by tag, in the form of oras and skopeo.
    fn reference(&self) -> String {
        format!("{}/{NAME}:{TAG}", self.registry.authority())
    }
}

/// `FILE:KIND` if the content does not show the kind.
fn said(name: &str) -> String {
    match KINDS.iter().find(|(known, _)| *known == name) {
        Some((_, kind)) => format!("{name}:{kind}"),
        None => name.into(),
    }
}

/// `FILE:MEDIATYPE`.
fn typed(name: &str) -> Result<String> {
    let (_, media_type) = TYPES
        .iter()
        .find(|(known, _)| *known == name)
        .with_context(|| format!("{name} has no media type"))?;
    Ok(format!("{name}:{media_type}"))
}

/// The descriptor of a part.
fn layer<'a>(manifest: &'a mut Value, part: &str) -> Result<&'a mut Value> {
    let layers =
        manifest.get_mut("layers").and_then(Value::as_array_mut).context("a manifest with layers")?;
    let title = format!("/annotations/{TITLE}");
    let is_it = |layer: &&mut Value| layer.pointer(&title).and_then(Value::as_str) == Some(part);
    layers.iter_mut().find(is_it).with_context(|| format!("no such part: {part}"))
}

fn text<'a>(object: &'a Value, key: &str) -> Result<&'a str> {
    object.get(key).and_then(Value::as_str).with_context(|| format!("no {key}"))
}

fn flip(path: &Path) -> Result<()> {
    let mut bytes = fs::read(path)?;
    ensure!(!bytes.is_empty(), "nothing to flip");
    let middle = bytes.len() / 2;
    let Some(byte) = bytes.get_mut(middle) else { bail!("nothing to flip") };
    *byte ^= 1;
    Ok(fs::write(path, bytes)?)
}
