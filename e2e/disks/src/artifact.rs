// SPDX-License-Identifier: BSD-3-Clause
//! The mini disk's kernel and initrd as files of their own, for a boot from the network.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use arch::Arch;
use clap::Args;

use crate::{
    Common,
    installed::{self, Kernel},
    mini,
};

/// What the title of a unified kernel image is made of.
const OS_RELEASE: &str = "ID=mini\nPRETTY_NAME=\"Mini, unified\"\nVERSION_ID=7\n";

/// What is made of packages; `out` is a folder.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// A kernel out of its package
    #[arg(long)]
    kernel: PathBuf,
    /// A file with its version
    #[arg(long)]
    version: PathBuf,
    /// A static busybox
    #[arg(long)]
    busybox: PathBuf,
    /// systemd's stub: all three in one unified kernel image
    #[arg(long)]
    stub: Option<PathBuf>,
}

/// Makes `vmlinuz`, `initrd.img` and `cmdline.txt` in the folder, or `mini.efi`.
///
/// # Errors
/// When a file of the packages is missing, or ukify fails.
pub fn make(options: &Options) -> Result<()> {
    let Common { arch, out } = &options.common;
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let (kernel, initrd) = (read(&options.kernel)?, mini::initrd(&read(&options.busybox)?, None)?);
    // On a machine that is busy with other things the emulated timer is late, which Linux on x86 takes for a fault.
    let patience = if *arch == Arch::X86_64 { "no_timer_check " } else { "" };
    let line = format!("console={},115200 {patience}mini=network", arch.console());
    fs::create_dir_all(out)?;
    if let Some(stub) = &options.stub {
        let version = String::from_utf8(read(&options.version)?)?;
        let kernel = Kernel { image: &kernel, version: version.trim_end(), initrd: &initrd, options: &line };
        return installed::ukify(*arch, &kernel, stub, OS_RELEASE, &out.join("mini.efi"));
    }
    fs::write(out.join("vmlinuz"), kernel)?;
    fs::write(out.join("initrd.img"), initrd)?;
    Ok(fs::write(out.join("cmdline.txt"), format!("{line}\n"))?)
}
