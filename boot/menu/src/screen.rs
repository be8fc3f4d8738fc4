// SPDX-License-Identifier: BSD-3-Clause
//! A screen of text.

use alloc::string::String;

/// Rows of a screen.
pub const ROWS: usize = 25;
/// Columns of a row.
pub const COLUMNS: usize = 79;

/// A row: [`COLUMNS`] characters of printable ASCII.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row {
    /// The characters.
    pub text: String,
    /// Whether the row is highlighted.
    pub is_marked: bool,
}

/// What a terminal shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Screen {
    rows: [Row; ROWS],
    /// Where the cursor is shown: row and column.
    pub cursor: Option<(usize, usize)>,
}

impl Screen {
    /// An empty screen below a header.
    pub fn new(header: &str) -> Self {
        let mut screen = Self { rows: core::array::from_fn(|_| Row::default()), cursor: None };
        (0..ROWS).for_each(|row| screen.set(row, ""));
        screen.set(0, header);
        screen
    }

    /// Sets a row: what is not printable ASCII becomes `?`, what is too long is cut and ends in `...`.
    pub fn set(&mut self, row: usize, text: &str) {
        let Some(row) = self.rows.get_mut(row) else { return };
        let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        row.text.clear();
        row.text.extend(text.chars().map(printable).take(COLUMNS));
        if text.chars().nth(COLUMNS).is_some() {
            row.text.truncate(COLUMNS - 3);
            row.text.push_str("...");
        }
        // Cannot saturate: the text was cut to the columns.
        let missing = COLUMNS.saturating_sub(row.text.len());
        row.text.extend(core::iter::repeat_n(' ', missing));
    }

    /// Marks a row.
    pub fn mark(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            row.is_marked = true;
        }
    }

    /// The rows, from the top.
    pub fn rows(&self) -> &[Row; ROWS] {
        &self.rows
    }

    /// The rows that differ from the previous screen, with their numbers.
    pub fn changes(&self, before: Option<&Self>) -> impl Iterator<Item = (usize, &Row)> {
        let old = move |row: usize| before.and_then(|screen| screen.rows.get(row));
        self.rows.iter().enumerate().filter(move |(number, row)| old(*number) != Some(*row))
    }
}
