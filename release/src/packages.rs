// SPDX-License-Identifier: BSD-3-Clause
//! Packages from which a release is made: crates of Cargo.lock, Debian packages of the toolbox.

use std::fs;

use anyhow::{Context, Result};

/// A package of a registry or of Debian's archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// Debian's name of the architecture, or `all`; none for a crate.
    pub arch: Option<String>,
    pub sha256: String,
}

impl Package {
    /// The package URL (purl specification, types `cargo` and `deb`).
    pub fn purl(&self) -> String {
        let version = percent(&self.version);
        match &self.arch {
            None => format!("pkg:cargo/{}@{version}", self.name),
            Some(arch) => format!("pkg:deb/debian/{}@{version}?arch={arch}", percent(&self.name)),
        }
    }
}

/// The packages of a Cargo.lock that come from a registry.
pub fn of_lock(text: &str) -> Vec<Package> {
    text.split("[[package]]").skip(1).filter_map(block).collect()
}

fn block(text: &str) -> Option<Package> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    Some(Package { name: value("name")?, version: value("version")?, arch: None, sha256: value("checksum")? })
}

/// The packages of the toolbox: a line `NAME:ARCH VERSION SHA256` for each (tools/toolbox/make.sh).
pub fn of_toolbox(path: &str) -> Result<Vec<Package>> {
    let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
    toolbox(&text).with_context(|| path.to_owned())
}

fn toolbox(text: &str) -> Result<Vec<Package>> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (name, arch) = words.next()?.split_once(':')?;
        let (version, sha256) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Package { name: name.to_owned(), version, arch: Some(arch.to_owned()), sha256 })
    };
    let lines = text.lines().enumerate();
    lines.map(|(i, text)| line(text).with_context(|| format!("line {}: not a package", i + 1))).collect()
}

/// The one package of this name, and of this architecture or of all.
pub fn find<'a>(packages: &'a [Package], name: &str, arch: &str) -> Result<&'a Package> {
    let is_it = |p: &&Package| p.name == name && [Some(arch), Some("all")].contains(&p.arch.as_deref());
    packages.iter().find(is_it).with_context(|| format!("no package {name}:{arch} in the toolbox"))
}

/// Percent-encodes reserved characters of a package URL.
fn percent(text: &str) -> String {
    let encode = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "-._~".contains(c) => c.to_string(),
        c => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
    };
    text.chars().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_a_lock_file() {
        let text = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0+b\"\nchecksum = \"ff\"\n\
                    \n[[package]]\nname = \"ours\"\nversion = \"0.0.1\"\ndependencies = [\n \"a\",\n]\n";
        let packages = of_lock(text);
        assert_eq!(packages.len(), 1, "crates of the workspace come from no registry");
        assert_eq!(packages[0].purl(), "pkg:cargo/a@1.0.0%2Bb");
        assert_eq!(packages[0].sha256, "ff");
    }

    #[test]
    fn packages_of_a_toolbox() {
        let packages = toolbox("rustc:amd64 1.97.1+dfsg1-1 aa\nrust-src:all 1:2 bb\n").unwrap();
        assert_eq!(
            find(&packages, "rust-src", "arm64").unwrap().purl(),
            "pkg:deb/debian/rust-src@1%3A2?arch=all"
        );
        assert_eq!(find(&packages, "rustc", "amd64").unwrap().sha256, "aa");
        assert!(find(&packages, "rustc", "arm64").unwrap_err().to_string().contains("rustc:arm64"));
        assert!(toolbox("a b c\n").unwrap_err().to_string().starts_with("line 1"));
    }
}
