// SPDX-License-Identifier: BSD-3-Clause
//! `test` and `[`.

use alloc::string::String;
use core::cmp::Ordering;

use filesystem::FileType;

/// Parentheses in parentheses.
const DEEPEST: u32 = 8;

/// Evaluates the arguments of `test`; `stat` tells type and size of a file.
///
/// Source: GRUB manual, "test", and what GRUB 2.14 does with arguments that are no expression: conditions next
/// to each other must all hold, an operator without operands is a text, and nothing at all holds.
pub fn test(arguments: &[String], stat: &dyn Fn(&str) -> Option<(FileType, u64)>) -> bool {
    let mut parser = Parser { rest: arguments, stat, depth: 0 };
    parser.expression().unwrap_or(false)
}

struct Parser<'a> {
    rest: &'a [String],
    stat: &'a dyn Fn(&str) -> Option<(FileType, u64)>,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self, at: usize) -> Option<&'a str> {
        self.rest.get(at).map(String::as_str)
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// Up to the end or a closing parenthesis; none where parentheses are too deep.
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

    fn nested(&mut self) -> Option<bool> {
        self.depth = self.depth.checked_add(1).filter(|depth| *depth <= DEEPEST)?;
        let value = self.expression();
        self.depth = self.depth.saturating_sub(1);
        value
    }

    /// An operator with its operands. A comparison first: its operands may look like operators.
    fn operation(&mut self) -> Option<bool> {
        if let (Some(a), Some(operator), Some(b)) = (self.peek(0), self.peek(1), self.peek(2))
            && let Some(value) = compare(a, operator, b)
        {
            self.skip(3);
            return Some(value);
        }
        let (operator, operand) = (self.peek(0)?, self.peek(1)?);
        let file = || (self.stat)(operand);
        let value = match operator {
            "-n" => !operand.is_empty(),
            "-z" => operand.is_empty(),
            "-e" => file().is_some(),
            "-f" => file().is_some_and(|(kind, _)| kind != FileType::Directory),
            "-d" => file().is_some_and(|(kind, _)| kind == FileType::Directory),
            "-s" => file().is_some_and(|(_, size)| size > 0),
            _ => return None,
        };
        self.skip(2);
        Some(value)
    }
}

fn compare(a: &str, operator: &str, b: &str) -> Option<bool> {
    let numbers = || number(a).cmp(&number(b));
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
        _ => return None,
    })
}

/// The number that a word starts with, 0 where there is none, as `strtol` has it.
fn number(word: &str) -> i64 {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |rest| (-1i64, rest));
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let value: i64 = digits.get(..end).unwrap_or_default().parse().unwrap_or(0);
    value.saturating_mul(sign)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn holds(words: &[&str]) -> bool {
        let words: Vec<String> = words.iter().map(|word| String::from(*word)).collect();
        test(&words, &|path| match path {
            "/dir" => Some((FileType::Directory, 4096)),
            "/file" => Some((FileType::File, 1)),
            "/empty" => Some((FileType::File, 0)),
            _ => None,
        })
    }

    #[test]
    fn what_grub_scripts_ask() {
        let yes: [&[&str]; 21] = [
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
        ];
        for words in yes {
            assert!(holds(words), "{words:?}");
        }
        let no: [&[&str]; 8] = [
            &[""],
            &["x", "=", "y"],
            &["-f", "/dir"],
            &["-e", "/none"],
            &["-s", "/empty"],
            &["a", ""],
            &["a", "=", "b", "-o", "c", "=", "d"],
            &["a", "-a", ""],
        ];
        for words in no {
            assert!(!holds(words), "{words:?}");
        }
    }
}
