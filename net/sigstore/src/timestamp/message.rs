// SPDX-License-Identifier: BSD-3-Clause
//! Timestamp tokens as signed messages, and the responses that contain them.
//!
//! Spec: RFC 3161 section 2.4.2; RFC 5652 sections 3, 5, 11; RFC 5035 section 3 (`SigningCertificateV2`).

use alloc::{string::String, vec::Vec};

use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, alg_id};
use webpki::EndEntityCert;
use x509_cert::der::asn1::ObjectIdentifier;

use super::{content::hash, refused};
use crate::{
    Error, Structure,
    der::{Element, Reader, tag},
    hash::Hash,
    json::hex,
};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Signature algorithms by identifier, if the identifier includes the hash function, or needs none.
const ALGORITHMS: [(ObjectIdentifier, AlgorithmIdentifier); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), alg_id::ECDSA_SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"), alg_id::ECDSA_SHA384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), alg_id::RSA_PKCS1_SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), alg_id::RSA_PKCS1_SHA384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), alg_id::RSA_PKCS1_SHA512),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), alg_id::ED25519),
];

/// `[0]` and `[1]`, constructed.
const FIRST: u8 = 0xa0;
const SECOND: u8 = 0xa1;

/// The most certificates of a token. Authorities send their own and one or two above it.
const MAX_CERTIFICATES: usize = 8;

/// A token.
pub(super) struct Message<'a> {
    /// `TSTInfo` in DER.
    pub content: &'a [u8],
    /// Certificates in DER, in any order.
    pub certificates: Vec<&'a [u8]>,
    /// Issuer and serial number of the signer's certificate, both without tag and length.
    pub signer: (&'a [u8], &'a [u8]),
    hash: Hash,
    attributes: Attributes<'a>,
    algorithm: AlgorithmIdentifier,
    signature: &'a [u8],
}

/// What is signed.
struct Attributes<'a> {
    /// All attributes in DER, with the tag of the field.
    whole: &'a [u8],
    content_type: &'a [u8],
    /// The digest of the content.
    digest: &'a [u8],
    /// The digest of the signer's certificate, with its hash function.
    certificate: (Hash, &'a [u8]),
}

impl<'a> Message<'a> {
    /// The token of a `TimeStampResp`.
    pub fn parse(response: &'a [u8]) -> Result<Self, Error> {
        let mut document = Reader::new(Structure::Timestamp, response);
        let mut fields = document.expect(tag::SEQUENCE)?.inside();
        document.finish()?;
        let status = fields.expect(tag::SEQUENCE)?.inside().expect(tag::INTEGER)?.content;
        // granted, grantedWithMods
        if !matches!(status, [0 | 1]) {
            return Err(refused("the authority has not granted it"));
        }
        let mut token = fields.expect(tag::SEQUENCE)?.inside();
        fields.finish()?;
        expect_id(&mut token, "type of token", SIGNED_DATA)?;
        let data = token.expect(FIRST)?.inside().expect(tag::SEQUENCE)?;
        token.finish()?;
        Self::signed_data(data.inside())
    }

    fn signed_data(mut fields: Reader<'a>) -> Result<Self, Error> {
        let _version = fields.expect(tag::INTEGER)?;
        let _hash_functions = fields.expect(tag::SET)?;
        let mut encapsulated = fields.expect(tag::SEQUENCE)?.inside();
        expect_id(&mut encapsulated, "type of content", TST_INFO)?;
        let content = encapsulated.expect(FIRST)?.inside().expect(tag::OCTET_STRING)?.content;
        encapsulated.finish()?;
        let certificates = match fields.optional(FIRST)? {
            Some(certificates) => all_certificates(certificates.inside())?,
            None => Vec::new(),
        };
        let _revoked = fields.optional(SECOND)?;
        let mut signers = fields.expect(tag::SET)?.inside();
        fields.finish()?;
        let signer = signers.expect(tag::SEQUENCE)?;
        if !signers.is_done() {
            return Err(refused("it has several signers"));
        }
        Self::signer_info(signer.inside(), content, certificates)
    }

    fn signer_info(
        mut fields: Reader<'a>,
        content: &'a [u8],
        certificates: Vec<&'a [u8]>,
    ) -> Result<Self, Error> {
        let _version = fields.expect(tag::INTEGER)?;
        let id = fields.next()?;
        if id.tag != tag::SEQUENCE {
            let found = "subjectKeyIdentifier";
            return Err(Error::unsupported(Structure::Timestamp, "name of the signer", found));
        }
        let mut id = id.inside();
        let issuer = id.expect(tag::SEQUENCE)?.content;
        let serial = id.expect(tag::INTEGER)?.content;
        id.finish()?;
        let hash = hash(&fields.expect(tag::SEQUENCE)?)?;
        let attributes = Attributes::parse(&fields.expect(FIRST)?)?;
        let algorithm = fields.expect(tag::SEQUENCE)?.inside().expect(tag::OBJECT_IDENTIFIER)?;
        let signature = fields.expect(tag::OCTET_STRING)?.content;
        let _unsigned = fields.optional(SECOND)?;
        fields.finish()?;
        let algorithm = signature_algorithm(algorithm.content, hash)?;
        Ok(Self { content, certificates, signer: (issuer, serial), hash, attributes, algorithm, signature })
    }

    /// Verifies that the holder of this certificate has signed it.
    pub fn verify(&self, certificate: &[u8]) -> Result<(), Error> {
        if self.attributes.content_type != TST_INFO.as_bytes() {
            return Err(refused("contentType is not that of its content"));
        }
        if self.hash.digest(self.content) != self.attributes.digest {
            return Err(refused("messageDigest is not that of its content"));
        }
        let (hash, digest) = self.attributes.certificate;
        if hash.digest(certificate) != digest {
            return Err(refused("signingCertificateV2 is not the authority's certificate"));
        }
        let key = CertificateDer::from_slice(certificate);
        let key = EndEntityCert::try_from(&key)
            .map_err(|_| Error::malformed(Structure::Timestamp, "the authority's certificate"))?;
        let signed = self.attributes.signed();
        let is_good = crypto::ALGORITHMS
            .all
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id() == self.algorithm)
            .any(|algorithm| key.verify_signature(*algorithm, &signed, self.signature).is_ok());
        if is_good {
            Ok(())
        } else {
            let by = String::from("the authority's certificate");
            Err(Error::Signature { structure: Structure::Timestamp, by })
        }
    }
}

impl<'a> Attributes<'a> {
    fn parse(attributes: &Element<'a>) -> Result<Self, Error> {
        let [mut content_type, mut digest, mut certificate] = [None; 3];
        let mut rest = attributes.inside();
        while !rest.is_done() {
            let mut attribute = rest.expect(tag::SEQUENCE)?.inside();
            let id = attribute.expect(tag::OBJECT_IDENTIFIER)?.content;
            let values = attribute.expect(tag::SET)?;
            attribute.finish()?;
            let place = match id {
                _ if id == CONTENT_TYPE.as_bytes() => &mut content_type,
                _ if id == MESSAGE_DIGEST.as_bytes() => &mut digest,
                _ if id == SIGNING_CERTIFICATE_V2.as_bytes() => &mut certificate,
                _ => continue,
            };
            let mut values = values.inside();
            let value = values.next()?;
            if place.is_some() || !values.is_done() {
                return Err(refused("a signed attribute has several values"));
            }
            *place = Some(value);
        }
        let content_type = content_type.ok_or_else(|| refused("no contentType is signed"))?;
        let digest = digest.ok_or_else(|| refused("no messageDigest is signed"))?;
        let certificate = certificate.ok_or_else(|| refused("no signingCertificateV2 is signed"))?;
        Ok(Self {
            whole: attributes.whole,
            content_type: content_type.content,
            digest: digest.content,
            certificate: signing_certificate(&certificate)?,
        })
    }

    /// The bytes that are signed: the attributes, encoded as a `SET OF`.
    ///
    /// Spec: RFC 5652 section 5.4.
    fn signed(&self) -> Vec<u8> {
        let mut signed = self.whole.to_vec();
        if let Some(first) = signed.first_mut() {
            *first = tag::SET;
        }
        signed
    }
}

/// The first `ESSCertIDv2`, which is the signer's: hash function and digest.
fn signing_certificate<'a>(value: &Element<'a>) -> Result<(Hash, &'a [u8]), Error> {
    let mut ids = value.inside().expect(tag::SEQUENCE)?.inside();
    let mut id = ids.expect(tag::SEQUENCE)?.inside();
    let hash = id.optional(tag::SEQUENCE)?.map_or(Ok(Hash::Sha256), |algorithm| hash(&algorithm))?;
    Ok((hash, id.expect(tag::OCTET_STRING)?.content))
}

/// The X.509 certificates; other kinds have another tag, and are not needed.
fn all_certificates<'a>(mut rest: Reader<'a>) -> Result<Vec<&'a [u8]>, Error> {
    let mut certificates = Vec::new();
    while !rest.is_done() {
        let certificate = rest.next()?;
        if certificates.len() >= MAX_CERTIFICATES {
            let most = MAX_CERTIFICATES;
            return Err(Error::Limit { structure: Structure::Timestamp, what: "certificates", most });
        }
        if certificate.tag == tag::SEQUENCE {
            certificates.push(certificate.whole);
        }
    }
    Ok(certificates)
}

/// The algorithm of an identifier; RSA keys sign with the message's hash function.
fn signature_algorithm(id: &[u8], hash: Hash) -> Result<AlgorithmIdentifier, Error> {
    if id == RSA.as_bytes() {
        return Ok(match hash {
            Hash::Sha256 => alg_id::RSA_PKCS1_SHA256,
            Hash::Sha384 => alg_id::RSA_PKCS1_SHA384,
            Hash::Sha512 => alg_id::RSA_PKCS1_SHA512,
        });
    }
    let known = ALGORITHMS.iter().find(|(known, _)| known.as_bytes() == id);
    known
        .map(|(_, algorithm)| *algorithm)
        .ok_or_else(|| Error::unsupported(Structure::Timestamp, "signature algorithm", &dotted(id)))
}

fn expect_id(fields: &mut Reader<'_>, what: &'static str, expected: ObjectIdentifier) -> Result<(), Error> {
    let found = fields.expect(tag::OBJECT_IDENTIFIER)?.content;
    if found == expected.as_bytes() {
        Ok(())
    } else {
        Err(Error::unsupported(Structure::Timestamp, what, &dotted(found)))
    }
}

/// An object identifier as text: numbers and dots.
pub(super) fn dotted(id: &[u8]) -> String {
    use alloc::string::ToString as _;
    ObjectIdentifier::from_bytes(id).map_or_else(|_| hex(id), |id| id.to_string())
}
