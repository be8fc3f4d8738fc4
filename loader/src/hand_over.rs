// SPDX-License-Identifier: BSD-3-Clause
//! Starting a kernel: LoadImage from memory, LoadOptions, LoadFile2, StartImage.

use alloc::{format, string::String, vec::Vec};
use core::convert::Infallible;

use flow::{Console as _, Payload, Refused, Verified};
use uefi::{
    Handle, Status,
    boot::{self, LoadImageSource},
    mem::memory_map::MemoryType,
    proto::{
        device_path::build::{self, DevicePathBuilder},
        loaded_image::LoadedImage,
    },
};

use crate::{console::Console, disks::open, heap, initrd::Initrd, stack::Stack};

/// Hands over to a kernel by the firmware's own image loader.
pub struct Firmware<'a> {
    /// With a stack, its use and that of the heap are shown before the start.
    pub report: Option<&'a Stack>,
}

impl flow::HandOver for Firmware<'_> {
    fn hand_over(&self, payload: Verified<Payload>, starting: &dyn Fn()) -> Result<Infallible, Refused> {
        let Payload { kernel, initrd, options, .. } = payload.into_inner();
        let size = kernel.len() + initrd.len();
        let image = Image::load(kernel)?;
        let options = ucs2(&options);
        image.set_options(&options)?;
        let initrd = (!initrd.is_empty()).then(|| Initrd::publish(initrd)).transpose();
        let initrd = initrd.map_err(|e| refused("E-HANDOVER-INITRD", "LoadFile2 cannot be published", &e))?;
        if let Some(stack) = self.report {
            show_use(stack, size);
        }
        starting();
        let outcome = boot::start_image(image.0);
        drop(initrd);
        // The kernel has returned, and with it the firmware has unloaded it.
        core::mem::forget(image);
        Err(match outcome {
            Ok(()) => Refused { code: "E-HANDOVER-RETURNED", cause: "the kernel returned".into() },
            Err(error) => refused("E-HANDOVER-START", "the kernel returned", &error),
        })
    }
}

/// Bytes of heap beyond the payload, and of stack, that a boot from disk may use.
const MOST_HEAP: usize = 16 * 1024 * 1024;
const MOST_STACK: usize = 64 * 1024;

/// Says how much was used; tests look for the last words.
fn show_use(stack: &Stack, payload: usize) {
    let (stack, heap) = (stack.peak(), heap::peak().saturating_sub(payload));
    let verdict = if stack > MOST_STACK || heap > MOST_HEAP { ": over budget" } else { "" };
    Console.line(format_args!(
        "  used at most: stack {stack} bytes, heap {heap} bytes and the payload{verdict}"
    ));
}

fn refused(code: &'static str, what: &str, error: &uefi::Error<impl core::fmt::Debug>) -> Refused {
    Refused { code, cause: format!("{what}: EFI status {}", error.status()) }
}

/// A kernel that the firmware has loaded; unloaded when dropped.
struct Image(Handle);

impl Image {
    /// Loads it and frees `bytes`: the firmware has a copy then.
    fn load(bytes: Vec<u8>) -> Result<Self, Refused> {
        let start = bytes.as_ptr().addr() as u64;
        let memory = build::hardware::MemoryMapped {
            memory_type: MemoryType::LOADER_DATA,
            start_address: start,
            end_address: start + bytes.len() as u64,
        };
        let mut storage = Vec::new();
        let path =
            DevicePathBuilder::with_vec(&mut storage).push(&memory).and_then(DevicePathBuilder::finalize);
        let source = LoadImageSource::FromBuffer { buffer: &bytes, file_path: path.ok() };
        match boot::load_image(boot::image_handle(), source) {
            Ok(handle) => Ok(Self(handle)),
            Err(error) if error.status() == Status::SECURITY_VIOLATION => Err(Refused {
                code: "E-SECUREBOOT-REFUSED",
                cause: "Secure Boot: no certificate in db vouches for the kernel, or dbx forbids it; \
                        enrol its signer, boot a signed kernel, or switch Secure Boot off"
                    .into(),
            }),
            Err(error) => Err(refused("E-HANDOVER-LOAD", "the firmware does not load the kernel", &error)),
        }
    }

    /// `options`: UCS-2 with its NUL, alive until the image has been started.
    fn set_options(&self, options: &[u16]) -> Result<(), Refused> {
        let no_image = || Refused { code: "E-HANDOVER-LOAD", cause: "the image has no LoadedImage".into() };
        let mut image = open::<LoadedImage>(self.0).ok_or_else(no_image)?;
        let size = u32::try_from(size_of_val(options)).map_err(|_| no_image())?;
        let image = image.get_mut().ok_or_else(no_image)?;
        // SAFETY: the caller keeps `options` until the image has returned or been unloaded.
        unsafe { image.set_load_options(options.as_ptr().cast(), size) };
        Ok(())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // It was loaded and not started, so that it can always be unloaded.
        let _ = boot::unload_image(self.0);
    }
}

/// A command line as the EFI stub reads it: UCS-2, NUL at its end; what UCS-2 lacks becomes `?`.
fn ucs2(text: &str) -> Vec<u16> {
    let unit = |c: char| u16::try_from(u32::from(c)).unwrap_or(u16::from(b'?'));
    text.chars().map(unit).chain([0]).collect()
}

/// Not needed by the hand-over itself: what the firmware calls itself, for the banner.
pub fn firmware() -> String {
    let vendor = uefi::system::firmware_vendor();
    let revision = uefi::system::firmware_revision();
    format!("{vendor} {}.{}", revision >> 16, revision & 0xffff)
}
