// SPDX-License-Identifier: BSD-3-Clause
//! The structures of a PE32+ file, with the names of `winnt.h` in Rust's spelling, and their offsets.

use core::mem::offset_of;

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

/// `IMAGE_NUMBEROF_DIRECTORY_ENTRIES`.
pub const DIRECTORIES_LIMIT: u32 = 16;
/// `IMAGE_DIRECTORY_ENTRY_SECURITY`: the certificate table.
pub const SECURITY: u32 = 4;
/// Offset of the entry [`SECURITY`] of the data directory from the signature.
pub const SECURITY_AT: usize = size_of::<ImageNtHeaders64>() + 4 * size_of::<ImageDataDirectory>();

const _: () = assert!(size_of::<ImageNtHeaders64>() == 24 + 112);
const _: () = assert!(size_of::<ImageSectionHeader>() == 40);
const _: () = assert!(SECURITY_AT == 168);
const _: () = assert!(offset_of!(ImageNtHeaders64, optional_header.check_sum) == 88);

/// `IMAGE_DOS_HEADER`: what still has a meaning.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ImageDosHeader {
    /// `MZ`.
    pub e_magic: [u8; 2],
    _dos: [u8; 58],
    /// Offset of [`ImageNtHeaders64`] in the file.
    pub e_lfanew: U32,
}

/// `IMAGE_NT_HEADERS64`, the fields of `IMAGE_FILE_HEADER` among its own.
#[derive(Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ImageNtHeaders64 {
    /// `PE`, then two zeros.
    pub signature: [u8; 4],
    pub machine: U16,
    pub number_of_sections: U16,
    pub time_date_stamp: U32,
    pub pointer_to_symbol_table: U32,
    pub number_of_symbols: U32,
    pub size_of_optional_header: U16,
    pub characteristics: U16,
    pub optional_header: ImageOptionalHeader64,
}

/// `IMAGE_OPTIONAL_HEADER64` without its data directories.
#[derive(Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ImageOptionalHeader64 {
    pub magic: U16,
    pub major_linker_version: u8,
    pub minor_linker_version: u8,
    pub size_of_code: U32,
    pub size_of_initialized_data: U32,
    pub size_of_uninitialized_data: U32,
    pub address_of_entry_point: U32,
    pub base_of_code: U32,
    pub image_base: U64,
    pub section_alignment: U32,
    pub file_alignment: U32,
    pub major_operating_system_version: U16,
    pub minor_operating_system_version: U16,
    pub major_image_version: U16,
    pub minor_image_version: U16,
    pub major_subsystem_version: U16,
    pub minor_subsystem_version: U16,
    pub win32_version_value: U32,
    pub size_of_image: U32,
    pub size_of_headers: U32,
    pub check_sum: U32,
    pub subsystem: U16,
    pub dll_characteristics: U16,
    pub size_of_stack_reserve: U64,
    pub size_of_stack_commit: U64,
    pub size_of_heap_reserve: U64,
    pub size_of_heap_commit: U64,
    pub loader_flags: U32,
    pub number_of_rva_and_sizes: U32,
}

/// `IMAGE_DATA_DIRECTORY`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ImageDataDirectory {
    pub virtual_address: U32,
    pub size: U32,
}

/// `IMAGE_SECTION_HEADER`.
#[derive(Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ImageSectionHeader {
    pub name: [u8; 8],
    /// `Misc.VirtualSize`.
    pub virtual_size: U32,
    pub virtual_address: U32,
    pub size_of_raw_data: U32,
    pub pointer_to_raw_data: U32,
    pub pointer_to_relocations: U32,
    pub pointer_to_linenumbers: U32,
    pub number_of_relocations: U16,
    pub number_of_linenumbers: U16,
    pub characteristics: U32,
}
