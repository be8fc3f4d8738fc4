// SPDX-License-Identifier: BSD-3-Clause
//! What the superblock says of the whole filesystem.

use filesystem::{Health, Summary};

use crate::superblock::Superblock;

/// Free space and features; degraded where there are warnings.
pub fn of(superblock: &Superblock, has_warnings: bool) -> Summary {
    Summary {
        // More than there are cannot be true.
        free: Some(superblock.free_blocks)
            .filter(|free| *free <= superblock.blocks)
            .map(|free| free.saturating_mul(superblock.block_size())),
        features: superblock.features.names(),
        health: if has_warnings { Health::Degraded } else { Health::Ok },
        ..Summary::default()
    }
}
