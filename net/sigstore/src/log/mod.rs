// SPDX-License-Identifier: BSD-3-Clause
//! Transparency logs: proof that a signature was published, and in Rekor v1 also when.
//!
//! The body of an entry is stored in the log: a signature, the signer's certificate, and the digest of what was signed.
//! All of it must match the bundle. A proof of inclusion leads from the body to the root of a Merkle tree, and a
//! checkpoint has that root with the log's signature. A promise, which only Rekor v1 makes, is the log's signature over
//! body and time.
//!
//! Spec: rekor/v1/sigstore_rekor.proto of protobuf-specs, and the comments there; RFC 6962 section 2.1; C2SP
//! `tlog-checkpoint` and `signed-note`.

mod body;
mod checkpoint;
mod merkle;
mod pick;
mod promise;

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use crate::{Content, Error, Structure, Subject, keyless::TransparencyLog};
use body::Generation;

/// `TransparencyLogEntry`, decoded; missing fields are empty or 0.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its index: in Rekor v1, over all trees of the log; in Rekor v2, in its only tree.
    pub log_index: u64,
    /// The identifier of the log.
    pub log_id: Vec<u8>,
    /// The kind of the body.
    pub kind: String,
    /// The version of the body.
    pub version: String,
    /// Seconds since 1970; proven by the promise only. Rekor v2 has none.
    pub integrated_time: u64,
    /// The signed entry timestamp.
    pub promise: Option<Vec<u8>>,
    /// The proof that the log has it.
    pub proof: Option<Proof>,
    /// `canonicalizedBody`: the bytes in the log.
    pub body: Vec<u8>,
}

/// `InclusionProof`.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// Its index in the tree.
    pub log_index: u64,
    /// The hash of the tree's root.
    pub root_hash: Vec<u8>,
    /// The number of leaves of the tree.
    pub tree_size: u64,
    /// The path from the leaf to the root.
    pub hashes: Vec<Vec<u8>>,
    /// The signed checkpoint.
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
    pub content: &'a Content,
    /// The artifact, which a message signature signs.
    pub subject: &'a Subject<'a>,
}

/// Proof that a log has an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged<'a> {
    /// The log. Its `validity` must contain the time of signing, if that is not proven by
    /// [`Logged::time`].
    pub log: &'a TransparencyLog,
    /// When the log added the entry, in seconds since 1970, if the log signed that.
    pub time: Option<u64>,
}

/// Verifies that a trusted log has the entry, and that it is about what is expected.
///
/// # Errors
/// The log is not in the list; the entry is about something else, or of an unsupported kind; a proof or a promise
/// is malformed or wrong, or there is neither.
pub(crate) fn verify_entry<'a>(
    entry: &Entry,
    logs: &'a [TransparencyLog],
    expected: &Expected<'_>,
) -> Result<Logged<'a>, Error> {
    let generation = body::verify(entry, expected)?;
    let mut outcome = Err(refused("its log is not in the trusted root"));
    for log in logs.iter().filter(|log| !log.id.is_empty() && log.id == entry.log_id) {
        outcome = verify_with(entry, generation, log);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn verify_with<'a>(
    entry: &Entry,
    generation: Generation,
    log: &'a TransparencyLog,
) -> Result<Logged<'a>, Error> {
    let time = match &entry.promise {
        Some(_) if generation == Generation::V2 => {
            return Err(refused("it has a promise, which Rekor v2 does not make"));
        }
        Some(promise) => Some(promise::verify(entry, promise, log)?),
        None => None,
    };
    match &entry.proof {
        Some(proof) => proof.verify(entry, generation, log)?,
        None if time.is_none() => return Err(refused("neither a proof of inclusion nor a promise")),
        None => {}
    }
    Ok(Logged { log, time })
}

impl Proof {
    /// Verifies the path from the entry to a root that the log has signed.
    fn verify(&self, entry: &Entry, generation: Generation, log: &TransparencyLog) -> Result<(), Error> {
        let checkpoint = checkpoint::verify(&self.checkpoint, generation, log)?;
        if self.tree_size != checkpoint.size {
            let why = format!("treeSize is {}, the checkpoint's is {}", self.tree_size, checkpoint.size);
            return Err(refused(why));
        }
        if self.root_hash != checkpoint.root {
            return Err(refused("rootHash is not the checkpoint's"));
        }
        // In Rekor v1, the entry's index counts the leaves of all trees, and only the promise signs it.
        if generation == Generation::V2 && self.log_index != entry.log_index {
            let why = format!("logIndex is {}, the proof's is {}", entry.log_index, self.log_index);
            return Err(refused(why));
        }
        match merkle::root(&entry.body, self.log_index, self.tree_size, &self.hashes) {
            Some(root) if checkpoint.root == root => Ok(()),
            _ => Err(refused("the proof of inclusion does not lead to the checkpoint's root")),
        }
    }
}

/// Any bytes as a body, as a checkpoint, as numbers of a leaf.
pub(crate) fn fuzz(data: &[u8], log: &TransparencyLog, expected: &Expected<'_>) {
    let checkpoint = String::from_utf8_lossy(data).into_owned();
    for generation in [Generation::V1, Generation::V2] {
        let _ = checkpoint::verify(&checkpoint, generation, log);
    }
    let (index, rest) =
        data.split_first_chunk().map_or((0, data), |(index, rest)| (u64::from_be_bytes(*index), rest));
    let (size, rest) =
        rest.split_first_chunk().map_or((0, rest), |(size, rest)| (u64::from_be_bytes(*size), rest));
    let hashes: Vec<Vec<u8>> = rest.chunks(32).take(64).map(<[u8]>::to_vec).collect();
    let _ = merkle::root(data, index, size, &hashes);
    let entry = Entry {
        log_index: index,
        log_id: log.id.clone(),
        kind: "hashedrekord".into(),
        version: "0.0.1".into(),
        integrated_time: size,
        promise: Some(data.into()),
        proof: None,
        body: data.into(),
    };
    assert!(verify_entry(&entry, core::slice::from_ref(log), expected).is_err(), "nobody has signed it");
}

fn refused(why: impl Into<Cow<'static, str>>) -> Error {
    Error::refused(Structure::LogEntry, why)
}
