// SPDX-License-Identifier: BSD-3-Clause
//! What is built into a loader: keys, root certificates and settings, each in its own section.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use config::{Config, Cosign, Origin, Text, Trust};
use flow::OwnSections;
use image::{own, pe::Pe};
use serde::Serialize;
use sigstore::PublicKey;
use tls::Roots;

use crate::{
    codes,
    failure::{Failure, Stop},
    loader,
    printer::{Printer, size, text},
};

/// A loader, and what is in it.
#[derive(Serialize)]
pub struct BuiltIn {
    /// The kind of file, for programs that read the report.
    kind: &'static str,
    arch: String,
    size: u64,
    /// Whether it has an Authenticode signature, as Secure Boot requires.
    signed: bool,
    /// Digests of the keys that must sign what it boots from the network.
    keys: Vec<String>,
    /// Files beside the loader that its settings name as additional keys.
    key_files: Vec<KeyFile>,
    /// Whether keyless signatures are accepted, too.
    trusted_root: bool,
    /// How many root certificates it trusts besides Mozilla's.
    roots: usize,
    /// Its settings; secrets are `***`.
    cmdline: String,
    /// What it starts from a registry.
    policy: String,
    /// Whether files beside it, variables and metadata can set only what does not weaken it.
    locked: bool,
}

/// A key file on the volume that the loader is started from.
#[derive(Serialize)]
struct KeyFile {
    path: String,
    /// The required digest; a file without one is ignored, since anyone who can write to the volume can change it.
    digest: Option<String>,
}

/// What is built into a file, if it is a cloud-boot loader; else none.
///
/// # Errors
/// When the file cannot be read, or its sections are invalid.
pub fn read(path: &OsStr) -> Result<Option<BuiltIn>, Failure> {
    let path = Path::new(path);
    if !starts_like_a_program(path).unwrap_or(false) {
        return Ok(None);
    }
    let bytes = loader::read_any(path)?;
    let whole = |range: std::ops::Range<u64>| {
        bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?).map(<[u8]>::to_vec)
    };
    if !own::is_own_loader(&bytes, bytes.len() as u64, &whole) {
        return Ok(None);
    }
    let object = path.as_os_str().as_encoded_bytes();
    let failed = |error: &dyn ToString| Failure::new(codes::PROGRAM, object, error.to_string());
    let pe = Pe::parse(&bytes).map_err(|error| failed(&error))?;
    let section = |name: &str| pe.section(name).unwrap_or_default();
    let keys = match section(own::KEYS) {
        [] => Vec::new(),
        pem => PublicKey::all_from_pem(pem).map_err(|error| failed(&error))?,
    };
    let roots = match section(own::ROOTS) {
        [] => 0,
        pem => Roots::none().add_pem(own::ROOTS, pem).map_err(|error| failed(&error))?,
    };
    let config = settings(section(own::CMDLINE));
    let key_files: Vec<KeyFile> = config.cosign_keys().map(KeyFile::of).collect();
    let is_pinned = |named: &str| flow::pinned(named).is_ok();
    let own =
        OwnSections { keys: section(own::KEYS).to_vec(), trusted_root: section(own::TRUSTED_ROOT).to_vec() };
    let trusted_root = config.cosign_trusted_root().map_or(!own.trusted_root.is_empty(), is_pinned);
    let has_signer = trusted_root || !keys.is_empty() || key_files.iter().any(|file| file.digest.is_some());
    let is_locked = flow::trust_of(&config, &own, false) != Trust::Open;
    Ok(Some(BuiltIn {
        kind: "loader",
        arch: pe.headers.machine().to_string(),
        size: bytes.len() as u64,
        signed: !pe.certificates().is_empty(),
        locked: is_locked,
        keys: keys.iter().map(PublicKey::id).collect(),
        trusted_root,
        roots,
        cmdline: shown(section(own::CMDLINE)),
        policy: policy(&config, is_locked, has_signer),
        key_files,
    }))
}

/// The settings of a `.cmdline` section, as the loader has them.
pub fn settings(section: &[u8]) -> Config {
    Config::resolve(&[Text::new(Origin::Section, section)], Trust::Open)
}

/// The settings of a `.cmdline` section, secrets as `***`.
pub fn shown(section: &[u8]) -> String {
    Text::new(Origin::Section, section).masked()
}

/// What it starts from a registry, as a sentence.
fn policy(config: &Config, is_locked: bool, has_signer: bool) -> String {
    let unpinned = "without a key, from a registry only what has a digest in its reference";
    let rule = match (is_locked, config.cosign()) {
        (_, Some(Cosign::Off)) => "anything: cloudboot.cosign=off starts whatever a registry has".into(),
        (true, Some(Cosign::Warn)) => {
            "cloudboot.cosign=warn starts what is not signed, with a warning".into()
        }
        (true, _) if !has_signer => "nothing from a registry: no key is valid".into(),
        (true, _) => match config.cosign_threshold() {
            1 => "from a registry, only what is signed by one of them".into(),
            count => format!("from a registry, only what is signed by {count} of them"),
        },
        (false, Some(Cosign::Enforce)) => {
            "nothing from a registry: cloudboot.cosign=enforce, and no key".into()
        }
        (false, _) => unpinned.into(),
    };
    if config.local() { format!("{rule}; entries on disks, too (cloudboot.local=1)") } else { rule }
}

/// Regular files only: reading from a pipe would consume it.
fn starts_like_a_program(path: &Path) -> io::Result<bool> {
    // Opening a pipe waits for its writer.
    if !fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut start = [0; 2];
    Ok(File::open(path)?.read_exact(&mut start).is_ok() && start == *b"MZ")
}

impl KeyFile {
    fn of(named: &str) -> Self {
        match flow::pinned(named) {
            Ok((path, digest)) => Self { path: path.into(), digest: Some(digest.to_string()) },
            Err(_) => Self { path: named.into(), digest: None },
        }
    }
}

impl BuiltIn {
    /// Prints it.
    pub fn show(&self, name: &OsStr, printer: &mut Printer) -> Result<(), Stop> {
        let secure = if self.signed { ", signed for Secure Boot" } else { "" };
        let name = text(name.as_encoded_bytes());
        printer.line(format_args!(
            "{name}: cloud-boot's loader for {}, {}{secure}",
            self.arch,
            size(self.size)
        ))?;
        for key in &self.keys {
            printer.line(format_args!("  key      {key}"))?;
        }
        for KeyFile { path, digest } in &self.key_files {
            let path = text(path.as_bytes());
            match digest {
                Some(digest) => printer.line(format_args!("  key      in {path}, which must be {digest}"))?,
                None => printer.line(format_args!(
                    "  key      in {path} is ignored: no digest; expected /PATH@sha256:HEX"
                ))?,
            }
        }
        if self.trusted_root {
            printer.line(format_args!("  keyless  a trusted root"))?;
        }
        if self.roots > 0 {
            printer.line(format_args!("  roots    {} besides Mozilla's", self.roots))?;
        }
        if !self.cmdline.is_empty() {
            printer.line(format_args!("  settings {}", text(self.cmdline.as_bytes())))?;
        }
        printer.line(format_args!("  policy   {}", self.policy))
    }
}
