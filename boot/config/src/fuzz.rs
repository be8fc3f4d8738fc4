// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use crate::{Config, Origin, Text, Trust};

/// Any bytes, of any source, resolve to something.
pub fn fuzz(data: &[u8]) {
    for origin in [Origin::Section, Origin::File, Origin::LoadOptions] {
        for trust in [Trust::Open, Trust::Locked, Trust::LockedWithKey] {
            let config = Config::resolve(&[Text::new(origin, data)], trust);
            let _ = (config.explain().count(), config.rest());
            if let Ok(boot_file) = core::str::from_utf8(data) {
                let named = config.clone().with_boot_file(boot_file, trust);
                assert!(trust == Trust::Open || named == config);
            }
        }
    }
}
