// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot push`.

use std::{
    cell::RefCell,
    ffi::OsString,
    fs::{self, File},
    io::Read as _,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use arch::Arch;
use artifact::types::{CONFIG, TITLE};
use clap::Args;
use flow::{EPOCH, Release};
use oci::{
    Algorithm, Digest, Reference,
    spec::{Annotations, Descriptor, MANIFEST, MOST_ANNOTATIONS, Manifest},
};
use serde::Serialize;

use super::verify::SignerReport;
use crate::{
    codes,
    failure::{Failure, Stop},
    image_path::usage,
    printer::{Printer, text},
    progress::Progress,
    registry::{
        self, Access, Partial,
        layout::Layout,
        part::{self, PartFile},
        stored::{self, Bytes, Counted},
    },
    signing::SigningKey,
};

/// Pushes files as an artifact to an OCI registry, or to a folder
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot push oci://registry.example/boot/linux:1 vmlinuz initrd.img cmdline.txt
      a kernel, an initrd and a command line, known by their content
  cloud-boot push --plain-http oci://127.0.0.1:5000/boot/linux:1 vmlinuz modules.img:modules
      with the kind of a file whose content does not show it
  cloud-boot push --sign cosign.key oci://registry.example/boot/linux:1 vmlinuz initrd.img
      the same, signed; `cosign verify` and the loader accept the signature
  cloud-boot push --sign cosign.key --annotation org.cloudboot.name=linux --annotation org.cloudboot.epoch=2 \\
      oci://registry.example/boot/linux:2 vmlinuz initrd.img
      signed as epoch 2: a machine that has started it refuses older epochs of that name
  cloud-boot push oci:artifacts:1 vmlinuz initrd.img
      to an image layout (a folder), without a registry

Uses the logins of `docker login` and `podman login`, credential helpers included.")]
pub struct Options {
    /// Where to: oci://HOST/REPOSITORY:TAG, or oci:FOLDER:TAG
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// The parts, in order: FILE, or FILE:KIND with kernel, initrd, cmdline, modules, modloop, apkovl, plan, disk or a
    /// media type
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,
    /// The architecture of the artifact; by default this machine's
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// Sign it with this private key (PEM: PKCS#8, or of `cosign generate-key-pair`); may be given several times
    #[arg(long, value_name = "FILE")]
    sign: Vec<PathBuf>,
    /// An annotation of the manifest, which signatures cover: org.cloudboot.name, org.cloudboot.epoch or any other; may
    /// be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    #[command(flatten)]
    access: Access,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    reference: String,
    digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signers: Vec<SignerReport>,
}

/// A blob of the manifest: descriptor, bytes, and the file with the bytes.
struct Blob {
    descriptor: Descriptor,
    bytes: Bytes,
    path: PathBuf,
}

/// Bytes of a file from which its kind is recognized, unless it is compressed.
const HEAD: u64 = 1 << 20;

impl Options {
    /// Pushes.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let annotations = self.annotations()?;
        // Asks for passwords before anything is sent.
        let keys = self.sign.iter().map(|path| SigningKey::read(path)).collect::<Result<Vec<_>, _>>()?;
        let platform = registry::platform(self.arch)?;
        let machine = format!(r#"{{"architecture":"{}","os":"{}"}}"#, platform.arch.oci(), platform.os);
        let config = configuration(machine.into_bytes());
        let parts =
            self.files.iter().map(|file| read(&PartFile::parse(file))).collect::<Result<Vec<_>, _>>()?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.into()),
            artifact_type: None,
            config: config.descriptor.clone(),
            layers: parts.iter().map(|part| part.descriptor.clone()).collect(),
            subject: None,
            annotations,
        };
        let manifest = serde_json::to_vec(&manifest)
            .map_err(|error| Failure::new(codes::OUTPUT, &self.reference, error))?;
        let blobs: Vec<Blob> = [config].into_iter().chain(parts).collect();
        let digest = match Layout::parse(&self.reference) {
            Some(_) if !keys.is_empty() => {
                let cause = "an image layout cannot hold signatures";
                let advice = "push to a registry, or sign there".into();
                return Err(Failure { advice, ..Failure::new(codes::LAYOUT, &self.reference, cause) }.into());
            }
            Some(layout) => {
                for blob in &blobs {
                    keep(&layout, blob)?;
                }
                layout.put_manifest(&manifest)?
            }
            None => self.push(&blobs, &manifest, &keys)?,
        };
        let ids = keys.iter().map(|key| key.public().id());
        if self.json {
            let (reference, digest) = (self.reference.clone(), digest.to_string());
            let signers = ids.map(|key| SignerReport::Key { key }).collect();
            return printer.json(&Report { reference, digest, signers });
        }
        printer.line(format_args!("{}: {digest}", text(self.reference.as_bytes())))?;
        for id in ids {
            printer.line(format_args!("signed by key {id}"))?;
        }
        Ok(())
    }

    fn annotations(&self) -> Result<Annotations, Stop> {
        let annotations: Annotations = self.annotation.iter().cloned().collect();
        if annotations.len() != self.annotation.len() {
            return Err(usage("an annotation is given twice"));
        }
        if annotations.len() > MOST_ANNOTATIONS {
            let cause = format!("more than {MOST_ANNOTATIONS} annotations, more than the loader reads");
            return Err(usage(&cause));
        }
        Ok(annotations)
    }

    fn push(&self, blobs: &[Blob], manifest: &[u8], keys: &[SigningKey]) -> Result<Digest, Failure> {
        let failed = |error: oci::Error| registry::failed(&error);
        let reference = Reference::parse(&self.reference).map_err(failed)?;
        let sockets = self.access.sockets()?;
        let client = self.access.client(&sockets, reference.registry())?;
        let total = blobs.iter().map(|blob| blob.descriptor.size).sum();
        let progress = RefCell::new(Progress::new(Some(total)));
        sockets.run(async {
            for Blob { descriptor, bytes, path } in blobs {
                let name = path.as_os_str().as_bytes();
                let content = Counted { bytes, size: descriptor.size, name, progress: &progress };
                client.push_blob(&reference, &descriptor.digest, &content).await.map_err(failed)?;
            }
            let digest = client.push_manifest(&reference, MANIFEST, manifest).await.map_err(failed)?;
            let subject = described(MANIFEST, manifest);
            for (key, path) in keys.iter().zip(&self.sign) {
                let name = path.as_os_str().as_bytes();
                let bundle = key
                    .bundle(&digest)
                    .ok_or_else(|| Failure::new(codes::SIGNING_KEY, name, "signing failed"))?;
                cosign::attach(&client, &reference, &subject, &bundle).await.map_err(failed)?;
            }
            Ok(digest)
        })
    }
}

/// Parses `KEY=VALUE`. The value may be empty, and may have further `=`.
fn annotation(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or("expected KEY=VALUE")?;
    if key == EPOCH && Release::epoch(value).is_none() {
        return Err("an epoch must be a decimal number".into());
    }
    Ok((key.into(), value.into()))
}

/// Stores a blob in a layout.
fn keep(layout: &Layout, blob: &Blob) -> Result<(), Failure> {
    match &blob.bytes {
        Bytes::Memory(bytes) => layout.put_blob(&blob.descriptor.digest, bytes),
        Bytes::File(_) => {
            let partial = Partial::open(&layout.place(&blob.descriptor.digest)?)?;
            // Opened again, to read from its start.
            stored::copy(&blob.path, &open(&blob.path)?, &blob.descriptor, &partial)?;
            partial.finish()
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::new(codes::FILE, path.as_os_str().as_bytes(), error))
}

fn read(part: &PartFile) -> Result<Blob, Failure> {
    let name = part.path.as_os_str().as_bytes();
    let known = match &part.media_type {
        Some(media_type) => Some(media_type.clone()),
        None => recognized(&part.path)?.map(String::from),
    };
    let media_type = known.ok_or_else(|| Failure::new(codes::PART, name, "content not recognized"))?;
    let file = open(&part.path)?;
    let (digest, size) = stored::digest(&part.path, &file, Algorithm::Sha256, &mut |_| Ok(()))?;
    let title = part.path.file_name().map(|name| (TITLE.into(), name.to_string_lossy().into_owned()));
    let annotations = title.into_iter().collect();
    let descriptor =
        Descriptor { media_type, digest, size, artifact_type: None, platform: None, annotations };
    Ok(Blob { descriptor, bytes: Bytes::File(file), path: part.path.clone() })
}

/// Recognizes a file by its first bytes; a compressed one is unpacked in memory.
fn recognized(path: &Path) -> Result<Option<&'static str>, Failure> {
    let failed = |error| Failure::new(codes::FILE, path.as_os_str().as_bytes(), error);
    let mut head = Vec::new();
    open(path)?.take(HEAD).read_to_end(&mut head).map_err(failed)?;
    if part::is_packed(&head) {
        head = fs::read(path).map_err(failed)?;
    }
    Ok(part::of_content(&head))
}

fn configuration(bytes: Vec<u8>) -> Blob {
    Blob { descriptor: described(CONFIG, &bytes), bytes: Bytes::Memory(bytes), path: PathBuf::new() }
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    }
}
