// SPDX-License-Identifier: BSD-3-Clause
//! What the test disks are made of: single packages of Debian, and whole root filesystems.
//!
//! The only program of the tests that uses the network, and apart from the one that makes disks: a root takes
//! minutes, and changes of the disks must not make it anew.

mod binfmt;
mod debian;
mod packages;
mod root;

use std::path::PathBuf;

use arch::Arch;
use clap::{Parser, Subcommand};

/// Fetches and assembles Debian for the boot tests.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A kernel, a static busybox and systemd's EFI stub, out of their packages.
    Packages(Packages),
    /// A root filesystem with kernel, systemd and GRUB's tools.
    Root(Root),
}

#[derive(clap::Args)]
pub struct Packages {
    /// Architecture of the packages.
    #[arg(long)]
    arch: Arch,
    /// Where the kernel goes.
    #[arg(long)]
    kernel: PathBuf,
    /// Where the kernel's version goes, a line of text.
    #[arg(long)]
    version: PathBuf,
    /// Where busybox goes.
    #[arg(long)]
    busybox: PathBuf,
    /// Where the stub of unified kernel images goes.
    #[arg(long)]
    stub: PathBuf,
}

#[derive(clap::Args)]
pub struct Root {
    /// Architecture of the root.
    #[arg(long)]
    arch: Arch,
    /// The archive to make, .tar.zst.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Packages(arguments) => packages::fetch(&arguments),
        Command::Root(arguments) => root::make(&arguments),
    }
}
