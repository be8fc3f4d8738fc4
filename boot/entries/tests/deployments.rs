// SPDX-License-Identifier: BSD-3-Clause
//! Entries of the Boot Loader Specification in the shapes that Red Hat's systems, openSUSE and image-based systems give
//! them.

use std::{
    fs::{self, File},
    path::Path,
    rc::Rc,
};

use entries::{Arch, Found, Wait, discover};
use filesystem::{FileSystem, Identity};
use oracle::{
    FileDevice, Tree,
    tools::{run, work_dir},
};
use part::{Guid, Partition, PartitionKind};
use vfs::{Disk, Volume, Volumes};

const BOOT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const ROOT: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// The partitions of a disk.
fn found(trees: Vec<Tree>) -> Found {
    let partition = |number: u32| {
        let (kind, uuid, name) = (PartitionKind::Gpt(Guid::default()), String::new(), String::new());
        Partition { number, start: u64::from(number) << 30, length: 1 << 30, kind, uuid, name }
    };
    let volume =
        |(number, tree)| Volume::new(format!("hd0,gpt{number}"), tree).on(0, Some(partition(number)));
    let volumes = Volumes::from_volumes((1..).zip(trees).map(volume).collect());
    discover(&volumes, Arch::X86_64, &|_, _| false)
}

/// The same on disks that mkfs has filled: what has a UUID of FAT with FAT, the others with `format`.
fn found_on(format: &str, trees: &[Tree]) -> Found {
    // Tests run side by side; each has its thread.
    let test = std::thread::current().name().expect("a test has a name").to_string();
    let work = work_dir(&format!("{test}-{format}"));
    let disk = |(number, tree): (usize, &Tree)| {
        let (folder, image) = (work.join(format!("tree{number}")), work.join(format!("disk{number}")));
        tree.write_to(&folder);
        File::create(&image).unwrap().set_len(300 << 20).unwrap();
        fill(format, &tree.identity(), &folder, &image);
        Disk { device: Rc::new(FileDevice::open(&image)), name: format!("hd{number}") }
    };
    let volumes = Volumes::discover(trees.iter().enumerate().map(disk).collect());
    fs::remove_dir_all(&work).unwrap();
    assert_eq!(volumes.problems(), []);
    let uuids: Vec<&str> = volumes.all().iter().map(|volume| volume.identity().uuid.as_str()).collect();
    let expected: Vec<String> = trees.iter().map(|tree| tree.identity().uuid).collect();
    assert_eq!(uuids, expected, "{format}");
    discover(&volumes, Arch::X86_64, &|_, _| false)
}

fn fill(format: &str, identity: &Identity, folder: &Path, image: &Path) {
    let [from, to] = [folder, image].map(|path| path.to_str().unwrap());
    let (uuid, label) = (identity.uuid.as_str(), str::from_utf8(&identity.label).unwrap());
    match format {
        _ if uuid.len() < BOOT.len() => {
            run("mkfs.fat", &["-i", &uuid.replace('-', ""), to]);
            for entry in fs::read_dir(folder).unwrap() {
                run("mcopy", &["-s", "-i", to, entry.unwrap().path().to_str().unwrap(), "::/"]);
            }
        }
        "xfs" => {
            let uuid = format!("uuid={uuid}");
            run("mkfs.xfs", &["-q", "-m", &uuid, "-L", label, "-p", from, to]);
        }
        _ => drop(run("mkfs.btrfs", &["-q", "-U", uuid, "-L", label, "--rootdir", from, to])),
    }
}

/// `*title: kernel + initrd [options]` for each, of the volume with this number.
fn shown(found: &Found, number: usize) -> Vec<String> {
    assert_eq!(found.problems, []);
    let show = |entry: &entries::Entry| {
        let linux = entry.linux().unwrap();
        assert_eq!(linux.kernel.volume.0 + 1, number, "{entry:?}");
        let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
        let initrd: String = linux.initrd_files().map(|file| format!(" + {}", path(file))).collect();
        let mark = if entry.default { "*" } else { "" };
        format!("{mark}{}: {}{initrd} [{}]", entry.title, path(&linux.kernel), linux.options)
    };
    found.entries.iter().map(show).collect()
}

fn grubenv(lines: &str) -> String {
    let text = format!("# GRUB Environment Block\n{lines}");
    let fill = "#".repeat(1024 - text.len());
    text + &fill
}

/// The grub.cfg of RHEL 8 and later, as far as it matters here.
fn redhat_cfg() -> String {
    format!(
        "set pager=1\nif [ -f ${{config_directory}}/grubenv ]; then\n  load_env -f ${{config_directory}}/grubenv\n\
         elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\n\
         if [ \"${{next_entry}}\" ] ; then\n   set default=\"${{next_entry}}\"\n   set next_entry=\n   save_env next_entry\n\
         \x20  set boot_once=true\nelse\n   set default=\"${{saved_entry}}\"\nfi\nset timeout=5\n\
         insmod part_gpt\ninsmod xfs\nsearch --no-floppy --fs-uuid --set=root {BOOT}\ninsmod part_gpt\ninsmod xfs\n\
         search --no-floppy --fs-uuid --set=boot {BOOT}\n\
         if [ -z \"${{kernelopts}}\" ]; then\n  set kernelopts=\"root=/dev/mapper/rhel-root ro from=cfg \"\nfi\n\
         insmod blscfg\nblscfg\n"
    )
}

/// An entry of kernel-install; `options` and behind `initrd` as each release has them.
fn redhat_entry(version: &str, tuned_initrd: &str, options: &str) -> String {
    format!(
        "title Red Hat Enterprise Linux ({version})\nversion {version}\nlinux /vmlinuz-{version}\n\
         initrd /initramfs-{version}.img{tuned_initrd}\noptions {options}\ngrub_users $grub_users\n\
         grub_arg --unrestricted\ngrub_class rhel\n"
    )
}

/// `/boot` of its own, of XFS, with two kernels and the rescue one.
fn redhat_boot(versions: [&str; 2], tuned_initrd: &str, options: &str) -> Tree {
    let mut tree = Tree::new().uuid(BOOT);
    for version in versions.iter().chain(&["0-rescue-0123456789abcdef0123456789abcdef"]) {
        tree = tree
            .file(
                format!("/loader/entries/{MACHINE}-{version}.conf"),
                redhat_entry(version, tuned_initrd, options),
            )
            .file(format!("/vmlinuz-{version}"), "k")
            .file(format!("/initramfs-{version}.img"), "i");
    }
    tree
}

const VERSIONS: [&str; 2] = ["4.18.0-553.el8_10.x86_64", "4.18.0-477.el8_8.x86_64"];
const KERNELOPTS: &str = "root=/dev/mapper/rhel-root ro crashkernel=auto rhgb quiet";

/// The disks of RHEL 8, whose grub.cfg stands on the EFI system partition with grubenv, to which /boot/grub2/grubenv
/// leads; `env` is its content, if there is one.
fn redhat_8(env: Option<&str>) -> Vec<Tree> {
    let esp = Tree::new().uuid("E5E5-0001").file("/EFI/redhat/grub.cfg", redhat_cfg());
    let esp = match env {
        Some(env) => esp.file("/EFI/redhat/grubenv", env),
        None => esp,
    };
    let boot = redhat_boot(VERSIONS, " $tuned_initrd", "$kernelopts $tuned_params");
    vec![esp, boot, Tree::new().uuid(ROOT).file("/etc/os-release", "ID=rhel\n")]
}

/// RHEL 9, updated from 8: the environment beside grub.cfg on /boot.
fn redhat_9(env: &str) -> Vec<Tree> {
    let stub = format!(
        "search --no-floppy --fs-uuid --set=dev {BOOT}\nset prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n"
    );
    let mut disks = redhat_8(None);
    disks[0] = Tree::new().uuid("E5E5-0001").file("/EFI/redhat/grub.cfg", stub);
    disks[1] = disks[1].clone().file("/grub2/grub.cfg", redhat_cfg()).file("/grub2/grubenv", env);
    disks
}

/// What is shown of them.
fn redhat_entries(options: &str, default: usize) -> Vec<String> {
    let versions = [VERSIONS[0], VERSIONS[1], "0-rescue-0123456789abcdef0123456789abcdef"];
    let entry = |(at, version): (usize, &str)| {
        let mark = if at == default { "*" } else { "" };
        format!(
            "{mark}Red Hat Enterprise Linux ({version}): /vmlinuz-{version} + /initramfs-{version}.img [{options}]"
        )
    };
    versions.into_iter().enumerate().map(entry).collect()
}

#[test]
fn rhel_8_has_its_command_line_in_grubenv() {
    let env = grubenv(&format!(
        "saved_entry={MACHINE}-{}\nkernelopts={KERNELOPTS} \nboot_success=0\n",
        VERSIONS[1]
    ));
    for disks in [redhat_8(Some(&env)), redhat_9(&env)] {
        assert_eq!(shown(&found_on("xfs", &disks), 2), redhat_entries(KERNELOPTS, 1));
        assert_eq!(shown(&found(disks), 2), redhat_entries(KERNELOPTS, 1));
    }
    // Without kernelopts in grubenv, what grub.cfg says; without an environment, too.
    for env in [Some(grubenv("boot_success=1\n")), None] {
        let expected = redhat_entries("root=/dev/mapper/rhel-root ro from=cfg", 0);
        assert_eq!(shown(&found(redhat_8(env.as_deref())), 2), expected);
    }
}

#[test]
fn rhel_10_and_fedora_have_their_command_lines_in_the_entries() {
    let versions = ["6.12.0-55.el10.x86_64", "6.12.0-32.el10.x86_64"];
    let options = format!("root=UUID={ROOT} ro rootflags=subvol=root console=ttyS0 ");
    let stub = format!(
        "search --no-floppy --root-dev-only --fs-uuid --set=dev {BOOT}\nset prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n"
    );
    let esp = Tree::new().uuid("E5E5-0001").file("/EFI/fedora/grub.cfg", stub);
    // An old kernelopts means nothing to entries that do not name it.
    let env = grubenv("kernelopts=root=/dev/old ro\nsaved_entry=0\n");
    let boot = redhat_boot(versions, " $tuned_initrd", &format!("{options}$tuned_params"))
        .file("/grub2/grub.cfg", redhat_cfg())
        .file("/grub2/grubenv", env);
    let found = found(vec![esp, boot]);
    let entries = shown(&found, 2);
    let expected = format!(
        "*Red Hat Enterprise Linux ({0}): /vmlinuz-{0} + /initramfs-{0}.img [{1}]",
        versions[0],
        options.trim_end()
    );
    assert_eq!((entries.len(), &entries[0]), (3, &expected));
}

/// An entry of ostree: the second deployment is the newer one.
fn ostree_entry(version: u32, prefix: &str, options: &str) -> String {
    format!(
        "title Fedora CoreOS 41 (ostree:{})\nversion {version}\n\
         options {options} ostree=/ostree/boot.1/fedora-coreos/c0ffee{version}/0\n\
         linux {prefix}/ostree/fedora-coreos-c0ffee{version}/vmlinuz-6.12.{version}\n\
         initrd {prefix}/ostree/fedora-coreos-c0ffee{version}/initramfs-6.12.{version}.img\n\
         aboot /ostree/deploy/fedora-coreos/deploy/c0ffee.0/usr/lib/ostree-boot/aboot.img\n",
        2 - version
    )
}

/// The files that ostree has below `/boot`, or on a volume of their own.
fn ostree(tree: Tree, folder: &str, prefix: &str, options: &str, names: [&str; 2]) -> Tree {
    let mut tree = tree.symlink(format!("{folder}/loader"), "loader.1");
    for (version, name) in (1..).zip(names) {
        let files = format!("{folder}/ostree/fedora-coreos-c0ffee{version}");
        tree = tree
            .file(format!("{folder}/loader.1/entries/{name}"), ostree_entry(version, prefix, options))
            .file(format!("{files}/vmlinuz-6.12.{version}"), "k")
            .file(format!("{files}/initramfs-6.12.{version}.img"), "i");
    }
    // What the links led to before the last deployment.
    tree.file(format!("{folder}/loader.0/entries/{}", names[0]), ostree_entry(1, prefix, "old"))
}

fn deployments(folder: &str, options: &str) -> [String; 2] {
    let entry = |mark: &str, version: u32| {
        let files = format!("{folder}/ostree/fedora-coreos-c0ffee{version}");
        format!(
            "{mark}Fedora CoreOS 41 (ostree:{}): {files}/vmlinuz-6.12.{version} + {files}/initramfs-6.12.{version}.img \
             [{options} ostree=/ostree/boot.1/fedora-coreos/c0ffee{version}/0]",
            2 - version
        )
    };
    [entry("*", 2), entry("", 1)]
}

const NAMES: [[&str; 2]; 2] =
    [["ostree-1-fedora-coreos.conf", "ostree-2-fedora-coreos.conf"], ["ostree-1.conf", "ostree-2.conf"]];

#[test]
fn deployments_of_ostree_are_found_behind_their_links() {
    let options = "rw $ignition_firstboot mitigations=auto,nosmt console=ttyS0,115200n8";
    let seen = "rw  mitigations=auto,nosmt console=ttyS0,115200n8";
    let cfg = format!(
        "search --label boot --set boot --no-floppy\nset root=$boot\nset timeout=1\nblscfg\n# {BOOT}\n"
    );
    for names in NAMES {
        // /boot of its own, which is `/boot` below itself, too.
        let boot = ostree(Tree::new().uuid(BOOT).label("boot"), "", "", options, names)
            .symlink("/boot", ".")
            .file("/grub2/grub.cfg", cfg.as_str());
        let root = Tree::new()
            .uuid(ROOT)
            .symlink("/ostree/boot.1", "boot.1.1")
            .dir("/ostree/boot.1.1/fedora-coreos");
        let disks = [boot, root];
        assert_eq!(shown(&found_on("xfs", &disks), 1), deployments("", seen));
        assert_eq!(shown(&found_on("btrfs", &disks), 1), deployments("", seen));
        assert_eq!(shown(&found(disks.into()), 1), deployments("", seen));
        // systemd-boot's way: nothing stands for `$ignition_firstboot`, which stays as it is.
        let boot = ostree(Tree::new().uuid(BOOT), "", "", options, names).symlink("/boot", ".");
        assert_eq!(shown(&found(vec![boot]), 1), deployments("", options));
    }
}

#[test]
fn an_image_of_bootc_may_have_boot_in_its_root() {
    let options = format!("root=UUID={ROOT} rw console=ttyS0");
    for (names, prefix) in [(NAMES[0], "/boot"), (NAMES[1], "/boot"), (NAMES[1], "")] {
        let root = ostree(Tree::new().uuid(ROOT), "/boot", prefix, &options, names)
            .symlink("/ostree/boot.1", "boot.1.1")
            .dir("/ostree/deploy/default/deploy/c0ffee.0");
        let disks = [root];
        for format in ["xfs", "btrfs"] {
            assert_eq!(shown(&found_on(format, &disks), 1), deployments("/boot", &options), "{prefix}");
        }
        assert_eq!(shown(&found(disks.into()), 1), deployments("/boot", &options), "{prefix}");
    }
}

/// An entry of sdbootutil.
fn sdbootutil(snapshot: u32, title: &str, sort_key: &str) -> String {
    format!(
        "# Boot Loader Specification type#1 entry\ntitle      {title}\nversion    {snapshot}@7.1.4-1-default\n\
         sort-key   {sort_key}\noptions    root=UUID={ROOT} rootflags=subvol=@/.snapshots/{snapshot}/snapshot splash=silent\n\
         linux      /opensuse-tumbleweed/7.1.4-1-default/linux-cafe{snapshot}\n\
         initrd     /opensuse-tumbleweed/7.1.4-1-default/initrd-beef{snapshot}\n"
    )
}

#[test]
fn opensuse_with_systemd_boot_has_an_entry_for_each_snapshot() {
    let folder = "/opensuse-tumbleweed/7.1.4-1-default";
    let snapper =
        "Snapper: *openSUSE Tumbleweed 20261101 (1,7.1.4-1-default,2026-11-01T10:11, pre, zypp(zypper))";
    let options = |number: u32| {
        format!("root=UUID={ROOT} rootflags=subvol=@/.snapshots/{number}/snapshot splash=silent")
    };
    let expected = [
        format!("*openSUSE Tumbleweed: {folder}/linux-cafe12 + {folder}/initrd-beef12 [{}]", options(12)),
        format!("{snapper}: {folder}/linux-cafe1 + {folder}/initrd-beef1 [{}]", options(1)),
    ];
    // With systemd-boot, and with GRUB, for which the names have the order in front.
    for (writable, read_only) in [("", ""), ("system-", "snapper-")] {
        let mut esp =
            Tree::new().uuid("E5E5-0001").file("/loader/loader.conf", "timeout 8\nconsole-mode keep\n");
        for (number, prefix, title, key, tries) in [
            (1, read_only, snapper, "snapper-opensuse-tumbleweed", ""),
            (12, writable, "openSUSE Tumbleweed", "opensuse-tumbleweed", "+3"),
        ] {
            let name = format!("{prefix}opensuse-tumbleweed-7.1.4-1-default-{number}{tries}.conf");
            esp = esp
                .file(format!("/loader/entries/{name}"), sdbootutil(number, title, key))
                .file(format!("{folder}/linux-cafe{number}"), "k")
                .file(format!("{folder}/initrd-beef{number}"), "i");
        }
        let found = found(vec![esp]);
        assert_eq!((shown(&found, 1), found.wait), (expected.to_vec(), Some(Wait::Seconds(8))));
        let counting = found.entries[0].counting.as_ref().map(|counting| counting.next.as_str());
        let next = format!("{writable}opensuse-tumbleweed-7.1.4-1-default-12+2-1.conf");
        assert_eq!(counting, Some(next.as_str()));
    }
}
