// SPDX-License-Identifier: BSD-3-Clause
//! The content of a token: what was timestamped, and when.
//!
//! Spec: RFC 3161 section 2.4.2, `TSTInfo`.

use super::refused;
use crate::{
    Error, Structure,
    der::{Element, Reader, tag},
    hash::Hash,
    json::hex,
    time,
};

/// The only supported version.
const VERSION: &[u8] = &[1];

/// What was timestamped, and when.
pub(super) struct Content<'a> {
    hash: Hash,
    digest: &'a [u8],
    /// Seconds since 1970; fractions are dropped.
    pub time: u64,
}

impl<'a> Content<'a> {
    pub fn parse(content: &'a [u8]) -> Result<Self, Error> {
        let mut document = Reader::new(Structure::Timestamp, content);
        let mut fields = document.expect(tag::SEQUENCE)?.inside();
        document.finish()?;
        let version = fields.expect(tag::INTEGER)?.content;
        if version != VERSION {
            return Err(Error::unsupported(Structure::Timestamp, "TSTInfo version", &hex(version)));
        }
        let _policy = fields.expect(tag::OBJECT_IDENTIFIER)?;
        let mut imprint = fields.expect(tag::SEQUENCE)?.inside();
        let hash = hash(&imprint.expect(tag::SEQUENCE)?)?;
        let digest = imprint.expect(tag::OCTET_STRING)?.content;
        imprint.finish()?;
        let _serial = fields.expect(tag::INTEGER)?;
        let time = fields.expect(tag::GENERALIZED_TIME)?;
        while !fields.is_done() {
            fields.next()?;
        }
        Ok(Self { hash, digest, time: seconds(time.content)? })
    }

    /// Verifies that this is what was timestamped.
    pub fn verify(&self, seen: &[u8]) -> Result<(), Error> {
        if self.hash.digest(seen) == self.digest {
            Ok(())
        } else {
            Err(refused("it is for something else: messageImprint does not match the signature"))
        }
    }
}

/// The hash function of an `AlgorithmIdentifier`; its parameters are ignored.
pub(super) fn hash(algorithm: &Element<'_>) -> Result<Hash, Error> {
    let id = algorithm.inside().expect(tag::OBJECT_IDENTIFIER)?.content;
    Hash::identified(id)
        .ok_or_else(|| Error::unsupported(Structure::Timestamp, "hash function", &super::message::dotted(id)))
}

/// `GeneralizedTime` in UTC, which may have a fraction of a second here.
fn seconds(text: &[u8]) -> Result<u64, Error> {
    let parsed = match text {
        [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, rest @ .., b'Z']
            if matches!(rest, [] | [b'.', _, ..]) && rest.iter().skip(1).all(u8::is_ascii_digit) =>
        {
            let year = [*y1, *y2, *y3, *y4];
            time::at(&year, [[*m1, *m2], [*d1, *d2], [*h1, *h2], [*n1, *n2], [*s1, *s2]])
        }
        _ => None,
    };
    parsed.ok_or_else(|| Error::malformed(Structure::Timestamp, "genTime is not a time in UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_seconds_and_perhaps_a_fraction() {
        assert_eq!(seconds(b"19700101000001Z"), Ok(1));
        assert_eq!(seconds(b"20261130120000Z"), Ok(1_796_040_000));
        assert_eq!(seconds(b"20261130120000.999Z"), Ok(1_796_040_000));
        let others = [
            "",
            "Z",
            "202611301200Z",
            "20261130120000",
            "20261130120000+0100",
            "20261130120000.Z",
            "20261130120000,5Z",
            "20261130120000.5xZ",
            "20261330120000Z",
            "20260229120000Z",
            "2026113012000aZ",
            "19691231235959Z",
        ];
        for text in others {
            assert!(seconds(text.as_bytes()).is_err(), "{text}");
        }
    }
}
