// SPDX-License-Identifier: BSD-3-Clause
//! Splits the text of a serial console into lines.

use std::{mem, time::Duration};

/// A line without control characters and escape sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When its first byte arrived, after the machine's start.
    pub at: Duration,
    /// Its bytes, whole characters of UTF-8; at most [`MAX_LINE`] and a character.
    pub text: Vec<u8>,
}

/// Longest line, bytes: the rest of a longer one becomes lines of its own.
///
/// Linux cuts its messages at 1 KiB; a command line has up to 4 KiB on some architectures.
pub const MAX_LINE: usize = 8192;

/// Takes characters, yields lines.
///
/// Firmware and agetty draw on a terminal rather than write lines, so moving the cursor ends a line,
/// too: `CSI H`, `f` (to a position), `D` (left), `J` (screen erased), and a carriage return without line
/// feed. Empty lines are left out. Memory: one line.
#[derive(Debug, Default)]
pub struct Console {
    line: Line,
    state: State,
    /// The last character was a carriage return.
    returned: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { at: Duration::ZERO, text: Vec::new() }
    }
}

/// State of the parser of escape sequences (ECMA-48, 5.3 to 5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence: parameters and intermediate bytes up to a final one.
    Control,
    /// In a command string (DCS, OSC, SOS, PM, APC), this many characters ago.
    CommandString(usize),
    /// After an ESC in a command string.
    CommandStringEscape,
}

/// Longest command string, characters: systemd's (OSC 3008) have a few hundred. Longer ones are treated as text.
const MAX_STRING: usize = 2048;

const BEL: char = '\x07';
const CAN: char = '\x18';
const SUB: char = '\x1a';
const ESC: char = '\x1b';

impl Console {
    /// The unfinished line.
    pub fn partial(&self) -> &Line {
        &self.line
    }

    /// Takes a character that arrived `now`; returns the line that it ends, if any.
    pub fn push(&mut self, c: char, now: Duration) -> Option<Line> {
        match self.state {
            State::Text => self.text(c, now),
            State::Escape => {
                self.state = match c {
                    '[' => State::Control,
                    'P' | ']' | 'X' | '^' | '_' => State::CommandString(0),
                    ESC => State::Escape,
                    '\x20'..='\x2f' => State::Escape, // intermediate: one more follows
                    _ => State::Text,
                };
                None
            }
            State::Control => self.control(c, now),
            State::CommandString(length) => {
                self.state = match c {
                    BEL | CAN | SUB => State::Text,
                    ESC => State::CommandStringEscape,
                    _ if length >= MAX_STRING => State::Text,
                    _ => State::CommandString(length.saturating_add(1)),
                };
                None
            }
            State::CommandStringEscape if c == '\\' => {
                self.state = State::Text;
                None
            }
            State::CommandStringEscape => {
                self.state = State::Escape;
                self.push(c, now)
            }
        }
    }

    fn text(&mut self, c: char, now: Duration) -> Option<Line> {
        match c {
            ESC => self.state = State::Escape,
            '\r' => self.returned = true,
            '\n' => return self.end(),
            '\t' => return self.visible(' ', now),
            '\x20'..='\x7e' | '\u{80}'.. => return self.visible(c, now),
            _ => {}
        }
        None
    }

    fn control(&mut self, c: char, now: Duration) -> Option<Line> {
        match c {
            'H' | 'f' | 'D' | 'J' => {
                self.state = State::Text;
                return self.end();
            }
            '\x40'..='\x7e' | CAN | SUB => self.state = State::Text,
            ESC => self.state = State::Escape,
            '\x20'..='\x3f' => {}
            // A control character inside a sequence acts as if it came before it.
            '\x00'..='\x1f' => return self.text(c, now),
            // Not a valid sequence.
            _ => {
                self.state = State::Text;
                return self.text(c, now);
            }
        }
        None
    }

    fn visible(&mut self, c: char, now: Duration) -> Option<Line> {
        let ended = if self.returned || self.line.text.len() >= MAX_LINE { self.end() } else { None };
        if self.line.text.is_empty() {
            self.line.at = now;
        }
        self.line.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        ended
    }

    fn end(&mut self) -> Option<Line> {
        self.returned = false;
        (!self.line.text.is_empty()).then(|| mem::take(&mut self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characters::Characters;

    /// The lines that `bytes` make, the unfinished one last.
    fn lines(bytes: &[u8]) -> Vec<String> {
        let (mut console, text) = (Console::default(), Characters::default().push(bytes));
        let mut lines: Vec<Line> = text.chars().filter_map(|c| console.push(c, Duration::ZERO)).collect();
        lines.push(console.partial().clone());
        lines.iter().map(|l| String::from_utf8_lossy(&l.text).into_owned()).collect()
    }

    #[test]
    fn what_ovmf_prints() {
        let bytes =
            b"\x1b[2J\x1b[001;001H\x1b[=3h\x1b[2J\x1b[8;056;240t\x1b[2J\x1b[001;001HBdsDxe: No\r\nPress\r\n";
        assert_eq!(lines(bytes), ["BdsDxe: No", "Press", ""]);
    }

    #[test]
    fn what_riscv64_firmware_and_shell_print() {
        let bytes =
            b"Press ESCAPE \x1b[2J\x1b[001;001HUEFI Shell\r\n\x1b[1m\x1b[33m\x1b[40mShell> \x1b[0m\x1b[37m";
        assert_eq!(lines(bytes), ["Press ESCAPE ", "UEFI Shell", "Shell> "]);
        assert_eq!(lines(b"in 5 s\x1b[072Din 4 s"), ["in 5 s", "in 4 s"]);
    }

    #[test]
    fn what_systemd_prints() {
        let bytes =
            b"         Starting x\r\n\r\x1b[K[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mx\x1b[0m.\r\n\
            \x1b]3008;start=1;user=root\x1b\\Debian\x1b]8;;http://x\x07!\r\n";
        assert_eq!(lines(bytes), ["         Starting x", "[  OK  ] Started x.", "Debian!", ""]);
    }

    #[test]
    fn carriage_return_alone_begins_a_line() {
        assert_eq!(lines(b"10%\r20%\r\r\nlogin: "), ["10%", "20%", "login: "]);
    }

    #[test]
    fn a_prompt_is_seen_before_its_line_ends() {
        assert_eq!(lines(b"\r\ndebian login: "), ["debian login: "]);
    }

    #[test]
    fn time_is_that_of_the_first_byte() {
        let mut console = Console::default();
        let at = |seconds| Duration::from_secs(seconds);
        for (second, c) in (1..).zip("\nab".chars()) {
            assert_eq!(console.push(c, at(second)), None);
        }
        assert_eq!(console.push('\n', at(9)), Some(Line { at: at(2), text: b"ab".to_vec() }));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let found = lines(&vec![b'x'; MAX_LINE + 3]);
        assert_eq!(found, ["x".repeat(MAX_LINE), "xxx".into()]);
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        // Its second byte alone would be the control that starts a sequence.
        let found = lines(&[vec![b'x'; MAX_LINE - 1], "\u{4db}y".into()].concat());
        assert_eq!(found, ["x".repeat(MAX_LINE - 1) + "\u{4db}", "y".into()]);
        assert_eq!(lines("a\x1b\u{4db}[2Jb\x1b[1\u{4db}c".as_bytes()), ["a[2Jb\u{4db}c"]);
    }

    #[test]
    fn a_command_string_without_end_swallows_no_more_than_its_limit() {
        let mut bytes = b"\x1b]".to_vec();
        bytes.resize(2 + MAX_STRING + 1, b'x');
        bytes.extend(b"Kernel panic");
        assert_eq!(lines(&bytes), ["Kernel panic"]);
    }

    #[test]
    fn broken_sequences_hide_no_text() {
        assert_eq!(lines(b"a\x1b[12\x18b"), ["ab"]);
        assert_eq!(lines(b"a\x1b[1\x1b[0mb"), ["ab"]);
        assert_eq!(lines(b"a\x1b[1\nb"), ["a", ""]); // `b` is the final byte
        assert_eq!(lines(b"a\x1b(Bb\x1b7c"), ["abc"]);
        assert_eq!(lines(b"a\x1b]0;t\x1b[1mb"), ["ab"]);
        assert_eq!(lines(b"a\0\x07\x08b\x7f"), ["ab"]);
    }

    /// Every word of up to five letters of the alphabet that sequences are made of: nothing but text comes
    /// out, and no word hides what follows once it is cancelled.
    #[test]
    fn no_prefix_hides_what_follows() {
        let alphabet = b"\x1b[]\\\r\na1Hm\x07\x18\xff";
        let mut words = vec![Vec::new()];
        for _ in 0..5 {
            let longer = words.iter().flat_map(|w: &Vec<u8>| alphabet.map(|b| [w.as_slice(), &[b]].concat()));
            words = longer.collect();
            for word in &words {
                let found = lines(&[word.as_slice(), b"\x18\nKernel panic"].concat());
                assert_eq!(found.last().map(String::as_str), Some("Kernel panic"), "{word:?}");
                assert!(found.iter().all(|l| !l.contains(char::is_control)), "{word:?}: {found:?}");
            }
        }
    }
}
