// SPDX-License-Identifier: BSD-3-Clause
//! Entries of transparency logs.

use alloc::{string::String, vec::Vec};

use crate::{Error, Structure, keyless::TransparencyLog};

/// `TransparencyLogEntry` of sigstore_rekor.proto, decoded; what is missing is empty or 0.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub log_index: u64,
    pub log_id: Vec<u8>,
    pub kind: String,
    pub version: String,
    /// Seconds since 1970; proven by the promise only.
    pub integrated_time: u64,
    /// The signed entry timestamp.
    pub promise: Option<Vec<u8>>,
    pub proof: Option<Proof>,
    /// `canonicalizedBody`.
    pub body: Vec<u8>,
}

/// `InclusionProof`.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub log_index: u64,
    pub root_hash: Vec<u8>,
    pub tree_size: u64,
    /// From leaf to root.
    pub hashes: Vec<Vec<u8>>,
    pub checkpoint: String,
}

/// What the entry must be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The bundle's signature.
    pub signature: &'a [u8],
    /// The signer's certificate, DER.
    pub certificate: &'a [u8],
    /// What is signed.
    pub content: &'a crate::Content,
    /// The artifact, which a message signature signs.
    pub subject: &'a crate::Subject<'a>,
}

/// A log has the entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged<'a> {
    /// Which one.
    pub log: &'a TransparencyLog,
    /// When it took the entry, in seconds since 1970, where it has signed that.
    pub time: Option<u64>,
}

/// Verifies that a trusted log has the entry, and that it is about what is expected.
pub(crate) fn verify_entry<'a>(
    _entry: &Entry,
    _logs: &'a [TransparencyLog],
    _expected: &Expected<'_>,
) -> Result<Logged<'a>, Error> {
    Err(Error::refused(Structure::LogEntry, "logs are not read"))
}
