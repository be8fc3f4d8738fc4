// SPDX-License-Identifier: BSD-3-Clause
//! The UEFI loader: boots what the disks hold, or a registry.
//!
//! This program is the platform: disks, console, clock, memory and the hand-over, each behind a trait of
//! `flow`, which is the boot itself. It is the only part of the loader with unsafe code.
// For the Linux target it is only type-checked, by editors and cargo.
#![cfg_attr(not(target_os = "linux"), no_std)]
#![no_main]
#![deny(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod cache;
mod clock;
mod console;
mod device_tree;
mod disks;
mod entropy;
mod files;
mod hand_over;
mod handle;
mod heap;
mod initrd;
mod loaded;
mod machine;
mod memory;
mod network;
mod nic;
mod operator;
mod options;
#[cfg(not(target_os = "linux"))]
mod panic;
mod sbat;
mod stack;
mod trust;
mod variables;

use arch::Arch;
use config::{Config, Trust};
use flow::{Console as _, Ended, Instance, Journal, Platform, Policy};
use uefi::{
    Status, boot, entry,
    runtime::{self, ResetType},
};

use crate::{
    clock::Clock,
    console::Console,
    disks::FirmwareDisks,
    hand_over::Firmware,
    memory::FreeMemory,
    network::{Host, Network},
    operator::Operator,
    stack::Stack,
    variables::Variables,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(target_arch = "x86_64")]
const ARCH: Arch = Arch::X86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: Arch = Arch::Aarch64;
#[cfg(target_arch = "riscv64")]
const ARCH: Arch = Arch::Riscv64;
#[cfg(target_arch = "loongarch64")]
const ARCH: Arch = Arch::Loongarch64;

#[entry]
fn main() -> Status {
    Status(Stack::new().run(run))
}

/// The program, on its own stack.
extern "C" fn run(stack: &Stack) -> usize {
    // The firmware's watchdog resets the machine five minutes after it started us. An error here means that there is
    // none.
    let _ = boot::set_watchdog_timer(0, 0x1_0000, None);
    let clock = Clock::start();
    variables::introduce(VERSION, &clock);
    let trust = trust::of_machine();
    let console = Journal::new(&Console, &clock);
    let config = configured(trust, &console);
    let host = Host { clock: &clock, console: &console };
    let network = Network::new(&host);
    let cloud = efi::smbios::cloud(machine::smbios_table());
    let disks = FirmwareDisks::default();
    let instance =
        Instance { cloud, trust, disks: &disks, network: &network, console: &console, clock: &clock };
    let config = instance.settle(config);
    let is_locked = trust != Trust::Open;
    let report = config.debug().then_some(stack);
    let platform = Platform {
        disks: &disks,
        console: &console,
        clock: &clock,
        memory: &FreeMemory,
        tries: &disks,
        network: &network,
        hand_over: &Firmware { disks: &disks, is_locked, report },
        operator: &Operator,
        variables: &Variables,
        floors: &Variables,
        storage: &cache::Folder,
        policy: Policy {
            arch: ARCH,
            is_locked,
            is_secure_boot: variables::is_secure_boot(),
            cosign: config.cosign(),
            signers: trust::signers(&config, trust, &console),
        },
        version: VERSION,
        exit: "returning to the firmware",
    };
    match flow::boot(&platform, &config) {
        Ended::Setup => variables::open_setup(),
        Ended::Reset => runtime::reset(ResetType::COLD, Status::SUCCESS, None),
        Ended::NothingFound => Status::NOT_FOUND.0,
        Ended::AllFailed => Status::LOAD_ERROR.0,
    }
}

/// The configuration from the sources that need no network. Prints the first line, problems, and in debug mode all
/// values.
fn configured(trust: Trust, console: &Journal<'_>) -> Config {
    let config = Config::resolve(&options::sources(), trust);
    if !config.quiet() {
        let (firmware, secure_boot) = (variables::firmware(), variables::secure_boot());
        // Firmware may have left a prompt without a line end.
        Console.line(format_args!(""));
        console.line(format_args!("cloud-boot {VERSION} {ARCH}, {firmware}, Secure Boot {secure_boot}"));
    }
    for problem in config.problems() {
        console.line(format_args!("configure: {problem}"));
    }
    if config.debug() {
        for line in config.explain() {
            console.line(format_args!("  {line}"));
        }
    }
    config
}
