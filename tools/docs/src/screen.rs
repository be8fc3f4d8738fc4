// SPDX-License-Identifier: BSD-3-Clause
//! What a terminal shows after the bytes of a console.

use std::{num::NonZeroU16, ops::Range};

use vt100::{Cell, Color, Parser};

/// EDK II's text mode 2: in 80 columns, the loader's first line would be broken within a word.
pub const COLUMNS: u16 = 100;
const ROWS: u16 = 31;
/// No more empty rows are shown one below the other: the menu has its keys at the bottom of the screen.
const MOST_EMPTY: usize = 2;

/// A row of the screen.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// What stands between gaps of two columns or more, from the left.
    pub pieces: Vec<Piece>,
    /// The columns that have the other colours, as the menu's chosen row has.
    pub marked: Range<usize>,
}

/// Text of one style.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub column: usize,
    pub text: String,
    pub is_marked: bool,
}

/// The rows from the first that begins with `first` to the next that begins with `last`, or to the last in use. Of more
/// than two empty rows, two are left.
///
/// # Errors
/// A row that is not there.
pub fn rows(bytes: &[u8], first: &str, last: Option<&str>) -> Result<Vec<Row>, String> {
    let [height, width] = [ROWS, COLUMNS].map(|size| NonZeroU16::new(size).unwrap_or(NonZeroU16::MIN));
    let mut terminal = Parser::new(height, width, 0);
    terminal.process(bytes);
    let screen = terminal.screen();
    let lines: Vec<String> = screen.rows(0, COLUMNS).collect();
    let find = |from: usize, start: &str| {
        let row = lines.iter().skip(from).position(|line| line.starts_with(start)).map(|row| row + from);
        row.ok_or(format!("no row begins with {start:?}:\n{}", lines.join("\n")))
    };
    let begin = find(0, first)?;
    let end = match last {
        Some(last) => find(begin, last)?,
        None => lines.iter().rposition(|line| !line.trim().is_empty()).unwrap_or(begin),
    };
    let cells = |row: usize| {
        let row = u16::try_from(row).unwrap_or(ROWS);
        (0..COLUMNS).filter_map(move |column| screen.cell(row, column)).map(Shown::of).collect::<Vec<_>>()
    };
    let mut empty = 0;
    let is_shown = |row: &Row| {
        empty = if row.end() == 0 { empty + 1 } else { 0 };
        empty <= MOST_EMPTY
    };
    Ok((begin..=end).map(|row| Row::of(&cells(row))).filter(is_shown).collect())
}

/// A place of the screen.
struct Shown {
    text: String,
    is_marked: bool,
}

impl Shown {
    fn of(cell: &Cell) -> Self {
        let text = if cell.has_contents() { cell.contents().into() } else { " ".into() };
        let is_light = !matches!(cell.bgcolor(), Color::Default | Color::Idx(0));
        Self { text, is_marked: is_light != cell.inverse() }
    }
}

impl Row {
    /// The columns in use.
    pub fn end(&self) -> usize {
        let of_text = self.pieces.last().map_or(0, |piece| piece.column + piece.text.chars().count());
        of_text.max(self.marked.end)
    }

    fn of(cells: &[Shown]) -> Self {
        let marked = cells.iter().position(|cell| cell.is_marked);
        let end = cells.iter().rposition(|cell| cell.is_marked);
        let marked = marked.zip(end).map_or(0..0, |(first, last)| first..last + 1);
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut spaces, mut is_new) = (0, true);
        for (column, cell) in cells.iter().enumerate() {
            if cell.text == " " {
                spaces += 1;
                continue;
            }
            let before = pieces.last_mut().filter(|piece| piece.is_marked == cell.is_marked);
            match before.filter(|_| !is_new && spaces < 2) {
                Some(piece) => piece.text.extend([" ".repeat(spaces).as_str(), &cell.text]),
                None => pieces.push(Piece { column, text: cell.text.clone(), is_marked: cell.is_marked }),
            }
            (spaces, is_new) = (0, false);
        }
        Self { pieces, marked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(column: usize, text: &str, is_marked: bool) -> Piece {
        Piece { column, text: text.into(), is_marked }
    }

    #[test]
    fn only_the_last_screen_counts() {
        let bytes = b"old\x1b[2J\x1b[1;1Hfirmware\r\ncloud-boot 1\r\ndiscover\rDISC\r\nend\r\nmore\r\n";
        let shown = rows(bytes, "cloud-boot ", Some("end")).unwrap();
        let texts: Vec<&str> = shown.iter().map(|row| row.pieces[0].text.as_str()).collect();
        assert_eq!(texts, ["cloud-boot 1", "DISCover", "end"]);
        assert_eq!(rows(bytes, "cloud-boot ", None).unwrap().len(), 4);
        assert!(rows(bytes, "old", None).is_err(), "it was erased");
        assert!(rows(bytes, "cloud-boot ", Some("firmware")).is_err(), "it stands above");
    }

    #[test]
    fn of_empty_rows_two_are_left() {
        let count = |bytes: &[u8]| rows(bytes, "", None).unwrap().len();
        assert_eq!((count(b"a\r\n\r\n\r\nb"), count(b"a\r\n\r\n\r\n\r\n\r\nb")), (4, 4));
    }

    #[test]
    fn a_row_falls_into_pieces_at_gaps_and_at_colours() {
        let bytes = b"\x1b[37;40m a b   c\r\n\x1b[30;47m1  d \x1b[37;40m\r\n";
        let shown = rows(bytes, "", None).unwrap();
        assert_eq!(
            shown[0],
            Row { pieces: vec![piece(1, "a b", false), piece(7, "c", false)], marked: 0..0 }
        );
        assert_eq!((shown[0].end(), shown[1].end()), (8, 5));
        assert_eq!(shown[1], Row { pieces: vec![piece(0, "1", true), piece(3, "d", true)], marked: 0..5 });
    }
}
