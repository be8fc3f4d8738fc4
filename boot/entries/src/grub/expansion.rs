// SPDX-License-Identifier: BSD-3-Clause
//! Expansion of words into arguments.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    budget::reserve,
    environment::Environment,
    lexer::{Part, Word},
};
use crate::{Error, budget::number, sizes::total};

/// Most bytes that the words of one command may expand to.
const LONGEST: usize = 1024 * 1024;
/// Most wildcards of one argument; an argument with more is taken literally.
pub const MOST_WILDCARDS: usize = 16;

/// An argument of a command.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Argument {
    /// Its text.
    pub text: String,
    /// Offsets of unquoted `*` and `?`, at most one more than [`MOST_WILDCARDS`].
    pub wildcards: Vec<usize>,
}

/// The values of variables.
pub struct Values<'a> {
    pub environment: &'a Environment,
    /// `$1` and so on.
    pub arguments: &'a [String],
}

impl Values<'_> {
    /// Expands variables. An unquoted value is split into several arguments at white space.
    ///
    /// # Errors
    /// [`Error::Limit`] for too many bytes.
    pub fn expand(&self, words: &[Word]) -> Result<Vec<Argument>, Error> {
        let mut expansion = Expansion::default();
        for word in words {
            expansion.line = word.line;
            for part in &word.parts {
                match part {
                    Part::Text { text, quoted } => expansion.text(text, *quoted)?,
                    Part::Variable { name, quoted: true } if name == "@" => {
                        for (i, argument) in self.arguments.iter().enumerate() {
                            if i > 0 {
                                expansion.end();
                            }
                            expansion.text(argument, true)?;
                        }
                    }
                    Part::Variable { name, quoted: true } => expansion.text(&self.value(name), true)?,
                    Part::Variable { name, quoted: false } => expansion.split(&self.value(name))?,
                }
            }
            expansion.end();
        }
        Ok(expansion.arguments)
    }

    fn value(&self, name: &str) -> Cow<'_, str> {
        match name {
            "?" => Cow::Owned(self.environment.status.to_string()),
            "#" => Cow::Owned(self.arguments.len().to_string()),
            "@" | "*" => Cow::Owned(self.arguments.join(" ")),
            _ => match name.parse::<usize>() {
                Ok(index) => {
                    let argument = index.checked_sub(1).and_then(|i| self.arguments.get(i));
                    Cow::Borrowed(argument.map_or("", String::as_str))
                }
                Err(_) => Cow::Borrowed(self.environment.get(name)),
            },
        }
    }
}

/// Arguments that are being put together.
#[derive(Default)]
struct Expansion {
    arguments: Vec<Argument>,
    current: Option<Argument>,
    bytes: usize,
    line: u32,
}

impl Expansion {
    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        // May saturate: beyond the limit it does not matter how far.
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > LONGEST {
            return Err(Error::Limit { line: self.line, what: "bytes of words", limit: number(LONGEST) });
        }
        Ok(())
    }

    fn text(&mut self, text: &str, is_quoted: bool) -> Result<(), Error> {
        self.count(text.len())?;
        self.push(text, is_quoted)
    }

    /// A value without quotes.
    fn split(&mut self, value: &str) -> Result<(), Error> {
        self.count(value.len())?;
        for (i, piece) in value.split_ascii_whitespace().enumerate() {
            if i > 0 {
                self.end();
            }
            self.push(piece, false)?;
        }
        Ok(())
    }

    fn push(&mut self, text: &str, is_quoted: bool) -> Result<(), Error> {
        let argument = self.current.get_or_insert_default();
        reserve(&mut argument.text, self.line, text.len())?;
        if !is_quoted {
            // One more than the maximum marks that there are too many; then the room saturates at 0.
            let room = (MOST_WILDCARDS + 1).saturating_sub(argument.wildcards.len());
            let start = argument.text.len();
            argument.wildcards.extend(wildcards(text).map(|at| total([start, at])).take(room));
        }
        argument.text.push_str(text);
        Ok(())
    }

    fn end(&mut self) {
        self.arguments.extend(self.current.take());
    }
}

/// Offsets of wildcards in a text, except escaped ones: a backslash in a value takes the meaning from the next
/// character.
fn wildcards(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let is_escaped = |at: usize| at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\');
    bytes
        .iter()
        .enumerate()
        .filter(move |(at, c)| matches!(c, b'*' | b'?') && !is_escaped(*at))
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Arch,
        grub::lexer::{Token, tokens},
    };

    fn expand(script: &str) -> Vec<Argument> {
        let mut environment = Environment::new(Arch::X86_64, "hd0,gpt1", "(hd0,gpt1)/boot/grub", "");
        environment.set("two", " a b ", 1).unwrap();
        environment.set("star", "x* \\*", 1).unwrap();
        let words: Vec<Word> = tokens(script)
            .unwrap()
            .into_iter()
            .filter_map(|token| if let Token::Word(word) = token { Some(word) } else { None })
            .collect();
        Values { environment: &environment, arguments: &["1 x", "2"].map(String::from) }
            .expand(&words)
            .unwrap()
    }

    fn texts(script: &str) -> Vec<String> {
        expand(script).into_iter().map(|argument| argument.text).collect()
    }

    #[test]
    fn values_without_quotes_become_several_arguments() {
        assert_eq!(texts("x${two}\"y\""), ["xa", "by"]);
        assert_eq!(texts("\"$two\"$two"), [" a b a", "b"]);
        assert_eq!(texts("$none '' \"$none\" x$none"), ["", "", "x"]);
        assert_eq!(texts("$# $1 \"$@\" $root $?"), ["2", "1", "x", "1 x", "2", "hd0,gpt1", "0"]);
    }

    #[test]
    fn wildcards_are_what_is_not_quoted() {
        let found =
            |script: &str| expand(script).into_iter().map(|argument| argument.wildcards).collect::<Vec<_>>();
        assert_eq!(found("/a*b? '/*' \"*\" \\*"), [vec![2, 4], vec![], vec![], vec![]]);
        assert_eq!(found("/$star \"$star\""), [vec![2], vec![], vec![]]);
        assert_eq!(found(&"*".repeat(1000))[0].len(), MOST_WILDCARDS + 1);
    }

    use std::vec;
}
