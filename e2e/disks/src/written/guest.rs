// SPDX-License-Identifier: BSD-3-Clause
//! What User-mode Linux does on the build machine: mounts the new filesystems and unpacks the system.

use std::{
    fs,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tar::Builder;
use uml::Machine;

use super::{
    EARLIER, NOW, Options,
    menu::{self, File as Text},
    ostree,
    shape::{Filesystem, Shape},
    system::System,
};
use crate::{EPOCH, files, scratch::Scratch};

/// Printed when everything is done.
const DONE: &str = "written: done";
/// MiB of memory: small, so that data is written back while Linux runs.
const MEMORY: u32 = 384;

/// Start of every script. That Linux has the build machine's root; its mounts are visible to it alone.
const PROLOGUE: &str = "set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
date -u -s @@EPOCH@ >/dev/null
unpack() {
    tar --numeric-owner --xattrs -C /mnt -xf $1
}
";

/// End of a script: process 1 ends the machine.
const EPILOGUE: &str = "umount -R /mnt
echo @DONE@
exec busybox poweroff -f
";

/// The same without the sync that busybox would do first.
const POWER_IS_OFF: &str = "echo @DONE@
echo o >/proc/sysrq-trigger
sleep 100
";

const RHEL: &str = "mount -t xfs /dev/ubda /mnt
mkdir /mnt/boot
mount -t xfs /dev/ubdb /mnt/boot
unpack @SYSTEM@
unpack @CONFIGURATION@
";

/// The log's last records have a new configuration, in more than the eight records of which the last may be torn.
const POWER_FAILS_ON_XFS: &str = "umount -R /mnt
mount -t xfs /dev/ubda /mnt
mount -t xfs /dev/ubdb /mnt/boot
for i in $(seq 20); do
    echo $i >/mnt/boot/grub2/count-$i
    sync
done
unpack @LATER@
sync
xfs_io -x -c 'shutdown -f' /mnt/boot
";

/// The link `boot` on /boot is as on image-based systems: two paths lead to each entry.
const FEDORA: &str = "mount -t btrfs /dev/ubda /mnt
btrfs -q subvolume create /mnt/root
btrfs -q subvolume create /mnt/home
umount /mnt
mount -t btrfs -o compress=zstd:1,subvol=root /dev/ubda /mnt
mkdir /mnt/boot /mnt/home
mount -t btrfs -o compress=zstd:1,subvol=home /dev/ubda /mnt/home
mount -t ext4 /dev/ubdb /mnt/boot
ln -s . /mnt/boot/boot
unpack @SYSTEM@
unpack @CONFIGURATION@
";

/// As with snapper: the root is the first snapshot, and the second is its state before an update.
const SUSE: &str = "mount -t btrfs /dev/ubda /mnt
btrfs -q subvolume create /mnt/@
mkdir -p /mnt/@/boot/grub2 /mnt/@/usr
for name in .snapshots boot/grub2/x86_64-efi home root usr/local var; do
    btrfs -q subvolume create /mnt/@/$name
done
mkdir /mnt/@/.snapshots/1
btrfs -q subvolume create /mnt/@/.snapshots/1/snapshot
btrfs subvolume set-default /mnt/@/.snapshots/1/snapshot
umount /mnt
mount -t btrfs /dev/ubda /mnt
for name in .snapshots boot/grub2/x86_64-efi home root usr/local var; do
    mkdir -p /mnt/$name
    mount -t btrfs -o subvol=@/$name /dev/ubda /mnt/$name
done
unpack @SYSTEM@
unpack @CONFIGURATION@
mkdir /mnt/.snapshots/2
btrfs -q subvolume snapshot -r /mnt /mnt/.snapshots/2/snapshot
unpack @LATER@
";

/// btrfs must scan each device.
const AT: &str = "btrfs -q device scan $(ls /dev/ubd[a-h])
mount -t btrfs /dev/ubda /mnt
btrfs -q subvolume create /mnt/@
btrfs -q subvolume create /mnt/@home
umount /mnt
mount -t btrfs -o compress=zstd:1,subvol=@ /dev/ubda /mnt
mkdir /mnt/home
mount -t btrfs -o compress=zstd:1,subvol=@home /dev/ubda /mnt/home
unpack @SYSTEM@
unpack @CONFIGURATION@
";

/// An update that calls fsync: after the last transaction come kernel, initrd and a new configuration, each with its
/// own fsync. They are only in the tree log.
const POWER_FAILS_ON_BTRFS: &str = "umount -R /mnt
mount -t btrfs -o compress=zstd:1,commit=86400,subvol=@ /dev/ubda /mnt
cd /mnt/boot
for name in *-@VERSION@; do
    mv $name before-$name
done
sync
unpack @LATER@
for name in before-*; do
    cp $name ${name#before-}
    sync ${name#before-}
done
sync grub/grub.cfg ../etc/fstab ../etc/marker
";

const PLAIN: &str = "mount -t xfs /dev/ubda /mnt
unpack @SYSTEM@
unpack @CONFIGURATION@
";

/// As with ostree: two deployments, each a folder with a whole system, share kernel and initrd; the command line names
/// a link to the deployment. Paths begin with /boot, in which `boot` is a link to `.`.
const OSTREE: &str = "mount -t xfs /dev/ubda /mnt
mkdir /mnt/boot
mount -t ext4 /dev/ubdb /mnt/boot
unpack @SYSTEM@
unpack @CONFIGURATION@
unpack @LATER@
ln -s . /mnt/boot/boot
ln -s loader.1 /mnt/boot/loader
kernel=/mnt/boot/ostree/mini-@CHECKSUM@
mkdir -p $kernel
mv /mnt/boot/vmlinu?-@VERSION@ $kernel
mv /mnt/boot/initrd.img-@VERSION@ $kernel/initramfs-@VERSION@.img
links=/mnt/ostree/boot.1.1/mini/@CHECKSUM@
mkdir -p $links
ln -s boot.1.1 /mnt/ostree/boot.1
index=0
for deployment in $(ls -r /mnt/ostree/deploy/mini/deploy); do
    ln -s ../../../deploy/mini/deploy/$deployment $links/$index
    index=$((index + 1))
done
";

/// A script, and what it unpacks.
pub struct Guest {
    script: String,
}

impl Guest {
    /// Writes the archives of the configuration, and the script.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn new(options: &Options, system: &System, scratch: &Scratch) -> Result<Self> {
        let mut script = String::from(PROLOGUE);
        script.push_str(match options.shape {
            Shape::Rhel => RHEL,
            Shape::Fedora => FEDORA,
            Shape::Suse => SUSE,
            Shape::At => AT,
            Shape::Plain => PLAIN,
            Shape::Ostree => OSTREE,
        });
        script.push_str(&match (options.dirty_log, options.shape.filesystem()) {
            (true, Filesystem::Btrfs) => [POWER_FAILS_ON_BTRFS, POWER_IS_OFF].concat(),
            (true, _) => [POWER_FAILS_ON_XFS, EPILOGUE].concat(),
            (false, _) => EPILOGUE.into(),
        });
        let configuration = |name: &str, word| {
            let file = scratch.file(name);
            archive(&file, &menu::on_root(options, system, word), &menu::links(options, system))?;
            Ok::<_, anyhow::Error>(file.display().to_string())
        };
        let changes = script.contains("@LATER@");
        let first = configuration("configuration.tar", if changes { EARLIER } else { NOW })?;
        let later = if changes { configuration("later.tar", NOW)? } else { String::new() };
        let script = script
            .replace("@EPOCH@", &EPOCH.to_string())
            .replace("@DONE@", DONE)
            .replace("@VERSION@", &system.version)
            .replace("@CHECKSUM@", ostree::CHECKSUM)
            .replace("@SYSTEM@", &system.archive.display().to_string())
            .replace("@CONFIGURATION@", &first)
            .replace("@LATER@", &later);
        Ok(Self { script })
    }

    /// Runs Linux with the images as its disks.
    ///
    /// # Errors
    /// When a command of the script fails, with Linux's output.
    pub fn run(&self, images: &[PathBuf], scratch: &Scratch) -> Result<()> {
        let script = scratch.file("script");
        fs::write(&script, &self.script)?;
        let machine = Machine { memory: MEMORY, disks: images, work: &scratch.file("") };
        machine
            .run(Path::new("/bin/sh"), &[script.display().to_string()], DONE)
            .map_err(anyhow::Error::msg)?;
        Ok(())
    }
}

/// A tar file of some files and links; unpacking creates missing folders.
fn archive(file: &Path, texts: &[Text], links: &[[String; 2]]) -> Result<()> {
    let mut tar = Builder::new(BufWriter::new(File::create(file).context("cannot create a tar file")?));
    for Text { path, content } in texts {
        files::file(&mut tar, path, 0o644, content.as_bytes())?;
    }
    for [name, target] in links {
        files::hard_link(&mut tar, name, target)?;
    }
    Ok(tar.finish()?)
}
