// SPDX-License-Identifier: BSD-3-Clause
//! A signature of a service in memory is accepted, and each change of one thing is refused with its own words.

use std::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use proptest::prelude::*;

use super::*;
use crate::{
    der::{encoded, tag},
    testing::{Case, NOW, STRANGER, extension},
};

fn allowed() -> Identity {
    Identity { identity: "https://host.example/*".into(), issuer: "https://issuer.example".into() }
}

fn verify(case: &Case, root: &str, identity: &Identity) -> Result<Signer, Error> {
    let bundle = Bundle::parse(case.bundle().as_bytes())?;
    verify_keyless(&bundle, &Subject::Message(b"artifact"), &TrustedRoot::parse(root.as_bytes())?, identity)
}

fn words(change: impl Fn(&mut Case)) -> String {
    let mut case = Case::default();
    change(&mut case);
    match verify(&case, &case.root(), &allowed()) {
        Ok(signer) => signer.to_string(),
        Err(error) => format!("{} {error}", error.code()),
    }
}

#[test]
fn a_signature_with_all_its_proofs_is_accepted() {
    let case = Case::default();
    let signer = verify(&case, &case.root(), &allowed()).unwrap();
    let expected = Signer::Certificate {
        identity: "https://host.example/org/image".into(),
        issuer: "https://issuer.example".into(),
        signed_at: NOW,
    };
    assert_eq!(signer, expected);
    let bundle = Bundle::parse(case.bundle().as_bytes()).unwrap();
    let root = TrustedRoot::parse(case.root().as_bytes()).unwrap();
    let digest = Subject::Sha256(Subject::Message(b"artifact").sha256());
    assert_eq!(verify_keyless(&bundle, &digest, &root, &allowed()), Ok(signer));
}

#[test]
fn each_change_of_the_content_is_refused() {
    assert!(
        words(|case| case.message = b"another".to_vec())
            .starts_with("E-TRUST-SUBJECT it signs sha256:ae448ac8")
    );
    assert_eq!(
        words(|case| case.signed_by = STRANGER),
        "E-TRUST-SIGNATURE the signature of the message signature does not verify with the certificate's key"
    );
}

#[test]
fn each_change_of_the_certificate_is_refused() {
    let refused = |change: fn(&mut Case), expected: &str| {
        assert_eq!(words(change), format!("E-TRUST-CERT signer's certificate: {expected}"));
    };
    refused(|case| case.issued_by = STRANGER, "its authority's signature does not verify");
    refused(
        |case| case.usage = Some("1.3.6.1.5.5.7.3.1"),
        "it or an authority of its chain is not for this use (extKeyUsage)",
    );
    refused(|case| case.usage = None, "it is not for code signing (extKeyUsage)");
    refused(
        |case| case.validity[1] = "261130115959Z",
        "it was valid from 1796039700 to 1796039999, and signed at 1796040000 (seconds since 1970)",
    );
    refused(
        |case| case.validity[0] = "261130120001Z",
        "it was valid from 1796040001 to 1796040300, and signed at 1796040000 (seconds since 1970)",
    );
    refused(
        |case| case.authority_validity[1] = "261130115959Z",
        "its authority's root certificate was not valid at that time",
    );
    refused(|case| case.names.clear(), "it names nobody: no URI, e-mail address or user name");
    refused(|case| case.issuer.clear(), "it does not say who authenticated the signer: no issuer");
}

#[test]
fn each_change_of_the_certificate_timestamp_is_refused() {
    let refused = |change: fn(&mut Case), expected: &str| {
        assert_eq!(words(change), format!("E-TRUST-SCT {expected}"));
    };
    refused(|case| case.has_sct = false, "signed certificate timestamp: the certificate has none");
    refused(
        |case| case.sct_by = STRANGER,
        "the signature of the signed certificate timestamp does not verify with the key of https://log.example",
    );
    refused(|case| case.sct_version = 1, "signed certificate timestamp: version \"1\" is not supported");
    refused(
        |case| case.sct_algorithm = [4, 1],
        "signed certificate timestamp: signature algorithm \"4 1\" is not supported",
    );
    refused(
        |case| case.sct_time = 1000,
        "signed certificate timestamp: its time is outside the validity of its log",
    );
}

#[test]
fn another_certificate_log_vouches_for_nothing() {
    let case = Case::default();
    let root = case.root();
    let (before, _) = root.split_once(r#""ctlogs""#).unwrap();
    let root = format!(r#"{before}"ctlogs":[]}}"#);
    let error = verify(&case, &root, &allowed()).unwrap_err();
    assert_eq!(error.to_string(), "signed certificate timestamp: its log is not in the trusted root");
}

#[test]
fn nothing_is_trusted_outside_its_validity() {
    let before = |case: &mut Case| {
        case.valid_for = r#"{"start":"2026-11-30T12:00:00.5Z","end":"2027-01-01T00:00:00Z"}"#
    };
    assert!(words(before).starts_with("https://host.example"), "both ends belong to it");
    let after = |case: &mut Case| case.valid_for = r#"{"start":"2026-11-30T12:00:01Z"}"#;
    assert!(words(after).starts_with("E-TRUST-LOG"), "{}", words(after));
    let case = Case::default();
    let root = case.root();
    let (before, behind) = root.split_once(r#""certificateAuthorities""#).unwrap();
    let root = format!(
        r#"{before}"certificateAuthorities"{}"#,
        behind.replacen("2025-01-01T00:00:00Z", "2026-11-30T12:00:01Z", 1)
    );
    let error = verify(&case, &root, &allowed()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "signer's certificate: the trusted root has no authority that was valid at the time of signing"
    );
}

#[test]
fn each_change_of_the_log_entry_is_refused() {
    for change in [
        (|case| case.promised_by = STRANGER) as fn(&mut Case),
        // The certificate is checked at the time that the log says.
        |case| case.integrated = NOW + 3600,
    ] {
        let words = words(change);
        assert!(words.starts_with("E-TRUST-LOG") || words.starts_with("E-TRUST-CERT"), "{words}");
    }
    let case = Case::default();
    let without = |text: &str| {
        let bundle = case.bundle();
        let (before, behind) = bundle.split_once(text).unwrap();
        let bundle = format!("{before}{}", behind.split_once("],").unwrap().1);
        let bundle = Bundle::parse(bundle.as_bytes()).unwrap();
        let root = TrustedRoot::parse(case.root().as_bytes()).unwrap();
        verify_keyless(&bundle, &Subject::Message(b"artifact"), &root, &allowed()).unwrap_err().to_string()
    };
    assert_eq!(without(r#""tlogEntries":["#), "bundle: no entry of a transparency log");
}

#[test]
fn only_who_is_allowed_may_sign() {
    let case = Case::default();
    let signs = |identity: &str, issuer: &str| {
        verify(&case, &case.root(), &Identity { identity: identity.into(), issuer: issuer.into() })
    };
    for identity in ["https://host.example/org/image", "*", "*image", "https://*/org/*", "**host*g*"] {
        assert!(signs(identity, "https://issuer.example").is_ok(), "{identity}");
    }
    for identity in [
        "",
        "https://host.example/org/imag",
        "host.example*",
        "*imag",
        "*/org/*/*",
        "https://host.example/org/image2",
    ] {
        let error = signs(identity, "https://issuer.example").unwrap_err();
        assert_eq!(error.code(), "E-TRUST-IDENTITY", "{identity}");
    }
    let error = signs("*", "https://issuer.example.org").unwrap_err().to_string();
    assert_eq!(
        error,
        "the signer's issuer is \"https://issuer.example\", but only \"https://issuer.example.org\" is allowed"
    );
}

#[test]
fn names_are_those_that_cosign_takes() {
    let named = |names: Vec<u8>| {
        words(|case| {
            case.names = names.clone();
        })
    };
    let [uri, email] = [encoded(0x86, b"https://host.example/a"), encoded(0x81, b"a@host.example")];
    let user = [
        encoded(tag::OBJECT_IDENTIFIER, identity::USER_NAME.as_bytes()),
        encoded(0xa0, &encoded(tag::UTF8_STRING, b"me")),
    ]
    .concat();
    assert!(named([email.clone(), uri].concat()).starts_with("https://host.example/a "));
    let not = |found| {
        format!(
            "E-TRUST-IDENTITY the signer's identity is {found:?}, but only \"https://host.example/*\" is allowed"
        )
    };
    assert_eq!(named(email), not("a@host.example"));
    assert_eq!(named(encoded(0xa0, &user)), not("me"));
    assert_eq!(
        named(encoded(0x86, b"https://host.example/\n")),
        "E-TRUST-CERT malformed signer's certificate: a name that is not a string"
    );
    assert_eq!(
        named(encoded(0x82, b"host.example")),
        "E-TRUST-CERT signer's certificate: it names nobody: no URI, e-mail address or user name"
    );
}

#[test]
fn issuers_are_those_of_both_extensions() {
    let [v1, v2] = ["1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8"];
    let old = |case: &mut Case| case.issuer = Vec::from([extension(v1, b"https://issuer.example")]);
    assert!(words(old).starts_with("https://host.example"));
    let new = encoded(tag::UTF8_STRING, b"https://new.example");
    let both = |case: &mut Case| case.issuer.push(extension(v1, b"https://old.example"));
    assert!(words(both).starts_with("https://host.example"), "the newer one counts");
    let twice = |case: &mut Case| case.issuer.push(extension(v2, &new));
    assert!(words(twice).ends_with("twice"), "{}", words(twice));
    let raw = |case: &mut Case| case.issuer = Vec::from([extension(v2, b"https://issuer.example")]);
    assert!(words(raw).starts_with("E-TRUST-CERT malformed"), "{}", words(raw));
}

#[test]
fn a_key_is_not_a_certificate() {
    let case = Case::default();
    let bundle = case.bundle();
    let (before, behind) = bundle.split_once(r#""x509CertificateChain""#).unwrap();
    let bundle =
        format!(r#"{before}"publicKey":{{"hint":""}}{}"#, &behind[behind.find(r#","tlog"#).unwrap()..]);
    let bundle = Bundle::parse(bundle.as_bytes()).unwrap();
    let root = TrustedRoot::parse(case.root().as_bytes()).unwrap();
    let error = verify_keyless(&bundle, &Subject::Message(b"artifact"), &root, &allowed()).unwrap_err();
    assert_eq!(error.to_string(), "bundle: signed with a key, not with a certificate");
}

/// Members of the bundle that prove nothing: what else is behind the name is unknown, and so tolerated.
const HINTS: [&str; 2] = ["messageDigest", "timestampVerificationData"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_flipped_bit_of_a_bundle_is_refused(place in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let case = Case::default();
        let (bundle, root) = (case.bundle(), TrustedRoot::parse(case.root().as_bytes()).unwrap());
        let place = place.index(bundle.len());
        let mut flipped = bundle.clone().into_bytes();
        flipped[place] ^= 1_u8 << bit;
        let verified = Bundle::parse(&flipped).and_then(|bundle| {
            verify_keyless(&bundle, &Subject::Message(b"artifact"), &root, &allowed())
        });
        let is_of_hint = HINTS.iter().any(|hint| {
            let start = bundle.find(hint).unwrap();
            (start..start + hint.len()).contains(&place)
        });
        prop_assert!(verified.is_err() || is_of_hint, "bit {bit} of byte {place}");
    }

    #[test]
    fn a_damaged_root_is_a_root_or_an_error(place in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let case = Case::default();
        let mut root = case.root().into_bytes();
        let place = place.index(root.len());
        root[place] = byte;
        if let Ok(root) = TrustedRoot::parse(&root) {
            let bundle = Bundle::parse(case.bundle().as_bytes()).unwrap();
            let _ = verify_keyless(&bundle, &Subject::Message(b"artifact"), &root, &allowed());
        }
    }
}
