// SPDX-License-Identifier: BSD-3-Clause
//! `test` and `[`.

use alloc::string::String;
use core::cmp::Ordering;

use super::number;
use crate::sizes::behind;

/// Most levels of nested parentheses.
const DEEPEST: u32 = 8;

/// Files that a test asks for.
pub trait Files {
    /// The folder's own record of a name: a symlink is not followed.
    fn listed(&self, path: &str) -> Option<Listed>;

    /// The size of the regular file that a path leads to.
    fn size(&self, path: &str) -> Option<u64>;
}

/// A folder's record of a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listed {
    /// It is a folder.
    pub is_folder: bool,
    /// Seconds since 1970 when it was written.
    pub modified: Option<i64>,
}

/// Evaluates the arguments of `test`.
///
/// Source: GRUB manual, "test", and what GRUB 2.14 does with arguments that are no expression (its
/// grub-core/commands/test.c): adjacent conditions must all hold, an operator without operands is plain text, and an
/// empty expression is true.
pub fn test(arguments: &[String], files: &dyn Files) -> bool {
    let mut parser = Parser { rest: arguments, files, depth: 0 };
    parser.expression().unwrap_or(false)
}

struct Parser<'a> {
    rest: &'a [String],
    files: &'a dyn Files,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self, at: usize) -> Option<&'a str> {
        self.rest.get(at).map(String::as_str)
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// Evaluates up to the end or a closing parenthesis; none if parentheses are nested too deeply.
    fn expression(&mut self) -> Option<bool> {
        let (mut any, mut all, mut is_negated) = (false, true, false);
        while let Some(word) = self.peek(0) {
            if let Some(value) = self.operation() {
                all &= value != is_negated;
                is_negated = false;
                continue;
            }
            self.skip(1);
            match word {
                ")" => break,
                "!" => is_negated = !is_negated,
                "-a" => {}
                "-o" => {
                    any |= all;
                    all = true;
                }
                word => {
                    let value = if word == "(" { self.nested()? } else { !word.is_empty() };
                    all &= value != is_negated;
                    is_negated = false;
                }
            }
        }
        Some(any || all)
    }

    /// `A -ntBIAS B` and `-ot`: newer or older by when they were written; the seconds are added to the first time.
    fn age(&self, a: &str, operator: &str, b: &str) -> Option<bool> {
        let (is_newer, bias) = match (operator.strip_prefix("-nt"), operator.strip_prefix("-ot")) {
            (Some(bias), _) => (true, bias),
            (None, Some(bias)) => (false, bias),
            (None, None) => return None,
        };
        let (first, second) = (self.files.listed(a), self.files.listed(b));
        let (newer, older) = if is_newer { (first, second) } else { (second, first) };
        if newer.is_some() != older.is_some() {
            return Some(newer.is_some());
        }
        let time = |listed: Option<Listed>| listed.and_then(|listed| listed.modified);
        let (Some(a), Some(b)) = (time(first), time(second)) else { return Some(false) };
        // May saturate: no file has such a time anyway.
        let a = a.saturating_add(signed(bias));
        Some(if is_newer { a > b } else { a < b })
    }

    fn nested(&mut self) -> Option<bool> {
        let outer = self.depth;
        self.depth = outer.checked_add(1).filter(|depth| *depth <= DEEPEST)?;
        let value = self.expression();
        self.depth = outer;
        value
    }

    /// An operator with its operands. Comparisons are tried first, since their operands may look like operators.
    fn operation(&mut self) -> Option<bool> {
        if let (Some(a), Some(operator), Some(b)) = (self.peek(0), self.peek(1), self.peek(2))
            && let Some(value) = compare(a, operator, b).or_else(|| self.age(a, operator, b))
        {
            self.skip(3);
            return Some(value);
        }
        let (operator, operand) = (self.peek(0)?, self.peek(1)?);
        let listed = || self.files.listed(operand);
        let value = match operator {
            "-n" => !operand.is_empty(),
            "-z" => operand.is_empty(),
            "-e" => listed().is_some(),
            // A symlink is not a folder, even if it leads to one.
            "-f" => listed().is_some_and(|listed| !listed.is_folder),
            "-d" => listed().is_some_and(|listed| listed.is_folder),
            "-s" => self.files.size(operand).is_some_and(|size| size > 0),
            _ => return None,
        };
        self.skip(2);
        Some(value)
    }
}

fn compare(a: &str, operator: &str, b: &str) -> Option<bool> {
    let numbers = || signed(a).cmp(&signed(b));
    Some(match operator {
        "=" | "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        ">=" => a >= b,
        "-eq" => numbers() == Ordering::Equal,
        "-ne" => numbers() != Ordering::Equal,
        "-lt" => numbers() == Ordering::Less,
        "-le" => numbers() != Ordering::Greater,
        "-gt" => numbers() == Ordering::Greater,
        "-ge" => numbers() != Ordering::Less,
        "-plt" => behind_prefix(a, b) == Ordering::Less,
        "-pgt" => behind_prefix(a, b) == Ordering::Greater,
        _ => return None,
    })
}

/// The number that a word starts with, 0 where there is none.
fn signed(word: &str) -> i64 {
    let (is_negative, digits) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
    let value = number::prefix(digits).map_or(0, |(value, _)| i64::try_from(value).unwrap_or(i64::MAX));
    // Cannot saturate: a positive number has a negative one.
    if is_negative { value.saturating_neg() } else { value }
}

/// Compares the numbers after the common prefix: `vmlinuz-2` is less than `vmlinuz-11`.
fn behind_prefix(a: &str, b: &str) -> Ordering {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let prefix = a.as_bytes().get(..same).unwrap_or_default();
    let start = prefix.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, behind);
    let value = |word: &str| word.get(start..).and_then(number::prefix).map_or(0, |(value, _)| value);
    value(a).cmp(&value(b))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn holds(words: &[&str]) -> bool {
        let words: Vec<String> = words.iter().map(|word| String::from(*word)).collect();
        test(&words, &Fixture)
    }

    /// `/link` leads to `/dir`, `/new` is younger than the others.
    struct Fixture;

    impl Files for Fixture {
        fn listed(&self, path: &str) -> Option<Listed> {
            let modified = if path == "/new" { 20 } else { 10 };
            let is_there = ["/dir", "/file", "/empty", "/link", "/new"].contains(&path);
            is_there.then_some(Listed { is_folder: path == "/dir", modified: Some(modified) })
        }

        fn size(&self, path: &str) -> Option<u64> {
            [("/file", 1), ("/empty", 0)].into_iter().find(|(known, _)| *known == path).map(|(_, size)| size)
        }
    }

    #[test]
    fn what_grub_scripts_ask() {
        let yes: [&[&str]; 32] = [
            &[],
            &["=", "bar"],
            &["a", "=", "a", "b"],
            &["(", "a"],
            &["a", "b"],
            &["!", "", "-a", "b"],
            &["-f"],
            &["xy", "=", "xy"],
            &["x", "!=", "y"],
            &["a"],
            &["-n", "a"],
            &["-z", ""],
            &["-f", "/file"],
            &["-d", "/dir"],
            &["-e", "/dir"],
            &["-s", "/file"],
            &["!", "-s", "/empty"],
            &["10", "-gt", "9"],
            &["a", "=", "b", "-o", "c", "=", "c"],
            &["(", "a", "=", "b", "-o", "a", ")", "-a", "x"],
            &["!", "=", "!"],
            &["-e", "/link"],
            &["-f", "/link"],
            &["0x10", "-eq", "020"],
            &["-5", "-lt", "3x"],
            &["vmlinuz-2", "-plt", "vmlinuz-11"],
            &["k-12", "-pgt", "k-1"],
            &["/new", "-nt", "/file"],
            &["/file", "-ot", "/new"],
            &["/file", "-nt11", "/new"],
            &["/file", "-nt", "/none"],
            &["/none", "-ot", "/file"],
        ];
        for words in yes {
            assert!(holds(words), "{words:?}");
        }
        let no: [&[&str]; 14] = [
            &[""],
            &["x", "=", "y"],
            &["-f", "/dir"],
            &["-e", "/none"],
            &["-s", "/empty"],
            &["-s", "/dir"],
            &["-d", "/link"],
            &["/file", "-nt", "/new"],
            &["/none", "-nt", "/file"],
            &["/none", "-nt", "/nothing"],
            &["k-1", "-pgt", "k-1"],
            &["a", ""],
            &["a", "=", "b", "-o", "c", "=", "d"],
            &["a", "-a", ""],
        ];
        for words in no {
            assert!(!holds(words), "{words:?}");
        }
    }
}
