// SPDX-License-Identifier: BSD-3-Clause
//! What readers other than Linux say about an image: GRUB and The Sleuth Kit.
//!
//! Neither replays a journal, so they are not asked about images with a power failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use filesystem::{FileSystem, FileType};
use serde::{Deserialize, Serialize};

use crate::{
    Tree,
    aged::Aged,
    manifest::{self, Record},
    tools,
};

/// Maximum number of files whose content is compared: each takes a process.
const CONTENTS: usize = 40;
/// Bytes to write at once; pieces of zeros become holes.
const PIECE: usize = 1 << 16;
/// Number of fields of a line of `fls -m`; the second one, the name, may contain the separator.
const FIELDS: usize = 11;
/// What The Sleuth Kit prints in place of control characters and invalid UTF-8.
const UNPRINTABLE: char = '^';
/// Start of a line about virtual entries, such as a folder for files without names.
const VIRTUAL: [&str; 2] = ["v/", "V/"];

/// A fault: the reader returns other bytes where the file has zeros.
pub const STALE: &str = "bytes in place of zeros";
/// A fault: the reader omits zeros at the end of the file.
pub const SHORT: &str = "zeros less at the end";

/// What one reader says about an image.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Opinion {
    /// Its name and version, as it prints them.
    pub reader: String,
    /// Number of files whose content was compared.
    pub files: usize,
    /// Number of files whose content is the same.
    pub agreed: usize,
    /// What it cannot read or reads differently, without duplicates.
    pub faults: Vec<Fault>,
}

/// A disagreement of a reader.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Fault {
    /// It refuses to read, with this message.
    Refused(String),
    /// It reads something else, described here.
    Differs(String),
}

impl Fault {
    /// The description.
    pub fn text(&self) -> &str {
        match self {
            Self::Refused(text) | Self::Differs(text) => text,
        }
    }
}

/// Whether GRUB read at least a third of the compared files of several images correctly; otherwise its agreement says
/// nothing.
pub fn says_something(opinions: &[Opinion]) -> bool {
    let grub = || opinions.iter().filter(|opinion| opinion.reader.contains("GRUB"));
    let (files, agreed) = (grub().map(|o| o.files).sum::<usize>(), grub().map(|o| o.agreed).sum::<usize>());
    println!("GRUB reads {agreed} files of {files}");
    agreed > 0 && 3 * agreed >= files
}

/// A known error of a reader.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The kind of image; empty for all kinds.
    pub kind: &'static str,
    /// A part of the reader's name.
    pub reader: &'static str,
    /// A part of the fault's text.
    pub words: &'static str,
    /// The reason: `reads no …`.
    pub why: &'static str,
}

/// The comparison with one reader.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Number of files whose content was compared.
    pub files: usize,
    /// Number of files whose content is the same.
    pub agreed: usize,
    /// Where it does not agree.
    pub faults: BTreeSet<Fault>,
}

impl Comparison {
    fn by(self, program: &str, option: &str) -> Opinion {
        let Self { files, agreed, faults } = self;
        let reader = tools::first_line(program, &[option]);
        Opinion { reader, files, agreed, faults: faults.into_iter().collect() }
    }

    fn refused(text: impl Into<String>) -> Self {
        Self { faults: [Fault::Refused(text.into())].into(), ..Self::default() }
    }

    /// Counts a file that was read correctly, or records the fault.
    fn count(&mut self, read: Result<(), Fault>) {
        self.files += 1;
        match read {
            Ok(()) => self.agreed += 1,
            Err(fault) => drop(self.faults.insert(fault)),
        }
    }
}

/// What GRUB and, for a filesystem that it supports, The Sleuth Kit say about an image; nothing after a power failure.
///
/// `volume` is the image, opened by a reader that agrees with the image's records. `sleuthkit` is The Sleuth Kit's name
/// of the filesystem, and the records with names as it shows them.
pub fn all<F: FileSystem>(aged: &Aged, volume: &F, sleuthkit: Option<(&str, &[Record])>) -> Vec<Opinion> {
    if aged.recipe.crash {
        return Vec::new();
    }
    let work = tools::work_dir(&format!("opinion-{}", aged.name));
    let disks = written(&work, aged);
    let mut opinions =
        vec![grub(&disks, &aged.records, |record| content(volume, record)).by("grub-fstest", "--version")];
    if let (Some((filesystem, records)), [disk]) = (sleuthkit, disks.as_slice()) {
        opinions.push(self::sleuthkit(filesystem, disk, records).by("fls", "-V"));
    }
    fs::remove_dir_all(&work).unwrap_or_else(|error| panic!("{}: {error}", work.display()));
    opinions
}

/// Writes the disks of an image to files.
fn written(work: &Path, aged: &Aged) -> Vec<PathBuf> {
    let write = |(number, disk): (usize, &[u8])| {
        let path = work.join(format!("disk{number}"));
        let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let pieces = disk.chunks(PIECE).enumerate().filter(|(_, piece)| piece.iter().any(|byte| *byte != 0));
        let mut result = file.set_len(disk.len() as u64);
        for (number, piece) in pieces {
            result = result.and_then(|()| file.write_all_at(piece, (number * PIECE) as u64));
        }
        result.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    };
    aged.disks().enumerate().map(write).collect()
}

/// A sample of the files with content, including the largest.
fn sample<'a>(records: &[&'a Record]) -> Vec<&'a Record> {
    let with_content = |record: &&&Record| record.sha256.is_some() && record.size > 0;
    let files: Vec<&Record> = records.iter().filter(with_content).copied().collect();
    let step = files.len().div_ceil(CONTENTS).max(1);
    let largest = files.iter().max_by_key(|record| record.size);
    files.iter().step_by(step).chain(largest).copied().collect()
}

/// The content of a file.
fn content<F: FileSystem>(volume: &F, record: &Record) -> Vec<u8> {
    let start = Ok(volume.root());
    let names = record.path.split(|byte| *byte == b'/');
    let node = names.fold(start, |node, name| volume.lookup(&node?, name));
    let mut bytes = vec![0; usize::try_from(record.size).expect("a file fits into memory")];
    let length = node.and_then(|node| volume.read_at(&node, 0, &mut bytes)).expect("it was read before");
    assert_eq!(length, bytes.len(), "/{}", record.path.escape_ascii());
    bytes
}

/// Whether bytes are those of the record.
fn is_same(record: &Record, bytes: &[u8]) -> bool {
    let records = manifest::of(&Tree::new().file("/x", bytes)).expect("a tree can be read");
    records.last().is_some_and(|found| found.sha256 == record.sha256)
}

/// Describes a difference in content: [`STALE`] and [`SHORT`] only if everything that is not zero is the same.
fn difference(found: &[u8], expected: &[u8]) -> String {
    let (length, is_zero) = (found.len(), |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0));
    let differing = || found.iter().zip(expected).filter(|(found, expected)| found != expected);
    match expected.split_at_checked(length) {
        Some((_, [])) if differing().all(|(_, expected)| *expected == 0) => {
            format!("{} {STALE}", differing().count())
        }
        Some((start, rest)) if start == found && is_zero(rest) => format!("{} {SHORT}", rest.len()),
        _ => format!("{length} other bytes"),
    }
}

/// Asks GRUB for the content of some files, and compares it with that of `content`.
pub fn grub(disks: &[PathBuf], records: &[Record], content: impl Fn(&Record) -> Vec<u8>) -> Comparison {
    let (records, mut asked) = (records.iter().collect::<Vec<_>>(), Comparison::default());
    for record in sample(&records) {
        let mut command = tools::command("grub-fstest");
        command.args(["-c", &disks.len().to_string()]).args(disks);
        command.arg("cat").arg(os([b"(loop0)/", record.path.as_slice()].concat()));
        let output = command.output().expect("grub-fstest is installed: this test needs it");
        let said = String::from_utf8_lossy(&output.stderr);
        let is_read = output.status.success() && said.is_empty();
        let differs = || differs(record, &difference(&output.stdout, &content(record)));
        asked.count(match is_read {
            true if is_same(record, &output.stdout) => Ok(()),
            true => Err(differs()),
            false => Err(grub_fault(record, &said)),
        });
    }
    asked
}

fn differs(record: &Record, how: &str) -> Fault {
    Fault::Differs(format!("/{}: {how}", record.path.escape_ascii()))
}

/// The fault for a message of GRUB: the end of `grub-fstest: error: cannot open ...: unknown filesystem.`
fn grub_fault(record: &Record, said: &str) -> Fault {
    let words = said.trim().rsplit(": ").next().unwrap_or_default().trim_end_matches('.');
    match words.starts_with("file `") {
        true => differs(record, "no such name"),
        false => Fault::Refused(words.into()),
    }
}

fn os(bytes: Vec<u8>) -> std::ffi::OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

/// A line of `fls`.
#[derive(Debug, Eq, PartialEq)]
struct Line {
    /// Path without a leading slash; for a link, followed by ` -> ` and the target.
    name: String,
    inode: String,
    kind: Option<FileType>,
    size: u64,
}

impl Line {
    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b'|').collect();
        let behind = fields.len().checked_sub(FIELDS - 2).filter(|behind| *behind >= 2)?;
        let name = fields[1..behind].join(&b'|');
        let text = |at: usize| std::str::from_utf8(fields[behind + at]).ok();
        let kind = match text(1)?.as_bytes().get(2)? {
            b'r' => Some(FileType::File),
            b'd' => Some(FileType::Directory),
            b'l' => Some(FileType::Symlink),
            b'p' => Some(FileType::Fifo),
            b'c' => Some(FileType::CharDevice),
            b'b' => Some(FileType::BlockDevice),
            b'h' | b's' => Some(FileType::Socket),
            _ => None,
        };
        let is_virtual = VIRTUAL.iter().any(|start| text(1).is_some_and(|mode| mode.starts_with(start)));
        (!is_virtual).then_some(())?;
        Some(Self {
            name: printable(name.strip_prefix(b"/")?),
            inode: text(0)?.into(),
            kind,
            size: text(4)?.parse().ok()?,
        })
    }
}

/// A name as printed by The Sleuth Kit.
fn printable(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.extend(chunk.valid().chars().map(|c| if c < ' ' { UNPRINTABLE } else { c }));
        text.extend(chunk.invalid().iter().map(|_| UNPRINTABLE));
    }
    text
}

/// Asks The Sleuth Kit for names, types and sizes (`fls`), and for the content of some files (`icat`).
///
/// Names that it prints identically are left out, and so are link targets that it does not print (ext4, in extents).
///
/// # Panics
/// If the image's path is not UTF-8.
pub fn sleuthkit(filesystem: &str, image: &Path, records: &[Record]) -> Comparison {
    let image = image.to_str().expect("paths of tests are text");
    let listed = tools::output("fls", &["-f", filesystem, "-u", "-r", "-p", "-m", "/", image]);
    if !listed.status.success() || !listed.stderr.is_empty() {
        return Comparison::refused(first_line(&listed.stderr));
    }
    let lines: Vec<Line> = listed.stdout.split(|byte| *byte == b'\n').filter_map(Line::parse).collect();
    let found = by_name(lines.iter().map(|line| (line.name.clone(), line)));
    let expected = by_name(records.iter().filter(|record| !record.path.is_empty()).map(|record| {
        let target = [b" -> ", record.target.as_slice()].concat();
        let name = printable(&record.path);
        let link = name.clone() + &printable(&target);
        (if record.kind == FileType::Symlink && found.contains_key(&link) { link } else { name }, record)
    }));
    let differences = differences(&found, &expected);
    let mut asked = Comparison::default();
    asked.faults.extend(
        differences
            .first()
            .map(|first| Fault::Differs(format!("{} differences: {first}", differences.len()))),
    );
    let alone: Vec<&Record> =
        expected.values().filter(|records| records.len() == 1).flatten().copied().collect();
    for record in sample(&alone) {
        let Some([line]) = found.get(&printable(&record.path)).map(Vec::as_slice) else { continue };
        let read = tools::output("icat", &["-f", filesystem, image, &line.inode]);
        let is_read = read.status.success() && read.stderr.is_empty();
        let said = first_line(&read.stderr);
        asked.count(match is_read {
            true if is_same(record, &read.stdout) => Ok(()),
            true => Err(differs(record, &format!("{} other bytes", read.stdout.len()))),
            false => Err(Fault::Refused(said)),
        });
    }
    asked
}

fn first_line(said: &[u8]) -> String {
    String::from_utf8_lossy(said).lines().next().unwrap_or_default().trim().into()
}

/// Names that only one side has, and names with different types or sizes.
fn differences(found: &Names<Line>, expected: &Names<Record>) -> Vec<String> {
    let only_there = found.keys().filter(|name| !expected.contains_key(*name));
    let mut differences: Vec<String> = only_there.map(|name| format!("{name}: only there")).collect();
    for (name, records) in expected {
        let [record] = records.as_slice() else { continue };
        match found.get(name).map(Vec::as_slice) {
            None => differences.push(format!("{name}: not there")),
            Some([line]) if line.kind != Some(record.kind) => {
                differences.push(format!("{name}: {:?} in place of {:?}", line.kind, record.kind));
            }
            Some([line]) if record.kind == FileType::File && line.size != record.size => {
                differences.push(format!("{name}: {} bytes in place of {}", line.size, record.size));
            }
            Some(_) => {}
        }
    }
    differences
}

/// Items by their printed names.
type Names<'a, T> = BTreeMap<String, Vec<&'a T>>;

fn by_name<'a, T>(items: impl Iterator<Item = (String, &'a T)>) -> Names<'a, T> {
    let mut names = Names::new();
    items.for_each(|(name, item)| names.entry(name).or_default().push(item));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_fls_are_read_from_their_ends() {
        let line = Line::parse("0|/a|b^ü|12|r/rrwxrwxrwx|0|0|532|1|2|3|4".as_bytes());
        let expected =
            Line { name: "a|b^ü".into(), inode: "12".into(), kind: Some(FileType::File), size: 532 };
        assert_eq!(line, Some(expected));
        assert_eq!(Line::parse(b"0|/$OrphanFiles|9|V/V---------|0|0|0|0|0|0|0"), None);
        assert_eq!(Line::parse(b"0|/a|9"), None);
    }

    #[test]
    fn names_are_compared_as_they_are_printed() {
        assert_eq!(printable(b"a\n\x7f\xff\xc3\xbc\xf0\x9f\x98"), "a^\x7f^ü^^^");
    }

    #[test]
    fn a_reader_that_reads_next_to_nothing_says_nothing() {
        let opinion =
            |reader: &str, files, agreed| Opinion { reader: reader.into(), files, agreed, faults: vec![] };
        assert!(says_something(&[opinion("GRUB 2", 40, 0), opinion("GRUB 2", 20, 20), opinion("fls", 9, 0)]));
        for opinions in [vec![], vec![opinion("GRUB 2", 40, 13)], vec![opinion("fls", 9, 9)]] {
            assert!(!says_something(&opinions), "{opinions:?}");
        }
    }

    #[test]
    fn only_zeros_may_be_stale_or_missing() {
        let expected = b"ab\0\0cd\0\0";
        for (found, how) in [
            (&b"abxycd\0z"[..], "3 bytes in place of zeros"),
            (b"ab\0\0cd", "2 zeros less at the end"),
            (b"", "0 other bytes"),
            (b"ab\0\0c", "5 other bytes"),
            (b"abx\0cd", "6 other bytes"),
            (b"abxycD\0\0", "8 other bytes"),
            (b"ab\0\0cd\0\0\0", "9 other bytes"),
        ] {
            assert_eq!(difference(found, expected), how, "{found:?}");
        }
    }

    /// Made by the real mke2fs, and one byte of a file changed.
    #[test]
    fn a_byte_and_a_name_make_a_difference() {
        let work = tools::work_dir("opinion");
        let (source, image) = (work.join("source"), work.join("image"));
        fs::create_dir(&source).unwrap();
        fs::write(source.join("file"), "content of the file".repeat(100)).unwrap();
        std::os::unix::fs::symlink("file", source.join("link")).unwrap();
        let paths = [source.to_str().unwrap(), image.to_str().unwrap()];
        tools::run("mke2fs", &["-q", "-t", "ext2", "-d", paths[0], paths[1], "1M"]);
        let mut records = manifest::of_directory(&source).unwrap();
        let lost = Record { path: b"lost+found".into(), kind: FileType::Directory, ..records[0].clone() };
        records.push(lost);
        let disks = [image.clone()];
        let content = |record: &Record| fs::read(source.join(os(record.path.clone()))).unwrap();
        let grub = |records: &[Record]| grub(&disks, records, content);
        let agree = Comparison { files: 2, agreed: 2, faults: BTreeSet::new() };
        assert_eq!(sleuthkit("ext2", &image, &records), agree);
        assert_eq!(grub(&records), agree);
        let fault = |asked: &Comparison| asked.faults.first().unwrap().clone();
        let other = sleuthkit("fat", &image, &records);
        assert!(matches!(fault(&other), Fault::Refused(said) if said.contains("FAT")), "{other:?}");
        let mut others = records.clone();
        let link = others.iter_mut().find(|record| record.path == b"link").unwrap();
        link.target = b"other".into();
        let said = Fault::Differs("2 differences: link -> file: only there".into());
        assert_eq!(fault(&sleuthkit("ext2", &image, &others)), said);
        let file = others.iter_mut().find(|record| record.path == b"file").unwrap();
        file.path = b"files".into();
        assert_eq!(fault(&grub(&others)), Fault::Differs("/files: no such name".into()));
        let mut bytes = fs::read(&image).unwrap();
        let at = bytes.windows(19).position(|bytes| bytes == b"content of the file").unwrap();
        bytes[at] = b'C';
        fs::write(&image, bytes).unwrap();
        let differs = [Fault::Differs("/file: 1900 other bytes".into())].into();
        let other = Comparison { files: 2, agreed: 0, faults: differs };
        assert_eq!(sleuthkit("ext2", &image, &records), other);
        assert_eq!(grub(&records), other);
        fs::write(&image, vec![0; 1 << 20]).unwrap();
        let words = grub(&records).faults;
        assert_eq!(words, [Fault::Refused("unknown filesystem".into())].into());
    }
}
