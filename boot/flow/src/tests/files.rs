// SPDX-License-Identifier: BSD-3-Clause
//! What is read, checked and handed over.

use std::{format, string::String, vec, vec::Vec};

use image::initrd::Wrapper;

use super::{
    Scenario, check,
    disks::{Disk, own_loader, program, sections, unified},
    hidden,
    machine::{End, Machine},
    started,
};
use crate::Ended;

const ONE: &str = "discover 1 disk, 1 volume, 1 entry";
const TWO: &str = "discover 1 disk, 1 volume, 2 entries";
const NONE: &str = "discover 1 disk, 1 volume, 0 entries";
const NOTHING: &str = "discover nothing yet: starting the drivers of all devices";
const NOT_FOUND: &str = "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can \
                         start; returning to the firmware";

#[test]
fn what_is_refused() {
    let arm = {
        let mut arm = program();
        arm[0x44..0x46].copy_from_slice(&[0x64, 0xaa]);
        arm
    };
    check(vec![
        Scenario(
            "a kernel that is not one",
            Machine::new(&[hidden(&["a"]).file("/a", "text")]),
            &[
                ONE,
                "choose \"a\" from hd0 /grub/grub.cfg",
                "obtain /a (4 bytes)",
                "obtain /initrd (6 bytes)",
                "failed: verify kernel: E-IMAGE-PE-TRUNCATED PE: IMAGE_DOS_HEADER ends at byte 64, the file at byte 4; \
                 returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "a kernel for another machine",
            Machine::new(&[hidden(&["a", "b"]).file("/a", arm)]),
            &[
                TWO,
                "choose \"a\" from hd0 /grub/grub.cfg",
                "obtain /a (1.5 KiB)",
                "obtain /initrd (6 bytes)",
                "failed: verify kernel: E-IMAGE-PE-MACHINE PE: program for aarch64, this machine is x86_64; trying the \
                 next entry",
                "BOOTS hd0 b",
            ],
            started("b"),
        ),
        Scenario(
            "more than the memory holds",
            Machine::new(&[hidden(&["a"])]).memory(2048),
            &[
                ONE,
                "choose \"a\" from hd0 /grub/grub.cfg",
                "failed: obtain /a: E-MEMORY 3.0 KiB wanted, 2.0 KiB of memory free; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "a missing initial RAM disk, before the kernel is read",
            Machine::new(&[hidden(&["a"]).without("/initrd")]),
            &[
                ONE,
                "choose \"a\" from hd0 /grub/grub.cfg",
                "failed: obtain /initrd: E-FS-NOTFOUND not found; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

#[test]
fn a_file_that_grub_puts_into_an_archive() {
    let script = "menuentry a { linux /a root=a; initrd newc:etc/x:/five /initrd; }\n";
    let disk = hidden(&["a"]).without("/grub/grub.cfg").file("/grub/grub.cfg", script);
    let wrapper = Wrapper::new("etc/x", 5).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    check(vec![Scenario(
        "with its folder, and what is no archive yet beside it",
        Machine::new(&[disk.file("/five", "12345")]),
        &[
            ONE,
            "choose \"a\" from hd0 /grub/grub.cfg",
            "obtain /a (1.5 KiB)",
            "obtain /five (5 bytes)",
            "obtain /initrd (6 bytes)",
            "start \"a\": root=a",
        ],
        End::Started(format!("a: root=a with {}12345{}initrd", text(&wrapper.before), text(&wrapper.behind))),
    )]);
}

/// A disk with a unified kernel image.
fn with_image(name: &str) -> Disk {
    Disk::default().file(name, unified("root=built-in"))
}

#[test]
fn other_programs_keep_what_their_entries_give_them() {
    let entry = "title X\nefi /x.efi\noptions a b\n";
    let disk = Disk::default().file("/loader/entries/x.conf", entry).file("/x.efi", program());
    let machine = Machine::new(&[disk]).settings("cloudboot.cmdline.extra=kernel=only");
    check(vec![Scenario(
        "an entry of the Boot Loader Specification",
        machine,
        &[ONE, "choose \"X\" from hd0 /loader/entries/x.conf", "obtain /x.efi (1.5 KiB)", "start \"X\": a b"],
        End::Started("X: a b at /x.efi".into()),
    )]);
}

#[test]
fn unified_kernel_images() {
    let plain = "/EFI/Linux/x.efi";
    let osrel = (".osrel", &b"ID=x\nPRETTY_NAME=Unified\n"[..]);
    let linux = (".linux", &b"kernel"[..]);
    let of_profile =
        sections(&[osrel, linux, (".profile", b"ID=reset"), (".cmdline", b"systemd.factory_reset=1")]);
    let latin = sections(&[osrel, (".cmdline", b"root=a note=\xe9"), linux]);
    check(vec![
        Scenario(
            "its own command line stays with it",
            Machine::new(&[with_image(plain)]),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (3.0 KiB)",
                "start \"Unified\": ",
            ],
            End::Started("Unified: (its own) at /EFI/Linux/x.efi".into()),
        ),
        Scenario(
            "settings add to it",
            Machine::new(&[with_image(plain)]).settings("cloudboot.cmdline.extra=x=1"),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (3.0 KiB)",
                "start \"Unified\": root=built-in x=1",
            ],
            End::Started("Unified: root=built-in x=1 at /EFI/Linux/x.efi".into()),
        ),
        Scenario(
            "not to that of another profile",
            Machine::new(&[Disk::default().file(plain, of_profile)]).settings("cloudboot.cmdline.extra=x=1"),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (3.5 KiB)",
                "start \"Unified\": x=1",
            ],
            End::Started("Unified: x=1 at /EFI/Linux/x.efi".into()),
        ),
        Scenario(
            "and not less to one with a letter that is no UTF-8",
            Machine::new(&[Disk::default().file(plain, latin)]).settings("cloudboot.cmdline.extra=x=1"),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (3.0 KiB)",
                "start \"Unified\": root=a note=\u{fffd} x=1",
            ],
            End::Started("Unified: root=a note=\u{fffd} x=1 at /EFI/Linux/x.efi".into()),
        ),
    ]);
}

/// What discovery has read shows what there is to choose, and decides nothing.
#[test]
fn what_is_started_is_in_the_bytes_that_were_obtained() {
    let disk = |image: Vec<u8>| Disk::default().file("/EFI/Linux/x.efi", image);
    let machine = |exchanged: Vec<u8>| Machine::new(&[disk(large("built-in"))]).changing(&[disk(exchanged)]);
    let foreign = {
        let mut image = large("built-in");
        image[0x44..0x46].copy_from_slice(&[0x64, 0xaa]);
        image
    };
    check(vec![
        Scenario(
            "its command line",
            machine(large("exchanged")).settings("cloudboot.cmdline.extra=x=1"),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (66.5 KiB)",
                "start \"Unified\": exchanged x=1",
            ],
            End::Started("Unified: exchanged x=1 at /EFI/Linux/x.efi".into()),
        ),
        Scenario(
            "whether it may start",
            machine(foreign),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (66.5 KiB)",
                "failed: verify program: E-IMAGE-PE-MACHINE PE: program for aarch64, this machine is x86_64; \
                 returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

/// A unified kernel image that is too large for the cache of what discovery has read.
fn large(options: &str) -> Vec<u8> {
    sections(&[
        (".osrel", b"ID=x\nPRETTY_NAME=Unified\n"),
        (".cmdline", options.as_bytes()),
        (".linux", &[7; 64 << 10]),
    ])
}

#[test]
fn tries_are_counted_in_the_name() {
    let counted = || with_image("/EFI/Linux/x+3.efi");
    let lines = |partition: &str, disk: &str| {
        let lines = [
            ONE.into(),
            format!("choose \"Unified\" from {disk} /EFI/Linux/x+3.efi"),
            "obtain /EFI/Linux/x+3.efi (3.0 KiB)".into(),
            format!("[rename {partition} /EFI/Linux/x+3.efi to x+2-1.efi]"),
            "start \"Unified\": ".into(),
        ];
        &*lines.map(|line: std::string::String| &*line.leak()).to_vec().leak()
    };
    let renamed = || End::Started("Unified: (its own) at /EFI/Linux/x+2-1.efi".into());
    let bytes = counted().bytes().len();
    let range = format!("Some({}..{})", 2048 * 512, 2048 * 512 + bytes);
    let machine = Machine::new(&[counted()]);
    check(vec![
        Scenario("it starts under its new name", machine, lines("None", "hd0"), renamed()),
        Scenario(
            "a partition is known by its place, not by the number of its slot",
            Machine::new(&[counted().in_third_slot()]),
            lines(&range, "hd0,msdos3"),
            renamed(),
        ),
        Scenario(
            "where the file cannot be renamed, it starts under its old name",
            Machine::new(&[counted()]).read_only(),
            &[
                ONE,
                "choose \"Unified\" from hd0 /EFI/Linux/x+3.efi",
                "obtain /EFI/Linux/x+3.efi (3.0 KiB)",
                "[rename None /EFI/Linux/x+3.efi to x+2-1.efi]",
                "  tries are not counted: /EFI/Linux/x+3.efi: EFI status WRITE_PROTECTED",
                "start \"Unified\": ",
            ],
            End::Started("Unified: (its own) at /EFI/Linux/x+3.efi".into()),
        ),
    ]);
    let machine = Machine::new(&[counted()]);
    machine.boot();
    assert_eq!(machine.read_variable("LoaderBootCountPath").as_deref(), Some("\\EFI\\Linux\\x+2-1.efi"));
}

#[test]
fn our_own_program_is_never_an_entry() {
    let lines = &[NONE, NOTHING, NONE, NOT_FOUND];
    let with = |path: &str, bytes: Vec<u8>| Disk::default().file(path, bytes);
    let chained = with("/EFI/x.efi", own_loader("9.9.9"))
        .file("/grub/grub.cfg", "menuentry x {\nchainloader /EFI/x.efi\n}\n");
    let ours_with_kernel = [
        (".osrel", &b"ID=x\nPRETTY_NAME=Ours\n"[..]),
        (".sbat", b"cloud-boot,1,x\n"),
        (".cmdline", b"ro"),
        (".linux", b"kernel"),
    ];
    let default = "/EFI/BOOT/BOOTX64.EFI";
    check(vec![
        Scenario(
            "whatever its version",
            Machine::new(&[with(default, own_loader("9.9.9"))]),
            lines,
            End::Ended(Ended::NothingFound),
        ),
        Scenario("wherever it stands", Machine::new(&[chained]), lines, End::Ended(Ended::NothingFound)),
        Scenario(
            "another loader is one",
            Machine::new(&[with(default, program())]),
            &[
                ONE,
                "choose \"EFI default loader\" from hd0 /EFI/BOOT/BOOTX64.EFI",
                "obtain /EFI/BOOT/BOOTX64.EFI (1.5 KiB)",
                "start \"EFI default loader\": ",
            ],
            End::Started("EFI default loader: (its own) at /EFI/BOOT/BOOTX64.EFI".into()),
        ),
        Scenario(
            "a unified kernel image with our stub is one",
            Machine::new(&[with("/EFI/Linux/x.efi", sections(&ours_with_kernel))]),
            &[
                ONE,
                "choose \"Ours\" from hd0 /EFI/Linux/x.efi",
                "obtain /EFI/Linux/x.efi (3.5 KiB)",
                "start \"Ours\": ",
            ],
            End::Started("Ours: (its own) at /EFI/Linux/x.efi".into()),
        ),
    ]);
}

#[test]
fn with_all_details() {
    let machine = Machine::new(&[hidden(&["a"])]).settings("cloudboot.debug=1");
    check(vec![Scenario(
        "cloudboot.debug",
        machine,
        &[
            ONE,
            "  disk hd0: /dev/vda",
            "  volume hd0: vfat label \"\" uuid 0000-0000",
            " *entry a \"a\"",
            "choose \"a\" from hd0 /grub/grub.cfg",
            "obtain /a (1.5 KiB)",
            "obtain /initrd (6 bytes)",
            "  verified: hd0 /a",
            "start \"a\": root=a",
        ],
        started("a"),
    )]);
}
