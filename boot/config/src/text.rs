// SPDX-License-Identifier: BSD-3-Clause
//! The text of one source, however it is encoded.

use alloc::{string::String, vec::Vec};

use crate::{
    KEYS, Origin, PREFIX,
    line::words,
    secret::{Secret, wipe},
};

/// A source's text. It may hold secrets: formatting does not show it, and dropping it overwrites it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    origin: Origin,
    text: Secret,
    is_readable: bool,
}

impl Text {
    /// Decodes UCS-2 (little-endian, as firmware uses it) or UTF-8, with or without a byte order mark and a NUL at the
    /// end. Anything that is neither becomes U+FFFD.
    ///
    /// Shells and some firmware put the program's own name in front of LoadOptions: a first word that ends in
    /// `.efi` is left out.
    pub fn new(origin: Origin, bytes: &[u8]) -> Self {
        let decoded = decode(bytes);
        let text = decoded.trim_matches(['\0', '\u{feff}']);
        let text = match text.trim_ascii_start().split_once([' ', '\t', '\0']) {
            Some((first, rest)) if origin == Origin::LoadOptions && is_program(first) => rest,
            None if origin == Origin::LoadOptions && is_program(text.trim_ascii()) => "",
            _ => text,
        };
        let text = Secret::new(text);
        wipe(decoded);
        Self { origin, text, is_readable: true }
    }

    /// A source that exists and cannot be read: it sets nothing, and is reported as a problem.
    pub fn unreadable(origin: Origin) -> Self {
        Self { origin, text: Secret::new(""), is_readable: false }
    }

    /// A text that sets one key to all of a value, as the variable `CloudBootTarget` does.
    pub fn of_key(origin: Origin, key: &str, value: &[u8]) -> Self {
        let value = Self::new(origin, value);
        Self::assignments(origin, [(key, value.as_str().trim_ascii())].into_iter())
    }

    /// A text of separate settings: `KEY=VALUE`, with or without `cloudboot.` in front of the key.
    pub fn settings<'a>(origin: Origin, settings: impl Iterator<Item = &'a str>) -> Self {
        Self::assignments(origin, settings.map(|text| text.split_once('=').unwrap_or((text, "1"))))
    }

    /// Quotes keep a value together. Quotes inside a value are dropped, as the kernel's syntax cannot express them.
    fn assignments<'a>(origin: Origin, settings: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut line = String::new();
        for (key, value) in settings {
            let is_whole = key.starts_with(PREFIX) || KEYS.iter().any(|known| known.name == key);
            line.push('"');
            line.push_str(if is_whole { "" } else { PREFIX });
            line.extend(key.chars().chain(['=']).chain(value.chars()).filter(|c| *c != '"'));
            line.push_str("\" ");
        }
        let text = Secret::new(line.trim_ascii_end());
        wipe(line);
        Self { origin, text, is_readable: true }
    }

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether it could be read.
    pub(crate) fn is_readable(&self) -> bool {
        self.is_readable
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.expose()
    }

    /// The text for display: words one space apart, `***` for the values of secrets. An unknown key of ours may be a
    /// misspelt secret, and is masked, too.
    pub fn masked(&self) -> String {
        let mut line = String::new();
        for word in words(self.as_str()) {
            let known = KEYS.iter().find(|key| key.name == word.name);
            let is_secret = known.map_or(word.name.contains(PREFIX), |key| key.is_secret);
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(if is_secret { word.name } else { word.raw });
            line.push_str(if is_secret { "=***" } else { "" });
        }
        line
    }
}

fn is_program(word: &str) -> bool {
    word.len() > 4 && word.to_ascii_lowercase().ends_with(".efi")
}

fn decode(bytes: &[u8]) -> String {
    let (pairs, odd) = bytes.as_chunks::<2>();
    // ASCII in UCS-2 has a zero in every second byte; no UTF-8 text has.
    let is_wide = match bytes {
        [0xff, 0xfe, ..] => true,
        [first, 0, ..] => *first != 0 && odd.is_empty(),
        _ => false,
    };
    if is_wide {
        let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
        return String::from_utf16_lossy(units.get(..end).unwrap_or_default());
    }
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_options(bytes: &[u8]) -> String {
        Text::new(Origin::LoadOptions, bytes).as_str().into()
    }

    fn ucs2(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn both_encodings_are_read() {
        assert_eq!(load_options(b"a=1\n"), "a=1\n");
        assert_eq!(load_options(&ucs2("a=1 ü\0rest")), "a=1 ü");
        assert_eq!(load_options(&ucs2("\u{feff}a=1")), "a=1");
        assert_eq!(load_options(b"\xef\xbb\xbfa=1\0"), "a=1");
        assert_eq!(load_options(b""), "");
    }

    #[test]
    fn settings_become_a_line() {
        let strings = ["target=a b", "cloudboot.debug=1", "quiet", "ip=dhcp", "timeout=\"3\""];
        assert_eq!(
            Text::settings(Origin::Smbios, strings.into_iter()).as_str(),
            "\"cloudboot.target=a b\" \"cloudboot.debug=1\" \"cloudboot.quiet=1\" \"ip=dhcp\" \"cloudboot.timeout=3\""
        );
        let target = Text::of_key(Origin::Variable, "cloudboot.target", &ucs2("Debian \"13\"\0"));
        assert_eq!(target.as_str(), "\"cloudboot.target=Debian 13\"");
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let line = "a=1  rd.cloudboot.pass=\"b c\" \"cloudboot.disk.luks-passphrase=d e\"\tcloudboot.debug=1 \
                    -- cloudboot.passphrase=f rd.cloudboot.pas=g";
        assert_eq!(
            Text::new(Origin::Variable, line.as_bytes()).masked(),
            "a=1 rd.cloudboot.pass=*** cloudboot.disk.luks-passphrase=*** cloudboot.debug=1 -- \
             cloudboot.passphrase=*** rd.cloudboot.pas=***"
        );
    }

    #[test]
    fn the_name_of_the_program_is_left_out() {
        assert_eq!(load_options(&ucs2("\\EFI\\BOOT\\BOOTX64.EFI a=1")), "a=1");
        assert_eq!(load_options(b"loader.efi"), "");
        assert_eq!(Text::new(Origin::File, b"x.efi y").as_str(), "x.efi y");
    }
}
