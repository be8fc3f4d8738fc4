// SPDX-License-Identifier: BSD-3-Clause
//! What the parts of a boot artifact are.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

use artifact::types::KINDS;
use image::{
    Compression,
    kernel::{self, Kind},
};

/// Most bytes that are unpacked to recognize the content.
const LIMIT: u64 = 1 << 30;
/// The longest text that is taken for a command line.
const LONGEST_LINE: usize = 4096;

/// A file and its kind, if given: `FILE` or `FILE:KIND`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PartFile {
    /// The file.
    pub path: PathBuf,
    /// Its media type.
    pub media_type: Option<String>,
}

impl PartFile {
    /// Parses it; a colon that is followed by neither a kind nor a media type belongs to the file's name.
    pub fn parse(text: &OsStr) -> Self {
        let whole = Self { path: text.into(), media_type: None };
        let bytes = text.as_bytes();
        let Some(colon) = bytes.iter().rposition(|byte| *byte == b':') else { return whole };
        let (path, suffix) =
            (OsStr::from_bytes(&bytes[..colon]), String::from_utf8_lossy(&bytes[colon + 1..]));
        let media_type = match KINDS.iter().find(|kind| kind.name == suffix) {
            Some(kind) => kind.media_type,
            None if suffix.starts_with("application/") => &suffix,
            None => return whole,
        };
        Self { path: path.into(), media_type: Some(media_type.into()) }
    }
}

/// Whether a file with this start must be unpacked to be recognized.
pub fn is_packed(head: &[u8]) -> bool {
    matches!(kernel::kind(head), Kind::Compressed(_))
}

/// The media type of a file by its content; none if it is not recognized.
pub fn of_content(content: &[u8]) -> Option<&'static str> {
    let name = match kernel::kind(content) {
        Kind::Compressed(compression) => of_packed(compression, content)?,
        kind => of_kind(kind, content)?,
    };
    KINDS.iter().find(|kind| kind.name == name).map(|kind| kind.media_type)
}

fn of_packed(compression: Compression, content: &[u8]) -> Option<&'static str> {
    let unpacked = compression.unpack(content, None, LIMIT).ok()?;
    match of_kind(kernel::kind(&unpacked), &unpacked)? {
        name @ ("kernel" | "initrd") => Some(name),
        _ => None,
    }
}

fn of_kind(kind: Kind, content: &[u8]) -> Option<&'static str> {
    match kind {
        Kind::Pe | Kind::Zboot | Kind::LinuxImage(_) => return Some("kernel"),
        Kind::Compressed(_) | Kind::Elf => return None,
        Kind::Unknown => {}
    }
    // The two forms of cpio that Linux unpacks.
    if content.starts_with(b"070701") || content.starts_with(b"070702") {
        return Some("initrd");
    }
    let text = std::str::from_utf8(content).ok()?;
    if text.lines().any(|line| line.trim_start().starts_with("target \"")) {
        return Some("plan");
    }
    let is_line = !text.trim().is_empty() && text.trim_end().len() <= LONGEST_LINE;
    let is_plain = !text.trim_end().chars().any(char::is_control);
    (is_line && is_plain).then_some("cmdline")
}

/// The default file name of a part: its kind.
pub fn name_of(media_type: &str) -> Option<&'static str> {
    KINDS.iter().find(|kind| kind.media_type == media_type).map(|kind| kind.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_be_said() {
        let said = |text: &str| {
            let said = PartFile::parse(text.as_ref());
            (said.path.to_string_lossy().into_owned(), said.media_type)
        };
        assert_eq!(said("a:initrd"), ("a".into(), Some(KINDS[1].media_type.into())));
        assert_eq!(said("a:b:application/x"), ("a:b".into(), Some("application/x".into())));
        assert_eq!(said("a:b"), ("a:b".into(), None));
        assert_eq!(said("a"), ("a".into(), None));
    }

    #[test]
    fn content_says_what_it_is() {
        let mut bzimage = vec![0; 4096];
        bzimage[0x1fe..0x200].copy_from_slice(b"\x55\xaa");
        bzimage[0x202..0x206].copy_from_slice(b"HdrS");
        for (content, expected) in [
            (&bzimage[..], Some(KINDS[0].media_type)),
            (b"070701000", Some(KINDS[1].media_type)),
            (b"root=/dev/vda1 quiet\n", Some(KINDS[2].media_type)),
            (b"# plan\ntarget \"a\" {\n}\n", Some(KINDS[6].media_type)),
            (b"two\nlines\n", None),
            (b"\x7fELF", None),
            (b"\n", None),
            (b"\xff\xfe", None),
        ] {
            assert_eq!(of_content(content), expected);
        }
    }
}
