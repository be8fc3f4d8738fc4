// SPDX-License-Identifier: BSD-3-Clause
//! The sources of settings: the `.cmdline` section, the file on the loader's volume, LoadOptions, variables, SMBIOS and
//! fw_cfg.

use alloc::vec::Vec;

use config::{Origin, Text};
use efi::smbios;
use image::pe::Headers;
use uefi::{CStr16, Status, cstr16, proto::loaded_image::LoadedImage};

use crate::{files, handle::open, machine, variables};

/// Paths of the file on the volume that the loader was started from; the second is the older name.
const FILES: [&CStr16; 2] = [cstr16!("\\cloudboot\\cmdline"), cstr16!("\\cmdline")];
/// Bytes of the file that are read: more than the longest command line in the wider of the two encodings, so that a
/// longer file is detected.
const MOST: usize = 2 * config::LONGEST + 4;

/// The texts of all sources that need no network, weakest first.
pub fn sources() -> Vec<Text> {
    let Some(image) = open::<LoadedImage>(uefi::boot::image_handle()) else {
        return Vec::new();
    };
    let section = section(&image, ".cmdline").map(|bytes| Text::new(Origin::Section, bytes));
    let file = image.device().and_then(file);
    let options = image.load_options_as_bytes().map(|bytes| Text::new(Origin::LoadOptions, bytes));
    let [cmdline, target] = variables::texts();
    let cmdline = cmdline.map(|bytes| Text::new(Origin::Variable, &bytes));
    let target = target.map(|bytes| Text::of_key(Origin::Variable, "cloudboot.target", &bytes));
    let table = machine::smbios_table();
    let strings = Some(Text::settings(Origin::Smbios, smbios::settings(table)));
    let fw_cfg = machine::fw_cfg_cmdline(table).map(|bytes| Text::new(Origin::FwCfg, &bytes));
    [section, file, options, cmdline, target, strings, fw_cfg].into_iter().flatten().collect()
}

/// A named section of the running image.
pub fn section<'a>(image: &'a LoadedImage, name: &str) -> Option<&'a [u8]> {
    let (base, size) = image.info();
    // SAFETY: the firmware loaded this program there, headers and all, and it stays there while we run;
    // nothing writes to its read-only sections.
    let memory = unsafe { core::slice::from_raw_parts(base.cast::<u8>(), usize::try_from(size).ok()?) };
    // The file's length is unknown here, and only addresses in memory are used.
    let section = Headers::parse(memory, u64::MAX).ok()?.section(name)?;
    let start = usize::try_from(section.address).ok()?;
    memory.get(start..)?.get(..usize::try_from(section.size).ok()?)
}

/// The text of the first of the files that exists. An unreadable one is reported, not skipped.
fn file(device: uefi::Handle) -> Option<Text> {
    FILES.iter().find_map(|name| match files::read_start(device, name, MOST) {
        Ok(bytes) => Some(Text::new(Origin::File, &bytes?)),
        // The firmware has no driver for the volume: there is no file.
        Err(error) if error.status() == Status::UNSUPPORTED => None,
        Err(_) => Some(Text::unreadable(Origin::File)),
    })
}
