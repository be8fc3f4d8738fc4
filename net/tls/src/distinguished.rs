// SPDX-License-Identifier: BSD-3-Clause
//! Distinguished names as text: `CN=example.org,O=Example`.
//!
//! The implementation in `x509-cert` brings names for all 1494 known object identifiers, 120 KB of the loader.
//!
//! Spec: RFC 4514; differs in: the string of an attribute without a short name follows its number as it is, and a value
//! that is not a string is shown as its bytes only.
use alloc::vec::Vec;
use core::{
    fmt::{self, Write as _},
    iter,
};

use x509_cert::der::{AnyRef, Reader as _, SliceReader, Tag, Tagged as _, asn1::ObjectIdentifier};

use crate::fields::{inside, next};

/// A name, its last part first: the content of a `Name` in DER. Malformed parts are left out.
pub struct Distinguished<'a>(pub &'a [u8]);

/// The attributes that RFC 4514 section 3 has short names for.
const SHORT: [(ObjectIdentifier, &str); 9] = [
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "STREET"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"), "DC"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"), "UID"),
];

impl fmt::Display for Distinguished<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = SliceReader::new(self.0).map(elements).into_iter().flatten().collect();
        for (i, part) in parts.iter().rev().enumerate() {
            for (j, attribute) in inside(*part).map(elements).into_iter().flatten().enumerate() {
                f.write_str(match (i, j) {
                    (0, 0) => "",
                    (_, 0) => ",",
                    _ => "+",
                })?;
                show(attribute, f)?;
            }
        }
        Ok(())
    }
}

fn elements<'a>(mut reader: SliceReader<'a>) -> impl Iterator<Item = AnyRef<'a>> {
    iter::from_fn(move || next(&mut reader))
}

/// One attribute, `CN=example.org`: an `AttributeTypeAndValue`.
fn show(attribute: AnyRef<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some((number, value)) =
        inside(attribute).and_then(|mut pair| Some((pair.decode().ok()?, next(&mut pair)?)))
    else {
        return Ok(());
    };
    match SHORT.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => f.write_str(name)?,
        None => write!(f, "{number}")?,
    }
    let is_text =
        matches!(value.tag(), Tag::PrintableString | Tag::Utf8String | Tag::Ia5String | Tag::TeletexString);
    let bytes = value.value();
    let Some(text) = str::from_utf8(bytes).ok().filter(|_| is_text) else {
        f.write_str("=#")?;
        return bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
    };
    f.write_char('=')?;
    for (i, c) in text.char_indices() {
        let is_first = i == 0;
        let is_last = i.checked_add(c.len_utf8()) == Some(text.len());
        let is_special = match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            ' ' => is_first || is_last,
            '#' => is_first,
            _ => false,
        };
        if is_special {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};

    use x509_cert::{
        der::{Decode as _, Encode as _},
        name::Name,
    };

    use super::*;

    /// What [`Distinguished`] makes of it.
    fn shown(name: &Name) -> String {
        let der = name.to_der().unwrap();
        Distinguished(AnyRef::from_der(&der).unwrap().value()).to_string()
    }

    #[test]
    fn names_are_those_of_x509_cert() {
        let names = [
            "CN=a",
            "CN=Steve Kille,O=Isode Limited,C=GB",
            "OU=Sales+CN=J.  Smith,DC=example,DC=net",
            r"CN=\#a\, \+b\ ,L=\ c#,ST=x\\y,STREET=\<z\>,UID=\22q\22\;",
        ];
        for text in names {
            let name: Name = text.parse().unwrap();
            assert_eq!(shown(&name), name.to_string(), "{text}");
        }
    }

    #[test]
    fn others_have_numbers() {
        let cases = [
            ("CN=a,1.2.840.113549.1.9.1=#160161", "CN=a,1.2.840.113549.1.9.1=a"),
            ("2.5.4.5=#0500,C=GB", "2.5.4.5=#,C=GB"),
            ("2.5.4.3=#1e020041", "CN=#0041"),
        ];
        for (text, expected) in cases {
            let name: Name = text.parse().unwrap();
            assert_eq!(shown(&name), expected, "{text}");
        }
    }
}
