// SPDX-License-Identifier: BSD-3-Clause
//! What comes after a failure.

use std::{format, string::String, vec, vec::Vec};

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

/// A machine whose only entry, or whose two entries, are broken.
fn broken(settings: &str) -> Machine {
    Machine::new(&[hidden(&["a"]).without("/a")]).settings(settings)
}

fn both_broken(settings: &str) -> Machine {
    Machine::new(&[hidden(&["a", "b"]).without("/a").without("/b")]).settings(settings)
}

#[test]
fn each_value_of_retry() {
    check(vec![
        Scenario(
            "none",
            broken(""),
            &[ONE, "BROKEN hd0 a: returning to the firmware"],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "zero",
            broken("cloudboot.retry=0"),
            &[ONE, "BROKEN hd0 a: returning to the firmware"],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "two",
            both_broken("cloudboot.retry=2"),
            &[
                TWO,
                "BROKEN hd0 a: trying the next entry",
                "BROKEN hd0 b: retry 1 of 2",
                TWO,
                "BROKEN hd0 a: trying the next entry",
                "BROKEN hd0 b: retry 2 of 2",
                TWO,
                "BROKEN hd0 a: trying the next entry",
                "BROKEN hd0 b: returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "nothing to start is tried again, too",
            Machine::new(&[]).settings("cloudboot.retry=1"),
            &[
                "discover 0 disks, 0 volumes, 0 entries",
                "discover nothing yet: starting the drivers of all devices",
                "discover 0 disks, 0 volumes, 0 entries",
                "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; retry \
                 1 of 1",
                "discover 0 disks, 0 volumes, 0 entries",
                "discover nothing yet: starting the drivers of all devices",
                "discover 0 disks, 0 volumes, 0 entries",
                "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
    ]);
}

#[test]
fn each_value_of_failure() {
    let to_firmware = &[ONE, "BROKEN hd0 a: returning to the firmware"];
    check(vec![
        Scenario("firmware", broken("cloudboot.failure=firmware"), to_firmware, End::Ended(Ended::AllFailed)),
        Scenario(
            "shell, without one",
            broken("cloudboot.failure=shell"),
            to_firmware,
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "reboot",
            broken("cloudboot.failure=reboot"),
            &[ONE, "BROKEN hd0 a: resetting the machine"],
            End::Ended(Ended::Reset),
        ),
        Scenario(
            "reboot, after the last retry",
            broken("cloudboot.failure=reboot cloudboot.retry=1"),
            &[ONE, "BROKEN hd0 a: retry 1 of 1", ONE, "BROKEN hd0 a: resetting the machine"],
            End::Ended(Ended::Reset),
        ),
        Scenario(
            "reboot, where nothing is found",
            Machine::new(&[Disk::default().file("/x", "x")]).settings("cloudboot.failure=reboot"),
            &[
                "discover 1 disk, 1 volume, 0 entries",
                "discover nothing yet: starting the drivers of all devices",
                "discover 1 disk, 1 volume, 0 entries",
                "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; \
                 resetting the machine",
            ],
            End::Ended(Ended::Reset),
        ),
        Scenario(
            "menu, from which another entry is started",
            Machine::new(&[hidden(&["a", "b"]).without("/a")])
                .settings("cloudboot.failure=menu cloudboot.target=a")
                .presses(&[">\n"]),
            &[
                TWO,
                "BROKEN hd0 a: back to the menu",
                "[menu at a: failed: obtain /a: E-FS-NOTFOUND not found]",
                "BOOTS hd0 b",
            ],
            started("b"),
        ),
        Scenario(
            "menu, after the last retry",
            broken("cloudboot.failure=menu cloudboot.retry=1").presses(&["f"]),
            &[
                ONE,
                "BROKEN hd0 a: retry 1 of 1",
                ONE,
                "BROKEN hd0 a: back to the menu",
                "[menu at a: failed: obtain /a: E-FS-NOTFOUND not found]",
            ],
            End::Ended(Ended::Setup),
        ),
        Scenario(
            "menu, without anything in it",
            Machine::new(&[Disk::default().file("/x", "x")]).settings("cloudboot.failure=menu"),
            &[
                "discover 1 disk, 1 volume, 0 entries",
                "discover nothing yet: starting the drivers of all devices",
                "discover 1 disk, 1 volume, 0 entries",
                "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
    ]);
}

#[test]
fn programs_that_come_back() {
    check(vec![
        Scenario(
            "the next entry is tried",
            Machine::new(&[hidden(&["a", "b"])]).returning(1),
            &[
                TWO,
                "BOOTS hd0 a",
                "failed: start a: E-HANDOVER-RETURNED the program returned to the loader; trying the next entry",
                "BOOTS hd0 b",
            ],
            started("b"),
        ),
        Scenario(
            "the only one is tried again as often as is said",
            Machine::new(&[hidden(&["a"])]).returning(2).settings("cloudboot.retry=1"),
            &[
                ONE,
                "BOOTS hd0 a",
                "failed: start a: E-HANDOVER-RETURNED the program returned to the loader; retry 1 of 1",
                ONE,
                "BOOTS hd0 a",
                "failed: start a: E-HANDOVER-RETURNED the program returned to the loader; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

/// What leads back to the loader ends: the innermost one starts no program any more, but what else there is.
#[test]
fn programs_that_start_the_loader_again() {
    const BACK: &[&str] = &["choose \"Back\" from hd0 /loader/entries/a.conf", "obtain /back.efi (1.5 KiB)"];
    const STARTS: &[&str] = &["start \"Back\": "];
    const NESTED: &str =
        "failed: start Back: E-HANDOVER-NESTED 3 programs that this loader started have led back to it; ";
    let back = Disk::default()
        .file("/loader/entries/a.conf", "title Back\nefi /back.efi\nsort-key a\n")
        .file("/back.efi", program());
    let levels = |count: &'static str| [&[count][..], BACK, STARTS].concat().repeat(3);
    let returned = |next: &str| {
        format!("failed: start Back: E-HANDOVER-RETURNED the program returned to the loader; {next}")
    };

    let machine = Machine::new(core::slice::from_ref(&back)).leading_back();
    let (lines, end) = machine.boot();
    let refused = format!("{NESTED}returning to the firmware");
    let after = returned("returning to the firmware");
    let last = [&[ONE][..], BACK, &[&refused], &[after.as_str(); 3]].concat();
    assert_eq!((lines, end), (owned(&[levels(ONE), last].concat()), End::Ended(Ended::AllFailed)));
    assert_eq!(machine.variable_bytes("CloudBootStarted").as_deref(), Some(&[0, 3][..]));

    // Two entries that lead back: without an end in all, each would start both at each depth.
    let second = back.clone().file("/loader/entries/b.conf", "title Back too\nefi /back.efi\nsort-key b\n");
    let machine = Machine::new(&[second]).leading_back().settings("cloudboot.retry=9 cloudboot.menu=hidden");
    let (lines, end) = machine.boot();
    let starts = lines.iter().filter(|line| line.starts_with("start \"")).count();
    assert_eq!((starts, end), (STARTS_IN_ALL, End::Ended(Ended::AllFailed)));

    let kernel = "title K\nlinux /k\noptions root=k\nsort-key b\n";
    let both = back.file("/loader/entries/b.conf", kernel).file("/k", program());
    let (lines, end) = Machine::new(&[both]).leading_back().settings("cloudboot.menu=hidden").boot();
    let refused = format!("{NESTED}trying the next entry");
    let boots =
        ["choose \"K\" from hd0 /loader/entries/b.conf", "obtain /k (1.5 KiB)", "start \"K\": root=k"];
    let last = [&[TWO][..], BACK, &[&refused], &boots].concat();
    assert_eq!((lines, end), (owned(&[levels(TWO), last].concat()), End::Started("K: root=k with ".into())));
}

/// Twenty by the outermost loader, of two entries in each of ten tries, and fifteen within the first of these: sixteen are
/// the most in all for loaders within it.
const STARTS_IN_ALL: usize = 20 + 15;

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).into()).collect()
}
