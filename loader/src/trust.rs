// SPDX-License-Identifier: BSD-3-Clause
//! Who may sign: the keys that are built in, and those that settings name.

use alloc::{string::String, vec::Vec};
use core::fmt;

use config::{Config, Origin, Text, Trust};
use cosign::{Keyless, Policy};
use flow::{Console as _, Failure, Journal, Phase, codes};
use image::own;
use oci::{Algorithm, Digest};
use sigstore::{Identity, PublicKey, TrustedRoot};
use uefi::{boot, proto::loaded_image::LoadedImage};

use crate::{files, handle::open, options, variables};

/// Bytes of a file of keys that are read: one more than allowed, so that a longer file is refused as too long.
const MOST_KEYS: usize = PublicKey::LARGEST + 1;
/// The same of a trusted root.
const MOST_ROOT: usize = TrustedRoot::LARGEST + 1;

/// A section of this program; empty where it has none.
pub fn section(name: &str) -> Vec<u8> {
    let image = open::<LoadedImage>(boot::image_handle());
    image.and_then(|image| options::section(&image, name).map(<[u8]>::to_vec)).unwrap_or_default()
}

/// What sources that are not built in may set: Secure Boot and a key lock the machine.
pub fn of_machine() -> Trust {
    // Who may sign is built in, too, where the settings that are built in say it.
    let built_in = Config::resolve(&[Text::new(Origin::Section, &section(own::CMDLINE))], Trust::Open);
    let names_signer = built_in.cosign_trusted_root().is_some() || built_in.cosign_keys().next().is_some();
    let has_key = names_signer || !section(own::KEYS).is_empty() || !section(own::TRUSTED_ROOT).is_empty();
    match (has_key, variables::is_secure_boot()) {
        (true, _) => Trust::LockedWithKey,
        (false, true) => Trust::Locked,
        (false, false) => Trust::Open,
    }
}

/// Who may sign what comes from a registry; None where neither keys nor identities are set. What cannot be used is
/// reported and left out: if nothing is left, no image of a registry starts.
pub fn signers(config: &Config, console: &Journal<'_>) -> Option<Policy> {
    let (built_in, root) = (section(own::KEYS), section(own::TRUSTED_ROOT));
    let has_root = config.cosign_trusted_root().is_some() || !root.is_empty();
    if built_in.is_empty() && config.cosign_keys().next().is_none() && !has_root {
        return None;
    }
    let tell = |object: &str, cause: &dyn fmt::Display| {
        let failure = Failure::new(Phase::Configure, object, codes::TRUST_SIGNERS, cause);
        console.line(format_args!("{failure}"));
    };
    let mut keys = Vec::new();
    let mut add =
        |object: &str, pem: Result<Vec<u8>, String>| match pem.map(|pem| PublicKey::all_from_pem(&pem)) {
            Ok(Ok(found)) => keys.extend(found),
            Ok(Err(error)) => tell(object, &error),
            Err(cause) => tell(object, &cause),
        };
    if !built_in.is_empty() {
        add("the .keys section", Ok(built_in));
    }
    for path in config.cosign_keys() {
        add("cloudboot.cosign.key", files::of_settings(path, MOST_KEYS));
    }
    let keyless = keyless(config, root).unwrap_or_else(|(object, cause)| {
        tell(object, &cause);
        None
    });
    let threshold = usize::try_from(config.cosign_threshold()).unwrap_or(usize::MAX);
    Some(Policy { keys, threshold, keyless })
}

/// Who may sign without a key of their own.
fn keyless(config: &Config, built_in: Vec<u8>) -> Result<Option<Keyless>, (&'static str, String)> {
    const ROOT: &str = "cloudboot.cosign.trusted-root";
    let json = match config.cosign_trusted_root() {
        Some(named) => pinned(named).map_err(|cause| (ROOT, cause))?,
        None if built_in.is_empty() => return Ok(None),
        None => built_in,
    };
    let root = TrustedRoot::parse(&json).map_err(|error| (ROOT, alloc::format!("{error}")))?;
    let Some((identity, issuer)) = config.cosign_identity() else {
        return Err((
            "cloudboot.cosign.identity",
            "not set, or cloudboot.cosign.issuer is not; a trusted root needs both".into(),
        ));
    };
    let identity = Identity { identity: identity.into(), issuer: issuer.into() };
    Ok(Some(Keyless { root, identity }))
}

/// A file that a setting names with its digest: `/PATH@sha256:HEX`. Whoever may write the volume may change the file.
fn pinned(named: &str) -> Result<Vec<u8>, String> {
    let (path, digest) = named.rsplit_once('@').ok_or("no digest; expected /PATH@sha256:HEX")?;
    let digest = Digest::parse(digest).ok_or("not a digest behind the @; expected /PATH@sha256:HEX")?;
    let bytes = files::of_settings(path, MOST_ROOT)?;
    let found = Digest::of(Algorithm::Sha256, &bytes);
    if found == digest { Ok(bytes) } else { Err(alloc::format!("{path} is {found}, expected {digest}")) }
}
