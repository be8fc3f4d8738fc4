// SPDX-License-Identifier: BSD-3-Clause
//! What happens when our own code is wrong, or memory runs out: a line, and back to the firmware.

use core::{panic::PanicInfo, ptr};

use flow::{Console as _, codes};
use uefi::{Status, boot};

use crate::console::Console;

/// Says where and why, and ends the program: the firmware goes on with its next boot option. (An allocation
/// that fails ends here, too.)
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    Console.line(format_args!("failed: {} {info}; returning to the firmware", codes::PANIC));
    // SAFETY: the handle is that of this image, which has no exit data. What is not dropped is memory, which
    // the firmware reclaims at ExitBootServices, and an initial RAM disk that no kernel will look for.
    let _ = unsafe { boot::exit(boot::image_handle(), Status::ABORTED, 0, ptr::null_mut()) };
    // Exit does not return for a running image.
    loop {
        core::hint::spin_loop();
    }
}
