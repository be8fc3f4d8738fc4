// SPDX-License-Identifier: BSD-3-Clause
//! Asking for a user and a password.

use alloc::{format, string::String};
use core::{fmt, hint::black_box, mem::take};

use crate::{Key, Screen, list::FIRST, screen::COLUMNS};

/// Characters of a name, and of a password.
const LONGEST: usize = 128;
/// Most bytes of a character.
const WIDEST: usize = 4;

/// The login that an item asks for before it starts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Asks {
    /// Nothing.
    #[default]
    Nothing,
    /// A password.
    Password,
    /// A name and a password.
    UserAndPassword,
}

/// The typed name and password. The menu does not check them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Login {
    /// The name; empty if none is asked for.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A text that formatting never shows, and whose memory is overwritten when it is dropped.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn push(&mut self, c: char) {
        // Reserves the full length once, so that growing never leaves a copy behind. Cannot saturate: `key` takes no
        // more than `LONGEST` characters.
        self.0.reserve(LONGEST.saturating_mul(WIDEST).saturating_sub(self.0.len()));
        self.0.push(c);
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let mut bytes = take(&mut self.0).into_bytes();
        bytes.fill(0);
        // Without a reader, the compiler might optimise the overwriting away.
        black_box(&bytes);
    }
}

/// The login form of an item, and the command line that it starts with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Form {
    pub item: usize,
    pub options: Option<String>,
    login: Login,
    is_user_asked: bool,
    is_at_password: bool,
}

impl Form {
    pub fn new(item: usize, options: Option<String>, is_user_asked: bool) -> Self {
        Self { item, options, login: Login::default(), is_user_asked, is_at_password: !is_user_asked }
    }

    /// The typed name and password, once they are complete.
    pub fn key(&mut self, key: Key) -> Option<Login> {
        match key {
            Key::Enter if self.is_at_password => return Some(take(&mut self.login)),
            Key::Enter => self.is_at_password = true,
            Key::Backspace if self.is_at_password => drop(self.login.password.0.pop()),
            Key::Backspace => drop(self.login.user.pop()),
            Key::Char(c) if !c.is_control() => {
                if self.is_at_password && self.login.password.0.chars().count() < LONGEST {
                    self.login.password.push(c);
                } else if !self.is_at_password && self.login.user.chars().count() < LONGEST {
                    self.login.user.push(c);
                }
            }
            _ => {}
        }
        None
    }

    /// Shows the name, but nothing of the password, not even its length.
    pub fn draw(&self, screen: &mut Screen) {
        let (user, password) = ("User:     ", "Password: ");
        // Cannot saturate: all of these are places on a screen, and `LONGEST` of a name.
        let column = user.len().saturating_add(self.login.user.chars().count());
        if self.is_user_asked {
            screen.set(FIRST, &format!("{user}{}", self.login.user));
        }
        screen.set(FIRST.saturating_add(1), password);
        screen.cursor = Some(if self.is_at_password {
            (FIRST.saturating_add(1), password.len())
        } else {
            (FIRST, column.min(COLUMNS.saturating_sub(1)))
        });
    }
}
