// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use alloc::vec;

use block::BlockRead;

use crate::{Vhd, probe};

/// Number of places to read: more than a small valid input has blocks.
const MOST: u64 = 256;

/// Fuzz entry point: any bytes give a value or an error, and so does everything in them.
pub fn fuzz(data: &[u8]) {
    let _ = probe(data);
    let Ok(image) = Vhd::open(data) else { return };
    let size = image.size();
    let mut buf = vec![0; 4096];
    let mut read = |offset: u64, length: u64| {
        // Saturates at zero past the end, where nothing is read.
        let length = usize::try_from(length.min(size.saturating_sub(offset))).unwrap_or(usize::MAX);
        // Any result is fine, as long as it returns.
        let _ = image.read_at(offset, buf.get_mut(..length).unwrap_or_default());
    };
    // The first sectors, and as many more places spread over the disk.
    let step = size.checked_div(MOST).unwrap_or(0);
    for number in 0..MOST {
        read(number.saturating_mul(512), 1);
        read(number.saturating_mul(step), 4096);
    }
    read(size.saturating_sub(4096), 4096);
}
