// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot build`.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use arch::Arch;
use clap::Args;
use config::{Config, Origin, Text, Trust};
use image::{own, pe::append};
use qemu::emulated;
use serde::Serialize;
use sigstore::{PublicKey, TrustedRoot};

use crate::{
    codes,
    failure::{Failure, Stop},
    input, loader, output,
    place::usage,
    printer::{Printer, size, text},
};

/// Bytes of the largest file of keys.
const LARGEST_KEY: u64 = 64 << 10;
/// Bytes of the largest trust root.
const LARGEST_ROOT: u64 = 1 << 20;

/// Builds keys, root certificates and settings into a loader
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot build --cosign-key cosign.pub --out loader.efi
      boots nothing from a network that this key has not signed
  cloud-boot build --cosign-key a.pub --cosign-key b.pub --threshold 2 --arch aarch64 --out loader.efi
      both must have signed
  cloud-boot build --cosign-key cosign.pub --ca ca.pem --cmdline cloudboot.image=registry.example/boot/linux:1 \\
      --out loader.efi
      boots that image, from a registry whose certificate ca.pem vouches for
  cloud-boot iso --uki linux/amd64=loader.efi --out boot.iso
      a boot image of it

With a key built in the machine is locked: files beside the loader, variables and metadata set only what cannot weaken
it. What is built in is protected by the signature of the loader and Secure Boot, or by whoever may write the medium.")]
pub struct Options {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The architecture that the loader is for; else this machine's
    #[arg(long, value_parser = emulated::parser())]
    arch: Option<Arch>,
    /// An unsigned loader to build into, instead of the one in this program
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,
    /// A public key whose signature is asked for, PEM; may be repeated
    #[arg(long, value_name = "FILE")]
    cosign_key: Vec<PathBuf>,
    /// How many of the keys must have signed
    #[arg(long, value_name = "N", requires = "cosign_key")]
    threshold: Option<u32>,
    /// The trust root of signatures without a key of their own, trusted_root.json
    #[arg(long, value_name = "FILE", requires = "identity", requires = "issuer")]
    trusted_root: Option<PathBuf>,
    /// Who may sign with it, as the certificate names them; `*` is any text
    #[arg(long, value_name = "PATTERN", requires = "trusted_root")]
    identity: Option<String>,
    /// Who vouches for that identity; `*` is any text
    #[arg(long, value_name = "PATTERN", requires = "trusted_root")]
    issuer: Option<String>,
    /// Root certificates that the loader trusts besides Mozilla's, PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Further settings, words cloudboot.KEY=VALUE
    #[arg(long, value_name = "WORDS")]
    cmdline: Option<String>,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    out: String,
    arch: &'static str,
    size: u64,
    sha256: String,
    keys: Vec<String>,
    settings: String,
}

impl Options {
    /// Writes the loader.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let arch = self.arch.unwrap_or(own_arch());
        let program = match &self.loader {
            Some(path) => loader::read(arch, path)?,
            None => loader::embedded_for(arch)?,
        };
        let keys = self.keys()?;
        let pem: Vec<u8> = keys.iter().flat_map(|(pem, _)| pem.iter().copied().chain(*b"\n")).collect();
        let root = self.trusted_root.as_deref().map(trusted_root).transpose()?;
        let ca = self.ca.as_deref().map(loader::certificates).transpose()?;
        let settings = self.settings()?;
        let sections = [
            (own::CMDLINE, settings.as_bytes()),
            (own::KEYS, &pem),
            (own::TRUSTED_ROOT, root.as_deref().unwrap_or_default()),
            (own::ROOTS, ca.as_deref().unwrap_or_default()),
        ];
        let sections: Vec<_> = sections.into_iter().filter(|(_, data)| !data.is_empty()).collect();
        let object = self.loader.as_deref().unwrap_or(Path::new("the loader")).as_os_str().as_bytes();
        let made = append::with_sections(&program, &sections);
        let made = made.map_err(|error| Failure::new(codes::PROGRAM, object, error))?;
        output::write(&self.out, self.force, &made)?;
        let keys: Vec<String> = keys.into_iter().map(|(_, key)| key.id()).collect();
        let out = self.out.as_os_str().as_bytes();
        if self.json {
            return printer.json(&Report {
                out: String::from_utf8_lossy(out).into(),
                arch: arch.name(),
                size: made.len() as u64,
                sha256: output::sum(&made),
                keys,
                settings,
            });
        }
        keys.iter().try_for_each(|key| printer.line(format_args!("key {key}")))?;
        printer.line(format_args!("{}: {} for {}", text(out), size(made.len() as u64), arch.name()))
    }

    /// Each key as it stands in its file, and what it is.
    fn keys(&self) -> Result<Vec<(Vec<u8>, PublicKey)>, Stop> {
        let read = |path: &PathBuf| {
            let pem = input::read(path, LARGEST_KEY, &|_| Ok(()))?;
            let object = path.as_os_str().as_bytes();
            let key = PublicKey::from_pem(&pem).map_err(|error| Failure::new(codes::FILE, object, error))?;
            Ok((pem, key))
        };
        let keys = self.cosign_key.iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
        let threshold = self.threshold.unwrap_or(1);
        if self.threshold == Some(0) || threshold as usize > keys.len().max(1) {
            let cause =
                format!("--threshold {threshold}: from 1 to {}, as many as there are keys", keys.len());
            return Err(usage(&cause));
        }
        Ok(keys)
    }

    /// The settings, checked as the loader will check them.
    fn settings(&self) -> Result<String, Stop> {
        let word = |name: &str, value: &str| format!("cloudboot.cosign.{name}=\"{value}\"");
        let threshold = self.threshold.map(|number| word("threshold", &number.to_string()));
        let identity = self.identity.as_deref().map(|identity| word("identity", identity));
        let issuer = self.issuer.as_deref().map(|issuer| word("issuer", issuer));
        let words = [threshold, identity, issuer, self.cmdline.clone()];
        let line = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let config = Config::resolve(&[Text::new(Origin::Section, line.as_bytes())], Trust::Open);
        match config.problems().first() {
            Some(problem) => Err(usage(&format!("--cmdline: {problem}"))),
            None => Ok(line),
        }
    }
}

/// This machine's; x86_64 on one that no loader is for.
fn own_arch() -> Arch {
    std::env::consts::ARCH.parse().unwrap_or(Arch::X86_64)
}

/// A file of a trust root.
fn trusted_root(path: &Path) -> Result<Vec<u8>, Failure> {
    let json = input::read(path, LARGEST_ROOT, &|_| Ok(()))?;
    let parsed = TrustedRoot::parse(&json);
    parsed.map_err(|error| Failure::new(codes::FILE, path.as_os_str().as_bytes(), error))?;
    Ok(json)
}
