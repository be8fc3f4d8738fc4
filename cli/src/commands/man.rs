// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot man`.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};
use filesystem::Civil;

use crate::{
    Arguments, codes,
    failure::{Failure, Stop},
    printer::Printer,
};

/// Manual pages, from the same texts as the help
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot man | man -l -
      the page of the command itself
  cloud-boot man --out ~/.local/share/man/man1
      the pages of all commands, for man cloud-boot-fs-ls")]
pub struct Options {
    /// Writes the pages of all commands to this folder; creates it if it is missing, replaces existing pages
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Options {
    /// Prints or writes them.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let mut command = Arguments::command().disable_help_subcommand(true);
        // Sets the full names of nested commands.
        command.build();
        let Some(folder) = &self.out else {
            let page = page(command).map_err(|error| Stop::of_output(&error))?;
            return printer.bytes(&page);
        };
        fs::create_dir_all(folder).map_err(|error| failure(folder, &error))?;
        Ok(write_all(&command, folder)?)
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(codes::TARGET, path.as_os_str().as_bytes(), error)
}

/// The page of a command, and those of the commands in it.
fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    let written = page(command.clone()).and_then(|page| fs::write(&path, page));
    written.map_err(|error| failure(&path, &error))?;
    command.get_subcommands().try_for_each(|command| write_all(command, folder))
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (has_options, has_commands) = (command.get_arguments().next().is_some(), command.has_subcommands());
    // The date of the release: no build time, so that the same source makes the same pages.
    let Civil { year, month, day, .. } = iso::TIME.into();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let man = Man::new(command).date(date).source(concat!("cloud-boot ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if has_options {
        man.render_options_section(&mut page)?;
    }
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    // The examples are already laid out.
    if let Some(examples) = examples.strip_prefix("Examples:\n") {
        let mut section = Roff::new();
        section.control("SH", ["EXAMPLES"]).control("nf", []);
        examples.lines().for_each(|line| {
            section.text([roman(line)]);
        });
        section.control("fi", []).to_writer(&mut page)?;
    }
    // clap_mangen 0.3 breaks the line around an empty one, where man(7) has a request for the space between the two.
    Ok(String::from_utf8_lossy(&page).replace("\n.br\n\n.br\n", "\n.sp\n").into_bytes())
}
