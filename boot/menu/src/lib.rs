// SPDX-License-Identifier: BSD-3-Clause
//! The menu as a model: entries, keys and a countdown in, screens and a choice out. Each program draws the
//! screens and translates its keys.
//!
//! A screen is 25 rows of 79 columns of ASCII, the same on serial lines and on displays; the 80th column is not used,
//! as writing to it scrolls some terminals.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod editor;
pub mod fuzz;
mod list;
mod login;
mod opening;
mod screen;

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

pub use login::{Asks, Login, Secret};
pub use opening::{Opening, Wait, Wishes};
pub use screen::{COLUMNS, ROWS, Row, Screen};

use editor::Editor;
use list::List;
use login::Form;

/// An entry as the menu shows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Item {
    /// Its title.
    pub title: String,
    /// Where it comes from, in a few words.
    pub note: String,
    /// Everything about it, a line each.
    pub details: Vec<String>,
    /// The command line, if it may be edited.
    pub options: Option<String>,
    /// The login that it asks for.
    pub asks: Asks,
}

/// A key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Key {
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// The key that deletes to the left.
    Backspace,
    /// The key that deletes to the right.
    Delete,
    /// Any other key that makes a character.
    Char(char),
    /// Any other key: it has no function, but shows that somebody is there.
    Other,
}

/// The result of a key press or of passing time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The menu stays.
    Stay,
    /// An item is booted.
    Boot {
        /// Its index.
        item: usize,
        /// Its command line, if it was edited.
        options: Option<String>,
        /// The login, if the item asks for one.
        login: Option<Login>,
    },
    /// The firmware setup is opened.
    Setup,
    /// The stored epochs are cleared.
    ForgetEpochs,
}

/// What is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
enum View {
    List,
    Editor(Editor),
    Login(Form),
    /// The question whether to clear the epochs.
    Epochs,
    /// Scrolled text; `first` is the topmost line.
    Text {
        title: &'static str,
        lines: Vec<String>,
        first: usize,
    },
}

/// The menu.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Menu {
    header: String,
    list: List,
    log: Vec<String>,
    is_locked: bool,
    has_setup: bool,
    epochs: usize,
    countdown: Option<Duration>,
    message: String,
    view: View,
}

impl Menu {
    /// A menu with the cursor on `default`.
    pub fn new(header: &str, items: Vec<Item>, default: usize) -> Self {
        Self {
            header: header.into(),
            list: List::new(items, default),
            log: Vec::new(),
            is_locked: false,
            has_setup: false,
            epochs: 0,
            countdown: None,
            message: String::new(),
            view: View::List,
        }
    }

    /// The same with a countdown: the default is booted when this time has passed without a key.
    #[must_use]
    pub fn with_timeout(self, countdown: Option<Duration>) -> Self {
        Self { countdown, ..self }
    }

    /// The same without editing.
    #[must_use]
    pub fn locked(self, is_locked: bool) -> Self {
        Self { is_locked, ..self }
    }

    /// The same with a key for the firmware setup, if there is one.
    #[must_use]
    pub fn with_setup(self, has_setup: bool) -> Self {
        Self { has_setup, ..self }
    }

    /// The same with a key that clears the stored epochs of images; `epochs` is their number.
    #[must_use]
    pub fn with_epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The same with lines for the key `p`.
    #[must_use]
    pub fn with_log(self, log: Vec<String>) -> Self {
        Self { log, ..self }
    }

    /// The same with a line below the list, such as why an entry failed.
    #[must_use]
    pub fn with_message(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// Time passes.
    pub fn tick(&mut self, elapsed: Duration) -> Outcome {
        let Some(left) = self.countdown else { return Outcome::Stay };
        self.countdown = left.checked_sub(elapsed).filter(|left| !left.is_zero());
        match (self.countdown, self.list.selected()) {
            (None, Some(item)) => Outcome::Boot { item, options: None, login: None },
            _ => Outcome::Stay,
        }
    }

    /// A key is pressed: the countdown ends.
    pub fn key(&mut self, key: Key) -> Outcome {
        self.countdown = None;
        self.message.clear();
        match &mut self.view {
            View::List => self.list_key(key),
            View::Editor(editor) => match key {
                Key::Escape => self.back(),
                Key::Enter => {
                    let options = Some(editor.text());
                    self.boot(self.list.selected(), options)
                }
                key => {
                    editor.key(key);
                    Outcome::Stay
                }
            },
            View::Login(form) => match key {
                Key::Escape => self.back(),
                key => match form.key(key) {
                    Some(login) => {
                        let (item, options) = (form.item, form.options.take());
                        self.view = View::List;
                        Outcome::Boot { item, options, login: Some(login) }
                    }
                    None => Outcome::Stay,
                },
            },
            View::Epochs => {
                self.view = View::List;
                if key == Key::Char('y') { Outcome::ForgetEpochs } else { Outcome::Stay }
            }
            View::Text { lines, first, .. } => {
                // Saturates where all lines are shown, and at the first line.
                let last = lines.len().saturating_sub(list::HEIGHT);
                *first = match key {
                    Key::Down => first.saturating_add(1).min(last),
                    Key::Up => first.saturating_sub(1),
                    Key::PageDown | Key::Char(' ') => first.saturating_add(list::HEIGHT).min(last),
                    Key::PageUp => first.saturating_sub(list::HEIGHT),
                    Key::Home => 0,
                    Key::End => last,
                    _ => return self.back(),
                };
                Outcome::Stay
            }
        }
    }

    fn back(&mut self) -> Outcome {
        self.view = View::List;
        Outcome::Stay
    }

    fn list_key(&mut self, key: Key) -> Outcome {
        match key {
            Key::Enter => return self.boot(self.list.selected(), None),
            Key::Char(c) if !self.list.is_filtering() => match c {
                'e' => self.edit(),
                'd' => {
                    let lines = self.list.item().map(|item| item.details.clone()).unwrap_or_default();
                    self.view = View::Text { title: "Details", lines, first: 0 };
                }
                'p' => self.view = View::Text { title: "Log", lines: self.log.clone(), first: 0 },
                'x' if self.epochs > 0 && !self.is_locked => self.view = View::Epochs,
                'f' if self.has_setup => return Outcome::Setup,
                'f' => self.message = "This machine cannot open its setup from here.".into(),
                '1'..='9' => {
                    let number = c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
                    let item = number.and_then(|number| self.list.numbered(number));
                    return self.boot(item, None);
                }
                _ => self.list.key(key),
            },
            key => self.list.key(key),
        }
        Outcome::Stay
    }

    /// Boots the item, or asks for its login first.
    fn boot(&mut self, item: Option<usize>, options: Option<String>) -> Outcome {
        let Some(item) = item else { return Outcome::Stay };
        match self.list.asks(item) {
            Asks::Nothing => Outcome::Boot { item, options, login: None },
            asks => {
                self.view = View::Login(Form::new(item, options, asks == Asks::UserAndPassword));
                Outcome::Stay
            }
        }
    }

    fn edit(&mut self) {
        match self.list.item().map(|item| &item.options) {
            _ if self.is_locked => self.message = "Editing is locked.".into(),
            Some(Some(options)) => self.view = View::Editor(Editor::new(options)),
            _ => self.message = "This entry has no command line to edit.".into(),
        }
    }

    /// The screen as it is now.
    pub fn draw(&self) -> Screen {
        let mut screen = Screen::new(&self.header);
        let keys = match &self.view {
            View::List => {
                self.list.draw(&mut screen);
                // Cannot saturate: a sum of two constants.
                screen.set(list::LAST.saturating_add(2), &self.message);
                if let Some(left) = self.countdown {
                    // May saturate: it is only shown.
                    let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
                    screen.set(
                        ROWS - 2,
                        &format!("Boots the marked entry in {seconds} s; any key stops the countdown"),
                    );
                }
                match (self.has_setup, self.epochs > 0 && !self.is_locked) {
                    (false, false) => "Enter, 1-9 boot  e edit  d details  p log  / filter",
                    (false, true) => "Enter, 1-9 boot  e edit  d details  p log  x epochs  / filter",
                    (true, false) => "Enter, 1-9 boot  e edit  d details  p log  f firmware setup  / filter",
                    (true, true) => {
                        "Enter, 1-9 boot  e edit  d details  p log  f firmware setup  x epochs  / filter"
                    }
                }
            }
            View::Editor(editor) => {
                screen.set(1, "Command line");
                editor.draw(&mut screen);
                "Enter boot  Esc back  Ctrl-U clear to the left  Ctrl-K clear to the right"
            }
            View::Login(form) => {
                screen.set(1, "This entry is protected: log in to start it");
                form.draw(&mut screen);
                "Enter continue  Esc back"
            }
            View::Epochs => {
                screen.set(1, "Epochs");
                let lines = [
                    &format!(
                        "This machine keeps {} epochs of signed images that it has started.",
                        self.epochs
                    ),
                    "If you forget them, older images start again, including revoked ones.",
                ];
                lines.iter().zip(list::FIRST..).for_each(|(line, row)| screen.set(row, line));
                "y forget them  any other key back"
            }
            View::Text { title, lines, first } => {
                screen.set(1, title);
                let shown = lines.iter().skip(*first).take(list::HEIGHT);
                shown.zip(list::FIRST..).for_each(|(line, row)| screen.set(row, line));
                "arrows, Page up, Page down scroll  any other key back"
            }
        };
        screen.set(ROWS - 1, keys);
        screen
    }
}

#[cfg(test)]
mod tests;
