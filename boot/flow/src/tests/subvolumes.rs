// SPDX-License-Identifier: BSD-3-Clause
//! `cloudboot.disk.device`: which subvolume is looked in.

use std::{format, string::String, vec};

use super::{
    Scenario, check,
    disks::{Disk, program},
    hidden,
    machine::{End, Machine},
    started,
};
use crate::Ended;

const NOTHING: &str = "discover nothing yet: starting the drivers of all devices";
const NONE: &str = "failed: choose entries: E-CHOOSE-NONE no disk holds a boot entry that this program can start; \
                    returning to the firmware";
const SNAPSHOT: &str = "@/.snapshots/5/snapshot";

/// The same with a system in a subvolume, whose kernel says which.
fn system(disk: Disk, subvolume: &str, name: &str) -> Disk {
    let script = format!(
        "set timeout=0\nmenuentry '{name}' --id {name} {{\nlinux /{subvolume}/{name} root={name}\n\
         initrd /{subvolume}/initrd\n}}\n"
    );
    disk.file(&format!("/{subvolume}/boot/grub/grub.cfg"), script)
        .file(&format!("/{subvolume}/{name}"), program())
        .file(&format!("/{subvolume}/initrd"), "initrd")
}

/// A system, an older state of it, another one, and a subvolume without any.
fn disk() -> Disk {
    let disk = ["default:@", "@other", "@home", "ro:@/.snapshots/5/snapshot"]
        .iter()
        .fold(Disk::default(), |disk, name| disk.subvolume(name));
    system(system(system(disk, "@", "now"), "@other", "other"), SNAPSHOT, "earlier")
}

fn boots(subvolume: &str, name: &str) -> [String; 4] {
    [
        format!("choose \"{name}\" from hd0:{subvolume} /boot/grub/grub.cfg"),
        format!("obtain /{name} (1.5 KiB)"),
        "obtain /initrd (6 bytes)".into(),
        format!("start \"{name}\": root={name}"),
    ]
}

/// The lines of a boot from a subvolume of the first disk.
fn lines(found: &str, subvolume: &str, name: &str) -> &'static [&'static str] {
    let lines = [vec![String::from(found)], boots(subvolume, name).to_vec()].concat();
    lines.into_iter().map(|line| &*line.leak()).collect::<vec::Vec<_>>().leak()
}

fn machine(settings: &str) -> Machine {
    Machine::new(&[disk()]).settings(settings)
}

#[test]
fn a_subvolume_is_chosen() {
    let one = "discover 1 disk, 5 volumes, 1 entry";
    let other =
        |name, settings| Scenario(name, machine(settings), lines(one, "@other", "other"), started("other"));
    check(vec![
        Scenario(
            "the default one where nothing is said",
            machine(""),
            lines(one, "@", "now"),
            started("now"),
        ),
        Scenario(
            "nor is anything by a setting that is empty",
            machine("cloudboot.disk.device="),
            lines(one, "@", "now"),
            started("now"),
        ),
        other("by its path", "cloudboot.disk.device=@other"),
        other("by its path with a slash in front", "cloudboot.disk.device=/@other"),
        other("as an option of mount has it", "cloudboot.disk.device=subvol=/@other"),
        other("on a disk", "cloudboot.disk=/dev/vda cloudboot.disk.device=@other"),
        Scenario(
            "a snapshot",
            machine("cloudboot.disk.device=@/.snapshots/5/snapshot"),
            lines(one, SNAPSHOT, "earlier"),
            started("earlier"),
        ),
        Scenario(
            "no disk without it counts",
            Machine::new(&[disk(), hidden(&["x"])]).settings("cloudboot.disk.device=@other"),
            lines("discover 2 disks, 6 volumes, 1 entry", "@other", "other"),
            started("other"),
        ),
        Scenario(
            "a kernel of it",
            machine("cloudboot.disk.device=@other cloudboot.disk.kernel=/other"),
            &[
                "discover 1 disk, 5 volumes, 2 entries",
                "choose \"/other\" from hd0:@other /other",
                "obtain /other (1.5 KiB)",
                "start \"/other\": root=other",
            ],
            End::Started("/other: root=other with ".into()),
        ),
    ]);
}

#[test]
fn one_of_very_many_is_chosen() {
    // Those at the top become volumes first, and are more than do.
    let disk = (0..100).fold(Disk::default(), |disk, number| disk.subvolume(&format!("s{number}")));
    let disk = system(disk.subvolume("deep/one"), "deep/one", "last");
    let found = "discover 1 disk, 65 volumes, 1 entry";
    check(vec![Scenario(
        "by its path",
        Machine::new(&[disk]).settings("cloudboot.disk.device=deep/one"),
        lines(found, "deep/one", "last"),
        started("last"),
    )]);
}

/// The lines of a boot for which nothing counts that was found, for this reason.
fn refused(found: &str, why: &str) -> &'static [&'static str] {
    let lines = [found, NOTHING, why, found, NONE];
    lines.map(|line| &*String::from(line).leak()).to_vec().leak()
}

#[test]
fn a_subvolume_that_is_not_there() {
    const ONE: &str = "discover 1 disk, 5 volumes, 0 entries";
    let two = "discover 2 disks, 6 volumes, 0 entries";
    let with_fat = |settings| Machine::new(&[disk(), hidden(&["x"])]).settings(settings);
    let end = || End::Ended(Ended::NothingFound);
    check(vec![
        Scenario(
            "those that are there are listed",
            machine("cloudboot.disk.device=@none"),
            refused(
                ONE,
                "failed: discover @none: E-DISK-DEVICE no such subvolume; available: @, /, @home, @other, \
                 @/.snapshots/5/snapshot",
            ),
            end(),
        ),
        Scenario(
            "a subvolume without a system is no failure of this kind",
            machine("cloudboot.disk.device=@home"),
            &[ONE, NOTHING, ONE, NONE],
            end(),
        ),
        Scenario(
            "a disk without subvolumes",
            with_fat("cloudboot.disk=/dev/vdb cloudboot.disk.device=@"),
            refused(two, "failed: discover @: E-DISK-DEVICE /dev/vdb has no subvolumes"),
            end(),
        ),
        Scenario(
            "a machine without subvolumes",
            Machine::new(&[hidden(&["x"])]).settings("cloudboot.disk.device=/"),
            refused(
                "discover 1 disk, 1 volume, 0 entries",
                "failed: discover /: E-DISK-DEVICE no volume has subvolumes",
            ),
            end(),
        ),
        Scenario(
            "a disk that is not there is the only mistake",
            with_fat("cloudboot.disk=LABEL=x cloudboot.disk.device=@none"),
            refused(
                two,
                "failed: discover LABEL=x: E-DISK-NONE no such volume; available: hd0:@, hd0:/, hd0:@home, \
                 hd0:@other, hd0:@/.snapshots/5/snapshot, hd1",
            ),
            end(),
        ),
    ]);
}
