// SPDX-License-Identifier: BSD-3-Clause
//! Short and long names, and their comparison.

use alloc::{string::String, vec::Vec};

/// `DIR_NTRes`: the base of a short name is in lower case.
const LOWER_BASE: u8 = 0x08;
/// `DIR_NTRes`: the extension is in lower case.
const LOWER_EXTENSION: u8 = 0x10;
/// Stored in place of a first byte 0xe5, which would mark a free entry.
const KANJI_E5: u8 = 0x05;
/// The upper half of code page 437, the encoding of short names.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                             └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// An 8.3 name, padded with spaces, and its `DIR_NTRes`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ShortName {
    pub bytes: [u8; 11],
    pub nt_res: u8,
}

impl ShortName {
    /// The characters as people read them: `Readme.txt`, `BOOT`.
    pub fn chars(&self) -> impl Iterator<Item = char> + '_ {
        let (base, extension) = self.bytes.split_at_checked(8).unwrap_or_default();
        let (base, extension) = (base.trim_ascii_end(), extension.trim_ascii_end());
        let dot = if extension.is_empty() { None } else { Some('.') };
        let part = |bytes: &'_ [u8], lower: u8| -> Vec<char> {
            let is_lower = self.nt_res & lower != 0;
            let case = |c: char| if is_lower { c.to_ascii_lowercase() } else { c };
            bytes.iter().map(|byte| case(decode(*byte))).collect()
        };
        let mut base = part(base, LOWER_BASE);
        if let Some(first) = base.first_mut()
            && *first == decode(KANJI_E5)
        {
            *first = decode(0xe5);
        }
        base.into_iter().chain(dot).chain(part(extension, LOWER_EXTENSION))
    }

    /// The checksum that ties the parts of a long name to this short name.
    ///
    /// Source: FAT specification 1.03, `ChkSum()`.
    pub fn checksum(&self) -> u8 {
        self.bytes.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
    }
}

/// The characters of a long name; an unpaired surrogate becomes U+FFFD.
pub fn long_chars(units: &[u16]) -> impl Iterator<Item = char> + '_ {
    char::decode_utf16(units.iter().copied()).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Whether two names are equal without regard to case.
pub fn is_same(name: impl Iterator<Item = char>, wanted: &str) -> bool {
    name.map(fold).eq(wanted.chars().map(fold))
}

/// A name in case-folded form, for comparison.
pub fn folded(name: &str) -> String {
    name.chars().map(fold).collect()
}

/// A character in upper case, for alphabets whose cases have a fixed distance in Unicode: ASCII, Latin-1,
/// Latin Extended-A, Greek without accents, Cyrillic. Others compare as they are.
fn fold(c: char) -> char {
    let code = u32::from(c);
    // Cannot saturate: each letter's code is greater than what is subtracted.
    let upper = match c {
        'a'..='z' | 'à'..='ö' | 'ø'..='þ' | 'α'..='ρ' | 'σ'..='ω' | 'а'..='я' => {
            code.saturating_sub(0x20)
        }
        'ѐ'..='џ' => code.saturating_sub(0x50),
        'ÿ' => 0x178,
        // Pairs of upper case (even) and lower case (odd), and the reverse.
        'Ā'..='ķ' | 'Ŋ'..='ŷ' if !matches!(c, 'İ' | 'ı') => code & !1,
        'Ĺ'..='ň' | 'Ź'..='ž' if code % 2 == 0 => code.saturating_sub(1),
        _ => code,
    };
    char::from_u32(upper).unwrap_or(c)
}

fn decode(byte: u8) -> char {
    let index = usize::from(byte).checked_sub(0x80);
    index.map_or(char::from(byte), |index| CODE_PAGE_437.chars().nth(index).unwrap_or('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(bytes: &[u8; 11], nt_res: u8) -> String {
        ShortName { bytes: *bytes, nt_res }.chars().collect()
    }

    #[test]
    fn short_names_lose_their_padding_and_get_their_case() {
        assert_eq!(short(b"README  TXT", 0), "README.TXT");
        assert_eq!(short(b"README  TXT", 0x08), "readme.TXT");
        assert_eq!(short(b"README  TXT", 0x10), "README.txt");
        assert_eq!(short(b"BOOT       ", 0x18), "boot");
        assert_eq!(short(b"\x05BC     \x81  ", 0), "σBC.ü");
    }

    #[test]
    fn code_page_437_has_128_characters() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        assert_eq!((decode(0x80), decode(0xe1), decode(0xff)), ('Ç', 'ß', '\u{a0}'));
    }

    #[test]
    fn checksum_is_that_of_the_specification() {
        // Worked by hand from ChkSum() for a name of one byte and ten zeros: ten rotations of 0x01.
        let mut bytes = [0; 11];
        bytes[0] = 1;
        assert_eq!(ShortName { bytes, nt_res: 0 }.checksum(), 1u8.rotate_right(10));
    }

    #[test]
    fn case_is_no_difference_in_the_alphabets_named() {
        for (lower, upper) in [
            ("grubx64.efi", "GRUBX64.EFI"),
            ("äöüþÿ", "ÄÖÜÞŸ"),
            ("āķĺňŋŷźž", "ĀĶĹŇŊŶŹŽ"),
            ("αρσω", "ΑΡΣΩ"),
            ("аяѐџ", "АЯЀЏ"),
        ] {
            assert!(is_same(lower.chars(), upper), "{lower}");
            assert_eq!(folded(lower), folded(upper));
        }
        assert!(!is_same("÷ßςıİ".chars(), "×ßςıI"), "these have no simple pair");
        assert!(!is_same("a".chars(), "ab"));
    }

    #[test]
    fn folding_agrees_with_unicode() {
        // Wherever we change a character, Unicode's own upper case is the same single character.
        for c in '\0'..='\u{ffff}' {
            if fold(c) != c {
                assert!(c.to_uppercase().eq([fold(c)]), "{c}");
            }
        }
    }
}
