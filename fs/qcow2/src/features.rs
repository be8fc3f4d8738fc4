// SPDX-License-Identifier: BSD-3-Clause
//! Incompatible feature bits, with QEMU's names.

/// The type of compression is not zlib.
pub const COMPRESSION_TYPE: u64 = 1 << 3;
/// L2 entries with subclusters.
pub const EXTENDED_L2: u64 = 1 << 4;
/// Reference counts may be wrong, which does not matter to a reader.
const DIRTY: u64 = 1 << 0;

/// What this driver reads.
const READ: u64 = DIRTY | COMPRESSION_TYPE | EXTENDED_L2;

/// The first unsupported bit.
pub fn first_unreadable(incompatible: u64) -> Option<u32> {
    let unreadable = incompatible & !READ;
    (unreadable != 0).then(|| unreadable.trailing_zeros())
}

/// The name of a known but unsupported bit.
pub fn known(bit: u32) -> Option<&'static str> {
    match bit {
        1 => Some("corrupt bit (qemu-img check -r all may repair the image)"),
        2 => Some("external data file"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_that_cannot_be_read_is_named() {
        assert_eq!(first_unreadable(DIRTY | EXTENDED_L2 | COMPRESSION_TYPE), None);
        assert_eq!(first_unreadable(0b10111), Some(1));
        assert_eq!(first_unreadable(1 << 63), Some(63));
        assert_eq!(known(2), Some("external data file"));
        assert_eq!(known(63), None);
    }
}
