// SPDX-License-Identifier: BSD-3-Clause
//! A root filesystem as Debian's installer tools make it, set up like Debian's cloud image.

use std::{env, fs, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result, ensure};
use arch::Arch;

use crate::{Root, binfmt, debian, packages};

/// The root filesystem's label, as in Debian's cloud images.
const LABEL: &str = "cloudimg-rootfs";
/// The volume id of the EFI system partition, as `UUID=` spells it.
const ESP_ID: &str = "0E1F-0001";

/// `root`, with a salt that does not change.
const PASSWORD: &str = "$5$cloudboot$Ym2zP43DiJii/am.ZhLPFi7BZHnGsdz58CykHJf/41A";

/// Makes the archive.
pub fn make(arguments: &Root) -> Result<()> {
    let started = Instant::now();
    let arch = arguments.arch;
    binfmt::ensure(arch)?;
    let setup = env::temp_dir().join(format!("root-{}-{}", arch.debian(), std::process::id()));
    write_setup(&setup, arch)?;
    let made = debian::first_suite(arch, |suite| mmdebstrap(arguments, suite, &setup));
    fs::remove_dir_all(&setup).context("removing the set-up files")?;
    made?;
    println!("the root for {} took {} s", arch.name(), started.elapsed().as_secs());
    Ok(())
}

fn mmdebstrap(arguments: &Root, suite: &str, setup: &Path) -> Result<()> {
    let arch = arguments.arch;
    let include = format!(
        "{},systemd-sysv,udev,initramfs-tools,zstd,login,passwd,kmod,iproute2,dbus,grub2-common,grub-common,\
         grub-efi-{}-bin,systemd-boot-tools",
        debian::kernel(arch),
        arch.debian()
    );
    let copy =
        format!("--essential-hook=tar -C '{}' -c . | tar -C \"$1\" -x --no-same-owner", setup.display());
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--mode=root", "--variant=minbase", "--format=tar"])
        .arg(format!("--architectures={}", arch.debian()))
        .arg(format!("--include={include}"))
        .args(["--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=APT::Install-Recommends \"false\""])
        .args(["--aptopt=Acquire::Languages \"none\"", "--aptopt=Acquire::Retries \"3\""])
        .args(
            ["man", "locale", "doc", "info"]
                .map(|folder| format!("--dpkgopt=path-exclude=/usr/share/{folder}/*")),
        )
        .arg(copy)
        .arg(format!("--customize-hook=chroot \"$1\" usermod --password '{PASSWORD}' root"))
        .arg("--customize-hook=echo debian > \"$1\"/etc/hostname")
        // The build machine's resolver is none of the image's business.
        .arg("--customize-hook=rm -rf \"$1\"/etc/resolv.conf \"$1\"/var/cache/apt/*.bin \"$1\"/var/lib/apt/lists/*")
        .args([suite, "-"])
        .arg(packages::mirror()?)
        // The same archive for the same packages, as far as their scripts allow.
        .env("SOURCE_DATE_EPOCH", "1760000000")
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().context("starting mmdebstrap")?;
    let tar = child.stdout.take().context("mmdebstrap has no output")?;
    let packed = Command::new("zstd")
        .args(["-q", "-3", "-T0", "-f", "-o"])
        .arg(&arguments.out)
        .stdin(tar)
        .status()
        .context("starting zstd")?;
    let made = child.wait().context("waiting for mmdebstrap")?;
    ensure!(made.success(), "mmdebstrap: {made}");
    ensure!(packed.success(), "zstd: {packed}");
    Ok(())
}

/// The files that Debian's cloud image has beyond its packages' own: how GRUB is set up, and fstab.
fn write_setup(folder: &Path, arch: Arch) -> Result<()> {
    let console = format!("{},115200", arch.console());
    let early = if arch == Arch::X86_64 { format!(" earlyprintk={console}") } else { String::new() };
    let files = [
        (
            "etc/default/grub",
            "GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=`( . /etc/os-release && echo ${NAME} )`\n\
             GRUB_CMDLINE_LINUX_DEFAULT=\"\"\nGRUB_CMDLINE_LINUX=\"\"\n"
                .to_string(),
        ),
        (
            "etc/default/grub.d/10_cloud.cfg",
            format!("GRUB_CMDLINE_LINUX=\"console=tty0 console={console}{early} consoleblank=0\"\n"),
        ),
        ("etc/default/grub.d/15_timeout.cfg", "GRUB_TIMEOUT=0\n".to_string()),
        (
            "etc/fstab",
            format!(
                "LABEL={LABEL} / ext4 rw,errors=remount-ro,x-systemd.growfs 0 1\n\
                 UUID={ESP_ID} /boot/efi vfat defaults,nofail 0 2\n"
            ),
        ),
        ("etc/initramfs-tools/conf.d/compress", "COMPRESS=zstd\n".to_string()),
        ("boot/efi/.keep", String::new()),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(&path, text).with_context(|| format!("writing {name}"))?;
    }
    fs::remove_file(folder.join("boot/efi/.keep"))?;
    Ok(())
}
