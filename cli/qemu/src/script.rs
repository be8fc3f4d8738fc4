// SPDX-License-Identifier: BSD-3-Clause
//! What a run must print, in order, what is typed in between, and what it must not print.

use anyhow::{Result, anyhow, ensure};

use crate::pattern::Pattern;

/// Signs of a fatal failure, or of one that waits for a person.
///
/// Firmware: the exception handlers of edk2 (x86_64, riscv64 and loongarch64 print
/// `!!!! X64 Exception Type - 0E(…) !!!!`, aarch64 `Synchronous Exception at 0x…`) and its assertions. Ours:
/// Rust's panic message, and our own. Then Linux, initramfs-tools and systemd.
pub const PANICS: [&str; 11] = [
    " Exception Type - ",
    "Synchronous Exception at",
    "ASSERT_EFI_ERROR",
    "panicked at",
    "LOADER-PANIC",
    "Kernel panic",
    "Oops",
    "Unable to handle kernel",
    "Gave up waiting for root",
    "^(initramfs)",
    "You are in emergency mode",
];

/// Prefix of an item to type, instead of a pattern to wait for.
pub const TYPED: &str = "type:";

/// Switches typing to QEMU's monitor; the next one switches back to the machine's console.
const MONITOR: &str = "<monitor>";

/// Names of keys, and what a terminal sends for them.
const KEYS: [(&str, &str); 8] = [
    ("<enter>", "\r"),
    ("<esc>", "\x1b"),
    ("<up>", "\x1b[A"),
    ("<down>", "\x1b[B"),
    ("<home>", "\x1b[H"),
    ("<ctrl-u>", "\x15"),
    (MONITOR, "\x01c"),
    // As PC ANSI terminals send it, which x86_64 firmware expects.
    ("<f1>", "\x1b[M"),
];

#[derive(Clone, Debug)]
enum Step {
    See(Pattern),
    Type(Vec<u8>),
}

/// An ordered list of expected patterns, and patterns that fail the run wherever they occur.
#[derive(Clone, Debug)]
pub struct Script {
    expect: Vec<Step>,
    forbid: Vec<Pattern>,
    /// Keys to type now.
    keys: Vec<u8>,
    /// How many items of `expect` are done.
    seen: usize,
    /// Where in the current line the last match ended.
    from: usize,
}

impl Script {
    /// A script that waits for all of `expect`, one after the other; an item `type:TEXT` is typed when its turn
    /// comes.
    ///
    /// # Errors
    /// When `expect` is empty or ends with a text to type, or a pattern matches every line.
    pub fn new(expect: &[String], forbid: &[String]) -> Result<Self> {
        ensure!(!expect.is_empty(), "no pattern to wait for");
        let patterns = |texts: &[String]| {
            texts.iter().map(|t| Pattern::new(t).map_err(|e| anyhow!(e))).collect::<Result<Vec<_>>>()
        };
        let step = |text: &String| match text.strip_prefix(TYPED) {
            Some(keys) => Ok(Step::Type(typed(keys))),
            None => Pattern::new(text).map(Step::See).map_err(|e| anyhow!(e)),
        };
        let expect = expect.iter().map(step).collect::<Result<Vec<_>>>()?;
        ensure!(
            matches!(expect.last(), Some(Step::See(_))),
            "no pattern to wait for after the last typed text"
        );
        Ok(Self { expect, forbid: patterns(forbid)?, keys: Vec::new(), seen: 0, from: 0 })
    }

    /// Whether anything is typed.
    pub fn has_keys(&self) -> bool {
        self.expect.iter().any(|step| matches!(step, Step::Type(_)))
    }

    /// Whether QEMU's monitor is typed to.
    pub fn has_monitor(&self) -> bool {
        let monitor = typed(MONITOR);
        let is_typed = |keys: &[u8]| keys.windows(monitor.len()).any(|some| some == monitor);
        self.expect.iter().any(|step| matches!(step, Step::Type(keys) if is_typed(keys)))
    }

    /// Takes the keys to type now.
    pub fn take_keys(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.keys)
    }

    /// The same script, which also fails at any of [`PANICS`].
    ///
    /// # Errors
    /// As of [`Script::new`].
    pub fn forbid_panics(mut self) -> Result<Self> {
        for text in PANICS {
            self.forbid.push(Pattern::new(text).map_err(|e| anyhow!(e))?);
        }
        Ok(self)
    }

    /// Takes a line, which may have been passed before when it was shorter.
    ///
    /// # Errors
    /// The forbidden pattern that it matches.
    pub fn look(&mut self, line: &[u8]) -> Result<(), Pattern> {
        if let Some(pattern) = self.forbid.iter().find(|p| p.find(line, 0).is_some()) {
            return Err(pattern.clone());
        }
        loop {
            match self.expect.get(self.seen) {
                Some(Step::Type(keys)) => self.keys.extend(keys),
                Some(Step::See(pattern)) => match pattern.find(line, self.from) {
                    Some(end) => self.from = end,
                    None => return Ok(()),
                },
                None => return Ok(()),
            }
            self.seen = self.seen.saturating_add(1);
        }
    }

    /// Marks the end of the current line.
    pub fn end_line(&mut self) {
        self.from = 0;
    }

    /// The next expected pattern; none when all were seen.
    pub fn awaited(&self) -> Option<&Pattern> {
        self.expect.get(self.seen..)?.iter().find_map(|step| match step {
            Step::See(pattern) => Some(pattern),
            Step::Type(_) => None,
        })
    }

    /// How many patterns were seen.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// How many patterns there are.
    pub fn total(&self) -> usize {
        self.expect.len()
    }
}

/// The bytes of a text with names of keys in it.
fn typed(text: &str) -> Vec<u8> {
    KEYS.iter().fold(text.to_owned(), |text, (name, bytes)| text.replace(name, bytes)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(expect: &[&str], forbid: &[&str]) -> Script {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        Script::new(&owned(expect), &owned(forbid)).unwrap()
    }

    fn seen_after(mut script: Script, lines: &[&str]) -> usize {
        for line in lines {
            script.look(line.as_bytes()).unwrap();
            script.end_line();
        }
        script.seen()
    }

    #[test]
    fn patterns_count_in_their_order_only() {
        assert_eq!(seen_after(script(&["a", "b", "c"], &[]), &["c", "b", "a", "b"]), 2);
        assert_eq!(seen_after(script(&["a", "b", "c"], &[]), &["xaxbxc"]), 3);
        assert_eq!(seen_after(script(&["a", "b", "c"], &[]), &["cba"]), 1);
        assert_eq!(seen_after(script(&["^a", "^a"], &[]), &["aa", "b a"]), 1);
        assert_eq!(seen_after(script(&["^a", "^a"], &[]), &["a", "a"]), 2);
    }

    #[test]
    fn one_text_does_not_match_twice_while_its_line_grows() {
        let mut script = script(&["login:", "login:"], &[]);
        for line in ["debian login:", "debian login: ", "debian login: root"] {
            script.look(line.as_bytes()).unwrap();
            assert_eq!(script.seen(), 1, "{line}");
        }
        script.look(b"debian login: login:").unwrap();
        assert_eq!(script.seen(), 2);
    }

    #[test]
    fn forbidden_text_fails_before_and_after_the_last_pattern() {
        let mut script = script(&["a"], &["^Linux version"]);
        assert_eq!(script.look(b"Linux version 6"), Err(Pattern::new("^Linux version").unwrap()));
        script.look(b"a Linux version").unwrap();
        assert_eq!(script.awaited(), None);
        assert!(script.look(b"Linux version 6 a").is_err());
    }

    #[test]
    fn real_panics_are_recognised() {
        let mut script = script(&["never"], &[]).forbid_panics().unwrap();
        for line in [
            "!!!! X64 Exception Type - 0E(#PF - Page-Fault)  CPU Apic ID - 00000000 !!!!",
            "!!!! RISCV64 Exception Type - 000000000000000F(EXCEPT_RISCV_STORE_ACCESS_PAGE_FAULT) !!!!",
            "!!!! LoongArch64 Exception Type - 08(#ADE - Address error exception) !!!!",
            "Synchronous Exception at 0x000000013F0B2A40",
            "panicked at boot/flow/src/lib.rs:1:2:",
            "failed: E-LOADER-PANIC no memory (by +0x1234); returning to the firmware",
            "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            "[    1.2] Oops: 0000 [#1] SMP NOPTI",
            "[    1.2] Unable to handle kernel paging request at virtual address ffff000000000000",
            "(initramfs) ",
            "You are in emergency mode. After logging in, type \"journalctl -xb\" to view",
        ] {
            assert!(script.look(line.as_bytes()).is_err(), "{line}");
        }
        for line in ["debian login: ", "failed: obtain /vmlinuz: E-FS-EXT4-CSUM; trying the next entry"] {
            assert!(script.look(line.as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn keys_are_typed_when_their_turn_has_come() {
        let mut script = script(&["menu", "type:<down>x<enter>", "start"], &[]);
        assert!(script.has_keys() && !script.has_monitor() && script.take_keys().is_empty());
        script.look(b"the menu").unwrap();
        assert_eq!((script.take_keys(), script.take_keys()), (b"\x1b[Bx\r".to_vec(), Vec::new()));
        script.look(b"the menu start").unwrap();
        assert_eq!(script.awaited(), None);
        assert!(Script::new(&["a".into(), "type:x".into()], &[]).is_err());
        assert!(self::script(&["type:<monitor>quit<enter>", "a"], &[]).has_monitor());
    }

    #[test]
    fn a_script_without_patterns_is_refused() {
        assert!(Script::new(&[], &["a".into()]).is_err());
    }
}
