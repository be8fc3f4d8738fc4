// SPDX-License-Identifier: BSD-3-Clause
//! Lays out an image, and writes its bytes from start to end.

use alloc::vec::Vec;

use zerocopy::{FromZeros, IntoBytes};

use super::{
    Blocks, Error, Image, Options, records,
    tree::{self, Directory, Node},
};
use crate::{
    date,
    descriptor::{
        BootRecord, Both16, Both32, EL_TORITO, FIRST, FIRST_OFFSET, SECTOR, SECTOR_SIZE, STANDARD_IDENTIFIER,
        TYPE_BOOT, TYPE_PRIMARY, TYPE_TERMINATOR, VolumeDescriptor,
    },
    eltorito::{BOOTABLE, Entry, PLATFORM_EFI, ValidationEntry, checksum},
};

/// Units of El Torito's lengths, in bytes.
const VIRTUAL_SECTOR: usize = 512;

impl<'a> Image<'a> {
    /// Lays out the image: descriptors, path tables, catalogue, continuation area, directories, files, boot image,
    /// tail.
    pub(super) fn new(
        root: &Directory<'a>,
        boot_image: Option<&'a [u8]>,
        options: &Options,
    ) -> Result<Self, Error> {
        let mut nodes = tree::flatten(root);
        let mut blocks = Blocks::default();
        // Primary descriptor, boot record, terminator.
        let descriptors = if boot_image.is_some() { 3 } else { 2 };
        // Cannot saturate: there are at most three.
        let mut next = Next(FIRST.saturating_add(descriptors));
        let table = records::path_table(&nodes, u32::to_le_bytes, u16::to_le_bytes).len();
        blocks.l_table = next.take(length(table))?;
        blocks.m_table = next.take(length(table))?;
        if boot_image.is_some() {
            blocks.boot_catalog = next.take(SECTOR)?;
        }
        blocks.continuation = next.take(SECTOR)?;
        place_directories(&mut nodes, &mut next, options)?;
        for node in &mut nodes {
            if let Some(file) = node.file {
                node.block = next.take(length(file.len()))?;
            }
        }
        blocks.boot_image = next.take(boot_image.map_or(0, |image| length(image.len())))?;
        blocks.tail = next.take(options.tail)?;
        blocks.total = next.take(0)?;
        let volume_id = volume_id(&options.volume_id)?;
        Ok(Self { nodes, volume_id, time: options.time, boot_image, blocks })
    }
}

/// The lengths of records do not depend on the locations in them, so they are measured before these are known.
fn place_directories(nodes: &mut [Node<'_>], next: &mut Next, options: &Options) -> Result<(), Error> {
    for number in 0..nodes.len() {
        if nodes.get(number).is_some_and(|node| node.file.is_some()) {
            continue;
        }
        let size = length(records::directory(nodes, number, options.time, 0).len());
        let block = next.take(size)?;
        if let Some(node) = nodes.get_mut(number) {
            let too_large = Error::TooLarge { path: node.name.clone(), size };
            node.length = u32::try_from(size).map_err(|_| too_large)?;
            node.block = block;
        }
    }
    Ok(())
}

/// The first free block.
struct Next(u64);

impl Next {
    /// Allocates blocks for this many bytes and returns the first one.
    fn take(&mut self, bytes: u64) -> Result<u32, Error> {
        let too_large = || Error::TooLarge { path: "the image".into(), size: bytes };
        let first = u32::try_from(self.0).map_err(|_| too_large())?;
        self.0 = self.0.checked_add(bytes.div_ceil(SECTOR)).ok_or_else(too_large)?;
        Ok(first)
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn volume_id(text: &str) -> Result<[u8; 32], Error> {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if text.len() > 32 || !text.bytes().all(is_allowed) {
        return Err(Error::VolumeId { volume_id: text.into() });
    }
    Ok(padded(text))
}

/// Text in a field that is padded with spaces.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    field.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    field
}

/// The bytes of the image; `system_area` and `tail` fit into their places.
pub fn image(image: &Image<'_>, system_area: &[u8], tail: &[u8]) -> Result<Vec<u8>, Error> {
    let no_memory = Error::NoMemory { bytes: image.size() };
    let mut bytes = Vec::new();
    let total = usize::try_from(image.size()).map_err(|_| no_memory.clone())?;
    bytes.try_reserve_exact(total).map_err(|_| no_memory)?;

    bytes.extend_from_slice(system_area);
    pad_to(&mut bytes, FIRST_OFFSET);
    bytes.extend_from_slice(primary(image).as_bytes());
    if image.boot_image.is_some() {
        bytes.extend_from_slice(boot_record(image.blocks.boot_catalog).as_bytes());
    }
    let mut terminator = VolumeDescriptor::new_zeroed();
    set_head(&mut terminator, TYPE_TERMINATOR);
    bytes.extend_from_slice(terminator.as_bytes());

    push(&mut bytes, &records::path_table(&image.nodes, u32::to_le_bytes, u16::to_le_bytes));
    push(&mut bytes, &records::path_table(&image.nodes, u32::to_be_bytes, u16::to_be_bytes));
    if let Some(boot_image) = image.boot_image {
        push(&mut bytes, &boot_catalog(image.blocks.boot_image, boot_image.len()));
    }
    push(&mut bytes, &records::extension_reference());
    for number in 0..image.nodes.len() {
        if image.nodes.get(number).is_some_and(|node| node.file.is_none()) {
            push(
                &mut bytes,
                &records::directory(&image.nodes, number, image.time, image.blocks.continuation),
            );
        }
    }
    image.nodes.iter().filter_map(|node| node.file).for_each(|file| push(&mut bytes, file));
    image.boot_image.iter().for_each(|boot_image| push(&mut bytes, boot_image));
    // Cannot saturate: `to_bytes` has checked that the tail fits.
    pad_to(&mut bytes, image.size().saturating_sub(length(tail.len())));
    bytes.extend_from_slice(tail);
    Ok(bytes)
}

fn pad_to(bytes: &mut Vec<u8>, end: u64) {
    bytes.resize(usize::try_from(end).unwrap_or(0).max(bytes.len()), 0);
}

/// Appends bytes and pads their last block.
fn push(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(SECTOR_SIZE), 0);
}

fn set_head(descriptor: &mut VolumeDescriptor, kind: u8) {
    descriptor.volume_descriptor_type = kind;
    descriptor.standard_identifier = STANDARD_IDENTIFIER;
    descriptor.volume_descriptor_version = 1;
}

fn primary(image: &Image<'_>) -> VolumeDescriptor {
    let table = records::path_table(&image.nodes, u32::to_le_bytes, u16::to_le_bytes);
    let mut descriptor = VolumeDescriptor::new_zeroed();
    set_head(&mut descriptor, TYPE_PRIMARY);
    descriptor.system_identifier = padded("");
    descriptor.volume_identifier = image.volume_id;
    descriptor.volume_space_size = Both32::new(image.blocks.total);
    descriptor.volume_set_size = Both16::new(1);
    descriptor.volume_sequence_number = Both16::new(1);
    descriptor.logical_block_size = Both16::new(2048);
    descriptor.path_table_size = Both32::new(u32::try_from(table.len()).unwrap_or(u32::MAX));
    descriptor.location_of_l_path_table.set(image.blocks.l_table);
    descriptor.location_of_m_path_table.set(image.blocks.m_table);
    if let Some(root) = image.nodes.first() {
        descriptor.root_directory_record = records::root(root, image.time);
    }
    descriptor.volume_set_identifier = padded("");
    descriptor.publisher_identifier = padded("");
    descriptor.data_preparer_identifier = padded("");
    descriptor.application_identifier = padded("CLOUD-BOOT");
    descriptor.copyright_file_identifier = padded("");
    descriptor.abstract_file_identifier = padded("");
    descriptor.bibliographic_file_identifier = padded("");
    descriptor.volume_creation_date = date::to_long(image.time);
    descriptor.volume_modification_date = date::to_long(image.time);
    descriptor.volume_expiration_date = date::NO_DATE;
    descriptor.volume_effective_date = date::NO_DATE;
    descriptor.file_structure_version = 1;
    descriptor
}

fn boot_record(catalog: u32) -> BootRecord {
    let mut record = BootRecord::new_zeroed();
    record.volume_descriptor_type = TYPE_BOOT;
    record.standard_identifier = STANDARD_IDENTIFIER;
    record.volume_descriptor_version = 1;
    record.boot_system_identifier.iter_mut().zip(EL_TORITO).for_each(|(place, byte)| *place = *byte);
    record.boot_catalog.set(catalog);
    record
}

/// The validation entry and a single boot entry: UEFI, no emulation.
fn boot_catalog(block: u32, length: usize) -> Vec<u8> {
    let mut validation = ValidationEntry::new_zeroed();
    validation.header_id = 1;
    validation.platform_id = PLATFORM_EFI;
    validation.key = [0x55, 0xaa];
    validation.checksum.set(checksum(validation.as_bytes()).wrapping_neg());
    let mut entry = Entry::new_zeroed();
    entry.boot_indicator = BOOTABLE;
    // Zero means up to the end of the disc. It is used for lengths that do not fit, since the image comes last.
    entry.sector_count.set(u16::try_from(length.div_ceil(VIRTUAL_SECTOR)).unwrap_or(0));
    entry.load_rba.set(block);
    [validation.as_bytes(), entry.as_bytes()].concat()
}
