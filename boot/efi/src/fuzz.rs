// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzers.

use crate::{device_path, device_text, fw_cfg, interface, load_option, log, smbios, text, varstore};

/// Reads any bytes as everything that this crate reads.
pub fn fuzz(data: &[u8]) {
    let text = text::decode(data);
    let _ = interface::is_valid_id(&text);
    let _ = (fw_cfg::find(data, "opt/org.cloudboot/cmdline"), smbios::EntryPoint::parse(data));
    let _ = smbios::cloud(data);
    for structure in smbios::structures(data) {
        let _ = structure.string(4);
        structure.strings().take(300).for_each(drop);
    }
    let _ = (device_path::HardDrive::of(data), device_path::file_name(data), device_path::file(data, &text));
    let _ = (
        device_path::linux_names(data.chunks(40)),
        device_path::Disk::default().holds(data, Some(&(0..512))),
    );
    let _ = (device_text::of(data), load_option::number(&text), load_option::order(data).count());
    let _ = load_option::LoadOption::parse(data).map(|option| device_text::of(option.paths));
    let _ = (varstore::find(data), varstore::read(data));
    log::write("1", "x86_64", None, &[(0, &text)]);
}
