// SPDX-License-Identifier: BSD-3-Clause
//! Boots from a registry: what is started, what is refused, and what disks have to do with it.

use std::{format, string::String, vec};

use super::{
    Scenario, check,
    disks::Disk,
    hidden,
    machine::{Answer, End, Machine},
    shown, started,
};
use crate::Ended;

const NONE: &str = "discover 0 disks, 0 volumes, 0 entries";
const ONE: &str = "discover 1 disk, 1 volume, 1 entry";
const CHOOSE: &str = "choose \"host.example/linux:1\" from cloudboot.image";
const FETCHED: &str = "oci host.example/linux:1 -> sha256:000000000000 (1.5 KiB, 0.00 s, 0.0 MB/s)";
const START: &str = "start \"host.example/linux:1\": root=net";
const FAILED: &str = "failed: network dhcp: E-HANDOVER-LOAD no answer; ";

fn pinned(more: &str) -> String {
    let digest = "0".repeat(64);
    format!("cloudboot.image=oci://host.example/linux:1@sha256:{digest} {more}")
}

fn booted() -> End {
    End::Started("host.example/linux:1: root=net with initrd".into())
}

fn failed(next: &'static str) -> String {
    format!("{FAILED}{next}")
}

#[test]
fn an_artifact_is_started() {
    check(vec![
        Scenario(
            "on a machine without disks, whose drivers are left alone",
            Machine::new(&[]).settings(&pinned("")).network(&[Answer::Linux]),
            &[NONE, CHOOSE, FETCHED, START],
            booted(),
        ),
        Scenario(
            "although a disk has entries, and without its menu",
            Machine::new(&[shown(&["a", "b"])]).settings(&pinned("")).network(&[Answer::Linux]),
            &["discover 1 disk, 1 volume, 2 entries", CHOOSE, FETCHED, START],
            booted(),
        ),
        Scenario(
            "with the settings' words",
            Machine::new(&[]).settings(&pinned("cloudboot.cmdline.extra=x=1")).network(&[Answer::Linux]),
            &[NONE, CHOOSE, FETCHED, "start \"host.example/linux:1\": root=net x=1"],
            End::Started("host.example/linux:1: root=net x=1 with initrd".into()),
        ),
        Scenario(
            "that is a unified kernel image",
            Machine::new(&[]).settings(&pinned("")).network(&[Answer::Program]),
            &[NONE, CHOOSE, FETCHED, "start \"host.example/linux:1\": "],
            End::Started("host.example/linux:1: (its own) at nowhere".into()),
        ),
        Scenario(
            "by its tag, if nothing is to vouch for it",
            Machine::new(&[])
                .settings("cloudboot.image=host.example/linux:1 cloudboot.cosign=off")
                .network(&[Answer::Linux]),
            &[NONE, CHOOSE, FETCHED, START],
            booted(),
        ),
    ]);
}

#[test]
fn what_nothing_vouches_for_is_not_fetched() {
    let refused = |settings: &str| Machine::new(&[]).settings(settings);
    check(vec![
        Scenario(
            "a tag",
            refused("cloudboot.image=host.example/linux:1"),
            &[
                NONE,
                CHOOSE,
                "failed: verify host.example/linux:1: E-TRUST-PIN no signature key is built in: pin the reference \
                 (@sha256:...), or set cloudboot.cosign=off; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "a digest where a signature is to be enforced",
            refused(&pinned("cloudboot.cosign=enforce")),
            &[
                NONE,
                CHOOSE,
                "failed: verify host.example/linux:1: E-TRUST-KEY cloudboot.cosign=enforce, but no signature key is \
                 built in; remove it and pin the reference (@sha256:...); returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "what is no reference",
            refused("cloudboot.image=linux"),
            &[
                NONE,
                "choose \"linux\" from cloudboot.image",
                "failed: obtain linux: E-NET-OCI-REFERENCE not a reference: no repository; expected host/repository; \
                 returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

#[test]
fn a_program_that_is_none_is_refused() {
    check(vec![Scenario(
        "a kernel of text",
        Machine::new(&[]).settings(&pinned("")).network(&[Answer::Text]),
        &[
            NONE,
            CHOOSE,
            FETCHED,
            "failed: verify kernel: E-IMAGE-PE-TRUNCATED PE: IMAGE_DOS_HEADER ends at byte 64, the file at byte 4; \
             returning to the firmware",
        ],
        End::Ended(Ended::AllFailed),
    )]);
}

#[test]
fn our_own_loader_is_not_started_again() {
    check(vec![Scenario(
        "it would fetch itself for ever",
        Machine::new(&[]).settings(&pinned("")).network(&[Answer::Own]),
        &[
            NONE,
            CHOOSE,
            FETCHED,
            "failed: verify host.example/linux:1: E-TRUST-OWN this is cloud-boot's own loader, which would fetch itself \
             again; returning to the firmware",
        ],
        End::Ended(Ended::AllFailed),
    )]);
}

#[test]
fn a_cut_cable_does_not_choose_the_disk() {
    let machine = |more: &str, answers: &[Answer]| {
        Machine::new(&[hidden(&["a"])]).settings(&pinned(more)).network(answers)
    };
    let lines = |lines: &[String]| -> &'static [&'static str] {
        let lines: vec::Vec<&'static str> = lines.iter().map(|line| &*line.clone().leak()).collect();
        lines.leak()
    };
    let (one, choose) = (String::from(ONE), String::from(CHOOSE));
    check(vec![
        Scenario(
            "the boot ends",
            machine("", &[Answer::None]),
            lines(&[one.clone(), choose.clone(), failed("returning to the firmware")]),
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "unless the settings allow it",
            machine("cloudboot.local=1", &[Answer::None]),
            lines(&[one.clone(), choose.clone(), failed("trying the next entry"), "BOOTS hd0 a".into()]),
            started("a"),
        ),
        Scenario(
            "it is tried again",
            machine("cloudboot.retry=1", &[Answer::None, Answer::Linux]),
            lines(&[
                one.clone(),
                choose.clone(),
                failed("retry 1 of 1"),
                one.clone(),
                choose.clone(),
                FETCHED.into(),
                START.into(),
            ]),
            booted(),
        ),
        Scenario(
            "an operator may choose it",
            machine("cloudboot.failure=menu", &[Answer::None]).presses(&[">\n"]),
            lines(&[
                one.clone(),
                choose.clone(),
                failed("back to the menu"),
                "[menu at host.example/linux:1: failed: network dhcp: E-HANDOVER-LOAD no answer]".into(),
                "BOOTS hd0 a".into(),
            ]),
            started("a"),
        ),
        Scenario(
            "but not at a locked menu",
            machine("cloudboot.failure=menu", &[Answer::None]).locked().presses(&[">!"]),
            lines(&[
                one.clone(),
                choose.clone(),
                failed("back to the menu"),
                "[menu at host.example/linux:1: failed: network dhcp: E-HANDOVER-LOAD no answer]".into(),
                // The cursor has nowhere to go.
                "[menu at host.example/linux:1]".into(),
            ]),
            End::Ended(Ended::AllFailed),
        ),
    ]);
}

const PLANNED: &str = "failed: choose host.example/plan:1: E-CHOOSE-PLAN cloudboot.plan is set, and this version does not \
    fetch plans: no disk starts unattended without cloudboot.local=1; returning to the firmware";

const NO_PLANS: [&str; 2] = [
    "warning: choose host.example/plan:1: E-CHOOSE-PLAN this version does not fetch plans; disks start instead",
    "warning: choose host.example/plan:1: E-CHOOSE-PLAN this version does not fetch plans; the image of \
     cloudboot.image starts instead",
];

#[test]
fn a_plan_that_is_not_fetched_does_not_choose_the_disk() {
    let machine = |more: &str| {
        Machine::new(&[hidden(&["a"])]).settings(&format!("cloudboot.plan=oci://host.example/plan:1 {more}"))
    };
    let held = || End::Ended(Ended::NothingFound);
    check(vec![
        Scenario("no disk starts", machine(""), &[ONE, PLANNED], held()),
        Scenario(
            "unless the settings allow it",
            machine("cloudboot.local=1"),
            &[NO_PLANS[0], ONE, "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "and then they start as they want to",
            machine("cloudboot.local=1").variable("LoaderEntryOneShot", "a"),
            &[NO_PLANS[0], ONE, "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "an image comes before it",
            machine(&pinned("")).network(&[Answer::Linux]),
            &[NO_PLANS[1], ONE, CHOOSE, FETCHED, START],
            booted(),
        ),
        Scenario(
            "who wants the menu gets it",
            machine("cloudboot.menu=always").presses(&["\n"]),
            &[ONE, "[menu at a]", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "an operator may choose the disk",
            machine("").asking().presses(&["\n"]),
            &[ONE, "[menu at a]", "BOOTS hd0 a"],
            started("a"),
        ),
        Scenario(
            "but not at a locked menu, which has nothing to show",
            machine("").locked().asking().presses(&["\n"]),
            &[ONE, PLANNED],
            held(),
        ),
        Scenario(
            "nor where the menu is hidden",
            machine("cloudboot.menu=hidden").asking().presses(&["\n"]),
            &[ONE, PLANNED],
            held(),
        ),
    ]);
}

#[test]
fn who_attacks_a_plan_gets_no_disk() {
    let machine = |settings: &str| Machine::new(&[hidden(&["a"])]).settings(settings);
    let plan = "cloudboot.plan=oci://host.example/plan:1";
    // The booted system asks for its own entry.
    let (lines, end) = machine(plan).variable("LoaderEntryOneShot", "a").boot();
    let said = "warning: choose LoaderEntryOneShot: E-CHOOSE-ID a is an entry of a disk, but cloudboot.plan is set; \
                using the usual default";
    assert_eq!((lines[1].as_str(), lines[2].as_str()), (said, PLANNED), "{lines:?}");
    assert_eq!(end, End::Ended(Ended::NothingFound));
    // The metadata names a plan where a key is built in: the key would decide what it leads to.
    let url = "cloudboot.metadata.url=http://cloud.example/";
    let document = r#"{ "cloudboot": { "plan": "oci://host.example/plan:1" } }"#;
    let (lines, end) = machine(url).locked().with_key().document(document).boot();
    assert_eq!((lines.last().unwrap().as_str(), end), (PLANNED, End::Ended(Ended::NothingFound)));
    // Nor may it say that disks start instead.
    let document = r#"{ "cloudboot": { "plan": "oci://host.example/plan:1", "local": "1" } }"#;
    let (lines, end) = machine(url).locked().with_key().document(document).boot();
    assert_eq!((lines.last().unwrap().as_str(), end), (PLANNED, End::Ended(Ended::NothingFound)));
}

#[test]
fn metadata_that_is_missing_opens_no_locked_menu_to_disks() {
    let url = "cloudboot.metadata.url=http://cloud.example/ cloudboot.failure=menu";
    let machine = Machine::new(&[hidden(&["a"])]).settings(url).locked().with_key().asking().presses(&["\n"]);
    let (lines, end) = machine.boot();
    assert!(lines.last().unwrap().contains("E-TRUST-METADATA"), "{lines:#?}");
    assert_eq!(end, End::Ended(Ended::NothingFound));
}

#[test]
fn the_booted_system_is_told() {
    let machine = Machine::new(&[hidden(&["a"])]).settings(&pinned("")).network(&[Answer::Linux]);
    let (_, end) = machine.boot();
    assert_eq!(end, booted());
    assert_eq!(machine.read_variable("LoaderEntrySelected").as_deref(), Some("cloudboot-image"));
    let entries = machine.read_variable("LoaderEntries").unwrap();
    assert!(entries.starts_with("cloudboot-image"), "{entries}");
}

#[test]
fn what_the_booted_system_wants_once_is_no_way_around() {
    let machine = Machine::new(&[hidden(&["a"])]).settings(&pinned("")).network(&[Answer::Linux]);
    let (lines, end) = machine.variable("LoaderEntryOneShot", "a").boot();
    let said = "warning: choose LoaderEntryOneShot: E-CHOOSE-ID a is an entry of a disk, but cloudboot.image is set; \
                using the usual default";
    assert_eq!((lines[1].as_str(), end), (said, booted()), "{lines:?}");
    let default = Machine::new(&[]).settings(&pinned("")).variable("LoaderEntryDefault", "cloudboot-image");
    let (lines, end) = default.network(&[Answer::Linux]).boot();
    assert_eq!((lines.len(), end), (4, booted()));
}

#[test]
fn a_metadata_document_may_choose_the_image() {
    let url = "cloudboot.metadata.url=http://cloud.example/";
    let document = r#"{ "cloudboot": { "image": "host.example/linux:1@sha256:0000000000000000000000000000000000000000000000000000000000000000" } }"#;
    let fetched = "metadata http://cloud.example/";
    let machine = |settings: &str| Machine::new(&[hidden(&["a"])]).settings(settings);
    check(vec![Scenario(
        "or nothing, if it cannot be had",
        machine(url),
        &["warning: network metadata: E-HANDOVER-LOAD no answer; going on without it", ONE, "BOOTS hd0 a"],
        started("a"),
    )]);
    let (lines, end) = machine(url).document(document).network(&[Answer::Linux]).boot();
    assert_eq!((lines[0].as_str(), end), (fetched, booted()), "{lines:?}");
    assert!(lines[1].starts_with("configure: "), "{lines:?}");
    // Locked, without a signature key, it may not.
    let (lines, end) = machine(url).locked().document(document).boot();
    assert!(lines[1].contains("E-CONFIG-LOCKED cloudboot.image (the metadata)"), "{lines:?}");
    assert_eq!(end, started("a"));
}

/// A disk whose only entry is an image of the network.
fn of_url(url: &str) -> Machine {
    let entry = format!("title Net\nuki-url {url}\n");
    Machine::new(&[Disk::default().file("/loader/entries/net.conf", entry)]).network(&[Answer::Program])
}

#[test]
fn an_entry_may_name_an_image_of_the_network() {
    const CHOSEN: &str = "choose \"Net\" from hd0 /loader/entries/net.conf";
    let url = "https://host.example/linux.efi";
    check(vec![
        Scenario(
            "with Secure Boot",
            of_url(url).locked(),
            &[ONE, CHOSEN, "obtain https://host.example/linux.efi (3.0 KiB)", "start \"Net\": "],
            End::Started("Net: (its own) at nowhere".into()),
        ),
        Scenario(
            "or where nothing is to vouch for it",
            of_url(url).settings("cloudboot.cosign=off cloudboot.menu=hidden"),
            &[ONE, CHOSEN, "obtain https://host.example/linux.efi (3.0 KiB)", "start \"Net\": "],
            End::Started("Net: (its own) at nowhere".into()),
        ),
        Scenario(
            "but not without both",
            of_url(url),
            &[
                ONE,
                CHOSEN,
                "failed: verify https://host.example/linux.efi: E-TRUST-URL nothing checks its signature: Secure Boot is \
                 off, and signature keys do not cover files of a web server; switch Secure Boot on, or set \
                 cloudboot.cosign=off; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "and never without TLS",
            of_url("http://host.example/linux.efi").settings("cloudboot.cosign=off"),
            &[
                ONE,
                CHOSEN,
                "failed: verify http://host.example/linux.efi: E-TRUST-URL images of web servers are fetched over https \
                 only; returning to the firmware",
            ],
            End::Ended(Ended::AllFailed),
        ),
        Scenario(
            "one beside where the volume came from is hidden",
            of_url(":linux.efi"),
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
