// SPDX-License-Identifier: BSD-3-Clause
//! The identity in a certificate, and whether it may sign.

use alloc::string::String;

use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    Error, Structure,
    der::{Reader, tag},
    error::shown,
    x509::Certificate,
};

/// `subjectAltName`, RFC 5280 section 4.2.1.6.
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// `GeneralName`: the tags of `otherName`, `rfc822Name` and `uniformResourceIdentifier`.
const OTHER_NAME: u8 = 0xa0;
const EMAIL: u8 = 0x81;
const URI: u8 = 0x86;
/// The tag of the value of an `otherName`.
const VALUE: u8 = 0xa0;
/// Fulcio's kind of `otherName`, and its two extensions for the issuer: as raw text, and as a
/// UTF8String. Spec: <https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>.
pub(super) const USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
const ISSUER_V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
const ISSUER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");

/// Who may sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// A pattern for the certificate's subject alternative name: each `*` matches any characters.
    pub identity: String,
    /// A pattern for the certificate's issuer.
    pub issuer: String,
}

/// The identity that a certificate names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named {
    /// The subject alternative name.
    pub identity: String,
    /// The OpenID Connect provider that authenticated it.
    pub issuer: String,
}

impl Identity {
    /// Checks that this identity may sign.
    pub(super) fn check(&self, named: &Named) -> Result<(), Error> {
        for (what, found, allowed) in
            [("issuer", &named.issuer, &self.issuer), ("identity", &named.identity, &self.identity)]
        {
            if !matches(allowed.as_bytes(), found.as_bytes()) {
                return Err(Error::Identity { what, found: shown(found), allowed: allowed.clone() });
            }
        }
        Ok(())
    }
}

impl Named {
    /// The identity of a certificate: its first URI, else its first e-mail address, else its user name, as in cosign.
    pub fn of(certificate: &Certificate<'_>) -> Result<Self, Error> {
        let refused = |why| Error::refused(Structure::Certificate, why);
        let names = certificate.extension(SUBJECT_ALT_NAME.as_bytes())?;
        let names = names.ok_or_else(|| refused("it names nobody: no subjectAltName"))?;
        let identity =
            name(names)?.ok_or_else(|| refused("it names nobody: no URI, e-mail address or user name"))?;
        let issuer = match certificate.extension(ISSUER_V2.as_bytes())? {
            Some(value) => {
                let mut reader = Reader::new(Structure::Certificate, value);
                let issuer = reader.expect(tag::UTF8_STRING)?.content;
                reader.finish()?;
                issuer
            }
            None => certificate
                .extension(ISSUER_V1.as_bytes())?
                .ok_or_else(|| refused("it does not say who authenticated the signer: no issuer"))?,
        };
        Ok(Self { identity: text(identity)?, issuer: text(issuer)? })
    }
}

fn name(names: &[u8]) -> Result<Option<&[u8]>, Error> {
    let mut reader = Reader::new(Structure::Certificate, names);
    let mut list = reader.expect(tag::SEQUENCE)?.inside();
    reader.finish()?;
    let (mut uri, mut email, mut user) = (None, None, None);
    while !list.is_done() {
        let name = list.next()?;
        match name.tag {
            URI => uri = uri.or(Some(name.content)),
            EMAIL => email = email.or(Some(name.content)),
            OTHER_NAME => {
                let mut fields = name.inside();
                let kind = fields.expect(tag::OBJECT_IDENTIFIER)?.content;
                let mut value = fields.expect(VALUE)?.inside();
                fields.finish()?;
                if kind == USER_NAME.as_bytes() {
                    user = user.or(Some(value.expect(tag::UTF8_STRING)?.content));
                }
            }
            _ => {}
        }
    }
    Ok(uri.or(email).or(user))
}

/// A name as text, without control characters.
fn text(bytes: &[u8]) -> Result<String, Error> {
    let text =
        core::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && !text.contains(char::is_control));
    text.map(String::from)
        .ok_or_else(|| Error::malformed(Structure::Certificate, "a name that is not a string"))
}

/// Whether the text matches the pattern, in which `*` matches any number of characters.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // The pattern after the last `*`, and the text it was last compared with.
    let mut behind: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, text) {
            ([b'*', rest @ ..], _) => {
                behind = Some((rest, text));
                pattern = rest;
            }
            ([a, pattern_rest @ ..], [b, text_rest @ ..]) if a == b => {
                (pattern, text) = (pattern_rest, text_rest);
            }
            ([], []) => return true,
            _ => {
                // Let the last `*` match one more character.
                let Some((rest, [_, longer @ ..])) = behind else { return false };
                behind = Some((rest, longer));
                (pattern, text) = (rest, longer);
            }
        }
    }
}

/// Entry point for fuzzing: any bytes as names, and as a pattern with a text.
pub(super) fn fuzz(data: &[u8]) {
    let _ = name(data);
    let (pattern, text) = data.split_at(data.len() / 2);
    let is_same = matches(text, text);
    assert!(is_same, "a text is its own pattern");
    let _ = matches(pattern, text);
}
