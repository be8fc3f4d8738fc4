// SPDX-License-Identifier: BSD-3-Clause
//! Directory records with their Rock Ridge entries, and path tables.

use alloc::vec::Vec;

use filesystem::Timestamp;
use zerocopy::IntoBytes;

use super::tree::Node;
use crate::{
    date,
    descriptor::{Both16, Both32, SECTOR_SIZE},
    record::{FLAG_DIRECTORY, Header, PARENT, SELF},
};

/// Read-only: discs cannot be written to.
const DIRECTORY_MODE: u32 = 0o040_555;
const FILE_MODE: u32 = 0o100_444;
/// `TF`: the time of modification only.
const TF_MODIFY: u8 = 0x02;

/// `ER`: the identification of Rock Ridge 1.10, word for word as RRIP demands.
const ER_IDENTIFIER: &[u8] = b"RRIP_1991A";
const ER_DESCRIPTOR: &[u8] =
    b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
const ER_SOURCE: &[u8] = b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER \
    IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.";

/// The records of directory `number`, padded to sectors; `continuation` is the block of the root's `ER`.
pub fn directory(nodes: &[Node<'_>], number: usize, time: Timestamp, continuation: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(node) = nodes.get(number) else { return bytes };
    let parent = nodes.get(node.parent).unwrap_or(node);

    let mut own = if number == 0 { share_pointer() } else { Vec::new() };
    own.extend(attributes(nodes, number, time));
    if number == 0 {
        own.extend(continued(continuation, extension_reference().len()));
    }
    push(&mut bytes, &record(node, SELF, &own, time));
    push(&mut bytes, &record(parent, PARENT, &attributes(nodes, node.parent, time), time));
    for (child, node) in nodes.iter().enumerate().skip(1).filter(|(_, node)| node.parent == number) {
        let mut system_use = attributes(nodes, child, time);
        system_use.extend(entry(b"NM", &[&[0], node.name.as_bytes()].concat()));
        push(&mut bytes, &record(node, &node.identifier, &system_use, time));
    }
    bytes.resize(bytes.len().next_multiple_of(SECTOR_SIZE), 0);
    bytes
}

/// The record of the root in the volume descriptor: no system use area.
pub fn root(root: &Node<'_>, time: Timestamp) -> [u8; 34] {
    record(root, SELF, &[], time).as_slice().try_into().unwrap_or([0; 34])
}

/// The continuation area of the root's own record.
pub fn extension_reference() -> Vec<u8> {
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap_or(u8::MAX);
    let lengths = [length(ER_IDENTIFIER), length(ER_DESCRIPTOR), length(ER_SOURCE), 1];
    entry(b"ER", &[&lengths, ER_IDENTIFIER, ER_DESCRIPTOR, ER_SOURCE].concat())
}

/// The directories in order; `word` and `half` write numbers in the wanted byte order (ECMA-119, 9.4).
pub fn path_table(nodes: &[Node<'_>], word: fn(u32) -> [u8; 4], half: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let directories = nodes.iter().enumerate().filter(|(_, node)| node.file.is_none());
    let numbers: Vec<usize> = directories.clone().map(|(number, _)| number).collect();
    let mut table = Vec::new();
    for (_, node) in directories {
        // Directories are numbered from 1; the root is its own parent.
        // Cannot saturate: an index is less than a length.
        let parent = numbers.iter().position(|number| *number == node.parent).unwrap_or(0).saturating_add(1);
        table.extend_from_slice(&[u8::try_from(node.identifier.len()).unwrap_or(0), 0]);
        table.extend_from_slice(&word(node.block));
        table.extend_from_slice(&half(u16::try_from(parent).unwrap_or(u16::MAX)));
        table.extend_from_slice(&node.identifier);
        table.resize(table.len().next_multiple_of(2), 0);
    }
    table
}

/// Appends a record; records do not cross sector boundaries.
fn push(bytes: &mut Vec<u8>, record: &[u8]) {
    let sector_end = bytes.len().next_multiple_of(SECTOR_SIZE);
    // Cannot saturate: both are in memory.
    if bytes.len().saturating_add(record.len()) > sector_end {
        bytes.resize(sector_end, 0);
    }
    bytes.extend_from_slice(record);
}

fn record(node: &Node<'_>, identifier: &[u8], system_use: &[u8], time: Timestamp) -> Vec<u8> {
    // Nothing saturates: names have at most 255 bytes, and the rest is in memory.
    let name_end = size_of::<Header>().saturating_add(identifier.len()).next_multiple_of(2);
    let length = name_end.saturating_add(system_use.len()).next_multiple_of(2);
    let header = Header {
        length_of_directory_record: u8::try_from(length).unwrap_or(0),
        extended_attribute_record_length: 0,
        location_of_extent: Both32::new(node.block),
        data_length: Both32::new(node.length),
        recording_date: date::to_short(time),
        file_flags: if node.file.is_none() { FLAG_DIRECTORY } else { 0 },
        file_unit_size: 0,
        interleave_gap_size: 0,
        volume_sequence_number: Both16::new(1),
        length_of_file_identifier: u8::try_from(identifier.len()).unwrap_or(0),
    };
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(identifier);
    bytes.resize(name_end, 0);
    bytes.extend_from_slice(system_use);
    bytes.resize(length, 0);
    bytes
}

/// `PX` and `TF` of a node.
fn attributes(nodes: &[Node<'_>], number: usize, time: Timestamp) -> Vec<u8> {
    let is_file = nodes.get(number).is_some_and(|node| node.file.is_some());
    let is_in = |node: &&Node<'_>| node.parent == number && node.file.is_none();
    // A directory's links: its own name, its `.`, and the `..` of each directory in it.
    let below = nodes.iter().skip(1).filter(is_in).count();
    // If it saturates, it is the maximum of the field.
    let links = if is_file { 1 } else { u32::try_from(below).unwrap_or(0).saturating_add(2) };
    let mode = if is_file { FILE_MODE } else { DIRECTORY_MODE };
    let numbers: Vec<u8> =
        [mode, links, 0, 0].into_iter().flat_map(|number| Both32::new(number).as_bytes().to_vec()).collect();
    let mut bytes = entry(b"PX", &numbers);
    bytes.extend(entry(b"TF", &[&[TF_MODIFY], date::to_short(time).as_slice()].concat()));
    bytes
}

/// `SP`: the image uses SUSP entries, with no bytes to skip before them.
fn share_pointer() -> Vec<u8> {
    entry(b"SP", &[0xbe, 0xef, 0])
}

/// `CE`: the area continues with `length` bytes at the start of `block`.
fn continued(block: u32, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(0);
    let data: Vec<u8> =
        [block, 0, length].into_iter().flat_map(|number| Both32::new(number).as_bytes().to_vec()).collect();
    entry(b"CE", &data)
}

fn entry(signature: &[u8; 2], data: &[u8]) -> Vec<u8> {
    // Cannot saturate: the data is in memory.
    let length = u8::try_from(data.len().saturating_add(4)).unwrap_or(0);
    let [a, b] = *signature;
    [&[a, b, length, 1], data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_reference_has_the_lengths_that_rrip_names() {
        assert_eq!((ER_IDENTIFIER.len(), ER_DESCRIPTOR.len(), ER_SOURCE.len()), (10, 84, 135));
        assert_eq!(extension_reference().len(), 237);
    }

    #[test]
    fn the_longest_record_fits_its_length_byte() {
        let node = Node {
            parent: 0,
            identifier: alloc::vec![b'A'; 33],
            name: "x".repeat(128),
            file: Some(b""),
            block: 0,
            length: 0,
        };
        let nodes = [Node { parent: 0, identifier: alloc::vec![0], name: "".into(), file: None, ..node }];
        let name = entry(b"NM", &[&[0], "x".repeat(128).as_bytes()].concat());
        let system_use = [attributes(&nodes, 0, Timestamp::default()), name].concat();
        let bytes = record(&nodes[0], &[b'A'; 33], &system_use, Timestamp::default());
        assert_eq!(usize::from(bytes[0]), bytes.len());
    }
}
