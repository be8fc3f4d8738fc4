// SPDX-License-Identifier: BSD-3-Clause
//! Damaged images give bytes or an error, within limits of time, stack and memory.

use std::{fs, rc::Rc};

use block::{BlockRead, ReadError};
use oracle::{
    campaign::{self, Depth, Plan},
    tools,
};
use qcow2::Qcow2;

const LAYERS: &[&str] = &["header", "tables", "clusters"];
/// Number of places of the disk to read, spread over its size: a damaged image may claim any size.
const SIZE: u64 = 4 << 20;
const PLACES: u64 = 1024;

/// Pieces of the disk, and between them holes: some compressed, some zeros.
fn image(name: &str, options: &str) -> Vec<u8> {
    let work = tools::work_dir(name);
    fs::write(work.join("base"), [0x5a; 4096]).unwrap();
    let path = work.join("image");
    let path = path.to_str().unwrap();
    let size = SIZE.to_string();
    let mut create = vec!["create", "-q", "-f", "qcow2"];
    create.extend(options.split(' '));
    create.extend([path, &size]);
    tools::run("qemu-img", &create);
    // Compressed data with different bytes, but little of it, since every cluster may be damaged.
    let text: Vec<u8> = (0..4096u32).flat_map(|number| (number * number).to_string().into_bytes()).collect();
    fs::write(work.join("text"), text).unwrap();
    let text = format!("write -c -s {} 2M 64k", work.join("text").display());
    let mut io = vec!["-f", "qcow2", "-c", &text];
    // Clusters of zeros are allocated all the same, and only tables have other bytes to damage.
    for command in
        ["write -P 0 0 1500k", "write -z 512k 256k", "write -c -P 9 2176k 64k", "write -P 0 3M 200k"]
    {
        io.extend(["-c", command]);
    }
    io.push(path);
    tools::run("qemu-io", &io);
    fs::read(path).unwrap()
}

fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Ok(image) = Qcow2::open_with_backing(device, Rc::new(vec![0x5a; 3 << 20])) else { return 0 };
    let step = (image.size() / PLACES).max(1);
    let mut buf = vec![0; if depth == Depth::All { step.min(64 << 10) as usize } else { 1 }];
    let mut layers = LAYERS.len();
    for place in 0..PLACES {
        let left = image.size().saturating_sub(place * step).min(buf.len() as u64) as usize;
        match image.read_at(place * step, &mut buf[..left]) {
            Ok(()) => {}
            Err(ReadError::Corrupt(corrupt)) if corrupt.structure == "compressed cluster" => {
                layers = layers.min(2)
            }
            Err(_) => layers = 1,
        }
    }
    layers
}

fn run(name: &str, image: &[u8], mutants: usize) {
    // The format has no checksums: "repaired" mutants are just other plain ones.
    let _ = campaign::run(Plan { name, image, layers: LAYERS, read, repair: |_, _| {}, mutants, seed: 5 });
}

#[test]
fn many_tables() {
    run("tables", &image("tables", "-o cluster_size=512"), 1000);
}

#[test]
fn large_clusters() {
    run("large", &image("large", "-o cluster_size=64k"), 1000);
}

#[test]
fn zstd_and_subclusters() {
    run("zstd", &image("zstd", "-o compression_type=zstd,extended_l2=on,cluster_size=16k"), 1000);
}

#[test]
fn version_2_with_a_backing_file() {
    let options = "-o compat=0.10,cluster_size=4k -u -b base -F raw";
    run("backing", &image("backing", options), 1000);
}
