// SPDX-License-Identifier: BSD-3-Clause
//! Extended regular expressions of POSIX, for `regexp`.
//!
//! The work is at most the product of the lengths of expression and text: all ways to match are followed in parallel.
//! Not supported, and no match: back references, word boundaries, collating elements.
//!
//! Source: POSIX.1-2024, XBD 9.4 (extended regular expressions).

mod syntax;

use alloc::{vec, vec::Vec};
use core::mem::{swap, take};

use crate::sizes::{behind, work};
use syntax::{Node, Set};

/// Most bytes of an expression.
const LONGEST: usize = 4096;
/// Most instructions of one expression, after repetitions are unrolled.
const MOST_INSTRUCTIONS: usize = 2000;

/// Where the whole expression and each group matched: start and end.
pub type Match = Vec<Option<(usize, usize)>>;

/// A compiled expression.
#[derive(Debug)]
pub struct Regex {
    program: Vec<Instruction>,
    /// With the whole expression, which is group 0.
    groups: usize,
}

#[derive(Debug)]
enum Instruction {
    /// Takes a byte.
    Byte(Set),
    /// Continues at both places; the first is preferred.
    Split(usize, usize),
    Jump(usize),
    /// Marks the start or end of a group.
    Mark(usize),
    /// Holds at the start of the text.
    Start,
    /// Holds at its end.
    End,
    Match,
}

/// A position in the program, with the group marks set on the way there.
#[derive(Clone, Debug)]
struct Thread {
    at: usize,
    marks: Vec<Option<usize>>,
}

impl Regex {
    /// Compiles an expression; none if it is invalid, unsupported or too large.
    pub fn new(expression: &str) -> Option<Self> {
        let (node, groups) =
            syntax::parse(Some(expression.as_bytes()).filter(|text| text.len() <= LONGEST)?)?;
        let mut program = Vec::new();
        emit(&Node::Group(0, node.into()), &mut program)?;
        program.push(Instruction::Match);
        Some(Self { program, groups })
    }

    /// Most bytes that matching a text of this length copies: at each position, the group marks of each instruction.
    pub fn work(&self, length: usize) -> usize {
        let marks = work(self.groups, size_of::<Option<(usize, usize)>>());
        work(work(self.program.len(), behind(length)), marks)
    }

    /// The leftmost match, and the longest of those that start there.
    pub fn find(&self, text: &[u8]) -> Option<Match> {
        let mut best: Option<Thread> = None;
        let (mut threads, mut next) = (Threads::new(self.program.len()), Threads::new(self.program.len()));
        for position in 0..=text.len() {
            if best.is_none() {
                // Start and end of each.
                let marks = vec![None; work(self.groups, 2)];
                self.follow(Thread { at: 0, marks }, position, text.len(), &mut threads);
            }
            let byte = text.get(position);
            for thread in take(&mut threads.list) {
                match (self.program.get(thread.at), byte) {
                    (Some(Instruction::Byte(set)), Some(byte)) if set.contains(*byte) => {
                        let after = Thread { at: behind(thread.at), ..thread };
                        self.follow(after, behind(position), text.len(), &mut next);
                    }
                    (Some(Instruction::Match), _)
                        if best.as_ref().is_none_or(|best| thread.is_better(best)) =>
                    {
                        best = Some(thread);
                    }
                    _ => {}
                }
            }
            threads.clear();
            swap(&mut threads, &mut next);
        }
        let marks = best?.marks;
        let pair = |pair: &[Option<usize>]| match pair {
            [Some(start), Some(end)] => Some((*start, *end)),
            _ => None,
        };
        Some(marks.chunks(2).map(pair).collect())
    }

    /// Adds the instructions that are reachable from one without consuming a byte, the preferred ones first.
    fn follow(&self, thread: Thread, position: usize, end: usize, threads: &mut Threads) {
        let mut open = vec![thread];
        while let Some(mut thread) = open.pop() {
            let is_new = threads.seen.get_mut(thread.at).is_some_and(|seen| !core::mem::replace(seen, true));
            let Some(instruction) = self.program.get(thread.at).filter(|_| is_new) else { continue };
            let after = behind(thread.at);
            match instruction {
                Instruction::Byte(_) | Instruction::Match => threads.list.push(thread),
                Instruction::Jump(to) => open.push(Thread { at: *to, ..thread }),
                Instruction::Split(first, second) => {
                    open.push(Thread { at: *second, marks: thread.marks.clone() });
                    open.push(Thread { at: *first, ..thread });
                }
                Instruction::Mark(number) => {
                    if let Some(mark) = thread.marks.get_mut(*number) {
                        *mark = Some(position);
                    }
                    open.push(Thread { at: after, ..thread });
                }
                Instruction::Start if position == 0 => open.push(Thread { at: after, ..thread }),
                Instruction::End if position == end => open.push(Thread { at: after, ..thread }),
                Instruction::Start | Instruction::End => {}
            }
        }
    }
}

impl Thread {
    /// Whether this match starts before `other`, or at the same place and is longer.
    fn is_better(&self, other: &Self) -> bool {
        let ends =
            |thread: &Self| (thread.marks.first().copied().flatten(), thread.marks.get(1).copied().flatten());
        let ((start, end), (other_start, other_end)) = (ends(self), ends(other));
        start < other_start || (start == other_start && end > other_end)
    }
}

/// The states that are reached at one position of the text, each once.
struct Threads {
    list: Vec<Thread>,
    seen: Vec<bool>,
}

impl Threads {
    fn new(instructions: usize) -> Self {
        Self { list: Vec::new(), seen: vec![false; instructions] }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.seen.fill(false);
    }
}

/// Appends the instructions of a node; none if there are too many.
fn emit(node: &Node, program: &mut Vec<Instruction>) -> Option<()> {
    match node {
        Node::Byte(set) => program.push(Instruction::Byte(set.clone())),
        Node::Start => program.push(Instruction::Start),
        Node::End => program.push(Instruction::End),
        Node::Group(number, inner) => {
            let first = number.checked_mul(2)?;
            program.push(Instruction::Mark(first));
            emit(inner, program)?;
            program.push(Instruction::Mark(first.checked_add(1)?));
        }
        Node::Sequence(nodes) => nodes.iter().try_for_each(|node| emit(node, program))?,
        Node::Either(nodes) => either(nodes, program)?,
        Node::Repeat { node, least, most } => {
            for _ in 0..*least {
                let before = program.len();
                emit(node, program)?;
                // A repetition of nothing is nothing.
                if program.len() == before {
                    break;
                }
            }
            match most {
                Some(most) => (*least..*most).try_for_each(|_| optional(node, program))?,
                None => repeated(node, program)?,
            }
        }
    }
    (program.len() <= MOST_INSTRUCTIONS).then_some(())
}

/// One of the nodes: a choice before each but the last, and a jump to the end after it.
fn either(nodes: &[Node], program: &mut Vec<Instruction>) -> Option<()> {
    let Some((last, others)) = nodes.split_last() else { return Some(()) };
    let mut jumps = Vec::new();
    for node in others {
        let split = program.len();
        optional(node, program)?;
        jumps.push(program.len());
        program.push(Instruction::Match);
        *program.get_mut(split)? = Instruction::Split(split.checked_add(1)?, program.len());
    }
    emit(last, program)?;
    let end = program.len();
    jumps.into_iter().try_for_each(|jump| program.get_mut(jump).map(|place| *place = Instruction::Jump(end)))
}

/// The node, zero or one time.
fn optional(node: &Node, program: &mut Vec<Instruction>) -> Option<()> {
    let split = program.len();
    program.push(Instruction::Match);
    emit(node, program)?;
    *program.get_mut(split)? = Instruction::Split(split.checked_add(1)?, program.len());
    Some(())
}

/// The node any number of times.
fn repeated(node: &Node, program: &mut Vec<Instruction>) -> Option<()> {
    let split = program.len();
    optional(node, program)?;
    program.push(Instruction::Jump(split));
    *program.get_mut(split)? = Instruction::Split(split.checked_add(1)?, program.len());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups as text; `-` for one that took no part.
    fn groups(expression: &str, text: &str) -> Option<Vec<std::string::String>> {
        let found = Regex::new(expression)?.find(text.as_bytes())?;
        Some(found.iter().map(|group| group.map_or("-".into(), |(a, b)| text[a..b].into())).collect())
    }

    #[test]
    fn matches_are_those_of_posix() {
        let cases: [(&str, &str, &[&str]); 21] = [
            ("^([a-z]+)[0-9]", "abc123", &["abc1", "abc"]),
            ("b", "abc", &["b"]),
            ("a|ab", "ab", &["ab"]),
            ("(a|ab)(c|bcd)", "abcd", &["abcd", "a", "bcd"]),
            ("(x)?y", "y", &["y", "-"]),
            ("a*", "baa", &[""]),
            ("(a*)*b", "aab", &["aab", "aa"]),
            ("^\\(hd0,gpt([0-9]+)\\)$", "(hd0,gpt12)", &["(hd0,gpt12)", "12"]),
            ("[^/]*$", "/boot/vmlinuz", &["vmlinuz"]),
            ("a{2,3}", "aaaa", &["aaa"]),
            ("^(ab){2}$", "abab", &["abab", "ab"]),
            ("a{2,}", "aaaa", &["aaaa"]),
            ("[[:digit:]_-]+", "x1_-2", &["1_-2"]),
            ("[]a]+", "]a", &["]a"]),
            ("[^]]", "]b", &["b"]),
            (".", "\n", &["\n"]),
            ("a\\.b", "a.b", &["a.b"]),
            ("x{", "x{", &["x{"]),
            ("a)", "a)", &["a)"]),
            ("(^a|b)c", "bc", &["bc", "b"]),
            ("", "x", &[""]),
        ];
        for (expression, text, expected) in cases {
            let expected = expected.iter().map(|group| std::string::String::from(*group)).collect();
            assert_eq!(groups(expression, text), Some(expected), "{expression} {text}");
        }
    }

    #[test]
    fn what_does_not_match_or_is_no_expression() {
        for (expression, text) in [("^b", "ab"), ("a$", "ab"), ("[0-9]", "x"), ("a+", "b"), ("x{2}", "x")] {
            assert_eq!(groups(expression, text), None, "{expression}");
        }
        for wrong in ["(", "(a", "[a", "[b-a]", "[[:none:]]", "*a", "a|*", "\\1", "a{3,2}", "a\\"] {
            assert!(Regex::new(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn size_and_work_are_bounded() {
        let deep = "(".repeat(1000) + "a" + &")".repeat(1000);
        for large in ["((((a{255}){255}){255}){255})", "a{2000}{2000}", deep.as_str(), &"a?".repeat(5000)] {
            assert!(Regex::new(large).is_none(), "{}", &large[..10]);
        }
        let evil = Regex::new("^(((a*)*)*)*$").unwrap();
        assert!(evil.work(100) < 1_000_000);
        assert!(evil.find(&[b"a".repeat(10_000), b"b".to_vec()].concat()).is_none());
    }
}
