// SPDX-License-Identifier: BSD-3-Clause
//! Words of a GRUB script (GRUB manual, "Writing full configuration files directly": quoting, expansion).

use alloc::{string::String, vec::Vec};

use super::budget::Budget;
use crate::Error;

/// A word before expansion: its parts are adjacent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Word {
    /// Text and variables.
    pub parts: Vec<Part>,
    /// Line on which it starts, from 1.
    pub line: u32,
}

/// A part of a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// Literal text; `quoted` if it was in quotes or after a backslash.
    Text {
        /// The text.
        text: String,
        /// Quoted text is neither a keyword nor a wildcard.
        quoted: bool,
    },
    /// A variable; in double quotes, its value is not split into words.
    Variable {
        /// Its name: letters, digits and underscores, or one of `? # @ *`.
        name: String,
        /// In double quotes.
        quoted: bool,
    },
}

/// The tokens of a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Token {
    /// A word.
    Word(Word),
    /// `;`
    Semicolon,
    /// The end of a line.
    Newline,
    /// `{`
    Open,
    /// `}`
    Close,
    /// The end of the script.
    End,
}

impl Word {
    /// The word's text if it has neither quotes nor variables: only such a word can be a keyword.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text { text, quoted: false }] => Some(text),
            _ => None,
        }
    }
}

/// Splits a script into tokens.
pub struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    /// Nothing of this line was read yet.
    is_at_start: bool,
    budget: &'a Budget<'a>,
    word: Option<Word>,
}

impl<'a> Lexer<'a> {
    /// Reads `script`, whose words count for `budget`.
    pub fn new(script: &'a str, budget: &'a Budget<'a>) -> Self {
        Self { rest: script, line: 1, is_at_start: true, budget, word: None }
    }

    /// The line that is being read, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Skips the rest of the current line, as GRUB does after an error.
    pub fn skip_line(&mut self) {
        self.word = None;
        while !self.is_at_start && self.next().is_some() {}
    }

    /// The next token and its line.
    ///
    /// # Errors
    /// [`Error::Syntax`] for an invalid token, [`Error::Limit`].
    pub fn token(&mut self) -> Result<(Token, u32), Error> {
        loop {
            let ends_word = matches!(
                self.peek(),
                None | Some(' ' | '\t' | '\r' | '\n' | ';' | '{' | '}' | '|' | '&' | '<' | '>')
            );
            if ends_word && let Some(word) = self.word.take() {
                if matches!(word.plain(), Some("[[" | "]]")) {
                    return self.error("[[ and ]] are not part of GRUB's language");
                }
                let line = word.line;
                return Ok((Token::Word(word), line));
            }
            let line = self.line;
            let Some(c) = self.next() else {
                return Ok((Token::End, line));
            };
            let token = match c {
                '\n' => Token::Newline,
                ';' => Token::Semicolon,
                '{' => Token::Open,
                '}' => Token::Close,
                c => {
                    self.part_of_word(c)?;
                    continue;
                }
            };
            self.budget.part(line)?;
            return Ok((token, line));
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        self.is_at_start = c == '\n';
        if self.is_at_start {
            // Cannot saturate: no script has so many bytes.
            self.line = self.line.saturating_add(1);
        }
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn error<T>(&self, cause: &'static str) -> Result<T, Error> {
        Err(Error::Syntax { line: self.line, cause })
    }

    fn part_of_word(&mut self, c: char) -> Result<(), Error> {
        match c {
            ' ' | '\t' | '\r' => Ok(()),
            '#' if self.word.is_none() => {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.next();
                }
                Ok(())
            }
            '|' | '&' | '<' | '>' => self.error("| & < > are not part of GRUB's language"),
            '\'' => self.single_quotes(),
            '"' => self.double_quotes(),
            '\\' => self.escape(),
            '$' if self.peek() == Some('"') => {
                self.next();
                self.translated()
            }
            '$' => self.variable(false),
            c => self.push(c, false),
        }
    }

    /// Reads what follows a backslash. An escaped hexadecimal byte (`\xHH`) keeps its backslash, as in Red Hat's GRUB:
    /// their media write the volume label that way. Debian's GRUB drops it, and the kernel then does not find the
    /// label.
    fn escape(&mut self) -> Result<(), Error> {
        let is_byte = is_hexadecimal_byte(self.rest);
        match self.next() {
            Some('\n') | None => Ok(()),
            Some(c) => {
                if is_byte {
                    self.push('\\', true)?;
                }
                self.push(c, true)
            }
        }
    }

    fn add(&mut self, part: Part) -> Result<(), Error> {
        self.budget.part(self.line)?;
        let line = self.line;
        self.word.get_or_insert_with(|| Word { parts: Vec::new(), line }).parts.push(part);
        Ok(())
    }

    fn push(&mut self, c: char, is_quoted: bool) -> Result<(), Error> {
        let last = self.word.as_mut().and_then(|word| word.parts.last_mut());
        if let Some(Part::Text { text, quoted }) = last
            && *quoted == is_quoted
        {
            text.push(c);
            return Ok(());
        }
        self.add(Part::Text { text: String::from(c), quoted: is_quoted })
    }

    /// Empty quotes make a word, too.
    fn open_quote(&mut self) -> Result<(), Error> {
        self.add(Part::Text { text: String::new(), quoted: true })
    }

    fn single_quotes(&mut self) -> Result<(), Error> {
        self.open_quote()?;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some(c) => self.push(c, true)?,
                None => return self.error("a single quote is not closed"),
            }
        }
    }

    fn double_quotes(&mut self) -> Result<(), Error> {
        self.open_quote()?;
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\\') => self.escape_in_quotes()?,
                Some('$') => self.variable(true)?,
                Some(c) => self.push(c, true)?,
                None => return self.error("a double quote is not closed"),
            }
        }
    }

    /// After `$"`: a text that GRUB translates first and expands afterwards, so a `$` may be literal. Numbers do not
    /// name arguments there.
    fn translated(&mut self) -> Result<(), Error> {
        self.open_quote()?;
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\\') => self.escape_in_quotes()?,
                Some('$') => match self.peek() {
                    Some(c) if c.is_ascii_digit() => self.name(&mut String::new(), |c| c.is_ascii_digit()),
                    Some(c) if c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '?' | '#') => {
                        self.variable(true)?
                    }
                    _ => self.push('$', true)?,
                },
                Some(c) => self.push(c, true)?,
                None => return self.error("a double quote is not closed"),
            }
        }
    }

    /// Only what means something in double quotes can be escaped there.
    fn escape_in_quotes(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(c @ ('$' | '"' | '\\')) => {
                self.next();
                self.push(c, true)
            }
            Some('\n') => {
                self.next();
                Ok(())
            }
            _ => self.push('\\', true),
        }
    }

    /// Behind a `$`.
    fn variable(&mut self, quoted: bool) -> Result<(), Error> {
        let has_brace = self.peek() == Some('{');
        if has_brace {
            self.next();
        }
        let mut name = String::new();
        match self.peek() {
            Some(c @ ('?' | '#' | '@' | '*')) => {
                self.next();
                name.push(c);
            }
            Some(c) if c.is_ascii_digit() => self.name(&mut name, |c| c.is_ascii_digit()),
            _ => self.name(&mut name, |c| c.is_ascii_alphanumeric() || c == '_'),
        }
        if name.is_empty() {
            return self.error("$ without a variable");
        }
        if has_brace && self.next() != Some('}') {
            return self.error("a variable's brace is not closed");
        }
        self.add(Part::Variable { name, quoted })
    }

    fn name(&mut self, name: &mut String, is_in: fn(char) -> bool) {
        while let Some(c) = self.peek().filter(|c| is_in(*c)) {
            self.next();
            name.push(c);
        }
    }
}

/// Whether a text starts with `xHH`.
pub fn is_hexadecimal_byte(text: &str) -> bool {
    let digits = text.strip_prefix('x').and_then(|rest| rest.as_bytes().get(..2));
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Every token of a script.
#[cfg(test)]
pub fn tokens(script: &str) -> Result<Vec<Token>, Error> {
    let shares = crate::budget::Budget::new(&vfs::Volumes::default());
    let budget = Budget::new(shares.disk(0));
    let mut lexer = Lexer::new(script, &budget);
    let mut tokens = Vec::new();
    loop {
        match lexer.token()? {
            (Token::End, _) => return Ok(tokens),
            (token, _) => tokens.push(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec};

    use super::*;

    fn shown(script: &str) -> Vec<String> {
        let show = |part: &Part| match part {
            Part::Text { text, quoted } => format!("{}{text}", if *quoted { "'" } else { "" }),
            Part::Variable { name, quoted } => format!("{}${name}", if *quoted { "'" } else { "" }),
        };
        let tokens = tokens(script).unwrap();
        tokens
            .into_iter()
            .map(|token| match token {
                Token::Word(word) => word.parts.iter().map(show).collect::<Vec<_>>().join("+"),
                Token::Semicolon => ";".to_string(),
                Token::Newline => "|".to_string(),
                Token::Open => "{".to_string(),
                Token::Close => "}".to_string(),
                Token::End => unreachable!("the list ends before"),
            })
            .collect()
    }

    #[test]
    fn words_keep_their_parts() {
        assert_eq!(shown("a 'b c' \"d $e\" ${f}g # h\ni"), ["a", "'b c", "'d +'$e", "$f+g", "|", "i"]);
        assert_eq!(shown("a\\ b \\\n c"), ["a+' +b", "c"]);
        assert_eq!(shown("a\\x20b\\x2g '\\x20'"), ["a+'\\x+20b+'x+2g", "'\\x20"]);
        assert_eq!(shown("$\"a $ b $1x ${y}$@\""), ["'a $ b x +'$y+'$@"]);
        assert_eq!(shown("\"\\$x\\n\" '' $\"t\""), ["'$x\\n", "'", "'t"]);
        assert_eq!(shown("x { y; } a{b"), ["x", "{", "y", ";", "}", "a", "{", "b"]);
        assert_eq!(shown("$? $1x $12"), ["$?", "$1+x", "$12"]);
    }

    #[test]
    fn what_is_no_token_is_an_error_with_its_line() {
        for script in ["'a", "\"a", "${a", "${a b}", "$", "\"$ a\"", "[[", "a ]]", "a&", "a|b", "<", ">"] {
            let found = tokens(&["\n\n", script].concat());
            assert!(matches!(found, Err(Error::Syntax { line: 3, .. })), "{script}: {found:?}");
        }
        assert_eq!(tokens(""), Ok(vec![]));
    }
}
