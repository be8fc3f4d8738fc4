// SPDX-License-Identifier: BSD-3-Clause
//! A panic ends the machine: the host sees why.

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
