// SPDX-License-Identifier: BSD-3-Clause
//! Lines of text out of the bytes of a serial console.

use std::{mem, time::Duration};

/// A line without control characters and escape sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When its first byte came, after the machine's start.
    pub at: Duration,
    /// Its bytes; at most [`MAX_LINE`].
    pub text: Vec<u8>,
}

/// Longest line, bytes: the rest of a longer one becomes lines of its own.
///
/// Linux cuts its messages at 1 KiB; a command line has up to 4 KiB on some architectures.
pub const MAX_LINE: usize = 8192;

/// Takes bytes, yields lines.
///
/// Firmware and agetty draw on a terminal more than they write lines, so a cursor that is moved ends a line,
/// too: `CSI H`, `f` (to a position), `D` (left), `J` (screen erased), and a carriage return without line
/// feed. Empty lines are left out. Memory: one line.
#[derive(Debug, Default)]
pub struct Console {
    line: Line,
    state: State,
    /// A carriage return came last.
    returned: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { at: Duration::ZERO, text: Vec::new() }
    }
}

/// Where in an escape sequence we are (ECMA-48, 5.3 to 5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence: parameters and intermediate bytes up to a final one.
    Control,
    /// In a command string (DCS, OSC, SOS, PM, APC), this many bytes ago.
    CommandString(usize),
    /// After an ESC in a command string.
    CommandStringEscape,
}

/// Longest command string, bytes: systemd's (OSC 3008) have a few hundred. What is longer was none.
const MAX_STRING: usize = 2048;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

impl Console {
    /// The line in the making.
    pub fn partial(&self) -> &Line {
        &self.line
    }

    /// Takes a byte that came `now`; returns the line that it ends, if any.
    pub fn push(&mut self, byte: u8, now: Duration) -> Option<Line> {
        match self.state {
            State::Text => self.text(byte, now),
            State::Escape => {
                self.state = match byte {
                    b'[' => State::Control,
                    b'P' | b']' | b'X' | b'^' | b'_' => State::CommandString(0),
                    ESC => State::Escape,
                    0x20..=0x2f => State::Escape, // intermediate: one more follows
                    _ => State::Text,
                };
                None
            }
            State::Control => self.control(byte, now),
            State::CommandString(length) => {
                self.state = match byte {
                    BEL | CAN | SUB => State::Text,
                    ESC => State::CommandStringEscape,
                    _ if length >= MAX_STRING => State::Text,
                    _ => State::CommandString(length.saturating_add(1)),
                };
                None
            }
            State::CommandStringEscape if byte == b'\\' => {
                self.state = State::Text;
                None
            }
            State::CommandStringEscape => {
                self.state = State::Escape;
                self.push(byte, now)
            }
        }
    }

    fn text(&mut self, byte: u8, now: Duration) -> Option<Line> {
        match byte {
            ESC => self.state = State::Escape,
            b'\r' => self.returned = true,
            b'\n' => return self.end(),
            b'\t' => return self.visible(b' ', now),
            0x20..=0x7e | 0x80.. => return self.visible(byte, now),
            _ => {}
        }
        None
    }

    fn control(&mut self, byte: u8, now: Duration) -> Option<Line> {
        match byte {
            b'H' | b'f' | b'D' | b'J' => {
                self.state = State::Text;
                return self.end();
            }
            0x40..=0x7e | CAN | SUB => self.state = State::Text,
            ESC => self.state = State::Escape,
            0x20..=0x3f => {}
            // A control character acts as if it stood before the sequence.
            0x00..=0x1f => return self.text(byte, now),
            // No sequence after all.
            _ => {
                self.state = State::Text;
                return self.text(byte, now);
            }
        }
        None
    }

    fn visible(&mut self, byte: u8, now: Duration) -> Option<Line> {
        let ended = if self.returned || self.line.text.len() >= MAX_LINE { self.end() } else { None };
        if self.line.text.is_empty() {
            self.line.at = now;
        }
        self.line.text.push(byte);
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

    /// The lines that `bytes` make, the unfinished one last.
    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut console = Console::default();
        let mut lines: Vec<Line> = bytes.iter().filter_map(|b| console.push(*b, Duration::ZERO)).collect();
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
        for (second, byte) in (1..).zip(*b"\nab") {
            assert_eq!(console.push(byte, at(second)), None);
        }
        assert_eq!(console.push(b'\n', at(9)), Some(Line { at: at(2), text: b"ab".to_vec() }));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let found = lines(&vec![b'x'; MAX_LINE + 3]);
        assert_eq!(found, ["x".repeat(MAX_LINE), "xxx".into()]);
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
