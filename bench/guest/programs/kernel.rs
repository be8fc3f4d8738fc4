// SPDX-License-Identifier: BSD-3-Clause
//! A stand-in for a kernel that both boot loaders start, as long as a real one: it reads the time, prints checksums of
//! what it got and switches the machine off.
// On Linux it is only type-checked, by editors and cargo.
#![cfg_attr(not(target_os = "linux"), no_std)]
#![no_main]
#![deny(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod counter;
mod mark;
#[cfg(not(target_os = "linux"))]
mod panic;

use alloc::{boxed::Box, string::String};
use core::{hint::black_box, ptr::NonNull};

use bench_guest::{BLOCK, BLOCKS, block, sum, sum_of};
use uefi::{
    Status,
    boot::{self},
    entry, println,
    proto::{device_path::DevicePath, loaded_image::LoadedImage, media::load_file::LoadFile2},
    runtime::{self, ResetType},
    system,
    table::cfg::ConfigTableEntry,
};

use crate::mark::{TABLE, Times};

#[global_allocator]
static HEAP: uefi::allocator::Allocator = uefi::allocator::Allocator;

/// Padding that makes this program as long as a kernel.
static PAD: [[u64; BLOCK]; BLOCKS] = {
    let mut blocks = [[0; BLOCK]; BLOCKS];
    let mut number = 0;
    while number < BLOCKS {
        blocks[number] = block(number);
        number += 1;
    }
    blocks
};

/// LINUX_EFI_INITRD_MEDIA_GUID in a device path, by which Linux finds its initial RAM disk (kernel:
/// drivers/firmware/efi/libstub/efi-stub-helper.c): a vendor's medium, then the end.
const INITRD: [u8; 24] = [
    4, 3, 20, 0, 0x27, 0xe4, 0x68, 0x55, 0xfc, 0x68, 0x3d, 0x4f, 0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc,
    0x68, 0x7f, 0xff, 4, 0,
];

#[entry]
fn main() -> Status {
    tell(counter::now());
    runtime::reset(ResetType::SHUTDOWN, Status::SUCCESS, None)
}

fn tell(entry: u64) {
    let [start, rate] = times().unwrap_or([0; 2]);
    println!();
    println!("bench:start={start};");
    println!("bench:entry={entry};");
    println!("bench:rate={rate};");
    println!("bench:kernel={:x};", sum(black_box(&PAD).iter().flatten().copied()));
    match initrd() {
        Ok(bytes) => println!("bench:initrd={}:{:x};", bytes.len(), sum_of(&bytes)),
        Err(error) => println!("bench:initrd={};", error.status()),
    }
    println!("bench:options={};", options().unwrap_or_default());
}

/// The times that `start` left.
fn times() -> Option<Times> {
    let entry = |table: &[ConfigTableEntry]| {
        table.iter().find(|entry| entry.guid == TABLE).map(|entry| entry.address)
    };
    let times: NonNull<Times> = NonNull::new(system::with_config_table(entry)?.cast_mut())?.cast();
    // SAFETY: only `start` uses this GUID; it wrote aligned memory of this size, which it never frees.
    Some(unsafe { times.read() })
}

/// Loads the initrd as Linux does.
fn initrd() -> uefi::Result<Box<[u8]>> {
    let whole = <&DevicePath>::try_from(INITRD.as_slice()).map_err(|_| Status::COMPROMISED_DATA)?;
    let mut rest = whole;
    let handle = boot::locate_device_path::<LoadFile2>(&mut rest)?;
    boot::open_protocol_exclusive::<LoadFile2>(handle)?.load_file(rest)
}

fn options() -> Option<String> {
    let own = boot::open_protocol_exclusive::<LoadedImage>(boot::image_handle()).ok()?;
    own.load_options_as_cstr16().ok().map(|options| options.into())
}
