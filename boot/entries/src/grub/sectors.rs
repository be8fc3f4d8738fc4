// SPDX-License-Identifier: BSD-3-Clause
//! Block lists instead of files: `(hd0,gpt2)512+1`. openSUSE keeps its environment block that way, since GRUB cannot
//! write to btrfs.
//!
//! Source: GRUB manual, "How to specify block lists".

use alloc::{string::String, vec::Vec};

use super::{
    interpreter::Interpreter,
    number,
    place::{self, Device},
};
use crate::Error;

/// GRUB counts in sectors of 512 bytes, whatever the device's block size.
const SECTOR: u64 = 512;
/// Most parts of one list.
const MOST: usize = 8;

impl Interpreter<'_> {
    /// The text that a block list names, at most `limit` bytes; none if it is not a block list, or cannot be read.
    pub fn sectors(&self, list: &str, limit: u64) -> Option<String> {
        let (device, list) = place::split(self.environment().get("root"), list)?;
        let parts: Option<Vec<(u64, u64)>> = list.split(',').take(MOST).map(part).collect();
        let parts = parts.filter(|parts| list.split(',').count() == parts.len())?;
        let bytes = self.places.bytes(&Device::parse(device)?)?;
        let mut text = Vec::new();
        for (offset, length) in parts {
            let length = usize::try_from(length).ok().filter(|_| length <= limit)?;
            self.noted(self.share.bytes.charge(length))?;
            let start = text.len();
            let end =
                start.checked_add(length).filter(|end| u64::try_from(*end).is_ok_and(|end| end <= limit))?;
            text.resize(end, 0);
            let read = bytes.read_at(offset, text.get_mut(start..)?);
            self.noted(read.map_err(|error| Error::from(vfs::Error::from(error))))?;
        }
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

/// `OFFSET+COUNT` in sectors, as a range of bytes; without an offset, from the first sector.
fn part(text: &str) -> Option<(u64, u64)> {
    let (offset, count) = text.split_once('+')?;
    let offset = if offset.is_empty() { 0 } else { number::whole(offset)? };
    Some((offset.checked_mul(SECTOR)?, number::whole(count)?.checked_mul(SECTOR)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_an_offset_and_a_count() {
        let cases = [
            ("512+1", Some((512 * 512, 512))),
            ("+2", Some((0, 1024))),
            ("1+", None),
            ("1", None),
            ("/boot/grub/grubenv", None),
            ("1+x", None),
            ("99999999999999999999+1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(part(text), expected, "{text}");
        }
    }
}
