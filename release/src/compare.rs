// SPDX-License-Identifier: BSD-3-Clause
//! Compares a folder that claims to be a release with a rebuilt one.

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::{self, BufReader, Read as _},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::sums::{self, Sums};

/// More files than any release has; a folder with more is refused.
const MOST: usize = 1000;
const BLOCK: usize = 1 << 16;

/// The result for one file.
#[derive(Debug, PartialEq)]
pub struct Line {
    name: String,
    verdict: Verdict,
    /// Whether it matches `SHA256SUMS`; true for files that are not listed there.
    is_summed: bool,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Same,
    /// Offset from 0; the length of the shorter file if one is a prefix of the other.
    Differs(u64),
    /// In the release, but not in the folder.
    Missing,
    /// In the folder or in its `SHA256SUMS`, but not in the release.
    Unknown,
    /// A folder, link or device.
    NotAFile,
}

impl Line {
    /// Whether the file is correct.
    pub fn is_good(&self) -> bool {
        self.verdict == Verdict::Same && self.is_summed
    }

    /// Whether it is a file of the release with other content.
    pub fn is_other(&self) -> bool {
        matches!(self.verdict, Verdict::Differs(_))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name.escape_debug())?;
        match self.verdict {
            Verdict::Same => f.write_str("same"),
            Verdict::Differs(at) => write!(f, "differs at byte {at}"),
            Verdict::Missing => f.write_str("missing"),
            Verdict::Unknown => f.write_str("unknown: not a file of this release"),
            Verdict::NotAFile => f.write_str("not a regular file"),
        }?;
        if self.is_summed { Ok(()) } else { f.write_str("; checksum mismatch with SHA256SUMS") }
    }
}

/// One line for each file of `dir`, of its `SHA256SUMS` and of `release`, in the order of their names.
///
/// # Errors
/// When a folder or a file cannot be read, or `SHA256SUMS` of `dir` is not one.
pub fn folders(dir: &Path, release: &Path) -> Result<Vec<Line>> {
    let sums = read_sums(dir)?;
    let ours = names(release)?;
    let theirs = names(dir)?;
    let all: BTreeSet<&String> = ours.iter().chain(&theirs).chain(sums.0.keys()).collect();
    let line = |name: &String| -> io::Result<Line> {
        let (verdict, sum) = if !theirs.contains(name) {
            (if ours.contains(name) { Verdict::Missing } else { Verdict::Unknown }, None)
        } else if !is_file(&dir.join(name)) {
            (Verdict::NotAFile, None)
        } else if ours.contains(name) {
            files(&dir.join(name), &release.join(name))?
        } else {
            (Verdict::Unknown, None)
        };
        let is_summed = match (sums.0.get(name), &sum) {
            (Some(said), Some(sum)) => said == sum,
            _ => true,
        };
        Ok(Line { name: name.clone(), verdict, is_summed })
    };
    all.into_iter().map(|name| line(name).with_context(|| dir.join(name).display().to_string())).collect()
}

fn read_sums(dir: &Path) -> Result<Sums> {
    let path = dir.join(sums::NAME);
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if !is_file(&path) {
            return Err(io::Error::other("missing, or not a regular file"));
        }
        fs::File::open(&path)?.take(sums::LONGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| path.display().to_string())?;
    ensure!(bytes.len() as u64 <= sums::LONGEST, "{}: longer than {} bytes", path.display(), sums::LONGEST);
    Sums::parse(&bytes).with_context(|| dir.display().to_string())
}

fn names(dir: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        // A name that is not UTF-8 is not in a release; its lossy form leads to no file.
        names.insert(entry?.file_name().to_string_lossy().into_owned());
        ensure!(
            names.len() <= MOST,
            "{}: more than {MOST} files: not the folder of a release",
            dir.display()
        );
    }
    Ok(names)
}

/// Whether it is a regular file, not a link, folder, pipe or device.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

/// Compares `a` with `b`; returns also the checksum of `a`.
fn files(a: &Path, b: &Path) -> io::Result<(Verdict, Option<String>)> {
    let (mut a, mut b) = (BufReader::new(fs::File::open(a)?), BufReader::new(fs::File::open(b)?));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut hash, mut place, mut verdict) = (Sha256::new(), 0, Verdict::Same);
    loop {
        ours.clear();
        theirs.clear();
        let read = a.by_ref().take(BLOCK as u64).read_to_end(&mut ours)?;
        b.by_ref().take(BLOCK as u64).read_to_end(&mut theirs)?;
        hash.update(&ours);
        if verdict == Verdict::Same && ours != theirs {
            let equal = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            verdict = Verdict::Differs(place + equal as u64);
        }
        place += read as u64;
        if read < BLOCK {
            return Ok((verdict, Some(sums::hex(&hash.finalize()))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use oracle::tools::work_dir;

    use super::*;

    /// A release of two files, and a copy of it.
    fn pair(name: &str) -> (PathBuf, PathBuf) {
        let dir = work_dir(name);
        let (copy, release) = (dir.join("copy"), dir.join("release"));
        let content: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
        let mut sums = Sums::default();
        for (name, bytes) in [("a.iso", &content[..]), ("b", b"b".as_slice())] {
            sums.0.insert(name.into(), sums::sha256(bytes));
        }
        for dir in [&copy, &release] {
            let _ = fs::remove_dir_all(dir);
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join("a.iso"), &content).unwrap();
            fs::write(dir.join("b"), "b").unwrap();
            fs::write(dir.join(sums::NAME), sums.text()).unwrap();
        }
        (copy, release)
    }

    fn shown(copy: &Path, release: &Path) -> Vec<String> {
        folders(copy, release).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_copy_is_the_same() {
        let (copy, release) = pair("same");
        assert_eq!(shown(&copy, &release), ["SHA256SUMS: same", "a.iso: same", "b: same"]);
        assert!(folders(&copy, &release).unwrap().iter().all(Line::is_good));
    }

    #[test]
    fn the_first_other_byte_is_named() {
        let (copy, release) = pair("other");
        let mut bytes = fs::read(copy.join("a.iso")).unwrap();
        bytes[BLOCK + 3] ^= 1;
        bytes[BLOCK + 9] ^= 1;
        fs::write(copy.join("a.iso"), &bytes).unwrap();
        fs::write(copy.join("b"), "bc").unwrap();
        let wrong = "; checksum mismatch with SHA256SUMS";
        assert_eq!(
            shown(&copy, &release),
            [
                "SHA256SUMS: same".to_owned(),
                format!("a.iso: differs at byte 65539{wrong}"),
                format!("b: differs at byte 1{wrong}")
            ]
        );
        fs::write(copy.join("b"), "").unwrap();
        assert!(shown(&copy, &release)[2].starts_with("b: differs at byte 0"));
    }

    #[test]
    fn a_block_more_or_less_is_a_difference() {
        let (copy, release) = pair("blocks");
        for (ours, theirs, place) in [(1, 2, 1), (2, 1, 1), (0, 1, 0), (2, 2, 3)] {
            fs::write(copy.join("b"), vec![7; ours * BLOCK]).unwrap();
            fs::write(release.join("b"), vec![7; theirs * BLOCK]).unwrap();
            let (verdict, sum) = files(&copy.join("b"), &release.join("b")).unwrap();
            let expected = if place == 3 { Verdict::Same } else { Verdict::Differs((place * BLOCK) as u64) };
            assert_eq!((verdict, sum.unwrap()), (expected, sums::sha256(&vec![7; ours * BLOCK])));
        }
    }

    #[test]
    fn missing_unknown_and_no_files_are_named() {
        let (copy, release) = pair("missing");
        fs::remove_file(copy.join("b")).unwrap();
        fs::write(copy.join("x\u{1b}[2J"), "").unwrap();
        fs::remove_file(copy.join("a.iso")).unwrap();
        std::os::unix::fs::symlink(release.join("a.iso"), copy.join("a.iso")).unwrap();
        let mut sums = Sums::parse(&fs::read(copy.join(sums::NAME)).unwrap()).unwrap();
        sums.0.insert("ghost".into(), "0".repeat(64));
        fs::write(copy.join(sums::NAME), sums.text()).unwrap();
        let lines = shown(&copy, &release);
        assert!(lines[0].starts_with("SHA256SUMS: differs at byte "), "{lines:?}");
        assert_eq!(
            lines[1..],
            [
                "a.iso: not a regular file",
                "b: missing",
                "ghost: unknown: not a file of this release",
                "x\\u{1b}[2J: unknown: not a file of this release",
            ]
        );
        assert_eq!(folders(&copy, &release).unwrap().iter().filter(|line| line.is_good()).count(), 0);
    }

    #[test]
    fn checksums_are_checked_even_where_the_file_is_right() {
        let (copy, release) = pair("sums");
        let text = fs::read_to_string(copy.join(sums::NAME)).unwrap();
        let other = text.replace(&text[..8], "00000000");
        for dir in [&copy, &release] {
            fs::write(dir.join(sums::NAME), &other).unwrap();
        }
        assert_eq!(shown(&copy, &release)[1], "a.iso: same; checksum mismatch with SHA256SUMS");
    }

    #[test]
    fn what_is_no_release_is_refused() {
        let (copy, release) = pair("refused");
        fs::write(copy.join(sums::NAME), format!("{}  ../b\n", "0".repeat(64))).unwrap();
        assert!(format!("{:#}", folders(&copy, &release).unwrap_err()).contains("SHA256SUMS:1: \"../b\""));
        fs::write(copy.join(sums::NAME), vec![b'0'; sums::LONGEST as usize + 1]).unwrap();
        assert!(folders(&copy, &release).unwrap_err().to_string().contains("longer than"));
        fs::remove_file(copy.join(sums::NAME)).unwrap();
        assert!(folders(&copy, &release).is_err());
        assert!(folders(&copy.join("nowhere"), &release).is_err());
    }
}
