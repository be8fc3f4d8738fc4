// SPDX-License-Identifier: BSD-3-Clause
//! Reading an entry's files, each straight into its final place.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use entries::{Entry, File};
use filesystem::{Error, FileType};
use image::initrd;
use vfs::{Node, Volumes};

use crate::{
    Clock, Console, Failure, Memory, Phase,
    report::{Bytes, Seconds},
};

/// One read of a file: large enough for the device, small enough to notice a broken one early.
const CHUNK: usize = 8 * 1024 * 1024;

/// What is handed over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Payload {
    /// What the user knows the entry by.
    pub title: String,
    /// The kernel's bytes as they stand on the disk.
    pub kernel: Vec<u8>,
    /// All initial RAM disks, one after the other, each padded to 4 bytes; empty where there is none.
    pub initrd: Vec<u8>,
    /// The command line.
    pub options: String,
}

/// A file that was found, before it is read.
struct Found<'a> {
    path: String,
    node: Node<'a>,
    size: u64,
}

/// Reads kernel and initial RAM disks of `entry`.
///
/// # Errors
/// A [`Failure`] that names the file: it is missing, is no regular file, cannot be read, or is larger than
/// the memory that is available.
pub fn obtain(
    entry: &Entry,
    volumes: &Volumes,
    console: &dyn Console,
    clock: &dyn Clock,
    memory: &dyn Memory,
) -> Result<Payload, Failure> {
    let kernel = find(volumes, &entry.kernel)?;
    let initrds = entry.initrd.iter().map(|file| find(volumes, file)).collect::<Result<Vec<_>, _>>()?;
    let sizes: Vec<u64> = initrds.iter().map(|file| file.size).collect();
    let too_large = |path: &str, wanted: u64| too_large(path, wanted, memory.available());
    let layout = initrd::Layout::new(&sizes, u64::MAX).map_err(|_| too_large("initrd", u64::MAX))?;

    // The firmware's loader makes a second copy of the kernel.
    let wanted = kernel.size.saturating_mul(2).saturating_add(layout.total);
    if wanted > memory.available() {
        let name = if layout.total > kernel.size { initrds.first() } else { None };
        return Err(too_large(&name.unwrap_or(&kernel).path, wanted));
    }

    let mut payload = Payload {
        title: entry.title.clone(),
        kernel: zeroed(kernel.size).ok_or_else(|| too_large(&kernel.path, kernel.size))?,
        initrd: zeroed(layout.total).ok_or_else(|| too_large("initrd", layout.total))?,
        options: entry.options.clone(),
    };
    let started = clock.now();
    read(&kernel, &mut payload.kernel)?;
    say(console, &kernel, clock.now().saturating_sub(started));
    for (file, offset) in initrds.iter().zip(&layout.offsets) {
        let started = clock.now();
        let target = usize::try_from(*offset).ok().and_then(|start| payload.initrd.get_mut(start..));
        let length = usize::try_from(file.size).unwrap_or(usize::MAX);
        let target = target.and_then(|rest| rest.get_mut(..length));
        read(file, target.ok_or_else(|| too_large(&file.path, file.size))?)?;
        say(console, file, clock.now().saturating_sub(started));
    }
    Ok(payload)
}

fn say(console: &dyn Console, file: &Found<'_>, took: Duration) {
    console.line(format_args!("obtain {} ({}, {})", file.path, Bytes(file.size), Seconds(took)));
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

/// Fills `buf`, which is as long as the file says it is.
fn read(file: &Found<'_>, buf: &mut [u8]) -> Result<(), Failure> {
    let mut offset = 0u64;
    for chunk in buf.chunks_mut(CHUNK) {
        let got = file
            .node
            .read_at(offset, chunk)
            .map_err(|error| Failure::new(Phase::Obtain, &file.path, error.code(), &error))?;
        if got != chunk.len() {
            let cause = format!("the file ends at byte {offset} + {got} of {}", file.size);
            return Err(Failure::new(Phase::Obtain, &file.path, "E-FS-SHORT", &cause));
        }
        offset = offset.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
    }
    Ok(())
}

fn zeroed(length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    Some(bytes)
}

fn too_large(path: &str, wanted: u64, available: u64) -> Failure {
    let cause = format!("{} wanted, {} of memory free", Bytes(wanted), Bytes(available));
    Failure::new(Phase::Obtain, path, "E-MEMORY", &cause)
}
