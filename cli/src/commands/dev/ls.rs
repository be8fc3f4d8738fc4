// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot dev ls`.

use std::ffi::OsString;

use clap::Args;
use serde::Serialize;

use crate::{
    failure::Stop,
    images::Backing,
    machine::{Device, Machine},
    printer::{Printer, size, text},
};

/// Disks and partitions, by the names that `dev cat` takes
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot dev ls disk.raw
      the disk, and its partitions as disk.raw#1, disk.raw#2
  cloud-boot dev ls --json disk.raw
      the same as JSON, in the format of `inspect --json`")]
pub struct Options {
    /// Images or block devices: the disks of one machine
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    #[command(flatten)]
    backing: Backing,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    devices: Vec<Device>,
}

impl Options {
    /// Prints them.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let report = Report { devices: Machine::open(&self.images, &self.backing)?.devices() };
        if self.json {
            return printer.json(&report);
        }
        show(&report.devices, printer)
    }
}

/// A line for each device, and for each in it.
pub fn show(devices: &[Device], printer: &mut Printer) -> Result<(), Stop> {
    let all = || devices.iter().flat_map(Device::all);
    let width = all().map(|device| device.id.chars().count()).max().unwrap_or(0);
    for device in all() {
        let (id, kind, bytes) = (&device.id, device.kind, size(device.size));
        printer.line(format_args!("  {id:<width$}  {kind:<9} {bytes:>10}{}", notes(device)))?;
    }
    Ok(())
}

fn notes(device: &Device) -> String {
    let mut notes = String::new();
    if device.kind == "disk" {
        notes.push_str(&format!("  sectors of {} bytes", device.sector_size));
    }
    if let Some(title) = &device.title {
        notes.push_str(&format!("  {title}"));
    }
    for (name, value) in [("label", &device.label), ("uuid", &device.uuid)] {
        if let Some(value) = value {
            notes.push_str(&format!("  {name} {}", text(value.as_bytes())));
        }
    }
    if device.health != "ok" {
        notes.push_str(&format!("  {}", device.health));
    }
    notes
}
