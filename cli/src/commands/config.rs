// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot config explain`.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use config::{Config, Key, Origin, ROWS, Row, Text, Trust};
use metadata::Document;
use serde::Serialize;

use crate::{
    failure::{Failure, Stop},
    input,
    printer::{Printer, text},
};

/// The sources that are command lines, by their names on this command line.
const SOURCES: [(&str, Origin); 6] = [
    ("section", Origin::Section),
    ("file", Origin::File),
    ("load-options", Origin::LoadOptions),
    ("variable", Origin::Variable),
    ("smbios", Origin::Smbios),
    ("fw-cfg", Origin::FwCfg),
];
/// The source that is a JSON document.
const METADATA: &str = "metadata";

/// Commands on settings.
#[derive(Subcommand)]
pub enum Command {
    Explain(Explain),
}

impl Command {
    /// Runs the command.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        match self {
            Self::Explain(explain) => explain.run(printer),
        }
    }
}

/// Effective settings, each with its source, and what is ignored
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot config explain cloudboot.menu=always cloudboot.timeout=3
      a command line
  cloud-boot config explain --file cmdline --source smbios=cloudboot.target=rescue
      the file \\cloudboot\\cmdline, and a stronger source
  cloud-boot config explain --locked cloudboot.disk=/dev/vda
      what Secure Boot allows of it
  cloud-boot config explain --locked --metadata meta_data.json
      what a metadata document can set on a machine with Secure Boot
  cloud-boot config explain --all cloudboot.timeout=3
      also the defaults of keys that are not set

Sources, weakest first: default, section, file, load-options, variable, smbios, fw-cfg, metadata.")]
pub struct Explain {
    /// Words of LoadOptions, as the firmware passes them
    #[arg(value_name = "TEXT")]
    texts: Vec<OsString>,
    /// A file to read as \cloudboot\cmdline
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The text of another source: section, file, load-options, variable, smbios or fw-cfg
    #[arg(long, value_name = "SOURCE=TEXT", value_parser = parse_source)]
    source: Vec<(Origin, String)>,
    /// A metadata document, JSON with an object `cloudboot`
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// As if Secure Boot were on
    #[arg(long)]
    locked: bool,
    /// As if a signature key were built in
    #[arg(long)]
    with_key: bool,
    /// Show defaults, too
    #[arg(long)]
    all: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    settings: Vec<Setting>,
    rest: String,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Setting {
    key: &'static str,
    value: String,
    source: String,
}

#[derive(Serialize)]
struct Problem {
    code: String,
    object: String,
    message: String,
    /// The source, as the message names it.
    #[serde(skip)]
    origin: String,
}

impl Explain {
    fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let mut texts: Vec<Text> =
            self.source.iter().map(|(origin, text)| Text::new(*origin, text.as_bytes())).collect();
        if let Some(file) = &self.file {
            texts.push(Text::new(Origin::File, &input::read(file, config::LONGEST as u64, &|_| Ok(()))?));
        }
        if !self.texts.is_empty() {
            let words: Vec<&[u8]> = self.texts.iter().map(|text| OsStr::as_bytes(text)).collect();
            texts.push(Text::new(Origin::LoadOptions, &words.join(&b' ')));
        }
        texts.sort_by_key(Text::origin);
        let trust = match (self.with_key, self.locked) {
            (true, _) => Trust::LockedWithKey,
            (false, true) => Trust::Locked,
            (false, false) => Trust::Open,
        };
        let mut config = Config::resolve(&texts, trust);
        if let Some(file) = &self.metadata {
            config = document(file)?.resolve(config, trust);
        }
        let mut report = report(&config);
        if self.all {
            report.settings.extend(defaults(&config));
        }
        if self.json { printer.json(&report) } else { show(&report, printer) }
    }
}

/// The document in a file.
fn document(file: &Path) -> Result<Document, Failure> {
    let bytes = input::read(file, metadata::LARGEST as u64, &|_| Ok(()))?;
    let failed =
        |error: metadata::Error| Failure::new(error.code(), file.as_os_str().as_bytes(), error.cause());
    Document::parse(&bytes).map_err(failed)
}

fn parse_source(argument: &str) -> Result<(Origin, String), String> {
    let (name, text) = argument.split_once('=').ok_or("expected SOURCE=TEXT")?;
    let found = SOURCES.iter().find(|(known, _)| *known == name);
    let (_, origin) = found.ok_or_else(|| format!("no such source: {name}"))?;
    Ok((*origin, text.into()))
}

/// Defaults of the keys that no source sets; as prose where they depend on something.
fn defaults(config: &Config) -> impl Iterator<Item = Setting> {
    let is_set = |key: &Key| config.effective().any(|(name, ..)| name == key.name);
    let counts = move |row: &&Row| row.key.acts && !row.default.is_empty() && !is_set(&row.key);
    ROWS.iter().filter(counts).map(|row| Setting {
        key: row.key.name,
        value: row.default.replace('`', ""),
        source: "default".into(),
    })
}

fn report(config: &Config) -> Report {
    let setting = |(key, value, origin): (_, &str, Origin)| Setting {
        key,
        value: value.into(),
        source: SOURCES.iter().find(|(_, known)| *known == origin).map_or(METADATA, |(name, _)| name).into(),
    };
    let problem = |problem: &config::Problem| {
        let (code, message) = (problem.code().to_string(), problem.to_string());
        let message = message.strip_prefix(&code).unwrap_or(&message).trim_start();
        let object = message.split(['=', ' ']).next().unwrap_or_default().into();
        Problem { object, message: message.into(), origin: problem.origin().to_string(), code }
    };
    Report {
        settings: config.effective().map(setting).collect(),
        rest: config.rest(),
        problems: config.problems().iter().map(problem).collect(),
    }
}

fn show(report: &Report, printer: &mut Printer) -> Result<(), Stop> {
    for Setting { key, value, source } in &report.settings {
        printer.line(format_args!("{key}={} from {source}", text(value.as_bytes())))?;
    }
    if !report.rest.is_empty() {
        printer.line(format_args!("for the kernel: {}", text(report.rest.as_bytes())))?;
    }
    for Problem { code, message, origin, .. } in &report.problems {
        // The name of the source is trusted and not escaped; names and values in front of it are.
        let (before, origin, behind) = match message.rsplit_once(origin) {
            Some((before, behind)) => (before, origin.as_str(), behind),
            None => (message.as_str(), "", ""),
        };
        let (before, behind) = (text(before.as_bytes()), text(behind.as_bytes()));
        printer.line(format_args!("{code} {before}{origin}{behind}"))?;
    }
    Ok(())
}
