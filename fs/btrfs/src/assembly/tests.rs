// SPDX-License-Identifier: BSD-3-Clause
use core::mem::offset_of;
use std::{string::ToString, vec};

use super::*;
use crate::{
    checksum::Algorithm,
    test_image::{self, TestImage},
    units::{Physical, TreeId},
};

/// The bytes of a device whose superblock has these values.
#[derive(Clone, Copy)]
struct Made {
    number: u64,
    generation: u64,
    log: u64,
}

impl Made {
    fn given(self) -> OpenedDevice {
        let mut bytes = vec![0; superblock::SIZE];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        let device = offset_of!(raw::SuperBlock, dev_item);
        put(offset_of!(raw::SuperBlock, magic), b"_BHRfS_M");
        put(offset_of!(raw::SuperBlock, fsid), &[7; 16]);
        for (at, value) in [
            (offset_of!(raw::SuperBlock, bytenr), 65_536),
            (offset_of!(raw::SuperBlock, generation), self.generation),
            (offset_of!(raw::SuperBlock, root), self.generation << 20),
            (offset_of!(raw::SuperBlock, log_root), self.log),
            (device + offset_of!(raw::DevItem, devid), self.number),
        ] {
            put(at, &value.to_le_bytes());
        }
        for at in [
            offset_of!(raw::SuperBlock, sectorsize),
            offset_of!(raw::SuperBlock, nodesize),
            offset_of!(raw::SuperBlock, leafsize),
        ] {
            put(at, &4096u32.to_le_bytes());
        }
        let sum = Algorithm::Crc32c.sum(&bytes[32..]).number().to_le_bytes();
        bytes[..8].copy_from_slice(&sum);
        let superblock = superblock::parse(&bytes, Physical(65_536)).unwrap();
        OpenedDevice { index: 0, bytes: Rc::new(bytes), superblock }
    }
}

/// Number and log of the superblock that is chosen, and the warnings.
fn chosen(devices: &[Made]) -> (u64, u64, Vec<std::string::String>) {
    let given = || devices.iter().map(|made| made.given()).collect::<Vec<_>>();
    let newest = newest(&given()).unwrap();
    let mut warnings = Vec::new();
    let devices = own_devices(given(), &newest, &mut warnings).unwrap();
    for leg in devices.all() {
        assert_eq!(leg.is_behind, leg.name.number != newest.device.number, "{}", leg.name);
    }
    let said = warnings.iter().map(ToString::to_string).collect();
    (newest.device.number.0, newest.log.map_or(0, |log| log.root.0), said)
}

#[test]
fn of_one_transaction_the_device_with_a_log_counts() {
    let made = |number, generation, log| Made { number, generation, log };
    for (devices, number, log, what) in [
        // A device that missed the last fsync, or the whole transaction, does not hide the log.
        ([made(1, 9, 0), made(2, 9, 4096)], 2, 4096, "device 1 ("),
        ([made(2, 9, 4096), made(1, 9, 0)], 2, 4096, "device 1 ("),
        ([made(1, 9, 0), made(2, 8, 4096)], 1, 0, "device 2 ("),
        // Of two logs, that of the lower device number, as in Linux, in either order.
        ([made(1, 9, 8192), made(2, 9, 4096)], 1, 8192, "device 2 ("),
        ([made(2, 9, 4096), made(1, 9, 8192)], 1, 8192, "device 2 ("),
    ] {
        let (chosen, of, said) = chosen(&devices);
        assert_eq!((chosen, of), (number, log), "{said:?}");
        let [said] = &said[..] else { panic!("{said:?}") };
        let old = devices.iter().find(|made| made.number != number).unwrap().generation;
        let state = if old == 9 {
            "another tree log (generation 9, newest 9)"
        } else {
            "an older state (generation 8, newest 9)"
        };
        assert!(said.contains(what) && said.contains(state), "{said}");
    }
}

#[test]
fn an_item_of_a_device_has_its_number() {
    let mut device = vec![0; size_of::<raw::DevItem>()];
    device[offset_of!(raw::DevItem, devid)] = 3;
    for (offset, is_right) in [(3, true), (4, false)] {
        let key = Key { objectid: DEV_ITEMS, kind: kind::DEV_ITEM, offset };
        let mut trees = TestImage::new().leaf(TreeId::CHUNKS, 1 << 20, &[(key, &device)]).trees();
        let OpenedDevice { superblock, .. } = Made { number: 1, generation: 9, log: 0 }.given();
        let chunks = test_image::tree(TreeId::CHUNKS, 1 << 20, 0);
        let read = read_chunks(&mut trees, &Superblock { chunks, ..superblock });
        let said = read.as_ref().map_err(ToString::to_string);
        assert_eq!(read.is_ok(), is_right, "{said:?}");
        assert!(is_right || said.unwrap_err().contains("btrfs_dev_item.devid"));
    }
}

#[test]
fn a_device_that_cannot_be_told_is_a_warning() {
    // Another root of the same generation: both were written separately.
    let (mut warnings, mut other) = (Vec::new(), Made { number: 2, generation: 9, log: 0 }.given());
    other.superblock.roots.root = crate::units::Logical(8 << 20);
    let one = Made { number: 1, generation: 9, log: 0 }.given();
    let newest = one.superblock.clone();
    own_devices(vec![one, other], &newest, &mut warnings).unwrap();
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert!(
        said.len() == 1 && said[0].contains("device 2 (") && said[0].contains(" has another state ("),
        "{said:?}"
    );

    let (mut warnings, sound) = (Vec::new(), Made { number: 1, generation: 9, log: 0 }.given().bytes);
    let mut bytes = vec![0; 65_536 + superblock::SIZE];
    sound.read_at(0, &mut bytes[65_536..]).unwrap();
    let mut damaged = bytes.clone();
    damaged[65_536 + 100] ^= 1;
    let found = read_superblocks(vec![Rc::new(damaged), Rc::new(bytes)], &mut warnings).unwrap();
    assert_eq!((found.len(), found[0].index), (1, 1));
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert!(said.len() == 1 && said[0].contains("one of its devices has no valid superblock: "), "{said:?}");
}
