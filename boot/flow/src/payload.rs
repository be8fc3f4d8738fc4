// SPDX-License-Identifier: BSD-3-Clause
//! What is handed over, and where it came from.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, ops::Range};

use entries::File;
use http::Url;
use oci::{Digest, Reference};
use vfs::Volumes;

use crate::Vouched;

/// Where a payload came from, for people and for policies.
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
        /// The digest of the manifest that this led to, which covers all its bytes.
        manifest: Digest,
        /// Who has signed it; none where nobody had to.
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
    /// Who has signed it; none where nobody had to.
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
        /// The kernel, as it stands on the disk; after verification, unpacked.
        image: Vec<u8>,
        /// All initial RAM disks, one after the other, each padded to 4 bytes; empty where there are none.
        initrd: Vec<u8>,
        /// The command line.
        options: String,
        /// A device tree in place of the machine's own.
        devicetree: Option<Vec<u8>>,
    },
    /// An EFI program that brings what it needs.
    Program {
        /// The program, as it stands on the disk.
        image: Vec<u8>,
        /// Its options; without any it keeps its own.
        options: Option<String>,
        /// Its file, so that it finds the files beside it; none if the file's name is not UTF-8.
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

    /// Its options; none if a program keeps its own.
    pub fn options(&self) -> Option<&str> {
        match self {
            Self::Kernel { options, .. } => Some(options),
            Self::Program { options, .. } => options.as_deref(),
        }
    }
}

/// A file as the machine's own drivers know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Index of the disk among those that [`Disks`](crate::Disks) gave.
    pub disk: usize,
    /// Bytes of the disk that are its partition's; none for a filesystem on the whole disk.
    pub partition: Option<Range<u64>>,
    /// Absolute path with slashes.
    pub path: String,
}

impl Place {
    /// The place of a file; none where its volume is gone or its path is not UTF-8.
    pub fn of(file: &File, volumes: &Volumes) -> Option<Self> {
        let volume = volumes.get(file.volume)?;
        let path = String::from_utf8(file.path.clone()).ok()?;
        let partition = volume.partition();
        // Cannot saturate: a partition ends on its disk, which `part` has checked.
        let partition = partition.map(|p| p.start..p.start.saturating_add(p.length));
        Some(Self { disk: volume.disk(), partition, path })
    }

    /// The place of a file with this name in the same folder.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self { path: format!("{folder}/{name}"), ..self.clone() }
    }
}
