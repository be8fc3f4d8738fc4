// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzers.

use crate::{fw_cfg, interface, log, smbios, text};

/// Reads any bytes as everything that this crate reads.
pub fn fuzz(data: &[u8]) {
    let text = text::decode(data);
    let _ = (interface::Timeout::parse(&text), interface::is_valid_id(&text));
    let _ = (fw_cfg::find(data, "opt/org.cloudboot/cmdline"), smbios::EntryPoint::parse(data));
    for structure in smbios::structures(data) {
        let _ = structure.string(4);
        structure.strings().take(300).for_each(drop);
    }
    log::write("1", "x86_64", None, &[(0, &text)]);
}
