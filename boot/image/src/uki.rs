// SPDX-License-Identifier: BSD-3-Clause
//! Unified kernel images: EFI applications whose sections hold a kernel and what goes with it.
//!
//! Spec: UAPI.5, Unified Kernel Image. Where an image has several profiles, these are the sections before the
//! first of them.

use core::str;

use crate::{
    Corrupt, Error, Fault, Format, Origin,
    pe::{Headers, Section},
};

/// A part of a unified kernel image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The kernel, an EFI application itself.
    Linux,
    /// The initrd: one or more concatenated cpio archives.
    Initrd,
    /// The kernel's command line, text.
    Cmdline,
    /// The content of `/etc/os-release`, text.
    OsRelease,
    /// The kernel's version as `uname -r` shows it, text.
    Uname,
    /// Secure Boot revocation data, text.
    Sbat,
}

impl Part {
    /// The section's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => ".linux",
            Self::Initrd => ".initrd",
            Self::Cmdline => ".cmdline",
            Self::OsRelease => ".osrel",
            Self::Uname => ".uname",
            Self::Sbat => ".sbat",
        }
    }
}

/// Whether an EFI application is a unified kernel image: it has a kernel and an os-release.
pub fn is_uki(headers: &Headers<'_>) -> bool {
    part(headers, Part::Linux).is_some() && part(headers, Part::OsRelease).is_some()
}

/// The section that holds a part. Sections after the first `.profile` belong to a profile and are ignored.
pub fn part(headers: &Headers<'_>, part: Part) -> Option<Section> {
    headers
        .sections()
        .take_while(|s| s.name.as_bytes() != b".profile")
        .find(|s| s.name.as_bytes() == part.name().as_bytes())
}

/// The text in the data of a section, without trailing zeros and line ends.
///
/// # Errors
/// [`Error::Corrupt`] when it is not UTF-8; the offset is that in the data.
pub fn text(data: &[u8]) -> Result<&str, Error> {
    str::from_utf8(data).map(|text| text.trim_end_matches(['\0', '\r', '\n'])).map_err(|error| {
        let offset = error.valid_up_to();
        Error::Corrupt(Corrupt {
            format: Format::Pe,
            fault: Fault::Range,
            structure: "text section",
            origin: Origin::Start,
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
            found: data.get(offset).copied().unwrap_or_default().into(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pe::Pe, testing::Builder};

    #[test]
    fn an_image_with_kernel_and_os_release_is_one() {
        let kernel = Builder::new().with(".linux", b"kernel");
        assert!(!is_uki(&Pe::parse(&kernel.bytes()).unwrap().headers));
        let file =
            kernel.with(".osrel", b"ID=debian\nNAME=\"Debian\"\n\0\0").with(".cmdline", b"quiet\0").bytes();
        let pe = Pe::parse(&file).unwrap();
        assert!(is_uki(&pe.headers));
        assert_eq!(pe.section(Part::Linux.name()), Some(&b"kernel"[..]));
        assert_eq!(part(&pe.headers, Part::Initrd), None);
        assert_eq!(text(pe.section(".cmdline").unwrap()), Ok("quiet"));
        assert_eq!(text(pe.section(".osrel").unwrap()), Ok("ID=debian\nNAME=\"Debian\""));
    }

    #[test]
    fn parts_of_profiles_are_not_those_of_the_image() {
        let builder =
            Builder::new().with(".cmdline", b"base").with(".profile", b"ID=x").with(".initrd", b"x");
        let file = builder.with(".cmdline", b"other").bytes();
        let pe = Pe::parse(&file).unwrap();
        let cmdline = part(&pe.headers, Part::Cmdline).unwrap();
        assert_eq!(cmdline.data().end - cmdline.data().start, 4);
        assert_eq!(part(&pe.headers, Part::Initrd), None);
    }

    #[test]
    fn text_rejects_what_is_not_utf8() {
        let error = text(b"ab\xff").unwrap_err();
        assert_eq!(error.code(), "E-IMAGE-PE-RANGE");
        assert_eq!(text(b"\0\n"), Ok(""));
    }
}
