// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use config::{Config, Trust};

use crate::Document;

/// Any bytes are a document or an error, in one line of bounded length.
pub fn fuzz(data: &[u8]) {
    let document = match Document::parse(data) {
        Ok(document) => document,
        Err(error) => {
            let line = alloc::format!("{error}");
            assert!(line.len() < 1000 && !line.contains('\n'), "{line}");
            return;
        }
    };
    for trust in [Trust::Open, Trust::Locked, Trust::LockedWithKey] {
        let config = document.resolve(Config::default(), trust);
        assert!(
            config.rest().is_empty() && config.cosign().is_none() && !config.insecure() && !config.local()
        );
        assert!(trust == Trust::Open || (config.ca().is_none() && config.cmdline().is_none()));
        assert!(trust == Trust::LockedWithKey || trust == Trust::Open || config.image().is_none());
        for line in config.problems().iter().map(|problem| alloc::format!("{problem}")) {
            assert!(!line.contains(char::is_control), "{line}");
        }
    }
}
