// SPDX-License-Identifier: BSD-3-Clause
//! The parts of an artifact of Alpine's netboot, with stand-ins for Alpine's own programs.
//!
//! Sources: alpinelinux/mkinitfs `initramfs-init.in` (`unpack_apkovl`); alpinelinux/aports `main/openrc/modloop.initd`.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};
use tar::Builder;

use crate::{EPOCH, cpio, files, scratch::Scratch, tool::run};

/// Stands in for Alpine's init: unpacks the overlay into a new root and switches to it.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
for word in $($b cat /proc/cmdline); do
    case $word in apkovl=*) overlay=${word#*=} ;; esac
done
$b mount -t tmpfs tmpfs /sysroot
case $overlay in *:*|"") echo "mini: no apkovl" ;; *.gz) $b tar -C /sysroot -zxf "$overlay" ;; esac
$b mkdir -p /sysroot/bin /sysroot/sbin /sysroot/proc
$b cp /bin/busybox /sysroot/bin
$b cp /next /sysroot/sbin/init
$b cp /sums /sysroot
$b umount /proc
exec $b switch_root /sysroot /sbin/init
"#;

/// Stands in for OpenRC's service: looks for a modloop in /lib, by the last part of its URL.
const NEXT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
for word in $($b cat /proc/cmdline); do
    case $word in modloop=http://*) modloop=/lib/${word##*/} ;; esac
done
echo "mini: userspace on $($b uname -m)"
echo "mini: cmdline $($b cat /proc/cmdline)"
echo "mini: apkovl $($b cat /etc/motd)"
[ "$modloop" = /lib/modloop ] && $b sha256sum -c -s /sums && echo "mini: modloop whole"
$b poweroff -f
"#;

/// The overlay's greeting.
const MOTD: &str = "from the overlay\n";

/// Files of the artifact beside kernel and command line.
pub struct Parts {
    /// An initramfs with the two scripts.
    pub initrd: Vec<u8>,
    /// A squashfs.
    pub modloop: Vec<u8>,
    /// A tar, packed by gzip.
    pub apkovl: Vec<u8>,
}

/// Makes the parts; the squashfs has a program instead of modules.
///
/// # Errors
/// When a tool fails.
pub fn parts(busybox: &[u8]) -> Result<Parts> {
    let scratch = Scratch::new("alpine")?;
    let (module, modloop) = (scratch.file("module"), scratch.file("modloop"));
    fs::write(&module, busybox)?;
    let time = EPOCH.to_string();
    let mut squashfs = Command::new("mksquashfs");
    squashfs.arg(&module).arg(&modloop).args(["-all-root", "-quiet", "-no-progress", "-processors", "1"]);
    run(squashfs.args(["-mkfs-time", &time, "-all-time", &time]))?;
    let said = run(Command::new("sha256sum").arg(&modloop))?;
    let sum = said.split(' ').next().context("sha256sum printed no checksum")?;

    let mut archive = cpio::Archive::default();
    for folder in ["bin", "dev", "proc", "sysroot"] {
        archive.folder(folder)?;
    }
    archive.device("dev/console", (5, 1))?;
    archive.program("bin/busybox", busybox)?;
    archive.program("init", INIT.as_bytes())?;
    archive.program("next", NEXT.as_bytes())?;
    archive.program("sums", format!("{sum}  /lib/modloop\n").as_bytes())?;

    let overlay = scratch.file("host.apkovl.tar");
    let mut tar = Builder::new(fs::File::create(&overlay)?);
    files::folder(&mut tar, "etc")?;
    files::file(&mut tar, "etc/motd", 0o644, MOTD.as_bytes())?;
    tar.into_inner()?;
    // -n: without the file's name and time.
    run(Command::new("gzip").arg("-n").arg(&overlay))?;
    let apkovl = fs::read(overlay.with_extension("tar.gz"))?;
    Ok(Parts { initrd: archive.finish()?, modloop: fs::read(&modloop)?, apkovl })
}
