// SPDX-License-Identifier: BSD-3-Clause
//! The list of entries, with its cursor and its filter.
//!
//! The cursor saturates at the first entry, and `min` keeps it to the last; the same holds for what a screen shows of a
//! list. All other numbers are of entries, or of characters of a title, in memory.

use alloc::{format, string::String, vec::Vec};

use crate::{
    Asks, Item, Key, Screen,
    screen::{COLUMNS, ROWS},
};

/// First row of the list, and of every other text.
pub const FIRST: usize = 3;
/// Rows of the list.
pub const HEIGHT: usize = 18;
/// Its last row.
pub const LAST: usize = FIRST + HEIGHT - 1;
/// Characters that a filter may have.
const LONGEST_FILTER: usize = 40;
/// Columns of a note: titles need the others.
const LONGEST_NOTE: usize = 30;
/// Replaces the omitted middle of a text.
const GAP: &str = "...";

/// Items, the ones that match the filter, and a cursor among those.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct List {
    items: Vec<Item>,
    filter: Option<String>,
    /// Indexes of the items that are shown.
    shown: Vec<usize>,
    /// Position in `shown`.
    cursor: usize,
}

impl List {
    pub fn new(items: Vec<Item>, default: usize) -> Self {
        let shown: Vec<usize> = (0..items.len()).collect();
        let cursor = default.min(shown.len().saturating_sub(1));
        Self { items, filter: None, shown, cursor }
    }

    pub fn is_filtering(&self) -> bool {
        self.filter.is_some()
    }

    /// Index of the item under the cursor.
    pub fn selected(&self) -> Option<usize> {
        self.shown.get(self.cursor).copied()
    }

    /// The item under the cursor.
    pub fn item(&self) -> Option<&Item> {
        self.items.get(self.selected()?)
    }

    /// The login that an item asks for.
    pub fn asks(&self, item: usize) -> Asks {
        self.items.get(item).map_or(Asks::Nothing, |item| item.asks)
    }

    /// Index of the item that is shown with this number, from 1.
    pub fn numbered(&self, number: usize) -> Option<usize> {
        number.checked_sub(1).filter(|index| *index < self.items.len())
    }

    pub fn key(&mut self, key: Key) {
        let last = self.shown.len().saturating_sub(1);
        match key {
            Key::Up => self.cursor = self.cursor.saturating_sub(1),
            Key::Down => self.cursor = self.cursor.saturating_add(1).min(last),
            Key::PageUp => self.cursor = self.cursor.saturating_sub(HEIGHT),
            Key::PageDown => self.cursor = self.cursor.saturating_add(HEIGHT).min(last),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = last,
            Key::Escape => self.set_filter(None),
            Key::Backspace => {
                let shorter = self.filter.take().and_then(|mut filter| filter.pop().map(|_| filter));
                self.set_filter(shorter);
            }
            Key::Char('/') if self.filter.is_none() => self.set_filter(Some(String::new())),
            Key::Char(c) if c.is_ascii_graphic() || c == ' ' => {
                let mut filter = self.filter.take().unwrap_or_default();
                if filter.len() < LONGEST_FILTER {
                    filter.push(c);
                }
                self.set_filter(Some(filter));
            }
            _ => {}
        }
    }

    /// Shows the items whose title contains the filter, ignoring case, and keeps the cursor on its item if possible.
    fn set_filter(&mut self, filter: Option<String>) {
        let before = self.selected();
        let wanted = filter.as_deref().unwrap_or_default().to_ascii_lowercase();
        let items = self.items.iter().enumerate();
        let fitting = items.filter(|(_, item)| item.title.to_ascii_lowercase().contains(&wanted));
        self.shown = fitting.map(|(index, _)| index).collect();
        self.cursor = self.shown.iter().position(|index| Some(*index) == before).unwrap_or(0);
        self.filter = filter;
    }

    pub fn draw(&self, screen: &mut Screen) {
        let first = self.cursor.saturating_sub(HEIGHT - 1);
        let visible = self.shown.iter().enumerate().skip(first).take(HEIGHT);
        for ((position, index), row) in visible.zip(FIRST..) {
            let Some(item) = self.items.get(*index) else { continue };
            let number = match index {
                0..9 => format!("{}", index.saturating_add(1)),
                _ => " ".into(),
            };
            let note = shortened(&item.note, LONGEST_NOTE);
            // Columns left beside number, spaces and note.
            let room = COLUMNS.saturating_sub(5).saturating_sub(note.chars().count());
            let title = shortened(&item.title, room);
            screen.set(row, &format!(" {number}  {title:room$} {note}"));
            if position == self.cursor {
                screen.mark(row);
            }
        }
        if self.shown.len() > HEIGHT {
            let last = first.saturating_add(HEIGHT).min(self.shown.len());
            let text = format!("Entries {} to {last} of {}", first.saturating_add(1), self.shown.len());
            screen.set(FIRST - 1, &text);
        }
        if let Some(filter) = &self.filter {
            screen.set(ROWS - 2, &format!("Filter: {filter}_   (Esc: all entries)"));
        }
    }
}

/// A text of at most `room` characters. Entries of one menu begin alike and end with their versions, so the omitted
/// part comes after the first quarter of what is shown.
fn shortened(text: &str, room: usize) -> String {
    let length = text.chars().count();
    let Some(shown) = room.checked_sub(GAP.len()).filter(|_| length > room) else {
        return text.chars().take(room).collect();
    };
    let start = shown / 4;
    // Cannot saturate: the text is longer than the room.
    let end = length.saturating_sub(shown.saturating_sub(start));
    text.chars().take(start).chain(GAP.chars()).chain(text.chars().skip(end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out() {
        let cases = [
            ("short", 5, "short"),
            ("abcdefghijklm", 13, "abcdefghijklm"),
            ("abcdefghijklm", 12, "ab...ghijklm"),
            ("abcdefghijklm", 3, "..."),
            ("abcdefghijklm", 2, "ab"),
            ("abc", 0, ""),
            ("äöüäöüäöü", 7, "ä...äöü"),
        ];
        for (text, room, wanted) in cases {
            assert_eq!(shortened(text, room), wanted, "{text} {room}");
        }
    }
}
