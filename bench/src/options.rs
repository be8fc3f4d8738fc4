// SPDX-License-Identifier: BSD-3-Clause
//! What every bench is told on its command line, and how it ends.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{page, report::Report};

/// How the report is given.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// The report as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Write the table to docs/benchmarks.md, too
    #[arg(long)]
    pub update: bool,
}

/// It could not be measured.
const NOT_MEASURED: u8 = 2;

impl Output {
    fn give(self, report: &Report) -> Result<()> {
        print!("{}", if self.json { report.json()? } else { report.text() });
        if self.update {
            page::update(report)?;
        }
        Ok(())
    }

    /// Prints what was found. Status 0 where every budget is met, 1 where one is missed, 2 where it could not be
    /// measured.
    pub fn end(self, bench: &str, outcome: Result<Report>) -> ExitCode {
        match outcome.and_then(|report| self.give(&report).map(|()| report.is_met())) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => {
                eprintln!("{bench}: {why:#}");
                ExitCode::from(NOT_MEASURED)
            }
        }
    }
}

/// Why nothing is measured in a build like this one.
pub const fn refusal() -> Option<&'static str> {
    if cfg!(debug_assertions) {
        Some(
            "this build has debug assertions and says nothing about speed; tools/bazel run makes an optimised one",
        )
    } else {
        None
    }
}
