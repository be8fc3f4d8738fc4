// SPDX-License-Identifier: BSD-3-Clause
//! The test set: what distributions write, and what users may.

use std::path::Path;

use oracle::tools;

use crate::{
    debian,
    disk::{Format, Partition},
};

/// A disk with a configuration of GRUB.
pub struct Case {
    pub name: &'static str,
    /// Where its grub.cfg stands: the partition, from 1, and the folder.
    pub partition: u32,
    pub folder: &'static str,
    /// Entries that GRUB boots, so that a run that sees less is no success.
    pub entries: usize,
    partitions: Vec<Partition>,
}

impl Case {
    /// The disk's partitions; `@DISK@` in files is the name of the disk.
    pub fn partitions(&self, disk: &str) -> Vec<Partition> {
        let mut partitions = self.partitions.clone();
        for (_, bytes) in partitions.iter_mut().flat_map(|partition| &mut partition.files) {
            if let Ok(text) = str::from_utf8(bytes) {
                *bytes = text.replace("@DISK@", disk).into_bytes();
            }
        }
        partitions
    }
}

/// UUIDs of a case's filesystems: no two on the machine are the same.
struct Ids {
    esp: String,
    boot: String,
    root: String,
}

impl Ids {
    fn new(number: u32) -> Self {
        let uuid = |kind: u32| format!("{number:08x}-1111-4222-8333-{kind:012x}");
        Self { esp: format!("{number:04X}-E5B0"), boot: uuid(0xb), root: uuid(0xa) }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@ESP@", &self.esp).replace("@BOOT@", &self.boot).replace("@ROOT@", &self.root)
    }

    fn root(&self) -> Partition {
        Partition::new(Format::Ext4, &self.root, "root").file("/etc/fstab", "").file("/boot/x", "")
    }

    fn boot(&self) -> Partition {
        Partition::new(Format::Ext4, &self.boot, "boot")
    }

    fn esp(&self) -> Partition {
        Partition::new(Format::Fat, &self.esp, "ESP")
    }
}

/// A block with these lines, by the real tool.
fn grubenv(dir: &Path, lines: &[&str]) -> Vec<u8> {
    let path = dir.join("grubenv");
    let path = path.to_str().unwrap();
    tools::run("grub-editenv", &[path, "create"]);
    if !lines.is_empty() {
        tools::run("grub-editenv", &[&[path, "set"][..], lines].concat());
    }
    std::fs::read(path).unwrap()
}

pub fn all(dir: &Path) -> Vec<Case> {
    let mut cases = of_debian(dir);
    cases.extend(of_fedora(dir));
    cases.extend([rhel7(dir), opensuse(), corners()]);
    cases.extend(of_ubuntu(dir));
    cases.extend([stub(), blscfg_options(), medium(), image_based(dir), installer(), commands(dir)]);
    cases
}

const VERSIONS: [&str; 2] = ["6.12.9-amd64", "6.12.107+deb13-cloud-amd64"];

fn of_debian(dir: &Path) -> Vec<Case> {
    let case = |number: u32, name, entries, settings: &[(&str, &str)], block: &[&str]| {
        let ids = Ids::new(number);
        let cfg = debian::grub_cfg(dir, &ids.root, &VERSIONS, settings);
        let custom = "menuentry 'Custom' --id custom { linux /boot/vmlinuz-custom; }\n";
        let root =
            ids.root().file("/boot/grub/grub.cfg", cfg).file("/boot/grub/grubenv", grubenv(dir, block));
        let partitions = vec![root.file("/boot/grub/custom.cfg", custom)];
        Case { name, partition: 1, folder: "/boot/grub", entries, partitions }
    };
    let line = [("GRUB_CMDLINE_LINUX_DEFAULT", "quiet"), ("GRUB_CMDLINE_LINUX", "console=tty0 x=\"a b\"")];
    let times = |timeout, style| [("GRUB_TIMEOUT", timeout), ("GRUB_TIMEOUT_STYLE", style)];
    let saved = [("GRUB_DEFAULT", "saved"), ("GRUB_SAVEDEFAULT", "true")];
    let nth = [("GRUB_DEFAULT", "1>2"), ("GRUB_DISABLE_LINUX_UUID", "true")];
    let id = "gnulinux-advanced-00000002-1111-4222-8333-00000000000a>\
              gnulinux-6.12.9-amd64-advanced-00000002-1111-4222-8333-00000000000a";
    let flat = [("GRUB_DEFAULT", "3"), ("GRUB_DISABLE_SUBMENU", "y"), ("GRUB_DISABLE_RECOVERY", "true")];
    vec![
        case(1, "Debian", 6, &[&line[..], &times("5", "menu")].concat(), &[]),
        case(
            2,
            "Debian, saved",
            6,
            &[&saved[..], &times("0", "hidden")].concat(),
            &[&format!("saved_entry={id}")],
        ),
        case(3, "Debian, a number in a submenu", 6, &[&nth[..], &times("10", "countdown")].concat(), &[]),
        // Behind two kernels and the firmware's entry.
        case(5, "Debian, no submenu", 3, &[&flat[..], &times("5", "menu")].concat(), &[]),
    ]
}

fn fedora_entry(version: &str, options: &str) -> String {
    format!(
        "title Fedora Linux ({version}.x86_64) 44 (Server Edition)\nversion {version}.x86_64\n\
         linux /vmlinuz-{version}.x86_64\ninitrd /initramfs-{version}.x86_64.img $tuned_initrd\n\
         options {options}\ngrub_users $grub_users\ngrub_arg --unrestricted\ngrub_class fedora\n"
    )
}

fn of_fedora(dir: &Path) -> Vec<Case> {
    let case = |number, name, block: &[&str], options: &str| {
        let ids = Ids::new(number);
        // GRUB 2.14, unlike Fedora's, takes what starts with a digit for a number.
        let machine = "fedcba9876543210fedcba9876543210";
        let mut boot = ids.boot().file("/grub2/grub.cfg", ids.fill(include_str!("cfg/fedora.cfg")));
        boot = boot.file("/grub2/grubenv", grubenv(dir, block));
        for version in ["6.19.10-300.fc44", "7.0.4-300.fc44", "7.0.12-301.fc44"] {
            let path = format!("/loader/entries/{machine}-{version}.x86_64.conf");
            boot = boot.file(path, fedora_entry(version, options));
        }
        let rescue = format!("0-rescue-{machine}");
        let text = format!(
            "title Fedora Linux ({rescue}) 44 (Server Edition)\nversion {rescue}\nlinux /vmlinuz-{rescue}\n\
             initrd /initramfs-{rescue}.img\noptions root=UUID=x ro\ngrub_class fedora\n"
        );
        boot = boot.file(format!("/loader/entries/{machine}-0-rescue.conf"), text);
        let partitions = vec![ids.esp(), boot, ids.root()];
        Case { name, partition: 2, folder: "/grub2", entries: 4, partitions }
    };
    let saved = "saved_entry=fedcba9876543210fedcba9876543210-6.19.10-300.fc44.x86_64";
    let hidden = ["boot_success=1", "menu_auto_hide=1", "boot_indeterminate=0", saved];
    vec![
        case(6, "Fedora", &[saved, "kernelopts=root=UUID=y ro quiet"], "$kernelopts $tuned_params"),
        case(7, "Fedora without variables", &hidden, "root=UUID=y ro rootflags=subvol=root rhgb quiet"),
    ]
}

fn rhel7(dir: &Path) -> Case {
    let ids = Ids::new(9);
    let title = "Red Hat Enterprise Linux Server (0-rescue-7d7b4c6e5f0a4b0e9c1d2e3f40516273) 7.9 (Maipo)";
    let boot = ids.boot().file("/grub2/grub.cfg", ids.fill(include_str!("cfg/rhel7.cfg")));
    let boot = boot.file("/grub2/grubenv", grubenv(dir, &[&format!("saved_entry={title}")]));
    let esp = ids.esp().file("/EFI/Microsoft/Boot/bootmgfw.efi", "MZ");
    Case {
        name: "RHEL 7",
        partition: 2,
        folder: "/grub2",
        entries: 3,
        partitions: vec![esp, boot, ids.root()],
    }
}

fn opensuse() -> Case {
    let ids = Ids::new(10);
    let cfg = ids.fill(include_str!("cfg/opensuse.cfg"));
    let snapshot = "timeout=0\nif [ -n \"$oracle_inner\" ]; then default=$oracle_inner; fi\n\
                    menuentry 'Snapshot' --id snapshot { linux /boot/vmlinuz-7.0 root=UUID=x ${extra_cmdline}; initrd /boot/initrd-7.0; }\n\
                    submenu 'More' { menuentry 'Other' { linux /boot/vmlinuz-7.0 $snapshot_num; }\n }\n";
    let root = ids.root().file("/boot/grub2/grub.cfg", cfg);
    let root = root.file("/.snapshots/grub-snapshot.cfg", include_str!("cfg/snapshots.cfg"));
    let root = root.file("/.snapshots/2/grub-snapshot.cfg", include_str!("cfg/snapshot.cfg"));
    let root = root.file("/.snapshots/2/snapshot/boot/grub2/grub.cfg", snapshot);
    Case {
        name: "openSUSE",
        partition: 2,
        folder: "/boot/grub2",
        entries: 5,
        partitions: vec![ids.esp(), root],
    }
}

fn of_ubuntu(dir: &Path) -> Vec<Case> {
    let case = |number, name, block: &[&str]| {
        let ids = Ids::new(number);
        let root = ids.root().file("/boot/grub/grub.cfg", ids.fill(include_str!("cfg/ubuntu.cfg")));
        // Where there is a block, the first entry that is booted leaves its mark in it.
        let root = if block.is_empty() { root } else { root.file("/boot/grub/grubenv", grubenv(dir, block)) };
        Case { name, partition: 1, folder: "/boot/grub", entries: 5, partitions: vec![root, ids.esp()] }
    };
    vec![
        case(11, "Ubuntu", &[]),
        case(12, "Ubuntu after a failure", &["recordfail=1", "initrdfail=1", "prev_entry=gnulinux-partuuid"]),
    ]
}

fn corners() -> Case {
    let ids = Ids::new(13);
    let cfg = include_str!("cfg/corners.cfg").replace("@LABEL@", "elsewhere");
    let other = Partition::new(Format::Ext4, &ids.boot, "elsewhere").file("/k2", "k");
    let root = ids.root().file("/boot/grub/grub.cfg", cfg);
    let root = root.file("/more.cfg", "menuentry 'Sourced' { linux /k $top; }\n");
    let root = root.file("/boot/more.cfg", "menuentry 'Sourced by a dot' { linux /k $later; }\n");
    Case { name: "corners", partition: 1, folder: "/boot/grub", entries: 23, partitions: vec![root, other] }
}

/// The file on the ESP that leads to the one on a volume of another layout.
fn stub() -> Case {
    let ids = Ids::new(14);
    let stub = "search.fs_uuid @ROOT@ root hd0,gpt9\nset prefix=($root)'/@/boot/grub'\nconfigfile $prefix/grub.cfg\n";
    let cfg = "timeout=0\nif [ -n \"$oracle_inner\" ]; then default=$oracle_inner; else default=b; fi\n\
               menuentry A --id a { linux /@/boot/k; initrd /@/boot/i; }\nmenuentry B --id b { linux $prefix/k; }\n";
    let esp = ids.esp().file("/EFI/debian/grub.cfg", ids.fill(stub));
    let root = Partition::new(Format::Ext4, &ids.root, "root").file("/@/boot/grub/grub.cfg", cfg);
    Case { name: "a stub", partition: 1, folder: "/EFI/debian", entries: 2, partitions: vec![esp, root] }
}

/// An install medium that boots the local disk unless somebody chooses something else.
fn medium() -> Case {
    let root = Ids::new(16).root().file("/boot/grub2/grub.cfg", include_str!("cfg/opensuse_media.cfg"));
    let partitions = vec![root.file("/boot/k-media", "k")];
    Case { name: "openSUSE's medium", partition: 1, folder: "/boot/grub2", entries: 5, partitions }
}

/// Fedora CoreOS: the file on the ESP, and the menu on `/boot`.
fn image_based(dir: &Path) -> Case {
    let ids = Ids::new(17);
    let esp = ids.esp().file("/EFI/fedora/grub.cfg", include_str!("cfg/coreos_stub.cfg"));
    let esp = esp.file("/EFI/fedora/bootuuid.cfg", ids.fill("set BOOT_UUID=\"@BOOT@\"\n"));
    let boot = ids.boot().file("/grub2/grub.cfg", include_str!("cfg/coreos.cfg"));
    let boot = boot.file("/grub2/bootuuid.cfg", ids.fill("set BOOT_UUID=\"@BOOT@\"\n"));
    let boot = boot.file("/grub2/console.cfg", "set console=\"console=tty0 console=ttyS0\"\n");
    let boot = boot.file("/grub2/grubenv", grubenv(dir, &["saved_entry=x"])).file("/ignition.firstboot", "");
    Case { name: "CoreOS", partition: 1, folder: "/EFI/fedora", entries: 2, partitions: vec![esp, boot] }
}

/// Debian's installer.
fn installer() -> Case {
    let root = Partition::new(Format::Ext4, Ids::new(18).root, "netinst");
    let partitions = vec![root.file("/boot/grub/grub.cfg", include_str!("cfg/debian_installer.cfg"))];
    Case { name: "Debian's installer", partition: 1, folder: "/boot/grub", entries: 5, partitions }
}

/// Options of commands.
fn commands(dir: &Path) -> Case {
    let ids = Ids::new(19);
    let cfg = ids.fill(include_str!("cfg/commands.cfg"));
    let other = Partition::new(Format::Ext4, &ids.boot, "further").file("/k2-19", "k");
    let root = ids.root().file("/boot/grub/grub.cfg", cfg).file("/k", "k").file("/empty", "");
    let root = root.file("/glob/k-1", "").file("/glob/k-2", "").file("/glob/other", "");
    let root = root.file("/block", grubenv(dir, &["one=1", "two=2", "three=3"]));
    Case { name: "commands", partition: 1, folder: "/boot/grub", entries: 16, partitions: vec![root, other] }
}

/// `blscfg` of GRUB 2.14 itself, with entries among others.
fn blscfg_options() -> Case {
    let ids = Ids::new(15);
    let cfg = "default=1\ntimeout=1\nblscfg\n";
    let mut root = ids.root().file("/boot/grub/grub.cfg", cfg);
    for (name, text) in [
        ("a-1~rc1", "title A rc\nlinux /k\noptions a b\n"),
        ("a-1", "title A\nlinux /k\ninitrd /i1\ninitrd /i2\n"),
        ("a-1.10", "title A 10\nlinux /k\noptions x=y $root ${prefix}\n"),
        ("a-1.9", "title Two words\nlinux /k\n"),
    ] {
        root = root.file(format!("/loader/entries/{name}.conf"), text);
    }
    Case { name: "blscfg", partition: 1, folder: "/boot/grub", entries: 4, partitions: vec![root] }
}
