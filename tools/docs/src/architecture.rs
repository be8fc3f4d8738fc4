// SPDX-License-Identifier: BSD-3-Clause
//! The picture of the architecture, `docs/architecture.svg`: crates in layers, and lines to what each uses.

use std::{fmt::Write as _, path::Path};

use crate::{
    crates,
    layout::{self, BOX, COLUMNS, Layout, Vertex},
    svg::{Frame, escape, number},
};

/// The picture's file from the root.
pub const FILE: &str = "docs/architecture.svg";

/// Pixels: of a box, from row to row, above the first row, between programs and libraries, and below the last row,
/// where no line is in the way of the columns' names.
const HEIGHT: f64 = 26.0;
const ROW: f64 = 60.0;
const TOP: f64 = 16.0;
const HEAD: f64 = 12.0;
const FOOT: f64 = 30.0;
const STYLE: &str = "text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328;\
    text-anchor:middle}.name{font-size:14px;font-weight:600;text-anchor:start}.area{fill:#818b98;fill-opacity:.08}\
    path{fill:none;stroke-width:1.4}\
    .programs{fill:#fbefff;stroke:#8250df}.net{fill:#ddf4ff;stroke:#0969da}\
    .boot{fill:#dafbe1;stroke:#1a7f37}.fs{fill:#fff8c5;stroke:#9a6700}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}\
    .programs{fill:#2d1b4e;stroke:#ab7df8}.net{fill:#10294d;stroke:#4493f8}\
    .boot{fill:#10301c;stroke:#3fb950}.fs{fill:#33270b;stroke:#d29922}}\
    path.programs,path.net,path.boot,path.fs{fill:none}";

/// The picture of a checkout.
///
/// # Errors
/// A `Cargo.toml` that cannot be read.
pub fn draw(root: &Path) -> Result<String, String> {
    let layout = layout::arrange(&crates::read(root)?);
    let drawing = Drawing::of(&layout);
    let last = layout.vertices.iter().map(|vertex| vertex.row).max().unwrap_or(0);
    let height = drawing.top(last) + HEIGHT + FOOT + 28.0;
    let mut content = String::new();
    for part in [drawing.areas(last), drawing.lines(), drawing.boxes()] {
        content += &part;
    }
    // Writing to a string does not fail.
    let _ = writeln!(
        content,
        "<text x=\"{}\" y=\"{}\">A line leads down from a crate to one that it uses; uses that follow from others \
         are left out.</text>",
        number(layout.width / 2.0),
        number(height - 8.0)
    );
    let frame = Frame {
        width: layout.width,
        height,
        title: "The crates of the loader and of the command, and what they use of each other",
        description: "Programs stand above the libraries of net, boot and fs. Every line leads down.",
        style: STYLE,
    };
    Ok(frame.around(&content))
}

struct Drawing<'a> {
    layout: &'a Layout,
    /// The first row of libraries.
    first: usize,
}

impl<'a> Drawing<'a> {
    fn of(layout: &'a Layout) -> Self {
        let programs = layout
            .vertices
            .iter()
            .filter(|vertex| !vertex.folder.is_empty() && group(&vertex.folder) == "programs");
        Self { layout, first: programs.map(|vertex| vertex.row + 1).max().unwrap_or(0) }
    }

    /// The upper edge of a row's boxes.
    fn top(&self, row: usize) -> f64 {
        let rows = f64::from(u16::try_from(row).unwrap_or(u16::MAX)) * ROW;
        TOP + rows + if row < self.first { 0.0 } else { HEAD }
    }

    /// The columns with their names.
    fn areas(&self, last: usize) -> String {
        let (top, end) = (self.top(self.first) - HEAD, self.top(last) + HEIGHT + FOOT);
        let height = number(end - top);
        let columns = COLUMNS.iter().zip(&self.layout.columns).map(|(name, (from, to))| {
            let (x, width, start) = (number(*from), number(to - from), number(from + 12.0));
            format!(
                "<rect class=\"area\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n\
                 <text class=\"name\" x=\"{start}\" y=\"{}\">{name}</text>\n",
                number(top),
                number(end - 10.0)
            )
        });
        columns.collect()
    }

    fn boxes(&self) -> String {
        let crates = self.layout.vertices.iter().filter(|vertex| !vertex.folder.is_empty());
        let boxes = crates.map(|vertex| {
            let name = vertex.folder.rsplit('/').next().unwrap_or(&vertex.folder);
            let top = self.top(vertex.row);
            format!(
                "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{BOX}\" height=\"{HEIGHT}\" rx=\"5\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>\n",
                group(&vertex.folder),
                number(vertex.x - BOX / 2.0),
                number(top),
                number(vertex.x),
                number(top + 17.0),
                escape(name)
            )
        });
        boxes.collect()
    }

    /// From each crate to each that it uses.
    fn lines(&self) -> String {
        let vertices = &self.layout.vertices;
        let starts = self.layout.links.iter().filter(|(upper, _)| !vertices[*upper].folder.is_empty());
        starts.map(|link| self.line(*link)).collect()
    }

    fn line(&self, first: (usize, usize)) -> String {
        let (mut link, mut path) = (first, String::new());
        loop {
            let [upper, lower] = [link.0, link.1].map(|at| &self.layout.vertices[at]);
            let (x, y) = (self.end(link, true), self.bottom(upper));
            let (to_x, to_y) = (self.end(link, false), self.top(lower.row));
            let middle = number((y + to_y) / 2.0);
            if path.is_empty() {
                path = format!("M{} {}", number(x), number(y));
            } else {
                path += &format!("V{}", number(y));
            }
            path += &format!(
                "C{} {middle} {} {middle} {} {}",
                number(x),
                number(to_x),
                number(to_x),
                number(to_y)
            );
            let next = self.layout.links.iter().find(|(upper, _)| *upper == link.1);
            match next.filter(|_| lower.folder.is_empty()) {
                Some(next) => link = *next,
                None => break,
            }
        }
        format!("<path class=\"{}\" d=\"{path}\"/>\n", group(&self.layout.vertices[first.0].folder))
    }

    /// The lower edge of a crate; where a line leaves a row that it passes.
    fn bottom(&self, vertex: &Vertex) -> f64 {
        self.top(vertex.row) + HEIGHT
    }

    /// Where a link begins, or ends: the lines of a box stand beside each other in the order of their other ends.
    fn end(&self, link: (usize, usize), is_upper: bool) -> f64 {
        let vertices = &self.layout.vertices;
        let side = |(upper, lower): (usize, usize)| if is_upper { (upper, lower) } else { (lower, upper) };
        let (here, there) = side(link);
        if vertices[here].folder.is_empty() {
            return vertices[here].x;
        }
        let others = self.layout.links.iter().map(|link| side(*link)).filter(|(at, _)| *at == here);
        let mut others: Vec<usize> = others.map(|(_, other)| other).collect();
        others.sort_by(|a, b| vertices[*a].x.total_cmp(&vertices[*b].x));
        let index = others.iter().position(|other| *other == there).unwrap_or(0);
        let [index, count] = [index, others.len()].map(|n| f64::from(u16::try_from(n).unwrap_or(u16::MAX)));
        let step = (BOX - 14.0) / count.max(5.0);
        vertices[here].x + (index - (count - 1.0) / 2.0) * step
    }
}

/// The class of a folder.
fn group(folder: &str) -> &'static str {
    layout::column(folder).map_or("programs", |column| COLUMNS[column])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    #[test]
    fn each_crate_is_a_box_and_each_use_a_line() {
        let workspace = "[workspace.dependencies]\na = { path = \"fs/a\" }\nb = { path = \"boot/b\" }\n";
        let files = [
            ("Cargo.toml", workspace),
            ("cli/Cargo.toml", "[dependencies]\na.workspace = true\n"),
            ("loader/Cargo.toml", "[dependencies]\nb.workspace = true\n"),
            ("boot/b/Cargo.toml", "[dependencies]\na.workspace = true\n"),
            ("fs/a/Cargo.toml", ""),
        ];
        let svg = draw(&Checkout::new("architecture", &files).0).unwrap();
        assert_eq!((svg.matches("<path").count(), svg.matches("rx=\"5\"").count()), (3, 4), "{svg}");
        for name in ["<rect class=\"fs\"", ">a</text>", ">loader</text>", "<path class=\"boot\""] {
            assert!(svg.contains(name), "{name}: {svg}");
        }
        assert_eq!(draw(&Checkout::new("architecture", &files).0).unwrap(), svg, "the same each time");
    }
}
