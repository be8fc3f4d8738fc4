// SPDX-License-Identifier: BSD-3-Clause
//! The summary of the whole filesystem, from its superblock.

use alloc::format;

use filesystem::{Health, Summary};

use crate::{log::Report, superblock::Superblock};

/// Free space, features, and what the log replay did; degraded if there are warnings.
pub fn of(superblock: &Superblock, has_warnings: bool, report: Option<&Report>) -> Summary {
    let log = report.map(|Report { transactions, inodes, buffers }| {
        ("log", format!("{transactions} transactions replayed: {inodes} inodes, {buffers} other blocks"))
    });
    Summary {
        // A count above the number of blocks must be wrong. Cannot saturate: bytes of blocks that are all on the
        // device.
        free: Some(superblock.free_blocks)
            .filter(|free| *free <= superblock.blocks)
            .map(|free| free.saturating_mul(superblock.block_size())),
        features: superblock.features.names(),
        details: log.into_iter().collect(),
        health: if has_warnings { Health::Degraded } else { Health::Ok },
        ..Summary::default()
    }
}
