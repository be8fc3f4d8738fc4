// SPDX-License-Identifier: BSD-3-Clause
//! Digests.

use alloc::{format, string::String};
use core::fmt::{self, Write as _};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// A digest: algorithm and hexadecimal digits in lower case. Invariant: the number of digits fits the algorithm.
///
/// Spec: OCI image 1.1, descriptor.md, "Digests".
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

/// Characters of a short digest: `sha256:` and twelve digits.
const SHORT: usize = 19;

/// The algorithms that the specification registers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl Digest {
    /// Parses `algorithm:digits`; `None` if it is malformed or has another algorithm.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, hex) = text.split_once(':')?;
        let algorithm =
            [Algorithm::Sha256, Algorithm::Sha512].into_iter().find(|known| known.name() == name)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_whole = hex.len() == algorithm.digits() && hex.bytes().all(is_digit);
        is_whole.then(|| Self { algorithm, hex: hex.into() })
    }

    /// The digest of some bytes.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The short form: `sha256:9f86d081884c`.
    pub fn short(&self) -> String {
        format!("{self}").chars().take(SHORT).collect()
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes; `None` for another algorithm.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        if self.algorithm != Algorithm::Sha256 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(self.hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(bytes)
    }

    /// The digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Computes a digest incrementally.
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher without input.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(state) => written(Algorithm::Sha256, &state.finalize()),
            Self::Sha512(state) => written(Algorithm::Sha512, &state.finalize()),
        }
    }
}

fn written(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hex = String::new();
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Digest { algorithm, hex }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// FIPS 180-2, appendices B.1 and C.1.
    const ABC_256: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                           2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn digests_are_those_of_the_standard() {
        for (algorithm, expected) in [(Algorithm::Sha256, ABC_256), (Algorithm::Sha512, ABC_512)] {
            assert_eq!(Digest::of(algorithm, b"abc").to_string(), expected);
            assert_eq!(Digest::parse(expected).unwrap(), Digest::of(algorithm, b"abc"));
        }
        let [one, other] = [ABC_256, ABC_512].map(|text| Digest::parse(text).unwrap().sha256());
        assert_eq!((one, other), (Some(Sha256::digest(b"abc").into()), None));
    }

    #[test]
    fn parse_refuses_what_is_no_digest() {
        let upper = ABC_256.to_uppercase();
        for text in [
            "",
            "sha256",
            "sha256:",
            &ABC_256[..70],
            &upper,
            "md5:900150983cd24fb0d6963f7d28e17f72",
            &ABC_512[7..],
        ] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
        assert_eq!(Digest::parse(&ABC_256.replace("sha256", "sha512")), None);
    }
}
