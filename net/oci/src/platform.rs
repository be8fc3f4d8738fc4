// SPDX-License-Identifier: BSD-3-Clause
//! Selects the manifest of an index for this machine.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use arch::Arch;

use crate::{
    document::Kind,
    spec::{Descriptor, Index, MachineKind},
};

/// The platform that an artifact is needed for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Platform {
    /// Its architecture.
    pub arch: Arch,
    /// Go's `GOOS`.
    pub os: &'static str,
}

impl Platform {
    /// Linux on an architecture.
    pub fn linux(arch: Arch) -> Self {
        Self { arch, os: "linux" }
    }

    /// The best match for this machine: a manifest, or an index that may have one.
    pub fn best<'a>(&self, index: &'a Index) -> Option<&'a Descriptor> {
        self.candidates(index).into_iter().next()
    }

    /// The candidates, best first: manifests for this machine, then those for it whose operating system is not
    /// given, then indexes that may have one, and last the only manifest, if its platform is not given.
    pub(crate) fn candidates<'a>(&self, index: &'a Index) -> Vec<&'a Descriptor> {
        let mut candidates = Vec::new();
        let is_index = |descriptor: &&Descriptor| Kind::of(&descriptor.media_type) == Some(Kind::Index);
        for is_exact in [true, false] {
            candidates.extend(index.manifests.iter().filter(|one| !is_index(one)).filter(|one| {
                one.platform
                    .as_ref()
                    .is_some_and(|kind| self.fits(kind, is_exact) && kind.os.is_empty() != is_exact)
            }));
        }
        candidates.extend(index.manifests.iter().filter(is_index).filter(|one| {
            one.platform.as_ref().is_none_or(|kind| kind.architecture.is_empty() || self.fits(kind, false))
        }));
        if let [only] = index.manifests.as_slice()
            && only.platform.is_none()
            && candidates.is_empty()
        {
            candidates.push(only);
        }
        candidates
    }

    fn fits(&self, kind: &MachineKind, is_exact: bool) -> bool {
        let is_arch = kind.architecture == self.arch.oci() || kind.architecture == self.arch.name();
        let is_os = kind.os == self.os || (!is_exact && kind.os.is_empty());
        // Every amd64 machine has v1, and every arm64 machine has v8.
        let is_common = matches!(
            (self.arch, kind.variant.as_deref()),
            (_, None | Some("")) | (Arch::X86_64, Some("v1")) | (Arch::Aarch64, Some("v8" | "v8.0"))
        );
        is_arch && is_os && is_common
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch.oci())
    }
}

/// The first platforms of an index, as text.
pub(crate) fn available(index: &Index) -> String {
    let shown = |descriptor: &Descriptor| match &descriptor.platform {
        None => "unknown".into(),
        Some(MachineKind { architecture, os, variant }) => {
            let variant = variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
            format!("{os}/{architecture}{variant}")
        }
    };
    let names: Vec<String> = index.manifests.iter().take(8).map(shown).collect();
    let clean = |name: &String| name.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
    let names: Vec<String> = names.iter().map(clean).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Digest, spec};

    fn one(media_type: &str, platform: Option<(&str, &str, Option<&str>)>) -> Descriptor {
        Descriptor {
            media_type: media_type.into(),
            digest: Digest::of(Algorithm::Sha256, format!("{media_type}{platform:?}").as_bytes()),
            size: 1,
            artifact_type: None,
            platform: platform.map(|(os, architecture, variant)| MachineKind {
                architecture: architecture.into(),
                os: os.into(),
                variant: variant.map(String::from),
            }),
            annotations: Default::default(),
        }
    }

    fn index(manifests: Vec<Descriptor>) -> Index {
        Index {
            schema_version: 2,
            media_type: None,
            artifact_type: None,
            manifests,
            annotations: Default::default(),
        }
    }

    #[test]
    fn every_architecture_finds_its_own() {
        let all = index(
            [
                ("amd64", None),
                ("arm", Some("v7")),
                ("arm64", Some("v8")),
                ("riscv64", None),
                ("loong64", None),
                ("unknown", None),
            ]
            .map(|(architecture, variant)| one(spec::MANIFEST, Some(("linux", architecture, variant))))
            .into(),
        );
        for (arch, number) in
            [(Arch::X86_64, 0), (Arch::Aarch64, 2), (Arch::Riscv64, 3), (Arch::Loongarch64, 4)]
        {
            assert_eq!(Platform::linux(arch).candidates(&all), [&all.manifests[number]]);
        }
    }

    #[test]
    fn the_best_comes_first() {
        let all = index(Vec::from([
            one(spec::INDEX, None),
            one(spec::MANIFEST, Some(("", "amd64", None))),
            one(spec::MANIFEST, Some(("windows", "amd64", None))),
            one(spec::MANIFEST, Some(("linux", "amd64", Some("v3")))),
            one(spec::MANIFEST, Some(("linux", "x86_64", Some("v1")))),
            one(spec::INDEX, Some(("linux", "arm64", None))),
            one(spec::MANIFEST, None),
        ]));
        let found = Platform::linux(Arch::X86_64).candidates(&all);
        assert_eq!(found, [&all.manifests[4], &all.manifests[1], &all.manifests[0]]);
        let shown = available(&all);
        assert!(shown.starts_with("unknown, /amd64, windows/amd64, linux/amd64/v3, "), "{shown}");
    }

    #[test]
    fn an_only_manifest_needs_no_platform() {
        let platform = Platform::linux(Arch::Riscv64);
        let only = index(Vec::from([one(spec::MANIFEST, None)]));
        assert_eq!(platform.candidates(&only).len(), 1);
        let other = index(Vec::from([one(spec::MANIFEST, Some(("linux", "amd64", None)))]));
        assert_eq!(platform.candidates(&other).len(), 0);
    }
}
