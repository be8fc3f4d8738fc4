// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a document or an error, and a document is what serde_json reads.

use std::collections::BTreeMap;

use json::{Kind, Object};
use oracle::processor_time;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value};

/// Texts that are nearly JSON.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\"a\"",
        "\"b\"",
        "\"a\":",
        "\"\\u0061\":",
        "{\"a\":",
        "{\"\\ud800\":",
        "\"\\ud834\\udd1e\"",
        "\"\\ud800\"",
        "\"\\n\"",
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5e3",
        "1e999",
        " ",
        "\n",
        "\u{e4}",
    ];
    vec(
        prop_oneof![
            9 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
            1 => vec(any::<u8>(), 0..3),
        ],
        0..30,
    )
    .prop_map(|parts| parts.concat())
}

/// Any document, as serde_json has it. Names are few, so that they meet.
fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // serde_json reads others a digit off.
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            vec(
                (
                    prop_oneof![
                        select(vec!["a", "b", "\"", "\\", "\n"]).prop_map(String::from),
                        any::<String>()
                    ],
                    inner
                ),
                0..8
            )
            .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same through our reader.
fn read(value: json::Value<'_>) -> Value {
    match value.kind() {
        Kind::Null => Value::Null,
        Kind::True => true.into(),
        Kind::False => false.into(),
        Kind::Number => {
            let number: Value = serde_json::from_str(value.written()).unwrap();
            assert_eq!(value.number().ok(), number.as_u64(), "{number}");
            assert_eq!(value.scalar().unwrap(), value.written());
            number
        }
        Kind::Text => value.text().unwrap().into_owned().into(),
        Kind::List => value.list(usize::MAX).unwrap().into_iter().map(read).collect::<Vec<_>>().into(),
        Kind::Object => {
            let entries = value.object().unwrap().entries();
            Value::Object(
                entries.map(Result::unwrap).map(|(name, value)| (name.into_owned(), read(value))).collect(),
            )
        }
    }
}

/// What serde_json reads, if ours reads it; it refuses more: numbers that are out of range, depth.
fn compare(text: &[u8]) {
    let theirs: Result<Map<String, Value>, _> = serde_json::from_slice(text);
    let ours = Object::parse(text);
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => {
            let ours: Map<String, Value> = ours
                .entries()
                .map(Result::unwrap)
                .map(|(name, value)| (name.into_owned(), read(value)))
                .collect();
            assert_eq!(ours, theirs);
        }
        (Ok(_), Err(error)) => panic!("serde_json reads it: {error}"),
        (Err(_), _) => {}
    }
}

proptest! {
    #[test]
    fn any_bytes_end(data in vec(any::<u8>(), 0..200)) {
        json::fuzz::fuzz(&data);
        compare(&data);
    }

    #[test]
    fn nearly_right_bytes_end(data in nearly()) {
        json::fuzz::fuzz(&data);
        compare(&data);
        let inside = [b"{\"x\":".as_slice(), &data, b"}"].concat();
        json::fuzz::fuzz(&inside);
        compare(&inside);
    }

    #[test]
    fn documents_are_what_serde_json_reads(value in document(), is_pretty in any::<bool>()) {
        let whole = Value::Object(Map::from_iter([("x".to_string(), value)]));
        let text = if is_pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
        let object = Object::parse(text.as_bytes()).unwrap();
        let [x] = object.members(["x"]).unwrap();
        prop_assert_eq!(&read(x), &whole["x"]);
        json::fuzz::fuzz(text.as_bytes());
    }

    #[test]
    fn escaped_texts_are_the_same(text in any::<String>()) {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let json = format!("{{\"{units}\":\"{units}\"}}");
        let entries: Vec<_> = Object::parse(json.as_bytes()).unwrap().entries().map(Result::unwrap).collect();
        prop_assert_eq!((entries.len(), &*entries[0].0, &*entries[0].1.text().unwrap()), (1, &*text, &*text));
    }

    #[test]
    fn a_map_of_texts_is_one(map in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..20)) {
        let json = serde_json::json!({ "x": map }).to_string();
        let [x] = Object::parse(json.as_bytes()).unwrap().members(["x"]).unwrap();
        let texts = x.texts(20).unwrap();
        let found: BTreeMap<_, _> = texts.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        prop_assert_eq!((texts.len(), found), (map.len(), map));
    }
}

/// What is linear takes milliseconds here, what is quadratic minutes.
#[test]
fn many_members_and_deep_ones_take_linear_time() {
    let start = processor_time();
    let names: Vec<String> = (0..300_000).map(|number| format!("\"{number}\":{{}}")).collect();
    let wide = format!("{{{}}}", names.join(","));
    let object = Object::parse(wide.as_bytes()).unwrap();
    let [first, last, missing] = object.members(["0", "299999", "x"]).unwrap();
    assert!(first.object().is_ok() && last.object().is_ok() && missing.given().is_none());
    let deep = format!("{{\"x\":{}{},\"y\":1}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let [x, y] = Object::parse(deep.as_bytes()).unwrap().members(["x", "y"]).unwrap();
    assert_eq!((x.list(2).unwrap().len(), y.number()), (1, Ok(1)));
    let long = format!("{{\"x\":[{}0]}}", "0,".repeat(1_000_000));
    let [x] = Object::parse(long.as_bytes()).unwrap().members(["x"]).unwrap();
    assert_eq!(x.list(usize::MAX).unwrap().len(), 1_000_001);
    let spent = processor_time() - start;
    assert!(spent.as_secs() < 20, "{spent:?}");
}
