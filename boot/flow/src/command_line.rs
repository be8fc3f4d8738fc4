// SPDX-License-Identifier: BSD-3-Clause
//! The command line that is handed over.

use alloc::{format, string::String, vec::Vec};

use config::Config;
use image::{
    pe::Pe,
    uki::{self, Part},
};

use crate::Payload;

/// What a payload is given: none where a program keeps its own.
pub fn of(payload: &Payload, config: &Config) -> Option<String> {
    if payload.place.is_none() {
        return Some(with_settings(payload.options.as_deref().unwrap_or_default(), config));
    }
    // A program's options are its own affair, unless it is a kernel's image.
    let built_in = built_in(&payload.image)?;
    let own = payload.options.as_deref().unwrap_or(&built_in);
    let wanted = with_settings(own, config);
    if wanted == built_in { payload.options.clone() } else { Some(wanted) }
}

/// The command line in a unified kernel image.
fn built_in(image: &[u8]) -> Option<String> {
    let pe = Pe::parse(image).ok().filter(|pe| uki::is_uki(&pe.headers))?;
    let text = pe.section(Part::Cmdline.name()).and_then(|data| uki::text(data).ok());
    Some(text.unwrap_or_default().into())
}

/// The entry's own unless `cloudboot.cmdline` replaces it, then `cloudboot.cmdline.extra`, and
/// `cloudboot.console` where it names no console.
fn with_settings(own: &str, config: &Config) -> String {
    let own = config.cmdline().unwrap_or(own);
    let has_console = own.split_ascii_whitespace().any(|word| word.starts_with("console="));
    let console = config.console().filter(|_| !has_console).map(|console| format!("console={console}"));
    let words = [Some(own), config.cmdline_extra(), console.as_deref()];
    words.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use config::{Origin, Text, Trust};

    use super::*;

    fn config(line: &str) -> Config {
        Config::resolve(&[Text::new(Origin::Section, line.as_bytes())], Trust::Open)
    }

    #[test]
    fn settings_change_the_line_of_an_entry() {
        let cases = [
            ("", "ro quiet"),
            ("cloudboot.cmdline.extra=\"a b\"", "ro quiet a b"),
            ("cloudboot.console=ttyS0", "ro quiet console=ttyS0"),
            ("cloudboot.console=ttyS0 cloudboot.cmdline=console=tty0", "console=tty0"),
        ];
        let payload = Payload { options: Some("ro quiet".into()), ..Payload::default() };
        for (line, options) in cases {
            assert_eq!(of(&payload, &config(line)).as_deref(), Some(options), "{line}");
        }
    }
}
