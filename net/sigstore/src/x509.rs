// SPDX-License-Identifier: BSD-3-Clause
//! Fields of certificates that webpki does not expose. They are trusted only after webpki has verified the
//! certificate's chain.
//!
//! Spec: RFC 5280 section 4.1.

mod chain;

use alloc::format;

pub(crate) use chain::Chain;

use crate::{
    Error, Structure,
    der::{Reader, tag},
    time::{self, Validity},
};

/// `TBSCertificate`: the tags of `version` and `extensions`.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// The most extensions of a certificate. Each search goes through all of them.
const MOST: usize = 64;

/// A certificate of version 3.
#[derive(Clone, Debug)]
pub(crate) struct Certificate<'a> {
    pub validity: Validity,
    /// `SubjectPublicKeyInfo` with tag and length.
    pub spki: &'a [u8],
    /// The content of `TBSCertificate` before `extensions`.
    pub head: &'a [u8],
    extensions: Reader<'a>,
    structure: Structure,
}

/// One extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    /// The content of its object identifier.
    pub id: &'a [u8],
    /// Whether a verifier that does not know it must refuse the certificate.
    pub is_critical: bool,
    /// The content of `extnValue`.
    pub value: &'a [u8],
    /// The extension with tag and length.
    pub whole: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate in DER. Errors name the structure.
    pub fn parse(structure: Structure, der: &'a [u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(structure, der);
        let mut certificate = outer.expect(tag::SEQUENCE)?.inside();
        outer.finish()?;
        let tbs = certificate.expect(tag::SEQUENCE)?;
        let mut fields = tbs.inside();
        fields.expect(VERSION)?;
        fields.expect(tag::INTEGER)?;
        fields.expect(tag::SEQUENCE)?;
        fields.expect(tag::SEQUENCE)?;
        let mut times = fields.expect(tag::SEQUENCE)?.inside();
        let start = time::x509(structure, &times.next()?)?;
        let validity = Validity { start, end: Some(time::x509(structure, &times.next()?)?) };
        times.finish()?;
        fields.expect(tag::SEQUENCE)?;
        let spki = fields.expect(tag::SEQUENCE)?.whole;
        let extensions = fields.expect(EXTENSIONS)?;
        fields.finish()?;
        let head = tbs.content.len().checked_sub(extensions.whole.len());
        let head = head.and_then(|length| tbs.content.get(..length)).unwrap_or_default();
        let mut inside = extensions.inside();
        let list = inside.expect(tag::SEQUENCE)?.inside();
        inside.finish()?;
        let certificate = Self { validity, spki, head, extensions: list, structure };
        certificate.each(|_| ()).map(|()| certificate)
    }

    /// Calls for each extension, in order.
    pub fn each(&self, mut call: impl FnMut(Extension<'a>)) -> Result<(), Error> {
        let mut list = self.extensions.clone();
        let mut count = 0_usize;
        while !list.is_done() {
            if count >= MOST {
                return Err(Error::Limit { structure: self.structure, what: "extensions", most: MOST });
            }
            let extension = list.expect(tag::SEQUENCE)?;
            let mut fields = extension.inside();
            let id = fields.expect(tag::OBJECT_IDENTIFIER)?.content;
            let is_critical = fields.optional(tag::BOOLEAN)?.is_some_and(|flag| flag.content != [0]);
            let value = fields.expect(tag::OCTET_STRING)?.content;
            fields.finish()?;
            call(Extension { id, is_critical, value, whole: extension.whole });
            // Cannot saturate: at most `MOST`.
            count = count.saturating_add(1);
        }
        Ok(())
    }

    /// The value of the extension with this identifier; a duplicate extension is an error.
    pub fn extension(&self, id: &[u8]) -> Result<Option<&'a [u8]>, Error> {
        let (mut found, mut is_twice) = (None, false);
        self.each(|extension| {
            if extension.id == id {
                is_twice |= found.replace(extension.value).is_some();
            }
        })?;
        if is_twice {
            return Err(Error::malformed(
                self.structure,
                format!("extension {} twice", crate::json::hex(id)),
            ));
        }
        Ok(found)
    }
}
