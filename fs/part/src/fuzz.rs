// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use block::{BlockRead, ReadError};

use crate::read;

/// Fuzz entry point: any bytes give a table, no table, or an error, whatever the device's block size.
pub fn fuzz(data: &[u8]) {
    for block_size in [512, 2048, 4096] {
        // Any result is fine, as long as it returns.
        let _ = read(&Blocks { data, block_size });
    }
}

struct Blocks<'a> {
    data: &'a [u8],
    block_size: u32,
}

impl BlockRead for Blocks<'_> {
    fn size(&self) -> u64 {
        self.data.size()
    }

    fn logical_block_size(&self) -> u32 {
        self.block_size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.data.read_at(offset, buf)
    }
}
