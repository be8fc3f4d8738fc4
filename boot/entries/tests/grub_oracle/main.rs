// SPDX-License-Identifier: BSD-3-Clause
//! GRUB 2.14 is asked what the menus of the test set hold: in a machine, about the same disks that we read. For every
//! entry that starts something, in order: its title, its identifier, its kernel, the arguments, the initial RAM disks; the
//! default, and the time that the menu waits.

mod cases;
mod debian;
mod disk;
mod grub;
mod menu;

use std::fs;

use entries::Wait;
use grub::{Grub, Run};
use menu::{Leaf, Menu, Timeout};
use oracle::tools;

#[test]
fn grub_and_we_see_the_same_menus() {
    let dir = tools::work_dir("grub");
    let cases = cases::all(&dir);
    let table = disk::table(&dir.join("table"));
    let mut disks = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let name = format!("hd{}", i + 1);
        let path = dir.join(&name);
        fs::write(&path, disk::make(&dir.join("making"), table.clone(), &case.partitions(&name))).unwrap();
        disks.push(path);
    }
    let mut grub = Grub::start(&dir, &disks);
    let mut different = Vec::new();
    for (i, (case, disk)) in cases.iter().zip(&disks).enumerate() {
        let name = format!("hd{}", i + 1);
        if i > 0 {
            grub.next();
        }
        grub.open(&format!("{name},gpt{}", case.partition), case.folder);
        let mut theirs = menu::of_grub(&mut grub);
        assert_eq!(theirs.leaves.len(), case.entries, "{}: entries that GRUB has", case.name);
        theirs.complete(&name, &case.partitions(&name));
        let (ours, found) = menu::of_ours(&name, fs::read(disk).unwrap());
        let lines = menu::differences(&theirs, &ours);
        if !lines.is_empty() {
            different.push(format!("{}:\n{}\n{:?}", case.name, lines.join("\n"), found.problems));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn leaf() -> Leaf {
    Leaf {
        title: "A".into(),
        id: "a".into(),
        file: "(hd1,gpt1)/k".into(),
        options: Some("ro".into()),
        initrds: vec!["(hd1,gpt1)/i".into()],
        devicetree: None,
    }
}

#[test]
fn every_difference_is_seen() {
    let menu = Menu { leaves: vec![leaf()], default: Some(leaf()), timeout: Timeout::Set(Wait::Seconds(5)) };
    assert_eq!(menu::differences(&menu, &menu), [""; 0]);
    let changes: [fn(&mut Menu); 11] = [
        |menu| menu.leaves.clear(),
        |menu| menu.leaves.push(leaf()),
        |menu| menu.leaves[0].title.push('x'),
        |menu| menu.leaves[0].id.push('x'),
        |menu| menu.leaves[0].file.push('x'),
        |menu| menu.leaves[0].options = Some("ro ".into()),
        |menu| menu.leaves[0].initrds.clear(),
        |menu| menu.leaves[0].devicetree = Some("d".into()),
        |menu| menu.default = None,
        |menu| menu.timeout = Timeout::Unset,
        |menu| menu.timeout = Timeout::Set(Wait::Hidden),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut other = menu.clone();
        change(&mut other);
        assert!(!menu::differences(&menu, &other).is_empty(), "change {i}");
    }
}

#[test]
fn what_grub_prints_is_read_exactly() {
    let text = "@timeout<5><menu>\n@default<1>0>\n  Booting `Sub'\n  Booting `In 'it''\nLoading ...\n@linux\n\
                @argument</k>\n@argument<a=\"b>c\" d>\n@root<hd1,gpt1>\n@chosen<@path>sub>in>\n@count<2>\n";
    let run = Run::parse(text);
    assert_eq!(run.titles, ["Sub", "In 'it'"]);
    assert_eq!((run.timeout.0.as_str(), run.timeout.1.as_str()), ("5", "menu"));
    let call = &run.calls[0];
    assert_eq!(call.arguments, ["/k", "a=\"b>c\" d"]);
    assert_eq!((call.root.as_str(), call.chosen.as_str()), ("hd1,gpt1", "sub>in"));
    let is_refused = |text: String| std::panic::catch_unwind(|| Run::parse(&text)).is_err();
    assert!(is_refused(text.replace("@argument</k>\n", "")), "an argument is missing");
    assert!(is_refused(text.replace("@count<2>\n", "")), "the end is missing");
    assert!(is_refused(text.replace("d>\n", "d\n")), "half a line");
}
