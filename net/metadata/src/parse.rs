// SPDX-License-Identifier: BSD-3-Clause
//! From JSON to settings.
//!
//! Nothing recurses: the document has our object at a known depth, that has objects of values, and everything else is
//! skipped by serde_json without recursion.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use config::{KEYS, LONGEST, Origin, Problem};
use serde::de::{DeserializeSeed as _, IgnoredAny, MapAccess};

use crate::{
    Cause, Document,
    members::{Becomes, MEMBERS, Member},
    value::{Any, Members, Skip, Value},
};

/// Most members of our object, and of each in it.
const MOST_MEMBERS: usize = 64;
/// Characters of a name that are shown.
const LONGEST_SHOWN: usize = 64;

const EXPECTED_OBJECT: &str = "expected an object";

/// A whole document.
pub(crate) fn document(bytes: &[u8]) -> Result<Document, Cause> {
    let mut document = Document::default();
    let mut meta = Value::Null;
    let top = Top { document: &mut document, meta: &mut meta };
    object("document", bytes, top)?;
    match meta {
        Value::Null => {}
        _ if document.has_object => {
            document.note("meta.cloudboot", "the document itself has `cloudboot`, which counts instead");
        }
        Value::Text(text) => {
            object("meta.cloudboot", text.as_bytes(), Object::ours(&mut document))?;
            document.has_object = true;
        }
        Value::Array | Value::Object => document.note("meta.cloudboot", "expected a text with JSON"),
    }
    Ok(document)
}

/// A text that is one object.
fn object<'de>(what: &'static str, bytes: &'de [u8], members: impl Members<'de>) -> Result<(), Cause> {
    let malformed = |error: serde_json::Error| Cause::Json { what, why: format!("{error}") };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Any(members).deserialize(&mut json).map_err(malformed)?;
    json.end().map_err(malformed)?;
    match value {
        Value::Object => Ok(()),
        _ => Err(Cause::Json { what, why: "not an object".into() }),
    }
}

/// The document's own members: our object, or the text that has it.
struct Top<'a> {
    document: &'a mut Document,
    meta: &'a mut Value,
}

impl<'de> Members<'de> for Top<'_> {
    fn take<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            match name.as_ref() {
                "cloudboot" => {
                    seen.add::<A::Error>(&name)?;
                    match map.next_value_seed(Any(Object::ours(self.document)))? {
                        Value::Object => self.document.has_object = true,
                        Value::Null => {}
                        _ => self.document.note("cloudboot", EXPECTED_OBJECT),
                    }
                }
                "meta" => {
                    seen.add::<A::Error>(&name)?;
                    map.next_value_seed(Any(Meta(self.meta)))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// What users give an instance of OpenStack: names and texts.
struct Meta<'a>(&'a mut Value);

impl<'de> Members<'de> for Meta<'_> {
    fn take<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if name == "cloudboot" {
                seen.add::<A::Error>("meta.cloudboot")?;
                *self.0 = map.next_value_seed(Any(Skip))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Our object, or one in it.
struct Object<'a> {
    document: &'a mut Document,
    /// The name of the one in it; empty for the outer one.
    group: &'static str,
    members: &'static [Member],
}

impl<'a> Object<'a> {
    fn ours(document: &'a mut Document) -> Self {
        Self { document, group: "", members: MEMBERS }
    }
}

impl<'de> Members<'de> for Object<'_> {
    fn take<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { document, group, members } = self;
        let mut seen = Seen::default();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            let path = joined(group, &shown(&name));
            seen.add::<A::Error>(&name)?;
            match members
                .iter()
                .find(|member| member.name == name)
                .map(|member| (member.name, member.becomes))
            {
                Some((_, Becomes::Key(key))) => {
                    let value = map.next_value_seed(Any(Skip))?;
                    document.set(&path, key, value);
                }
                Some((group, Becomes::Group(members))) => {
                    let object = Object { document: &mut *document, group, members };
                    match map.next_value_seed(Any(object))? {
                        Value::Object | Value::Null => {}
                        _ => document.note(&path, EXPECTED_OBJECT),
                    }
                }
                Some((name, Becomes::Nothing)) => {
                    map.next_value::<IgnoredAny>()?;
                    document.problems.push(Problem::Idle { name, origin: Origin::Metadata });
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    document.note_unknown(path, &name, members);
                }
            }
        }
        Ok(())
    }
}

impl Document {
    fn set(&mut self, path: &str, key: &'static str, value: Value) {
        match value {
            Value::Null => {}
            Value::Array | Value::Object => self.note(path, "expected a text, a number, true or false"),
            Value::Text(text) if text.len() > LONGEST => self.note(path, "longer than 64 KiB"),
            Value::Text(text) if text.chars().any(char::is_control) => {
                self.note(path, "has control characters");
            }
            Value::Text(text) => self.settings.push((key, text)),
        }
    }

    fn note(&mut self, path: &str, cause: &'static str) {
        self.problems.push(Problem::Member { name: path.into(), cause });
    }

    /// A member that is not in the list.
    fn note_unknown(&mut self, path: String, name: &str, members: &[Member]) {
        let spelt = name.replace('-', "_");
        if spelt != name && members.iter().any(|member| member.name == spelt) {
            return self.note(&path, "members of the document have underscores where keys have dashes");
        }
        let name = format!("cloudboot.{path}");
        let problem = match KEYS.iter().any(|key| key.name == name && key.metadata.is_none()) {
            true => Problem::Never { name },
            false => Problem::Unknown { name, origin: Origin::Metadata },
        };
        self.problems.push(problem);
    }
}

/// The names of an object until now: none may stand there twice, and there are only so many.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn add<E: serde::de::Error>(&mut self, name: &str) -> Result<(), E> {
        if self.0.len() >= MOST_MEMBERS {
            return Err(E::custom(format_args!("more than {MOST_MEMBERS} members")));
        }
        if self.0.iter().any(|seen| seen == name) {
            return Err(E::custom(format_args!("{} stands there twice", shown(name))));
        }
        self.0.push(name.into());
        Ok(())
    }
}

fn joined(group: &str, name: &str) -> String {
    if group.is_empty() { name.into() } else { format!("{group}.{name}") }
}

/// A name for eyes: whoever wrote the document is not to write on the console.
fn shown(name: &str) -> String {
    let clean = |c: char| if c.is_control() || c.is_whitespace() { '\u{fffd}' } else { c };
    name.chars().take(LONGEST_SHOWN).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn parse(text: &str) -> Document {
        Document::parse(text.as_bytes()).unwrap()
    }

    fn settings(document: &Document) -> Vec<(&str, &str)> {
        document.settings().collect()
    }

    fn problems(document: &Document) -> Vec<String> {
        document.problems().iter().map(ToString::to_string).collect()
    }

    fn error(text: &str) -> String {
        Document::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_member_has_its_key() {
        let document = parse(
            r#"{"uuid":"x","cloudboot":{"plan":"p","image":"i","target":"t","exit":"kexec","keymap":"de","cmdline":"a \"b c\"",
            "disk":{"device":"d","fs":"xfs","dataset":"s","kernel":"/k","initrd":"/i","luks_passphrase":"l"},
            "openstack":{"auth_url":"u","app_cred_id":"c","app_cred_secret":"e"},
            "net":{"skip":true,"static":"n","lldp":false},"registry":{"user":"r","pass":"w"},"ca":"/c"}}"#,
        );
        let expected = [
            ("cloudboot.plan", "p"),
            ("cloudboot.image", "i"),
            ("cloudboot.target", "t"),
            ("cloudboot.exit", "kexec"),
            ("cloudboot.keymap", "de"),
            ("cloudboot.cmdline", "a \"b c\""),
            ("cloudboot.disk", "d"),
            ("cloudboot.disk.fs", "xfs"),
            ("cloudboot.disk.device", "s"),
            ("cloudboot.disk.kernel", "/k"),
            ("cloudboot.disk.initrd", "/i"),
            ("cloudboot.disk.luks-passphrase", "l"),
            ("cloudboot.openstack.auth-url", "u"),
            ("cloudboot.openstack.app-cred-id", "c"),
            ("cloudboot.openstack.app-cred-secret", "e"),
            ("cloudboot.net.skip", "1"),
            ("cloudboot.net.static", "n"),
            ("cloudboot.net.lldp", "0"),
            ("rd.cloudboot.user", "r"),
            ("rd.cloudboot.pass", "w"),
            ("cloudboot.ca", "/c"),
        ];
        assert_eq!((settings(&document), problems(&document)), (expected.to_vec(), Vec::new()));
        assert!(document.has_object() && !document.is_authenticated());
    }

    #[test]
    fn users_of_openstack_give_it_as_a_text() {
        let text = r#"{"meta":{"role":"x","cloudboot":"{\"target\":\"debian\",\"x\":1}"},"name":"vm"}"#;
        let document = parse(text);
        assert_eq!(settings(&document), [("cloudboot.target", "debian")]);
        assert_eq!(
            problems(&document),
            ["E-CONFIG-UNKNOWN cloudboot.x (the metadata): there is no such key"]
        );
        assert_eq!(
            error(r#"{"meta":{"cloudboot":"target=debian"}}"#),
            "E-NET-META-JSON metadata: malformed meta.cloudboot: expected ident at line 1 column 2"
        );
        assert_eq!(
            error(r#"{"meta":{"cloudboot":"3"}}"#),
            "E-NET-META-JSON metadata: malformed meta.cloudboot: not an object"
        );
        let both = parse(r#"{"meta":{"cloudboot":"{\"target\":\"a\"}"},"cloudboot":{"target":"b"}}"#);
        assert_eq!(settings(&both), [("cloudboot.target", "b")]);
        assert_eq!(
            problems(&both),
            [
                "E-CONFIG-MEMBER meta.cloudboot (the metadata): the document itself has `cloudboot`, which counts instead"
            ]
        );
    }

    #[test]
    fn a_document_may_say_nothing() {
        for text in
            ["{}", r#"{"meta":{},"x":[1,{"cloudboot":{"target":"x"}}]}"#, r#"{"cloudboot":null,"meta":"x"}"#]
        {
            let document = parse(text);
            assert!(
                !document.has_object() && document.settings.is_empty() && document.problems.is_empty(),
                "{text}"
            );
        }
        assert!(parse(r#"{"cloudboot":{}}"#).has_object());
    }

    #[test]
    fn what_does_not_count_is_named() {
        let document = parse(
            r#"{"cloudboot":{"app-cred-id":1,"disk":{"luks-passphrase":"hunter2","foo":"hunter2"},"net":true,
            "reset_on_next_boot":true,"zfs_key":"hunter2","image":["hunter2"],"insecure":true,"cosign":{"key":"x"},
            "net.skip":1,"tar\u001b[2Jget":"x","target":"a\nb","keymap":null}}"#,
        );
        assert!(settings(&document).is_empty());
        let said = problems(&document);
        let expected = [
            "E-CONFIG-UNKNOWN cloudboot.app-cred-id (the metadata): there is no such key",
            "E-CONFIG-MEMBER disk.luks-passphrase (the metadata): members of the document have underscores where keys have dashes",
            "E-CONFIG-UNKNOWN cloudboot.disk.foo (the metadata): there is no such key",
            "E-CONFIG-MEMBER net (the metadata): expected an object",
            "E-CONFIG-IDLE reset_on_next_boot (the metadata): it has no effect in this program",
            "E-CONFIG-IDLE zfs_key (the metadata): it has no effect in this program",
            "E-CONFIG-MEMBER image (the metadata): expected a text, a number, true or false",
            "E-CONFIG-LOCKED cloudboot.insecure (the metadata): a metadata document may not set it",
            "E-CONFIG-LOCKED cloudboot.cosign (the metadata): a metadata document may not set it",
            "E-CONFIG-UNKNOWN cloudboot.net.skip (the metadata): there is no such key",
            "E-CONFIG-UNKNOWN cloudboot.tar\u{fffd}[2Jget (the metadata): there is no such key",
            "E-CONFIG-MEMBER target (the metadata): has control characters",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn parse_refuses_what_could_be_read_as_two_things() {
        let twice = |what: &str| {
            format!("E-NET-META-JSON metadata: malformed document: {what} stands there twice at line ")
        };
        for (text, name) in [
            (r#"{"cloudboot":{},"cloudboot":{}}"#, "cloudboot"),
            (r#"{"meta":{},"meta":{}}"#, "meta"),
            (r#"{"meta":{"cloudboot":"{}","cloudboot":"{}"}}"#, "meta.cloudboot"),
            (r#"{"cloudboot":{"target":"a","target":"b"}}"#, "target"),
            (r#"{"cloudboot":{"x":1,"x":2}}"#, "x"),
            ("{\"cloudboot\":\n{\"disk\":{},\n\"disk\":{}}}", "disk"),
        ] {
            assert!(error(text).starts_with(&twice(name)), "{}", error(text));
        }
        assert!(parse(r#"{"x":1,"x":2,"cloudboot":{"target":"a"}}"#).has_object());
    }

    #[test]
    fn parse_refuses_what_is_no_document() {
        for (text, expected) in [
            ("", "malformed document: EOF while parsing a value at line 1 column 0"),
            ("[]", "malformed document: not an object"),
            (
                "{\n\"cloudboot\": {\"pass\": hunter2}}",
                "malformed document: expected value at line 2 column 23",
            ),
            ("{} x", "malformed document: trailing characters at line 1 column 4"),
            (
                r#"{"cloudboot":{"target":"\ud800"}}"#,
                "malformed document: unexpected end of hex escape at line 1 column 31",
            ),
        ] {
            assert_eq!(error(text), format!("E-NET-META-JSON metadata: {expected}"));
        }
        let large = [b"{\"x\":\"", &*b"x".repeat(crate::LARGEST), b"\"}"].concat();
        let said = Document::parse(&large).unwrap_err();
        assert_eq!(said.to_string(), "E-NET-META-SIZE metadata: more than 1048576 bytes");
    }

    #[test]
    fn depth_and_number_have_limits() {
        // What is not used is skipped without recursion.
        let deep = format!(
            r#"{{"x":{}{},"cloudboot":{{"disk":{}1{}}}}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000),
            "{\"x\":".repeat(9000),
            "}".repeat(9000)
        );
        assert_eq!(parse(&deep).problems().len(), 1);
        let members = |count: usize| {
            let members: Vec<String> = (0..count).map(|index| format!(r#""x{index}":0"#)).collect();
            format!(r#"{{"cloudboot":{{{}}}}}"#, members.join(","))
        };
        assert_eq!(parse(&members(64)).problems().len(), 64);
        assert!(error(&members(65)).contains("malformed document: more than 64 members at line 1 column "));
        let long =
            format!(r#"{{"cloudboot":{{"target":"{}","{}":1}}}}"#, "x".repeat(LONGEST + 1), "y".repeat(1000));
        let said = problems(&parse(&long));
        assert_eq!(said[0], "E-CONFIG-MEMBER target (the metadata): longer than 64 KiB");
        assert!(said[1].len() < 200);
    }

    #[test]
    fn no_value_is_formatted() {
        let document =
            parse(r#"{"cloudboot":{"disk":{"luks_passphrase":"hunter2"},"target":"hunter2","exit":7.5}}"#);
        assert_eq!(document.settings().count(), 3);
        let shown = format!("{document:?}");
        assert!(!shown.contains("hunter2") && shown.contains("luks-passphrase"), "{shown}");
    }
}
