// SPDX-License-Identifier: BSD-3-Clause
//! `e2e_disks`: bootable disks for the end-to-end tests, made by Debian's own tools without privileges.
//!
//! `mini` makes a Debian kernel with a tiny userspace bootable, in seconds; `first-boot`, `reinstall` and `debian` make
//! the disks of a Debian root and of its own GRUB configuration; `with-loader` puts a loader on any of them.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod alpine;
mod artifact;
mod changes;
mod cpio;
mod debian;
mod debian_initrd;
mod debugfs;
mod device_tree;
mod esp;
mod faults;
mod files;
mod first_boot;
mod grub_cfg;
mod hybrid;
mod installed;
mod journal;
mod layout;
mod loader;
mod mini;
mod package;
mod parts;
mod qemu;
mod root;
mod scratch;
mod secure_boot;
mod settings;
mod shapes;
mod table;
mod tool;
mod written;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Result;
use arch::Arch;
use clap::{Args, Parser, Subcommand};

/// Timestamp of everything, in seconds since 1970 (2025-10-09), for reproducible results.
const EPOCH: u64 = 1_760_000_000;

/// Makes disks for the end-to-end tests.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// A Debian kernel and busybox, which prints `mini: userspace on ARCH` and switches the machine off
    Mini(Box<mini::Options>),
    /// The same kernel and initrd with a command line, as files in a folder
    Artifact(artifact::Options),
    /// A Debian root's kernel, and the root itself as an initrd, as files in a folder
    DebianArtifact(debian_initrd::Options),
    /// The device tree of QEMU's machine, with another model name
    DeviceTree {
        #[command(flatten)]
        common: Common,
    },
    /// A variable store with Secure Boot on and one certificate for all keys, and that certificate with its key
    Enrol(secure_boot::Enrol),
    /// A copy of an EFI program, signed
    Sign(secure_boot::Sign),
    /// Boots a root in QEMU, runs its update-grub and makes folders grow; keeps grub.cfg and the disk
    FirstBoot(first_boot::FirstBoot),
    /// A disk on which folders have grown, and dpkg has reinstalled the kernel
    Reinstall(first_boot::Reinstall),
    /// A disk in the layout of Debian's cloud image, its ESP empty
    Debian {
        #[command(flatten)]
        common: Common,
        /// The root that `e2e_roots root` made
        #[arg(long)]
        root: PathBuf,
        /// The file that its update-grub made
        #[arg(long)]
        grub_cfg: PathBuf,
    },
    /// A copy of a Debian disk with an entry for its kernel on its ESP
    DebianEntry(debian::Entry),
    /// A root's kernel, and its modules for XFS and btrfs
    Parts(parts::Parts),
    /// Disks with XFS or btrfs, written by Linux's own drivers
    Written(Box<written::Options>),
    /// A copy of a disk of this program with a loader as \EFI\BOOT\BOOT*.EFI on its ESP
    WithLoader(loader::Options),
    /// A copy of a variable store with settings of the loader in it
    Variables(settings::Variables),
    /// A copy of a loader with settings built in
    Section(settings::Section),
}

#[derive(Args)]
struct Common {
    /// Its architecture
    #[arg(long)]
    arch: Arch,
    /// The file to make
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    let start = Instant::now();
    let (what, arch, result) = perform(Arguments::parse().command);
    match result {
        Ok(()) => {
            println!("{what} for {arch}: {:.1} s", start.elapsed().as_secs_f32());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{what} for {arch}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Performs an action; returns its name, its architecture and the result.
fn perform(action: Action) -> (&'static str, Arch, Result<()>) {
    match action {
        Action::Mini(options) => ("mini disk", options.common.arch, mini::make(&options)),
        Action::Artifact(options) => ("artifact", options.common.arch, artifact::make(&options)),
        Action::DebianArtifact(options) => {
            ("Debian as an artifact", options.common.arch, debian_initrd::make(&options))
        }
        Action::DeviceTree { common } => {
            ("device tree", common.arch, device_tree::make(common.arch, &common.out))
        }
        Action::Enrol(options) => ("variable store", options.common.arch, secure_boot::enrol(&options)),
        Action::Sign(options) => ("signed program", options.common.arch, secure_boot::sign(&options)),
        Action::FirstBoot(options) => ("first boot", options.common.arch, first_boot::make(&options)),
        Action::Reinstall(options) => {
            let what = "Debian disk with its kernel installed again";
            (what, options.common.arch, first_boot::reinstall(&options))
        }
        Action::Debian { common, root, grub_cfg } => {
            let made = debian::make_disk(&root, &grub_cfg, common.arch, &common.out);
            ("Debian disk", common.arch, made)
        }
        Action::DebianEntry(options) => {
            ("Debian disk with an entry", options.common.arch, debian::add_entry(&options))
        }
        Action::Parts(options) => ("kernel and modules", options.arch, parts::pick(&options)),
        Action::Written(options) => ("disks by Linux", options.arch, written::make(&options)),
        Action::WithLoader(options) => ("disk with a loader", options.common.arch, loader::add(&options)),
        Action::Variables(options) => ("variable store", options.common.arch, settings::variables(&options)),
        Action::Section(options) => {
            ("loader with settings", options.common.arch, settings::section(&options))
        }
    }
}
