// SPDX-License-Identifier: BSD-3-Clause
//! The software bill of materials: an SPDX 2.3 document in JSON.
//!
//! It describes the files of the release as packages. A file CONTAINS each crate and each Debian package that is
//! linked into it, a file CONTAINS each loader whose bytes are in it, and a crate DEPENDS_ON its dependencies on any
//! architecture.
//! What only runs at build time (procedural macros, build scripts, compilers) is in the provenance.
//! The same release gives the same bytes: time and namespace are derived from it.
//! Spec: SPDX Specification 2.3, clauses 6, 7 and 11; its JSON schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    graph::{Artifact, Crate, Graph, Kind, licence},
    packages::{Package, find},
    sums::sha256,
};

const LICENCE: &str = "BSD-3-Clause";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// The inputs of the document.
pub struct Inputs<'a> {
    pub version: &'a str,
    pub graph: &'a Graph,
    /// The crates of Cargo.lock.
    pub crates: &'a [Package],
    /// The packages of the toolbox.
    pub toolbox: &'a [Package],
    /// The bytes of each artifact by its name.
    pub files: &'a BTreeMap<String, Vec<u8>>,
}

/// The document.
///
/// # Errors
/// An image without a time, a crate that is not in Cargo.lock, a Debian package that is not in the toolbox, or a
/// manifest that cannot be read; the error names it.
pub fn document(parts: &Inputs) -> Result<Value> {
    let image = parts.graph.artifacts.iter().find(|artifact| artifact.kind == Kind::Image);
    let created = created(parts.bytes(image.context("the release has no image")?)?)?;
    let mut lists = Lists::default();
    for part in &parts.graph.crates {
        lists.packages.push(crate_package(part, parts)?);
        for other in &part.deps {
            lists.relate(&crate_id(&part.key), "DEPENDS_ON", &crate_id(other));
        }
    }
    for artifact in &parts.graph.artifacts {
        lists.artifact(artifact, parts)?;
    }
    let ids: BTreeSet<String> = lists.packages.iter().map(|package| package["SPDXID"].to_string()).collect();
    ensure!(ids.len() == lists.packages.len(), "two packages have the same SPDX identifier");
    let (packages, relationships) = (Value::from(lists.packages), Value::from(lists.relationships));
    let digest = sha256(format!("{packages}{relationships}").as_bytes());
    Ok(json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": format!("cloud-boot-{}", parts.version),
        "documentNamespace": format!("https://spdx.org/spdxdocs/cloud-boot-{}-{digest}", parts.version),
        "creationInfo": {
            "created": created,
            "creators": [format!("Tool: cloud-boot-release-{}", parts.version)],
        },
        "packages": packages,
        "relationships": relationships,
    }))
}

impl Inputs<'_> {
    fn bytes(&self, artifact: &Artifact) -> Result<&[u8]> {
        let bytes =
            self.files.get(&artifact.name).with_context(|| format!("no bytes of {}", artifact.name))?;
        Ok(bytes)
    }
}

#[derive(Default)]
struct Lists {
    packages: Vec<Value>,
    relationships: Vec<Value>,
}

impl Lists {
    fn relate(&mut self, from: &str, how: &str, to: &str) {
        self.relationships
            .push(json!({"spdxElementId": from, "relationshipType": how, "relatedSpdxElement": to}));
    }

    fn artifact(&mut self, artifact: &Artifact, parts: &Inputs) -> Result<()> {
        let id = file_id(&artifact.name);
        let bytes = parts.bytes(artifact)?;
        let purpose = if artifact.kind == Kind::Image { "INSTALL" } else { "APPLICATION" };
        let mut package = package(&id, &artifact.name, parts.version, Some(&sha256(bytes)));
        package["packageFileName"] = artifact.name.as_str().into();
        package["primaryPackagePurpose"] = purpose.into();
        package["licenseDeclared"] = LICENCE.into();
        self.packages.push(package);
        self.relate(DOCUMENT, "DESCRIBES", &id);
        for key in &artifact.crates {
            self.relate(&id, "CONTAINS", &crate_id(key));
        }
        for (name, arch, licence) in runtime(artifact)? {
            let debian = find(parts.toolbox, &name, arch)?;
            let debian_id = self.debian(debian, licence);
            self.relate(&id, "CONTAINS", &debian_id);
        }
        for loader in parts.graph.artifacts.iter().filter(|other| other.kind == Kind::Loader) {
            if artifact.kind != Kind::Loader && holds(bytes, parts.bytes(loader)?) {
                self.relate(&id, "CONTAINS", &file_id(&loader.name));
            }
        }
        Ok(())
    }

    /// Adds a Debian package, once; returns its identifier.
    fn debian(&mut self, debian: &Package, licence: &str) -> String {
        let arch = debian.arch.as_deref().unwrap_or_default();
        let id = identifier(&["deb", &debian.name, &debian.version, arch]);
        if !self.packages.iter().any(|package| package["SPDXID"] == id.as_str()) {
            let mut package = package(&id, &debian.name, &debian.version, Some(&debian.sha256));
            package["licenseDeclared"] = licence.into();
            package["externalRefs"] = purl(debian);
            self.packages.push(package);
        }
        id
    }
}

/// Debian packages whose code is linked into a program: name, architecture, licence of that code.
fn runtime(artifact: &Artifact) -> Result<Vec<(String, &'static str, &'static str)>> {
    const RUST: &str = "MIT OR Apache-2.0";
    let Some(arch) = artifact.arch.as_deref() else {
        return Ok(Vec::new());
    };
    if artifact.kind == Kind::Loader {
        // core and alloc are compiled from source (//toolchains/rust:core.bzl).
        return Ok(vec![("rust-src".into(), "all", RUST)]);
    }
    // Debian's name, and the suffix of its cross compiler packages.
    let (debian, cross) = match arch {
        "x86_64" => ("amd64", ""),
        "aarch64" => ("arm64", "-arm64-cross"),
        "riscv64" => ("riscv64", "-riscv64-cross"),
        "loongarch64" => ("loong64", "-loong64-cross"),
        _ => anyhow::bail!("{}: unknown architecture: {arch}", artifact.name),
    };
    Ok(vec![
        ("libstd-rust-dev".into(), debian, RUST),
        (format!("libc6-dev{cross}"), debian, "LGPL-2.1-or-later"),
        (format!("libgcc-16-dev{cross}"), debian, "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ])
}

fn crate_package(part: &Crate, parts: &Inputs) -> Result<Value> {
    let id = crate_id(&part.key);
    let Some(manifest) = &part.manifest else {
        let mut package = package(&id, &part.key, parts.version, None);
        package["licenseDeclared"] = LICENCE.into();
        return Ok(package);
    };
    let is_it = |p: &&Package| part.key == format!("{}-{}", p.name, p.version);
    let found =
        parts.crates.iter().find(is_it).with_context(|| format!("{} is not in Cargo.lock", part.key))?;
    let mut package = package(&id, &found.name, &found.version, Some(&found.sha256));
    package["externalRefs"] = purl(found);
    let manifest = fs::read_to_string(manifest).with_context(|| manifest.clone())?;
    if let Some(licence) = licence(&manifest) {
        package["licenseDeclared"] = licence.into();
    }
    Ok(package)
}

fn package(id: &str, name: &str, version: &str, sum: Option<&str>) -> Value {
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    });
    if let Some(sum) = sum {
        package["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": sum}]);
    }
    package
}

fn purl(package: &Package) -> Value {
    json!([{
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": package.purl(),
    }])
}

fn crate_id(key: &str) -> String {
    identifier(&["crate", key])
}

fn file_id(name: &str) -> String {
    identifier(&["file", name])
}

/// An identifier may have only letters, digits, `.` and `-` (clause 3.2 of the specification).
fn identifier(parts: &[&str]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("SPDXRef-{}", parts.join("-").chars().map(plain).collect::<String>())
}

/// Whether `outer` contains `inner`.
fn holds(outer: &[u8], inner: &[u8]) -> bool {
    let Some(&first) = inner.first() else { return false };
    let mut starts = outer.iter().enumerate().filter(|&(_, &byte)| byte == first);
    starts.any(|(i, _)| outer[i..].starts_with(inner))
}

/// The creation time in a boot image, as `YYYY-MM-DDThh:mm:ssZ`: the time of the release.
///
/// # Errors
/// When the bytes are not an ISO 9660 volume with a time in UTC.
fn created(image: &[u8]) -> Result<String> {
    // ECMA-119: the primary volume descriptor is in sector 16 (6.7.1), its volume creation date in bytes 814 to
    // 830 (8.4.26): sixteen digits of year, month, day, hour, minute, second, hundredths, and the time zone.
    let descriptor = image.get(16 * 2048..17 * 2048).context("the image is too short for ISO 9660")?;
    ensure!(descriptor.starts_with(b"\x01CD001\x01"), "the image has no primary volume descriptor");
    let digits = descriptor[813..829].iter().map(|&byte| char::from(byte)).collect::<String>();
    let is_time = digits.bytes().all(|byte| byte.is_ascii_digit()) && descriptor[829] == 0;
    ensure!(is_time, "the image has no time of creation in UTC: {digits:?}");
    let part = |from: usize| &digits[from..from + 2];
    let (month, day, hour, minute, second) = (part(4), part(6), part(8), part(10), part(12));
    Ok(format!("{}-{month}-{day}T{hour}:{minute}:{second}Z", &digits[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debian(name: &str, arch: &str) -> Package {
        Package { name: name.into(), version: "1".into(), arch: Some(arch.into()), sha256: "d".repeat(64) }
    }

    fn image() -> Vec<u8> {
        let mut image = vec![0; 17 * 2048];
        image[16 * 2048..][..7].copy_from_slice(b"\x01CD001\x01");
        image[16 * 2048 + 813..][..17].copy_from_slice(b"2026010203040599\0");
        image
    }

    fn graph() -> Graph {
        serde_json::from_str(
            r#"{"artifacts":[
                {"name":"b.iso","path":"","kind":"image","arch":null,"crates":[]},
                {"name":"l.efi","path":"","kind":"loader","arch":"x86_64","crates":["fs/ext4"]},
                {"name":"c","path":"","kind":"command","arch":"aarch64","crates":["fs/ext4"]},
                {"name":"m.efi","path":"","kind":"loader","arch":"aarch64","crates":[]}],
                "crates":[{"key":"fs/ext4","manifest":null,"deps":["fs/block"]},
                          {"key":"fs/block","manifest":null,"deps":[]}]}"#,
        )
        .unwrap()
    }

    fn made(graph: &Graph, toolbox: &[Package]) -> Result<Value> {
        let files = BTreeMap::from([
            ("b.iso".into(), [&image()[..], b"MZ first", b"MZ second"].concat()),
            ("l.efi".into(), b"MZ first".to_vec()),
            ("m.efi".into(), b"MZ second".to_vec()),
            ("c".into(), b"...MMZ first...MZ se".to_vec()),
        ]);
        document(&Inputs { version: "1.2.3", graph, crates: &[], toolbox, files: &files })
    }

    fn all() -> Vec<Package> {
        vec![
            debian("rust-src", "all"),
            debian("libstd-rust-dev", "arm64"),
            debian("libc6-dev-arm64-cross", "all"),
            debian("libgcc-16-dev-arm64-cross", "all"),
        ]
    }

    #[test]
    fn the_graph_is_in_the_relationships() {
        let text = made(&graph(), &all()).unwrap().to_string();
        for (from, how, to) in [
            ("DOCUMENT", "DESCRIBES", "file-l.efi"),
            ("file-l.efi", "CONTAINS", "crate-fs-ext4"),
            ("file-b.iso", "CONTAINS", "file-m.efi"),
            ("file-c", "CONTAINS", "file-l.efi"),
            ("crate-fs-ext4", "DEPENDS_ON", "crate-fs-block"),
            ("file-c", "CONTAINS", "deb-libgcc-16-dev-arm64-cross-1-all"),
            ("file-m.efi", "CONTAINS", "deb-rust-src-1-all"),
        ] {
            let to = format!("\"relatedSpdxElement\":\"SPDXRef-{to}\"");
            let line =
                format!("{{{to},\"relationshipType\":\"{how}\",\"spdxElementId\":\"SPDXRef-{from}\"}}");
            assert!(text.contains(&line), "{line}\n{text}");
        }
        for (inner, count) in [("l.efi", 3), ("m.efi", 2), ("b.iso", 1)] {
            // Each is described, l.efi is in the image and in the command, m.efi in the image.
            let related = format!("\"relatedSpdxElement\":\"SPDXRef-file-{inner}\"");
            assert_eq!(text.matches(&related).count(), count, "{inner}");
        }
        assert_eq!(text.matches("\"SPDXID\":\"SPDXRef-deb-rust-src-1-all\"").count(), 1);
    }

    #[test]
    fn the_same_parts_give_the_same_document_and_others_another_namespace() {
        let namespace = |toolbox: &[Package]| made(&graph(), toolbox).unwrap()["documentNamespace"].clone();
        assert_eq!(namespace(&all()), namespace(&all()));
        let mut other = all();
        other[0].sha256 = "e".repeat(64);
        assert_ne!(namespace(&all()), namespace(&other));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(made(&graph(), &all()[1..]).unwrap_err().to_string().contains("rust-src"));
        let mut unknown = graph();
        unknown.crates[0].manifest = Some("/Cargo.toml".into());
        unknown.crates[0].key = "x-1".into();
        assert_eq!(made(&unknown, &all()).unwrap_err().to_string(), "x-1 is not in Cargo.lock");
        let mut twice = graph();
        twice.crates[0].key = "fs-block".into();
        assert!(made(&twice, &all()).unwrap_err().to_string().contains("same SPDX identifier"));
    }

    #[test]
    fn the_time_is_that_of_the_image() {
        let mut image = image();
        assert_eq!(created(&image).unwrap(), "2026-01-02T03:04:05Z");
        image[16 * 2048 + 829] = 4;
        assert!(created(&image).unwrap_err().to_string().contains("2026010203040599"));
        image[16 * 2048 + 813..][..17].fill(0xff);
        assert!(created(&image).is_err());
        image[16 * 2048] = 0;
        assert!(created(&image).unwrap_err().to_string().contains("descriptor"));
        assert!(created(&image[1..]).unwrap_err().to_string().contains("short"));
    }
}
