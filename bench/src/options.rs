// SPDX-License-Identifier: BSD-3-Clause
//! Common command line options of all benchmarks, and their exit status.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{page, report::Report};

/// The form of the report.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Also write the table to docs/benchmarks.md
    #[arg(long)]
    pub update: bool,
}

/// Exit status if the measurement failed.
const NOT_MEASURED: u8 = 2;

impl Output {
    fn give(self, report: &Report) -> Result<()> {
        print!("{}", if self.json { report.json()? } else { report.text() });
        if self.update {
            page::update(report)?;
        }
        Ok(())
    }

    /// Prints the report. Exit status 0 if every budget is met, 1 if one is missed, 2 if the measurement
    /// failed.
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

/// Why this kind of build refuses to measure, if it does.
pub const fn refusal() -> Option<&'static str> {
    if cfg!(debug_assertions) {
        Some(
            "this build has debug assertions and says nothing about speed; tools/bazel run makes an optimised one",
        )
    } else {
        None
    }
}
