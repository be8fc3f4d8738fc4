// SPDX-License-Identifier: BSD-3-Clause
use std::{string::String, vec, vec::Vec};

use super::*;
use crate::test_image::{NODE, TestImage, tree};

const ROOTS: u64 = 16 * NODE;
const FIRST: u64 = 17 * NODE;
const TOP: u64 = 800 * NODE;
/// The root directory of every subvolume.
const DIRECTORY: u64 = 256;

/// A root item for a tree whose root is at an address.
fn root_item(address: u64) -> Vec<u8> {
    let mut bytes = vec![0; size_of::<raw::RootItem>()];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(core::mem::offset_of!(raw::RootItem, generation), &9u64.to_le_bytes());
    put(core::mem::offset_of!(raw::RootItem, root_dirid), &DIRECTORY.to_le_bytes());
    put(core::mem::offset_of!(raw::RootItem, bytenr), &address.to_le_bytes());
    put(core::mem::offset_of!(raw::RootItem, refs), &1u32.to_le_bytes());
    bytes
}

/// The reference of a subvolume to its place.
fn back_reference(directory: u64, name: &str) -> Vec<u8> {
    [&directory.to_le_bytes()[..], &[0; 8], &(name.len() as u16).to_le_bytes(), name.as_bytes()].concat()
}

fn inode_reference(name: &str) -> Vec<u8> {
    [&[0; 8][..], &(name.len() as u16).to_le_bytes(), name.as_bytes()].concat()
}

/// Subvolumes from 256 on, all in one directory of the top level, which is `names` deep.
fn image(count: u64, names: &[String]) -> TestImage {
    let mut items = vec![(Key { objectid: 5, kind: kind::ROOT_ITEM, offset: 0 }, root_item(TOP))];
    for id in 256..256 + count {
        items.push((Key { objectid: id, kind: kind::ROOT_ITEM, offset: 0 }, root_item(TOP)));
        let place = Key { objectid: id, kind: kind::ROOT_BACKREF, offset: 5 };
        items.push((place, back_reference(DIRECTORY + names.len() as u64, "x")));
    }
    let mut image = TestImage::new();
    let mut leaves = Vec::new();
    // As many as always fit.
    for (at, part) in (0..).zip(items.chunks(16)) {
        let part: Vec<(Key, &[u8])> = part.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
        leaves.push((part[0].0, FIRST + at * NODE));
        image = image.leaf(TreeId::ROOTS, FIRST + at * NODE, &part);
    }
    let links: Vec<(Key, Vec<u8>)> = (1..)
        .zip(names)
        .map(|(depth, name)| {
            let key =
                Key { objectid: DIRECTORY + depth, kind: kind::INODE_REF, offset: DIRECTORY + depth - 1 };
            (key, inode_reference(name))
        })
        .collect();
    let links: Vec<(Key, &[u8])> = links.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
    image.branch(TreeId::ROOTS, ROOTS, &leaves).leaf(TreeId::TOP, TOP, &links)
}

fn list(image: TestImage) -> Listing {
    Listing::read(&image.trees(), &tree(TreeId::ROOTS, ROOTS, 1))
}

#[test]
fn subvolumes_have_the_path_of_their_directory() {
    let Listing { found, rest } = list(image(2, &["a".into(), "b".into()]));
    assert_eq!(rest, None);
    let paths: Vec<(u64, &[u8])> = found.iter().map(|found| (found.id, &found.path[..])).collect();
    assert_eq!(paths, [(5, &b""[..]), (256, b"a/b/x"), (257, b"a/b/x")]);
}

#[test]
fn paths_take_no_more_than_a_limit_all_together() {
    // 750 times 15 × 200 bytes would be within the limit; 750 leaves of a real disk have thirty thousand references.
    let names: Vec<String> = (0..15).map(|_| "n".repeat(200)).collect();
    let trees = image(700, &names).trees();
    let roots = tree(TreeId::ROOTS, ROOTS, 1);
    let mut paths = Paths { trees: &trees, roots: &roots, names: 0, bytes: 0 };
    let error = (0..10_000).find_map(|_| paths.of(TreeId(300)).err());
    assert_eq!(error, Some(too_many(MOST_BYTES)));
    let mut paths = Paths { trees: &trees, roots: &roots, names: MOST_NAMES - 20, bytes: 0 };
    assert!(paths.of(TreeId(300)).is_ok());
    assert_eq!(paths.of(TreeId(300)).unwrap_err(), too_many(MOST_NAMES));
}

#[test]
fn a_subvolume_that_is_damaged_hides_no_other() {
    let mut image = image(40, &["a".into()]);
    // The second leaf has the subvolumes from 263 on.
    image.bytes[(FIRST + NODE + 200) as usize] ^= 1;
    let Listing { found, rest } = list(image);
    assert!(rest.is_some());
    // Subvolumes after the damage are not reached, those before it are.
    assert_eq!(found.last().map(|found| found.id), Some(262));
    let mut other = self::image(300, &["a".into()]);
    other.bytes[(TOP + 200) as usize] ^= 1;
    let Listing { found, rest } = list(other);
    assert!(rest.is_some());
    assert_eq!(found.len(), 1, "of the top alone no name is looked for");
}
