// SPDX-License-Identifier: BSD-3-Clause
//! Who may sign: the built-in keys, and those that settings name.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use config::{Config, Trust};
use cosign::{Keyless, Policy};
use oci::{Algorithm, Digest};
use sigstore::{Identity, PublicKey, TrustedRoot};

use crate::{Failure, Phase, codes};

/// Bytes of a key file that are read: one more than allowed, so that a longer file is refused as too long.
const MOST_KEYS: usize = PublicKey::LARGEST + 1;
/// The same for a trusted root.
const MOST_ROOT: usize = TrustedRoot::LARGEST + 1;

const KEY: &str = "cloudboot.cosign.key";
const ROOT: &str = "cloudboot.cosign.trusted-root";

/// Reads the first bytes of a file on the volume that the program was started from, or says why it cannot.
pub type ReadFile<'a> = &'a dyn Fn(&str, usize) -> Result<Vec<u8>, String>;

/// The sections of the loader's own file that say who may sign; empty if it has none.
#[derive(Clone, Debug, Default)]
pub struct OwnSections {
    /// Public keys, PEM.
    pub keys: Vec<u8>,
    /// `trusted_root.json`.
    pub trusted_root: Vec<u8>,
}

/// Splits a setting `/PATH@sha256:HEX` into path and digest. Whoever writes to the volume can change the file, so
/// without a digest nothing built in authenticates it.
///
/// # Errors
/// What is missing or malformed.
pub fn pinned(named: &str) -> Result<(&str, Digest), &'static str> {
    let (path, digest) = named.rsplit_once('@').ok_or("no digest; expected /PATH@sha256:HEX")?;
    let digest = Digest::parse(digest).ok_or("no valid digest after the @; expected /PATH@sha256:HEX")?;
    Ok((path, digest))
}

/// What sources that are not built in may set: Secure Boot, or a built-in signer, locks the machine. A built-in setting
/// that names a signer locks it even if that signer turns out to be unusable: then no image of a registry starts until
/// the loader is rebuilt.
pub fn trust_of(built_in: &Config, own: &OwnSections, is_secure_boot: bool) -> Trust {
    let names_signer = built_in.cosign_trusted_root().is_some() || built_in.cosign_keys().next().is_some();
    let has_signer = names_signer || !own.keys.is_empty() || !own.trusted_root.is_empty();
    match (has_signer, is_secure_boot) {
        (true, _) => Trust::LockedWithKey,
        (false, true) => Trust::Locked,
        (false, false) => Trust::Open,
    }
}

/// Who may sign images of a registry; `None` if neither keys nor identities are set. Unusable ones are reported and
/// left out: if none is left, no image of a registry starts. On a locked machine, a key file needs a digest.
pub fn signers(
    config: &Config,
    own: OwnSections,
    trust: Trust,
    read: ReadFile<'_>,
    tell: &dyn Fn(&Failure),
) -> Option<Policy> {
    let has_root = config.cosign_trusted_root().is_some() || !own.trusted_root.is_empty();
    if own.keys.is_empty() && config.cosign_keys().next().is_none() && !has_root {
        return None;
    }
    let tell = |object: &str, cause: &dyn fmt::Display| {
        tell(&Failure::new(Phase::Configure, object, codes::TRUST_SIGNERS, cause));
    };
    let mut keys = Vec::new();
    let mut add =
        |object: &str, pem: Result<Vec<u8>, String>| match pem.map(|pem| PublicKey::all_from_pem(&pem)) {
            Ok(Ok(found)) => keys.extend(found),
            Ok(Err(error)) => tell(object, &error),
            Err(cause) => tell(object, &cause),
        };
    if !own.keys.is_empty() {
        add("the .keys section", Ok(own.keys));
    }
    for named in config.cosign_keys() {
        let pem = match (pinned(named), trust) {
            (Err(_), Trust::Open) => read(named, MOST_KEYS),
            (Err(cause), _) => Err(format!("{named}: {cause}")),
            (Ok(pin), _) => read_pinned(pin, MOST_KEYS, read),
        };
        add(KEY, pem);
    }
    let keyless = keyless(config, own.trusted_root, read).unwrap_or_else(|(object, cause)| {
        tell(object, &cause);
        None
    });
    let threshold = usize::try_from(config.cosign_threshold()).unwrap_or(usize::MAX);
    Some(Policy { keys, threshold, keyless })
}

/// The policy for keyless signatures.
fn keyless(
    config: &Config,
    built_in: Vec<u8>,
    read: ReadFile<'_>,
) -> Result<Option<Keyless>, (&'static str, String)> {
    let json = match config.cosign_trusted_root() {
        Some(named) => {
            let pin = pinned(named).map_err(String::from);
            pin.and_then(|pin| read_pinned(pin, MOST_ROOT, read)).map_err(|cause| (ROOT, cause))?
        }
        None if built_in.is_empty() => return Ok(None),
        None => built_in,
    };
    let root = TrustedRoot::parse(&json).map_err(|error| (ROOT, format!("{error}")))?;
    let Some((identity, issuer)) = config.cosign_identity() else {
        return Err((
            "cloudboot.cosign.identity",
            "this or cloudboot.cosign.issuer is not set; a trusted root needs both".into(),
        ));
    };
    let identity = Identity { identity: identity.into(), issuer: issuer.into() };
    Ok(Some(Keyless { root, identity }))
}

/// The bytes of a file, whose digest must match.
fn read_pinned((path, digest): (&str, Digest), most: usize, read: ReadFile<'_>) -> Result<Vec<u8>, String> {
    let bytes = read(path, most)?;
    let found = Digest::of(Algorithm::Sha256, &bytes);
    if found == digest { Ok(bytes) } else { Err(format!("{path} is {found}, expected {digest}")) }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, string::ToString as _, vec};

    use base64ct::{Base64, Encoding as _};
    use config::{Origin, Text};
    use ed25519_dalek::SigningKey;

    use super::*;

    /// The public key of a seed, and its digest.
    fn key(seed: u8) -> (String, String) {
        let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
        // RFC 8410, section 4.
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let spki = [&head[..], public.as_bytes()].concat();
        let body = Base64::encode_string(&spki);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        (pem, PublicKey::from_spki(&spki).unwrap().id())
    }

    /// The files of a volume: one PEM, whatever path is asked for.
    fn volume(pem: &str) -> impl Fn(&str, usize) -> Result<Vec<u8>, String> {
        move |_, _| Ok(pem.as_bytes().to_vec())
    }

    fn built_in(words: &str) -> Config {
        Config::resolve(&[Text::new(Origin::Section, words.as_bytes())], Trust::Open)
    }

    /// The keys that count on a machine whose loader has these settings built in and whose volume has this key, and what
    /// is told.
    fn counting(words: &str, trust: Trust, pem: &str) -> (Vec<String>, Vec<String>) {
        let told = RefCell::new(Vec::new());
        let tell = |failure: &Failure| told.borrow_mut().push(failure.to_string());
        let policy = signers(&built_in(words), OwnSections::default(), trust, &volume(pem), &tell).unwrap();
        (policy.keys.iter().map(PublicKey::id).collect(), told.into_inner())
    }

    const UNPINNED: &str = "cloudboot.cosign.key=/cloudboot/a.pub";

    #[test]
    fn a_key_on_the_volume_counts_on_a_locked_machine_by_its_digest_only() {
        let [(ours, our_id), (theirs, their_id)] = [1, 2].map(key);
        let pinned = format!("{UNPINNED}@{}", Digest::of(Algorithm::Sha256, ours.as_bytes()));
        // Whoever writes to the volume has put a key of their own there.
        for trust in [Trust::Locked, Trust::LockedWithKey] {
            let (keys, told) = counting(UNPINNED, trust, &theirs);
            let expected = "failed: configure cloudboot.cosign.key: E-TRUST-SIGNERS /cloudboot/a.pub: no digest; expected \
                            /PATH@sha256:HEX";
            assert_eq!((keys, told), (vec![], vec![expected.into()]));
            let (keys, told) = counting(&pinned, trust, &theirs);
            assert!(keys.is_empty() && told[0].contains("/cloudboot/a.pub is sha256:"), "{told:?}");
            assert_eq!(counting(&pinned, trust, &ours), (vec![our_id.clone()], vec![]));
        }
        // On any other machine, who writes there owns the boot anyway; a digest is still looked at.
        assert_eq!(counting(UNPINNED, Trust::Open, &theirs), (vec![their_id], vec![]));
        assert!(counting(&pinned, Trust::Open, &theirs).0.is_empty());
        assert_eq!(counting(&pinned, Trust::Open, &ours), (vec![our_id.clone()], vec![]));
    }

    #[test]
    fn a_pin_is_a_path_and_a_digest() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        assert_eq!(pinned(&format!("/a@b.pub@{digest}")), Ok(("/a@b.pub", digest)));
        assert_eq!(pinned("/a.pub"), Err("no digest; expected /PATH@sha256:HEX"));
        for named in ["/a@b.pub", "/a.pub@sha256:00"] {
            assert_eq!(pinned(named), Err("no valid digest after the @; expected /PATH@sha256:HEX"));
        }
    }

    #[test]
    fn a_signer_that_is_built_in_locks_the_machine_whether_it_can_be_used_or_not() {
        let of = |words: &str, keys: &[u8]| {
            let own = OwnSections { keys: keys.to_vec(), ..OwnSections::default() };
            [false, true].map(|is_secure| trust_of(&built_in(words), &own, is_secure))
        };
        assert_eq!(of("", b""), [Trust::Open, Trust::Locked]);
        assert_eq!(of("", b"x"), [Trust::LockedWithKey; 2]);
        assert_eq!(of(UNPINNED, b""), [Trust::LockedWithKey; 2]);
    }
}
