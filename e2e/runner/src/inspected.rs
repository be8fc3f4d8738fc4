// SPDX-License-Identifier: BSD-3-Clause
//! The report of `cloud-boot inspect` on a test's disks, as patterns: the loader must boot the entry that the command
//! calls the default.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use arch::Arch;
use serde::Deserialize;

use crate::spec::Spec;

/// The item of [`Spec::expect`] that is replaced by them.
pub const INSPECTED: &str = "inspected:";

/// Columns after which the LoongArch firmware wraps a line; the others do not wrap.
const COLUMNS: usize = 80;

#[derive(Deserialize)]
struct Report {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    title: String,
    kind: String,
    kernel: String,
    initrd: Vec<String>,
    options: String,
    default: bool,
}

impl Spec {
    /// The same test with the patterns in place of [`INSPECTED`].
    ///
    /// # Errors
    /// When the command fails, or finds no default.
    pub fn inspected(mut self) -> Result<Self> {
        let Some(place) = self.expect.iter().position(|item| item == INSPECTED) else {
            return Ok(self);
        };
        let program = self.inspect.as_ref().with_context(|| format!("{INSPECTED} without the command"))?;
        let output = Command::new(program).args(["inspect", "--json"]).args(&self.disks).output();
        let output = output.with_context(|| format!("starting {program}"))?;
        ensure!(output.status.success(), "{program} inspect: {}", String::from_utf8_lossy(&output.stderr));
        let columns = if self.arch == Arch::Loongarch64 { COLUMNS } else { usize::MAX };
        let patterns = patterns(&output.stdout, columns)?;
        println!("cloud-boot inspect expects:\n  {}", patterns.join("\n  "));
        self.expect.splice(place..=place, patterns);
        Ok(self)
    }
}

/// The loader's lines for the default entry of a report, as far as they are in the first columns.
fn patterns(report: &[u8], columns: usize) -> Result<Vec<String>> {
    let report: Report =
        serde_json::from_slice(report).context("cannot parse the output of inspect --json")?;
    let entry =
        report.entries.iter().find(|entry| entry.default).context("inspect --json has no default entry")?;
    let title = &entry.title;
    let mut patterns = vec![format!("^choose \"{title}\" from ")];
    patterns.extend([&entry.kernel].into_iter().chain(&entry.initrd).map(|path| format!("^obtain {path} (")));
    // An EFI program has its command line built in.
    let is_kernel = !matches!(entry.kind.as_str(), "uki" | "efi");
    let options = if is_kernel { format!(": {} (", entry.options) } else { String::new() };
    patterns.push(format!("^start \"{title}\"{options}"));
    // The first character is the `^`.
    Ok(patterns.iter().map(|pattern| pattern.chars().take(columns.saturating_add(1)).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: &str) -> String {
        format!(
            r#"{{"entries": [{}, {}]}}"#,
            r#"{"title":"a","kind":"grub","kernel":"/k","initrd":[],"options":"","default":false}"#,
            format_args!(
                r#"{{"id":"x","title":"b","kind":"{kind}","kernel":"/l","initrd":["/i","/j"],"options":"ro","default":true}}"#
            ),
        )
    }

    #[test]
    fn the_default_entry_is_expected() {
        let expected =
            ["^choose \"b\" from ", "^obtain /l (", "^obtain /i (", "^obtain /j (", "^start \"b\": ro ("];
        assert_eq!(patterns(report("grub").as_bytes(), 80).unwrap(), expected);
        assert_eq!(patterns(report("grub").as_bytes(), 11).unwrap().last().unwrap(), "^start \"b\": ");
        assert_eq!(patterns(report("uki").as_bytes(), 80).unwrap().last().unwrap(), "^start \"b\"");
        assert!(patterns(br#"{"entries": []}"#, 80).is_err());
    }
}
