// SPDX-License-Identifier: BSD-3-Clause
//! Damage below a partition and a filesystem: the error is that of the layer whose data is corrupt.

use std::{fs, rc::Rc};

use block::{BlockRead, ReadError, Slice};
use damage::{Corrupt, Fault, Format, Origin};
use oracle::tools::{run, work_dir};
use part::{Guid, gpt};
use vfs::{Disk, Error, Volume, Volumes};

const MIB: usize = 1024 * 1024;
/// First byte of the only partition.
const START: usize = MIB;
const CLUSTER: usize = 64 * 1024;
const KERNEL: u8 = 0x5a;

/// A disk with a GPT, an ext4 in its only partition, and a file of more than one cluster in that.
fn disk(folder: &str) -> Vec<u8> {
    let work = work_dir(folder);
    let path = |name: &str| work.join(name).to_str().unwrap().to_string();
    fs::create_dir_all(path("tree/boot")).unwrap();
    fs::write(path("tree/boot/vmlinuz"), vec![KERNEL; 4 * CLUSTER]).unwrap();
    fs::File::create(path("ext4")).unwrap().set_len(8 * MIB as u64).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", &path("tree"), &path("ext4")]);
    let ext4 = fs::read(path("ext4")).unwrap();
    let first_lba = (START / 512) as u64;
    let layout = gpt::Layout {
        disk_guid: [9; 16],
        block_size: 512,
        disk_blocks: (16 * MIB / 512) as u64,
        entries: 128,
        partitions: vec![gpt::NewPartition {
            type_guid: Guid::from_bytes([8; 16]).to_bytes(),
            guid: [1; 16],
            first_lba,
            last_lba: first_lba + (ext4.len() / 512) as u64 - 1,
            name: String::new(),
            attributes: 0,
        }],
    };
    let mut disk = vec![0; 16 * MIB];
    let (primary, backup, end) = (layout.primary().unwrap(), layout.backup().unwrap(), disk.len());
    disk[..primary.len()].copy_from_slice(&primary);
    disk[end - backup.len()..].copy_from_slice(&backup);
    disk[START..START + ext4.len()].copy_from_slice(&ext4);
    disk
}

/// A cluster of the disk that holds only content of the file.
fn cluster_of_kernel(disk: &[u8]) -> usize {
    disk.chunks(CLUSTER).position(|cluster| cluster.iter().all(|byte| *byte == KERNEL)).unwrap()
}

fn discover(device: Rc<dyn BlockRead>) -> Volumes {
    Volumes::discover(vec![Disk { device, name: "hd0".into() }])
}

fn read_kernel(volumes: &Volumes) -> Result<Vec<u8>, Error> {
    let [volume]: &[Volume] = volumes.all() else { panic!("{:?}", volumes.problems()) };
    volume.read(b"/boot/vmlinuz", 4 * CLUSTER as u64)
}

#[test]
fn a_damaged_qcow2_below_a_partition_below_ext4_is_named_with_its_own_place() {
    let disk = disk("below");
    let folder = work_dir("below-qcow2");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    fs::write(path("raw"), &disk).unwrap();
    run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", &path("raw"), &path("qcow2")]);
    let mut image = fs::read(path("qcow2")).unwrap();
    let word = |at: usize| u64::from_be_bytes(image[at..at + 8].try_into().unwrap()) as usize;
    // l1_table_offset of the header; its first entry maps the first 512 MiB.
    let table = word(word(40)) & 0x00ff_ffff_ffff_fe00;
    let entry = table + 8 * cluster_of_kernel(&disk);
    let sound = discover(Rc::new(qcow2::Qcow2::open(image.clone()).unwrap()));
    assert!(read_kernel(&sound) == Ok(vec![KERNEL; 4 * CLUSTER]));
    // A cluster far past the end of the image.
    let past_the_end = (1u64 << 63) | (1 << 40);
    image[entry..entry + 8].copy_from_slice(&past_the_end.to_be_bytes());
    let damaged = discover(Rc::new(qcow2::Qcow2::open(image).unwrap()));
    assert_eq!(damaged.problems(), [], "neither the table nor the filesystem is read through that entry");
    let error = read_kernel(&damaged).unwrap_err();
    assert_eq!(error.code(), "E-FS-QCOW2-TRUNCATED");
    let Error::Corrupt(corrupt) = error else { panic!("{error}") };
    assert_eq!((corrupt.format, corrupt.offset), (Format::Qcow2, entry as u64));
}

/// A layer that reports a checksum mismatch for some bytes.
struct Checked {
    bytes: Vec<u8>,
    damaged: usize,
}

impl BlockRead for Checked {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let damaged = self.damaged as u64;
        if (offset..offset + buf.len() as u64).contains(&damaged) {
            return Err(checksum(damaged).into());
        }
        self.bytes.read_at(offset, buf)
    }
}

fn checksum(offset: u64) -> Corrupt {
    let fault = Fault::Checksum { computed: 1 };
    Corrupt { format: Format::Vhd, fault, structure: "block", origin: Origin::Start, offset, found: 2 }
}

#[test]
fn a_broken_checksum_under_three_layers_keeps_its_code_and_place() {
    let disk = disk("three");
    let damaged = cluster_of_kernel(&disk) * CLUSTER;
    let layer: Rc<dyn BlockRead> = Rc::new(Checked { bytes: disk, damaged });
    // A slice of everything is one more layer.
    let layer = Slice::new(Rc::clone(&layer), 0, layer.size()).unwrap();
    let error = read_kernel(&discover(Rc::new(layer))).unwrap_err();
    assert_eq!(error, Error::Corrupt(checksum(damaged as u64)));
    assert_eq!(error.code(), "E-FS-VHD-CSUM");
}
