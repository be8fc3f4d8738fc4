// SPDX-License-Identifier: BSD-3-Clause
//! Options of GRUB's commands.
//!
//! Source: GRUB 2.14, grub-core/lib/arg.c.

use alloc::{string::String, vec::Vec};

/// What an option takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// A value.
    Value,
    /// An optional value.
    PerhapsValue,
}

/// An option: its long name, its letter, what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub long: &'static str,
    pub letter: Option<char>,
    pub takes: Takes,
}

/// The options of a command.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    pub options: &'static [Known],
    /// Whether an unknown option is taken as an argument; otherwise it is an error.
    pub keeps_unknown: bool,
}

/// Why a command does nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The command only shows its help, and succeeds.
    Help,
    /// It fails.
    Wrong,
}

/// What a command was given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Given<'a> {
    options: Vec<(&'static str, Option<&'a str>)>,
    /// The arguments that belong to no option.
    pub plain: Vec<&'a str>,
}

impl<'a> Given<'a> {
    /// Whether an option is there.
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(known, _)| *known == long)
    }

    /// The value of an option, the last one where there are several.
    pub fn value(&self, long: &str) -> Option<&'a str> {
        self.options.iter().rfind(|(known, _)| *known == long).and_then(|(_, value)| *value)
    }

    /// All values of an option, in order.
    pub fn values<'s>(&'s self, long: &'s str) -> impl Iterator<Item = &'a str> + 's {
        self.options.iter().filter(move |(known, _)| *known == long).filter_map(|(_, value)| *value)
    }
}

/// An option without a value.
pub const fn flag(long: &'static str, letter: Option<char>) -> Known {
    Known { long, letter, takes: Takes::Nothing }
}

/// An option with a value.
pub const fn value(long: &'static str, letter: Option<char>) -> Known {
    Known { long, letter, takes: Takes::Value }
}

impl Syntax {
    /// Parses the arguments of a command.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn parse<'a>(&self, arguments: &'a [String]) -> Result<Given<'a>, Refusal> {
        let mut given = Given::default();
        let mut words = arguments.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            if word == "--" {
                given.plain.extend(words);
                break;
            }
            let next = words.peek().copied();
            let took_next = if let Some(name) = word.strip_prefix("--") {
                self.long(name, word, next, &mut given)?
            } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                self.letters(letters, word, next, &mut given)?
            } else {
                given.plain.push(word);
                false
            };
            if took_next {
                words.next();
            }
        }
        Ok(given)
    }

    /// `--NAME`, `--NAME=VALUE`, `--NAME VALUE`; whether the next word was taken. A value may start with a dash only
    /// after `=`.
    fn long<'a>(
        &self,
        name: &'a str,
        word: &'a str,
        next: Option<&'a str>,
        given: &mut Given<'a>,
    ) -> Result<bool, Refusal> {
        let (name, behind) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
        let Some(option) = self.options.iter().find(|option| option.long == name) else {
            return match name {
                "help" | "usage" => Err(Refusal::Help),
                _ => self.unknown(word, given),
            };
        };
        let next = next.filter(|next| !next.starts_with('-') && option.takes != Takes::Nothing);
        let took_next = behind.is_none() && next.is_some();
        add(option, behind.or(next), given)?;
        Ok(took_next)
    }

    /// `-abc`: only the last letter may have a value, which is the next word.
    fn letters<'a>(
        &self,
        letters: &'a str,
        word: &'a str,
        next: Option<&'a str>,
        given: &mut Given<'a>,
    ) -> Result<bool, Refusal> {
        let find = |letter: char| self.options.iter().find(|option| option.letter == Some(letter));
        let is_help = |letter: char| matches!(letter, 'h' | 'u');
        if self.keeps_unknown && !letters.chars().all(|c| find(c).is_some() || is_help(c)) {
            given.plain.push(word);
            return Ok(false);
        }
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let Some(option) = find(letter) else {
                return Err(if is_help(letter) { Refusal::Help } else { Refusal::Wrong });
            };
            if rest.as_str().is_empty() {
                let is_value = |next: &&str| match option.takes {
                    Takes::Nothing => false,
                    Takes::Value => true,
                    Takes::PerhapsValue => next.len() < 2 || !next.starts_with('-'),
                };
                let next = next.filter(is_value);
                add(option, next, given)?;
                return Ok(next.is_some());
            }
            if option.takes == Takes::Value {
                return Err(Refusal::Wrong);
            }
            given.options.push((option.long, None));
        }
        Ok(false)
    }

    fn unknown<'a>(&self, word: &'a str, given: &mut Given<'a>) -> Result<bool, Refusal> {
        if !self.keeps_unknown {
            return Err(Refusal::Wrong);
        }
        given.plain.push(word);
        Ok(false)
    }
}

fn add<'a>(option: &Known, value: Option<&'a str>, given: &mut Given<'a>) -> Result<(), Refusal> {
    let fits = match option.takes {
        Takes::Nothing => value.is_none(),
        Takes::Value => value.is_some(),
        Takes::PerhapsValue => true,
    };
    if !fits {
        return Err(Refusal::Wrong);
    }
    given.options.push((option.long, value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    const OPTIONS: [Known; 4] = [
        Known { long: "set", letter: Some('s'), takes: Takes::PerhapsValue },
        flag("fs-uuid", Some('u')),
        flag("no-floppy", Some('n')),
        value("hint", Some('h')),
    ];

    /// Options with their values, and the other arguments.
    type Parsed = (Vec<(&'static str, Option<String>)>, Vec<String>);

    fn parse(line: &str, keeps_unknown: bool) -> Result<Parsed, Refusal> {
        let words: Vec<String> = line.split_terminator(' ').map(String::from).collect();
        let given = Syntax { options: &OPTIONS, keeps_unknown }.parse(&words)?;
        let options = given.options.iter().map(|(name, value)| (*name, value.map(String::from))).collect();
        Ok((options, given.plain.iter().map(|word| String::from(*word)).collect()))
    }

    #[test]
    fn a_value_is_the_next_word_wherever_the_option_stands() {
        let set = |value: &str| ("set", Some(String::from(value)));
        let cases = [
            (
                "--fs-uuid U --set prefix --no-floppy",
                vec![("fs-uuid", None), set("prefix"), ("no-floppy", None)],
                vec!["U"],
            ),
            ("U --set", vec![("set", None)], vec!["U"]),
            ("--set --fs-uuid U", vec![("set", None), ("fs-uuid", None)], vec!["U"]),
            ("--set=a b", vec![set("a")], vec!["b"]),
            ("--set= b", vec![set("")], vec!["b"]),
            ("-nus root U", vec![("no-floppy", None), ("fs-uuid", None), set("root")], vec!["U"]),
            ("-s -n U", vec![("set", None), ("no-floppy", None)], vec!["U"]),
            ("-s - U", vec![set("-")], vec!["U"]),
            ("-sn U", vec![("set", None), ("no-floppy", None)], vec!["U"]),
            ("--hint hd0,gpt1 U", vec![("hint", Some("hd0,gpt1".into()))], vec!["U"]),
            ("-h -x U", vec![("hint", Some("-x".into()))], vec!["U"]),
            ("--none -x U", vec![], vec!["--none", "-x", "U"]),
            ("-- --set", vec![], vec!["--set"]),
        ];
        for (line, options, plain) in cases {
            let plain = plain.into_iter().map(String::from).collect();
            assert_eq!(parse(line, true), Ok((options, plain)), "{line}");
        }
    }

    #[test]
    fn what_is_no_option_of_a_command_makes_it_fail() {
        for line in ["--none", "-x", "--hint", "--hint -x", "-hn U", "--no-floppy=x", "-h"] {
            assert_eq!(parse(line, false), Err(Refusal::Wrong), "{line}");
        }
        for line in ["--help", "--usage U"] {
            assert_eq!(parse(line, true), Err(Refusal::Help), "{line}");
        }
    }
}
