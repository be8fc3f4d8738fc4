// SPDX-License-Identifier: BSD-3-Clause
//! Faults of a disk: bytes that are flipped on the finished disk, where the tools of its formats locate a
//! structure.

use std::{fs::File, os::unix::fs::FileExt, path::Path, str::FromStr};

use anyhow::{Context, Error, Result, bail, ensure};
use clap::Args;

use crate::{
    debugfs,
    layout::{BLOCK, ESP_START, Layout, MIB},
};

/// The superblock of ext4 is at 1024, 1024 bytes long.
const SUPERBLOCK: u64 = 1024;
/// A slot of a FAT directory, the name in front, and the attributes of a file.
const SLOT: usize = 32;
const SHORT_NAME: usize = 11;
const ARCHIVE: u8 = 0x20;

/// The faults.
#[derive(Args, Debug, Default)]
pub struct Faults {
    /// Truncate the kernel by so many bytes
    #[arg(long, value_name = "BYTES")]
    pub truncate_kernel: Option<usize>,
    /// Flip all bits of the byte at this offset of the kernel file, after compression and signing
    #[arg(long, value_name = "OFFSET")]
    pub flip_kernel: Option<usize>,
    /// Leave out the initrd that the configuration names
    #[arg(long)]
    pub omit_initrd: bool,
    /// Flip all bits of a byte of a structure: `superblock:OFFSET`, `group:OFFSET` (descriptor of group 0),
    /// `inode:PATH:OFFSET`, `content:PATH:OFFSET` (of a file or folder; `<8>` is the journal), `gpt:OFFSET`,
    /// `backup-gpt:OFFSET` (headers), `slot:NAME:OFFSET` (a file's entry on the ESP, by its short name)
    #[arg(long, value_name = "PLACE")]
    pub flip: Vec<BytePlace>,
}

impl Faults {
    /// Applies the faults of the kernel.
    ///
    /// # Errors
    /// When the kernel is too short.
    pub fn spoil(&self, kernel: &mut Vec<u8>) -> Result<()> {
        if let Some(offset) = self.flip_kernel {
            let byte = kernel.get_mut(offset).context("the kernel is too short")?;
            *byte = !*byte;
        }
        if let Some(bytes) = self.truncate_kernel {
            let length = kernel.len().checked_sub(bytes).context("the kernel is too short")?;
            kernel.truncate(length);
        }
        Ok(())
    }

    /// Applies the faults of a finished disk.
    ///
    /// # Errors
    /// When a structure is not found.
    pub fn apply(&self, layout: &Layout, disk: &Path) -> Result<()> {
        // Locates all structures before changing any.
        let positions = self.flip.iter().map(|place| place.position(layout, disk));
        for position in positions.collect::<Result<Vec<_>>>()? {
            flip(disk, position)?;
        }
        Ok(())
    }
}

/// Flips all bits of a byte.
///
/// # Errors
/// When the file is too short.
pub fn flip(file: &Path, position: u64) -> Result<()> {
    let file = File::options().read(true).write(true).open(file)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, position)?;
    Ok(file.write_all_at(&byte.map(|b| !b), position)?)
}

/// A byte of a structure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BytePlace {
    pub structure: Structure,
    pub offset: u64,
}

/// The structure that has the byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Structure {
    Superblock,
    Group,
    Inode(String),
    Content(String),
    Gpt,
    BackupGpt,
    Slot(String),
    /// A record of XFS's log, counted from its tail.
    Log(usize),
    /// The root of a tree of btrfs, by its number.
    Tree(u64),
}

impl FromStr for BytePlace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (structure, offset) = text.rsplit_once(':').context("expected STRUCTURE:OFFSET")?;
        let (kind, object) = structure.split_once(':').unwrap_or((structure, ""));
        let structure = match (kind, object) {
            ("superblock", "") => Structure::Superblock,
            ("group", "") => Structure::Group,
            ("gpt", "") => Structure::Gpt,
            ("backup-gpt", "") => Structure::BackupGpt,
            ("inode", path) if !path.is_empty() => Structure::Inode(path.into()),
            ("content", path) if !path.is_empty() => Structure::Content(path.into()),
            ("slot", name) if !name.is_empty() => Structure::Slot(name.into()),
            ("log", record) => Structure::Log(record.parse()?),
            ("tree", id) => Structure::Tree(id.parse()?),
            _ => bail!("no such structure: {structure}"),
        };
        Ok(Self { structure, offset: offset.parse()? })
    }
}

impl BytePlace {
    /// Its byte offset on the disk.
    fn position(&self, layout: &Layout, disk: &Path) -> Result<u64> {
        let sector = layout.sector_size;
        let (start, length) = match &self.structure {
            Structure::Superblock => (layout.root_offset().saturating_add(SUPERBLOCK), SUPERBLOCK),
            // In the block after the superblock.
            Structure::Group => (layout.root_offset().saturating_add(BLOCK), 64),
            Structure::Inode(path) => (debugfs::inode(layout, disk, path)?, 256),
            Structure::Content(path) => {
                let index = usize::try_from(self.offset.checked_div(BLOCK).unwrap_or(0))?;
                let blocks = debugfs::blocks(layout, disk, path)?;
                let block = blocks.get(index).with_context(|| format!("{path} is too short"))?;
                return block.checked_add(self.offset % BLOCK).context("offset out of range");
            }
            Structure::Gpt => (sector, 92),
            Structure::BackupGpt => {
                (disk.metadata()?.len().checked_sub(sector).context("size out of range")?, 92)
            }
            Structure::Slot(name) => (slot(layout, disk, name)?, 32),
            Structure::Log(_) | Structure::Tree(_) => bail!("ext4 has no such structure: {self:?}"),
        };
        ensure!(self.offset < length, "{self:?}: offset out of range, length {length}");
        start.checked_add(self.offset).context("offset out of range")
    }
}

/// The slot of the ESP with a file's short name, as stored: eight plus three bytes, without a dot. It must be unique.
fn slot(layout: &Layout, disk: &Path, name: &str) -> Result<u64> {
    let start = ESP_START.saturating_mul(MIB);
    let length = layout.root_offset().checked_sub(start).context("the ESP is not in front of the root")?;
    let mut bytes = vec![0; usize::try_from(length)?];
    File::open(disk)?.read_exact_at(&mut bytes, start)?;
    let name = format!("{name:SHORT_NAME$}");
    let is_it = |slot: &&[u8]| slot.starts_with(name.as_bytes()) && slot.get(SHORT_NAME) == Some(&ARCHIVE);
    let mut found = (0u64..).step_by(SLOT).zip(bytes.chunks(SLOT)).filter(|(_, slot)| is_it(slot));
    let (offset, _) = found.next().with_context(|| format!("no {name} on the ESP"))?;
    ensure!(found.next().is_none(), "{name} is on the ESP more than once");
    start.checked_add(offset).context("offset out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_structure_and_an_offset() {
        let place = |text: &str| text.parse::<BytePlace>();
        let expected = BytePlace { structure: Structure::Inode("/boot".into()), offset: 4 };
        assert_eq!(place("inode:/boot:4").unwrap(), expected);
        assert_eq!(place("gpt:16").unwrap(), BytePlace { structure: Structure::Gpt, offset: 16 });
        assert_eq!(place("log:2:3").unwrap(), BytePlace { structure: Structure::Log(2), offset: 3 });
        for wrong in
            ["", "gpt", "gpt:", "gpt:x", "gpt:/boot:1", "inode:1", "inode::1", "table:1", "log:1", "tree:a:1"]
        {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_kernel_is_spoilt_where_it_is_asked_for() {
        let mut kernel = vec![1, 2, 3];
        let faults = Faults { truncate_kernel: Some(1), flip_kernel: Some(0), ..Faults::default() };
        faults.spoil(&mut kernel).unwrap();
        assert_eq!(kernel, [0xfe, 2]);
        assert!(Faults { flip_kernel: Some(2), ..Faults::default() }.spoil(&mut kernel).is_err());
        assert!(Faults { truncate_kernel: Some(3), ..Faults::default() }.spoil(&mut kernel).is_err());
    }
}
