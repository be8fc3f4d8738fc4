// SPDX-License-Identifier: BSD-3-Clause
//! `SHA256SUMS`, as coreutils' `sha256sum` writes and checks it.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

/// The file's own name.
pub const NAME: &str = "SHA256SUMS";
/// Largest file in bytes: some thousands of names.
pub const LONGEST: u64 = 1 << 20;

/// SHA-256 of each file by its name: 64 lower-case hexadecimal digits.
#[derive(Debug, Default, PartialEq)]
pub struct Sums(pub BTreeMap<String, String>);

impl Sums {
    /// The text of a file `SHA256SUMS`: a line `DIGEST  NAME` or `DIGEST *NAME` for each file.
    ///
    /// # Errors
    /// The number of the first line that is malformed, names a file which is not beside `SHA256SUMS`, or names a
    /// file for the second time.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).context("SHA256SUMS: not UTF-8")?;
        let mut sums = Self::default();
        for (i, line) in text.lines().enumerate() {
            sums.line(line).with_context(|| format!("SHA256SUMS:{}", i + 1))?;
        }
        ensure!(!sums.0.is_empty(), "SHA256SUMS: no files listed");
        Ok(sums)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let (digest, name) = line.split_once(' ').context("not a line of sha256sum")?;
        let name = name.strip_prefix([' ', '*']).context("not a line of sha256sum")?;
        let is_hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        ensure!(digest.len() == 64 && digest.bytes().all(is_hex), "not a SHA-256 in lower-case digits");
        check(name)?;
        if self.0.insert(name.to_owned(), digest.to_owned()).is_some() {
            bail!("{name} is listed twice");
        }
        Ok(())
    }

    /// The text that `parse` reads.
    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (name, digest)| {
            let _ = writeln!(text, "{digest}  {name}");
            text
        })
    }
}

/// A release is one folder of files with plain names; other names are refused.
fn check(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let is_name = name.chars().all(is_plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    ensure!(
        is_name && name.len() <= 255,
        "\"{}\" is not a valid file name in a release",
        name.escape_debug()
    );
    ensure!(name != NAME, "it lists itself");
    Ok(())
}

/// SHA-256 of bytes, as lower-case digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A digest as lower-case hexadecimal digits.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn refused(text: &str) -> String {
        format!("{:#}", Sums::parse(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn both_forms_of_a_line() {
        let sums = Sums::parse(format!("{ZEROS}  a.iso\n{ZEROS} *b-1.efi\n").as_bytes()).unwrap();
        assert_eq!(sums.text(), format!("{ZEROS}  a.iso\n{ZEROS}  b-1.efi\n"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in
            ["../x", "/etc/passwd", "a/b", "..", ".", ".x", "", "-rf", "a\\b", "a\u{1b}[2J", "SHA256SUMS"]
        {
            let why = refused(&format!("{ZEROS}  first\n{ZEROS}  {name}\n"));
            assert!(why.starts_with("SHA256SUMS:2: "), "{name:?}: {why}");
            assert!(!why.contains('\u{1b}'), "escapes reach the terminal");
        }
        assert!(refused(&format!("{ZEROS}  {}", "a".repeat(256))).contains("not a valid file name"));
    }

    #[test]
    fn other_lines_are_refused() {
        let cases = [
            (format!("{ZEROS} a"), "not a line"),
            (ZEROS.to_owned(), "not a line"),
            ("00  a".to_owned(), "not a SHA-256"),
            (format!("{}  a", ZEROS.replace('0', "A")), "not a SHA-256"),
            (format!("\\{ZEROS}  a\\nb"), "not a SHA-256"),
            (format!("{ZEROS}  a\n{ZEROS}  a"), "a is listed twice"),
            (String::new(), "no files listed"),
        ];
        for (text, why) in cases {
            assert!(refused(&text).contains(why), "{text:?}: {}", refused(&text));
        }
        assert!(Sums::parse(&[0xff]).is_err());
    }

    #[test]
    fn digest_of_nothing() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9a-f]{64} [ *][a-z./]{0,3}\n|\\PC{0,80}\n){0,4}") {
            if let Ok(sums) = Sums::parse(text.as_bytes()) {
                prop_assert_eq!(Sums::parse(sums.text().as_bytes()).unwrap(), sums);
            }
        }
    }
}
