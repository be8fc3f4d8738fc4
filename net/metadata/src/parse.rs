// SPDX-License-Identifier: BSD-3-Clause
//! Converts JSON to settings.
//!
//! Recursion is only as deep as the list of members; everything else is skipped.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use config::{KEYS, LONGEST, Origin, Problem};
use json::{Kind, Object, Value};
use zeroize::Zeroizing;

use crate::{
    Cause, Document,
    members::{Effect, MEMBERS, Member},
};

/// The most members of our object, and of each object in it.
const MOST_MEMBERS: usize = 64;
/// The most characters of a name that are shown.
const LONGEST_SHOWN: usize = 64;

/// The name of our object.
const OURS: &str = "cloudboot";

const EXPECTED_OBJECT: &str = "expected an object";

/// A whole document.
pub(crate) fn document(bytes: &[u8]) -> Result<Document, Cause> {
    let malformed = |what| move |error: json::Error| Cause::Json { what, why: format!("{error}") };
    let mut document = Document::default();
    if let Some(text) = document.top(bytes).map_err(malformed("document"))? {
        let ours = Object::parse(text.as_bytes());
        ours.and_then(|ours| document.object("", MEMBERS, ours)).map_err(malformed("meta.cloudboot"))?;
        document.has_object = true;
    }
    Ok(document)
}

impl Document {
    /// Reads the document's top level: our object, or the string that contains it, which is returned.
    fn top(&mut self, bytes: &[u8]) -> Result<Option<Zeroizing<String>>, json::Error> {
        let [ours, meta] = Object::parse(bytes)?.members([OURS, "meta"])?;
        match ours.kind() {
            Kind::Object => {
                self.has_object = true;
                self.object("", MEMBERS, ours.object()?)?;
            }
            Kind::Null => {}
            _ => self.note(OURS, EXPECTED_OBJECT),
        }
        // User data of an OpenStack instance: names and strings.
        if meta.kind() != Kind::Object {
            return Ok(None);
        }
        let [text] = meta.object()?.members([OURS])?;
        match text.kind() {
            Kind::Null => {}
            _ if self.has_object => {
                self.note("meta.cloudboot", "ignored: the document itself has `cloudboot`");
            }
            Kind::Text => return Ok(Some(Zeroizing::new(text.text()?.into_owned()))),
            _ => self.note("meta.cloudboot", "expected a string that contains JSON"),
        }
        Ok(None)
    }

    /// Reads our object, or one in it; `group` is the name of the inner one, empty for the outer one.
    fn object(
        &mut self,
        group: &'static str,
        members: &'static [Member],
        object: Object<'_>,
    ) -> Result<(), json::Error> {
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for entry in object.entries() {
            let (name, value) = entry?;
            if seen.len() >= MOST_MEMBERS {
                let name = if group.is_empty() { OURS } else { group };
                return Err(value.error(json::Cause::TooMany { name, most: MOST_MEMBERS }));
            }
            if seen.contains(&name) {
                return Err(value.error(json::Cause::Twice(shown(&name))));
            }
            let path = joined(group, &shown(&name));
            match members.iter().find(|member| member.name == name) {
                Some(Member { name, effect }) => self.member(&path, name, *effect, value)?,
                None => self.note_unknown(path, &name, members),
            }
            seen.push(name);
        }
        Ok(())
    }

    fn member(
        &mut self,
        path: &str,
        name: &'static str,
        effect: Effect,
        value: Value<'_>,
    ) -> Result<(), json::Error> {
        match effect {
            Effect::Key(key) => return self.set(path, key, value),
            Effect::Group(members) => match value.kind() {
                Kind::Object => return self.object(name, members, value.object()?),
                Kind::Null => {}
                _ => self.note(path, EXPECTED_OBJECT),
            },
            Effect::Nothing => self.problems.push(Problem::Idle { name, origin: Origin::Metadata }),
        }
        Ok(())
    }

    fn set(&mut self, path: &str, key: &'static str, value: Value<'_>) -> Result<(), json::Error> {
        let text = match value.kind() {
            Kind::Null => return Ok(()),
            Kind::List | Kind::Object => {
                self.note(path, "expected a string, a number or a boolean");
                return Ok(());
            }
            Kind::True => Cow::Borrowed("1"),
            Kind::False => Cow::Borrowed("0"),
            Kind::Number | Kind::Text => value.scalar()?,
        };
        let text = Zeroizing::new(text.into_owned());
        if text.len() > LONGEST {
            self.note(path, "longer than 64 KiB");
        } else if text.chars().any(char::is_control) {
            self.note(path, "contains control characters");
        } else {
            self.settings.push((key, text));
        }
        Ok(())
    }

    fn note(&mut self, path: &str, cause: &'static str) {
        self.problems.push(Problem::Member { name: path.into(), cause });
    }

    /// Notes a member that is not in the list.
    fn note_unknown(&mut self, path: String, name: &str, members: &[Member]) {
        let spelt = name.replace('-', "_");
        if spelt != name && members.iter().any(|member| member.name == spelt) {
            return self.note(&path, "unknown member: members have underscores where keys have dashes");
        }
        let name = format!("cloudboot.{path}");
        let problem = match KEYS.iter().any(|key| key.name == name && key.metadata.is_none()) {
            true => Problem::Never { name },
            false => Problem::Unknown { name, origin: Origin::Metadata },
        };
        self.problems.push(problem);
    }
}

fn joined(group: &str, name: &str) -> String {
    if group.is_empty() { name.into() } else { format!("{group}.{name}") }
}

/// A name as a message shows it: the document's author must not control the console.
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
        let number = parse(r#"{"meta":{"cloudboot":3}}"#);
        assert_eq!(
            problems(&number),
            ["E-CONFIG-MEMBER meta.cloudboot (the metadata): expected a string that contains JSON"]
        );
        let both = parse(r#"{"meta":{"cloudboot":"{\"target\":\"a\"}"},"cloudboot":{"target":"b"}}"#);
        assert_eq!(settings(&both), [("cloudboot.target", "b")]);
        assert_eq!(
            problems(&both),
            ["E-CONFIG-MEMBER meta.cloudboot (the metadata): ignored: the document itself has `cloudboot`"]
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
    fn numbers_stand_as_they_are_written() {
        let document = parse(r#"{"cloudboot":{"target":7.50,"image":-1,"exit":18446744073709551616}}"#);
        let expected = [
            ("cloudboot.target", "7.50"),
            ("cloudboot.image", "-1"),
            ("cloudboot.exit", "18446744073709551616"),
        ];
        assert_eq!(settings(&document), expected);
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
            "E-CONFIG-MEMBER disk.luks-passphrase (the metadata): unknown member: members have underscores where keys have dashes",
            "E-CONFIG-UNKNOWN cloudboot.disk.foo (the metadata): there is no such key",
            "E-CONFIG-MEMBER net (the metadata): expected an object",
            "E-CONFIG-IDLE reset_on_next_boot (the metadata): it has no effect in this program",
            "E-CONFIG-IDLE zfs_key (the metadata): it has no effect in this program",
            "E-CONFIG-MEMBER image (the metadata): expected a string, a number or a boolean",
            "E-CONFIG-LOCKED cloudboot.insecure (the metadata): a metadata document may not set it",
            "E-CONFIG-LOCKED cloudboot.cosign (the metadata): a metadata document may not set it",
            "E-CONFIG-UNKNOWN cloudboot.net.skip (the metadata): there is no such key",
            "E-CONFIG-UNKNOWN cloudboot.tar\u{fffd}[2Jget (the metadata): there is no such key",
            "E-CONFIG-MEMBER target (the metadata): contains control characters",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn parse_refuses_what_could_be_read_as_two_things() {
        let twice = |what: &str| {
            format!("E-NET-META-JSON metadata: malformed document: duplicate field `{what}` at line ")
        };
        for (text, name) in [
            (r#"{"cloudboot":{},"cloudboot":{}}"#, "cloudboot"),
            (r#"{"meta":{},"meta":{}}"#, "meta"),
            (r#"{"meta":{"cloudboot":"{}","cloudboot":"{}"}}"#, "cloudboot"),
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
                "malformed document: unpaired surrogate at line 1 column 24",
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
        // Unused values are skipped without recursion.
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
        assert!(
            error(&members(65))
                .contains("malformed document: field `cloudboot`: more than 64 members at line 1 column ")
        );
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
