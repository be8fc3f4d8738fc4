// SPDX-License-Identifier: BSD-3-Clause
//! Whether KVM works here, which a device that opens does not say.

use std::time::Duration;

use anyhow::Result;

use crate::{
    emulated,
    machine::{Accelerator, Machine},
    record::Record,
    script::Script,
    watch::{End, Limits, View, Watch},
};

/// The time for the probe's first line: five times and more what firmware takes on processors that work.
const LIMIT: Duration = Duration::from_secs(8);

/// What our loader prints first.
const BANNER: &str = "^cloud-boot ";
/// What EDK II prints when it starts something, and when it has nothing to start.
const BOOT_MANAGER: &str = "BdsDxe: ";

/// Starts a guest with the machine's firmware and loader, without its disks, under KVM; whether it spoke in time.
///
/// Nested or restricted KVM runs simple guests and then stumbles over an instruction: firmware is the least that
/// says anything.
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

/// Whether we may use the device at all.
fn is_open() -> bool {
    std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok()
}
