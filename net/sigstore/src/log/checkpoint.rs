// SPDX-License-Identifier: BSD-3-Clause
//! Checkpoints: the root of a log's tree, signed.
//!
//! Spec: C2SP `tlog-checkpoint` and `signed-note` (<https://c2sp.org>); for Rekor v1, pkg/util/signed_note.go of
//! <https://github.com/sigstore/rekor>, which computes the identifiers of all keys as C2SP does for ECDSA keys.

use alloc::{format, vec::Vec};

use base64ct::{Base64, Encoding as _};
use rustls::pki_types::alg_id;
use sha2::{Digest as _, Sha256};

use super::body::Generation;
use crate::{
    Error, Structure,
    der::{Reader, tag},
    keyless::TransparencyLog,
};

/// The most signatures of one checkpoint. Verifiers must accept 16; each one of the log's costs a verification.
const MAX_SIGNATURES: usize = 64;

/// The prefix of each signature: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// The bytes hashed between a key's name and the key: for Ed25519, and for another kind with its name.
const ED25519: &[u8] = &[1];
const RSA: &[u8] = b"\xffPKIX-RSA-PKCS#1v1.5";

/// The root of a Merkle tree.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Checkpoint<'a> {
    origin: &'a str,
    /// The number of leaves.
    pub size: u64,
    /// The root hash.
    pub root: Vec<u8>,
}

/// A text with signatures.
struct Note<'a> {
    /// The signed text, with the last newline.
    text: &'a str,
    /// The signature lines.
    signatures: &'a str,
}

/// Parses a checkpoint, and verifies that the log has signed it.
pub(super) fn verify<'a>(
    note: &'a str,
    generation: Generation,
    log: &TransparencyLog,
) -> Result<Checkpoint<'a>, Error> {
    let note = Note::parse(note)?;
    let checkpoint = Checkpoint::parse(note.text)?;
    if generation == Generation::V2 && checkpoint.origin != log.origin() {
        let why = format!("its origin is {:?}, the log's is {:?}", checkpoint.origin, log.origin());
        return Err(Error::refused(Structure::Checkpoint, why));
    }
    note.verify(generation, log)?;
    Ok(checkpoint)
}

impl<'a> Note<'a> {
    fn parse(note: &'a str) -> Result<Self, Error> {
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(malformed("control characters"));
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or_else(|| malformed("no signatures"))?;
        // The newline that ends the text is the first of the two.
        let text = text.len().checked_add(1).and_then(|end| note.get(..end)).unwrap_or(text);
        let signatures =
            signatures.strip_suffix('\n').ok_or_else(|| malformed("its last line has no end"))?;
        Ok(Self { text, signatures })
    }

    /// Verifies that the log has signed it. Signatures by others are ignored; the first one by the log decides.
    fn verify(&self, generation: Generation, log: &TransparencyLog) -> Result<(), Error> {
        for (number, line) in self.signatures.split('\n').enumerate() {
            if number >= MAX_SIGNATURES {
                let most = MAX_SIGNATURES;
                return Err(Error::Limit { structure: Structure::Checkpoint, what: "signatures", most });
            }
            let (name, signature) = line
                .strip_prefix(MARK)
                .and_then(|line| line.split_once(' '))
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| malformed("a line that is not a signature"))?;
            let signature =
                Base64::decode_vec(signature).map_err(|_| malformed("a signature that is not base64"))?;
            let (id, signature) = signature
                .split_first_chunk::<4>()
                .ok_or_else(|| malformed("a signature without the identifier of its key"))?;
            if !is_by(name, id, generation, log) {
                continue;
            }
            // Further signatures by the log would only cost time.
            return log.key.verify_plain(self.text.as_bytes(), signature).map_err(|_| Error::Signature {
                structure: Structure::Checkpoint,
                by: format!("the log {}", log.base_url),
            });
        }
        let why = format!("not signed by the log {}", log.base_url);
        Err(Error::refused(Structure::Checkpoint, why))
    }
}

/// Whether a signature claims to be the log's.
fn is_by(name: &str, id: &[u8; 4], generation: Generation, log: &TransparencyLog) -> bool {
    match generation {
        // In Rekor v1, the name is that of the signing machine.
        Generation::V1 => Sha256::digest(log.key.spki()).starts_with(id),
        Generation::V2 => {
            name == log.origin() && key_id(name, log.key.spki()).is_ok_and(|full| full.starts_with(id))
        }
    }
}

/// The digest whose start identifies a key: over key and name; for an ECDSA key, over the key only.
fn key_id(name: &str, spki: &[u8]) -> Result<Vec<u8>, Error> {
    let mut fields = Reader::new(Structure::PublicKey, spki).expect(tag::SEQUENCE)?.inside();
    let algorithm = fields.expect(tag::SEQUENCE)?.content;
    let key = fields.expect(tag::BIT_STRING)?.bits()?;
    let named = |kind: &[u8], key: &[u8]| {
        let hasher = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(kind);
        hasher.chain_update(key).finalize().to_vec()
    };
    Ok(match algorithm {
        _ if *algorithm == *alg_id::ED25519 => named(ED25519, key),
        _ if *algorithm == *alg_id::RSA_ENCRYPTION => named(RSA, spki),
        _ => Sha256::digest(spki).to_vec(),
    })
}

impl<'a> Checkpoint<'a> {
    fn parse(text: &'a str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let mut line = |what| lines.next().filter(|line| !line.is_empty()).ok_or_else(|| malformed(what));
        let origin = line("no origin")?;
        let size = line("no size")?;
        let root = line("no root hash")?;
        let is_number =
            size.bytes().all(|byte| byte.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let number = size.parse().ok().filter(|_| is_number);
        let root = Base64::decode_vec(root).ok().filter(|root| root.len() == 32);
        if lines.any(str::is_empty) {
            return Err(malformed("an empty line"));
        }
        Ok(Self {
            origin,
            size: number.ok_or_else(|| malformed("its size is not a number"))?,
            root: root.ok_or_else(|| malformed("its root hash does not have 32 bytes"))?,
        })
    }
}

impl TransparencyLog {
    /// The origin of checkpoints of Rekor v2: the host of the log's address.
    ///
    /// Spec: `TransparencyLogInstance` of sigstore_trustroot.proto, where the scheme may be missing.
    fn origin(&self) -> &str {
        let address = self.base_url.split_once("://").map_or(&*self.base_url, |(_, rest)| rest);
        let host = address.split(['/', '?', '#']).next().unwrap_or(address);
        match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((host, _)) => host,
            None => host.split(':').next().unwrap_or(host),
        }
    }
}

fn malformed(why: &'static str) -> Error {
    Error::malformed(Structure::Checkpoint, why)
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};

    use super::*;
    use crate::{PublicKey, time::Validity};

    /// The key of Sigstore's public log, of Rekor v1, and a checkpoint of 2023 that it has signed.
    const REKOR: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==";
    const NOTE: &str = "\
rekor.sigstore.dev - 2605736670972794746
27657875
v+7gOn1wovHHKBEVizJ5FFgTKUBCN9UxLo5KQ1Jz8cw=
Timestamp: 1692374735595899989

\u{2014} rekor.sigstore.dev wNI9ajBEAiAzHmfHSCMNTSzP9h0Pzzdg95z3uaFP2n1992qoazwr5AIgPdgJIrzOe2CRYLLZTjMWFe9pBIg0r2hAevmsWrnXSyk=
";

    /// An Ed25519 key of C2SP `signed-note`, which has there the identifier 530d903a.
    const EXAMPLE: &str = "MCowBQYDK2VwAyEA6TJ5GubnqECkYWTJBHhkJtXngh3YspoA1hyucq/dTaQ=";

    fn log(key: &str, base_url: &str) -> TransparencyLog {
        TransparencyLog {
            base_url: base_url.into(),
            key: PublicKey::from_spki(&Base64::decode_vec(key).unwrap()).unwrap(),
            validity: Validity { start: 0, end: None },
            id: Vec::new(),
        }
    }

    fn verified(note: &str) -> Result<u64, String> {
        let checkpoint = verify(note, Generation::V1, &log(REKOR, "https://rekor.sigstore.dev"));
        checkpoint.map(|checkpoint| checkpoint.size).map_err(|error| error.to_string())
    }

    #[test]
    fn the_public_log_signs_its_checkpoints() {
        assert_eq!(verified(NOTE), Ok(27_657_875));
        let other = "\u{2014} witness.example AAAAAAAA\n";
        assert_eq!(verified(&[NOTE, other].concat()), Ok(27_657_875), "others may sign, too");
    }

    #[test]
    fn the_first_signature_of_the_log_decides() {
        let good = NOTE.lines().last().unwrap();
        let false_one = good.replace("XSyk=", "XSyo=");
        let words =
            "the signature of the log checkpoint does not verify with the log https://rekor.sigstore.dev";
        assert_eq!(verified(&NOTE.replace(good, &format!("{false_one}\n{good}"))), Err(words.into()));
        assert_eq!(verified(&format!("{NOTE}{false_one}\n")), Ok(27_657_875));
        assert_eq!(verified(&NOTE.replace("Timestamp: 1", "Timestamp: 2")), Err(words.into()));
        assert_eq!(verified(&NOTE.replace("27657875", "27657876")), Err(words.into()));
    }

    #[test]
    fn each_part_has_its_form() {
        let many = "\u{2014} witness.example AAAAAAAA\n".repeat(64);
        let cases = [
            ("27657875", "027657875", "malformed log checkpoint: its size is not a number"),
            ("27657875", "+27657875", "malformed log checkpoint: its size is not a number"),
            ("27657875", "99999999999999999999", "malformed log checkpoint: its size is not a number"),
            ("27657875\n", "", "malformed log checkpoint: its size is not a number"),
            ("v+7g", "", "malformed log checkpoint: its root hash does not have 32 bytes"),
            ("v+7g", "v-7g", "malformed log checkpoint: its root hash does not have 32 bytes"),
            ("rekor.sigstore.dev - 2605736670972794746", "", "malformed log checkpoint: no origin"),
            ("Timestamp", "\nTimestamp", "malformed log checkpoint: an empty line"),
            ("Timestamp", "\tTimestamp", "malformed log checkpoint: control characters"),
            ("\n\n", "\n", "malformed log checkpoint: no signatures"),
            ("XSyk=\n", "XSyk=", "malformed log checkpoint: its last line has no end"),
            ("\u{2014}", "-", "malformed log checkpoint: a line that is not a signature"),
            (
                "\u{2014} rekor.sigstore.dev ",
                "\u{2014}  ",
                "malformed log checkpoint: a line that is not a signature",
            ),
            ("XSyk=", "XSyk", "malformed log checkpoint: a signature that is not base64"),
            ("wNI9aj", "wNI9bj", "log checkpoint: not signed by the log https://rekor.sigstore.dev"),
            ("\u{2014}", &[&many, "\u{2014}"].concat(), "log checkpoint: more than 64 signatures"),
        ];
        for (from, to, words) in cases {
            assert!(NOTE.contains(from), "{from}");
            assert_eq!(verified(&NOTE.replace(from, to)), Err(words.into()), "{from:?}: {to:?}");
        }
        let short = [NOTE.split("\n\n").next().unwrap(), "\n\n\u{2014} a AAA=\n"].concat();
        let words = "malformed log checkpoint: a signature without the identifier of its key";
        assert_eq!(verified(&short), Err(words.into()));
    }

    #[test]
    fn keys_have_the_identifiers_of_their_kinds() {
        let spki = |key| Base64::decode_vec(key).unwrap();
        let id = key_id("example.com/foo", &spki(EXAMPLE)).unwrap();
        assert_eq!(id.get(..4), Some([0x53, 0x0d, 0x90, 0x3a].as_slice()));
        assert_eq!(key_id("x", &spki(REKOR)), Ok(Sha256::digest(spki(REKOR)).to_vec()));
    }

    #[test]
    fn the_origin_is_the_host() {
        let cases = [
            ("https://log.example.org", "log.example.org"),
            ("https://log.example.org:8443/a/b?c", "log.example.org"),
            ("log.example.org", "log.example.org"),
            ("log.example.org/2026", "log.example.org"),
            ("http://[2001:db8::1]:80/", "2001:db8::1"),
            ("", ""),
        ];
        for (base_url, origin) in cases {
            assert_eq!(log(REKOR, base_url).origin(), origin, "{base_url}");
        }
        let error = verify(NOTE, Generation::V2, &log(REKOR, "https://rekor.sigstore.dev")).unwrap_err();
        let words = "log checkpoint: its origin is \"rekor.sigstore.dev - 2605736670972794746\", the log's is \"rekor.sigstore.dev\"";
        assert_eq!(error.to_string(), words);
    }
}
