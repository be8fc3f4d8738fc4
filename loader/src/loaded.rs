// SPDX-License-Identifier: BSD-3-Clause
//! Images that the firmware loads from our memory.

use alloc::{format, vec::Vec};

use code::Code;
use efi::device_path;
use flow::{Refused, codes};
use uefi::{
    Handle, Status,
    boot::{self, LoadImageSource},
    mem::memory_map::MemoryType,
    proto::{device_path::DevicePath, loaded_image::LoadedImage},
};

use crate::{handle::open, variables};

/// An image that the firmware has loaded; unloaded when dropped.
pub struct Image(Handle);

impl Image {
    /// Loads it and frees `bytes`: the firmware has a copy then. `path` tells the image where it stands; without
    /// one it only learns that it came from memory.
    ///
    /// # Errors
    /// The firmware's reason, above all that Secure Boot forbids it.
    pub fn load(bytes: Vec<u8>, path: Option<&DevicePath>) -> Result<Self, Refused> {
        let place = bytes.as_ptr_range();
        let (start, end) = (place.start.addr() as u64, place.end.addr() as u64);
        let memory = device_path::memory(MemoryType::LOADER_DATA.0, start, end);
        let memory = || <&DevicePath>::try_from(memory.as_slice()).ok();
        let source = LoadImageSource::FromBuffer { buffer: &bytes, file_path: path.or_else(memory) };
        match boot::load_image(boot::image_handle(), source) {
            Ok(handle) => Ok(Self(handle)),
            // The first says that the image may be loaded and must not be started; for one from memory EDK II says the
            // second.
            Err(error) if matches!(error.status(), Status::SECURITY_VIOLATION | Status::ACCESS_DENIED) => {
                Err(Refused {
                    code: codes::SECURE_BOOT,
                    cause: format!(
                        "EFI_{}: Secure Boot is {}, and no certificate or hash in db vouches for this image, or dbx \
                     forbids it; enrol its signer in db, boot an image that is signed, or switch Secure Boot off in \
                     the firmware's setup",
                        error.status(),
                        variables::secure_boot()
                    ),
                })
            }
            Err(error) => Err(refused(codes::LOAD, "the firmware does not load it", &error)),
        }
    }

    /// `options`: UCS-2 with its NUL, alive until the image has been started.
    ///
    /// # Errors
    /// Only with firmware that is broken.
    pub fn set_options(&self, options: &[u16]) -> Result<(), Refused> {
        let no_image = || Refused { code: codes::LOAD, cause: "the image has no LoadedImage".into() };
        let mut image = open::<LoadedImage>(self.0).ok_or_else(no_image)?;
        let size = u32::try_from(size_of_val(options)).map_err(|_| no_image())?;
        let image = image.get_mut().ok_or_else(no_image)?;
        // SAFETY: the caller keeps `options` until the image has returned or been unloaded.
        unsafe { image.set_load_options(options.as_ptr().cast(), size) };
        Ok(())
    }

    /// Starts it; returns only when it does.
    pub fn start(self) -> Refused {
        let outcome = boot::start_image(self.0);
        // It has returned, and with it the firmware has unloaded it.
        core::mem::forget(self);
        match outcome {
            Ok(()) => Refused { code: codes::RETURNED, cause: "the program returned to the loader".into() },
            Err(error) => refused(codes::ENDED, "the program returned to the loader", &error),
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // It was loaded and not started, so that it can always be unloaded.
        let _ = boot::unload_image(self.0);
    }
}

/// A reason in the firmware's words.
pub fn refused(code: Code, what: &str, error: &uefi::Error<impl core::fmt::Debug>) -> Refused {
    Refused { code, cause: format!("{what}: EFI status {}", error.status()) }
}
