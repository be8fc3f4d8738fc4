// SPDX-License-Identifier: BSD-3-Clause
//! Which architecture an image is made for.

use arch::{Arch, Machine};
use entries::{File, Found};
use image::{
    kernel::{self, Kind},
    pe::{self, Headers},
    uki::{self, Part},
};
use qemu::emulated;
use vfs::{Node, Volumes};

/// Bytes of a command line.
const LONGEST_LINE: u64 = 64 << 10;

/// The entries, as the loader of an architecture finds them. Without `arch`: the first architecture whose loader would
/// boot a program made for it; if no kernel shows its architecture, this machine's.
pub fn discover(volumes: &Volumes, arch: Option<Arch>) -> Found {
    let fitting = || Arch::ALL.into_iter().find_map(|arch| fitting(volumes, arch));
    match arch {
        Some(arch) => find(volumes, arch),
        None => fitting().unwrap_or_else(|| find(volumes, emulated::HOST)),
    }
}

/// The architectures whose loader would boot a program made for it.
pub fn of_images(volumes: &Volumes) -> Vec<Arch> {
    Arch::ALL.into_iter().filter(|arch| fitting(volumes, *arch).is_some()).collect()
}

/// The entries, if the loader of this architecture would boot one that is made for it.
fn fitting(volumes: &Volumes, arch: Arch) -> Option<Found> {
    let found = find(volumes, arch);
    let first = flow::default_entry(volumes, &found)?;
    (machine_of(volumes, first) == Some(arch.machine())).then_some(found)
}

fn find(volumes: &Volumes, arch: Arch) -> Found {
    flow::entries_of(volumes, arch, &|_| true)
}

/// The machine that an entry's kernel or program is made for, if it says so.
pub fn machine_of(volumes: &Volumes, entry: &entries::Entry) -> Option<Machine> {
    let (_, head, size) = open(volumes, entry.file()?)?;
    match kernel::kind(&head) {
        Kind::Pe | Kind::Zboot => Headers::parse(&head, size).ok().map(|headers| headers.machine()),
        Kind::LinuxImage(arch) => Some(arch.machine()),
        _ => None,
    }
}

/// The command line in a unified kernel image.
pub fn built_in_options(volumes: &Volumes, file: &File) -> Option<String> {
    let (node, head, size) = open(volumes, file)?;
    let headers = Headers::parse(&head, size).ok().filter(uki::is_uki)?;
    let place = uki::part(&headers, Part::Cmdline)?.data();
    let length = place.end.checked_sub(place.start).filter(|length| *length <= LONGEST_LINE)?;
    let mut text = vec![0; usize::try_from(length).ok()?];
    let length = node.read_at(place.start, &mut text).ok()?;
    uki::text(&text[..length]).ok().map(str::to_string)
}

/// A file, its first bytes, which hold its headers, and its size.
fn open<'v>(volumes: &'v Volumes, file: &File) -> Option<(Node<'v>, Vec<u8>, u64)> {
    let node = volumes.get(file.volume)?.open(&file.path).ok()?;
    let size = node.attr().ok()?.size;
    let mut head = vec![0; pe::HEAD_SIZE];
    let length = node.read_at(0, &mut head).ok()?;
    head.truncate(length);
    Some((node, head, size))
}
