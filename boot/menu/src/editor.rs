// SPDX-License-Identifier: BSD-3-Clause
//! A line of text that is edited, shown on as many rows as it needs.
//!
//! The cursor saturates at the text's start, and `min` keeps it from the end; what is on the screen has few rows.

use alloc::{string::String, vec::Vec};

use crate::{
    Key, Screen,
    list::{FIRST, HEIGHT},
    screen::COLUMNS,
};

/// Characters of a command line.
const LONGEST: usize = 4096;

/// The text and a cursor in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Editor {
    text: Vec<char>,
    /// Index of the character behind the cursor.
    cursor: usize,
}

impl Editor {
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().take(LONGEST).collect();
        Self { cursor: text.len(), text }
    }

    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    pub fn key(&mut self, key: Key) {
        let end = self.text.len();
        match key {
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = self.cursor.saturating_add(1).min(end),
            Key::Up => self.cursor = self.cursor.saturating_sub(COLUMNS),
            Key::Down => self.cursor = self.cursor.saturating_add(COLUMNS).min(end),
            Key::Home | Key::Char('\x01') => self.cursor = 0,
            Key::End | Key::Char('\x05') => self.cursor = end,
            Key::Char('\x0b') => self.text.truncate(self.cursor),
            Key::Char('\x15') => {
                self.text.drain(..self.cursor.min(end));
                self.cursor = 0;
            }
            Key::Backspace if self.cursor > 0 => {
                self.cursor = self.cursor.saturating_sub(1);
                self.delete();
            }
            Key::Delete => self.delete(),
            Key::Char(c) if !c.is_control() && end < LONGEST => {
                self.text.insert(self.cursor.min(end), c);
                self.cursor = self.cursor.saturating_add(1);
            }
            _ => {}
        }
    }

    fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    pub fn draw(&self, screen: &mut Screen) {
        let row = self.cursor / COLUMNS;
        let first = row.saturating_sub(HEIGHT - 1);
        for (line, at) in self.text.chunks(COLUMNS).skip(first).take(HEIGHT).zip(FIRST..) {
            screen.set(at, &line.iter().collect::<String>());
        }
        let row = row.saturating_sub(first).saturating_add(FIRST);
        screen.cursor = Some((row, self.cursor % COLUMNS));
    }
}
