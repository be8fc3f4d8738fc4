// SPDX-License-Identifier: BSD-3-Clause
//! Panics and failed allocations: prints a line and returns to the firmware.

use core::{fmt, panic::PanicInfo, ptr};

use flow::{Console as _, codes};
use uefi::{Status, boot, proto::loaded_image::LoadedImage};

use crate::{console::Console, handle::open, nic, options, stack};

/// Prints the cause and the call addresses, and ends the program: the firmware goes on with its next boot option. (A
/// failed allocation ends here, too.)
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (code, cause) = (codes::PANIC, info.message());
    Console.line(format_args!("failed: {code} {cause} (by{CallChain}); returning to the firmware"));
    // Nobody else would stop them, and this program's memory is about to be reused.
    nic::stop_all();
    // SAFETY: the handle is that of this image, which has no exit data. What is not dropped is memory, which
    // the firmware reclaims at ExitBootServices, and an initial RAM disk that no kernel will look for.
    let _ = unsafe { boot::exit(boot::image_handle(), Status::ABORTED, 0, ptr::null_mut()) };
    // Exit does not return for a running image.
    loop {
        core::hint::spin_loop();
    }
}

/// Most addresses that are shown.
const MOST: usize = 10;

/// The call chain, the last call first: all addresses in `.text` that are on the stack, as offsets in the image. (File
/// names and line numbers of all possible panics would make the program 5 % larger.)
struct CallChain;

impl fmt::Display for CallChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = open::<LoadedImage>(boot::image_handle());
        let Some(image) = image.as_ref().and_then(|image| image.get()) else { return Ok(()) };
        let base = image.info().0.addr();
        let code = options::section(image, ".text").unwrap_or_default().as_ptr_range();
        let code = code.start.addr()..code.end.addr();
        let here = ptr::from_ref(&base).addr() & !7;
        let words = (here..stack::top()).step_by(8).map(|address| {
            // SAFETY: between a variable of this function and the top of the stack that it runs on, all of which is
            // ours.
            unsafe { (address as *const usize).read_volatile() }
        });
        for address in words.filter(|word| code.contains(word)).take(MOST) {
            write!(f, " +{:#x}", address - base)?;
        }
        Ok(())
    }
}
