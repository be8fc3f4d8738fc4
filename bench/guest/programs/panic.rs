// SPDX-License-Identifier: BSD-3-Clause
//! A panic prints its cause for the host, and ends the machine.

use core::panic::PanicInfo;

use uefi::{
    Status, println,
    runtime::{self, ResetType},
};

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    println!("bench:failed=panic;");
    runtime::reset(ResetType::SHUTDOWN, Status::ABORTED, None)
}
