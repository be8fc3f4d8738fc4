// SPDX-License-Identifier: BSD-3-Clause
//! The program that the firmware starts: it notes the time and starts the boot loader beside it.
// On Linux it is only type-checked, by editors and cargo.
#![cfg_attr(not(target_os = "linux"), no_std)]
#![no_main]
#![deny(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod counter;
mod mark;
#[cfg(not(target_os = "linux"))]
mod panic;

use alloc::vec::Vec;
use core::{ptr::NonNull, time::Duration};

use efi::device_path;
use uefi::{
    Handle, Status,
    boot::{self, LoadImageSource, OpenProtocolAttributes, OpenProtocolParams},
    entry,
    mem::memory_map::MemoryType,
    println,
    proto::{BootPolicy, device_path::DevicePath, loaded_image::LoadedImage},
    runtime::{self, ResetType},
};

use crate::mark::{TABLE, Times};

#[global_allocator]
static HEAP: uefi::allocator::Allocator = uefi::allocator::Allocator;

/// The boot loader's name on our volume.
const LOADER: &str = "\\EFI\\bench\\loader.efi";
/// Time over which the counter's rate is measured.
const SECOND: Duration = Duration::from_millis(100);
const SECONDS: u64 = 10;

#[entry]
fn main() -> Status {
    let outcome = start();
    println!("bench:failed={outcome:?};");
    runtime::reset(ResetType::SHUTDOWN, Status::LOAD_ERROR, None)
}

/// Returns only if the loader returns or cannot be started.
fn start() -> uefi::Result {
    let _ = boot::set_watchdog_timer(0, 0x1_0000, None);
    let times = install()?;
    let loader = load()?;
    let before = counter::now();
    boot::stall(SECOND);
    let rate = counter::now().wrapping_sub(before).wrapping_mul(SECONDS);
    // SAFETY: as in `install`; no other program that uses it runs yet.
    unsafe { times.write([counter::now(), rate]) };
    boot::start_image(loader)
}

/// Makes the entry for the kernel; its memory is never freed.
fn install() -> uefi::Result<NonNull<Times>> {
    let times: NonNull<Times> = boot::allocate_pool(MemoryType::LOADER_DATA, size_of::<Times>())?.cast();
    // SAFETY: pool memory is aligned to eight bytes, this has the size of the times, and nobody else knows it.
    unsafe { times.write([0; 2]) };
    // SAFETY: the GUID is static, and what it names stands there until the machine ends.
    unsafe { boot::install_configuration_table(&TABLE, times.as_ptr().cast()) }?;
    Ok(times)
}

fn load() -> uefi::Result<Handle> {
    let own = boot::open_protocol_exclusive::<LoadedImage>(boot::image_handle())?;
    let volume = path_bytes(own.device().ok_or(Status::NOT_FOUND)?)?;
    let path = device_path::file(&volume, LOADER).ok_or(Status::BAD_BUFFER_SIZE)?;
    let path = <&DevicePath>::try_from(path.as_slice()).map_err(|_| Status::COMPROMISED_DATA)?;
    let source = LoadImageSource::FromDevicePath { device_path: path, boot_policy: BootPolicy::ExactMatch };
    boot::load_image(boot::image_handle(), source)
}

fn path_bytes(handle: Handle) -> uefi::Result<Vec<u8>> {
    let params = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: GET_PROTOCOL does not keep the firmware from removing the protocol; nothing is called before the bytes
    // are copied.
    let path = unsafe { boot::open_protocol::<DevicePath>(params, OpenProtocolAttributes::GetProtocol) }?;
    Ok(path.as_bytes().to_vec())
}
