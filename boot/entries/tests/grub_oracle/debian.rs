// SPDX-License-Identifier: BSD-3-Clause
//! grub.cfg as Debian's own scripts write it: those in /etc/grub.d, in the environment that grub-mkconfig gives them.
//! grub-mkconfig itself begins by asking on which device `/` is, which has none here.

use std::{fs, path::Path};

use oracle::tools;

/// Runs the scripts in order, as grub-mkconfig does, with a folder in the place of /boot.
const RUN: &str = "mount --bind \"$1\" /boot && for f in /etc/grub.d/[0-9]*; do \"$f\" || exit; done";

/// The file for a system whose root filesystem, with `/boot` in it, has this UUID. `settings` are those of
/// /etc/default/grub.
pub fn grub_cfg(dir: &Path, uuid: &str, versions: &[&str], settings: &[(&str, &str)]) -> String {
    let (boot, image) = (dir.join("debian/boot"), dir.join("debian/root"));
    let _ = fs::remove_dir_all(dir.join("debian"));
    fs::create_dir_all(boot.join("grub")).unwrap();
    for version in versions {
        for name in ["vmlinuz", "initrd.img", "config"] {
            fs::write(boot.join(format!("{name}-{version}")), "x").unwrap();
        }
    }
    let (boot, image) = (boot.to_str().unwrap(), image.to_str().unwrap());
    tools::run("mke2fs", &["-q", "-F", "-t", "ext4", "-U", uuid, image, "8M"]);
    // What grub-probe takes for a disk.
    fs::write(format!("{boot}/grub/device.map"), format!("(hd0) {image}\n")).unwrap();
    let mut command = tools::command("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", RUN, "sh", boot]);
    command.envs([("GRUB_DEVICE", image), ("GRUB_DEVICE_BOOT", image), ("GRUB_DEVICE_UUID", uuid)]);
    command.envs([
        ("pkgdatadir", "/usr/share/grub"),
        ("GRUB_FS", "ext2"),
        ("GRUB_RECOVERY_TITLE", "recovery mode"),
    ]);
    command.envs([("GRUB_DISTRIBUTOR", "Debian"), ("GRUB_TERMINAL_OUTPUT", "gfxterm")]);
    let output = command.envs(settings.iter().copied()).output().expect("unshare is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("\tlinux\t{boot}/vmlinuz-")), "{text}");
    // To the scripts the folder is one of the filesystem that the test stands on.
    text.replace(boot, "/boot").replace(image, "/dev/vda1")
}
