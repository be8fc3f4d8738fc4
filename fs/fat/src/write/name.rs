// SPDX-License-Identifier: BSD-3-Clause
//! Valid names, and the short names (aliases) of long ones.
//!
//! Source: FAT specification 1.03, "The Basis-Name Generation Algorithm", "The Numeric-Tail Generation
//! Algorithm".

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use super::Error;

/// Maximum length of a name in UTF-16 units.
const LONGEST_NAME: usize = 255;
/// Signs allowed in short names, besides upper-case letters and digits.
const SIGNS: &[u8] = b"$%'-_@~`!(){}^#&";
/// Largest numeric tail: `~999999` leaves one character of the name.
const LAST_TAIL: u32 = 999_999;

/// Whether FAT can hold the name.
pub fn is_name(name: &str) -> bool {
    let is_sign = |c: char| c < ' ' || c == '\u{7f}' || "\"*/:<>?\\|".contains(c);
    !name.is_empty()
        && !name.ends_with(['.', ' '])
        && !name.starts_with(' ')
        && !name.contains(is_sign)
        && name.encode_utf16().count() <= LONGEST_NAME
}

/// The label, padded; `None` if it is empty.
pub fn label(label: &str) -> Result<Option<[u8; 11]>, Error> {
    let is_allowed = |byte: &u8| *byte == b' ' || is_short_byte(*byte);
    let bytes = label.as_bytes();
    if bytes.len() > 11 || !bytes.iter().all(is_allowed) || bytes.starts_with(b" ") {
        return Err(Error::Label { label: label.into() });
    }
    Ok((!label.is_empty()).then(|| padded(bytes, b"")).map(|mut padded| {
        // A label has no dot: it uses all eleven bytes.
        padded.fill(b' ');
        padded.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        padded
    }))
}

/// The name as a short name, if it is a valid one as it is: then no long name is needed.
pub fn as_short(name: &str) -> Option<[u8; 11]> {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let is_part = |part: &str, longest: usize| part.len() <= longest && part.bytes().all(is_short_byte);
    let is_short = !base.is_empty() && is_part(base, 8) && is_part(extension, 3);
    is_short.then(|| padded(base.as_bytes(), extension.as_bytes()))
}

/// The short names of one directory.
#[derive(Debug, Default)]
pub struct ShortNames {
    taken: BTreeSet<[u8; 11]>,
    /// The numeric tail to try next, by the six bytes before it and the extension: without this cache, a directory of
    /// similar names would take quadratic time.
    next: BTreeMap<[u8; 11], u32>,
}

impl ShortNames {
    /// Reserves all names that are valid short names, which no alias may take.
    pub fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self { taken: names.filter_map(as_short).collect(), next: BTreeMap::new() }
    }

    /// Reserves an existing short name.
    pub fn take(&mut self, short: [u8; 11]) {
        self.taken.insert(short);
    }

    /// Releases a short name.
    pub fn give_back(&mut self, short: &[u8; 11]) {
        self.taken.remove(short);
    }

    /// A new short name for a long one; `None` if all are taken.
    pub fn alias(&mut self, name: &str) -> Option<[u8; 11]> {
        let trimmed = name.trim_start_matches('.');
        let (base, extension) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
        let (base, mut extension) = (short_bytes(base), short_bytes(extension));
        extension.truncate(3);
        let start = base.get(..6).unwrap_or(&base);
        let next = self.next.entry(padded(start, &extension)).or_insert(1);
        (*next..=LAST_TAIL).find_map(|number| {
            // Cannot saturate: it is at most LAST_TAIL. A tail has at most 7 bytes.
            *next = number.saturating_add(1);
            let tail = format!("~{number}");
            let mut short = base.clone();
            short.truncate(8usize.saturating_sub(tail.len()));
            short.extend_from_slice(tail.as_bytes());
            let short = padded(&short, &extension);
            self.taken.insert(short).then_some(short)
        })
    }
}

/// The UTF-16 units of a name.
pub fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

/// Joins two parts of a path.
pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.into() } else { format!("{directory}/{name}") }
}

fn short_bytes(part: &str) -> Vec<u8> {
    let kept = part.chars().filter(|c| !matches!(c, ' ' | '.')).take(8);
    let byte = |c: char| u8::try_from(c.to_ascii_uppercase()).ok().filter(|byte| is_short_byte(*byte));
    kept.map(|c| byte(c).unwrap_or(b'_')).collect()
}

fn is_short_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || SIGNS.contains(&byte)
}

fn padded(base: &[u8], extension: &[u8]) -> [u8; 11] {
    let mut name = [b' '; 11];
    let (first, last) = name.split_at_mut_checked(8).unwrap_or_default();
    first.iter_mut().zip(base).for_each(|(place, byte)| *place = *byte);
    last.iter_mut().zip(extension).for_each(|(place, byte)| *place = *byte);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_upper_case_8_3_needs_no_long_name() {
        assert_eq!(as_short("BOOTX64.EFI"), Some(*b"BOOTX64 EFI"));
        assert_eq!(as_short("EFI"), Some(*b"EFI        "));
        for name in ["bootx64.efi", "BOOTRISCV64.EFI", "A.B.C", "A.LONG", ".A", "A B", "Ä"] {
            assert_eq!(as_short(name), None, "{name}");
        }
    }

    #[test]
    fn aliases_differ() {
        let mut names = ShortNames::of(["BOOTRI~1.EFI", "long name"].into_iter());
        for (name, short) in [
            ("BOOTRISCV64.EFI", b"BOOTRI~2EFI"),
            ("bootriscv64.efi2", b"BOOTRI~3EFI"),
            (".bashrc", b"BASHRC~1   "),
            ("a b.c.tar.gz", b"ABCTAR~1GZ "),
            ("ä+x.txt", b"__X~1   TXT"),
            ("...", b"~1         "),
        ] {
            assert_eq!(names.alias(name).as_ref(), Some(short), "{name}");
        }
    }

    #[test]
    fn tails_grow_into_the_base() {
        let mut names = ShortNames::default();
        let last = (0..12).map(|i| names.alias(&format!("same name {i}")).unwrap()).last();
        assert_eq!(last, Some(*b"SAMEN~12   "));
    }

    #[test]
    fn names_that_fat_cannot_hold() {
        let longest = "x".repeat(255);
        assert!(is_name(&longest) && is_name("ä ü.txt") && is_name(".x") && is_name("a+b"));
        let too_long = "x".repeat(256);
        for name in ["", ".", "..", "a.", "a ", " a", "a/b", "a\\b", "a:b", "a\u{1}", "a?", &too_long] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn labels() {
        assert_eq!(label(""), Ok(None));
        assert_eq!(label("CLOUD-BOOT"), Ok(Some(*b"CLOUD-BOOT ")));
        assert_eq!(label("A B"), Ok(Some(*b"A B        ")));
        for wrong in ["lower", "TWELVE CHARS", " A", "A.B"] {
            assert!(label(wrong).is_err(), "{wrong}");
        }
    }
}
