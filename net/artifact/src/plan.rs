// SPDX-License-Identifier: BSD-3-Clause
//! The memory layout of the parts and the memory that they need, computed before anything is fetched.

use alloc::vec::Vec;
use core::ops::Range;

use image::initrd;
use oci::spec::Descriptor;

use crate::{Cause, alpine::Archive, line, parts::Parts};

/// LoadImage makes a second copy of the kernel.
const COPIES: u64 = 2;
/// More bytes than any machine has.
const LARGEST: u64 = 1 << 62;

/// A part, and its range in the initrd buffer.
pub(crate) type Placed<'m> = (&'m Descriptor, Range<u64>);

/// Where all parts go.
#[derive(Debug)]
pub(crate) struct Plan<'m> {
    /// The parts.
    pub parts: Parts<'m>,
    /// Bytes to fetch.
    pub fetched: u64,
    /// Bytes of memory needed in all.
    pub wanted: u64,
    /// The part that needs the most memory.
    pub largest: &'m Descriptor,
    /// Length of the initrd buffer.
    pub initrd: u64,
    /// Where the initrd's parts go in it, in ascending order.
    pub placed: Vec<Placed<'m>>,
    /// The archive made for Alpine, and its offset.
    pub archive: Option<(Archive, u64)>,
}

impl<'m> Plan<'m> {
    /// The plan for these parts.
    ///
    /// # Errors
    /// A part is larger than its format allows, or all parts together are larger than any memory.
    pub fn new(parts: Parts<'m>) -> Result<Self, Cause> {
        if let Some(cmdline) = parts.cmdline.filter(|cmdline| cmdline.size > line::LONGEST) {
            let (what, found, limit) = ("bytes of command line", cmdline.size, line::LONGEST);
            return Err(Cause::Limit { what, found, limit });
        }
        let size = |descriptor: Option<&Descriptor>| descriptor.map(|descriptor| descriptor.size);
        let archive = Archive::new(size(parts.modloop), size(parts.apkovl))?;
        let lengths = parts.initrds.iter().map(|initrd| initrd.size);
        let lengths: Vec<u64> = lengths.chain(archive.as_ref().map(|archive| archive.total)).collect();
        let layout = initrd::Layout::new(&lengths, LARGEST).map_err(|_| Cause::Overflow)?;
        let initrds = parts.initrds.iter().copied().zip(&layout.offsets);
        let mut placed: Vec<Placed<'m>> = initrds
            .map(|(initrd, start)| Some((initrd, moved(&(0..initrd.size), *start)?)))
            .collect::<Option<_>>()
            .ok_or(Cause::Overflow)?;
        let archive = archive.zip(layout.offsets.last().copied());
        if let Some((archive, start)) = &archive {
            for (part, range) in [(parts.modloop, &archive.modloop), (parts.apkovl, &archive.apkovl)] {
                if let Some((part, range)) = part.zip(range.as_ref()) {
                    placed.push((part, moved(range, *start).ok_or(Cause::Overflow)?));
                }
            }
        }
        let fetched = parts.all().map(|part| part.size).try_fold(0, u64::checked_add);
        let wanted = parts.kernel.size.checked_mul(COPIES).and_then(|kernel| {
            kernel.checked_add(layout.total)?.checked_add(size(parts.cmdline).unwrap_or(0))
        });
        let (fetched, wanted) = fetched.zip(wanted).ok_or(Cause::Overflow)?;
        let largest = parts.all().max_by_key(|part| part.size).unwrap_or(parts.kernel);
        Ok(Self { parts, fetched, wanted, largest, initrd: layout.total, placed, archive })
    }
}

fn moved(range: &Range<u64>, by: u64) -> Option<Range<u64>> {
    Some(range.start.checked_add(by)?..range.end.checked_add(by)?)
}

/// Splits a buffer into these ranges, with zeros between them. `None` if a range is outside or out of order.
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
