// SPDX-License-Identifier: BSD-3-Clause
//! Records as lines of text, for files.

use std::fmt::{self, Display, Formatter, Write};

use filesystem::{FileType, Timestamp};

use super::Record;

/// Names of the kinds.
const KINDS: [(FileType, &str); 7] = [
    (FileType::File, "file"),
    (FileType::Directory, "directory"),
    (FileType::Symlink, "symlink"),
    (FileType::CharDevice, "char"),
    (FileType::BlockDevice, "block"),
    (FileType::Fifo, "fifo"),
    (FileType::Socket, "socket"),
];

/// Fields separated by tabs: path with a leading slash, kind, octal mode, owner, group, size, links, seconds,
/// nanoseconds, major, minor, target, SHA-256. Bytes that a line cannot hold are written as `%XX`.
impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (_, kind) = KINDS.iter().find(|(kind, _)| *kind == self.kind).ok_or(fmt::Error)?;
        let Self { mode, uid, gid, size, links, modified, device: (major, minor), .. } = self;
        let Timestamp { seconds, nanoseconds } = modified;
        write!(f, "/{}\t{kind}\t{mode:o}\t{uid}\t{gid}\t{size}\t{links}", quoted(&self.path))?;
        write!(f, "\t{seconds}\t{nanoseconds}\t{major}\t{minor}\t{}\t", quoted(&self.target))?;
        self.sha256.iter().flatten().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Records as text, a line each.
pub fn to_text(records: &[Record]) -> String {
    records.iter().fold(String::new(), |mut text, record| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{record}");
        text
    })
}

/// The records of a text.
///
/// # Panics
/// If a line is not a record; the message contains it.
pub fn from_text(text: &str) -> Vec<Record> {
    let record = |line| parse(line).unwrap_or_else(|| panic!("not a record: {line}"));
    text.lines().map(record).collect()
}

fn parse(line: &str) -> Option<Record> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [path, kind, mode, uid, gid, size, links, seconds, nanoseconds, major, minor, target, sum] =
        fields.try_into().ok()?;
    Some(Record {
        path: unquoted(path.strip_prefix('/')?)?,
        kind: KINDS.iter().find(|(_, name)| *name == kind)?.0,
        mode: u16::from_str_radix(mode, 8).ok()?,
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        size: size.parse().ok()?,
        links: links.parse().ok()?,
        modified: Timestamp { seconds: seconds.parse().ok()?, nanoseconds: nanoseconds.parse().ok()? },
        target: unquoted(target)?,
        device: (major.parse().ok()?, minor.parse().ok()?),
        sha256: if sum.is_empty() { None } else { Some(hex(sum.as_bytes())?.try_into().ok()?) },
    })
}

/// Bytes as they are written in a line of a manifest.
pub fn quoted(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let is_plain = byte.is_ascii_graphic() && *byte != b'%';
        // As above.
        let _ = if is_plain { text.write_char(char::from(*byte)) } else { write!(text, "%{byte:02x}") };
        text
    })
}

/// The inverse of [`quoted`]; `None` for an invalid text.
pub fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.as_bytes().split_at_checked(2)?;
        bytes.extend(hex(digits)?);
        bytes.extend(rest);
    }
    Some(bytes)
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| Some((value(*pair.first()?)? << 4 | value(*pair.get(1)?)?) as u8);
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tree, manifest};

    #[test]
    fn a_text_has_every_record_as_it_was() {
        let any: String = (1..=255u8).filter(|byte| *byte != b'/').map(char::from).collect();
        let tree = Tree::new()
            .file("/a/x", "bytes")
            .file(any.as_bytes(), "")
            .symlink("/l", "100% of\ttabs\n")
            .device("/disk", FileType::BlockDevice, (259, 60_000));
        let mut records = manifest::of(&tree).unwrap();
        records[1].modified = Timestamp { seconds: -2, nanoseconds: 999_999_999 };
        (records[1].mode, records[1].uid, records[1].size, records[1].links) = (0o7755, u32::MAX, 1 << 40, 3);
        let text = to_text(&records);
        assert_eq!(text.lines().count(), records.len());
        assert_eq!(manifest::diff(&from_text(&text), &records), [""; 0]);
    }

    #[test]
    fn a_line_that_is_no_record_is_shown() {
        let message = |text: &'static str| {
            *std::panic::catch_unwind(|| from_text(text)).unwrap_err().downcast::<String>().unwrap()
        };
        assert_eq!(message("/a\tfile"), "not a record: /a\tfile");
        let line = to_text(&manifest::of(&Tree::new()).unwrap());
        assert!(!line.contains("none"));
        assert!(line.starts_with("/\tdirectory\t755\t0\t0\t"), "{line}");
    }
}
