// SPDX-License-Identifier: BSD-3-Clause
//! The fields of certificates that messages show. They decide nothing: webpki verifies.
//!
//! `Certificate` of `x509-cert` owns every field, all extensions included: 40 KB of the loader.
//!
//! Spec: RFC 5280, section 4.1.
use x509_cert::{
    der::{AnyRef, Decode as _, Reader as _, SliceReader, Tag, Tagged as _},
    time::Time,
};

use crate::Date;

/// Names and times of a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fields<'a> {
    /// Content of the issuer's `Name`.
    pub issuer: &'a [u8],
    /// Content of the subject's `Name`.
    pub subject: &'a [u8],
    /// The first second in which it is valid.
    pub not_before: Date,
    /// The last one.
    pub not_after: Date,
}

impl<'a> Fields<'a> {
    /// The fields of a certificate in DER; `None` if it is malformed.
    pub fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut outer = inside(AnyRef::from_der(certificate).ok()?)?;
        let mut tbs = inside(next(&mut outer)?)?;
        // The version comes before the serial number, if it is not 1.
        if next(&mut tbs)?.tag() != Tag::Integer {
            next(&mut tbs)?;
        }
        let _signature_algorithm = next(&mut tbs)?;
        let issuer = next(&mut tbs)?.value();
        let mut validity = inside(next(&mut tbs)?)?;
        let subject = next(&mut tbs)?.value();
        Some(Self { issuer, subject, not_before: date(&mut validity)?, not_after: date(&mut validity)? })
    }
}

/// The next element.
pub fn next<'a>(reader: &mut SliceReader<'a>) -> Option<AnyRef<'a>> {
    reader.decode().ok()
}

/// The elements inside an element.
pub fn inside(outer: AnyRef<'_>) -> Option<SliceReader<'_>> {
    SliceReader::new(outer.value()).ok()
}

fn date(reader: &mut SliceReader<'_>) -> Option<Date> {
    let time: Time = reader.decode().ok()?;
    Some(Date(time.to_unix_duration().as_secs()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::distinguished::Distinguished;

    /// A certificate as far as it is read: serial number 1, P-256's algorithm left empty, names of one attribute `CN`.
    const CERTIFICATE: &[u8] = b"0\x480\x46\xa0\x03\x02\x01\x02\x02\x01\x010\x00\
        0\x0c1\x0a0\x08\x06\x03\x55\x04\x03\x0c\x01I\
        0\x1e\x17\x0d261130000000Z\x17\x0d261130000001Z\
        0\x0c1\x0a0\x08\x06\x03\x55\x04\x03\x0c\x01S";

    #[test]
    fn names_and_times_are_found() {
        let fields = Fields::of(CERTIFICATE).unwrap();
        let names = [fields.issuer, fields.subject].map(|name| std::format!("{}", Distinguished(name)));
        assert_eq!(names, ["CN=I", "CN=S"]);
        assert_eq!((fields.not_before, fields.not_after), (Date(1_795_996_800), Date(1_795_996_801)));
    }

    #[test]
    fn what_is_cut_off_is_none() {
        for end in 0..CERTIFICATE.len() {
            assert_eq!(Fields::of(&CERTIFICATE[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(at in 0..CERTIFICATE.len(), bytes: [u8; 2]) {
            let mut damaged = CERTIFICATE.to_vec();
            for (byte, new) in damaged.iter_mut().skip(at).zip(bytes) {
                *byte = new;
            }
            crate::fuzz::certificate(&damaged);
            crate::fuzz::certificate(&bytes);
        }
    }
}
