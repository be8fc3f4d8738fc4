// SPDX-License-Identifier: BSD-3-Clause
//! The results of a benchmark, as text, Markdown and JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    pairs::{Pair, Spread},
    parts::Breakdown,
};

/// The results of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The bench's name.
    pub bench: &'static str,
    /// The machine.
    pub machine: Vec<Fact>,
    /// The exact configuration of both sides.
    pub setup: Vec<Fact>,
    /// The rows of the table.
    pub rows: Vec<Row>,
    /// Breakdown of one of our values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Breakdown>,
}

/// A name and its description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The subject.
    pub name: String,
    /// The description.
    pub value: String,
}

/// One line of the table.
#[derive(Debug, PartialEq, Serialize)]
pub struct Row {
    /// The row of the budget that the figure answers: `S1`.
    pub row: &'static str,
    /// What was measured, and against what.
    pub subject: String,
    /// Median of our own measurements.
    pub ours: f64,
    /// Median of the other side's; none if there is no other side.
    pub theirs: Option<f64>,
    /// Unit of the two.
    pub unit: &'static str,
    /// Their ratio; for pairs, the spread of the ratios.
    pub ratio: Option<Spread>,
    /// The budget; none for no limit.
    pub budget: Option<Budget>,
    /// Whether the budget is met.
    pub is_met: bool,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Minimum of the ratio.
    NotBelow(f64),
    /// Maximum of the ratio.
    NotAbove(f64),
    /// Maximum of our own value, in its unit.
    Within(f64),
}

/// How pairs become ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Theirs divided by ours: how many times as fast we are.
    Speed,
    /// Ours divided by theirs: the share of their time or work that we need.
    Share,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Row {
    /// A row of pairs in `unit`. The ratio is taken of each pair; the median of the ratios counts.
    ///
    /// None without any pair.
    pub fn of_pairs(
        row: &'static str,
        subject: impl Into<String>,
        (pairs, unit): (&[Pair], &'static str),
        ratio: Ratio,
        budget: Budget,
    ) -> Option<Self> {
        let ratio = Spread::of(pairs.iter().map(|pair| match ratio {
            Ratio::Speed => pair.theirs / pair.ours,
            Ratio::Share => pair.ours / pair.theirs,
        }))?;
        let ours = Spread::of(pairs.iter().map(|pair| pair.ours))?.median;
        let theirs = Spread::of(pairs.iter().map(|pair| pair.theirs))?.median;
        let is_met = match budget {
            Budget::NotBelow(limit) => ratio.median >= limit,
            Budget::NotAbove(limit) => ratio.median <= limit,
            Budget::Within(limit) => ours <= limit,
        };
        let (subject, theirs, ratio) = (subject.into(), Some(theirs), Some(ratio));
        Some(Self { row, subject, ours, theirs, unit, ratio, budget: Some(budget), is_met })
    }

    /// A row of one value, with that of the other side, if any, and a limit, if any.
    pub fn of_value(
        row: &'static str,
        subject: impl Into<String>,
        (ours, theirs): (f64, Option<f64>),
        unit: &'static str,
        limit: Option<f64>,
    ) -> Self {
        let ratio = theirs.and_then(|theirs| Spread::of([ours / theirs].into_iter()));
        let is_met = limit.is_none_or(|limit| ours <= limit);
        let (subject, budget) = (subject.into(), limit.map(Budget::Within));
        Self { row, subject, ours, theirs, unit, ratio, budget, is_met }
    }

    /// Subject, ours, theirs, ratio, budget, verdict, row.
    fn cells(&self) -> [String; 7] {
        let value = |value: f64| format!("{value:.3} {}", self.unit);
        let ratio = |Spread { least, median, most }: Spread| {
            if least == most {
                format!("{median:.2}")
            } else {
                format!("{median:.2} ({least:.2} to {most:.2})")
            }
        };
        let budget = |budget: Budget| match budget {
            Budget::NotBelow(limit) => format!("≥ {limit}"),
            Budget::NotAbove(limit) => format!("≤ {limit}"),
            Budget::Within(limit) => format!("≤ {limit} {}", self.unit),
        };
        let verdict = match (self.budget, self.is_met) {
            (None, _) => "",
            (_, true) => "met",
            (_, false) => "missed",
        };
        let theirs = self.theirs.map(value).unwrap_or_default();
        let ratio = self.ratio.map(ratio).unwrap_or_default();
        let budget = self.budget.map(budget).unwrap_or_default();
        [self.subject.clone(), value(self.ours), theirs, ratio, budget, verdict.into(), self.row.into()]
    }
}

/// Headings of the columns.
const HEADS: [&str; 7] = ["what", "ours", "theirs", "ratio (least to most)", "budget", "", "row"];

impl Report {
    /// Whether every budget is met.
    pub fn is_met(&self) -> bool {
        self.rows.iter().all(|row| row.is_met)
    }

    fn table(&self) -> Vec<[String; 7]> {
        let heads = HEADS.map(String::from);
        [heads].into_iter().chain(self.rows.iter().map(Row::cells)).collect()
    }

    fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.machine.iter().chain(&self.setup)
    }

    /// As text for a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Fact { name, value } in self.facts() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        let table = self.table();
        let width =
            |column: usize| table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 7] = std::array::from_fn(width);
        for cells in &table {
            let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        text + &self.parts.as_ref().map(|parts| format!("\n{}", parts.text())).unwrap_or_default()
    }

    /// As Markdown for a page.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String; 7]| {
            let cells =
                cells.each_ref().map(|cell| if cell.is_empty() { " ".into() } else { format!(" {cell} ") });
            format!("|{}|\n", cells.join("|"))
        };
        let mut lines = self.table().iter().map(line).collect::<Vec<_>>();
        lines.insert(1, format!("|{}\n", "---|".repeat(HEADS.len())));
        let facts = self.facts().map(|Fact { name, value }| item(&format!("{name}: {value}")));
        let parts = self.parts.as_ref().map(|parts| format!("{}\n", parts.markdown())).unwrap_or_default();
        [lines.concat(), "\n".into(), parts, facts.collect()].concat()
    }

    /// As JSON, with a newline at the end.
    ///
    /// # Errors
    /// For a number that JSON cannot represent.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Line width of a page.
const WIDTH: usize = 110;

/// An item of a list, wrapped at the line width.
fn item(text: &str) -> String {
    let mut lines = String::from("*");
    let mut width = 1;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width + 1 + length > WIDTH {
            lines.push_str("\n ");
            width = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        width += 1 + length;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Part;

    fn report() -> Report {
        let pairs = [(1.0, 3.0), (1.0, 1.0), (2.0, 4.0)].map(|(ours, theirs)| Pair { ours, theirs });
        let speed = Row::of_pairs("S1", "read", (&pairs, "s"), Ratio::Speed, Budget::NotBelow(2.0));
        let time = Row::of_pairs("L1", "boot", (&pairs, "s"), Ratio::Share, Budget::NotAbove(0.25));
        Report {
            bench: "test",
            machine: vec![Fact::new("processor", "slow")],
            setup: vec![Fact::new("beside", "cat")],
            rows: vec![
                speed.unwrap(),
                time.unwrap(),
                Row::of_value("S5", "peak", (17.0, None), "MiB", Some(16.0)),
                Row::of_value("L2", "size", (3.0, Some(4.0)), "KiB", Some(3.0)),
                Row::of_value("L2", "other", (5.0, Some(4.0)), "KiB", None),
            ],
            parts: Some(Breakdown {
                whole: "size".into(),
                parts: vec![Part { name: "core".into(), bytes: 3072 }],
            }),
        }
    }

    #[test]
    fn ratios_are_medians_of_pairs_not_ratios_of_medians() {
        let report = report();
        let [speed, time, peak, size, other] = report.rows.as_slice() else { panic!("five rows") };
        assert_eq!(speed.ratio, Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
        assert_eq!((speed.ours, speed.theirs), (1.0, Some(3.0)));
        assert_eq!(time.ratio, Some(Spread { least: 1.0 / 3.0, median: 0.5, most: 1.0 }));
        let met = [speed, time, peak, size, other].map(|row| row.is_met);
        assert_eq!(met, [true, false, false, true, true]);
        assert!(!report.is_met());
        assert_eq!(Row::of_pairs("S1", "", (&[], "s"), Ratio::Speed, Budget::NotBelow(2.0)), None);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let expected = "\
processor: slow
beside: cat

what   ours        theirs     ratio (least to most)  budget            row
read   1.000 s     3.000 s    2.00 (1.00 to 3.00)    ≥ 2       met     S1
boot   1.000 s     3.000 s    0.50 (0.33 to 1.00)    ≤ 0.25    missed  L1
peak   17.000 MiB                                    ≤ 16 MiB  missed  S5
size   3.000 KiB   4.000 KiB  0.75                   ≤ 3 KiB   met     L2
other  5.000 KiB   4.000 KiB  1.25                                     L2

size  bytes
core   3072
";
        assert_eq!(report().text(), expected);
    }

    #[test]
    fn a_page_gets_the_same() {
        let text = report().markdown();
        assert!(
            text.starts_with("| what | ours | theirs | ratio (least to most) | budget | | row |\n|---|"),
            "{text}"
        );
        assert!(text.contains("| peak | 17.000 MiB | | | ≤ 16 MiB | missed | S5 |\n"), "{text}");
        assert!(
            text.contains("| other | 5.000 KiB | 4.000 KiB | 1.25 | | | L2 |\n\n| size | bytes |\n"),
            "{text}"
        );
        assert!(text.ends_with("\n\n* processor: slow\n* beside: cat\n"), "{text}");
    }

    #[test]
    fn items_are_wrapped_below_their_mark() {
        assert_eq!(item("a b"), "* a b\n");
        let word = "x".repeat(60);
        assert_eq!(item(&format!("{word} {word} y")), format!("* {word}\n  {word} y\n"));
    }

    #[test]
    fn programs_read_names_and_numbers() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["rows"][0]["ratio"]["median"], 2.0);
        assert_eq!(json["rows"][1]["budget"]["not_above"], 0.25);
        assert_eq!(json["rows"][2]["theirs"], serde_json::Value::Null);
        assert_eq!(json["rows"][3]["budget"]["within"], 3.0);
        assert_eq!(json["parts"]["parts"][0]["bytes"], 3072);
        assert_eq!(json["machine"][0]["name"], "processor");
    }
}
