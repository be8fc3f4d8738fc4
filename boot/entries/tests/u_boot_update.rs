// SPDX-License-Identifier: BSD-3-Clause
//! extlinux.conf as Debian's own u-boot-update writes it, with a folder in the place of /boot.

use std::{fs, path::Path};

use entries::{Arch, Found, Kind, Wait, discover};
use oracle::{Tree, tools};
use vfs::{Volume, Volumes};

/// Its files have fixed places: they are put there for this one program.
const RUN: &str = "mount --bind \"$1\" /boot && mount --bind \"$2\" /etc/fstab && exec u-boot-update";
const FSTAB: &str = "UUID=u / ext4 errors=remount-ro 0 1\n";

/// The file that it writes for kernels of these versions.
fn extlinux_conf(name: &str, versions: &[&str], settings: &[(&str, &str)]) -> String {
    let dir = tools::work_dir(name);
    let (boot, fstab) = (dir.join("boot"), dir.join("fstab"));
    fs::create_dir_all(&boot).unwrap();
    fs::write(&fstab, FSTAB).unwrap();
    for version in versions {
        fs::write(boot.join(format!("vmlinuz-{version}")), "kernel").unwrap();
        fs::write(boot.join(format!("initrd.img-{version}")), "initrd").unwrap();
    }
    let text = |path: &Path| path.to_str().unwrap().to_string();
    let mut command = tools::command("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", RUN, "sh", &text(&boot), &text(&fstab)]);
    let output = command.envs(settings.iter().copied()).output().expect("unshare is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(boot.join("extlinux/extlinux.conf")).expect("it writes the file")
}

fn find(trees: Vec<Tree>) -> Found {
    let name = |i: usize| format!("hd0,gpt{}", i + 1);
    let volumes = trees.into_iter().enumerate().map(|(i, tree)| Volume::new(name(i), tree)).collect();
    discover(&Volumes::from_volumes(volumes), Arch::Riscv64, &|_, _| false)
}

/// Everything that a label says: identifier, kernel, initrds, command line.
fn shown(found: &Found) -> Vec<[String; 4]> {
    let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
    let entries = found.entries.iter().filter(|entry| entry.source.kind == Kind::Extlinux);
    let show = entries.map(|entry| {
        let linux = entry.linux().unwrap();
        let initrds: Vec<String> = linux.initrd_files().map(path).collect();
        let mark = if entry.default { "*" } else { "" };
        [format!("{mark}{}", entry.id), path(&linux.kernel), initrds.join(","), linux.options.clone()]
    });
    show.collect()
}

#[test]
fn every_label_is_found_as_it_was_written() {
    let text = extlinux_conf("labels", &["6.12.9-riscv64", "6.12.107-riscv64"], &[]);
    // The folder is a mount of its own to the script only where it is on another filesystem than the root.
    let folder = if text.contains("linux /boot/vmlinuz-") { "/boot" } else { "" };
    let tree = Tree::new().uuid("u").file(format!("{folder}/extlinux/extlinux.conf"), text.as_str());
    let found = find(vec![tree]);
    assert_eq!(found.problems, []);
    let of = |id: &str, version: &str, options: &str| {
        [id, &format!("{folder}/vmlinuz-{version}"), &format!("{folder}/initrd.img-{version}"), options]
            .map(String::from)
    };
    let expected = [
        of("*l0", "6.12.107-riscv64", "root=UUID=u ro quiet"),
        of("l0r", "6.12.107-riscv64", "root=UUID=u ro single"),
        of("l1", "6.12.9-riscv64", "root=UUID=u ro quiet"),
        of("l1r", "6.12.9-riscv64", "root=UUID=u ro single"),
    ];
    assert_eq!(shown(&found), expected, "{text}");
    assert_eq!(found.wait, Some(Wait::Seconds(5)), "{text}");
    let titles: Vec<&str> = found.entries.iter().map(|entry| entry.title.as_str()).collect();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("menu label ")) {
        assert!(titles.contains(&line.trim()), "{line} in {titles:?}");
    }
    assert_eq!(titles.len(), text.matches("menu label ").count());
}

#[test]
fn its_settings_are_found() {
    let settings = [
        ("U_BOOT_DEFAULT", "l1"),
        ("U_BOOT_TIMEOUT", "0"),
        ("U_BOOT_PARAMETERS", "rw console=ttyS0,115200 x=\"a b\""),
        ("U_BOOT_ALTERNATIVES", "default"),
        ("U_BOOT_ROOT", "root=LABEL=r"),
    ];
    let text = extlinux_conf("settings", &["1", "2"], &settings);
    let folder = if text.contains("linux /boot/vmlinuz-") { "/boot" } else { "" };
    let found =
        find(vec![Tree::new().uuid("u").file(format!("{folder}/extlinux/extlinux.conf"), text.as_str())]);
    let ids: Vec<String> = shown(&found).into_iter().map(|[id, ..]| id).collect();
    assert_eq!(ids, ["l0", "*l1"], "{text}");
    assert_eq!(shown(&found)[0][3], "root=LABEL=r rw console=ttyS0,115200 x=\"a b\"", "{text}");
    assert_eq!(found.wait, Some(Wait::Forever), "it waits: {text}");
}
