// SPDX-License-Identifier: BSD-3-Clause
//! What a bench found, as text, Markdown and JSON.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::pairs::{Pair, Spread};

/// Everything that one run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The bench's name.
    pub bench: &'static str,
    /// What it ran on.
    pub machine: Vec<Fact>,
    /// What both sides did, exactly.
    pub setup: Vec<Fact>,
    /// What came of it.
    pub rows: Vec<Row>,
}

/// A name and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What is said.
    pub value: String,
}

/// One line of the table.
#[derive(Debug, PartialEq, Serialize)]
pub struct Row {
    /// The budget's row: `S1`.
    pub row: &'static str,
    /// What was measured, and beside what.
    pub subject: String,
    /// Median of our own measurements.
    pub ours: f64,
    /// Median of the other side's; none where there is no other side.
    pub theirs: Option<f64>,
    /// Unit of the two.
    pub unit: &'static str,
    /// What the budget is about; of pairs, the ratios of one to the other.
    pub found: Spread,
    /// What it should be.
    pub budget: Budget,
    /// Whether it is.
    pub is_met: bool,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// From here on.
    NotBelow(f64),
    /// Up to here.
    NotAbove(f64),
}

/// How pairs become ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Theirs by ours: how many times as fast we are.
    Speed,
    /// Ours by theirs: what part of their time or work we need.
    Share,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Budget {
    fn is_met(self, found: f64) -> bool {
        match self {
            Self::NotBelow(limit) => found >= limit,
            Self::NotAbove(limit) => found <= limit,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBelow(limit) => write!(f, "≥ {limit}"),
            Self::NotAbove(limit) => write!(f, "≤ {limit}"),
        }
    }
}

impl Row {
    /// Of values in `unit`. The ratio is taken of each pair, and the median of the ratios counts.
    ///
    /// None without any pair.
    pub fn of_pairs(
        row: &'static str,
        subject: impl Into<String>,
        (pairs, unit): (&[Pair], &'static str),
        ratio: Ratio,
        budget: Budget,
    ) -> Option<Self> {
        let found = Spread::of(pairs.iter().map(|pair| match ratio {
            Ratio::Speed => pair.theirs / pair.ours,
            Ratio::Share => pair.ours / pair.theirs,
        }))?;
        Some(Self {
            row,
            subject: subject.into(),
            ours: Spread::of(pairs.iter().map(|pair| pair.ours))?.median,
            theirs: Some(Spread::of(pairs.iter().map(|pair| pair.theirs))?.median),
            unit,
            found,
            budget,
            is_met: budget.is_met(found.median),
        })
    }

    /// Of one value that has a limit itself.
    pub fn of_value(
        row: &'static str,
        subject: impl Into<String>,
        value: f64,
        unit: &'static str,
        budget: Budget,
    ) -> Self {
        let found = Spread { least: value, median: value, most: value };
        let is_met = budget.is_met(value);
        Self { row, subject: subject.into(), ours: value, theirs: None, unit, found, budget, is_met }
    }

    /// Row, subject, ours, theirs, ratio, budget, verdict.
    fn cells(&self) -> [String; 7] {
        let value = |value: f64| format!("{value:.3} {}", self.unit);
        let ratio = match self.theirs {
            Some(_) => {
                format!("{:.2} ({:.2} to {:.2})", self.found.median, self.found.least, self.found.most)
            }
            None => String::new(),
        };
        let budget = if self.theirs.is_some() {
            self.budget.to_string()
        } else {
            format!("{} {}", self.budget, self.unit)
        };
        let verdict = if self.is_met { "met" } else { "missed" };
        let theirs = self.theirs.map(value).unwrap_or_default();
        [self.row.into(), self.subject.clone(), value(self.ours), theirs, ratio, budget, verdict.into()]
    }
}

/// Heads of the columns.
const HEADS: [&str; 7] = ["row", "what", "ours", "theirs", "ratio (least to most)", "budget", ""];

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

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Fact { name, value } in self.facts() {
            // Writing to a string does not fail.
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
        text
    }

    /// For a page.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String; 7]| {
            let cells =
                cells.each_ref().map(|cell| if cell.is_empty() { " ".into() } else { format!(" {cell} ") });
            format!("|{}|\n", cells.join("|"))
        };
        let mut lines = self.table().iter().map(line).collect::<Vec<_>>();
        lines.insert(1, format!("|{}\n", "---|".repeat(HEADS.len())));
        let facts = self.facts().map(|Fact { name, value }| item(&format!("{name}: {value}")));
        [lines.concat(), "\n".into(), facts.collect()].concat()
    }

    /// For programs, with a new line at its end.
    ///
    /// # Errors
    /// For a number that JSON has no form for.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Columns of a page's lines.
const WIDTH: usize = 110;

/// An item of a list, in lines of a page's width.
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
                Row::of_value("S5", "peak", 17.0, "MiB", Budget::NotAbove(16.0)),
            ],
        }
    }

    #[test]
    fn ratios_are_medians_of_pairs_not_ratios_of_medians() {
        let report = report();
        let [speed, time, peak] = report.rows.as_slice() else { panic!("three rows") };
        assert_eq!(speed.found, Spread { least: 1.0, median: 2.0, most: 3.0 });
        assert_eq!((speed.ours, speed.theirs), (1.0, Some(3.0)));
        assert_eq!(time.found, Spread { least: 1.0 / 3.0, median: 0.5, most: 1.0 });
        assert_eq!([speed.is_met, time.is_met, peak.is_met], [true, false, false]);
        assert!(!report.is_met());
        assert_eq!(Row::of_pairs("S1", "", (&[], "s"), Ratio::Speed, Budget::NotBelow(2.0)), None);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let expected = "\
processor: slow
beside: cat

row  what  ours        theirs   ratio (least to most)  budget
S1   read  1.000 s     3.000 s  2.00 (1.00 to 3.00)    ≥ 2       met
L1   boot  1.000 s     3.000 s  0.50 (0.33 to 1.00)    ≤ 0.25    missed
S5   peak  17.000 MiB                                  ≤ 16 MiB  missed
";
        assert_eq!(report().text(), expected);
    }

    #[test]
    fn a_page_gets_the_same() {
        let text = report().markdown();
        assert!(
            text.starts_with("| row | what | ours | theirs | ratio (least to most) | budget | |\n|---|"),
            "{text}"
        );
        assert!(text.contains("| S5 | peak | 17.000 MiB | | | ≤ 16 MiB | missed |\n"), "{text}");
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
        assert_eq!(json["rows"][0]["found"]["median"], 2.0);
        assert_eq!(json["rows"][1]["budget"]["not_above"], 0.25);
        assert_eq!(json["rows"][2]["theirs"], serde_json::Value::Null);
        assert_eq!(json["machine"][0]["name"], "processor");
    }
}
