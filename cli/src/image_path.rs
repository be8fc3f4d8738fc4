// SPDX-License-Identifier: BSD-3-Clause
//! A path on a volume of images, as the command line names it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use clap::{Args, CommandFactory, error::ErrorKind};
use vfs::{Node, RootName, Volume};

use crate::{
    Arguments,
    failure::{Failure, Stop},
    images::Backing,
    machine::Machine,
    printer::{note, text},
    volume,
};

/// The images, and the path on them.
#[derive(Args)]
pub struct ImagePath {
    /// Images or block devices: the disks of one machine; a single one also as IMAGE:PATH
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    #[command(flatten)]
    volume_path: VolumePath,
}

/// Volume and path.
#[derive(Args)]
pub struct VolumePath {
    /// The volume: id, label or UUID as `cloud-boot inspect` shows them, or LABEL=, UUID=, PARTLABEL=, PARTUUID=
    #[arg(long, value_name = "VOLUME")]
    volume: Option<OsString>,
    /// The btrfs subvolume: its path from the top (@, @/home; / is the top itself), or its number (256)
    #[arg(long, value_name = "SUBVOLUME")]
    subvol: Option<String>,
    /// The btrfs snapshot: snapper's number (5), or its path from the top (@/.snapshots/5/snapshot)
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "subvol")]
    snapshot: Option<String>,
    /// The path on the volume
    #[arg(long, value_name = "PATH")]
    path: Option<OsString>,
    #[command(flatten)]
    backing: Backing,
}

/// A path on the opened images.
pub struct OpenedPath {
    machine: Machine,
    volume: vfs::VolumeId,
    /// The path, as it was given.
    pub path: Vec<u8>,
}

impl ImagePath {
    /// Opens the images and finds the volume. Without a path, uses `default`; without both, the usage is wrong.
    pub fn open(&self, default: Option<&str>) -> Result<OpenedPath, Stop> {
        self.volume_path.open(&self.images, default)
    }
}

impl VolumePath {
    /// The same, with these images.
    pub fn open(&self, images: &[OsString], default: Option<&str>) -> Result<OpenedPath, Stop> {
        let is_with_path = |image: &&OsString| {
            let (file, path) = split(image);
            path.is_some() && file.iter().all(|file| Path::new(file).exists())
        };
        if (images.len() > 1 || self.path.is_some())
            && let Some(image) = images.iter().find(is_with_path)
        {
            let name = text(image.as_bytes());
            return Err(usage(&format!(
                "{name}: IMAGE:PATH works only with a single image and without --path"
            )));
        }
        let (images, path) = match (images, &self.path) {
            ([image], None) => split(image),
            (images, path) => (images.to_vec(), path.clone()),
        };
        let path = match path.or_else(|| default.map(OsString::from)) {
            Some(path) => path.as_bytes().to_vec(),
            None => return Err(usage("a path is missing: IMAGE:PATH, or --path PATH")),
        };
        let root = match (&self.subvol, &self.snapshot) {
            (Some(text), _) => Some((text.as_str(), RootName::new(text))),
            (_, Some(text)) => Some((text.as_str(), RootName::of_snapshot(text))),
            (None, None) => None,
        };
        let machine = Machine::open_with(&images, &self.backing, root.map(|(_, root)| root))?;
        let wanted = self.volume.as_deref().map(OsStrExt::as_bytes);
        let volume = match root {
            Some((text, root)) => volume::pick_root(&machine, wanted, text, root)?,
            None => volume::pick(&machine, wanted)?,
        };
        let volume = volume.id();
        machine.tell_problems();
        Ok(OpenedPath { machine, volume, path })
    }
}

impl OpenedPath {
    /// The node of the path, links followed.
    pub fn node(&self) -> Result<Node<'_>, Failure> {
        self.volume().and_then(|volume| volume.open(&self.path)).map_err(|error| self.not_opened(&error))
    }

    /// The node of the path; a link is not followed.
    pub fn node_no_follow(&self) -> Result<Node<'_>, Failure> {
        self.volume()
            .and_then(|volume| volume.open_no_follow(&self.path))
            .map_err(|error| self.not_opened(&error))
    }

    /// Why the path cannot be opened; if it is not in this subvolume, names the others.
    fn not_opened(&self, error: &vfs::Error) -> Failure {
        let failure = self.failure(error);
        match (error, self.volume()) {
            (vfs::Error::NotFound, Ok(volume)) => {
                volume::in_others(&self.machine, volume, &self.path, failure)
            }
            _ => failure,
        }
    }

    fn volume(&self) -> Result<&Volume, vfs::Error> {
        self.machine.volumes.get(self.volume).ok_or(vfs::Error::NotFound)
    }

    /// The failure to read the path.
    pub fn failure(&self, error: &vfs::Error) -> Failure {
        Failure::of(error, self.object(&self.path))
    }

    /// A path with its volume, for messages.
    pub fn object(&self, path: &[u8]) -> Vec<u8> {
        let id = self.volume().map_or_else(|_| Vec::new(), |volume| self.machine.id_of(volume));
        [&id, b":".as_slice(), path].concat()
    }

    /// Warns if data had to be read from another copy although no device is missing.
    pub fn tell_rebuilt(&self) {
        let Ok(volume) = self.volume() else { return };
        if let Some(error) = self.machine.rebuilt_of(volume) {
            note(&format!("warning: {} {}: {error}", error.code(), text(&self.machine.id_of(volume))));
        }
    }

    /// Bytes of all images: the bound for what can plausibly be on them.
    pub fn size(&self) -> u64 {
        self.machine.size()
    }
}

/// Wrong usage, in clap's form.
pub fn usage(message: &str) -> Stop {
    Stop::Usage(Arguments::command().error(ErrorKind::MissingRequiredArgument, message))
}

/// Splits `IMAGE:PATH` at a colon, if the whole is not an existing file and the part before the colon is.
fn split(argument: &OsStr) -> (Vec<OsString>, Option<OsString>) {
    let bytes = argument.as_bytes();
    let colons = bytes.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let at = if Path::new(argument).exists() {
        None
    } else {
        let mut files = colons.clone().filter(|at| Path::new(OsStr::from_bytes(&bytes[..*at])).exists());
        // If there is no such file, the message should name it without the path.
        files.next().or_else(|| colons.into_iter().next())
    };
    match at {
        None => (vec![argument.into()], None),
        Some(at) => {
            let [image, path] = [&bytes[..at], &bytes[at + 1..]].map(|part| OsStr::from_bytes(part).into());
            (vec![image], Some(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_that_is_there_decides_which_colon_is_meant() {
        let folder = oracle::tools::work_dir("place");
        for name in ["a", "b:c", "b"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let at = |name: &str| folder.join(name).into_os_string();
        let cases = [
            ("a:/boot", "a", Some("/boot")),
            ("a:/x:y", "a", Some("/x:y")),
            ("b:c", "b:c", None),
            ("b:d", "b", Some("d")),
            ("gone:/x", "gone", Some("/x")),
            ("gone", "gone", None),
        ];
        for (argument, image, path) in cases {
            assert_eq!(split(&at(argument)), (vec![at(image)], path.map(OsString::from)), "{argument}");
        }
    }
}
