// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot dev cat`.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use clap::Args;

use crate::{
    codes,
    failure::{Failure, Stop},
    images::Backing,
    machine::{Device, Machine},
    printer::{Printer, size},
    progress::Progress,
};

/// Bytes of one read.
const CHUNK: usize = 1024 * 1024;
/// Most bytes that are printed without --length: a tiny image may claim to have 2^63.
const MOST_UNASKED: u64 = 16 << 40;
/// Devices that a message lists.
const MOST: usize = 16;

/// The bytes of a disk or partition
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot dev cat disk.raw --device 'disk.raw#1' > esp.img
      a partition as a file
  cloud-boot dev cat disk.raw --offset 1024 --length 1024 | xxd
      some bytes of the disk")]
pub struct Options {
    /// Images or block devices: the disks of one machine
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    #[command(flatten)]
    backing: Backing,
    /// The device, as `dev ls` names it; by default the only disk
    #[arg(long, value_name = "DEVICE")]
    device: Option<OsString>,
    /// Bytes to skip
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    offset: u64,
    /// Bytes to print; by default all up to the end, at most 16 TiB
    #[arg(long, value_name = "BYTES")]
    length: Option<u64>,
}

impl Options {
    /// Prints them.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let devices = Machine::open(&self.images, &self.backing)?.devices();
        let device = self.pick(&devices)?;
        let bytes = &device.bytes;
        let rest = bytes.size().checked_sub(self.offset);
        let length = self.length.or(rest);
        if self.length.is_none() && rest.is_some_and(|rest| rest > MOST_UNASKED) {
            let cause = format!("it claims to have {}", size(bytes.size()));
            let advice = format!("more than {} only with --length", size(MOST_UNASKED));
            return Err(Failure { advice, ..Failure::new(codes::RANGE, &device.name, cause) }.into());
        }
        let Some(length) = length.filter(|length| rest.is_some_and(|rest| *length <= rest)) else {
            let cause = format!("it has {} bytes", bytes.size());
            return Err(Failure::new(codes::RANGE, &device.name, cause).into());
        };
        copy(device, self.offset, length, printer)
    }

    fn pick<'d>(&self, devices: &'d [Device]) -> Result<&'d Device, Failure> {
        let all: Vec<&Device> = devices.iter().flat_map(Device::all).collect();
        let Some(wanted) = &self.device else {
            return match devices {
                [disk] => Ok(disk),
                _ => Err(unclear(b"device", "more than one matches", &all)),
            };
        };
        let wanted = wanted.as_bytes();
        let found = all.iter().find(|device| device.name == wanted || device.id.as_bytes() == wanted);
        found.copied().ok_or_else(|| unclear(wanted, "no such device; available", &all))
    }
}

fn unclear(object: &[u8], cause: &str, all: &[&Device]) -> Failure {
    let names = all.iter().take(MOST).map(|device| device.name.clone()).collect();
    Failure { names, ..Failure::new(codes::DEVICE, object, format!("{cause}: ")) }
}

fn copy(device: &Device, offset: u64, length: u64, printer: &mut Printer) -> Result<(), Stop> {
    let (mut buf, mut progress) = (vec![0; CHUNK], Progress::beside_output(Some(length)));
    let mut done = 0;
    while done < length {
        let wanted = usize::try_from(length - done).unwrap_or(CHUNK).min(CHUNK);
        let buf = &mut buf[..wanted];
        let read = device.bytes.read_at(offset + done, buf);
        read.map_err(|error| Failure::of(&error.into(), &device.name))?;
        printer.bytes(buf)?;
        progress.add(&device.name, wanted);
        done += wanted as u64;
    }
    Ok(())
}
