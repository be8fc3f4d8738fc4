// SPDX-License-Identifier: BSD-3-Clause
//! Entries of type 2: unified kernel images.
//!
//! Only the headers and the small sections with texts are read.

use alloc::{string::String, vec::Vec};

use image::{
    pe::Headers,
    uki::{self, Part},
};
use vfs::{Node, Volume};

use super::{Candidate, Counting, Listed, Name, candidates, files};
use crate::{
    Access, Arch, Entry, Error, File, Kind, Program, Source, Start, budget::Share, os_release, search::Search,
};

/// Their folder.
const FOLDER: &str = "/EFI/Linux";
/// Bytes at the start of an image that hold all headers.
const HEAD: usize = 4096;
/// Most bytes of a text section.
const LONGEST: u64 = 64 * 1024;

pub fn find(search: &Search<'_>, volume: &Volume, found: &mut Vec<Candidate>) {
    let share = search.share(volume);
    let files = files(share, volume, FOLDER, ".efi");
    let parse = |file: &Listed<'_>, node: &Node<'_>| candidate(share, volume, file, node, search.arch());
    found.extend(candidates(share, volume, files, &parse));
}

/// The candidate of a file; none if it is for another architecture or not a unified kernel image.
fn candidate(
    share: &Share,
    volume: &Volume,
    Listed { name, path, .. }: &Listed<'_>,
    node: &Node<'_>,
    arch: Arch,
) -> Result<Option<Candidate>, Error> {
    share.bytes.charge(HEAD)?;
    let size = node.attr()?.size;
    let mut head = alloc::vec![0; HEAD];
    let length = node.read_at(0, &mut head)?;
    head.truncate(length);
    let headers = Headers::parse(&head, size)?;
    if headers.machine() != arch.machine() || !uki::is_uki(&headers) {
        return Ok(None);
    }
    let release = os_release_of(share, node, &headers)?;
    let first = |names: &[&str]| names.iter().find_map(|name| os_release::value(&release, name));
    let version = first(&["IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"]).unwrap_or_default();
    let name = Name::parse(name);
    let title = first(&["PRETTY_NAME", "IMAGE_ID", "NAME", "ID"]).unwrap_or_else(|| name.id.clone());
    let file = File { volume: volume.id(), path: path.as_str().into() };
    let counting = name.next().map(|next| Counting { file: file.clone(), next });
    Ok(Some(Candidate {
        entry: Entry {
            title,
            version: version.clone(),
            id: name.id.clone(),
            source: Source { volume: volume.id(), path: path.clone(), kind: Kind::Uki },
            start: Start::Program(Program { file, options: None, os: Some("linux") }),
            counting,
            default: false,
            is_first: false,
            access: Access::Anyone,
        },
        sort_key: first(&["IMAGE_ID", "ID"]).unwrap_or_default(),
        machine_id: String::new(),
        version,
        name,
    }))
}

/// The text of `.osrel`; empty without that section.
fn os_release_of(share: &Share, node: &Node<'_>, headers: &Headers) -> Result<String, Error> {
    let Some(section) = uki::part(headers, Part::OsRelease) else { return Ok(String::new()) };
    let range = section.data();
    // Cannot saturate: a section ends no earlier than it starts.
    let length = range.end.saturating_sub(range.start).min(LONGEST);
    let length = usize::try_from(length).unwrap_or_default();
    share.bytes.charge(length)?;
    let mut bytes = alloc::vec![0; length];
    let read = node.read_at(range.start, &mut bytes)?;
    bytes.truncate(read);
    Ok(String::from(uki::text(&bytes)?))
}
