// SPDX-License-Identifier: BSD-3-Clause
//! From the text of an expression to its tree.

use alloc::{boxed::Box, vec, vec::Vec};

/// Most groups, including the whole expression: scripts cannot name more.
const MOST_GROUPS: usize = 10;
/// Most levels of nested groups.
const DEEPEST: u32 = 16;
/// RE_DUP_MAX of POSIX.
const MOST_REPEATS: u32 = 255;
/// Most repetition operators on one part; POSIX leaves more than one undefined.
const MOST_REPETITIONS: usize = 4;
/// Most ranges of one set, each of which is compared with each byte of a text.
const MOST_RANGES: usize = 64;

/// Bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Set {
    ranges: Vec<(u8, u8)>,
    /// All bytes outside of the ranges.
    is_negated: bool,
}

impl Set {
    fn one(byte: u8) -> Self {
        Self { ranges: vec![(byte, byte)], is_negated: false }
    }

    /// Whether the byte belongs to it.
    pub fn contains(&self, byte: u8) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&byte)) != self.is_negated
    }
}

/// A part of an expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Node {
    /// One byte of a set.
    Byte(Set),
    /// The start of the text.
    Start,
    /// Its end.
    End,
    /// A group and its number.
    Group(usize, Box<Node>),
    /// A sequence.
    Sequence(Vec<Node>),
    /// Alternatives, the first that matches.
    Either(Vec<Node>),
    /// A repetition.
    Repeat {
        /// What is repeated.
        node: Box<Node>,
        /// How often at least.
        least: u32,
        /// How often at most; none for no limit.
        most: Option<u32>,
    },
}

/// The tree of an expression, and its number of groups, including the whole expression; none if it is invalid.
pub fn parse(expression: &[u8]) -> Option<(Node, usize)> {
    let mut parser = Parser { rest: expression, groups: 1, depth: 0 };
    let node = parser.alternatives()?;
    parser.rest.is_empty().then_some((node, parser.groups))
}

/// No expression.
struct Wrong;

/// A range of repetitions; without `most`, there is no limit.
struct Range {
    least: u32,
    most: Option<u32>,
}

struct Parser<'a> {
    rest: &'a [u8],
    groups: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.next();
        }
        is_next
    }

    fn alternatives(&mut self) -> Option<Node> {
        let mut nodes = vec![self.sequence()?];
        while self.take(b'|') {
            nodes.push(self.sequence()?);
        }
        Some(Node::Either(nodes))
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'|') => break,
                Some(b')') if self.depth > 0 => break,
                _ => {}
            }
            let mut node = self.atom()?;
            for _ in 0..MOST_REPETITIONS {
                let Some(Range { least, most }) = self.repetition().ok()? else { break };
                node = Node::Repeat { node: node.into(), least, most };
            }
            nodes.push(node);
        }
        Some(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.next()? {
            b'^' => Node::Start,
            b'$' => Node::End,
            b'.' => Node::Byte(Set { ranges: Vec::new(), is_negated: true }),
            b'[' => Node::Byte(self.bracket()?),
            b'(' => self.group()?,
            b'*' | b'+' | b'?' => return None,
            b'\\' => Node::Byte(escaped(self.next()?)?),
            byte => Node::Byte(Set::one(byte)),
        })
    }

    fn group(&mut self) -> Option<Node> {
        let number = self.groups;
        self.groups = number.checked_add(1).filter(|groups| *groups <= MOST_GROUPS)?;
        self.depth = self.depth.checked_add(1).filter(|depth| *depth <= DEEPEST)?;
        let inner = self.alternatives()?;
        self.depth = self.depth.checked_sub(1)?;
        self.take(b')').then(|| Node::Group(number, inner.into()))
    }

    /// The repetition of the preceding part; none if no operator follows.
    fn repetition(&mut self) -> Result<Option<Range>, Wrong> {
        let range = match self.peek() {
            Some(b'*') => Range { least: 0, most: None },
            Some(b'+') => Range { least: 1, most: None },
            Some(b'?') => Range { least: 0, most: Some(1) },
            Some(b'{') => return self.interval(),
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(range))
    }

    /// `{2}`, `{2,}`, `{2,3}`; before anything else, a brace is literal.
    fn interval(&mut self) -> Result<Option<Range>, Wrong> {
        let mut halves = self.rest.splitn(2, |byte| *byte == b'}');
        let (Some(inside), Some(rest)) = (halves.next(), halves.next()) else { return Ok(None) };
        let inside = inside.get(1..).and_then(|inside| str::from_utf8(inside).ok()).unwrap_or_default();
        let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
        let (Ok(least), Ok(most)) = (least.parse::<u32>(), most.parse::<u32>()) else {
            return match least.parse::<u32>() {
                Ok(least) if most.is_empty() && least <= MOST_REPEATS => {
                    self.rest = rest;
                    Ok(Some(Range { least, most: None }))
                }
                Ok(_) if most.is_empty() => Err(Wrong),
                _ => Ok(None),
            };
        };
        if most < least || most > MOST_REPEATS {
            return Err(Wrong);
        }
        self.rest = rest;
        Ok(Some(Range { least, most: Some(most) }))
    }

    /// Reads a set, after `[`.
    fn bracket(&mut self) -> Option<Set> {
        let mut set = Set { ranges: Vec::new(), is_negated: self.take(b'^') };
        let mut is_first = true;
        loop {
            if set.ranges.len() > MOST_RANGES {
                return None;
            }
            let first = match self.next()? {
                b']' if !is_first => return Some(set),
                b'[' if self.peek() == Some(b':') => {
                    set.ranges.extend_from_slice(self.class()?);
                    is_first = false;
                    continue;
                }
                b'[' if matches!(self.peek(), Some(b'.' | b'=')) => return None,
                byte => byte,
            };
            is_first = false;
            let is_range = self.peek() == Some(b'-') && self.rest.get(1).is_some_and(|byte| *byte != b']');
            let last = if is_range {
                self.next();
                self.next().filter(|last| *last >= first)?
            } else {
                first
            };
            set.ranges.push((first, last));
        }
    }

    /// `[:NAME:]`, after the first bracket.
    fn class(&mut self) -> Option<&'static [(u8, u8)]> {
        let end = self.rest.windows(2).position(|pair| pair == b":]")?;
        let name = self.rest.get(1..end)?;
        self.rest = self.rest.get(end.checked_add(2)?..)?;
        Some(match name {
            b"alpha" => &[(b'a', b'z'), (b'A', b'Z')],
            b"alnum" => &[(b'a', b'z'), (b'A', b'Z'), (b'0', b'9')],
            b"digit" => &[(b'0', b'9')],
            b"xdigit" => &[(b'0', b'9'), (b'a', b'f'), (b'A', b'F')],
            b"lower" => &[(b'a', b'z')],
            b"upper" => &[(b'A', b'Z')],
            b"space" => &[(b'\t', b'\r'), (b' ', b' ')],
            b"blank" => &[(b'\t', b'\t'), (b' ', b' ')],
            b"punct" => &[(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
            b"graph" => &[(b'!', b'~')],
            b"print" => &[(b' ', b'~')],
            b"cntrl" => &[(0, 31), (127, 127)],
            _ => return None,
        })
    }
}

/// What a byte behind a backslash means: itself, if it is not a letter or digit; `\w` and `\s` as in GNU's.
fn escaped(byte: u8) -> Option<Set> {
    let word = || vec![(b'a', b'z'), (b'A', b'Z'), (b'0', b'9'), (b'_', b'_')];
    let space = || vec![(b'\t', b'\r'), (b' ', b' ')];
    let (ranges, is_negated) = match byte {
        b'w' => (word(), false),
        b'W' => (word(), true),
        b's' => (space(), false),
        b'S' => (space(), true),
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'<' | b'>' | b'`' | b'\'') => return None,
        byte => return Some(Set::one(byte)),
    };
    Some(Set { ranges, is_negated })
}
