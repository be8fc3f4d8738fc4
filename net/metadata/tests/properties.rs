// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a document or an error; what a sound document says is what its settings are.

use metadata::Document;
use proptest::{collection::vec, prelude::*};

/// Texts that are nearly what is wanted.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"cloudboot\"",
        "\"meta\"",
        "\"{\\\"target\\\":\\\"x\\\"}\"",
        "\"disk\"",
        "\"luks_passphrase\"",
        "\"luks-passphrase\"",
        "\"net\"",
        "\"skip\"",
        "\"cosign\"",
        "\"ca\"",
        "\"image\"",
        "\"target\"",
        "null",
        "true",
        "1e999",
        "-7",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"",
        "\\",
        " ",
        "{\"cloudboot\":{",
        "\"target\":\"x\",",
        "\"disk\":{",
    ];
    vec(
        prop_oneof![
            6 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
            1 => vec(any::<u8>(), 0..4),
        ],
        0..40,
    )
    .prop_map(|parts| parts.concat())
}

/// A text as JSON has it, everything escaped.
fn quoted(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

proptest! {
    #[test]
    fn any_bytes_end(data in vec(any::<u8>(), 0..500)) {
        metadata::fuzz::fuzz(&data);
    }

    #[test]
    fn nearly_right_bytes_end(data in nearly()) {
        metadata::fuzz::fuzz(&data);
    }

    #[test]
    fn any_names_and_values_end(members in vec((".{0,80}", ".{0,80}", any::<bool>()), 0..20)) {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value, is_object)| match is_object {
                true => format!("{}:{{{}:1}}", quoted(name), quoted(value)),
                false => format!("{}:{}", quoted(name), quoted(value)),
            })
            .collect();
        metadata::fuzz::fuzz(format!("{{\"cloudboot\":{{{}}}}}", members.join(",")).as_bytes());
    }

    #[test]
    fn values_come_as_they_stand(target in "[^\\p{Cc}]{1,60}", number: i64) {
        let text = format!("{{\"x\":[{number}],\"cloudboot\":{{\"target\":{},\"disk\":{{\"device\":{number}}}}}}}",
            quoted(&target));
        let document = Document::parse(text.as_bytes()).unwrap();
        let number = number.to_string();
        let expected = [("cloudboot.target", target.as_str()), ("cloudboot.disk", number.as_str())];
        prop_assert_eq!(document.settings().collect::<Vec<_>>(), expected);
        // The same as a text of `meta`.
        let inner = text.split_once("\"cloudboot\":").unwrap().1;
        let meta = format!("{{\"meta\":{{\"cloudboot\":{}}}}}", quoted(&inner[..inner.len() - 1]));
        let document = Document::parse(meta.as_bytes()).unwrap();
        prop_assert_eq!(document.settings().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_document_that_is_cut_is_an_error(at in 0usize..100) {
        let text = br#"{"cloudboot":{"target":"debian","disk":{"device":"LABEL=root","luks_passphrase":"hunter2"}},"x":[1]}"#;
        let Err(error) = Document::parse(&text[..at]) else { panic!("an error") };
        prop_assert_eq!(error.code().to_string(), "E-NET-META-JSON");
        prop_assert!(!error.to_string().contains("hunter2"));
    }
}
