// SPDX-License-Identifier: BSD-3-Clause
//! Directories stored in the inode: `struct xfs_dir2_sf_hdr`.

use core::ops::ControlFlow;

use filesystem::{EachEntry, Fault};

use super::{
    data::{Entry, file_type},
    visit,
};
use crate::{
    failure::{Outcome, corrupt},
    inode::Inode,
    units::InodeNumber,
};

/// Bytes of the header before the parent's number, and of an entry before its name.
const BEFORE_PARENT: usize = 2;
const BEFORE_NAME: usize = 3;

/// Calls `each` with all entries of a directory that is stored in the inode.
pub fn entries(
    dir: &Inode,
    has_ftype: bool,
    each: &mut EachEntry<'_, InodeNumber>,
) -> Outcome<ControlFlow<()>> {
    let bytes = dir.local()?;
    let Some(&[count, wide]) = bytes.first_chunk() else { return Err(dir.corrupt_size()) };
    // If one inode number needs more than 32 bits, all of them have 64.
    let width = if wide == 0 { 4 } else { 8 };
    // Cannot saturate: all sums are below 2¹⁷: 255 entries, each of a name of at most 255 bytes and a dozen more.
    let mut at = BEFORE_PARENT.saturating_add(width);
    for _ in 0..count {
        let fail = |structure, found: u64| {
            let at = dir.fork_offset().within(at);
            corrupt(Fault::Range, structure, at, found)
        };
        let Some(name_length) = bytes.get(at) else {
            return Err(fail("xfs_dir2_sf_hdr.count", count.into()));
        };
        let start = at.saturating_add(BEFORE_NAME);
        let end = start.saturating_add(usize::from(*name_length));
        let number_at = end.saturating_add(usize::from(has_ftype));
        let next = number_at.saturating_add(width);
        let wrong = || fail("xfs_dir2_sf_entry.namelen", (*name_length).into());
        let (Some(name), Some(number)) = (bytes.get(start..end), bytes.get(number_at..next)) else {
            return Err(wrong());
        };
        let number = InodeNumber(number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        let kind = bytes.get(end).filter(|_| has_ftype).and_then(|stored| file_type(*stored));
        if visit(&Entry::new(number, name, kind), wrong, each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        at = next;
    }
    match at == bytes.len() {
        true => Ok(ControlFlow::Continue(())),
        false => Err(dir.corrupt_size()),
    }
}
