// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot pull`.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use arch::Arch;
use artifact::types::TITLE;
use clap::Args;
use oci::{
    Digest, Reference, Sink,
    spec::{Descriptor, Manifest},
};
use serde::Serialize;

use crate::{
    codes,
    failure::{Failure, Stop},
    printer::{Printer, size, text},
    progress::Progress,
    registry::{self, Access, Partial, layout::Layout, part},
};

/// Gets the parts of an artifact from an OCI registry, or from a folder, as files
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot pull oci://registry.example/boot/linux:1
      its parts, as files in this folder
  cloud-boot pull --plain-http oci://127.0.0.1:5000/boot/linux:1 --arch riscv64 --out files
      the parts for another architecture
  cloud-boot pull --plain-http oci://127.0.0.1:5000/boot/linux:1 --out oci:artifacts:1
      the unchanged artifact, to an image layout

Every byte is checked against its digest before a file gets its name. A pull that ends early leaves .NAME.partial, and
the next pull of the same artifact fetches the rest.")]
pub struct Options {
    /// Where from: oci://HOST/REPOSITORY:TAG, with @sha256:HEX to pin it, or oci:FOLDER:TAG
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// The folder for the files, or oci:FOLDER:TAG
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: String,
    /// The architecture to pull for; by default this machine's
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// Overwrite files
    #[arg(long)]
    force: bool,
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
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    path: String,
    media_type: String,
    size: u64,
    digest: String,
}

/// What was pulled.
struct Pulled {
    digest: Digest,
    manifest: Manifest,
}

/// A blob, and its download.
type Part<'m> = (&'m Descriptor, Partial);

impl Options {
    /// Pulls.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let target = Layout::parse(&self.out);
        let pulled = match Layout::parse(&self.reference) {
            Some(layout) => self.of_layout(&layout, target.as_ref())?,
            None => self.of_registry(target.as_ref())?,
        };
        let files = match target {
            Some(_) => Vec::new(),
            None => self.files(&pulled.manifest),
        };
        if self.json {
            let (reference, digest) = (self.reference.clone(), pulled.digest.to_string());
            return printer.json(&Report { reference, digest, files });
        }
        printer.line(format_args!("{}: {}", text(self.reference.as_bytes()), pulled.digest))?;
        for file in files {
            printer.line(format_args!(
                "{}: {}, {}",
                text(file.path.as_bytes()),
                size(file.size),
                text(file.media_type.as_bytes())
            ))?;
        }
        Ok(())
    }

    fn of_layout(&self, layout: &Layout, target: Option<&Layout>) -> Result<Pulled, Failure> {
        let (digest, manifest) = layout.manifest(&registry::platform(self.arch)?)?;
        let bytes = layout.bytes(&digest)?;
        // Checked before anything is written.
        let blobs = described(&manifest).map(|one| Ok((one, layout.open(one)?)));
        let blobs = blobs.collect::<Result<Vec<_>, Failure>>()?;
        let parts = self.parts(&manifest, target)?;
        for (descriptor, partial) in &parts {
            let blob = blobs.iter().find(|(one, _)| std::ptr::eq(*one, *descriptor));
            if let Some((_, file)) = blob {
                layout.copy(descriptor, file, partial)?;
            }
        }
        finish(&parts, target, &bytes)?;
        Ok(Pulled { digest, manifest })
    }

    fn of_registry(&self, target: Option<&Layout>) -> Result<Pulled, Failure> {
        let failed = |error: oci::Error| registry::failed(&error);
        let reference = Reference::parse(&self.reference).map_err(failed)?;
        let sockets = self.access.sockets()?;
        let client = self.access.client(&sockets, reference.registry())?;
        let platform = registry::platform(self.arch)?;
        sockets.run(async {
            let image = client.resolve(&reference, &platform).await.map_err(failed)?;
            let pinned = reference.with_digest(image.manifest_digest);
            let document = client.document(&pinned).await.map_err(failed)?;
            let parts = self.parts(&image.manifest, target)?;
            let total = parts.iter().map(|(descriptor, _)| descriptor.size).try_fold(0, u64::checked_add);
            let progress = RefCell::new(Progress::new(total));
            let arrived = |bytes: usize| progress.borrow_mut().add(self.reference.as_bytes(), bytes);
            let jobs = parts.iter().map(|(descriptor, partial)| (*descriptor, partial as &dyn Sink));
            client.blobs_to(&reference, jobs.collect(), &arrived).await.map_err(failed)?;
            finish(&parts, target, &document.bytes)?;
            Ok(Pulled { digest: document.digest, manifest: image.manifest })
        })
    }

    /// What to fetch, and to where: into a layout all blobs, each once; into a folder the parts of the artifact.
    fn parts<'m>(&self, manifest: &'m Manifest, target: Option<&Layout>) -> Result<Vec<Part<'m>>, Failure> {
        let Some(layout) = target else {
            let targets = self.targets(manifest)?;
            let folder = Path::new(&self.out);
            fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
            let open = |(path, descriptor): (PathBuf, _)| Ok((descriptor, Partial::open(&path)?));
            return targets.into_iter().map(open).collect();
        };
        let mut seen = BTreeSet::new();
        let once = described(manifest).filter(|descriptor| seen.insert(&descriptor.digest));
        let open =
            |descriptor: &'m Descriptor| Ok((descriptor, Partial::open(&layout.place(&descriptor.digest)?)?));
        once.map(open).collect()
    }

    /// Target files of the parts: no two have the same name, and none exists already.
    fn targets<'m>(&self, manifest: &'m Manifest) -> Result<Vec<(PathBuf, &'m Descriptor)>, Failure> {
        let folder = Path::new(&self.out);
        let mut names = BTreeSet::new();
        let mut targets = Vec::new();
        for descriptor in &manifest.layers {
            let name = file_name(descriptor);
            let path: PathBuf = folder.join(&name);
            if !names.insert(name) {
                return Err(failed(&path, &"two parts have this name"));
            }
            if !self.force && fs::symlink_metadata(&path).is_ok() {
                return Err(failed(&path, &"it already exists; --force overwrites it"));
            }
            targets.push((path, descriptor));
        }
        Ok(targets)
    }

    fn files(&self, manifest: &Manifest) -> Vec<File> {
        let file = |descriptor: &Descriptor| File {
            path: Path::new(&self.out).join(file_name(descriptor)).to_string_lossy().into_owned(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            digest: descriptor.digest.to_string(),
        };
        manifest.layers.iter().map(file).collect()
    }
}

/// Once all blobs are complete: gives the files their names, and a layout its manifest.
fn finish(parts: &[Part<'_>], target: Option<&Layout>, manifest: &[u8]) -> Result<(), Failure> {
    for (_, partial) in parts {
        partial.finish()?;
    }
    if let Some(layout) = target {
        layout.put_manifest(manifest)?;
    }
    Ok(())
}

fn failed(path: &Path, cause: &dyn ToString) -> Failure {
    Failure::new(codes::TARGET, path.as_os_str().as_bytes(), cause.to_string())
}

/// All blobs of a manifest, the configuration first.
fn described(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    [&manifest.config].into_iter().chain(&manifest.layers)
}

/// The name for a part's file: its title if that is a plain name, else its kind, else its digest.
fn file_name(descriptor: &Descriptor) -> String {
    let title = descriptor.annotations.get(TITLE).filter(|title| {
        let is_name = Path::new(title).file_name() == Some(OsStr::new(title.as_str()));
        is_name && !title.starts_with('.') && !title.chars().any(char::is_control)
    });
    let kind = || part::name_of(&descriptor.media_type).map(String::from);
    title.cloned().or_else(kind).unwrap_or_else(|| descriptor.digest.hex().into())
}

#[cfg(test)]
mod tests {
    use oci::Algorithm;

    use super::*;

    #[test]
    fn no_title_leads_out_of_the_folder() {
        let name = |title: &str| {
            file_name(&Descriptor {
                media_type: "application/vnd.cloud-boot.kernel.v1".into(),
                digest: Digest::of(Algorithm::Sha256, b""),
                size: 0,
                artifact_type: None,
                platform: None,
                annotations: [(TITLE.to_string(), title.to_string())].into(),
            })
        };
        assert_eq!(name("vmlinuz-6.12"), "vmlinuz-6.12");
        for title in ["../x", "/x", "a/b", ".", "..", "", ".bashrc", "a\n"] {
            assert_eq!(name(title), "kernel", "{title}");
        }
    }
}
