// SPDX-License-Identifier: BSD-3-Clause
//! What goes where, and how much memory that takes: known before anything is fetched.

use alloc::vec::Vec;
use core::ops::Range;

use image::initrd;
use oci::spec::Descriptor;

use crate::{Cause, alpine::Archive, line, parts::Parts};

/// The machine's own loader makes a second copy of the kernel.
const COPIES: u64 = 2;

/// A part, and where in the buffer of the initrd it goes.
pub(crate) type Placed<'m> = (&'m Descriptor, Range<u64>);

/// The places of all parts.
#[derive(Debug)]
pub(crate) struct Plan<'m> {
    /// The parts.
    pub parts: Parts<'m>,
    /// Bytes that are fetched.
    pub fetched: u64,
    /// Bytes of memory that all of it takes.
    pub wanted: u64,
    /// The part that takes the most of it.
    pub largest: &'m Descriptor,
    /// Length of the buffer of the initrd.
    pub initrd: u64,
    /// Where the parts of the initrd go in it, in ascending order.
    pub placed: Vec<Placed<'m>>,
    /// What is made for Alpine, and where it starts.
    pub archive: Option<(Archive, u64)>,
}

impl<'m> Plan<'m> {
    /// For these parts. What overflows is more than any memory.
    ///
    /// # Errors
    /// A part is larger than its format allows.
    pub fn new(parts: Parts<'m>) -> Result<Self, Cause> {
        if let Some(cmdline) = parts.cmdline.filter(|cmdline| cmdline.size > line::LONGEST) {
            let (what, found, limit) = ("bytes of command line", cmdline.size, line::LONGEST);
            return Err(Cause::Limit { what, found, limit });
        }
        let size = |descriptor: Option<&Descriptor>| descriptor.map(|descriptor| descriptor.size);
        let archive = Archive::new(size(parts.modloop), size(parts.apkovl))?;
        let lengths: Vec<u64> = parts.initrds.iter().map(|initrd| initrd.size).collect();
        let lengths: Vec<u64> = lengths.into_iter().chain(archive.as_ref().map(|one| one.total)).collect();
        let layout = initrd::Layout::new(&lengths, u64::MAX);
        // Larger than any address: refused as soon as it is compared with memory.
        let layout = layout.unwrap_or_else(|_| initrd::Layout { offsets: Vec::new(), total: u64::MAX });
        let initrds = parts.initrds.iter().copied().zip(&layout.offsets);
        let mut placed: Vec<Placed<'m>> =
            initrds.map(|(initrd, start)| (initrd, moved(&(0..initrd.size), *start))).collect();
        let archive = archive.zip(layout.offsets.last().copied());
        if let Some((archive, start)) = &archive {
            for (part, range) in [(parts.modloop, &archive.modloop), (parts.apkovl, &archive.apkovl)] {
                placed.extend(part.zip(range.as_ref()).map(|(part, range)| (part, moved(range, *start))));
            }
        }
        let sum = |sum: u64, more: u64| sum.checked_add(more).unwrap_or(u64::MAX);
        let fetched = parts.all().map(|part| part.size).fold(0, sum);
        let kernel = parts.kernel.size.checked_mul(COPIES).unwrap_or(u64::MAX);
        let wanted = [kernel, layout.total, size(parts.cmdline).unwrap_or(0)].into_iter().fold(0, sum);
        let largest = parts.all().max_by_key(|part| part.size).unwrap_or(parts.kernel);
        Ok(Self { parts, fetched, wanted, largest, initrd: layout.total, placed, archive })
    }
}

fn moved(range: &Range<u64>, by: u64) -> Range<u64> {
    let sum = |at: u64| at.checked_add(by).unwrap_or(u64::MAX);
    sum(range.start)..sum(range.end)
}

/// The places in a buffer, and zeros between them. None where they are not in it, or not in order.
pub(crate) fn places<'b, 'm>(
    placed: &[Placed<'m>],
    buffer: &'b mut [u8],
) -> Option<Vec<(&'m Descriptor, &'b mut [u8])>> {
    let mut places = Vec::new();
    let (mut rest, mut at) = (buffer, 0);
    for (part, range) in placed {
        let gap = usize::try_from(range.start.checked_sub(at)?).ok()?;
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let (before, behind) = rest.split_at_mut_checked(gap)?;
        let (place, behind) = behind.split_at_mut_checked(length)?;
        before.fill(0);
        places.push((*part, place));
        (rest, at) = (behind, range.end);
    }
    rest.fill(0);
    Some(places)
}
