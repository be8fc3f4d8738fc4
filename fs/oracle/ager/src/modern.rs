// SPDX-License-Identifier: BSD-3-Clause
//! Operations for XFS and btrfs: shared blocks, any number of attributes, files with thousands of extents.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, symlink},
};

use rustix::fs::{
    FallocateFlags, XattrFlags, copy_file_range, fallocate, fsync, ioctl_ficlone, lremovexattr, lsetxattr,
};

use crate::{driver::Driver, life::Life};

/// Number of names that one file gets at once, and of chained symbolic links (Linux follows 40).
const LINKS: usize = 20;
/// Number of attributes of one file.
const ATTRIBUTES: usize = 60;
/// Maximum length of an attribute's value in Linux.
const LONGEST: usize = 65_536;
/// Length of a long name, of which few fit into a block.
const LONG: usize = 200;
/// Number of different words in generated text.
const WORDS: usize = 4096;

impl Life {
    pub fn modern_step(&mut self) -> io::Result<()> {
        match self.random.below(100) {
            0..25 => self.clone_file(),
            25..50 => self.clone_range(),
            50..65 => {
                let count = 2 + self.random.below(40);
                self.pieces(count)
            }
            65..85 => self.attributes(),
            85..90 => self.links(),
            _ if self.driver == Driver::Xfs => self.fsync_any(),
            90..95 => self.flagged(),
            _ => self.subvolume(),
        }
    }

    /// A file that shares all its blocks with another.
    pub fn clone_file(&mut self) -> io::Result<()> {
        let (from, path) = (File::open(self.file()?)?, self.new_path());
        let to = File::create_new(&path)?;
        self.nodes.push(path);
        not_supported_is_done(ioctl_ficlone(&to, &from))
    }

    /// A file that shares some of its blocks with another, or with itself.
    pub fn clone_range(&mut self) -> io::Result<()> {
        let (from, to) = (self.file()?, self.file()?);
        let (from, to) = (File::open(from)?, File::options().write(true).open(to)?);
        let mut place = |file: &File| -> io::Result<u64> {
            Ok(self.offset(file.metadata()?.len()) / self.block as u64 * self.block as u64)
        };
        let (mut source, mut target) = (place(&from)?, place(&to)?);
        let length = (1 + self.random.below(16)) * self.block;
        // If it cannot share blocks, Linux copies.
        not_supported_is_done(
            copy_file_range(&from, Some(&mut source), &to, Some(&mut target), length).map(drop),
        )
    }

    /// A fragmented file: with holes between the pieces, written backwards, or cut out of a whole.
    pub fn pieces(&mut self, count: usize) -> io::Result<()> {
        let path = self.new_path();
        let file = File::create_new(&path)?;
        self.nodes.push(path);
        match self.random.below(3) {
            0 => self.cut(&file, count),
            1 => self.scatter(&file, count),
            _ => self.write_backwards(&file, count),
        }
    }

    /// Two files with many extents, which are not changed later.
    pub fn most_pieces(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let names = ["cut", "scattered"].map(|name| self.folders[0].join(name));
        self.cut(&File::create_new(&names[0])?, count)?;
        self.scatter(&File::create_new(&names[1])?, count / 2)
    }

    /// Makes every second block of a file a hole.
    fn cut(&mut self, file: &File, count: usize) -> io::Result<()> {
        let bytes = self.bytes(2 * count * self.block);
        file.write_all_at(&bytes, 0)?;
        fsync(file)?;
        let (hole, block) = (FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, self.block as u64);
        (0..count as u64).try_for_each(|number| Ok(fallocate(file, hole, (2 * number + 1) * block, block)?))
    }

    fn scatter(&mut self, file: &File, count: usize) -> io::Result<()> {
        let bytes = self.bytes(self.block);
        (0..count).try_for_each(|number| file.write_all_at(&bytes, (2 * number * self.block) as u64))
    }

    /// Writes blocks backwards, so that later ones are allocated before earlier ones.
    fn write_backwards(&mut self, file: &File, count: usize) -> io::Result<()> {
        for number in (0..count).rev() {
            let bytes = self.bytes(self.block);
            file.write_all_at(&bytes, (number * self.block) as u64)?;
            if self.random.below(8) == 0 {
                fsync(file)?;
            }
        }
        Ok(())
    }

    /// Adds so many and so long attributes that they need blocks and an index.
    pub fn attributes(&mut self) -> io::Result<()> {
        let path =
            if self.random.below(3) == 0 { self.random.pick(&self.folders).clone() } else { self.node()? };
        let count = 1 + self.random.below(*self.random.clone().pick(&[1, 4, ATTRIBUTES]));
        for _ in 0..count {
            let name = format!("trusted.{}", "n".repeat(1 + self.random.below(200)));
            if self.random.below(4) == 0 {
                let _ = lremovexattr(&path, &name);
                continue;
            }
            let most = *self.random.pick(&[10, 100, 1000, 4000, LONGEST / 8]);
            let length = self.random.below(most);
            let value = self.bytes(length);
            not_supported_is_done(lsetxattr(&path, &name, &value, XattrFlags::empty()))?;
        }
        Ok(())
    }

    /// Gives a file many names, mostly long ones, and removes some of them.
    pub fn links(&mut self) -> io::Result<()> {
        let file = self.file()?;
        for _ in 0..1 + self.random.below(LINKS) {
            let path = self.new_path();
            fs::hard_link(&file, &path)?;
            self.nodes.push(path);
        }
        for _ in 0..self.random.below(LINKS / 2) {
            let Some(path) = self.nodes.last().cloned() else { break };
            fs::remove_file(&path)?;
            self.gone(&path);
        }
        Ok(())
    }

    /// Makes a chain of symbolic links that ends at a file.
    pub fn chain(&mut self) -> io::Result<()> {
        if self.room() < 4 * LINKS {
            return Ok(());
        }
        let folder = self.folders[0].join("chain");
        fs::create_dir(&folder)?;
        fs::write(folder.join("0"), "the end of the chain")?;
        for number in 1..=LINKS {
            symlink((number - 1).to_string(), folder.join(number.to_string()))?;
        }
        Ok(())
    }

    /// Grows two folders in turns, so that the blocks of neither are contiguous.
    pub fn grow_by_turns(&mut self, names: usize) -> io::Result<()> {
        let folders = ["left", "right"].map(|name| self.folders[0].join(name));
        for folder in &folders {
            fs::create_dir(folder)?;
        }
        for number in 0..names.min(self.room() / 4) {
            for folder in &folders {
                let path = folder.join(format!("{number:0>LONG$}"));
                fs::write(&path, number.to_string())?;
                self.nodes.push(path);
            }
        }
        Ok(())
    }

    /// Makes files around the sizes at which the format changes, up to the largest.
    pub fn sizes(&mut self, largest: u64) -> io::Result<()> {
        if largest == 0 {
            return Ok(());
        }
        let folder = self.folders[0].join("sizes");
        fs::create_dir(&folder)?;
        let powers = (0..=62).step_by(2).map(|power| 1u64 << power);
        for power in [0].into_iter().chain(powers).take_while(|power| *power <= largest) {
            for size in [power.wrapping_sub(1), power, power + 1] {
                if size <= largest {
                    let bytes = self.bytes(size as usize);
                    fs::write(folder.join(size.to_string()), bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Bytes that compress, but not to almost nothing.
    pub fn words(&mut self, length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 8);
        while text.len() < length {
            let word = self.random.below(WORDS) as u64;
            text.extend_from_slice(format!("{:x} ", word.wrapping_mul(0x9e37_79b9) & 0xff_ffff).as_bytes());
        }
        text.truncate(length);
        text
    }
}

/// An operation that the filesystem does not support, for this file or in general, does not count as failed.
fn not_supported_is_done(result: rustix::io::Result<()>) -> io::Result<()> {
    use rustix::io::Errno;
    match result {
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::TXTBSY) => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use oracle::tools;

    use super::*;

    fn life(name: &str) -> Life {
        let mut life = Life::new(&tools::work_dir(name), 1, Driver::Xfs).unwrap();
        life.limit(1000, 1000);
        life
    }

    #[test]
    fn a_chain_leads_to_its_end() {
        let mut life = life("chain");
        life.chain().unwrap();
        let folder = life.folders[0].join("chain");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), LINKS + 1);
        assert_eq!(fs::read_link(folder.join("20")).unwrap().to_str(), Some("19"));
        assert_eq!(fs::read_to_string(folder.join("20")).unwrap(), "the end of the chain");
    }

    #[test]
    fn sizes_go_from_nothing_to_the_largest() {
        let mut life = life("sizes");
        life.sizes(0).unwrap();
        assert!(!life.folders[0].join("sizes").exists());
        life.sizes(65_536).unwrap();
        for size in [0, 1, 1023, 1024, 4097, 65_535, 65_536] {
            let path = life.folders[0].join(format!("sizes/{size}"));
            assert_eq!(path.metadata().unwrap().len(), size);
        }
        assert!(!life.folders[0].join("sizes/65537").exists());
    }

    #[test]
    fn folders_that_grow_by_turns_have_the_same_names() {
        let mut life = life("turns");
        life.grow_by_turns(30).unwrap();
        for name in ["left", "right"] {
            let names = fs::read_dir(life.folders[0].join(name)).unwrap();
            let lengths: Vec<usize> = names.map(|entry| entry.unwrap().file_name().len()).collect();
            assert_eq!(lengths, [LONG; 30]);
        }
        assert_eq!(life.nodes.len(), 60);
    }

    #[test]
    fn bytes_have_the_length_that_was_asked_for() {
        let mut life = life("bytes");
        for length in [0, 1, 100, 5000] {
            assert_eq!(life.words(length).len(), length);
            assert!((0..8).all(|_| life.bytes(length).len() == length));
        }
    }
}
