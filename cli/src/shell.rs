// SPDX-License-Identifier: BSD-3-Clause
//! Command lines, as a shell reads them.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// Quotes words as one line that a shell splits into the same words. Bytes that a terminal would not show as they are
/// are quoted as `$'…'`: POSIX has it since 2024, bash and zsh always.
pub fn line<'w>(words: impl IntoIterator<Item = &'w OsStr>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| quote(word.as_bytes())).collect();
    quoted.join(" ")
}

fn quote(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_=,.:/@%+".contains(byte);
    match str::from_utf8(word) {
        Ok(text) if !word.is_empty() && word.iter().all(is_plain) => text.into(),
        Ok(text) if crate::printer::text(word) == text.replace('\\', "\\\\") => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        _ => {
            let escaped: String = word.iter().map(|byte| escape(*byte)).collect();
            format!("$'{escaped}'")
        }
    }
}

fn escape(byte: u8) -> String {
    match byte {
        b'\\' | b'\'' => format!("\\{}", char::from(byte)),
        0x20..=0x7e => char::from(byte).into(),
        _ => format!("\\{byte:03o}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt, process::Command};

    use super::*;

    #[test]
    fn plain_words_stay_and_others_are_quoted() {
        let line = line(["-m", "1024", "", "a b", "it's", "file=a,,b", "ü", "x\ny"].map(OsStr::new));
        assert_eq!(line, r"-m 1024 '' 'a b' 'it'\''s' file=a,,b 'ü' $'x\012y'");
    }

    /// Bash is what reads it back.
    #[test]
    fn a_shell_reads_the_same_words() {
        let every = (1..=255).map(|byte| OsString::from_vec(vec![b'a', byte, b'7']));
        let words: Vec<OsString> =
            every.chain(["", "'", "\\", "$(x)", "\u{202e}x"].map(OsString::from)).collect();
        let line = line(words.iter().map(OsString::as_os_str));
        let output = Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
        let back: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        let wanted: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).chain([b"".as_slice()]).collect();
        assert_eq!(back, wanted);
    }
}
