// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot status`.

use std::{
    fs::{self, File},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use clap::Args;
use efi::{interface, text};
use entries::Counted;
use serde::Serialize;

use super::nvram::{Report, show_cloud_boot};
use crate::{
    codes,
    failure::{Failure, Stop},
    images::Backing,
    nvram,
    printer::{self, Printer},
};

/// Mount points of the ESP, in the order in which they are tried.
///
/// Source: systemd, `systemd-gpt-auto-generator(8)`; Debian, Fedora and openSUSE mount it at the second.
const MOUNTS: [&str; 3] = ["/efi", "/boot/efi", "/boot"];

/// How this system was booted: the loader's log, and the file that counts the tries of this boot
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot status
      the log of the loader
  cloud-boot status --bless
      marks this boot as good: its tries are no longer counted, and it can start from the cache without the registry
  cloud-boot status --bless --esp /mnt/esp
      the same, where the ESP is mounted elsewhere

systemd-bless-boot does the same as --bless by itself. Nothing changes if the tries of this boot are not counted.")]
pub struct Options {
    /// Removes the counters from the name of the file that counts the tries of this boot
    #[arg(long)]
    bless: bool,
    /// Where the ESP is mounted; by default /efi, /boot/efi or /boot
    #[arg(long, value_name = "DIR", requires = "bless")]
    esp: Option<PathBuf>,
    /// A folder in efivarfs format; by default the variables of this system
    #[arg(long, value_name = "DIR")]
    efivars: Option<PathBuf>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Status<'r> {
    log: &'r Option<serde_json::Value>,
    /// The file that counts tries, as the loader left it; none if they are not counted.
    counted: Option<String>,
    /// Its new name, if it was blessed.
    blessed: Option<String>,
}

impl Options {
    /// Prints it, and blesses the boot.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let (variables, failures) = nvram::read(self.efivars.as_deref(), &Backing::default())?;
        let is_path =
            |name: &str, vendor: &str| name == interface::BOOT_COUNT_PATH && vendor == interface::VENDOR;
        let path = variables.iter().find(|variable| is_path(&variable.name, &variable.vendor));
        let counted = path.map(|variable| text::decode(&variable.data).replace('\\', "/"));
        let report = Report::new(&variables).cloud_boot;
        let blessed = match &counted {
            Some(path) if self.bless => Some(bless(path, &self.mounts())?),
            _ => None,
        };
        if self.json {
            printer.json(&Status { log: &report.log, counted, blessed })?;
            return failures.end();
        }
        if !self.bless {
            show_cloud_boot(&report, printer)?;
        }
        let shown = |path: &str| printer::text(path.as_bytes());
        match (&counted, &blessed) {
            (_, Some(path)) => printer.line(format_args!("blessed: {}", shown(path)))?,
            (Some(path), None) => printer.line(format_args!("counted: {}", shown(path)))?,
            (None, None) => printer.line(format_args!("tries of this boot are not counted"))?,
        }
        failures.end()
    }

    fn mounts(&self) -> Vec<PathBuf> {
        match &self.esp {
            Some(folder) => [folder.clone()].into(),
            None => MOUNTS.iter().map(PathBuf::from).collect(),
        }
    }
}

/// Removes the counters from the file's name on the first volume that has it; returns the new path.
fn bless(path: &str, mounts: &[PathBuf]) -> Result<String, Failure> {
    let failed = |cause: &str| Failure::new(codes::BLESS, path, cause);
    let (folder, name) =
        parts(path).ok_or_else(|| failed("LoaderBootCountPath is not a path on a volume"))?;
    let counted = Counted::parse(name);
    if counted.left.is_none() {
        return Err(failed("its name has no counters"));
    }
    let good = format!("{folder}/{}", counted.id);
    for mount in mounts {
        let of_mount = |path: &str| mount.join(path.trim_start_matches('/'));
        let (from, to) = (of_mount(path), of_mount(&good));
        if to.exists() {
            return Ok(good);
        }
        if !from.exists() {
            continue;
        }
        let renamed = fs::rename(&from, &to).and_then(|()| synced(&to));
        renamed.map_err(|error| Failure::new(codes::BLESS, from.as_os_str().as_bytes(), error))?;
        return Ok(good);
    }
    let mounts: Vec<String> = mounts.iter().map(|mount| mount.display().to_string()).collect();
    Err(failed(&format!("no such file on {}", mounts.join(", "))))
}

/// Folder and name of an absolute path without `.` and `..`.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (folder, name) = path.rsplit_once('/')?;
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.strip_prefix('/')?.split('/').all(is_plain).then_some((folder, name))
}

/// Syncs the file and its folder, so that the new name is on the disk.
fn synced(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_on_its_volume() {
        let path = "/EFI/cloud-boot/cache/a/record+2-1.cb";
        assert_eq!(parts(path), Some(("/EFI/cloud-boot/cache/a", "record+2-1.cb")));
        assert_eq!(parts("/a+1.conf"), Some(("", "a+1.conf")));
        for bad in ["", "/", "a/b", "/a/../b+1.conf", "/a//b+1.conf", "/./b+1.conf", "/a/"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
