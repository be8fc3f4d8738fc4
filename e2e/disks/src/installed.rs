// SPDX-License-Identifier: BSD-3-Clause
//! Kernels on an ESP as systemd's tools install them: kernel-install for entries of the Boot Loader Specification,
//! ukify for unified kernel images.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use arch::Arch;

use crate::{EPOCH, scratch::Scratch, tool::run};

/// A kernel to install.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// The kernel image.
    pub image: &'a [u8],
    /// Its version.
    pub version: &'a str,
    /// Its initrd.
    pub initrd: &'a [u8],
    /// Its command line.
    pub options: &'a str,
}

/// Adds an entry of type 1 below `boot`, the root of an ESP, by kernel-install; with boot counting if `tries` is given.
///
/// # Errors
/// When kernel-install fails, with its output.
pub fn kernel_install(kernel: &Kernel<'_>, token: &str, tries: Option<u32>, boot: &Path) -> Result<()> {
    let scratch = Scratch::new("kernel-install")?;
    let (image, initrd) = (scratch.file("linux"), scratch.file("initrd"));
    let settings = scratch.file("conf");
    fs::create_dir(&settings)?;
    fs::create_dir_all(boot)?;
    fs::write(&image, kernel.image)?;
    fs::write(&initrd, kernel.initrd)?;
    fs::write(settings.join("install.conf"), "layout=bls\n")?;
    fs::write(settings.join("cmdline"), kernel.options)?;
    if let Some(tries) = tries {
        fs::write(settings.join("tries"), format!("{tries}\n"))?;
    }
    let mut command = Command::new("kernel-install");
    command.arg(format!("--boot-path={}", boot.display())).arg(format!("--esp-path={}", boot.display()));
    command.arg(format!("--entry-token=literal:{token}")).arg("--make-entry-directory=yes");
    command.args(["add", kernel.version]).arg(&image).arg(&initrd);
    command.env("KERNEL_INSTALL_CONF_ROOT", &settings);
    // Other plugins would look for modules and initrds of the build machine.
    command.env("KERNEL_INSTALL_PLUGINS", "/usr/lib/kernel/install.d/90-loaderentry.install");
    command.env("MACHINE_ID", "0123456789abcdef0123456789abcdef");
    // The folder stands in for a mounted volume.
    command.env("BOOT_MNT", boot);
    command.env("SYSTEMD_RELAX_ESP_CHECKS", "1").env("SYSTEMD_RELAX_XBOOTLDR_CHECKS", "1");
    run(&mut command)?;
    Ok(())
}

/// Makes a unified kernel image `out` by ukify.
///
/// # Errors
/// When ukify fails, with its output.
pub fn ukify(arch: Arch, kernel: &Kernel<'_>, stub: &Path, os_release: &str, out: &Path) -> Result<()> {
    let scratch = Scratch::new("ukify")?;
    let (image, initrd) = (scratch.file("linux"), scratch.file("initrd"));
    fs::write(&image, kernel.image)?;
    fs::write(&initrd, kernel.initrd)?;
    fs::create_dir_all(out.parent().context("the path has no folder")?)?;
    let mut command = Command::new("ukify");
    command.args(["build", "--efi-arch", arch.efi(), "--cmdline", kernel.options]);
    command.args(["--uname", kernel.version]);
    command.arg("--stub").arg(stub).arg("--linux").arg(&image).arg("--initrd").arg(&initrd);
    command.arg("--os-release").arg(os_release).arg("--output").arg(out);
    run(command.env("SOURCE_DATE_EPOCH", EPOCH.to_string()))?;
    Ok(())
}
