// SPDX-License-Identifier: BSD-3-Clause
//! Damaged images give bytes or an error, within limits of time, stack and memory.

use std::{fs, rc::Rc};

use block::BlockRead;
use oracle::{
    campaign::{self, Depth, Plan},
    tools,
};
use vhd::Vhd;

const LAYERS: &[&str] = &["footer and header", "both footers", "blocks"];
const MUTANTS: usize = 1000;
/// Number of places of the disk to read, whatever size a damaged footer claims.
const PLACES: u64 = 2048;

/// The first bytes of a footer.
const FOOTER: u64 = 0x636f_6e65_6374_6978;

/// Written zeros: only the format's own structures have other bytes to damage.
fn image(name: &str, options: &str, size: &str, writes: &[&str]) -> Vec<u8> {
    let path = tools::work_dir(name).join("image");
    let path = path.to_str().unwrap();
    tools::run("qemu-img", &["create", "-q", "-f", "vpc", "-o", options, path, size]);
    let mut io = vec!["-f", "vpc"];
    writes.iter().for_each(|write| io.extend(["-c", write]));
    io.push(path);
    tools::run("qemu-io", &io);
    fs::read(path).unwrap()
}

fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Ok(disk) = Vhd::open(device) else { return 0 };
    if disk.warning().is_some() {
        return 1;
    }
    let step = (disk.size() / PLACES).max(1);
    let mut buf = vec![0; if depth == Depth::All { step.min(64 << 10) as usize } else { 1 }];
    let sound = (0..PLACES).all(|place| {
        let left = disk.size().saturating_sub(place * step).min(buf.len() as u64) as usize;
        disk.read_at(place * step, &mut buf[..left]).is_ok()
    });
    if sound { 3 } else { 2 }
}

/// Repairs the checksums of both footers and the header: the complement of the sum of all other bytes.
fn repair(image: &mut [u8], _: usize) {
    let end = image.len().saturating_sub(512);
    let header = image[16..24].try_into().map_or(0, u64::from_be_bytes) as usize;
    for (start, length, field) in [(0, 512, 64), (end, 512, 64), (header, 1024, 36)] {
        let Some(part) = start.checked_add(length).and_then(|end| image.get_mut(start..end)) else {
            continue;
        };
        if !part.starts_with(&FOOTER.to_be_bytes()) && !part.starts_with(b"cxsparse") {
            continue;
        }
        part[field..field + 4].fill(0);
        let sum: u32 = part.iter().map(|byte| u32::from(*byte)).sum();
        part[field..field + 4].copy_from_slice(&(!sum).to_be_bytes());
    }
}

fn run(name: &str, image: &[u8]) {
    let _ = campaign::run(Plan { name, image, layers: LAYERS, read, repair, mutants: MUTANTS, seed: 6 });
}

#[test]
fn dynamic() {
    run("dynamic", &image("dynamic", "subformat=dynamic", "20M", &["write -P 0 7M 512"]));
}

#[test]
fn fixed() {
    run("fixed", &image("fixed", "subformat=fixed", "1M", &["write -P 0 512k 4k"]));
}

#[test]
fn repair_leaves_a_sound_image_as_it_is() {
    let sound = image("repair", "subformat=dynamic", "20M", &["write -P 0 7M 512"]);
    let mut image = sound.clone();
    repair(&mut image, 0);
    assert!(sound == image);
}
