// SPDX-License-Identifier: BSD-3-Clause
//! The filesystems of the distributions, and how to make them.

use std::process::Command;

use clap::ValueEnum;

use super::Profile;
use crate::layout::ROOT_UUID;

/// UUID of /boot.
pub const BOOT_UUID: &str = "11111111-2222-4333-8444-00000000000b";
/// MiB for the filesystem itself, mostly its log, and for what a system writes when it starts.
const ROOM: u64 = 48;
/// Least MiB of a btrfs device; mkfs.btrfs refuses less.
const LEAST_OF_BTRFS: u64 = 128;
/// From this many MiB on, a system is a full one, and gets this much more space.
const WHOLE: u64 = 128;
const ROOM_OF_WHOLE: u64 = 256;
/// Granularity of sizes in MiB.
const STEP: u64 = 16;
/// XFS as Red Hat's release 9 makes it.
const RED_HAT: [&str; 2] = ["-c", "options=/usr/share/xfsprogs/mkfs/lts_5.15.conf"];

/// What the disks look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Red Hat: /boot and root are XFS; entries of the Boot Loader Specification take `$kernelopts` of grubenv
    Rhel,
    /// Fedora: /boot is ext4, the root a subvolume of btrfs; entries have their options in place
    Fedora,
    /// openSUSE: the root is a snapshot of btrfs, its default subvolume; grub.cfg names paths in it
    Suse,
    /// Ubuntu: the root is the subvolume @ of btrfs; grub.cfg names paths in the whole filesystem
    At,
    /// One XFS, and a grub.cfg
    Plain,
    /// Fedora CoreOS: /boot is ext4, the root XFS; two deployments of ostree, by entries behind the link `loader`
    Ostree,
}

/// A driver of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filesystem {
    Btrfs,
    Ext4,
    Xfs,
}

/// A filesystem to make.
#[derive(Clone, Debug)]
pub struct Volume {
    pub filesystem: Filesystem,
    pub uuid: &'static str,
    pub label: &'static str,
    /// Size of each device.
    pub mib: u64,
    /// Devices that it stands on.
    pub legs: usize,
    /// More options of mkfs.
    pub options: &'static [&'static str],
}

impl Shape {
    /// The filesystem of the root.
    pub const fn filesystem(self) -> Filesystem {
        match self {
            Self::Rhel | Self::Plain | Self::Ostree => Filesystem::Xfs,
            Self::Fedora | Self::Suse | Self::At => Filesystem::Btrfs,
        }
    }

    /// The filesystem of /boot, if it is a separate one.
    pub const fn boot(self) -> Option<Filesystem> {
        match self {
            Self::Rhel => Some(Filesystem::Xfs),
            Self::Fedora | Self::Ostree => Some(Filesystem::Ext4),
            Self::Suse | Self::At | Self::Plain => None,
        }
    }

    /// The filesystems of a system of `size` MiB, whose root is on `legs` devices: the root, then /boot.
    pub fn volumes(self, size: u64, legs: usize) -> Vec<Volume> {
        let filesystem = self.filesystem();
        let room = if size < WHOLE { ROOM } else { ROOM_OF_WHOLE };
        let least = if filesystem == Filesystem::Btrfs { LEAST_OF_BTRFS } else { 0 };
        let mib = size.saturating_add(room).max(least).next_multiple_of(STEP);
        let options: &[&str] = if self == Self::Rhel { &RED_HAT } else { &[] };
        let mut volumes = vec![Volume { filesystem, uuid: ROOT_UUID, label: "root", mib, legs, options }];
        if let Some(filesystem) = self.boot() {
            // With space for a full system's kernel and initrd.
            let mib = size.min(WHOLE / 2).saturating_add(ROOM).next_multiple_of(STEP);
            volumes.push(Volume { filesystem, uuid: BOOT_UUID, label: "boot", mib, legs: 1, options });
        }
        volumes
    }

    /// The options of the command line for the root.
    pub fn root_options(self, profile: Profile) -> String {
        let subvolume = match self {
            Self::Fedora => Some("subvol=root"),
            Self::At => Some("subvol=@"),
            // The default subvolume.
            Self::Suse | Self::Rhel | Self::Plain | Self::Ostree => None,
        };
        let degraded = profile.is_redundant().then_some("degraded");
        let flags: Vec<&str> = subvolume.into_iter().chain(degraded).collect();
        let flags = if flags.is_empty() { String::new() } else { format!(" rootflags={}", flags.join(",")) };
        format!("root=UUID={ROOT_UUID} ro{flags}")
    }
}

impl Volume {
    /// The command that makes it, without the image names at the end.
    pub fn mkfs(&self, profile: Profile) -> Command {
        let mut command;
        match self.filesystem {
            Filesystem::Btrfs => {
                command = Command::new("mkfs.btrfs");
                command.args(["-q", "-f", "-U", self.uuid]).args(profile.options());
            }
            Filesystem::Ext4 => {
                command = Command::new("mke2fs");
                command.args(["-q", "-F", "-t", "ext4", "-T", "default", "-b", "4096", "-U", self.uuid]);
            }
            Filesystem::Xfs => {
                command = Command::new("mkfs.xfs");
                // mkfs.xfs supports no less than 300 MiB.
                command.args(["--unsupported", "-q", "-f", "-m", &format!("uuid={}", self.uuid)]);
            }
        }
        command.args(self.options).args(["-L", self.label]);
        command
    }
}

impl Filesystem {
    /// Its name for mount(2).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Btrfs => "btrfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_comes_first_and_boot_has_no_legs() {
        let volumes = Shape::At.volumes(20, 5);
        assert_eq!(volumes.iter().map(|volume| (volume.mib, volume.legs)).collect::<Vec<_>>(), [(128, 5)]);
        let volumes = Shape::Rhel.volumes(300, 1);
        let shown: Vec<_> = volumes.iter().map(|volume| (volume.label, volume.mib, volume.legs)).collect();
        assert_eq!(shown, [("root", 560, 1), ("boot", 112, 1)]);
    }

    #[test]
    fn only_what_can_do_without_a_leg_is_told_to() {
        let options =
            |shape: Shape, profile| shape.root_options(profile).split_once(" ro").unwrap().1.to_owned();
        assert_eq!(options(Shape::At, Profile::Raid6), " rootflags=subvol=@,degraded");
        assert_eq!(options(Shape::At, Profile::Raid0), " rootflags=subvol=@");
        assert_eq!(options(Shape::Suse, Profile::Dup), "");
    }
}
