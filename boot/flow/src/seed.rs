// SPDX-License-Identifier: BSD-3-Clause
//! Metadata documents on volumes: OpenStack's config drive, and NoCloud's seed.

use alloc::{format, string::String, vec, vec::Vec};

use filesystem::{Error, FileType};
use metadata::{Document, LARGEST, OnVolume, VOLUMES};
use vfs::{Volume, Volumes};

use crate::{Disks, Failure, Phase, codes, discover::named};

/// Most bytes read from each disk: enough for the largest realistic partition tables, and a document.
const MOST_READ: u64 = 16 << 20;

/// A document on a volume.
pub struct Seed {
    /// Volume and path, for display.
    pub place: String,
    /// The document, or why it cannot be read.
    pub document: Result<Document, Failure>,
}

/// The first document on a volume of the machine. Most machines have no such volume. A volume with the label but
/// without the file is meant for other programs.
pub fn find(disks: &dyn Disks) -> Option<Seed> {
    let (_, disks) = named(disks.disks());
    let volumes = Volumes::discover_common(disks, MOST_READ);
    VOLUMES.iter().find_map(|wanted| {
        let is_it = |volume: &&Volume| volume.identity().label.eq_ignore_ascii_case(wanted.label.as_bytes());
        volumes.all().iter().filter(is_it).find_map(|volume| seed(volume, wanted))
    })
}

fn seed(volume: &Volume, OnVolume { path, .. }: &OnVolume) -> Option<Seed> {
    let place = format!("{} {path}", volume.name());
    let failed = |code, cause: &dyn core::fmt::Display| Failure::new(Phase::Configure, &*place, code, cause);
    let document = match read(volume, path) {
        Err(Error::NotFound) => return None,
        Err(error) => Err(failed(error.code(), &error)),
        Ok(None) => Err(failed(codes::SHORT, &"the file ends before its size")),
        Ok(Some(bytes)) => Document::of_volume(bytes).map_err(|error| failed(error.code(), error.cause())),
    };
    Some(Seed { place, document })
}

/// A file, or one byte more than the limit if it is too large; none if it ends before its recorded size.
fn read(volume: &Volume, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let node = volume.open(path.as_bytes())?;
    let attr = node.attr()?;
    if attr.kind != FileType::File {
        return Err(Error::WrongType { expected: "regular file" });
    }
    // One byte more than allowed. Cannot saturate: about a mebibyte.
    let most = LARGEST.saturating_add(1);
    let mut bytes = vec![0; usize::try_from(attr.size).unwrap_or(most).min(most)];
    let got = node.read_at(0, &mut bytes)?;
    Ok((got == bytes.len()).then_some(bytes))
}
