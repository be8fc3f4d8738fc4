// SPDX-License-Identifier: BSD-3-Clause
//! What the machine's own sources set: metadata documents on volumes that real tools made, and DHCP's boot file.

use std::{format, fs, path::Path, string::String, sync::atomic, vec::Vec};

use oracle::tools::{run, work_dir};

use super::{
    Scenario, check,
    disks::Disk,
    hidden,
    machine::{Answer, End, Machine},
    shown, started,
};
use crate::Ended;

const OPENSTACK: &str = "openstack/latest/meta_data.json";
const NOCLOUD: &str = "cloudboot.json";
const TARGET: &str = r#"{ "uuid": "1", "cloudboot": { "target": "b" } }"#;
const TWO: &str = "discover 1 disk, 1 volume, 2 entries";
const SEEDED: &str = "discover 2 disks, 2 volumes, 2 entries";

/// How a tool makes a volume with a label of a folder.
#[derive(Clone, Copy)]
enum Tool {
    MkfsVfat,
    Xorriso,
}

/// A disk that is one volume with this label and file.
fn seed(tool: Tool, label: &str, file: &str, text: &str) -> Disk {
    static MADE: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
    let folder = work_dir(&format!("seed-{}", MADE.fetch_add(1, atomic::Ordering::Relaxed)));
    let path = folder.join("tree").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let (tree, image) = (folder.join("tree"), folder.join("image"));
    let [tree, image] = [tree.to_str().unwrap(), image.to_str().unwrap()];
    match tool {
        Tool::MkfsVfat => {
            fs::File::create(image).unwrap().set_len(1 << 20).unwrap();
            run("mkfs.vfat", &["-n", label, image]);
            let top = file.split('/').next().unwrap();
            let top = Path::new(tree).join(top);
            run("mcopy", &["-s", "-i", image, top.to_str().unwrap(), "::"]);
        }
        // As Nova calls it: Rock Ridge and Joliet.
        Tool::Xorriso => {
            run("xorriso", &["-as", "mkisofs", "-quiet", "-J", "-r", "-V", label, "-o", image, tree]);
        }
    }
    let bytes = fs::read(image).unwrap();
    fs::remove_dir_all(folder).unwrap();
    Disk::raw(bytes)
}

/// A machine with a disk of two entries, and this one.
fn with(seed: Disk) -> Machine {
    Machine::new(&[hidden(&["a", "b"]), seed])
}

/// The first line of a boot, and its end.
fn first(machine: &Machine) -> (String, End) {
    let (lines, end) = machine.boot();
    (lines.into_iter().next().unwrap(), end)
}

#[test]
fn a_volume_may_have_the_document() {
    for (tool, label, file) in [
        (Tool::MkfsVfat, "config-2", OPENSTACK),
        (Tool::MkfsVfat, "CIDATA", NOCLOUD),
        (Tool::Xorriso, "config-2", OPENSTACK),
        (Tool::Xorriso, "cidata", NOCLOUD),
    ] {
        let line: &'static str = format!("metadata hd1 /{file}").leak();
        let lines: Vec<&'static str> = [line, SEEDED, "BOOTS hd0 b"].into();
        let machine = with(seed(tool, label, file, TARGET));
        check([Scenario(label, machine, lines.leak(), started("b"))].into());
    }
}

#[test]
fn other_volumes_have_none() {
    for (label, file, text) in [
        ("cidata", "user-data", TARGET),
        ("config-2", NOCLOUD, TARGET),
        ("cidata", OPENSTACK, TARGET),
        ("other", NOCLOUD, TARGET),
    ] {
        let (line, end) = first(&with(seed(Tool::MkfsVfat, label, file, text)));
        assert_eq!((line.as_str(), end), (SEEDED, started("a")), "{label} {file}");
    }
}

#[test]
fn a_document_that_cannot_be_read_is_said() {
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(metadata::LARGEST));
    let malformed = "E-NET-META-JSON malformed document: EOF while parsing a value at line 1 column 0";
    for (text, cause) in [("", malformed), (&large, "E-NET-META-SIZE more than 1048576 bytes")] {
        let disk = seed(Tool::Xorriso, "cidata", NOCLOUD, text);
        let (line, end) = first(&with(disk));
        let expected = format!("warning: configure hd1 /{NOCLOUD}: {cause}; going on without it");
        assert_eq!((line, end), (expected, started("a")));
    }
    let folder = seed(Tool::MkfsVfat, "cidata", &format!("{NOCLOUD}/x"), "");
    let (line, _) = first(&with(folder));
    assert!(line.starts_with("warning: configure hd1 /cloudboot.json: E-FS-"), "{line}");
    let (line, end) = first(&with(seed(Tool::MkfsVfat, "cidata", NOCLOUD, "{}")));
    assert_eq!(
        (line.as_str(), end),
        ("metadata hd1 /cloudboot.json, nothing in it for cloud-boot", started("a"))
    );
}

#[test]
fn a_volume_counts_before_the_network_and_a_url_before_it() {
    let url = "cloudboot.metadata.url=http://cloud.example/";
    let network = r#"{ "cloudboot": { "target": "a" } }"#;
    let machine = || with(seed(Tool::MkfsVfat, "cidata", NOCLOUD, TARGET)).document(network);
    assert_eq!(first(&machine()), ("metadata hd1 /cloudboot.json".into(), started("b")));
    assert_eq!(first(&machine().settings(url)), ("metadata http://cloud.example/".into(), started("a")));
}

#[test]
fn a_volume_is_trusted_no_more_than_the_network() {
    let text = r#"{ "cloudboot": { "target": "b", "cmdline": "x", "insecure": "1" } }"#;
    let machine = || with(seed(Tool::MkfsVfat, "cidata", NOCLOUD, text));
    let never =
        "configure: E-CONFIG-LOCKED cloudboot.insecure (the metadata): a metadata document may not set it";
    let (lines, end) = machine().boot();
    assert_eq!((lines[1].as_str(), lines[2].as_str()), (never, SEEDED));
    assert_eq!(end, End::Started("b: x with initrd".into()));
    let (lines, end) = machine().locked().boot();
    assert!(
        lines[2].starts_with("configure: E-CONFIG-LOCKED cloudboot.cmdline (the metadata): "),
        "{lines:?}"
    );
    assert_eq!(end, started("b"));
}

const FILE: &str =
    "oci://host.example/linux:1@sha256:0000000000000000000000000000000000000000000000000000000000000000";
const PLAIN: &str = "configure: E-CONFIG-PLAIN cloudboot.image (DHCP): not authenticated: anyone on this network \
                     may have sent it";
const FETCHED: &str = "oci host.example/linux:1 -> sha256:000000000000 (1.5 KiB, 0.00 s, 0.0 MB/s)";

fn machine(settings: &str) -> Machine {
    Machine::new(&[shown(&["a", "b"])]).settings(settings).boot_file(FILE).network(&[Answer::Linux])
}

#[test]
fn dhcp_may_name_the_image_where_the_network_is_used() {
    check(
        [
            Scenario(
                "which starts, and no entry of a disk",
                machine("cloudboot.net.wait=5"),
                &[
                    "dhcp names host.example/linux:1",
                    PLAIN,
                    TWO,
                    "choose \"host.example/linux:1\" from cloudboot.image",
                    FETCHED,
                    "start \"host.example/linux:1\": root=net",
                ],
                End::Started("host.example/linux:1: root=net with initrd".into()),
            ),
            Scenario(
                "but not without a digest",
                machine("cloudboot.net.wait=5").boot_file("oci://host.example/linux:1"),
                &[
                    "dhcp names host.example/linux:1",
                    PLAIN,
                    TWO,
                    "choose \"host.example/linux:1\" from cloudboot.image",
                    "failed: verify host.example/linux:1: E-TRUST-PIN no signature key is built in: pin the reference \
                     (@sha256:...), or set cloudboot.cosign=off; returning to the firmware",
                ],
                End::Ended(Ended::AllFailed),
            ),
        ]
        .into(),
    );
}

#[test]
fn elsewhere_a_disk_starts_as_ever() {
    let hidden = |settings: &str| machine(&format!("cloudboot.menu=hidden {settings}"));
    let unnamed = || hidden("cloudboot.net.wait=5");
    // The network would be told of: nobody asks it.
    assert_eq!(first(&hidden("")), (TWO.into(), started("a")));
    assert_eq!(first(&unnamed().locked()), (TWO.into(), started("a")));
    assert_eq!(first(&unnamed().boot_file("pxelinux.0")), (TWO.into(), started("a")));
    let nobody = "warning: network dhcp: E-HANDOVER-LOAD no answer; going on without it";
    assert_eq!(first(&unnamed().without_dhcp()), (nobody.into(), started("a")));
}

#[test]
fn whoever_keeps_the_metadata_away_chooses_no_disk_where_a_key_is_built_in() {
    let url = "cloudboot.metadata.url=http://cloud.example/ cloudboot.menu=hidden";
    const MISSING: &str = "warning: network metadata: E-HANDOVER-LOAD no answer; going on without it";
    const HELD: &str = "failed: choose metadata: E-TRUST-METADATA not available, and it may name the image: with a signature key \
                built in, no disk starts unattended without cloudboot.local=1; returning to the firmware";
    let with = |more: &str| Machine::new(&[hidden(&["a"])]).settings(&format!("{url} {more}"));
    const ONE: &str = "discover 1 disk, 1 volume, 1 entry";
    check(
        [
            Scenario(
                "it could have named an image",
                with("").locked().with_key(),
                &[MISSING, ONE, HELD],
                End::Ended(Ended::NothingFound),
            ),
            Scenario(
                "unless the settings that are built in allow it",
                with("cloudboot.local=1").locked().with_key(),
                &[MISSING, ONE, "BOOTS hd0 a"],
                started("a"),
            ),
            Scenario(
                "without a key it names none",
                with("").locked(),
                &[MISSING, ONE, "BOOTS hd0 a"],
                started("a"),
            ),
        ]
        .into(),
    );
}

#[test]
fn what_else_names_an_image_counts_before_dhcp() {
    let other = FILE.replace("linux", "other");
    let settings = format!("cloudboot.net.wait=5 cloudboot.image={other}");
    let started = || End::Started("host.example/other:1: root=net with initrd".into());
    assert_eq!(first(&machine(&settings)), (TWO.into(), started()));
    let document: &'static str = format!(r#"{{ "cloudboot": {{ "image": "{other}" }} }}"#).leak();
    let machine = machine("cloudboot.metadata.url=http://cloud.example/").document(document);
    assert_eq!(first(&machine), ("metadata http://cloud.example/".into(), started()));
}
