// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs`.

mod cat;
mod cp;
mod ls;
mod manifest;
mod stat;
mod tree;

use clap::Subcommand;
use filesystem::{Attr, Civil, FileType};

use crate::{
    failure::Stop,
    printer::{Printer, text},
};

/// Commands on files.
#[derive(Subcommand)]
pub enum Command {
    Ls(ls::Options),
    Tree(tree::Options),
    Stat(stat::Options),
    Cat(cat::Options),
    Cp(cp::Options),
    Manifest(manifest::Options),
}

impl Command {
    /// Runs the command.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        match self {
            Self::Ls(options) => options.run(printer),
            Self::Tree(options) => options.run(printer),
            Self::Stat(options) => options.run(printer),
            Self::Cat(options) => options.run(printer),
            Self::Cp(options) => options.run(printer),
            Self::Manifest(options) => options.run(printer),
        }
    }
}

/// `-rw-r--r--`
fn mode(attr: &Attr) -> String {
    let kind = match attr.kind {
        FileType::File => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
    };
    let mut shown = String::from(kind);
    // Set-user-id, set-group-id and sticky bit take the place of an x.
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = attr.mode >> shift;
        shown.push(if bits & 4 != 0 { 'r' } else { '-' });
        shown.push(if bits & 2 != 0 { 'w' } else { '-' });
        shown.push(match (attr.mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, false) => letter.to_ascii_uppercase(),
            (true, true) => letter,
        });
    }
    shown
}

/// `2025-10-09 08:53`, in UTC.
fn time(attr: &Attr) -> String {
    let Civil { year, month, day, hour, minute, .. } = attr.modified.into();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// A name, and the target of a symbolic link.
fn name(name: &[u8], target: Option<Vec<u8>>) -> String {
    match target {
        Some(target) => format!("{} -> {}", text(name), text(&target)),
        None => text(name),
    }
}

#[cfg(test)]
mod tests {
    use filesystem::Timestamp;

    use super::*;

    #[test]
    fn modes_are_those_of_ls() {
        let cases = [
            (FileType::File, 0o644, "-rw-r--r--"),
            (FileType::Directory, 0o1777, "drwxrwxrwt"),
            (FileType::File, 0o4755, "-rwsr-xr-x"),
            (FileType::Fifo, 0o2640, "prw-r-S---"),
        ];
        for (kind, mode, shown) in cases {
            let modified = Timestamp { seconds: 1_760_000_000, nanoseconds: 0 };
            let attr = Attr { kind, mode, uid: 0, gid: 0, size: 0, links: 1, modified, device: (0, 0) };
            assert_eq!(super::mode(&attr), shown);
            assert_eq!(time(&attr), "2025-10-09 08:53");
        }
    }
}
