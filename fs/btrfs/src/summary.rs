// SPDX-License-Identifier: BSD-3-Clause
//! The summary of the whole filesystem: profiles, free space, features.

use alloc::{string::String, vec::Vec};

use filesystem::{Health, REBUILT, Summary};

use crate::{
    chunk::Chunk,
    features,
    profile::{DATA, METADATA, Profile, SYSTEM},
    storage::Storage,
    superblock::Superblock,
};

/// The profiles of chunks by their content, each once, with the names of mkfs.btrfs. Mixed chunks count for both.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Profiles {
    /// Profiles of file data.
    pub data: Vec<&'static str>,
    /// Profiles of trees.
    pub metadata: Vec<&'static str>,
    /// Profiles of the chunk tree.
    pub system: Vec<&'static str>,
}

impl Profiles {
    pub(crate) fn of(chunks: &[Chunk]) -> Self {
        let has = |held: u64, profile| {
            chunks.iter().any(|chunk| chunk.kind & held != 0 && chunk.profile == profile)
        };
        let names = |held| {
            Profile::ALL.into_iter().filter(|profile| has(held, *profile)).map(Profile::name).collect()
        };
        Self { data: names(DATA), metadata: names(METADATA), system: names(SYSTEM) }
    }
}

/// Free space, features, details and health.
pub fn of(superblock: &Superblock, storage: &Storage, has_warnings: bool) -> Summary {
    let profiles = Profiles::of(storage.chunks.all());
    let text = |names: &[&str]| names.join(", ");
    let rebuilt = match storage.rebuilt() {
        0 => String::new(),
        bytes => alloc::format!("{bytes} bytes"),
    };
    let details = [
        ("generation", alloc::format!("{}", superblock.generation.0)),
        ("checksum", String::from(superblock.checksum.name())),
        ("data", text(&profiles.data)),
        ("metadata", text(&profiles.metadata)),
        ("system", text(&profiles.system)),
        (REBUILT, rebuilt),
    ];
    let is_sound = !has_warnings && storage.rebuilt() == 0;
    Summary {
        size: Some(superblock.total_bytes),
        free: free(superblock, storage),
        features: features::all(superblock.incompat, superblock.compat_ro),
        details: details.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
        health: if is_sound { Health::Ok } else { Health::Degraded },
    }
}

/// Free space: unused bytes of chunks, and of devices outside of chunks, divided by the copies that data has.
fn free(superblock: &Superblock, storage: &Storage) -> Option<u64> {
    let chunks = storage.chunks.all();
    let (mut length, mut raw, mut data) = (0u64, 0u64, (1u64, 1u64));
    for chunk in chunks {
        let taken = chunk.on_devices(storage.chunks.stripes(chunk).len());
        length = length.checked_add(chunk.length)?;
        raw = raw.checked_add(taken)?;
        if chunk.kind & DATA != 0 {
            data = (chunk.length, taken.max(1));
        }
    }
    let untaken = superblock.total_bytes.checked_sub(raw)?;
    let usable = u128::from(untaken).checked_mul(data.0.into())?.checked_div(data.1.into())?;
    length.checked_sub(superblock.bytes_used)?.checked_add(u64::try_from(usable).ok()?)
}
