// SPDX-License-Identifier: BSD-3-Clause
//! The UEFI loader: boots what the disks hold.
//!
//! This program is the platform: disks, console, clock, memory and the hand-over, each behind a trait of
//! `flow`, which is the boot itself. It is the only part of the loader with unsafe code.
#![no_std]
#![no_main]
#![deny(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod clock;
mod console;
mod disks;
mod hand_over;
mod heap;
mod initrd;
mod memory;
mod options;
mod panic;
mod stack;

use config::Config;
use flow::{Console as _, Ended, Parts};
use image::Machine;
use uefi::{Status, boot, entry};

use crate::{
    clock::Clock, console::Console, disks::FirmwareDisks, hand_over::Firmware, memory::FreeMemory,
    stack::Stack,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(target_arch = "x86_64")]
const MACHINE: Machine = Machine::X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: Machine = Machine::AARCH64;
#[cfg(target_arch = "riscv64")]
const MACHINE: Machine = Machine::RISCV64;
#[cfg(target_arch = "loongarch64")]
const MACHINE: Machine = Machine::LOONGARCH64;

#[entry]
fn main() -> Status {
    Status(Stack::new().run(run))
}

/// The program, on its own stack.
extern "C" fn run(stack: &Stack) -> usize {
    // The firmware's own watchdog resets the machine five minutes after it started us. One that cannot be
    // stopped is not there.
    let _ = boot::set_watchdog_timer(0, 0x1_0000, None);
    let clock = Clock::start();
    // Firmware may have left a prompt without the end of its line.
    Console.line(format_args!(""));
    Console.line(format_args!("cloud-boot {VERSION} {MACHINE}, {}", hand_over::firmware()));

    let config = Config::resolve(&options::sources(), options::trust());
    for problem in config.problems() {
        Console.line(format_args!("configure: {problem}"));
    }
    if config.debug() {
        for line in config.explain() {
            Console.line(format_args!("  {line}"));
        }
    }
    let parts = Parts {
        disks: &FirmwareDisks,
        console: &Console,
        clock: &clock,
        memory: &FreeMemory,
        hand_over: &Firmware { report: config.debug().then_some(stack) },
        machine: MACHINE,
    };
    match flow::boot(&parts, &config) {
        Ended::NothingFound => Status::NOT_FOUND.0,
        Ended::AllFailed => Status::LOAD_ERROR.0,
    }
}
