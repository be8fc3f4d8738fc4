// SPDX-License-Identifier: BSD-3-Clause
//! The menu: when it is shown, and what the operator does there.

use std::{format, vec};

use super::{
    Scenario, check,
    disks::Disk,
    hidden,
    machine::{End, Machine},
    shown, started,
};
use crate::Ended;

const ONE: &str = "discover 1 disk, 1 volume, 1 entry";
const TWO: &str = "discover 1 disk, 1 volume, 2 entries";
const LOCKED: &str = "choose editing is locked by hd0 /grub/grub.cfg: superusers";

fn waiting(settings: &str) -> Machine {
    Machine::new(&[shown(&["a", "b"])]).settings(settings)
}

#[test]
fn when_it_is_shown() {
    let silent = Disk::default().grub("", &["a"]);
    check(vec![
        Scenario("as the image says", waiting(""), &[TWO, "[menu at a, 5 s]", "BOOTS hd0 a"], started("a")),
        Scenario("hidden", waiting("cloudboot.menu=hidden"), &[TWO, "BOOTS hd0 a"], started("a")),
        Scenario(
            "hidden, and a key is held",
            waiting("cloudboot.menu=hidden").asking().presses(&[">\n"]),
            &[TWO, "[menu at a]", "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "cloudboot.timeout",
            waiting("cloudboot.timeout=9"),
            &[TWO, "[menu at a, 9 s]", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario("cloudboot.timeout=0", waiting("cloudboot.timeout=0"), &[TWO, "BOOTS hd0 a"], started("a")),
        Scenario(
            "always, without a countdown",
            Machine::new(&[hidden(&["a"])]).settings("cloudboot.menu=always").presses(&["\n"]),
            &[ONE, "[menu at a]", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario("one entry is no choice", Machine::new(&[silent]), &[ONE, "BOOTS hd0 a"], started("a")),
        Scenario(
            "as the booted system says, once",
            waiting("").variable("LoaderConfigTimeoutOneShot", "menu-force").presses(&["\n"]),
            &[TWO, "[menu at a]", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "as the booted system says",
            waiting("").variable("LoaderConfigTimeout", "menu-disabled").asking(),
            &[TWO, "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "not before a target that does not exist",
            waiting("cloudboot.target=c"),
            &[
                TWO,
                "discover no c yet: starting the drivers of all devices",
                TWO,
                "failed: choose c: E-CHOOSE-TARGET no entry has this id or title; available: a, b; returning to the \
                 firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "the cursor stands on what would start",
            waiting("cloudboot.target=b"),
            &[TWO, "[menu at b, 5 s]", "BOOTS hd0 b"],
            started("b"),
        ),
    ]);
}

#[test]
fn what_the_operator_does() {
    check(vec![
        Scenario(
            "another entry",
            waiting("").presses(&[">\n"]),
            &[TWO, "[menu at a, 5 s]", "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "a key that means nothing stops the countdown; nobody chooses after that",
            waiting("").presses(&["!"]),
            &[TWO, "[menu at a, 5 s]", "[menu at a]", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "another command line",
            waiting("cloudboot.cmdline.extra=extra").presses(&["e single\n"]),
            &[
                TWO,
                "[menu at a, 5 s]",
                "choose \"a\" from hd0 /grub/grub.cfg",
                "obtain /a (1.5 KiB)",
                "obtain /initrd (6 bytes)",
                "start \"a\": root=a single",
            ],
            End::Started("a: root=a single with initrd".into()),
        ),
        Scenario(
            "the setup",
            waiting("").presses(&["f"]),
            &[TWO, "[menu at a, 5 s]"],
            End::Ended(Ended::Setup),
        ),
        Scenario(
            "an entry that is broken, then another; no retry comes between",
            Machine::new(&[shown(&["a", "b"]).without("/b")])
                .settings("cloudboot.retry=3")
                .presses(&[">\n", "1"]),
            &[
                TWO,
                "[menu at a, 5 s]",
                "BROKEN hd0 b: back to the menu",
                "[menu at b: failed: obtain /b: E-FS-NOTFOUND not found]",
                "BOOTS hd0 a",
            ],
            started("a"),
        ),
        Scenario(
            "a disk is pulled while the menu waits",
            waiting("").presses(&["#"]),
            &[
                TWO,
                "[menu at a, 5 s]",
                "choose \"a\" from hd0 /grub/grub.cfg",
                "failed: obtain /a: E-IO reading at byte 2048: the disk is gone; trying the next entry",
                "choose \"b\" from hd0 /grub/grub.cfg",
                "failed: obtain /b: E-IO reading at byte 2048: the disk is gone; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

#[test]
fn a_locked_menu_edits_nothing() {
    let refused = |machine: Machine| machine.presses(&["e"]);
    let lines: &[&str] = &[TWO, "[menu at a, 5 s]", "[menu at a: Editing is locked.]", "BOOTS hd0 a"];
    check(vec![
        Scenario("Secure Boot", refused(waiting("").locked()), lines, started("a")),
        Scenario("cloudboot.menu=locked", refused(waiting("cloudboot.menu=locked")), lines, started("a")),
        Scenario(
            "the image's own lock, which is said once",
            refused(
                Machine::new(&[shown(&["a locked", "b"]).without("/b")])
                    .settings("cloudboot.retry=1 cloudboot.target=b"),
            ),
            &[
                TWO,
                LOCKED,
                "[menu at b, 5 s]",
                "[menu at b: Editing is locked.]",
                "BROKEN hd0 b: retry 1 of 1",
                TWO,
                "[menu at b, 5 s]",
                "BROKEN hd0 b: returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

#[test]
fn entries_that_ask_for_a_password() {
    let protected = |lines: &str| Machine::new(&[Disk::default().grub(lines, &["a asks", "b"])]);
    let only = |settings: &str| Machine::new(&[hidden(&["a asks"])]).settings(settings);
    let wrong = format!("{}\n{}\n", "\nroot", "Secret").leak();
    check(vec![
        Scenario(
            "the menu waits for it, though the image hides it",
            protected("set timeout=0").presses(&["\nroot\nsecret\n"]),
            &[TWO, LOCKED, "[menu at a asks]", "BOOTS hd0 a asks"],
            started("a asks"),
        ),
        Scenario(
            "another entry may be chosen",
            protected("set timeout=5").presses(&[">\n"]),
            &[TWO, LOCKED, "[menu at a asks]", "BOOTS hd0 b"],
            started("b"),
        ),
        Scenario(
            "no other takes its place unattended",
            protected("set timeout=5").settings("cloudboot.menu=hidden"),
            &[
                TWO,
                LOCKED,
                "failed: choose a asks: E-CHOOSE-PASSWORD asks for a password, so it starts only from the menu; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "it does not follow a failure",
            Machine::new(&[hidden(&["b", "a asks"]).without("/b")]),
            &[TWO, LOCKED, "BROKEN hd0 b: returning to the firmware"],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "with user and password it starts",
            protected("set timeout=5").presses(&["\nroot\nsecret\n"]),
            &[TWO, LOCKED, "[menu at a asks]", "BOOTS hd0 a asks"],
            started("a asks"),
        ),
        Scenario(
            "with a wrong password it does not",
            protected("set timeout=5").presses(&[wrong, "\nadmin\nsecret\n", "\nroot\nsecret\n"]),
            &[
                TWO,
                LOCKED,
                "[menu at a asks]",
                "[menu at a asks: Wrong user or password.]",
                "[menu at a asks: Wrong user or password.]",
                "BOOTS hd0 a asks",
            ],
            started("a asks"),
        ),
        Scenario(
            "where there is nothing else, the menu waits for somebody",
            only("").presses(&["\nroot\nsecret\n"]),
            &[ONE, LOCKED, "[menu at a asks]", "BOOTS hd0 a asks"],
            started("a asks"),
        ),
        Scenario(
            "without anybody to ask, that is the end",
            only("cloudboot.menu=hidden"),
            &[
                ONE,
                LOCKED,
                "failed: choose a asks: E-CHOOSE-PASSWORD asks for a password, so it starts only from the menu; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
        Scenario(
            "a target does not go round it",
            only("cloudboot.target=a cloudboot.menu=hidden"),
            &[
                ONE,
                LOCKED,
                "failed: choose a asks: E-CHOOSE-PASSWORD asks for a password, so it starts only from the menu; \
                 returning to the firmware",
            ],
            End::Ended(Ended::NothingFound),
        ),
    ]);
}

#[test]
fn a_menu_that_leads_elsewhere() {
    let installer = || shown(&["disk leads elsewhere", "install"]);
    let alone = || Machine::new(&[installer()]);
    check(vec![
        Scenario(
            "the menu comes back for whoever was shown it",
            alone().presses(&["", ">\n"]),
            &[
                TWO,
                "[menu at disk leads elsewhere, 5 s]",
                "choose \"disk leads elsewhere\" from hd0 /grub/grub.cfg",
                "failed: choose disk leads elsewhere: E-ENTRY-ELSEWHERE exit leads to another disk; back to the \
                 menu",
                "[menu at disk leads elsewhere: failed: choose disk leads elsewhere: E-ENTRY-ELSEWHERE exit leads \
                 to another...]",
                "BOOTS hd0 install",
            ],
            started("install"),
        ),
        Scenario(
            "chosen, it leads to the other disks",
            Machine::new(&[installer(), hidden(&["debian"])]).presses(&["\n"]),
            &[
                "discover 2 disks, 2 volumes, 3 entries",
                "[menu at disk leads elsewhere, 5 s]",
                "choose \"disk leads elsewhere\" from hd0 /grub/grub.cfg",
                "failed: choose disk leads elsewhere: E-ENTRY-ELSEWHERE exit leads to another disk; trying the \
                 next entry",
                "BOOTS hd1 debian",
            ],
            started("debian"),
        ),
        Scenario(
            "its sibling starts when it is chosen",
            alone().presses(&[">\n"]),
            &[TWO, "[menu at disk leads elsewhere, 5 s]", "BOOTS hd0 install"],
            started("install"),
        ),
    ]);
}
