// SPDX-License-Identifier: BSD-3-Clause
//! A small EFI application to take apart: valid as it is made, and every part of it can be changed.

use std::{vec, vec::Vec};

/// Offset of the signature in the files.
pub const AT: usize = 0x80;
/// Where the sections' headers start.
pub const SECTIONS_AT: usize = AT + 24 + 112 + 128;
/// `SizeOfHeaders`.
pub const HEADERS: usize = 0x400;

/// A section and its data.
pub struct Section {
    pub name: &'static str,
    pub virtual_size: u32,
    pub virtual_address: u32,
    /// Filled up to a multiple of 512 bytes.
    pub data: Vec<u8>,
}

/// What the file is made of.
pub struct Builder {
    pub machine: u16,
    pub magic: u16,
    pub subsystem: u16,
    pub entry: u32,
    pub size_of_image: u32,
    pub sections: Vec<Section>,
    /// Put behind the sections.
    pub overlay: Vec<u8>,
    /// Put behind that.
    pub certificates: Vec<u8>,
}

impl Builder {
    /// Code, data with memory behind it, memory without data.
    pub fn new() -> Self {
        let section = |name, virtual_address, virtual_size, data: &[u8]| Section {
            name,
            virtual_size,
            virtual_address,
            data: data.to_vec(),
        };
        Self {
            machine: 0x8664,
            magic: 0x20b,
            subsystem: 10,
            entry: 0x1010,
            size_of_image: 0x5000,
            sections: vec![
                section(".text", 0x1000, 0x234, &[0xcc; 0x234]),
                section(".data", 0x2000, 0x1800, b"data"),
                section(".bss", 0x4000, 0x1000, b""),
            ],
            overlay: vec![],
            certificates: vec![],
        }
    }

    /// One more section at the end.
    pub fn with(mut self, name: &'static str, data: &[u8]) -> Self {
        let virtual_address = self.size_of_image;
        self.size_of_image += (data.len() as u32).next_multiple_of(0x1000).max(0x1000);
        self.sections.push(Section {
            name,
            virtual_size: data.len() as u32,
            virtual_address,
            data: data.to_vec(),
        });
        self
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = vec![0; HEADERS];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &(AT as u32).to_le_bytes());
        put(AT, b"PE\0\0");
        put(AT + 4, &self.machine.to_le_bytes());
        put(AT + 6, &(self.sections.len() as u16).to_le_bytes());
        put(AT + 20, &240u16.to_le_bytes());
        put(AT + 24, &self.magic.to_le_bytes());
        for (at, value) in [
            (40, self.entry),
            (56, 0x1000),
            (60, 0x200),
            (80, self.size_of_image),
            (84, HEADERS as u32),
            (88, 0x1234_5678),
            (132, 16),
        ] {
            put(AT + at, &value.to_le_bytes());
        }
        put(AT + 92, &self.subsystem.to_le_bytes());
        let mut at = HEADERS;
        for (i, section) in self.sections.iter().enumerate() {
            let header = SECTIONS_AT + 40 * i;
            let raw = section.data.len().next_multiple_of(0x200);
            put(header, section.name.as_bytes());
            let words = [
                section.virtual_size,
                section.virtual_address,
                raw as u32,
                if raw == 0 { 0 } else { at as u32 },
            ];
            words.iter().enumerate().for_each(|(i, word)| put(header + 8 + 4 * i, &word.to_le_bytes()));
            at += raw;
        }
        if !self.certificates.is_empty() {
            put(AT + 168, &((at + self.overlay.len()) as u32).to_le_bytes());
            put(AT + 172, &(self.certificates.len() as u32).to_le_bytes());
        }
        for section in &self.sections {
            file.extend(&section.data);
            file.resize(file.len().next_multiple_of(0x200), 0);
        }
        file.extend(&self.overlay);
        file.extend(&self.certificates);
        file
    }
}
