// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot nvram show`.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::report::{Boot, CloudBoot, Plain, Report, SecureBoot};
use crate::{
    failure::Stop,
    images::Backing,
    nvram,
    printer::{Printer, field, text},
};

/// UEFI variables: boot order, Boot Loader Interface, cloud-boot's own, Secure Boot
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot nvram show OVMF_VARS_4M.fd
      the variables of a virtual machine
  cloud-boot nvram show
      the variables of this system
  cloud-boot nvram show --json OVMF_VARS_4M.fd
      the same as JSON, with the names of all variables

Values of credentials are shown as ***.")]
pub struct Options {
    /// An EDK II variable store, raw or qcow2, or a folder in efivarfs format; by default the variables of this system
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    backing: Backing,
    /// Show names and sizes of all other variables, too
    #[arg(long)]
    all: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    /// Prints it.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let (variables, failures) = nvram::read(self.file.as_deref(), &self.backing)?;
        let report = Report::new(&variables);
        if self.json { printer.json(&report) } else { show(&report, self.all, printer) }?;
        failures.end()
    }
}

fn show(report: &Report, all: bool, printer: &mut Printer) -> Result<(), Stop> {
    show_boot(&report.boot, printer)?;
    if !report.loader.is_empty() {
        printer.line(format_args!("boot loader interface"))?;
    }
    report.loader.iter().try_for_each(|named| show_field(&named.name, &named.value, printer))?;
    show_cloud_boot(&report.cloud_boot, printer)?;
    show_secure_boot(&report.secure_boot, printer)?;
    let others: Vec<&Plain> = report.variables.iter().filter(|variable| !variable.is_shown).collect();
    printer.line(format_args!("other variables"))?;
    if others.is_empty() {
        return printer.line(format_args!("  none"));
    }
    if !all {
        return printer.line(format_args!("  {}; --all lists them", others.len()));
    }
    others.iter().try_for_each(|Plain { vendor, name, size, .. }| {
        printer.line(format_args!("  {vendor}-{}  {size} bytes", text(name.as_bytes())))
    })
}

fn show_field(name: &str, value: &str, printer: &mut Printer) -> Result<(), Stop> {
    printer.line(format_args!("{}", field(format_args!("  {name:<23}  "), &text(value.as_bytes()))))
}

fn show_boot(boot: &Boot, printer: &mut Printer) -> Result<(), Stop> {
    printer.line(format_args!("boot"))?;
    show_field("order", &if boot.order.is_empty() { "none".into() } else { boot.order.join(" ") }, printer)?;
    for (name, id) in [("next", &boot.next), ("current", &boot.current)] {
        id.iter().try_for_each(|id| show_field(name, id, printer))?;
    }
    for entry in &boot.entries {
        let (title, path) = (text(entry.description.as_bytes()), text(entry.path.as_bytes()));
        let mark = if entry.active { "" } else { "  (not active)" };
        printer.line(format_args!("  {} \"{title}\"{mark}", entry.id))?;
        printer.line(format_args!("{}", field(format_args!("    path     "), &path)))?;
        entry.options.iter().try_for_each(|options| {
            let options = text(options.as_bytes());
            printer.line(format_args!("{}", field(format_args!("    options  "), &options)))
        })?;
    }
    Ok(())
}

/// Prints the loader's variables, if there are any.
pub fn show_cloud_boot(values: &CloudBoot, printer: &mut Printer) -> Result<(), Stop> {
    let CloudBoot { cmdline, target, log } = values;
    if cmdline.is_none() && target.is_none() && log.is_none() {
        return Ok(());
    }
    printer.line(format_args!("cloud-boot"))?;
    for (name, value) in [("CloudBootCmdline", cmdline), ("CloudBootTarget", target)] {
        value.iter().try_for_each(|value| show_field(name, value, printer))?;
    }
    let Some(log) = log else { return Ok(()) };
    let word = |name: &str| log[name].as_str().unwrap_or("nothing");
    show_field(
        "CloudBootLog",
        &format!("{} on {}, started {}", word("version"), word("arch"), word("selected")),
        printer,
    )?;
    if let Some(dropped) = log["dropped"].as_u64().filter(|dropped| *dropped > 0) {
        printer.line(format_args!("    ({dropped} lines dropped)"))?;
    }
    let lines = log["lines"].as_array().map_or(&[][..], Vec::as_slice);
    let parts = |line: &Value| Some((line[0].as_u64()?, text(line[1].as_str()?.as_bytes())));
    lines.iter().filter_map(parts).try_for_each(|(time, line)| {
        let time = format_args!("    {:>4}.{:03} s  ", time / 1000, time % 1000);
        printer.line(format_args!("{}", field(time, &line)))
    })
}

fn show_secure_boot(state: &SecureBoot, printer: &mut Printer) -> Result<(), Stop> {
    printer.line(format_args!("secure boot"))?;
    let mode = if state.setup_mode { ", in setup mode" } else { "" };
    show_field("state", &format!("{}{mode}", if state.enabled { "on" } else { "off" }), printer)?;
    for (name, size) in [("PK", state.pk), ("KEK", state.kek), ("db", state.db), ("dbx", state.dbx)] {
        let value = size.map_or("none".into(), |size| format!("{size} bytes"));
        show_field(name, &value, printer)?;
    }
    Ok(())
}
