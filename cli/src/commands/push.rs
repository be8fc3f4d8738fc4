// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot push`.

use std::{cell::RefCell, ffi::OsString, fs, os::unix::ffi::OsStrExt, path::Path};

use arch::Arch;
use artifact::types::{CONFIG, TITLE};
use clap::Args;
use http::Content;
use oci::{
    Algorithm, Digest, Reference,
    spec::{Descriptor, MANIFEST, Manifest},
};
use serde::Serialize;

use crate::{
    codes,
    failure::{Failure, Stop},
    printer::{Printer, text},
    progress::Progress,
    registry::{self, Access, layout::Layout, part, part::Said},
};

/// Makes files an artifact in an OCI registry, or in a folder
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot push oci://registry.example/boot/linux:1 vmlinuz initrd.img cmdline.txt
      a kernel, an initrd and a command line, known by their content
  cloud-boot push --plain-http oci://127.0.0.1:5000/boot/linux:1 vmlinuz modules.img:modules
      the kind of a file where its content does not say it
  cloud-boot push oci:artifacts:1 vmlinuz initrd.img
      into an image layout, a folder, without a registry

Logins are those of `docker login` and `podman login`, credential helpers included.")]
pub struct Options {
    /// Where to: oci://HOST/REPOSITORY:TAG, or oci:FOLDER:TAG
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// The parts, in order: FILE, or FILE:KIND with kernel, initrd, cmdline, modules, modloop, apkovl, plan, disk or a
    /// media type
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,
    /// What the artifact is for; by default this machine's architecture
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
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
}

/// Something that the manifest names, and its bytes.
type Blob = (Descriptor, Vec<u8>);

impl Options {
    /// Pushes.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let platform = registry::platform(self.arch);
        let machine = format!(r#"{{"architecture":"{}","os":"{}"}}"#, platform.arch.oci(), platform.os);
        let config = described(CONFIG, machine.into_bytes(), None);
        let parts = self.files.iter().map(|file| read(&Said::parse(file))).collect::<Result<Vec<_>, _>>()?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.into()),
            artifact_type: None,
            config: config.0.clone(),
            layers: parts.iter().map(|(descriptor, _)| descriptor.clone()).collect(),
            subject: None,
            annotations: Default::default(),
        };
        let manifest = serde_json::to_vec(&manifest)
            .map_err(|error| Failure::new(codes::OUTPUT, &self.reference, error))?;
        let blobs: Vec<Blob> = [config].into_iter().chain(parts).collect();
        let digest = match Layout::parse(&self.reference) {
            Some(layout) => {
                for (descriptor, bytes) in &blobs {
                    layout.put_blob(&descriptor.digest, bytes)?;
                }
                layout.put_manifest(&manifest)?
            }
            None => self.push(&blobs, &manifest)?,
        };
        if self.json {
            let (reference, digest) = (self.reference.clone(), digest.to_string());
            return printer.json(&Report { reference, digest });
        }
        printer.line(format_args!("{}: {digest}", text(self.reference.as_bytes())))
    }

    fn push(&self, blobs: &[Blob], manifest: &[u8]) -> Result<Digest, Failure> {
        let failed = |error: oci::Error| registry::failed(&error);
        let reference = Reference::parse(&self.reference).map_err(failed)?;
        let sockets = self.access.sockets()?;
        let client = self.access.client(&sockets, reference.registry())?;
        let total = blobs.iter().map(|(descriptor, _)| descriptor.size).sum();
        let progress = RefCell::new(Progress::new(Some(total)));
        sockets.run(async {
            for (descriptor, bytes) in blobs {
                let name = descriptor.annotations.get(TITLE).map(String::as_bytes).unwrap_or_default();
                let content = Counted { bytes, name, progress: &progress };
                client.push_blob(&reference, &descriptor.digest, &content).await.map_err(failed)?;
            }
            client.push_manifest(&reference, MANIFEST, manifest).await.map_err(failed)
        })
    }
}

/// A part that is on its way.
struct Counted<'a> {
    bytes: &'a [u8],
    name: &'a [u8],
    progress: &'a RefCell<Progress>,
}

impl Content for Counted<'_> {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.progress.borrow_mut().add(self.name, buffer.len());
        self.bytes.read_at(offset, buffer)
    }
}

fn read(said: &Said) -> Result<Blob, Failure> {
    let name = said.path.as_os_str().as_bytes();
    let bytes = fs::read(&said.path).map_err(|error| Failure::new(codes::FILE, name, error))?;
    let known = said.media_type.as_deref().or_else(|| part::of_content(&bytes));
    let media_type =
        known.ok_or_else(|| Failure::new(codes::PART, name, "not clear what it is"))?.to_string();
    Ok(described(&media_type, bytes, Some(&said.path)))
}

fn described(media_type: &str, bytes: Vec<u8>, path: Option<&Path>) -> Blob {
    let title = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let descriptor = Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, &bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: title.into_iter().map(|title| (TITLE.to_string(), title)).collect(),
    };
    (descriptor, bytes)
}
