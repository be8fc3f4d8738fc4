// SPDX-License-Identifier: BSD-3-Clause
//! Manifests and indexes.

use alloc::{boxed::Box, string::ToString};

use json::{Object, Value};

use crate::{
    Cause,
    spec::{self, DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Manifest},
};

/// A document of `GET /v2/NAME/manifests/REFERENCE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Document {
    /// One artifact.
    Manifest(Box<Manifest>),
    /// An index of several artifacts.
    Index(spec::Index),
}

/// The kind of document that a media type names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Manifest,
    Index,
}

impl Kind {
    /// The kind of a media type, with or without parameters.
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type.split(';').next().unwrap_or("").trim() {
            MANIFEST | DOCKER_MANIFEST => Some(Self::Manifest),
            INDEX | DOCKER_LIST => Some(Self::Index),
            _ => None,
        }
    }
}

impl Document {
    /// Parses a document. `said` has the types that the descriptor and the registry give it.
    ///
    /// A document that could be read as either kind is refused, and so is one that contradicts its own type or one in
    /// `said`: two readers must not see two artifacts under one digest (CVE-2021-41190).
    ///
    /// # Errors
    /// It is malformed, ambiguous, or of an unsupported kind.
    pub fn parse(bytes: &[u8], said: &[&str]) -> Result<Self, Cause> {
        let failed = |what| move |error| malformed(what, error);
        let document = Object::parse(bytes).map_err(failed("manifest"))?;
        let members = document.members(["schemaVersion", "mediaType", "manifests", "config", "layers"]);
        let [version, media_type, manifests, config, layers] = members.map_err(failed("manifest"))?;
        let version = version.given().map_or(Ok(0), Value::number).map_err(failed("manifest"))?;
        if version != 2 {
            return Err(Cause::Unsupported { what: "manifest of schema", found: version.to_string() });
        }
        let is_given = |member: Value<'_>| member.given().is_some();
        let kind = match (is_given(manifests), is_given(config) || is_given(layers)) {
            (true, false) => Kind::Index,
            (false, true) => Kind::Manifest,
            (true, true) => return Err(malformed("manifest", "both manifests and layers")),
            // An empty index may be written like this.
            (false, false) => Kind::Index,
        };
        let media_type = media_type.optional_text().map_err(failed("manifest"))?;
        let types = said.iter().copied().chain(media_type.as_deref());
        if types.filter_map(Kind::of).any(|said| said != kind) {
            return Err(malformed("manifest", "its media type contradicts its members"));
        }
        if let Some(found) = media_type.filter(|own| Kind::of(own).is_none()) {
            return Err(Cause::Unsupported { what: "manifest type", found: found.into_owned() });
        }
        Ok(match kind {
            Kind::Manifest => Self::Manifest(Box::new(Manifest::read(document).map_err(failed("manifest"))?)),
            Kind::Index => Self::Index(spec::Index::read(document).map_err(failed("index"))?),
        })
    }
}

/// What is wrong with a document.
pub(crate) fn malformed(what: &'static str, why: impl ToString) -> Cause {
    Cause::Json { what, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec, vec::Vec};

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor() -> String {
        format!(
            r#"{{"mediaType":"x/y","digest":"sha256:{HEX}","size":1,"urls":["http://z"],"data":"eA==","new":{{"a":[1]}}}}"#
        )
    }

    fn parse(text: &str, said: &[&str]) -> Result<Document, String> {
        Document::parse(text.as_bytes(), said).map_err(|cause| cause.to_string())
    }

    #[test]
    fn unknown_members_and_nulls_are_tolerated() {
        let descriptor = descriptor();
        let text = format!(
            r#"{{"schemaVersion":2,"config":{descriptor},"layers":[{descriptor}],"annotations":null,"new":1}}"#
        );
        let Ok(Document::Manifest(manifest)) = parse(&text, &[MANIFEST, "text/plain"]) else {
            panic!("a manifest")
        };
        assert_eq!((manifest.layers.len(), manifest.layers[0].size, manifest.annotations.len()), (1, 1, 0));
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_LIST}","manifests":null}}"#);
        assert!(matches!(parse(&text, &[]), Ok(Document::Index(_))));
    }

    #[test]
    fn parse_refuses_documents_that_could_be_two_things() {
        let descriptor = descriptor();
        let both = format!(r#"{{"schemaVersion":2,"config":{descriptor},"manifests":[{descriptor}]}}"#);
        assert_eq!(parse(&both, &[]).unwrap_err(), "malformed manifest: both manifests and layers");
        let manifest = format!(r#"{{"schemaVersion":2,"config":{descriptor}}}"#);
        let contradicts = "malformed manifest: its media type contradicts its members";
        assert_eq!(parse(&manifest, &[INDEX]).unwrap_err(), contradicts);
        let own = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","config":{descriptor}}}"#);
        assert_eq!(parse(&own, &[]).unwrap_err(), contradicts);
    }

    #[test]
    fn parse_bounds_what_takes_more_memory_than_bytes() {
        let descriptor = descriptor();
        let annotations = |count: usize| {
            let members: Vec<String> = (0..count).map(|number| format!(r#""{number}":"""#)).collect();
            format!(r#"{{"schemaVersion":2,"config":{descriptor},"annotations":{{{}}}}}"#, members.join(","))
        };
        let Ok(Document::Manifest(manifest)) = parse(&annotations(64), &[]) else { panic!("a manifest") };
        assert_eq!(manifest.annotations.len(), 64);
        for many in [65, 300_000] {
            let said = parse(&annotations(many), &[]).unwrap_err();
            assert!(
                said.starts_with(
                    "malformed manifest: field `annotations`: more than 64 members at line 1 column "
                ),
                "{said}"
            );
        }
        let index =
            |count| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, vec![&*descriptor; count].join(","));
        assert!(matches!(parse(&index(512), &[]), Ok(Document::Index(_))));
        let said = parse(&index(513), &[]).unwrap_err();
        assert!(
            said.starts_with("malformed index: field `manifests`: more than 512 members at line 1 column "),
            "{said}"
        );
        let layers = index(513).replace("\"manifests\"", &format!("\"config\":{descriptor},\"layers\""));
        assert!(
            parse(&layers, &[])
                .unwrap_err()
                .starts_with("malformed manifest: field `layers`: more than 512 members")
        );
    }

    #[test]
    fn parse_refuses_what_is_not_supported() {
        let old = r#"{"schemaVersion":1,"fsLayers":[]}"#;
        assert_eq!(parse(old, &[]).unwrap_err(), "manifest of schema \"1\" is not supported");
        let descriptor = descriptor();
        let other = format!(r#"{{"schemaVersion":2,"mediaType":"x/y","config":{descriptor}}}"#);
        assert_eq!(parse(&other, &[]).unwrap_err(), "manifest type \"x/y\" is not supported");
        for text in [
            "",
            "[]",
            "{",
            r#"{"schemaVersion":2,"config":{}}"#,
            r#"{"schemaVersion":2,"config":{"digest":"sha256:00","size":1}}"#,
        ] {
            assert!(parse(text, &[]).unwrap_err().starts_with("malformed"), "{text}");
        }
        let negative = format!(r#"{{"schemaVersion":2,"config":{{"digest":"sha256:{HEX}","size":-1}}}}"#);
        assert!(parse(&negative, &[]).unwrap_err().contains("-1"));
        let deep = format!(r#"{{"schemaVersion":2,"x":{}"#, "[".repeat(10_000));
        // Unused values are skipped without recursion.
        assert!(parse(&deep, &[]).unwrap_err().contains("EOF while parsing a list"));
    }
}
