// SPDX-License-Identifier: BSD-3-Clause
//! The command line that is handed over. It is settled after verification, not before.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use config::Config;

use crate::{Content, Payload, Verified};

/// The payload with its final command line: the operator's, else the entry's own, changed by the settings.
pub fn settle(payload: Verified<Payload>, edited: Option<String>, config: &Config) -> Verified<Payload> {
    let options = edited.or_else(|| options_of(&payload, config));
    payload.with_options(options)
}

/// The options of a payload; none if a program uses its built-in ones.
fn options_of(payload: &Verified<Payload>, config: &Config) -> Option<String> {
    let own = payload.content.options();
    if let Content::Kernel { .. } = payload.content {
        return Some(with_settings(own.unwrap_or_default(), config));
    }
    // The settings change the options of a program only if it is a unified kernel image.
    let Some(built_in) = payload.built_in_options() else { return own.map(ToString::to_string) };
    let wanted = with_settings(own.unwrap_or(&built_in), config);
    if wanted == built_in { own.map(ToString::to_string) } else { Some(wanted) }
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

    #[test]
    fn settings_change_the_line_of_an_entry() {
        let cases = [
            ("", "ro quiet"),
            ("cloudboot.cmdline.extra=\"a b\"", "ro quiet a b"),
            ("cloudboot.console=ttyS0", "ro quiet console=ttyS0"),
            ("cloudboot.console=ttyS0 cloudboot.cmdline=console=tty0", "console=tty0"),
        ];
        for (line, options) in cases {
            let config = Config::resolve(&[Text::new(Origin::Section, line.as_bytes())], Trust::Open);
            assert_eq!(with_settings("ro quiet", &config), options, "{line}");
        }
    }
}
