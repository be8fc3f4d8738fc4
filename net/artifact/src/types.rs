// SPDX-License-Identifier: BSD-3-Clause
//! The media types of boot artifacts: one table for pushing and booting.

use oci::spec::Descriptor;

/// The role of a part in a boot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// A kernel, or a UKI.
    Kernel,
    /// An initrd.
    Initrd,
    /// The command line.
    Cmdline,
    /// Kernel modules, a further initrd.
    Modules,
    /// Alpine's kernel modules, a squashfs.
    Modloop,
    /// Alpine's overlay of files, a `.tar.gz`.
    Apkovl,
    /// A plan, which cannot be booted by itself.
    Plan,
    /// A disk image.
    Disk,
}

/// A kind of part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kind {
    /// Its role.
    pub role: Role,
    /// The name that users write, in `FILE:KIND`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
}

/// All kinds of parts.
pub const KINDS: [Kind; 8] = [
    Kind { role: Role::Kernel, name: "kernel", media_type: "application/vnd.cloud-boot.kernel.v1" },
    Kind { role: Role::Initrd, name: "initrd", media_type: "application/vnd.cloud-boot.initrd.v1" },
    Kind { role: Role::Cmdline, name: "cmdline", media_type: "application/vnd.cloudboot.cmdline.v1" },
    Kind {
        role: Role::Modules,
        name: "modules",
        media_type: "application/vnd.cloud-boot.modules.v1.cpio+gzip",
    },
    Kind {
        role: Role::Modloop,
        name: "modloop",
        media_type: "application/vnd.cloud-boot.modloop.v1+squashfs",
    },
    Kind { role: Role::Apkovl, name: "apkovl", media_type: "application/vnd.cloud-boot.apkovl.v1+tar.gz" },
    Kind { role: Role::Plan, name: "plan", media_type: "application/vnd.cloudboot.plan.v1+hcl" },
    Kind { role: Role::Disk, name: "disk", media_type: "application/vnd.cloud-boot.diskimage.raw.v1" },
];

/// Other spellings. The first two are those of the Go cloud-boot's code, whose pages have the ones in [`KINDS`].
const OTHERS: [(&str, Role); 3] = [
    ("application/vnd.cloud-boot.cmdline.v1", Role::Cmdline),
    ("application/vnd.cloud-boot.plan.v1+hcl", Role::Plan),
    ("application/efi", Role::Kernel),
];

/// The media type of an artifact's configuration.
pub const CONFIG: &str = "application/vnd.cloud-boot.boot.config.v1+json";

/// The annotation that has the name of a part's file.
///
/// Spec: OCI image 1.1, annotations.md, "Pre-Defined Annotation Keys".
pub const TITLE: &str = "org.opencontainers.image.title";

/// Any bytes.
pub(crate) const BYTES: &str = "application/octet-stream";

/// Types that do not say a part's role: `oras push FILE` gives the second one.
const SILENT: [&str; 3] = ["", "application/vnd.oci.image.layer.v1.tar", BYTES];

/// Prefixes and suffixes of file names, for parts whose types do not say their role.
const NAMES: [(&str, &str, Role); 8] = [
    ("vmlinuz", "", Role::Kernel),
    ("bzimage", "", Role::Kernel),
    ("", ".efi", Role::Kernel),
    ("initrd", "", Role::Initrd),
    ("initramfs", "", Role::Initrd),
    ("cmdline", "", Role::Cmdline),
    ("modloop", "", Role::Modloop),
    ("", ".apkovl.tar.gz", Role::Apkovl),
];

/// Prefix of the types of disk images, in all formats and compressions.
const DISKS: &str = "application/vnd.cloud-boot.diskimage.";

impl Role {
    /// The name that users write.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|kind| kind.role == self).map_or("", |kind| kind.name)
    }

    /// The role of a part, by its media type, or else by its title; `None` if neither says it.
    pub fn of(descriptor: &Descriptor) -> Option<Self> {
        let media_type = bare(&descriptor.media_type);
        Self::of_type(media_type).or_else(|| {
            let title = descriptor.annotations.get(TITLE)?;
            is_silent(media_type).then(|| Self::of_title(title)).flatten()
        })
    }

    /// The role by media type. A kernel, a command line or an initrd may be compressed as a whole.
    fn of_type(media_type: &str) -> Option<Self> {
        let known = |wanted: &str| {
            let kinds = KINDS.iter().map(|kind| (kind.media_type, kind.role)).chain(OTHERS);
            kinds.clone().find(|(known, _)| known.eq_ignore_ascii_case(wanted)).map(|(_, role)| role)
        };
        let is_disk = media_type.get(..DISKS.len()).is_some_and(|start| start.eq_ignore_ascii_case(DISKS));
        if is_disk {
            return Some(Self::Disk);
        }
        known(media_type).or_else(|| {
            let (inner, packed) = media_type.rsplit_once('+')?;
            let role = known(inner).filter(|_| matches!(packed, "gzip" | "zstd"))?;
            matches!(role, Self::Kernel | Self::Initrd | Self::Cmdline).then_some(role)
        })
    }

    /// The role by file name.
    fn of_title(title: &str) -> Option<Self> {
        let name = title.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let fits = |(start, end, _): &&(&str, &str, Self)| name.starts_with(start) && name.ends_with(end);
        NAMES.iter().find(fits).map(|(_, _, role)| *role)
    }
}

/// Whether a type does not say a part's role.
fn is_silent(media_type: &str) -> bool {
    SILENT.iter().any(|silent| silent.eq_ignore_ascii_case(media_type))
}

/// A media type without parameters.
pub(crate) fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a part is decompressed before use: a kernel or a command line that is compressed as a whole.
pub(crate) fn is_packed(media_type: &str) -> bool {
    let packed = bare(media_type).rsplit_once('+').is_some_and(|(_, end)| matches!(end, "gzip" | "zstd"));
    packed && matches!(Role::of_type(bare(media_type)), Some(Role::Kernel | Role::Cmdline))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use oci::{Algorithm, Digest};

    use super::*;

    fn role(media_type: &str, title: &str) -> Option<Role> {
        Role::of(&Descriptor {
            media_type: media_type.into(),
            digest: Digest::of(Algorithm::Sha256, b""),
            size: 0,
            artifact_type: None,
            platform: None,
            annotations: [(TITLE.to_string(), title.to_string())].into(),
        })
    }

    #[test]
    fn media_types_say_what_a_part_is() {
        for kind in KINDS {
            assert_eq!(role(kind.media_type, "x"), Some(kind.role));
            assert_eq!(kind.role.name(), kind.name);
        }
        for (media_type, expected) in [
            ("application/vnd.cloud-boot.cmdline.v1", Some(Role::Cmdline)),
            ("application/vnd.cloud-boot.plan.v1+hcl", Some(Role::Plan)),
            ("application/efi", Some(Role::Kernel)),
            ("Application/EFI; x=y", Some(Role::Kernel)),
            ("application/vnd.cloud-boot.kernel.v1+zstd", Some(Role::Kernel)),
            ("application/vnd.cloud-boot.initrd.v1+gzip", Some(Role::Initrd)),
            ("application/vnd.cloud-boot.diskimage.qcow2.v1+zstd", Some(Role::Disk)),
            ("application/vnd.cloud-boot.kernel.v2", None),
            ("application/vnd.cloud-boot.kernel.v1+xz", None),
            ("application/vnd.cloud-boot.modloop.v1+squashfs+gzip", None),
            ("application/vnd.cloud-boot.diskimag\u{e9}", None),
            ("", None),
        ] {
            assert_eq!(role(media_type, "x"), expected, "{media_type}");
        }
    }

    #[test]
    fn a_title_counts_where_the_type_says_nothing() {
        for (title, expected) in [
            ("vmlinuz", Some(Role::Kernel)),
            ("a/b/VMLINUZ-6.12", Some(Role::Kernel)),
            ("bzImage", Some(Role::Kernel)),
            ("debian.efi", Some(Role::Kernel)),
            ("initrd.img-6.12", Some(Role::Initrd)),
            ("initramfs-virt", Some(Role::Initrd)),
            ("cmdline.txt", Some(Role::Cmdline)),
            ("modloop-virt", Some(Role::Modloop)),
            ("host.apkovl.tar.gz", Some(Role::Apkovl)),
            ("my-vmlinuz", None),
            ("vmlinuz/README", None),
            ("", None),
        ] {
            for silent in SILENT {
                assert_eq!(role(silent, title), expected, "{title}");
            }
            assert_eq!(role("text/plain", title), None);
            assert_eq!(role("application/vnd.oci.image.layer.v1.tar+gzip", title), None);
        }
    }

    #[test]
    fn kernels_and_command_lines_are_unpacked() {
        for (media_type, expected) in [
            ("application/vnd.cloud-boot.kernel.v1+gzip", true),
            ("application/vnd.cloudboot.cmdline.v1+zstd", true),
            ("application/vnd.cloud-boot.kernel.v1", false),
            ("application/vnd.cloud-boot.initrd.v1+gzip", false),
            ("application/vnd.cloud-boot.modules.v1.cpio+gzip", false),
            ("application/octet-stream", false),
        ] {
            assert_eq!(is_packed(media_type), expected, "{media_type}");
        }
    }
}
