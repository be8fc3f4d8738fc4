// SPDX-License-Identifier: BSD-3-Clause
//! What happens when our own code is wrong, or memory runs out: a line, and back to the firmware.

use core::{fmt, panic::PanicInfo, ptr};

use flow::{Console as _, codes};
use uefi::{Status, boot, proto::loaded_image::LoadedImage};

use crate::{console::Console, handle::open, nic, options, stack};

/// Says why and by which way, and ends the program: the firmware goes on with its next boot option. (An allocation
/// that fails ends here, too.)
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (code, cause) = (codes::PANIC, info.message());
    Console.line(format_args!("failed: {code} {cause} (by{Way}); returning to the firmware"));
    // Nobody else would, and this program's memory is about to be used for something else.
    nic::stop_all();
    // SAFETY: the handle is that of this image, which has no exit data. What is not dropped is memory, which
    // the firmware reclaims at ExitBootServices, and an initial RAM disk that no kernel will look for.
    let _ = unsafe { boot::exit(boot::image_handle(), Status::ABORTED, 0, ptr::null_mut()) };
    // Exit does not return for a running image.
    loop {
        core::hint::spin_loop();
    }
}

/// Addresses that are shown.
const MOST: usize = 10;

/// Where the calls came from that led here, the last first: what the stack holds of addresses in `.text`, as offsets
/// in the image. (Files and lines of all places that may panic would be a twentieth of the program.)
struct Way;

impl fmt::Display for Way {
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
