// SPDX-License-Identifier: BSD-3-Clause
//! The ratios as a bar chart: an SVG that follows the reader's light or dark mode.

use std::fmt::Write as _;

use crate::report::{Budget, Row};

/// Pixels: total width, height of a line, width of the names before the bars, and of the figures after them.
const WIDTH: usize = 1140;
const LINE: usize = 22;
const NAMES: usize = 680;
const FIGURES: usize = 60;
/// Colours that can be distinguished on white and on black; the text has the colour of the page.
const STYLE: &str = "text{font:13px sans-serif;fill:#1f2328}.met{fill:#3f8f6b}.missed{fill:#c8553d}\
                     .limit{stroke:#1f2328;stroke-width:2}\
                     @media(prefers-color-scheme:dark){text{fill:#e6edf3}.limit{stroke:#e6edf3}}";

/// A bar for each row whose ratio has a minimum, with a line at the minimum; none without such rows.
pub fn svg(rows: &[Row]) -> Option<String> {
    let bars: Vec<Bar<'_>> = rows.iter().filter_map(Bar::of).collect();
    let most = bars.iter().map(|bar| bar.ratio.max(bar.limit)).reduce(f64::max)?;
    let height = LINE * (bars.len() + 1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>How many times as fast we are; a line marks the least that is asked</title>\n<style>{STYLE}</style>\n"
    );
    for (index, bar) in bars.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = svg.write_str(&bar.draw(LINE * index, most));
    }
    let _ = writeln!(
        svg,
        "<text x=\"{NAMES}\" y=\"{}\">times as fast; a line marks the budget</text>\n</svg>",
        height - LINE / 3
    );
    Some(svg)
}

struct Bar<'a> {
    row: &'a Row,
    ratio: f64,
    limit: f64,
}

impl<'a> Bar<'a> {
    fn of(row: &'a Row) -> Option<Self> {
        let Some(Budget::NotBelow(limit)) = row.budget else { return None };
        Some(Self { row, ratio: row.ratio?.median, limit })
    }

    /// Draws it with its upper edge at `top`, if the longest ratio is `most`.
    fn draw(&self, top: usize, most: f64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let room = (WIDTH - NAMES - FIGURES) as f64;
        let [bar, limit] = [self.ratio, self.limit].map(|ratio| ratio / most * room);
        let class = if self.row.is_met { "met" } else { "missed" };
        let (text, rest) = (top + LINE * 2 / 3, LINE - 6);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (from, to) = (NAMES as f64, NAMES as f64 + limit);
        format!(
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{} ({})</text>\
             <rect class=\"{class}\" x=\"{NAMES}\" y=\"{}\" width=\"{bar:.1}\" height=\"{rest}\"/>\
             <line class=\"limit\" x1=\"{to:.1}\" x2=\"{to:.1}\" y1=\"{}\" y2=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{text}\">{:.2}</text>\n",
            NAMES - 8,
            escape(&self.row.subject),
            self.row.row,
            top + 3,
            top + 1,
            top + LINE - 1,
            from + bar.max(limit) + 6.0,
            self.ratio
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pairs::Pair,
        report::{Ratio, Row},
    };

    fn row(subject: &str, times: f64, budget: Budget) -> Row {
        let pair = Pair { ours: 1.0, theirs: times };
        Row::of_pairs("S1", subject, (&[pair], "s"), Ratio::Speed, budget).unwrap()
    }

    #[test]
    fn a_bar_is_as_long_as_its_ratio_and_says_whether_it_is_enough() {
        let rows = [
            row("a & b", 4.0, Budget::NotBelow(2.0)),
            row("c", 1.0, Budget::NotBelow(2.0)),
            row("no speed", 9.0, Budget::NotAbove(2.0)),
            Row::of_value("S5", "memory", (1.0, None), "MiB", Some(16.0)),
        ];
        let svg = svg(&rows).unwrap();
        assert!(
            svg.contains("a &amp; b (S1)</text><rect class=\"met\" x=\"680\" y=\"3\" width=\"400.0\""),
            "{svg}"
        );
        assert!(svg.contains("<rect class=\"missed\" x=\"680\" y=\"25\" width=\"100.0\""), "{svg}");
        assert_eq!(svg.matches("x1=\"880.0\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn without_ratios_there_is_no_picture() {
        assert_eq!(svg(&[Row::of_value("L2", "size", (3.0, Some(4.0)), "KiB", None)]), None);
    }
}
