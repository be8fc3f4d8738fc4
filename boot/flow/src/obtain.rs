// SPDX-License-Identifier: BSD-3-Clause
//! Reads an entry's files, each straight into its final place.

use alloc::{format, string::String, vec::Vec};

use entries::{Entry, File, Initrd, Linux, Program, Start, Url};
use filesystem::{Error, FileType};
use image::initrd::{Layout, Wrapper};
use vfs::{Node, Volumes};

use crate::{
    Clock, Content, Failure, Memory, Payload, Phase, Place, Provenance, codes,
    report::{Bytes, Report},
};

/// One read of a file: large enough for the device, small enough to notice a broken one early.
const CHUNK: usize = 8 * 1024 * 1024;

/// Reads files and reports each.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The volumes that files are on.
    pub volumes: &'a Volumes,
    /// Reports each file.
    pub report: &'a Report<'a>,
    /// Times each file.
    pub clock: &'a dyn Clock,
    /// Says how much memory is free.
    pub memory: &'a dyn Memory,
}

/// A file that was found, before it is read.
struct OpenFile<'a> {
    path: String,
    provenance: Provenance,
    node: Node<'a>,
    size: u64,
}

/// An initial RAM disk that was found, before it is read.
struct OpenInitrd<'a> {
    file: OpenFile<'a>,
    /// The file's path in the archive that is built around it; none if the file is an archive already.
    name: Option<&'a str>,
    /// Bytes of the archive.
    size: u64,
}

/// What is fetched from the network, and where it came from.
pub type Fetch<'a> = dyn Fn(&Url) -> Result<(Provenance, Content), Failure> + 'a;

/// Reads what `entry` starts; `fetch` gets a program that is not on a disk.
///
/// # Errors
/// A [`Failure`] that names the file: it is missing, is not a regular file, cannot be read, or is larger than
/// the memory that is available.
pub fn obtain(entry: &Entry, reader: Reader<'_>, fetch: &Fetch<'_>) -> Result<Payload, Failure> {
    let (provenance, content) = match &entry.start {
        Start::Linux(linux) => reader.kernel(linux)?,
        Start::Program(program) => reader.program(program)?,
        Start::Url(url) => fetch(url)?,
        Start::Elsewhere(elsewhere) => {
            let cause = format!("{} leads to another disk", elsewhere.command);
            return Err(Failure::new(Phase::Choose, entry.title.as_str(), codes::ELSEWHERE, &cause));
        }
    };
    Ok(Payload { title: entry.title.clone(), provenance, content })
}

impl<'a> Reader<'a> {
    fn program(self, program: &Program) -> Result<(Provenance, Content), Failure> {
        let file = self.open(&program.file)?;
        // A saturated value is larger than any memory.
        self.expect_room(&file.path, file.size.saturating_mul(COPIES))?;
        let image = self.whole(&file)?;
        let place = Place::of(&program.file, self.volumes);
        Ok((file.provenance, Content::Program { image, options: program.options.clone(), place }))
    }

    fn kernel(self, linux: &'a Linux) -> Result<(Provenance, Content), Failure> {
        let kernel = self.open(&linux.kernel)?;
        let tree = linux.devicetree.as_ref().map(|file| self.open(file)).transpose()?;
        let initrds = linux.initrd.iter().map(|initrd| self.open_initrd(initrd));
        let initrds = initrds.collect::<Result<Vec<_>, _>>()?;
        let sizes: Vec<u64> = initrds.iter().map(|initrd| initrd.size).collect();
        let layout = Layout::new(&sizes, u64::MAX).map_err(|_| self.too_large("initrd", u64::MAX))?;

        // A saturated value is larger than any memory.
        let wanted = kernel.size.saturating_mul(COPIES).saturating_add(layout.total);
        let largest = initrds.first().map(|initrd| &initrd.file).filter(|_| layout.total > kernel.size);
        self.expect_room(&largest.unwrap_or(&kernel).path, wanted)?;
        if let Some(tree) = tree.as_ref().filter(|tree| tree.size > LARGEST_TREE) {
            let cause = Error::TooLarge { size: tree.size, limit: LARGEST_TREE };
            return Err(Failure::new(Phase::Obtain, &tree.path, cause.code(), &cause));
        }

        let image = self.whole(&kernel)?;
        let initrd = self.initrds(&initrds, &layout)?;
        let devicetree = tree.map(|file| self.whole(&file)).transpose()?;
        let options = linux.options.clone();
        Ok((kernel.provenance, Content::Kernel { image, initrd, options, devicetree }))
    }

    /// All initial RAM disks in one buffer.
    fn initrds(self, initrds: &[OpenInitrd<'_>], layout: &Layout) -> Result<Vec<u8>, Failure> {
        let mut buffer = self.buffer("initrd", layout.total)?;
        for (OpenInitrd { file, name, .. }, offset) in initrds.iter().zip(&layout.offsets) {
            let wrapper = match name {
                Some(name) => {
                    Wrapper::new(name, file.size).map_err(|_| self.too_large(&file.path, file.size))?
                }
                None => Wrapper::default(),
            };
            let target = usize::try_from(*offset).ok().and_then(|start| buffer.get_mut(start..));
            let length = usize::try_from(file.size).unwrap_or(usize::MAX);
            let target = target.and_then(|rest| {
                let (before, rest) = rest.split_at_mut_checked(wrapper.before.len())?;
                before.copy_from_slice(&wrapper.before);
                let (target, rest) = rest.split_at_mut_checked(length)?;
                let (behind, rest) = rest.split_at_mut_checked(wrapper.behind.len())?;
                behind.copy_from_slice(&wrapper.behind);
                Some((target, rest))
            });
            let (target, rest) = target.ok_or_else(|| self.too_large(&file.path, file.size))?;
            self.read(file, target)?;
            // Padding up to the next file; the read of that file overwrites any excess.
            rest.iter_mut().take(PADDING).for_each(|byte| *byte = 0);
        }
        Ok(buffer)
    }

    fn open_initrd(self, Initrd { file, name }: &'a Initrd) -> Result<OpenInitrd<'a>, Failure> {
        let file = self.open(file)?;
        let size = match name {
            Some(name) => {
                Wrapper::length(name, file.size).map_err(|_| self.too_large(&file.path, file.size))?
            }
            None => file.size,
        };
        Ok(OpenInitrd { file, name: name.as_deref(), size })
    }

    fn open(self, File { volume, path: bytes }: &File) -> Result<OpenFile<'a>, Failure> {
        let path = String::from_utf8_lossy(bytes).into_owned();
        let failed = |error: Error| Failure::new(Phase::Obtain, &path, error.code(), &error);
        let volume = self.volumes.get(*volume).ok_or_else(|| failed(Error::NotFound))?;
        let node = volume.open(bytes).map_err(failed)?;
        let attr = node.attr().map_err(failed)?;
        if attr.kind != FileType::File {
            return Err(failed(Error::WrongType { expected: "regular file" }));
        }
        let provenance = Provenance::Volume { name: volume.name().into(), path: path.clone() };
        Ok(OpenFile { path, provenance, node, size: attr.size })
    }

    fn expect_room(self, path: &str, wanted: u64) -> Result<(), Failure> {
        if wanted > self.memory.available() { Err(self.too_large(path, wanted)) } else { Ok(()) }
    }

    fn too_large(self, path: &str, wanted: u64) -> Failure {
        let cause = format!("{} wanted, {} of memory free", Bytes(wanted), Bytes(self.memory.available()));
        Failure::new(Phase::Obtain, path, code::MEMORY, &cause)
    }

    fn buffer(self, path: &str, length: u64) -> Result<Vec<u8>, Failure> {
        let bytes = usize::try_from(length).ok().and_then(|length| self.memory.buffer(length));
        bytes.ok_or_else(|| self.too_large(path, length))
    }

    fn whole(self, file: &OpenFile<'_>) -> Result<Vec<u8>, Failure> {
        let mut bytes = self.buffer(&file.path, file.size)?;
        self.read(file, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf`, which has the file's recorded length, and reports the file.
    fn read(self, file: &OpenFile<'_>, buf: &mut [u8]) -> Result<(), Failure> {
        let started = self.clock.now();
        let failed =
            |code, cause: &dyn core::fmt::Display| Failure::new(Phase::Obtain, &file.path, code, cause);
        let mut offset = 0u64;
        for chunk in buf.chunks_mut(CHUNK) {
            let got = file.node.read_at(offset, chunk).map_err(|error| failed(error.code(), &error))?;
            if got != chunk.len() {
                let cause = format!("the file ends at byte {offset} + {got} of {}", file.size);
                return Err(failed(codes::SHORT, &cause));
            }
            // Cannot saturate: never more than the buffer's length.
            offset = offset.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
        }
        self.report.obtained(&file.path, file.size, self.clock.since(started));
        Ok(())
    }
}

/// The firmware's `LoadImage` makes a second copy of the kernel or program.
const COPIES: u64 = 2;
/// Most bytes of padding between two initrds, which start at multiples of four.
const PADDING: usize = 3;
/// Largest device tree that is accepted, in bytes; real ones are far smaller.
const LARGEST_TREE: u64 = 2 * 1024 * 1024;
