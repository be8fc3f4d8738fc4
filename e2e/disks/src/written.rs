// SPDX-License-Identifier: BSD-3-Clause
//! Disks with XFS or btrfs, in the shapes of the distributions that use them, written by Linux's own drivers.
//!
//! A shape says which filesystems there are and what a Linux of the build machine (`uml`) does to fill them; what it
//! fills them with is a mini system or a whole Debian. Each filesystem, or each leg of it, is an image until all is
//! done, and a partition then. Linux puts random numbers and the time of day into them: a disk is not the same twice.

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

use crate::{faults, faults::Place, layout::MIB, scratch::Scratch, tool::run};
use guest::Guest;
use shape::{Filesystem, Shape, Volume};
use system::System;

/// What stands in the command line of what is to boot, and of what no longer is.
const NOW: &str = "e2e=now";
const EARLIER: &str = "e2e=earlier";

/// How btrfs keeps data and metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    Single,
    /// Two copies of metadata, one of data: what mkfs.btrfs does with one device.
    Dup,
    /// Data in stripes; metadata is on every device, so that it does not depend on places what fails without one.
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

    /// Whether it can do without a leg, which Linux must be told to do.
    const fn is_redundant(self) -> bool {
        matches!(self, Self::Raid1 | Self::Raid6)
    }
}

/// What is on the disks, and what is wrong with them.
#[derive(Args)]
pub struct Options {
    /// Its architecture
    #[arg(long)]
    pub arch: Arch,
    /// The disks to make: one for each leg of the root filesystem, of which the first has all else
    #[arg(long, required = true)]
    out: Vec<PathBuf>,
    /// Which filesystems there are, and what tells a boot loader of the kernel
    #[arg(long, value_enum)]
    shape: Shape,
    /// How btrfs keeps data and metadata
    #[arg(long, value_enum, default_value_t = Profile::Dup)]
    profile: Profile,
    #[command(flatten)]
    content: system::Content,
    /// Power failed: what boots stands in the log only, of /boot (rhel) or of the root (at)
    #[arg(long)]
    dirty_log: bool,
    /// A byte of a structure of the filesystem that has the kernel, all bits flipped. XFS: `inode:PATH:OFFSET`,
    /// `content:PATH:OFFSET` (first block of a file or folder), `log:RECORD:OFFSET` (behind the header of a record,
    /// counted from the log's tail). btrfs: `tree:ID:OFFSET` (the first copy of a tree's root)
    #[arg(long, value_name = "PLACE")]
    flip: Vec<Place>,
}

/// Makes the disks.
///
/// # Errors
/// When an input is not as expected, an option does not fit the shape, or a tool or Linux fails.
pub fn make(options: &Options) -> Result<()> {
    ensure!(
        !options.dirty_log || matches!(options.shape, Shape::Rhel | Shape::At),
        "only the shapes rhel and at have a log to leave behind"
    );
    ensure!(
        options.out.len() == 1 || options.shape.filesystem() == Filesystem::Btrfs,
        "only btrfs has several legs"
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

/// A file for each leg of each filesystem.
struct Images {
    /// In the order of the volumes, and the legs of each behind one another.
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
                let size = volume.mib.checked_mul(MIB).context("a size")?;
                File::create(leg).and_then(|file| file.set_len(size)).context("creating an image")?;
            }
            run(volume.mkfs(profile).args(&legs))?;
            all.extend(legs);
        }
        Ok(Self { all })
    }

    /// The legs of each volume.
    fn by_volume<'a>(&'a self, volumes: &'a [Volume]) -> impl Iterator<Item = (&'a Volume, &'a [PathBuf])> {
        let mut rest = self.all.as_slice();
        volumes.iter().map(move |volume| {
            let (legs, others) = rest.split_at_checked(volume.legs).unwrap_or_default();
            rest = others;
            (volume, legs)
        })
    }
}

/// Checks that the filesystems are sound; the tool for btrfs takes no legs that are files.
fn check(options: &Options, volumes: &[Volume], images: &Images) -> Result<()> {
    for (volume, legs) in images.by_volume(volumes) {
        let (Some(image), true) = (legs.first(), legs.len() == 1) else { continue };
        let mut command = match volume.filesystem {
            // It wants a clean log.
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
    // The last one is /boot, or the only one.
    let Some((volume, [image, ..])) = images.by_volume(volumes).last() else { return Ok(()) };
    // All of them are found before one is spoilt.
    let positions = options.flip.iter().map(|place| places::position(place, volume.filesystem, image));
    for position in positions.collect::<Result<Vec<_>>>()? {
        faults::flip(image, position)?;
    }
    Ok(())
}
