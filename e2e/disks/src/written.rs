// SPDX-License-Identifier: BSD-3-Clause
//! Disks with XFS or btrfs, in the layouts of the distributions that use them, written by Linux's own drivers.
//!
//! A shape defines the filesystems, and how User-mode Linux on the build machine (`uml`) fills them with a mini system
//! or a whole Debian. Each filesystem, or each of its devices, is first made as an image, then copied into a partition.
//! Not reproducible: Linux puts random numbers and the time of day into them.

mod assemble;
mod guest;
mod menu;
mod ostree;
mod places;
mod shape;
mod system;

use std::{fs::File, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use arch::Arch;
use clap::{Args, ValueEnum};

use crate::{faults, faults::BytePlace, layout::MIB, scratch::Scratch, tool::run};
use guest::Guest;
use shape::{Filesystem, Shape, Volume};
use system::System;

/// Words in the command line of the system that must boot, and of the outdated one.
const NOW: &str = "e2e=now";
const EARLIER: &str = "e2e=earlier";

/// How btrfs keeps data and metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    Single,
    /// Two copies of metadata, one of data: what mkfs.btrfs does with one device.
    Dup,
    /// Data in stripes; metadata is on every device, so that the result of a missing one does not depend on placement.
    Raid0,
    Raid1,
    Raid6,
}

impl Profile {
    /// The options of mkfs.btrfs.
    const fn options(self) -> [&'static str; 4] {
        match self {
            Self::Single => ["-m", "single", "-d", "single"],
            Self::Dup => ["-m", "dup", "-d", "single"],
            Self::Raid0 => ["-m", "raid1", "-d", "raid0"],
            Self::Raid1 => ["-m", "raid1", "-d", "raid1"],
            Self::Raid6 => ["-m", "raid6", "-d", "raid6"],
        }
    }

    /// Whether it works with a missing device, which needs the option `degraded` in Linux.
    const fn is_redundant(self) -> bool {
        matches!(self, Self::Raid1 | Self::Raid6)
    }
}

/// Content and faults of the disks.
#[derive(Args)]
pub struct Options {
    /// Its architecture
    #[arg(long)]
    pub arch: Arch,
    /// The disks to make: one for each device of the root filesystem; the first also has everything else
    #[arg(long, required = true)]
    out: Vec<PathBuf>,
    /// The filesystems, and how a boot loader finds the kernel
    #[arg(long, value_enum)]
    shape: Shape,
    /// How btrfs keeps data and metadata
    #[arg(long, value_enum, default_value_t = Profile::Dup)]
    profile: Profile,
    #[command(flatten)]
    content: system::Content,
    /// Simulate a power failure: what boots is only in the log, of /boot (rhel) or of the root (at)
    #[arg(long)]
    dirty_log: bool,
    /// Flip all bits of a byte of a structure, of the filesystem that has the kernel. XFS: `inode:PATH:OFFSET`,
    /// `content:PATH:OFFSET` (first block of a file or folder), `log:RECORD:OFFSET` (after the header of a record,
    /// counted from the log's tail). btrfs: `tree:ID:OFFSET` (the first copy of a tree's root)
    #[arg(long, value_name = "PLACE")]
    flip: Vec<BytePlace>,
}

/// Makes the disks.
///
/// # Errors
/// When an input is not as expected, an option does not fit the shape, or a tool or Linux fails.
pub fn make(options: &Options) -> Result<()> {
    ensure!(
        !options.dirty_log || matches!(options.shape, Shape::Rhel | Shape::At),
        "only the shapes rhel and at support a dirty log"
    );
    ensure!(
        options.out.len() == 1 || options.shape.filesystem() == Filesystem::Btrfs,
        "only btrfs can have several devices"
    );
    let scratch = Scratch::new("written")?;
    let system = System::new(options, &scratch)?;
    let volumes = options.shape.volumes(system.size, options.out.len());
    let images = Images::make(&volumes, options.profile, &scratch)?;
    Guest::new(options, &system, &scratch)?.run(&images.all, &scratch)?;
    check(options, &volumes, &images)?;
    spoil(options, &volumes, &images)?;
    assemble::disks(options, &volumes, &images, &scratch)
}

/// A file for each device of each filesystem.
struct Images {
    /// In the order of the volumes, with the devices of each one after the other.
    all: Vec<PathBuf>,
}

impl Images {
    /// Makes the filesystems, empty.
    fn make(volumes: &[Volume], profile: Profile, scratch: &Scratch) -> Result<Self> {
        let mut all = Vec::new();
        for volume in volumes {
            let legs = (0..volume.legs).map(|leg| scratch.file(&format!("{}-{leg}.img", volume.label)));
            let legs: Vec<PathBuf> = legs.collect();
            for leg in &legs {
                let size = volume.mib.checked_mul(MIB).context("size out of range")?;
                File::create(leg).and_then(|file| file.set_len(size)).context("creating an image")?;
            }
            run(volume.mkfs(profile).args(&legs))?;
            all.extend(legs);
        }
        Ok(Self { all })
    }

    /// The devices of each volume.
    fn by_volume<'a>(&'a self, volumes: &'a [Volume]) -> impl Iterator<Item = (&'a Volume, &'a [PathBuf])> {
        let mut rest = self.all.as_slice();
        volumes.iter().map(move |volume| {
            let (legs, others) = rest.split_at_checked(volume.legs).unwrap_or_default();
            rest = others;
            (volume, legs)
        })
    }
}

/// Checks that the filesystems are clean; the tool for btrfs cannot check several files as devices.
fn check(options: &Options, volumes: &[Volume], images: &Images) -> Result<()> {
    for (volume, legs) in images.by_volume(volumes) {
        let (Some(image), true) = (legs.first(), legs.len() == 1) else { continue };
        let mut command = match volume.filesystem {
            // It requires a clean log.
            Filesystem::Xfs if options.dirty_log => continue,
            Filesystem::Xfs => Command::new("xfs_repair"),
            Filesystem::Btrfs => Command::new("btrfs"),
            Filesystem::Ext4 => Command::new("e2fsck"),
        };
        command.args(match volume.filesystem {
            Filesystem::Xfs => ["-f", "-n"].as_slice(),
            Filesystem::Btrfs => ["check", "--readonly"].as_slice(),
            Filesystem::Ext4 => ["-f", "-n"].as_slice(),
        });
        run(command.arg(image))?;
    }
    Ok(())
}

fn spoil(options: &Options, volumes: &[Volume], images: &Images) -> Result<()> {
    // The last volume is /boot, or the only one.
    let Some((volume, [image, ..])) = images.by_volume(volumes).last() else { return Ok(()) };
    // Locates all structures before changing any.
    let positions = options.flip.iter().map(|place| places::position(place, volume.filesystem, image));
    for position in positions.collect::<Result<Vec<_>>>()? {
        faults::flip(image, position)?;
    }
    Ok(())
}
