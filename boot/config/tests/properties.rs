// SPDX-License-Identifier: BSD-3-Clause
//! Properties that hold for any text.

use config::{Config, KEYS, Locked, Origin, Text, Trust, Value, words};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_resolve(data: Vec<u8>) {
        config::fuzz::fuzz(&data);
    }

    #[test]
    fn words_joined_with_quotes_are_the_same_words(list in proptest::collection::vec("[^\"=\0]{0,12}", 0..20)) {
        let line: Vec<String> = list.iter().map(|word| format!("\"{word}\"")).collect();
        let line = line.join(" ");
        prop_assert_eq!(words(&line).map(|word| word.name).collect::<Vec<_>>(), list);
    }

    #[test]
    fn a_key_of_text_keeps_its_value(value in "[^\"\0]{1,40}", index in 0..KEYS.len()) {
        let key = KEYS[index];
        prop_assume!(key.value == Value::Text && !key.is_secret && key.locked != Locked::BuiltIn);
        let line = format!("{}=\"{value}\"", key.name);
        let config = Config::resolve(&[Text::new(Origin::File, line.as_bytes())], Trust::Open);
        let shown: Vec<String> = config.explain().collect();
        prop_assert_eq!(shown, [format!("{}={value} from \\cloudboot\\cmdline", key.name)]);
    }
}
