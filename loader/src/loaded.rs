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
    /// Loads it and frees `bytes`, of which the firmware then has a copy. `path` tells the image its own location;
    /// without one it only learns that it came from memory.
    ///
    /// # Errors
    /// The firmware's reason, above all a refusal by Secure Boot.
    pub fn load(bytes: Vec<u8>, path: Option<&DevicePath>) -> Result<Self, Refused> {
        let place = bytes.as_ptr_range();
        let (start, end) = (place.start.addr() as u64, place.end.addr() as u64);
        let memory = device_path::memory(MemoryType::LOADER_DATA.0, start, end);
        let memory = || <&DevicePath>::try_from(memory.as_slice()).ok();
        let source = LoadImageSource::FromBuffer { buffer: &bytes, file_path: path.or_else(memory) };
        match boot::load_image(boot::image_handle(), source) {
            Ok(handle) => Ok(Self(handle)),
            // SECURITY_VIOLATION means that the image was loaded but must not be started; for an image from memory, EDK
            // II returns ACCESS_DENIED instead.
            Err(error) if matches!(error.status(), Status::SECURITY_VIOLATION | Status::ACCESS_DENIED) => {
                Err(Refused {
                    code: codes::SECURE_BOOT,
                    cause: format!(
                        "EFI_{}: Secure Boot is {}, and no certificate or hash in db covers this image, or dbx revokes \
                     it; enrol its signer in db, boot a signed image, or switch Secure Boot off in \
                     the firmware's setup",
                        error.status(),
                        variables::secure_boot()
                    ),
                })
            }
            Err(error) => Err(refused(codes::LOAD, "the firmware cannot load it", &error)),
        }
    }

    /// Sets LoadOptions. `options`: UCS-2 with a NUL at the end; it must live until the image has returned.
    ///
    /// # Errors
    /// Only on broken firmware.
    pub fn set_options(&self, options: &[u16]) -> Result<(), Refused> {
        let no_image = || Refused { code: codes::LOAD, cause: "the image has no LoadedImage".into() };
        let mut image = open::<LoadedImage>(self.0).ok_or_else(no_image)?;
        let size = u32::try_from(size_of_val(options)).map_err(|_| no_image())?;
        let image = image.get_mut().ok_or_else(no_image)?;
        // SAFETY: the caller keeps `options` until the image has returned or been unloaded.
        unsafe { image.set_load_options(options.as_ptr().cast(), size) };
        Ok(())
    }

    /// Starts it; returns only if the image returns.
    pub fn start(self) -> Refused {
        let outcome = boot::start_image(self.0);
        // The firmware has unloaded the image when it returned.
        core::mem::forget(self);
        match outcome {
            Ok(()) => Refused { code: codes::RETURNED, cause: "the program returned to the loader".into() },
            Err(error) => refused(codes::ENDED, "the program returned to the loader", &error),
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // It was loaded and not started, so unloading cannot fail.
        let _ = boot::unload_image(self.0);
    }
}

/// A refusal with the firmware's status.
pub fn refused(code: Code, what: &str, error: &uefi::Error<impl core::fmt::Debug>) -> Refused {
    Refused { code, cause: format!("{what}: EFI status {}", error.status()) }
}
