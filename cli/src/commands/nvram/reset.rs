// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot nvram reset`.

use std::{
    fs::File,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::{Path, PathBuf},
};

use clap::{ArgGroup, Args};
use efi::{
    log,
    varstore::{self, Variable},
};
use flow::{CACHE_VARIABLE, EPOCH_VARIABLE};
use serde::Serialize;

use crate::{
    codes,
    failure::{Failure, Stop},
    input,
    printer::{Printer, text},
};

/// Bytes of the largest file that is read.
const LARGEST: u64 = 128 << 20;
/// Magic of qcow2, in which offsets of the store are not offsets in the file.
const QCOW2: &[u8] = b"QFI\xfb";

/// Removes from the variables of a machine that is off: epochs of signed images, digests of the cache
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot nvram reset --epoch OVMF_VARS_4M.fd
      forgets the highest epochs of images that were started: older signed images can start again
  cloud-boot nvram reset --cache OVMF_VARS_4M.fd
      forgets what the cache holds: nothing starts from it until the registry has been reached again

The machine must be off: its firmware keeps the store in memory. The loader removes the files of a forgotten cache by
itself.")]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["epoch", "cache"])))]
pub struct Options {
    /// A variable store of EDK II, raw
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The epochs below which signed images are refused
    #[arg(long)]
    epoch: bool,
    /// What the slots of cloudboot.cache hold
    #[arg(long)]
    cache: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    removed: Vec<String>,
}

impl Options {
    /// Removes the variables.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let removed = remove(&self.file, &|name| self.is_meant(name))?;
        let file = text(self.file.as_os_str().as_bytes());
        if self.json {
            return printer.json(&Report { removed });
        }
        removed
            .iter()
            .try_for_each(|name| printer.line(format_args!("removed {}", text(name.as_bytes()))))?;
        if self.epoch {
            match removed.iter().filter(|name| is_epoch(name)).count() {
                0 => printer.line(format_args!("{file}: no epochs found"))?,
                1 => printer.line(format_args!("{file}: 1 epoch removed"))?,
                count => printer.line(format_args!("{file}: {count} epochs removed"))?,
            }
        }
        if self.cache {
            match removed.iter().any(|name| name == CACHE_VARIABLE) {
                false => printer.line(format_args!("{file}: no cache found"))?,
                true => printer.line(format_args!("{file}: cache removed"))?,
            }
        }
        Ok(())
    }

    /// Whether to remove a variable of cloud-boot.
    fn is_meant(&self, name: &str) -> bool {
        (self.epoch && is_epoch(name)) || (self.cache && name == CACHE_VARIABLE)
    }
}

fn is_epoch(name: &str) -> bool {
    name.starts_with(EPOCH_VARIABLE)
}

/// Marks variables of cloud-boot as deleted in the file, one byte each, and returns their names.
fn remove(path: &Path, is_meant: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Failure> {
    let object = path.as_os_str().as_bytes();
    let failed = |cause: &dyn ToString| Failure::new(codes::NVRAM, object, cause.to_string());
    let bytes = input::read(path, LARGEST, &|head| match head.starts_with(QCOW2) {
        true => Err(failed(&"it is qcow2, which is read-only; convert it first: qemu-img convert -O raw")),
        false => Ok(()),
    })?;
    let (start, length) = varstore::find(&bytes).ok_or_else(|| failed(&"no variable store in it"))?;
    let volume = bytes.get(start..).unwrap_or_default();
    let volume = volume.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(volume);
    let is_meant = |variable: &Variable| variable.vendor == log::VENDOR && is_meant(&variable.name);
    let deletions = varstore::deletions(volume, &is_meant).map_err(|error| failed(&error))?;
    if deletions.is_empty() {
        return Ok(Vec::new());
    }
    let written = File::options().write(true).open(path).and_then(|file| {
        for deletion in &deletions {
            file.write_all_at(&[deletion.state], (start + deletion.at) as u64)?;
        }
        file.sync_all()
    });
    written.map_err(|error| Failure::new(codes::TARGET, object, error))?;
    let mut names: Vec<String> = deletions.into_iter().map(|deletion| deletion.name).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
