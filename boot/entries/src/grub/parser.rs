// SPDX-License-Identifier: BSD-3-Clause
//! Statements of a GRUB script (grub-core/script/parser.y names them; the manual shows them).

use alloc::{rc::Rc, string::String, vec::Vec};

use super::{
    budget::Budget,
    lexer::{Lexer, Token, Word},
};
use crate::Error;

/// Most levels of nested blocks: update-grub writes four, and the firmware's stack is small.
const DEEPEST: u32 = 32;

/// Statements, shared by the functions and menu entries made of them.
pub type Block = Rc<[Statement]>;

/// One statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Statement {
    /// A command with its words; `menuentry` and `submenu` have a block.
    Command {
        /// Name and arguments.
        words: Vec<Word>,
        /// The block in braces after them.
        block: Option<Block>,
        /// Line, from 1.
        line: u32,
    },
    /// `if`, `elif`…, `else`
    If {
        /// Conditions and their bodies.
        branches: Vec<(Block, Block)>,
        /// Behind `else`.
        otherwise: Block,
    },
    /// `for NAME in WORDS; do …; done`
    For {
        /// The variable.
        name: String,
        /// Its values.
        words: Vec<Word>,
        /// The body.
        body: Block,
        /// Line, from 1.
        line: u32,
    },
    /// `while …; do …; done`, or `until`.
    While {
        /// Runs before each round.
        condition: Block,
        /// The body.
        body: Block,
        /// `until`: repeats as long as the condition fails.
        is_until: bool,
        /// Line, from 1.
        line: u32,
    },
    /// `function NAME { … }`
    Function {
        /// The name.
        name: String,
        /// What it does.
        body: Block,
        /// Line, from 1.
        line: u32,
    },
}

/// Keywords, which count only in the position of a command.
const KEYWORDS: [&str; 14] = [
    "if", "then", "elif", "else", "fi", "for", "in", "while", "until", "do", "done", "case", "esac", "select",
];

/// A script, read as GRUB reads it: line by line, with as many further lines as the statements of a line need.
pub struct Script<'a> {
    lexer: Lexer<'a>,
    /// The token that was peeked at, and its line.
    peeked: Option<(Token, u32)>,
    depth: u32,
}

impl<'a> Script<'a> {
    /// Reads `text`, whose words count for `budget`.
    pub fn new(text: &'a str, budget: &'a Budget<'a>) -> Self {
        Self { lexer: Lexer::new(text, budget), peeked: None, depth: 0 }
    }

    /// The statements of the next line; none at the end. After a syntax error, reading goes on with the next line.
    ///
    /// # Errors
    /// [`Error::Syntax`] or [`Error::Limit`] with the line.
    pub fn unit(&mut self) -> Result<Option<Block>, Error> {
        self.depth = 0;
        let unit = self.statements_of_line();
        if unit.is_err() {
            self.peeked = None;
            self.lexer.skip_line();
        }
        unit
    }

    fn statements_of_line(&mut self) -> Result<Option<Block>, Error> {
        self.newlines()?;
        let mut statements = Vec::new();
        loop {
            match self.peek()? {
                Token::Newline | Token::End if !statements.is_empty() => break,
                Token::End => return Ok(None),
                _ => {}
            }
            let statement =
                if self.keyword()? == Some("function") { self.function()? } else { self.statement()? };
            statements.push(statement);
            match self.peek()? {
                Token::Semicolon => self.advance(),
                Token::Newline | Token::End => break,
                _ => return self.error("a keyword or brace without its opening"),
            }
        }
        Ok(Some(statements.into()))
    }

    fn peek(&mut self) -> Result<&Token, Error> {
        let next = match self.peeked.take() {
            Some(next) => next,
            None => self.lexer.token()?,
        };
        Ok(&self.peeked.insert(next).0)
    }

    fn line(&self) -> u32 {
        self.peeked.as_ref().map_or(self.lexer.line(), |(_, line)| *line)
    }

    fn advance(&mut self) {
        self.peeked = None;
    }

    fn error<T>(&self, cause: &'static str) -> Result<T, Error> {
        Err(Error::Syntax { line: self.line(), cause })
    }

    /// The next token if it is a word without quotes.
    fn keyword(&mut self) -> Result<Option<&str>, Error> {
        Ok(match self.peek()? {
            Token::Word(word) => word.plain(),
            _ => None,
        })
    }

    fn expect(&mut self, keyword: &str, cause: &'static str) -> Result<(), Error> {
        if self.keyword()? != Some(keyword) {
            return self.error(cause);
        }
        self.advance();
        Ok(())
    }

    fn newlines(&mut self) -> Result<(), Error> {
        while self.peek()? == &Token::Newline {
            self.advance();
        }
        Ok(())
    }

    /// Statements up to one of the keywords; each ends with a semicolon or a line.
    fn block(&mut self, until: &[&str]) -> Result<Block, Error> {
        let outer = self.deeper()?;
        let mut statements = Vec::new();
        self.newlines()?;
        loop {
            statements.push(self.statement()?);
            if !matches!(self.peek()?, Token::Semicolon | Token::Newline) {
                return self.error("unterminated statement");
            }
            self.advance();
            self.newlines()?;
            if self.keyword()?.is_some_and(|word| until.contains(&word)) {
                break;
            }
        }
        self.depth = outer;
        Ok(statements.into())
    }

    /// Enters a level; returns the enclosing one.
    fn deeper(&mut self) -> Result<u32, Error> {
        let outer = self.depth;
        match outer.checked_add(1).filter(|depth| *depth <= DEEPEST) {
            Some(depth) => self.depth = depth,
            None => {
                let (line, limit) = (self.line(), u64::from(DEEPEST));
                return Err(Error::Limit { line, what: "levels of blocks", limit });
            }
        }
        Ok(outer)
    }

    fn statement(&mut self) -> Result<Statement, Error> {
        let line = self.line();
        match self.keyword()? {
            Some("if") => self.conditional(),
            Some("for") => self.repetition(line),
            Some(word @ ("while" | "until")) => {
                let is_until = word == "until";
                self.advance();
                let condition = self.block(&["do"])?;
                let body = self.body()?;
                Ok(Statement::While { condition, body, is_until, line })
            }
            Some("function") => self.error("a function inside a block"),
            Some(word) if KEYWORDS.contains(&word) => self.error("a keyword without its opening"),
            _ => self.command(line),
        }
    }

    fn function(&mut self) -> Result<Statement, Error> {
        let line = self.line();
        self.advance();
        let name = self.name("a function without a name")?;
        self.newlines()?;
        let body = self.braces(true)?;
        Ok(Statement::Function { name, body, line })
    }

    /// A name: an unquoted word that is not a keyword.
    fn name(&mut self, cause: &'static str) -> Result<String, Error> {
        let is_name = |word: &str| {
            word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !word.starts_with(|c: char| c.is_ascii_digit())
                && word != "function"
                && !KEYWORDS.contains(&word)
        };
        let Some(name) = self.keyword()?.filter(|word| is_name(word)).map(String::from) else {
            return self.error(cause);
        };
        self.advance();
        Ok(name)
    }

    fn conditional(&mut self) -> Result<Statement, Error> {
        let mut branches = Vec::new();
        self.advance();
        loop {
            let condition = self.block(&["then"])?;
            self.expect("then", "if without then")?;
            branches.push((condition, self.block(&["elif", "else", "fi"])?));
            if self.keyword()? != Some("elif") {
                break;
            }
            self.advance();
        }
        let otherwise = if self.keyword()? == Some("else") {
            self.advance();
            self.block(&["fi"])?
        } else {
            Block::default()
        };
        self.expect("fi", "if without fi")?;
        Ok(Statement::If { branches, otherwise })
    }

    fn repetition(&mut self, line: u32) -> Result<Statement, Error> {
        self.advance();
        let name = self.name("for without a variable")?;
        self.expect("in", "for without in")?;
        let words = self.words()?;
        if !matches!(self.peek()?, Token::Semicolon | Token::Newline) {
            return self.error("unterminated word list of for");
        }
        self.advance();
        self.newlines()?;
        Ok(Statement::For { name, words, body: self.body()?, line })
    }

    /// `do … done`
    fn body(&mut self) -> Result<Block, Error> {
        self.expect("do", "a loop without do")?;
        let body = self.block(&["done"])?;
        self.expect("done", "a loop without done")?;
        Ok(body)
    }

    fn words(&mut self) -> Result<Vec<Word>, Error> {
        let mut words = Vec::new();
        while matches!(self.peek()?, Token::Word(_)) {
            if let Some((Token::Word(word), _)) = self.peeked.take() {
                words.push(word);
            }
        }
        Ok(words)
    }

    /// `{ … }`; `is_strict`: the last statement must be terminated before the brace, as in a function.
    fn braces(&mut self, is_strict: bool) -> Result<Block, Error> {
        if self.peek()? != &Token::Open {
            return self.error("missing opening brace");
        }
        self.advance();
        let outer = self.deeper()?;
        self.newlines()?;
        let mut statements = Vec::new();
        loop {
            statements.push(self.statement()?);
            let has_end = matches!(self.peek()?, Token::Semicolon | Token::Newline);
            if has_end {
                self.advance();
                self.newlines()?;
            }
            if self.peek()? == &Token::Close && (has_end || !is_strict) {
                break;
            }
            if !has_end {
                return self.error("unclosed brace");
            }
        }
        self.advance();
        self.depth = outer;
        Ok(statements.into())
    }

    fn command(&mut self, line: u32) -> Result<Statement, Error> {
        let words = self.words()?;
        if words.is_empty() {
            return self.error("missing command");
        }
        let has_block = self.peek()? == &Token::Open;
        let block = if has_block { Some(self.braces(false)?) } else { None };
        Ok(Statement::Command { words, block, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All units, or the first error.
    fn parse(text: &str) -> Result<Vec<Block>, Error> {
        let shares = crate::budget::Budget::new(&vfs::Volumes::default());
        let budget = Budget::new(shares.disk(0));
        let mut script = Script::new(text, &budget);
        let mut units = Vec::new();
        while let Some(unit) = script.unit()? {
            units.push(unit);
        }
        Ok(units)
    }

    #[test]
    fn update_grubs_shapes_parse() {
        let script = "function f {\n  a\n}\nif [ x = y ]; then b; elif c; then d\nelse e; fi\n\
                      menuentry 'T' --class x $o 'id' {\n\tlinux /k\n}\nfor i in a b; do echo $i; done";
        let units = parse(script).unwrap();
        assert_eq!(units.len(), 4);
        assert!(matches!(&units[1][0], Statement::If { branches, .. } if branches.len() == 2));
        assert!(
            matches!(&units[2][0], Statement::Command { words, block: Some(b), line: 6 } if words.len() == 6 && b.len() == 1)
        );
    }

    #[test]
    fn an_error_costs_its_line_only() {
        let shares = crate::budget::Budget::new(&vfs::Volumes::default());
        let budget = Budget::new(shares.disk(0));
        let mut script = Script::new("a; | ; b\nc; d\nif true; then\n| '\ne", &budget);
        let mut found = Vec::new();
        loop {
            match script.unit() {
                Ok(Some(unit)) => found.push(Ok(unit.len())),
                Ok(None) => break,
                Err(Error::Syntax { line, .. }) => found.push(Err(line)),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(found, [Err(1), Ok(2), Err(4), Ok(1)]);
    }

    #[test]
    fn blocks_nest_to_a_limit() {
        let deep = |n: usize| "if a; then ".repeat(n) + "b" + &"; fi".repeat(n);
        assert!(parse(&deep(20)).is_ok());
        assert_eq!(parse(&deep(100)).unwrap_err().code(), "E-GRUB-LIMIT");
    }

    #[test]
    fn words_are_counted() {
        assert_eq!(parse(&"a ".repeat(70_000)).unwrap_err().code(), "E-GRUB-LIMIT");
    }
}
