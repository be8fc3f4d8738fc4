// SPDX-License-Identifier: BSD-3-Clause
//! Tests whether KVM works: a /dev/kvm that can be opened does not prove it.

use std::time::Duration;

use anyhow::Result;

use crate::{
    emulated,
    machine::{Accelerator, Machine},
    record::Record,
    script::Script,
    watch::{End, Limits, View, Watch},
};

/// Time limit for the probe's first line: at least five times what firmware takes where KVM works.
const LIMIT: Duration = Duration::from_secs(8);

/// The loader's first line.
const BANNER: &str = "^cloud-boot ";
/// EDK II prints this when it starts a program, and when it finds none.
const BOOT_MANAGER: &str = "BdsDxe: ";

/// Starts a guest with the machine's firmware and loader, without its disks, under KVM; whether it printed in time.
///
/// Nested or restricted KVM runs trivial guests and then fails at some instruction: firmware is the least guest that
/// proves anything.
///
/// # Errors
/// When QEMU cannot be started.
pub fn works(machine: &Machine) -> Result<bool> {
    if emulated::HOST != machine.arch || !is_open() {
        return Ok(false);
    }
    let probe = Machine {
        accelerator: Accelerator::Kvm,
        memory: machine.memory,
        boot: machine.boot.clone(),
        ..Machine::new(machine.arch, machine.firmware.clone())
    };
    let sign = if machine.boot.is_some() { BANNER } else { BOOT_MANAGER };
    let script = Script::new(&[sign.to_owned()], &[])?;
    let mut watch = Watch::new(script, Record::new(None)?, View::Hidden);
    Ok(watch.try_run(&probe, Limits { time: Some(LIMIT), ..Limits::default() })? == End::Seen)
}

/// Whether the device can be opened.
fn is_open() -> bool {
    std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok()
}
