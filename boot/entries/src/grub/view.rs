// SPDX-License-Identifier: BSD-3-Clause
//! How scripts see filesystems with several roots.
//!
//! GRUB's paths start at the top, and everything is below it. With SUSE's patches, which Fedora has, too,
//! `btrfs_relative_path` makes paths start at the default subvolume, or at `btrfs_subvol`; `btrfs-mount-subvol` mounts
//! another one on a folder.
//!
//! Source: SUSE's grub2-btrfs-03-follow_default.patch and those that follow it, as Fedora's grub-core/fs/btrfs.c has them.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use filesystem::FileType;
use vfs::Volume;

use super::{interpreter::Interpreter, place};
use crate::{
    Error, File,
    budget::number,
    filesystems::{self, Filesystem, Filesystems},
};

/// Whether paths start at the default subvolume.
pub const RELATIVE: &str = "btrfs_relative_path";
/// The subvolume where they start instead, by its path from the top.
pub const SUBVOLUME: &str = "btrfs_subvol";
/// The same, by its number.
pub const NUMBER: &str = "btrfs_subvolid";
/// Variables that every context inherits: GRUB's driver exports them.
pub const EXPORTED: [&str; 3] = [RELATIVE, SUBVOLUME, NUMBER];
/// Most subvolumes that a script may mount.
const MOST_MOUNTS: usize = 64;

/// A subvolume mounted on a folder of its filesystem.
#[derive(Debug)]
pub struct Mount {
    /// Its default root.
    filesystem: vfs::VolumeId,
    folder: String,
    subvolume: String,
}

/// Whether a value of `btrfs_relative_path` means yes.
pub fn is_yes(value: &str) -> bool {
    value.starts_with(['1', 'y'])
}

/// Whether a script makes paths start at the default subvolume. grub-install gives the GRUB program the same setting
/// that grub-mkconfig writes here, so the script's folder already follows it before the first line runs.
pub fn is_relative(text: &str) -> bool {
    let value = |line: &str| {
        let value = line.trim_ascii().strip_prefix("set ")?.strip_prefix(RELATIVE)?.strip_prefix('=')?;
        Some(is_yes(value.trim_matches(['"', '\''])))
    };
    text.lines().find_map(value).unwrap_or(false)
}

/// The folder of a script as GRUB would see it, and the variables that cause this.
pub struct ScriptView {
    pub folder: String,
    pub variables: Vec<(&'static str, String)>,
}

impl ScriptView {
    /// Of a folder of a volume.
    pub fn new(filesystems: &Filesystems<'_>, volume: &Volume, folder: &str, is_relative: bool) -> Self {
        let (path, mut variables) = (filesystems::path(volume), Vec::new());
        if is_relative {
            variables.push((RELATIVE, "y".into()));
            if !filesystems.is_default(volume.id()) {
                variables.push((SUBVOLUME, format!("/{path}")));
            }
        }
        let is_whole = is_relative || path.is_empty();
        let folder = if is_whole { folder.into() } else { format!("/{path}{folder}") };
        Self { folder, variables }
    }
}

impl Interpreter<'_> {
    /// The file or folder that a path currently means, on the innermost root that it leads into.
    pub fn spot(&self, path: &str) -> Option<File> {
        let (device, path) = place::split(self.environment().get("root"), path)?;
        let filesystem = self.places.named(device)?;
        Some(self.places.filesystems.innermost(self.seen(filesystem, path)?))
    }

    fn seen(&self, filesystem: &Filesystem, path: &str) -> Option<File> {
        let of = |volume| Some(File { volume, path: path.into() });
        let environment = self.environment();
        if !is_yes(environment.get(RELATIVE)) || !filesystem.has_several() {
            return of(filesystem.top);
        }
        if let Some((mount, rest)) = self.mount(filesystem, path) {
            return Some(self.below(filesystem, &mount.subvolume, rest));
        }
        match (environment.get(SUBVOLUME), environment.get(NUMBER)) {
            ("", "") => of(filesystem.default()),
            ("", number) => {
                let subvolume = self.places.filesystems.path_of(filesystem, decimal(number)?)?;
                Some(
                    self.in_root(filesystem, subvolume, path)
                        .unwrap_or_else(|| top(filesystem, subvolume, path)),
                )
            }
            (subvolume, _) => Some(self.below(filesystem, subvolume, path)),
        }
    }

    /// The innermost mount above a path, and the rest of the path.
    fn mount<'p>(&self, filesystem: &Filesystem, path: &'p str) -> Option<(&Mount, &'p str)> {
        let below = |mount: &&Mount| {
            let rest = path.strip_prefix(mount.folder.as_str())?;
            let is_it =
                mount.filesystem == filesystem.default() && (rest.is_empty() || rest.starts_with('/'));
            is_it.then_some(rest)
        };
        let mounts = self.mounts.iter().filter_map(|mount| Some((mount, below(&mount)?)));
        mounts.min_by_key(|(_, rest)| rest.len())
    }

    /// A path of a subvolume that is named from the top or, as in older versions, from the default.
    fn below(&self, filesystem: &Filesystem, subvolume: &str, path: &str) -> File {
        let in_default = || {
            let default = filesystems::path(self.volumes.get(filesystem.default())?);
            self.in_root(filesystem, &format!("{default}/{}", subvolume.trim_matches('/')), path)
        };
        let found = self.in_root(filesystem, subvolume, path).or_else(in_default);
        found.unwrap_or_else(|| top(filesystem, subvolume, path))
    }

    /// A path of a subvolume that is a volume.
    fn in_root(&self, filesystem: &Filesystem, subvolume: &str, path: &str) -> Option<File> {
        let volume = self.places.filesystems.root(filesystem, subvolume)?;
        Some(File { volume, path: path.into() })
    }

    /// Mounts a subvolume on a folder, if both exist.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn add_mount(
        &mut self,
        device: &str,
        folder: &str,
        subvolume: &str,
        line: u32,
    ) -> Result<bool, Error> {
        let name = device.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(device);
        let folder = folder.trim_end_matches('/');
        let Some(filesystem) = self.places.named(name) else { return Ok(false) };
        let is_folder = |file: File| {
            let node = self.node(self.volumes.get(file.volume)?, &file.path)?;
            (node.attr().ok()?.kind == FileType::Directory).then_some(())
        };
        let there = self.seen(filesystem, folder).and_then(is_folder);
        if there.and_then(|()| is_folder(self.below(filesystem, subvolume, ""))).is_none() {
            return Ok(false);
        }
        if self.mounts.len() >= MOST_MOUNTS {
            return Err(Error::Limit { line, what: "mounted subvolumes", limit: number(MOST_MOUNTS) });
        }
        self.budget.menu(line, folder.len())?;
        self.budget.menu(line, subvolume.len())?;
        let (filesystem, subvolume) = (filesystem.default(), subvolume.to_string());
        self.mounts.push(Mount { filesystem, folder: folder.into(), subvolume });
        Ok(true)
    }
}

/// The path from the top of a subvolume's path.
fn top(filesystem: &Filesystem, subvolume: &str, path: &str) -> File {
    let path = format!("/{}{path}", subvolume.trim_matches('/'));
    File { volume: filesystem.top, path: path.into() }
}

/// The number that a text begins with: `grub_strtoull` with base 10.
fn decimal(text: &str) -> Option<u64> {
    let digits = text.trim_ascii_start();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}
