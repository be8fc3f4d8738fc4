// SPDX-License-Identifier: BSD-3-Clause
//! Reading an entry's files, each straight into its final place.

use alloc::{format, string::String, vec::Vec};

use entries::{Entry, File, Linux, Start};
use filesystem::{Error, FileType};
use image::initrd;
use vfs::{Node, Volumes};

use crate::{
    Clock, Console, Failure, Memory, Phase, codes,
    report::{Bytes, Seconds},
};

/// One read of a file: large enough for the device, small enough to notice a broken one early.
const CHUNK: usize = 8 * 1024 * 1024;

/// What is handed over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Payload {
    /// What the user knows the entry by.
    pub title: String,
    /// The kernel or program, as it stands on the disk.
    pub image: Vec<u8>,
    /// All initial RAM disks, one after the other, each padded to 4 bytes; empty where there is none.
    pub initrd: Vec<u8>,
    /// The command line; none leaves a program's own.
    pub options: Option<String>,
    /// A device tree in place of the firmware's.
    pub devicetree: Option<Vec<u8>>,
    /// Where a program stands, so that it finds what stands beside it; none for a kernel.
    pub place: Option<Place>,
}

/// A file as the firmware's own drivers know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Index of the disk among those that [`Disks`](crate::Disks) gave.
    pub disk: usize,
    /// Number of the partition, none for a filesystem on the whole disk.
    pub partition: Option<u32>,
    /// Absolute path with slashes.
    pub path: String,
}

impl Place {
    /// The place of a file; none where its volume is gone or its path is no UTF-8.
    pub fn of(file: &File, volumes: &Volumes) -> Option<Self> {
        let volume = volumes.get(file.volume)?;
        let path = String::from_utf8(file.path.clone()).ok()?;
        Some(Self { disk: volume.disk(), partition: volume.partition().map(|p| p.number), path })
    }
}

/// What reading needs of the platform.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Told of each file.
    pub console: &'a dyn Console,
    /// Times each file.
    pub clock: &'a dyn Clock,
    /// Says how much room there is.
    pub memory: &'a dyn Memory,
}

/// A file that was found, before it is read.
struct Found<'a> {
    path: String,
    node: Node<'a>,
    size: u64,
}

/// Reads what `entry` starts.
///
/// # Errors
/// A [`Failure`] that names the file: it is missing, is no regular file, cannot be read, or is larger than
/// the memory that is available.
pub fn obtain(entry: &Entry, volumes: &Volumes, means: Means<'_>) -> Result<Payload, Failure> {
    match &entry.start {
        Start::Linux(linux) => Ok(Payload { title: entry.title.clone(), ..kernel(linux, volumes, means)? }),
        Start::Program(program) => {
            let file = find(volumes, &program.file)?;
            means.expect_room(&file.path, file.size.saturating_mul(2))?;
            Ok(Payload {
                title: entry.title.clone(),
                image: means.whole(&file)?,
                options: program.options.clone(),
                place: Place::of(&program.file, volumes),
                ..Payload::default()
            })
        }
        Start::Elsewhere(elsewhere) => {
            let cause = format!("{} leads to another disk", elsewhere.command);
            Err(Failure::new(Phase::Obtain, entry.title.as_str(), codes::ELSEWHERE, &cause))
        }
    }
}

/// Reads a kernel and what it is given.
fn kernel(linux: &Linux, volumes: &Volumes, means: Means<'_>) -> Result<Payload, Failure> {
    let kernel = find(volumes, &linux.kernel)?;
    let tree = linux.devicetree.as_ref().map(|file| find(volumes, file)).transpose()?;
    let initrds = linux.initrd.iter().map(|file| find(volumes, file)).collect::<Result<Vec<_>, _>>()?;
    let sizes: Vec<u64> = initrds.iter().map(|file| file.size).collect();
    let too_large = |path: &str, wanted: u64| means.too_large(path, wanted);
    let layout = initrd::Layout::new(&sizes, u64::MAX).map_err(|_| too_large("initrd", u64::MAX))?;

    // The firmware's loader makes a second copy of the kernel.
    let wanted = kernel.size.saturating_mul(2).saturating_add(layout.total);
    let name = if layout.total > kernel.size { initrds.first() } else { None };
    means.expect_room(&name.unwrap_or(&kernel).path, wanted)?;
    if let Some(tree) = tree.as_ref().filter(|tree| tree.size > LARGEST_TREE) {
        let cause = Error::TooLarge { size: tree.size, limit: LARGEST_TREE };
        return Err(Failure::new(Phase::Obtain, &tree.path, cause.code(), &cause));
    }

    let image = means.whole(&kernel)?;
    let mut initrd = means.buffer("initrd", layout.total)?;
    for (file, offset) in initrds.iter().zip(&layout.offsets) {
        let target = usize::try_from(*offset).ok().and_then(|start| initrd.get_mut(start..));
        let length = usize::try_from(file.size).unwrap_or(usize::MAX);
        let target = target.and_then(|rest| rest.split_at_mut_checked(length));
        let (target, behind) = target.ok_or_else(|| too_large(&file.path, file.size))?;
        means.read(file, target)?;
        // Zeros up to the next file, which is read over those that are too many.
        behind.iter_mut().take(PADDING).for_each(|byte| *byte = 0);
    }
    let devicetree = tree.map(|file| means.whole(&file)).transpose()?;
    Ok(Payload { image, initrd, options: Some(linux.options.clone()), devicetree, ..Payload::default() })
}

impl Means<'_> {
    fn expect_room(&self, path: &str, wanted: u64) -> Result<(), Failure> {
        if wanted > self.memory.available() { Err(self.too_large(path, wanted)) } else { Ok(()) }
    }

    fn too_large(&self, path: &str, wanted: u64) -> Failure {
        let cause = format!("{} wanted, {} of memory free", Bytes(wanted), Bytes(self.memory.available()));
        Failure::new(Phase::Obtain, path, code::MEMORY, &cause)
    }

    fn buffer(&self, path: &str, length: u64) -> Result<Vec<u8>, Failure> {
        let bytes = usize::try_from(length).ok().and_then(|length| self.memory.buffer(length));
        bytes.ok_or_else(|| self.too_large(path, length))
    }

    fn whole(&self, file: &Found<'_>) -> Result<Vec<u8>, Failure> {
        let mut bytes = self.buffer(&file.path, file.size)?;
        self.read(file, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf`, which is as long as the file says it is, and tells of it.
    fn read(&self, file: &Found<'_>, buf: &mut [u8]) -> Result<(), Failure> {
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
            offset = offset.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
        }
        let took = self.clock.now().saturating_sub(started);
        self.console.line(format_args!("obtain {} ({}, {})", file.path, Bytes(file.size), Seconds(took)));
        Ok(())
    }
}

fn find<'a>(volumes: &'a Volumes, file: &File) -> Result<Found<'a>, Failure> {
    let path = String::from_utf8_lossy(&file.path).into_owned();
    let failed = |error: Error| Failure::new(Phase::Obtain, &path, error.code(), &error);
    let volume = volumes.get(file.volume).ok_or_else(|| failed(Error::NotFound))?;
    let node = volume.open(&file.path).map_err(failed)?;
    let attr = node.attr().map_err(failed)?;
    if attr.kind != FileType::File {
        return Err(failed(Error::WrongType { expected: "regular file" }));
    }
    Ok(Found { path, node, size: attr.size })
}

/// At most so many bytes stand between two initrds.
const PADDING: usize = 3;
/// No device tree of a machine has more bytes.
const LARGEST_TREE: u64 = 2 * 1024 * 1024;
