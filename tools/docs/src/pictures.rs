// SPDX-License-Identifier: BSD-3-Clause
//! Pictures of consoles: what the machine of a test printed, in a window.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    screen::{self, COLUMNS, Row},
    svg::{Frame, escape, number},
};

/// A picture, `docs/NAME.svg`, of the console that the folder `NAME_console` has.
struct Picture {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    /// How its first row begins, and its last, if that is not the last one in use.
    first: &'static str,
    last: Option<&'static str>,
    /// Columns in use, however long a version or a time is.
    columns: usize,
}

const PICTURES: [Picture; 2] = [
    Picture {
        name: "boot",
        title: "A boot on the console",
        description: "cloud-boot finds the disk's entry, reads its kernel and initial RAM disk, and starts the \
                      kernel with the entry's command line.",
        first: "cloud-boot ",
        last: Some("mini: userspace"),
        columns: 88,
    },
    Picture {
        name: "menu",
        title: "The menu on the console",
        description: "The entries of two disks with the files that they come from, one of them marked, and the \
                      keys that act.",
        first: "cloud-boot ",
        last: None,
        columns: 80,
    },
];

/// Pixels of a column, a row, the space around the text, the window's bar, and a dot in it.
const COLUMN: f64 = 8.4;
const ROW: f64 = 18.0;
const PADDING: f64 = 16.0;
const BAR: f64 = 28.0;
const DOT: f64 = 5.0;
/// From a row's upper edge to the line that its letters stand on.
const BASE: f64 = 13.0;
const STYLE: &str = "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;\
                     fill:#1f2328}.window{fill:#f6f8fa;stroke:#d0d7de}.dot{fill:#d0d7de}.mark{fill:#1f2328}\
                     .marked{fill:#f6f8fa}@media(prefers-color-scheme:dark){text{fill:#e6edf3}\
                     .window{fill:#161b22;stroke:#3d444d}.dot{fill:#3d444d}.mark{fill:#e6edf3}.marked{fill:#161b22}}";

/// Draws the console of each of these folders, and writes what differs by more than times: the number of pictures
/// written.
///
/// # Errors
/// As [`stale`].
pub fn write(docs: &Path, consoles: &[&str]) -> Result<usize, String> {
    let stale = stale(docs, consoles)?;
    for (path, svg) in &stale {
        fs::write(path, svg).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(stale.len())
}

/// The pictures in `docs` that are not those of the consoles, and how they should be.
///
/// # Errors
/// A picture without a console, and the reverse; a console that does not show what the picture needs.
pub fn stale(docs: &Path, consoles: &[&str]) -> Result<Vec<(PathBuf, String)>, String> {
    if consoles.len() != PICTURES.len() {
        return Err(format!("{} consoles for {} pictures", consoles.len(), PICTURES.len()));
    }
    let mut stale = Vec::new();
    for picture in &PICTURES {
        let folder = consoles.iter().find(|folder| folder.ends_with(&format!("{}_console", picture.name)));
        let file = Path::new(folder.ok_or(format!("no console for {}", picture.name))?).join("console.raw");
        let bytes = fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let svg = picture.draw(&bytes).map_err(|why| format!("{}: {why}", picture.name))?;
        let path = docs.join(format!("{}.svg", picture.name));
        if fs::read_to_string(&path).map_or(true, |old| masked(&old) != masked(&svg)) {
            stale.push((path, svg));
        }
    }
    Ok(stale)
}

impl Picture {
    fn draw(&self, bytes: &[u8]) -> Result<String, String> {
        let rows = screen::rows(bytes, self.first, self.last)?;
        if let Some(row) = rows.iter().find(|row| row.end() > self.columns) {
            return Err(format!("{} columns, and a row of {}", self.columns, row.end()));
        }
        let width = columns(self.columns) + 2.0 * PADDING;
        let mut content = String::new();
        let mut top = BAR;
        for row in &rows {
            content += &draw_row(row, top);
            top += ROW;
        }
        let height = top + PADDING;
        let frame = Frame { width, height, title: self.title, description: self.description, style: STYLE };
        Ok(frame.around(&(window(width, height) + &content)))
    }
}

/// The width of columns.
fn columns(count: usize) -> f64 {
    f64::from(u16::try_from(count).unwrap_or(COLUMNS)) * COLUMN
}

fn window(width: f64, height: f64) -> String {
    let [width, height] = [width, height].map(|size| number(size - 1.0));
    let dots = [0.0, 1.0, 2.0].map(|index| {
        let x = PADDING + DOT + index * 3.2 * DOT;
        format!("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"{DOT}\"/>", number(x), number(BAR / 2.0))
    });
    let frame = format!(
        "<rect class=\"window\" x=\"0.5\" y=\"0.5\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
    );
    format!("{frame}\n{}\n", dots.concat())
}

/// Texts are stretched to their columns: readers have different fonts.
fn draw_row(row: &Row, top: f64) -> String {
    let mut text = String::new();
    if !row.marked.is_empty() {
        let (x, width) = (PADDING + columns(row.marked.start), columns(row.marked.len()));
        let [x, y, width] = [x, top, width].map(number);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "<rect class=\"mark\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\" rx=\"2\"/>"
        );
    }
    for piece in &row.pieces {
        let class = if piece.is_marked { " class=\"marked\"" } else { "" };
        let width = number(columns(piece.text.chars().count()));
        let [x, y] = [PADDING + columns(piece.column), top + BASE].map(number);
        let _ = writeln!(
            text,
            "<text{class} x=\"{x}\" y=\"{y}\" textLength=\"{width}\">{}</text>",
            escape(&piece.text)
        );
    }
    text
}

/// A picture without what is different on each machine and at each time: numbers in parentheses, which are times and
/// sizes, the versions of kernel and firmware, and the lengths of such texts.
fn masked(svg: &str) -> String {
    svg.lines().map(|line| masked_line(line) + "\n").collect()
}

fn masked_line(line: &str) -> String {
    let Some((start, rest)) = line.split_once(" textLength=\"") else { return line.into() };
    let Some((_, text)) = rest.split_once("\">") else { return line.into() };
    // The machine that draws a picture may have newer firmware than the one that checks it.
    let (text, rest) = text.split_once(", Secure Boot").map_or((text, ""), |(before, rest)| {
        (before.split_once(", ").map_or(before, |(program, _firmware)| program), rest)
    });
    let text = &format!("{text}{rest}");
    let mut masked = format!("{start}>");
    let mut is_inside = false;
    for word in text.split_inclusive(' ') {
        if let Some(kernel) = ["/vmlinuz-", "/initrd.img-"].iter().find(|name| word.contains(*name)) {
            masked += kernel;
            continue;
        }
        for character in word.chars() {
            is_inside = (is_inside || character == '(') && character != ')';
            if !is_inside || !(character.is_ascii_digit() || character == '.') {
                masked.push(character);
            }
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    const BOOT: &str = "firmware\r\ncloud-boot 0.0.1 <x>, Firm 1.0, Secure Boot off\r\ndiscover 2 disks (0.06 s)\r\n\
                        obtain /boot/vmlinuz-6.12 (11.1 MiB, 0.09 s)\r\nmini: userspace on x\r\n";
    const MENU: &str =
        "\x1b[2J\x1b[1;1H\x1b[37;40mcloud-boot 0.0.1\r\n\x1b[30;47m 1  A   GRUB \x1b[37;40m\r\n";

    #[test]
    fn a_row_is_text_in_its_columns() {
        let svg = PICTURES[0].draw(BOOT.as_bytes()).unwrap();
        assert!(
            svg.contains("<text x=\"16\" y=\"41\" textLength=\"394.8\">cloud-boot 0.0.1 &lt;x&gt;, Firm 1.0, Secure Boot off</text>"),
            "{svg}"
        );
        assert!(!svg.contains("firmware") && svg.contains("height=\"116\""), "{svg}");
        let svg = PICTURES[1].draw(MENU.as_bytes()).unwrap();
        assert!(svg.contains("<rect class=\"mark\" x=\"16\" y=\"46\" width=\"109.2\""), "{svg}");
        assert!(
            svg.contains("<text class=\"marked\" x=\"24.4\" y=\"59\" textLength=\"8.4\">1</text>"),
            "{svg}"
        );
    }

    #[test]
    fn a_row_that_is_too_long_is_refused() {
        let wide = MENU.replace("A ", &"A".repeat(90));
        assert!(PICTURES[1].draw(wide.as_bytes()).is_err());
    }

    #[test]
    fn a_picture_is_stale_when_more_than_times_differ() {
        let files = [("boot_console/console.raw", BOOT), ("menu_console/console.raw", MENU)];
        let checkout = Checkout::new("pictures", &files);
        let consoles =
            ["boot_console", "menu_console"].map(|name| checkout.0.join(name).display().to_string());
        let consoles = consoles.each_ref().map(String::as_str);
        assert_eq!(write(&checkout.0, &consoles), Ok(2), "there are none yet");
        let count = |boot: String| {
            fs::write(checkout.0.join("boot_console/console.raw"), boot).unwrap();
            stale(&checkout.0, &consoles).unwrap().len()
        };
        assert_eq!(count(BOOT.replace("0.06", "12.34").replace("11.1", "9").replace("6.12", "7.1-x")), 0);
        assert_eq!(count(BOOT.replace("Firm 1.0", "Firm 2.10")), 0);
        assert_eq!(count(BOOT.replace("Boot off", "Boot on")), 1);
        assert_eq!(count(BOOT.replace("2 disks", "3 disks")), 1);
        assert_eq!(count(BOOT.replace("0.0.1", "0.0.2")), 1);
        assert!(stale(&checkout.0, &consoles[1..]).is_err(), "a picture without its console");
    }
}
