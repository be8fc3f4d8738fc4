// SPDX-License-Identifier: BSD-3-Clause
//! Which machine an image is for.

use clap::ValueEnum;
use entries::{File, Found};
use image::{
    Machine,
    kernel::{self, Kind},
    pe::{self, Headers, Pe},
    uki::{self, Part},
};
use vfs::{Node, Volume, Volumes};

/// Bytes of a program that may be a loader of ours.
const LARGEST_LOADER: u64 = 8 << 20;
/// Bytes of a command line.
const LONGEST_LINE: u64 = 64 << 10;

/// Architectures that the loader exists for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
    #[value(name = "riscv64")]
    Riscv64,
    #[value(name = "loongarch64")]
    LoongArch64,
}

impl Arch {
    fn machine(self) -> Machine {
        match self {
            Self::X86_64 => Machine::X86_64,
            Self::Aarch64 => Machine::AARCH64,
            Self::Riscv64 => Machine::RISCV64,
            Self::LoongArch64 => Machine::LOONGARCH64,
        }
    }
}

/// The entries, as the loader of an architecture finds them: without one, that for which the entry is that this
/// loader would boot; x86_64 where no kernel says what it is for.
pub fn discover(volumes: &Volumes, arch: Option<Arch>) -> (Machine, Found) {
    let find = |machine| entries::discover(volumes, flow::arch(machine), &is_loader);
    if let Some(arch) = arch {
        return (arch.machine(), find(arch.machine()));
    }
    for machine in Arch::value_variants().iter().map(|arch| arch.machine()) {
        let found = find(machine);
        let first = flow::choose(&found.entries, None, None).ok().and_then(|chosen| chosen.first().copied());
        if first.and_then(|entry| machine_of(volumes, entry)) == Some(machine) {
            return (machine, found);
        }
    }
    (Machine::X86_64, find(Machine::X86_64))
}

/// The machine that an entry's kernel or program is for; none where it does not say.
pub fn machine_of(volumes: &Volumes, entry: &entries::Entry) -> Option<Machine> {
    let (_, head, size) = open(volumes, entry.file())?;
    match kernel::kind(&head) {
        Kind::Pe | Kind::Zboot => Headers::parse(&head, size).ok().map(|headers| headers.machine()),
        Kind::LinuxImage(machine) => Some(machine),
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

/// A file, what its headers are in, and its size.
fn open<'v>(volumes: &'v Volumes, file: &File) -> Option<(Node<'v>, Vec<u8>, u64)> {
    let node = volumes.get(file.volume)?.open(&file.path).ok()?;
    let size = node.attr().ok()?.size;
    let mut head = vec![0; pe::HEAD_SIZE];
    let length = node.read_at(0, &mut head).ok()?;
    head.truncate(length);
    Some((node, head, size))
}

/// Whether a program is a loader of ours: the one that boots does not offer itself.
fn is_loader(volume: &Volume, path: &str) -> bool {
    let Ok(bytes) = volume.read(path.as_bytes(), LARGEST_LOADER) else { return false };
    let section = Pe::parse(&bytes).ok().and_then(|pe| pe.section(Part::Sbat.name()));
    section.is_some_and(|text| text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"cloud-boot,")))
}
