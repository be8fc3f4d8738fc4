// SPDX-License-Identifier: BSD-3-Clause
//! What is handed over, and where it came from.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, ops::Range};

use entries::File;
use http::Url;
use oci::{Digest, Reference};
use vfs::Volumes;

use crate::Vouched;

/// Where a payload came from, for display and for policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Provenance {
    /// A file of a local volume.
    Volume {
        /// The volume's name: `hd0,gpt1`.
        name: String,
        /// The path of its kernel or program.
        path: String,
    },
    /// A file of a web server.
    Url(Url),
    /// A boot artifact of an OCI registry.
    Registry {
        /// What was asked for.
        reference: Reference,
        /// The digest of the manifest that this resolved to; it covers all bytes of the payload.
        manifest: Digest,
        /// Who signed it; none if no signature was required.
        vouched: Option<Vouched>,
    },
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Volume { name, path } => write!(f, "{name} {path}"),
            Self::Url(url) => write!(f, "{url}"),
            Self::Registry { reference, manifest, .. } => write!(f, "{reference}, manifest {manifest}"),
        }
    }
}

/// What is handed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    /// The entry's title.
    pub title: String,
    /// Where it came from.
    pub provenance: Provenance,
    /// What it is.
    pub content: Content,
}

impl Payload {
    /// Who signed it; none if no signature was required.
    pub fn vouched(&self) -> Option<&Vouched> {
        match &self.provenance {
            Provenance::Registry { vouched, .. } => vouched.as_ref(),
            Provenance::Volume { .. } | Provenance::Url(_) => None,
        }
    }
}

/// The kinds of payloads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// A Linux kernel.
    Kernel {
        /// The kernel as on the disk; after verification, unpacked.
        image: Vec<u8>,
        /// All initial RAM disks, concatenated, each padded to a multiple of 4 bytes; empty if there are none.
        initrd: Vec<u8>,
        /// The command line.
        options: String,
        /// A device tree to use instead of the machine's own.
        devicetree: Option<Vec<u8>>,
    },
    /// An EFI program that brings what it needs.
    Program {
        /// The program as on the disk.
        image: Vec<u8>,
        /// Its options; if none, it uses its built-in ones.
        options: Option<String>,
        /// Its file, so that it finds neighbouring files; none if the path is not UTF-8.
        place: Option<Place>,
    },
}

impl Content {
    /// The kernel or program.
    pub fn image(&self) -> &[u8] {
        match self {
            Self::Kernel { image, .. } | Self::Program { image, .. } => image,
        }
    }

    /// Its options; none if a program uses its built-in ones.
    pub fn options(&self) -> Option<&str> {
        match self {
            Self::Kernel { options, .. } => Some(options),
            Self::Program { options, .. } => options.as_deref(),
        }
    }
}

/// The location of a file, in terms that the machine's own drivers can resolve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Index of the disk among those that [`Disks`](crate::Disks) gave.
    pub disk: usize,
    /// The partition's range of bytes on the disk; none for a filesystem on the whole disk.
    pub partition: Option<Range<u64>>,
    /// Absolute path with slashes.
    pub path: String,
}

impl Place {
    /// The place of a file; none if its volume does not exist or its path is not UTF-8.
    pub fn of(file: &File, volumes: &Volumes) -> Option<Self> {
        let volume = volumes.get(file.volume)?;
        let path = String::from_utf8(file.path.clone()).ok()?;
        let partition = volume.partition();
        // Cannot saturate: a partition ends on its disk, which `part` has checked.
        let partition = partition.map(|p| p.start..p.start.saturating_add(p.length));
        Some(Self { disk: volume.disk(), partition, path })
    }

    /// The place of a file with another name in the same folder.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self { path: format!("{folder}/{name}"), ..self.clone() }
    }
}
