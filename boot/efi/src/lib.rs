// SPDX-License-Identifier: BSD-3-Clause
//! Firmware data formats, without firmware: what variables, tables and devices hold, as bytes in and values out.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod device_path;
pub mod device_text;
pub mod fuzz;
pub mod fw_cfg;
pub mod interface;
pub mod load_option;
pub mod log;
pub mod pattern;
pub mod smbios;
pub mod text;
pub mod varstore;
