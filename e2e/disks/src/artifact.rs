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
    Common, alpine, cpio,
    installed::{self, Kernel},
    mini,
};

/// Source of the title of a unified kernel image.
const OS_RELEASE: &str = "ID=mini\nPRETTY_NAME=\"Mini, unified\"\nVERSION_ID=7\n";

/// Marks the mini system's boot as good, as a service of a full system would.
const BLESS: &str = r#"for module in /modules/*; do
    $b insmod $module || echo "mini: failed: $module"
done
$b mount -t devtmpfs devtmpfs /dev
$b mount -t efivarfs efivarfs /sys/firmware/efi/efivars
$b mount -t vfat /dev/vda /efi
/bin/cloud-boot status --bless || echo "mini: failed: status --bless"
$b umount /efi && echo "mini: the ESP is unmounted"
"#;

/// An artifact from packages; `out` is a folder.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// A kernel, extracted from its package
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
    /// An archive with the kernel's modules for the ESP: the booted system marks the boot as good
    #[arg(long, requires = "command", conflicts_with_all = ["stub", "alpine"])]
    modules: Option<PathBuf>,
    /// The static program `cloud-boot` that does so
    #[arg(long, requires = "modules")]
    command: Option<PathBuf>,
    /// Also make the parts of Alpine's netboot: modloop and apkovl
    #[arg(long, conflicts_with = "stub")]
    alpine: bool,
}

/// Makes `vmlinuz`, `initrd.img` and `cmdline.txt` in the folder, perhaps `modloop` and `host.apkovl.tar.gz`, or
/// `mini.efi`.
///
/// # Errors
/// When a file of the packages is missing, or ukify fails.
pub fn make(options: &Options) -> Result<()> {
    let Common { arch, out } = &options.common;
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let (kernel, busybox) = (read(&options.kernel)?, read(&options.busybox)?);
    let line = format!("{} mini=network", console(*arch));
    fs::create_dir_all(out)?;
    if options.alpine {
        let parts = alpine::parts(&busybox)?;
        fs::write(out.join("modloop"), parts.modloop)?;
        fs::write(out.join("host.apkovl.tar.gz"), parts.apkovl)?;
        return linux(out, &kernel, &parts.initrd, &line);
    }
    let initrd = mini::initrd(&busybox, None)?;
    if let Some(stub) = &options.stub {
        let version = String::from_utf8(read(&options.version)?)?;
        let kernel = Kernel { image: &kernel, version: version.trim_end(), initrd: &initrd, options: &line };
        return installed::ukify(*arch, &kernel, stub, OS_RELEASE, &out.join("mini.efi"));
    }
    let initrd = match (&options.modules, &options.command) {
        (Some(modules), Some(command)) => [initrd, read(modules)?, blessing(&read(command)?)?].concat(),
        _ => initrd,
    };
    linux(out, &kernel, &initrd, &line)
}

/// An archive in addition to those of the mini system and of the modules: Linux unpacks all of them.
fn blessing(command: &[u8]) -> Result<Vec<u8>> {
    let mut archive = cpio::Archive::default();
    archive.folder("efi")?;
    archive.program("bin/cloud-boot", command)?;
    archive.program("bless", BLESS.as_bytes())?;
    archive.finish()
}

fn linux(out: &Path, kernel: &[u8], initrd: &[u8], line: &str) -> Result<()> {
    fs::write(out.join("vmlinuz"), kernel)?;
    fs::write(out.join("initrd.img"), initrd)?;
    Ok(fs::write(out.join("cmdline.txt"), format!("{line}\n"))?)
}

/// The words of a command line for the console.
pub fn console(arch: Arch) -> String {
    // On a busy host the emulated timer is late, which Linux on x86 takes for a hardware fault.
    let patience = if arch == Arch::X86_64 { " no_timer_check" } else { "" };
    format!("console={},115200{patience}", arch.console())
}
