// SPDX-License-Identifier: BSD-3-Clause
//! Which entry starts.

use std::{format, vec};

use super::{
    Scenario, check,
    disks::{Disk, program},
    hidden,
    machine::{End, Machine},
    started,
};
use crate::Ended;

const ONE: &str = "discover 1 disk, 1 volume, 1 entry";
const TWO: &str = "discover 1 disk, 1 volume, 2 entries";
const THREE: &str = "discover 1 disk, 1 volume, 3 entries";
const BOTH: &str = "discover 2 disks, 2 volumes, 2 entries";
const GONE: &str = "discover no gone-6.1 yet: starting the drivers of all devices";
const NOTHING: &str = "discover nothing yet: starting the drivers of all devices";

fn abc() -> Machine {
    Machine::new(&[hidden(&["a", "b", "c"])])
}

/// A disk of the Boot Loader Specification that starts what was started last.
fn by_loader_conf() -> Machine {
    let conf =
        |letter: char| format!("title {}\nlinux /k\noptions root={letter}\n", letter.to_ascii_uppercase());
    let disk =
        Disk::default().file("/loader/loader.conf", "timeout 0\ndefault @saved\n").file("/k", program());
    Machine::new(&[disk.file("/loader/entries/a.conf", conf('a')).file("/loader/entries/b.conf", conf('b'))])
}

#[test]
fn by_default() {
    let default_b = Disk::default().grub("set timeout=0\nset default=b", &["a", "b"]);
    check(vec![
        Scenario("the first entry", abc(), &[THREE, "BOOTS hd0 a"], started("a")),
        Scenario(
            "the default",
            Machine::new(std::slice::from_ref(&default_b)),
            &[TWO, "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "the default is broken",
            Machine::new(&[default_b.without("/b")]),
            &[TWO, "BROKEN hd0 b: trying the next entry", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "the first entry is broken",
            Machine::new(&[hidden(&["a", "b"]).without("/a")]),
            &[TWO, "BROKEN hd0 a: trying the next entry", "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "the second disk, where the first is empty",
            Machine::new(&[Disk::default().file("/x", "x"), hidden(&["a"])]),
            &["discover 2 disks, 2 volumes, 1 entry", "BOOTS hd1 a"],
            started("a"),
        ),
        Scenario(
            "a disk that appears when its driver is started",
            Machine::new(&[hidden(&["a"])]).awake(0),
            &["discover 0 disks, 0 volumes, 0 entries", NOTHING, ONE, "BOOTS hd0 a"],
            started("a"),
        ),
    ]);
}

#[test]
fn as_the_booted_system_wants() {
    let vanished = |variable: &'static str| abc().variable(variable, "gone-6.1");
    check(vec![
        Scenario(
            "one-shot",
            abc().variable("LoaderEntryOneShot", "c").variable("LoaderEntryDefault", "b"),
            &[THREE, "BOOTS hd0 c"],
            started("c"),
        ),
        Scenario(
            "set default",
            abc().variable("LoaderEntryDefault", "B"),
            &[THREE, "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "a pattern",
            abc().variable("LoaderEntryOneShot", "[c-z]*"),
            &[THREE, "BOOTS hd0 c"],
            started("c"),
        ),
        Scenario(
            "a one-shot entry that is broken keeps nothing from booting",
            Machine::new(&[hidden(&["a", "b", "c"]).without("/c")]).variable("LoaderEntryOneShot", "c"),
            &[THREE, "BROKEN hd0 c: trying the next entry", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "a one-shot entry that has vanished",
            vanished("LoaderEntryOneShot"),
            &[
                THREE,
                GONE,
                THREE,
                "warning: choose LoaderEntryOneShot: E-CHOOSE-ID no entry has the identifier gone-6.1; using the \
                 usual default",
                "BOOTS hd0 a",
            ],
            started("a"),
        ),
        Scenario(
            "a default that has vanished is said once, however often it is tried",
            Machine::new(&[hidden(&["a"]).without("/a")])
                .variable("LoaderEntryDefault", "gone-6.1")
                .settings("cloudboot.retry=1"),
            &[
                ONE,
                GONE,
                ONE,
                "warning: choose LoaderEntryDefault: E-CHOOSE-ID no entry has the identifier gone-6.1; using the \
                 usual default",
                "BROKEN hd0 a: retry 1 of 1",
                ONE,
                GONE,
                ONE,
                "BROKEN hd0 a: returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "the entry that was booted last",
            abc().variable("LoaderEntryDefault", "@saved").variable("LoaderEntryLastBooted", "b"),
            &[THREE, "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "the entry that was booted last, for the first time",
            abc().variable("LoaderEntryDefault", "@saved"),
            &[THREE, "BOOTS hd0 a", "[store LoaderEntryLastBooted a]"],
            started("a"),
        ),
        Scenario(
            "loader.conf wants the entry that was booted last",
            by_loader_conf().variable("LoaderEntryLastBooted", "a.conf"),
            &[
                TWO,
                "choose \"A\" from hd0 /loader/entries/a.conf",
                "obtain /k (1.5 KiB)",
                "start \"A\": root=a",
            ],
            End::Started("A: root=a with ".into()),
        ),
        Scenario(
            "so it does for the first time, where the first is the default",
            by_loader_conf(),
            &[
                TWO,
                "choose \"B\" from hd0 /loader/entries/b.conf",
                "obtain /k (1.5 KiB)",
                "start \"B\": root=b",
                "[store LoaderEntryLastBooted b.conf]",
            ],
            End::Started("B: root=b with ".into()),
        ),
        Scenario(
            "what is wanted once is not saved",
            abc().variable("LoaderEntryDefault", "@saved").variable("LoaderEntryOneShot", "c"),
            &[THREE, "BOOTS hd0 c"],
            started("c"),
        ),
    ]);
}

#[test]
fn the_firmware_s_setup() {
    let setup = "auto-reboot-to-firmware-setup";
    check(vec![
        Scenario("once", abc().variable("LoaderEntryOneShot", setup), &[THREE], End::Ended(Ended::Setup)),
        Scenario(
            "once, on an empty machine",
            Machine::new(&[]).variable("LoaderEntryOneShot", setup),
            &["discover 0 disks, 0 volumes, 0 entries", NOTHING, "discover 0 disks, 0 volumes, 0 entries"],
            End::Ended(Ended::Setup),
        ),
        Scenario(
            "where there is none",
            abc().variable("LoaderEntryOneShot", setup).without_setup(),
            &[
                THREE,
                "warning: choose LoaderEntryOneShot: E-CHOOSE-ID no entry has the identifier \
                 auto-reboot-to-firmware-setup; using the usual default",
                "BOOTS hd0 a",
            ],
            started("a"),
        ),
        Scenario(
            "as the default",
            abc().variable("LoaderEntryDefault", setup),
            &[
                THREE,
                "warning: choose LoaderEntryDefault: E-CHOOSE-ID the machine's setup cannot be the default; using \
                 the usual default",
                "BOOTS hd0 a",
            ],
            started("a"),
        ),
    ]);
}

#[test]
fn what_is_read_is_removed_and_what_is_started_is_told() {
    let machine = abc().variable("LoaderEntryOneShot", "b").variable("LoaderConfigTimeoutOneShot", "0");
    assert_eq!(machine.boot().1, started("b"));
    let read = |name: &str| machine.read_variable(name);
    assert_eq!((read("LoaderEntryOneShot"), read("LoaderConfigTimeoutOneShot")), (None, None));
    assert_eq!(read("LoaderEntrySelected").as_deref(), Some("b"));
    assert!(read("LoaderTimeExecUSec").is_some() && read("CloudBootLog").is_some());
    assert_eq!(machine.boot().1, started("a"), "the next boot");
}

#[test]
fn as_cloudboot_target_says() {
    let target = |target: &str| abc().settings(&std::format!("cloudboot.target={target}"));
    check(vec![
        Scenario("an identifier", target("C"), &[THREE, "BOOTS hd0 c"], started("c")),
        Scenario("a system", target("linux"), &[THREE, "BOOTS hd0 a"], started("a")),
        Scenario(
            "it stands above what the booted system prefers",
            target("c").variable("LoaderEntryDefault", "b"),
            &[THREE, "BOOTS hd0 c"],
            started("c"),
        ),
        Scenario(
            "no other is started where it fails",
            Machine::new(&[hidden(&["a", "b"]).without("/b")]).settings("cloudboot.target=b"),
            &[TWO, "BROKEN hd0 b: returning to the firmware"],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "no other is started where there is none",
            target("windows"),
            &[
                THREE,
                "discover no windows yet: starting the drivers of all devices",
                THREE,
                "failed: choose windows: E-CHOOSE-TARGET no entry has this id or title; available: a, b, c; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
    ]);
}

#[test]
fn as_cloudboot_disk_says() {
    let two = || Machine::new(&[hidden(&["a"]), hidden(&["b"])]);
    check(vec![
        Scenario("both", two(), &[BOTH, "BOOTS hd0 a"], started("a")),
        Scenario(
            "one of them",
            two().settings("cloudboot.disk=/dev/vdb"),
            &["discover 2 disks, 2 volumes, 1 entry", "BOOTS hd1 b"],
            started("b"),
        ),
        Scenario(
            "none",
            two().settings("cloudboot.disk=LABEL=x"),
            &[
                "discover 2 disks, 2 volumes, 0 entries",
                NOTHING,
                "failed: discover LABEL=x: E-DISK-NONE no such volume; available: hd0, hd1",
                "discover 2 disks, 2 volumes, 0 entries",
                "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "a kernel of it, with the default's command line",
            two().settings("cloudboot.disk=hd1 cloudboot.disk.kernel=/b cloudboot.disk.initrd=/initrd"),
            &[
                "discover 2 disks, 2 volumes, 2 entries",
                "choose \"/b\" from hd1 /b",
                "obtain /b (1.5 KiB)",
                "obtain /initrd (6 bytes)",
                "start \"/b\": root=b",
            ],
            End::Started("/b: root=b with initrd".into()),
        ),
        Scenario(
            "a kernel that only the second disk has, with the command line of that disk's default",
            Machine::new(&[
                hidden(&["a"]),
                Disk::default().grub("set timeout=0\nset default=c", &["b", "c"]),
            ])
            .settings("cloudboot.disk.kernel=/b"),
            &[
                "discover 2 disks, 2 volumes, 4 entries",
                "choose \"/b\" from hd1 /b",
                "obtain /b (1.5 KiB)",
                "start \"/b\": root=c",
            ],
            End::Started("/b: root=c with ".into()),
        ),
        Scenario(
            "a disk whose menu starts its second entry",
            Machine::new(&[
                hidden(&["a"]),
                Disk::default().grub("set timeout=0\nset default=c", &["b", "c"]),
            ])
            .settings("cloudboot.disk=hd1"),
            &["discover 2 disks, 2 volumes, 2 entries", "BOOTS hd1 c"],
            started("c"),
        ),
        Scenario(
            "a disk whose menu leads elsewhere: nothing of it starts in its place",
            Machine::new(&[
                hidden(&["a"]),
                Disk::default().grub("set timeout=0\nset default=1", &["install", "local leads elsewhere"]),
            ])
            .settings("cloudboot.disk=hd1"),
            &[
                "discover 2 disks, 2 volumes, 2 entries",
                "choose \"local leads elsewhere\" from hd1 /grub/grub.cfg",
                "failed: choose local leads elsewhere: E-ENTRY-ELSEWHERE exit leads to another disk; returning to \
                 the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "no menu waits for ever in front of it",
            Machine::new(&[Disk::default().grub("", &["a", "b"])]).settings("cloudboot.disk.kernel=/b"),
            &[
                THREE,
                "[menu at /b, 5 s]",
                "choose \"/b\" from hd0 /b",
                "obtain /b (1.5 KiB)",
                "start \"/b\": root=a",
            ],
            End::Started("/b: root=a with ".into()),
        ),
        Scenario(
            "a kernel that is not there",
            two().settings("cloudboot.disk.kernel=/none"),
            &[
                BOTH,
                "discover no /none yet: starting the drivers of all devices",
                "failed: discover /none: E-DISK-KERNEL no volume has this file",
                BOTH,
                "BOOTS hd0 a",
            ],
            started("a"),
        ),
    ]);
}

/// Firmware that boots fast has started the driver of the stick `a` only; a disk `b` appears with the others.
#[test]
fn what_is_asked_for_may_be_on_a_disk_without_driver() {
    let stick = || Machine::new(&[hidden(&["a"]), hidden(&["b"])]).awake(1);
    let shell = || Machine::new(&[Disk::default().file("/shellx64.efi", program()), hidden(&["b"])]).awake(1);
    const NO_B: &str = "discover no b yet: starting the drivers of all devices";
    check(vec![
        Scenario(
            "what counts less than what is there is not",
            stick().variable("LoaderEntryOneShot", "a").variable("LoaderEntryDefault", "b"),
            &[
                ONE,
                "warning: choose LoaderEntryDefault: E-CHOOSE-ID no entry has the identifier b; using the usual \
                 default",
                "BOOTS hd0 a",
            ],
            started("a"),
        ),
        Scenario(
            "a target is, whatever else is wanted",
            stick().settings("cloudboot.target=b").variable("LoaderEntryOneShot", "a"),
            &[ONE, NO_B, BOTH, "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario("nothing is", stick(), &[ONE, "BOOTS hd0 a"], started("a")),
        Scenario(
            "what is there is",
            stick()
                .settings("cloudboot.target=a cloudboot.disk=hd0")
                .variable("LoaderEntryOneShot", "a")
                .variable("LoaderEntryDefault", "a"),
            &[ONE, "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "the target",
            stick().settings("cloudboot.target=b"),
            &[ONE, NO_B, BOTH, "BOOTS hd1 b"],
            started("b"),
        ),
        Scenario(
            "this time",
            stick().variable("LoaderEntryOneShot", "b"),
            &[ONE, NO_B, BOTH, "BOOTS hd1 b"],
            started("b"),
        ),
        Scenario(
            "by default",
            stick().variable("LoaderEntryDefault", "b"),
            &[ONE, NO_B, BOTH, "BOOTS hd1 b"],
            started("b"),
        ),
        Scenario(
            "what was booted last",
            stick().variable("LoaderEntryDefault", "@saved").variable("LoaderEntryLastBooted", "b"),
            &[ONE, NO_B, BOTH, "BOOTS hd1 b"],
            started("b"),
        ),
        Scenario(
            "a disk",
            stick().settings("cloudboot.disk=hd1"),
            &[
                "discover 1 disk, 1 volume, 0 entries",
                NOTHING,
                "discover 2 disks, 2 volumes, 1 entry",
                "BOOTS hd1 b",
            ],
            started("b"),
        ),
        Scenario(
            "a kernel",
            stick().settings("cloudboot.disk.kernel=/b"),
            &[
                ONE,
                "discover no /b yet: starting the drivers of all devices",
                "discover 2 disks, 2 volumes, 3 entries",
                "choose \"/b\" from hd1 /b",
                "obtain /b (1.5 KiB)",
                "start \"/b\": root=b",
            ],
            End::Started("/b: root=b with ".into()),
        ),
        Scenario("not only a shell", shell(), &[ONE, NOTHING, BOTH, "BOOTS hd1 b"], started("b")),
        Scenario(
            "a shell, where that is asked for",
            shell().settings("cloudboot.target=auto-efi-shell"),
            &[
                ONE,
                "choose \"EFI shell\" from hd0 /shellx64.efi",
                "obtain /shellx64.efi (1.5 KiB)",
                "start \"EFI shell\": ",
            ],
            End::Started("EFI shell: (its own) at /shellx64.efi".into()),
        ),
        Scenario(
            "the setup is on no disk",
            stick().variable("LoaderEntryOneShot", "auto-reboot-to-firmware-setup"),
            &[ONE],
            End::Ended(Ended::Setup),
        ),
    ]);
}

#[test]
fn what_no_driver_reads_is_named() {
    const UNREAD: &str = "failed: discover hd0: E-DISK-UNREAD exFAT, which this version does not read";
    const NONE: &str = "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; \
                   returning to the firmware";
    check(vec![
        Scenario(
            "where nothing can be booted",
            Machine::new(&[Disk::raw(b"\0\0\0EXFAT   ")]),
            &[
                "discover 1 disk, 0 volumes, 0 entries",
                NOTHING,
                "discover 1 disk, 0 volumes, 0 entries",
                UNREAD,
                NONE,
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "not beside a disk that boots",
            Machine::new(&[Disk::raw(b"\0\0\0EXFAT   "), hidden(&["a"])]),
            &["discover 2 disks, 1 volume, 1 entry", "BOOTS hd1 a"],
            started("a"),
        ),
        Scenario(
            "with all details",
            Machine::new(&[Disk::raw(b"\0\0\0EXFAT   "), hidden(&["a"])]).settings("cloudboot.debug=1"),
            &[
                "discover 2 disks, 1 volume, 1 entry",
                "  disk hd0: /dev/vda",
                "  disk hd1: /dev/vdb",
                "  volume hd1: vfat label \"\" uuid 0000-0000",
                "  hd0 is exFAT, which this version does not read",
                " *entry a \"a\"",
                "choose \"a\" from hd1 /grub/grub.cfg",
                "obtain /a (1.5 KiB)",
                "obtain /initrd (6 bytes)",
                "  verified: hd1 /a",
                "start \"a\": root=a",
            ],
            started("a"),
        ),
    ]);
}

#[test]
fn a_menu_that_leads_elsewhere_starts_nothing_of_its_own() {
    let installer = || hidden(&["local leads elsewhere", "install"]);
    check(vec![
        Scenario(
            "the other disk",
            Machine::new(&[installer(), hidden(&["debian", "rescue"])]),
            &[
                "discover 2 disks, 2 volumes, 4 entries",
                "choose \"local leads elsewhere\" from hd0 /grub/grub.cfg",
                "failed: choose local leads elsewhere: E-ENTRY-ELSEWHERE exit leads to another disk; trying the \
                 next entry",
                "BOOTS hd1 debian",
            ],
            started("debian"),
        ),
        Scenario(
            "the firmware, where there is no other",
            Machine::new(&[installer()]),
            &[
                TWO,
                "choose \"local leads elsewhere\" from hd0 /grub/grub.cfg",
                "failed: choose local leads elsewhere: E-ENTRY-ELSEWHERE exit leads to another disk; returning to \
                 the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "the other disk, as its own menu would",
            Machine::new(&[
                installer(),
                Disk::default().grub("set timeout=0\nset default=1", &["old", "debian", "rescue"]),
            ]),
            &[
                "discover 2 disks, 2 volumes, 5 entries",
                "choose \"local leads elsewhere\" from hd0 /grub/grub.cfg",
                "failed: choose local leads elsewhere: E-ENTRY-ELSEWHERE exit leads to another disk; trying the \
                 next entry",
                "BOOTS hd1 debian",
            ],
            started("debian"),
        ),
        Scenario(
            "not as what follows a failure on another disk either",
            Machine::new(&[hidden(&["debian"]).without("/debian"), installer()]),
            &["discover 2 disks, 2 volumes, 3 entries", "BROKEN hd0 debian: returning to the firmware"],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "another menu with such an entry, which is not its default, is as good as any",
            Machine::new(&[hidden(&["debian", "elsewhere", "rescue"]).without("/debian")]),
            &[THREE, "BROKEN hd0 debian: trying the next entry", "BOOTS hd0 rescue"],
            started("rescue"),
        ),
        Scenario(
            "what the booted system wants is started all the same",
            Machine::new(&[installer()]).variable("LoaderEntryOneShot", "install"),
            &[TWO, "BOOTS hd0 install"],
            started("install"),
        ),
        Scenario(
            "so is a target",
            Machine::new(&[installer()]).settings("cloudboot.target=install"),
            &[TWO, "BOOTS hd0 install"],
            started("install"),
        ),
        Scenario(
            "the name of a system means the first of it",
            Machine::new(&[Disk::default().grub("set timeout=0\nset default=1", &["a", "b"])])
                .settings("cloudboot.target=linux"),
            &[TWO, "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "the name of a system does not mean its installer",
            Machine::new(&[installer(), hidden(&["debian asks", "rescue"])])
                .settings("cloudboot.target=linux"),
            &[
                "discover 2 disks, 2 volumes, 4 entries",
                "choose editing is locked by hd1 /grub/grub.cfg: superusers",
                "BOOTS hd1 rescue",
            ],
            started("rescue"),
        ),
        Scenario(
            "not even where there is no other",
            Machine::new(&[installer()]).settings("cloudboot.target=linux"),
            &[
                TWO,
                "discover no linux yet: starting the drivers of all devices",
                TWO,
                "failed: choose linux: E-CHOOSE-TARGET no entry has this id or title; available: local leads \
                 elsewhere, install; returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
    ]);
}
