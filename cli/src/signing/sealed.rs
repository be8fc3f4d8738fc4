// SPDX-License-Identifier: BSD-3-Clause
//! Private keys as cosign encrypts them with a password: scrypt, then NaCl's secretbox.
//!
//! Sources: secure-systems-lab/go-securesystemslib, `encrypted/encrypted.go`; RFC 7914 (scrypt); D. J. Bernstein,
//! "Cryptography in NaCl" (secretbox: XSalsa20, whose first 32 bytes are the key of Poly1305 over the ciphertext).

use base64ct::{Base64, Encoding as _};
use poly1305::{Poly1305, universal_hash::KeyInit as _};
use salsa20::{
    XSalsa20,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use scrypt::Params;
use serde::Deserialize;
use zeroize::Zeroizing;

/// Memory limit for scrypt: cosign uses 64 MiB, and no key needs more than 1 GiB.
const MOST_MEMORY: u64 = 1 << 30;
/// Bytes of Poly1305's key and of its tag.
const KEY: usize = 32;
const TAG: usize = 16;

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Costs,
    salt: String,
}

#[derive(Deserialize)]
struct Costs {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Decrypts a key with its password.
///
/// # Errors
/// It is malformed, needs too much memory, or the password is wrong.
pub fn opened(json: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let sealed: Sealed = serde_json::from_slice(json).map_err(|error| format!("malformed: {error}"))?;
    let Sealed { kdf, cipher, ciphertext } = sealed;
    if (kdf.name.as_str(), cipher.name.as_str()) != ("scrypt", "nacl/secretbox") {
        return Err(format!("encrypted with {} and {}, which are not supported", kdf.name, cipher.name));
    }
    let bytes = |what: &str, text: &str| {
        Base64::decode_vec(text).map_err(|_| format!("malformed: {what} is not base64"))
    };
    let (salt, nonce) = (bytes("salt", &kdf.salt)?, bytes("nonce", &cipher.nonce)?);
    let ciphertext = bytes("ciphertext", &ciphertext)?;
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| "malformed: the nonce is not 24 bytes long")?;
    let key = derived(&kdf.params, &salt, password)?;
    secretbox(&key, &nonce, &ciphertext).ok_or_else(|| "wrong password, or the key is damaged".into())
}

fn derived(costs: &Costs, salt: &[u8], password: &[u8]) -> Result<Zeroizing<[u8; 32]>, String> {
    let Costs { n, r, p } = *costs;
    let memory = u64::from(r).checked_mul(128).and_then(|one| one.checked_mul(n));
    let is_small = memory.is_some_and(|memory| memory <= MOST_MEMORY) && p <= 16;
    if !n.is_power_of_two() || !is_small {
        return Err(format!("scrypt with N={n}, r={r}, p={p} takes more than 1 GiB, or is malformed"));
    }
    let log_n = u8::try_from(n.ilog2()).unwrap_or(u8::MAX);
    let params = Params::new(log_n, r, p).map_err(|error| format!("scrypt: {error}"))?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, &params, key.as_mut_slice())
        .map_err(|error| format!("scrypt: {error}"))?;
    Ok(key)
}

/// Opens a box: a tag, then the ciphertext.
fn secretbox(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, ciphertext) = sealed.split_at_checked(TAG)?;
    let mut stream = Zeroizing::new(vec![0; KEY]);
    stream.extend_from_slice(ciphertext);
    XSalsa20::new(key.into(), nonce.into()).apply_keystream(&mut stream);
    let (own, plain) = stream.split_first_chunk::<KEY>()?;
    let expected = Poly1305::new(own.into()).compute_unpadded(ciphertext);
    // Not constant time: the key is the user's own, and nobody can measure the comparison.
    (expected.as_slice() == tag).then(|| Zeroizing::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NaCl's own test vector, tests/secretbox.c.
    #[test]
    fn boxes_open_with_their_key() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
        };
        let key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let sealed = hex(
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4d\
             a7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b\
             61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5",
        );
        let (key, nonce): ([u8; 32], [u8; 24]) = (key.try_into().unwrap(), nonce.try_into().unwrap());
        let plain = secretbox(&key, &nonce, &sealed).unwrap();
        assert_eq!((plain.len(), &plain[..4]), (131, &[0xbe, 0x07, 0x5f, 0xc5][..]));
        for at in [0, 15, 16, 146] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(secretbox(&key, &nonce, &damaged).is_none(), "{at}");
        }
        assert!(secretbox(&key, &nonce, &sealed[..15]).is_none());
    }

    #[test]
    fn opened_refuses_what_is_not_sealed_as_cosign_does_it() {
        let of = |n: u64, kdf: &str, nonce: &str| {
            let text = format!(
                r#"{{"kdf":{{"name":"{kdf}","params":{{"N":{n},"r":8,"p":1}},"salt":"AAAA"}},"cipher":{{"name":"nacl/secretbox","nonce":"{nonce}"}},"ciphertext":"AAAA"}}"#
            );
            opened(text.as_bytes(), b"").unwrap_err()
        };
        let nonce = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(of(16, "scrypt", nonce), "wrong password, or the key is damaged");
        for (n, kdf, nonce, words) in [
            (16, "pbkdf2", nonce, "encrypted with pbkdf2 and nacl/secretbox"),
            (15, "scrypt", nonce, "scrypt with N=15"),
            (1 << 21, "scrypt", nonce, "takes more than 1 GiB"),
            (u64::MAX, "scrypt", nonce, "scrypt with N="),
            (0, "scrypt", nonce, "scrypt with N=0"),
            (16, "scrypt", "AAAA", "the nonce is not 24 bytes long"),
            (16, "scrypt", "?", "nonce is not base64"),
        ] {
            assert!(of(n, kdf, nonce).contains(words), "{words}");
        }
        assert!(opened(b"{}", b"").unwrap_err().starts_with("malformed: missing field"));
    }
}
