// SPDX-License-Identifier: BSD-3-Clause
//! What is said of documents that are not what is expected.

use json::{Cause, Error, Object, Value};

fn member<'a>(json: &'a str, name: &'static str) -> Result<Value<'a>, Error> {
    Object::parse(json.as_bytes())?.members([name]).map(|[value]| value)
}

#[test]
fn documents_are_objects_in_utf_8() {
    for (json, expected) in [
        (&b""[..], "EOF while parsing a value at line 1 column 0"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"{} x", "trailing characters at line 1 column 4"),
        (b"{\n\"a\" 1}", "expected `:` at line 2 column 5"),
        (
            b"{\"a\":\"\t\"}",
            "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 6",
        ),
        (b"{\"a\":01}", "invalid number at line 1 column 7"),
        (b"{\"a\":\n\"\xff\"}", "not UTF-8 at line 2 column 2"),
        (b"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8 at line 1 column 7"),
        (b"\xef\xbb\xbf{}", "expected value at line 1 column 1"),
    ] {
        assert_eq!(Object::parse(json).unwrap_err().to_string(), expected, "{}", json.escape_ascii());
    }
}

#[test]
fn types_are_checked() {
    let json = r#"{"null":null,"true":true,"whole":7,"minus":-7,"part":7.5,"much":18446744073709551616,
        "more":184467440737095516160,"text":"7","list":[7],"object":{}}"#;
    let number = |name| member(json, name).unwrap().number().map_err(|error| error.cause().to_string());
    let refused = |name: &str, found: &str| {
        Err(format!("field `{name}`: expected an unsigned integer of 64 bits, found {found}"))
    };
    assert_eq!(number("whole"), Ok(7));
    for (name, found) in [
        ("null", "null"),
        ("true", "a boolean"),
        ("minus", "-7"),
        ("part", "7.5"),
        ("much", "18446744073709551616"),
        ("more", "a number"),
        ("text", "a string"),
        ("list", "an array"),
        ("object", "an object"),
    ] {
        assert_eq!(number(name), refused(name, found));
    }
    assert_eq!(number("x"), Err("missing field `x`".into()));
    let of = |name| member(json, name).unwrap();
    assert!(of("whole").text().is_err() && of("null").text().is_err() && of("x").text().is_err());
    assert_eq!(of("text").text().unwrap(), "7");
    assert_eq!((of("null").optional_text(), of("x").optional_text()), (Ok(None), Ok(None)));
    assert!(of("whole").optional_text().is_err());
    for (name, expected) in [("whole", "7"), ("part", "7.5"), ("text", "7"), ("null", ""), ("x", "")] {
        assert_eq!(of(name).scalar().unwrap(), expected);
    }
    assert!(of("true").scalar().is_err() && of("list").scalar().is_err());
    assert_eq!((of("list").list(1).unwrap().len(), of("null").list(0).unwrap().len()), (1, 0));
    assert!(of("object").list(9).is_err() && of("list").object().is_err() && of("null").object().is_err());
    assert!(of("object").object().is_ok() && of("x").texts(0).unwrap().is_empty());
}

#[test]
fn a_member_that_is_asked_for_stands_there_once() {
    for json in [r#"{"b":1,"a":1,"a":1}"#, r#"{"a":null,"\u0061":2}"#] {
        assert_eq!(member(json, "a").unwrap_err().cause(), &Cause::Twice("a".into()));
        assert!(member(json, "x").is_ok());
    }
    let error = member("{\"a\":1,\n\"a\":2}", "a").unwrap_err();
    assert_eq!(error.to_string(), "duplicate field `a` at line 2 column 5");
    let twice = member(r#"{"m":{"a":"1","a":"1"}}"#, "m").unwrap().texts(2).unwrap_err();
    assert_eq!(twice.cause(), &Cause::Twice("a".into()));
    let name = format!("\\u001b{}", "x".repeat(100));
    let twice = format!("{{\"m\":{{\"{name}\":\"\",\"{name}\":\"\"}}}}");
    let shown = format!("\u{fffd}{}", "x".repeat(63));
    assert_eq!(member(&twice, "m").unwrap().texts(2).unwrap_err().cause(), &Cause::Twice(shown));
}

#[test]
fn lists_and_maps_have_limits() {
    let of = |json| member(json, "m").unwrap();
    let many = Cause::TooMany { name: "m", most: 2 };
    assert_eq!(of(r#"{"m":[1,2]}"#).list(2).unwrap().len(), 2);
    assert_eq!(of(r#"{"m":[1,2,3]}"#).list(2).unwrap_err().cause(), &many);
    assert_eq!(of(r#"{"m":{"a":"","b":""}}"#).texts(2).unwrap().len(), 2);
    let error = of(r#"{"m":{"a":"","b":"","c":""}}"#).texts(2).unwrap_err();
    assert_eq!(error.to_string(), "field `m`: more than 2 members at line 1 column 25");
    assert!(
        of(r#"{"m":{"a":1}}"#).texts(2).unwrap_err().to_string().starts_with("field `m`: expected a string")
    );
}

#[test]
fn half_of_a_pair_is_no_text() {
    assert_eq!(member(r#"{"a":"\ud800"}"#, "a").unwrap().text().unwrap_err().cause(), &Cause::Surrogate);
    let error = member(r#"{"\ud800":1,"a":1}"#, "a").unwrap_err();
    assert_eq!(error.to_string(), "unpaired surrogate at line 1 column 2");
}
