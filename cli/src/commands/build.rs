// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot build`.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use arch::Arch;
use clap::Args;
use config::{Config, Origin, Text, Trust};
use cosign::{Keyless, Policy};
use image::{own, pe::append};
use qemu::emulated;
use serde::Serialize;
use sigstore::{Identity, PublicKey, TrustedRoot};

use crate::{
    built_in, codes,
    failure::{Failure, Stop},
    host,
    image_path::usage,
    input, loader, output,
    printer::{Printer, size, text},
};

/// Builds keys, root certificates and settings into a loader
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot build --cosign-key cosign.pub --out loader.efi
      boots nothing from the network without a signature of this key
  cloud-boot build --cosign-key a.pub --cosign-key b.pub --threshold 2 --arch aarch64 --out loader.efi
      both must have signed
  cloud-boot build --cosign-key cosign.pub --ca ca.pem --cmdline cloudboot.image=registry.example/boot/linux:1 \\
      --out loader.efi
      boots that image, from a registry whose certificate the CA in ca.pem issued
  cloud-boot iso --uki linux/amd64=loader.efi --out boot.iso
      a boot image with that loader

With a key built in, the machine is locked: files beside the loader, variables and metadata can set only what does not
weaken it. Secure Boot and the loader's signature protect what is built in; without them, whoever can write to the
medium can change it.")]
pub struct Options {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The architecture that the loader is for; by default this machine's
    #[arg(long, value_parser = emulated::parser())]
    arch: Option<Arch>,
    /// An unsigned loader to build into, instead of the one in this program
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,
    /// A public key whose signature is required, PEM; may be given several times
    #[arg(long, value_name = "FILE")]
    cosign_key: Vec<PathBuf>,
    /// How many of the keys must have signed
    #[arg(long, value_name = "N", requires = "cosign_key")]
    threshold: Option<u32>,
    /// The trusted root of keyless signatures, trusted_root.json
    #[arg(long, value_name = "FILE", requires = "identity", requires = "issuer")]
    trusted_root: Option<PathBuf>,
    /// The identity that may sign, as its certificate names it; `*` is any text
    #[arg(long, value_name = "PATTERN", requires = "trusted_root")]
    identity: Option<String>,
    /// The issuer that vouches for that identity; `*` is any text
    #[arg(long, value_name = "PATTERN", requires = "trusted_root")]
    issuer: Option<String>,
    /// Root certificates that the loader trusts besides Mozilla's, PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// More settings, words cloudboot.KEY=VALUE
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
        let arch = host::arch_or_own(self.arch)?;
        let program = match &self.loader {
            Some(path) => loader::read(arch, path)?,
            None => loader::embedded_for(arch)?,
        };
        let pem = self.keys()?;
        let root = self.trusted_root.as_deref().map(trusted_root).transpose()?;
        let ca = self.ca.as_deref().map(loader::certificates).transpose()?;
        let settings = self.settings()?;
        let config = built_in::settings(settings.as_bytes());
        let keys = self.expect_signers(&config, &pem, root.as_deref())?;
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
        let keys: Vec<String> = keys.iter().map(PublicKey::id).collect();
        let out = self.out.as_os_str().as_bytes();
        if self.json {
            return printer.json(&Report {
                out: String::from_utf8_lossy(out).into(),
                arch: arch.name(),
                size: made.len() as u64,
                sha256: output::sum(&made),
                keys,
                settings: built_in::shown(settings.as_bytes()),
            });
        }
        keys.iter().try_for_each(|key| printer.line(format_args!("key {key}")))?;
        printer.line(format_args!("{}: {} for {}", text(out), size(made.len() as u64), arch.name()))
    }

    /// All keys, concatenated.
    fn keys(&self) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        for path in &self.cosign_key {
            let pem = input::read(path, PublicKey::LARGEST as u64, &|_| Ok(()))?;
            let object = path.as_os_str().as_bytes();
            PublicKey::from_pem(&pem).map_err(|error| Failure::new(codes::FILE, object, error))?;
            all.extend(pem.iter().chain(b"\n"));
        }
        Ok(all)
    }

    /// The keys, if the loader could accept a signature under these settings.
    fn expect_signers(
        &self,
        config: &Config,
        pem: &[u8],
        root: Option<&[u8]>,
    ) -> Result<Vec<PublicKey>, Stop> {
        let object = self.out.as_os_str().as_bytes();
        let failed = |cause: &dyn ToString| Failure::new(codes::FILE, object, cause.to_string());
        let keys = match pem {
            [] => Vec::new(),
            pem => PublicKey::all_from_pem(pem).map_err(|error| failed(&error))?,
        };
        let root = root.map(TrustedRoot::parse).transpose().map_err(|error| failed(&error))?;
        let identity = config
            .cosign_identity()
            .map(|(identity, issuer)| Identity { identity: identity.into(), issuer: issuer.into() });
        let keyless = root.zip(identity).map(|(root, identity)| Keyless { root, identity });
        if keys.is_empty() && keyless.is_none() {
            return Ok(keys);
        }
        let threshold = config.cosign_threshold() as usize;
        let policy = Policy { keys, threshold, keyless };
        policy.check().map_err(|cause| usage(&cause.to_string()))?;
        Ok(policy.keys)
    }

    /// The settings, checked as the loader will check them.
    fn settings(&self) -> Result<String, Stop> {
        let word = |name: &str, value: &str| format!("cloudboot.cosign.{name}=\"{value}\"");
        let threshold = self.threshold.map(|number| word("threshold", &number.to_string()));
        let identity = self.identity.as_deref().map(|identity| word("identity", identity));
        let issuer = self.issuer.as_deref().map(|issuer| word("issuer", issuer));
        if [&self.identity, &self.issuer].into_iter().flatten().any(|text| text.contains('"')) {
            return Err(usage("--identity and --issuer must not contain quotes"));
        }
        // Dedicated options come last, and override --cmdline.
        let words = [self.cmdline.clone(), threshold, identity, issuer];
        let line = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let config = Config::resolve(&[Text::new(Origin::Section, line.as_bytes())], Trust::Open);
        if let Some(problem) = config.problems().first() {
            return Err(usage(&format!("--cmdline: {problem}")));
        }
        expect_pinned(&config)?;
        Ok(line)
    }
}

/// Refuses key files without a digest: anyone who can write to the volume could change them, so the loader skips them.
fn expect_pinned(config: &Config) -> Result<(), Stop> {
    let keys = config.cosign_keys().map(|named| ("cloudboot.cosign.key", named, "--cosign-key FILE"));
    let root = config.cosign_trusted_root();
    let root = root.map(|named| ("cloudboot.cosign.trusted-root", named, "--trusted-root FILE"));
    for (name, named, option) in keys.chain(root) {
        flow::pinned(named).map_err(|cause| {
            usage(&format!(
                "--cmdline: {name}={named}: {cause}, or use {option}, which builds it into the loader"
            ))
        })?;
    }
    Ok(())
}

/// Reads a trusted root from a file.
fn trusted_root(path: &Path) -> Result<Vec<u8>, Failure> {
    let json = input::read(path, TrustedRoot::LARGEST as u64, &|_| Ok(()))?;
    let parsed = TrustedRoot::parse(&json);
    parsed.map_err(|error| Failure::new(codes::FILE, path.as_os_str().as_bytes(), error))?;
    Ok(json)
}
