// SPDX-License-Identifier: BSD-3-Clause
//! Entries of the Boot Loader Specification in the shapes that Red Hat's systems, openSUSE and image-based systems give
//! them.

use entries::{Arch, Found, Wait, discover};
use oracle::Tree;
use part::{Guid, Partition, PartitionKind};
use vfs::{Volume, Volumes};

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

/// `*title: kernel + initrd [options]` for each, of the volume with this number.
fn shown(found: &Found, number: usize) -> Vec<String> {
    assert_eq!(found.problems, []);
    let show = |entry: &entries::Entry| {
        let linux = entry.linux().unwrap();
        assert_eq!(linux.kernel.volume.0 + 1, number, "{entry:?}");
        let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
        let initrd: String = linux.initrd.iter().map(|file| format!(" + {}", path(file))).collect();
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

#[test]
fn rhel_8_has_its_command_line_in_grubenv() {
    let versions = ["4.18.0-553.el8_10.x86_64", "4.18.0-477.el8_8.x86_64"];
    let env = grubenv(&format!(
        "saved_entry={MACHINE}-{}\nkernelopts=root=/dev/mapper/rhel-root ro crashkernel=auto rhgb quiet \nboot_success=0\n",
        versions[1]
    ));
    // grub.cfg stands on the EFI system partition, and grubenv, to which /boot/grub2/grubenv leads.
    let esp = || Tree::new().uuid("E5E5-0001").file("/EFI/redhat/grub.cfg", redhat_cfg());
    let boot = || redhat_boot(versions, " $tuned_initrd", "$kernelopts $tuned_params");
    let root = || Tree::new().uuid(ROOT).file("/etc/os-release", "ID=rhel\n");
    let entry = |mark: &str, version: &str, options: &str| {
        format!(
            "{mark}Red Hat Enterprise Linux ({version}): /vmlinuz-{version} + /initramfs-{version}.img [{options}]"
        )
    };
    let options = "root=/dev/mapper/rhel-root ro crashkernel=auto rhgb quiet";
    let expected = |options: &str, default: usize| {
        let mark = |at| if at == default { "*" } else { "" };
        let rescue = "0-rescue-0123456789abcdef0123456789abcdef";
        [
            entry(mark(0), versions[0], options),
            entry(mark(1), versions[1], options),
            entry(mark(2), rescue, options),
        ]
    };
    let with_env = esp().file("/EFI/redhat/grubenv", env.as_str());
    assert_eq!(shown(&found(vec![with_env, boot(), root()]), 2), expected(options, 1));
    // RHEL 9, updated from 8: the environment beside grub.cfg on /boot.
    let stub = format!(
        "search --no-floppy --fs-uuid --set=dev {BOOT}\nset prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n"
    );
    let esp_9 = Tree::new().uuid("E5E5-0001").file("/EFI/redhat/grub.cfg", stub);
    let boot_9 = boot().file("/grub2/grub.cfg", redhat_cfg()).file("/grub2/grubenv", env.as_str());
    assert_eq!(shown(&found(vec![esp_9, boot_9, root()]), 2), expected(options, 1));
    // Without kernelopts in grubenv, what grub.cfg says; without an environment, too.
    for esp in [esp().file("/EFI/redhat/grubenv", grubenv("boot_success=1\n")), esp()] {
        let found = found(vec![esp, boot(), root()]);
        assert_eq!(shown(&found, 2), expected("root=/dev/mapper/rhel-root ro from=cfg", 0));
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
        assert_eq!(shown(&found(vec![boot, root]), 1), deployments("", seen));
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
        assert_eq!(shown(&found(vec![root]), 1), deployments("/boot", &options), "{prefix}");
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
