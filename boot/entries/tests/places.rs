// SPDX-License-Identifier: BSD-3-Clause
//! Where GRUB's scripts find filesystems: on partitions, on partitions in them, on sets and in containers.

use std::rc::Rc;

use block::{BlockRead, Slice};
use damage::Format;
use entries::{Arch, Found, discover};
use filesystem::FileSystem;
use oracle::Tree;
use vfs::{Assembled, Assembler, Disk, Error, Layer, Leg, Member, NoKeys, Opened, Volumes};

/// Where what a header is of begins.
const CONTENT: usize = 512;

/// Formats that exist here only: a filesystem that holds one script, a set that is such a filesystem, a container.
const LAYERS: &[Layer] = &[
    Layer { name: "toy", probe: |device| starts(device, b"TOY "), open: |device, _| Ok(open(&*device)) },
    Layer {
        name: "toy-set",
        probe: |device| starts(device, b"SET "),
        open: |device, _| Ok(member(&*device)),
    },
    Layer {
        name: "toy-box",
        probe: |device| starts(device, b"BOX "),
        open: |device, _| Ok(Opened::Device(inner(device)?)),
    },
];

fn starts(device: &dyn BlockRead, magic: &[u8]) -> Result<bool, Error> {
    let mut bytes = [0; 4];
    device.read_at(0, &mut bytes)?;
    Ok(bytes == magic)
}

fn image(magic: &str, content: &str) -> Vec<u8> {
    let mut bytes = magic.as_bytes().to_vec();
    bytes.resize(CONTENT, 0);
    bytes.extend(content.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4096).max(8192), 0);
    bytes
}

fn text(device: &dyn BlockRead, at: usize) -> String {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap() - at];
    device.read_at(at as u64, &mut bytes).unwrap();
    String::from_utf8(bytes.into_iter().take_while(|byte| *byte != 0).collect()).unwrap()
}

/// Its script, with the roots `@` (the default) and the top.
fn open(device: &dyn BlockRead) -> Opened {
    let tree = Tree::new()
        .uuid("toy")
        .label("toy")
        .file("/@/boot/grub2/grub.cfg", text(device, CONTENT))
        .file("/@/k", "k")
        .file("/@/boot/grub2/grubenv", "# GRUB Environment Block\nenv_block=10+1\n");
    let root = tree.lookup(&tree.root(), b"@").unwrap();
    let roots = vec![("@".into(), root), ("/".into(), tree.root())];
    Opened::filesystem_with_roots(tree, roots)
}

fn member(device: &dyn BlockRead) -> Opened {
    let number = text(device, 4).parse().unwrap();
    let assemble = |members: Vec<Leg>, _: Vec<Leg>, _: &_| {
        Ok(Assembled { opened: open(&*members[0].device), missing: Vec::new(), borrowed: Vec::new() })
    };
    Opened::Member(Member {
        format: Format::File,
        set: "s".into(),
        number,
        count: 2,
        state: [0; 4],
        is_lent: false,
        assemble,
    })
}

fn inner(device: Rc<dyn BlockRead>) -> Result<Rc<dyn BlockRead>, Error> {
    let length = device.size() - CONTENT as u64;
    Ok(Rc::new(Slice::new(device, CONTENT as u64, length)?))
}

fn volumes(disks: Vec<Vec<u8>>) -> Volumes {
    let mut assembler = Assembler::new(&NoKeys).with_layers(LAYERS);
    for (index, bytes) in disks.into_iter().enumerate() {
        assembler.offer(Disk { device: Rc::new(bytes), name: format!("/dev/vd{index}") });
    }
    assembler.finish()
}

fn found(disks: Vec<Vec<u8>>) -> Found {
    let volumes = volumes(disks);
    assert_eq!(volumes.problems(), []);
    discover(&volumes, Arch::X86_64, &|_, _| false)
}

/// The options of the first entry.
fn options(found: &Found) -> &str {
    assert_eq!(found.problems, []);
    &found.entries[0].linux().unwrap().options
}

const RELATIVE: &str = "set btrfs_relative_path=y\n";

#[test]
fn a_disk_has_its_number_whatever_the_platform_calls_it() {
    let script = format!("{RELATIVE}menuentry a {{ linux (hd0)/k $root $prefix; }}\n");
    assert_eq!(options(&found(vec![image("TOY ", &script)])), "hd0 (hd0)/boot/grub2");
}

#[test]
fn any_member_of_a_set_leads_to_its_filesystem() {
    for (device, first) in [("hd0", "hd0"), ("hd1", "hd0")] {
        let script = format!("{RELATIVE}menuentry a {{ linux ({device})/k $root; }}\n");
        let member = |index: u32| image(&format!("SET {index}"), &script);
        assert_eq!(options(&found(vec![member(0), member(1)])), first, "{device}");
    }
    // Of one member there is a set of that one.
    let script = format!("{RELATIVE}menuentry a {{ linux (hd1)/k $root; }}\n");
    let other = image("TOY ", "");
    assert_eq!(options(&found(vec![other, image("SET 1", &script)])), "hd1");
}

#[test]
fn what_stands_in_a_container_is_found_by_search() {
    let script = format!(
        "{RELATIVE}search --set=other --label toy\nif [ -f ($other)/k -a ! -e (hd0)/k ]; then r=yes; fi\n\
         menuentry a {{ linux ($other)/k $r; }}\n"
    );
    let mut boxed = image("BOX ", "");
    boxed.truncate(CONTENT);
    boxed.extend(image("TOY ", &script));
    assert_eq!(options(&found(vec![boxed])), "yes");
}

#[test]
fn the_environment_may_stand_in_sectors_of_the_device() {
    let script = format!(
        "{RELATIVE}load_env\nif [ \"${{env_block}}\" ]; then\n  set env_block=\"(${{root}})${{env_block}}\"\n\
         \x20 export env_block\n  load_env -f \"${{env_block}}\"\nfi\ndefault=\"${{saved_entry}}\"\n\
         menuentry a {{ linux /k a; }}\nmenuentry b {{ linux /k b; }}\n"
    );
    let disk = |block: &str| {
        let mut disk = image("TOY ", &script);
        let at = 10 * 512;
        disk[at..at + block.len()].copy_from_slice(block.as_bytes());
        disk
    };
    let default = |found: &Found| found.entries.iter().find(|entry| entry.default).unwrap().title.clone();
    assert_eq!(default(&found(vec![disk("# GRUB Environment Block\nsaved_entry=b\n####")])), "b");
    assert_eq!(
        default(&found(vec![disk("# No GRUB Environment\nsaved_entry=b\n####")])),
        "a",
        "no such block"
    );
}
