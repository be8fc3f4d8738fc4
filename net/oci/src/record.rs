// SPDX-License-Identifier: BSD-3-Clause
//! Recorded answers of a registry, as a file: documents, lists of referrers and signatures, so that the same requests
//! can be answered without a network.
//!
//! The file is a line with its name, then each answer: a line `LENGTH PATH TYPE`, as many bytes, and a line feed. A
//! path is relative to the repository, as in `manifests/1`. Parts of an artifact are not in it.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::cell::RefCell;

use dial::Dial;

use crate::Client;

/// The first line of the file.
const NAME: &[u8] = b"cloud-boot record 1\n";
/// The longest line in bytes. A path has a tag or a digest.
const LONGEST_LINE: usize = 512;
/// The longest media type that is kept; a longer one is meaningless.
const LONGEST_TYPE: usize = 255;
/// The most answers: more than the documents and signatures of any artifact.
const MOST_ANSWERS: usize = 256;

/// One answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The requested path: `manifests/TAG`, `manifests/DIGEST`, `referrers/DIGEST`, `blobs/DIGEST`.
    pub path: String,
    /// The media type that the registry gave; may be empty.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The recorded answers of a registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    answers: Vec<Answer>,
    is_whole: bool,
}

impl Default for Record {
    fn default() -> Self {
        Self { answers: Vec::new(), is_whole: true }
    }
}

impl Record {
    /// The largest record in bytes.
    pub const LARGEST: usize = 8 << 20;

    /// Parses a record.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        // Cannot saturate: `rest` is an end of `bytes`.
        let at = |rest: &[u8]| bytes.len().saturating_sub(rest.len());
        if bytes.len() > Self::LARGEST {
            return Err(format!("{} bytes, at most {} are allowed", bytes.len(), Self::LARGEST));
        }
        let mut rest = bytes.strip_prefix(NAME).ok_or("not a record of a registry's answers")?;
        let mut record = Self::default();
        while !rest.is_empty() {
            let start = at(rest);
            let failed = || format!("malformed answer at byte {start}");
            let (answer, behind) = answer(rest).ok_or_else(failed)?;
            if record.answers.len() >= MOST_ANSWERS || record.answer(&answer.path).is_some() {
                return Err(failed());
            }
            record.answers.push(answer);
            rest = behind;
        }
        Ok(record)
    }

    /// The file; `None` if an answer is missing because it was too large.
    pub fn emit(&self) -> Option<Vec<u8>> {
        if !self.is_whole {
            return None;
        }
        let mut file = NAME.to_vec();
        for Answer { path, media_type, bytes } in &self.answers {
            file.extend_from_slice(format!("{} {path} {media_type}\n", bytes.len()).as_bytes());
            file.extend_from_slice(bytes);
            file.push(b'\n');
        }
        (file.len() <= Self::LARGEST).then_some(file)
    }

    /// The answer to a path.
    pub fn answer(&self, path: &str) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.path == path)
    }

    /// Adds an answer, or replaces the earlier one to the same path.
    pub(crate) fn add(&mut self, path: &str, media_type: &str, bytes: &[u8]) {
        self.answers.retain(|answer| answer.path != path);
        let is_text = media_type.len() <= LONGEST_TYPE && !media_type.chars().any(char::is_control);
        let media_type = if is_text { media_type.trim().to_string() } else { String::new() };
        let answer = Answer { path: path.into(), media_type, bytes: bytes.to_vec() };
        // Cannot saturate: all of them are in memory.
        let used = self.answers.iter().map(|answer| answer.bytes.len()).fold(0, usize::saturating_add);
        let is_room = used.saturating_add(bytes.len()) <= Self::LARGEST;
        self.is_whole &= is_room && self.answers.len() < MOST_ANSWERS && is_path(path);
        if self.is_whole {
            self.answers.push(answer);
        }
    }
}

impl<D: Dial> Client<D> {
    /// Makes the client record answers of registries: documents, lists of referrers, and the blobs of
    /// [`blob`](Self::blob).
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.record = Some(RefCell::default());
        self
    }

    /// The recorded answers.
    pub fn into_record(self) -> Option<Record> {
        self.record.map(RefCell::into_inner)
    }

    /// Records an answer.
    pub(crate) fn note(&self, path: &str, media_type: &str, bytes: &[u8]) {
        if let Some(record) = &self.record {
            record.borrow_mut().add(path, media_type, bytes);
        }
    }
}

/// The first answer, and the bytes after it.
fn answer(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let end = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let mut words = core::str::from_utf8(line).ok()?.splitn(3, ' ');
    let (length, path, media_type) = (words.next()?, words.next()?, words.next()?);
    // Each number has only one form, so that each record has only one file.
    let length: usize = length.parse().ok().filter(|number: &usize| number.to_string() == length)?;
    let is_type = media_type.trim() == media_type
        && media_type.len() <= LONGEST_TYPE
        && !media_type.contains(char::is_control);
    let (content, behind) = rest.strip_prefix(b"\n")?.split_at_checked(length)?;
    let answer = Answer { path: path.into(), media_type: media_type.into(), bytes: content.to_vec() };
    let behind = behind.strip_prefix(b"\n")?;
    (is_path(path) && is_type).then_some((answer, behind))
}

/// Whether a path can be part of a line of the file, and of an HTTP request line.
fn is_path(path: &str) -> bool {
    (1..=200).contains(&path.len()) && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn record() -> Record {
        let mut record = Record::default();
        record.add("manifests/1", "application/vnd.oci.image.index.v1+json; a=b", b"{}");
        record.add("blobs/sha256:00", "", b"a\nb");
        record
    }

    #[test]
    fn a_record_is_what_was_emitted() {
        let file = record().emit().unwrap();
        let text = "cloud-boot record 1\n2 manifests/1 application/vnd.oci.image.index.v1+json; a=b\n{}\n\
                    3 blobs/sha256:00 \na\nb\n";
        assert_eq!(core::str::from_utf8(&file).unwrap(), text);
        let read = Record::parse(&file).unwrap();
        assert_eq!(read, record());
        assert_eq!(read.answer("blobs/sha256:00").unwrap().bytes, b"a\nb");
        assert_eq!(read.answer("manifests/2"), None);
    }

    #[test]
    fn the_last_answer_to_a_path_counts() {
        let mut record = record();
        record.add("manifests/1", "x/y", b"new");
        record.add("manifests/1", "x/\ny", b"newest");
        let answer = record.answer("manifests/1").unwrap();
        assert_eq!((answer.bytes.as_slice(), answer.media_type.as_str()), (&b"newest"[..], ""));
        assert_eq!(Record::parse(&record.emit().unwrap()).unwrap(), record);
    }

    #[test]
    fn what_is_too_large_leaves_nothing_to_emit() {
        let mut record = record();
        record.add("blobs/x", "", &vec![0; Record::LARGEST]);
        assert_eq!(record.emit(), None);
        let mut record = Record::default();
        (0..=MOST_ANSWERS).for_each(|number| record.add(&format!("blobs/{number}"), "", b""));
        assert_eq!(record.emit(), None);
        let mut record = Record::default();
        record.add("blobs/a b", "", b"");
        assert_eq!(record.emit(), None);
    }

    #[test]
    fn parse_refuses_what_is_malformed() {
        let with = |text: &str| [NAME, text.as_bytes()].concat();
        for (text, at) in [
            ("x", 20),
            ("1 a b\nx", 20),
            ("01 a b\nx\n", 20),
            ("+1 a b\nx\n", 20),
            ("1 a\nx\n", 20),
            ("1  b\nx\n", 20),
            ("1 a  b\nx\n", 20),
            ("2 a b\nx\n", 20),
            ("1 a b\nx\n1 a b\nx\n", 28),
            ("99999999999999999999 a b\nx\n", 20),
        ] {
            assert_eq!(Record::parse(&with(text)), Err(format!("malformed answer at byte {at}")), "{text}");
        }
        assert!(Record::parse(&with(&format!("1 a {}\nx\n", "b".repeat(600)))).is_err());
        assert!(Record::parse(b"").is_err() && Record::parse(b"cloud-boot record 2\n").is_err());
        assert!(Record::parse(&vec![b' '; Record::LARGEST + 1]).unwrap_err().contains("at most"));
    }
}
