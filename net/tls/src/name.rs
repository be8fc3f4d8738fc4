// SPDX-License-Identifier: BSD-3-Clause
//! Names in certificates, for messages. The server chooses them, so they are shortened and control characters removed.
use alloc::{string::String, vec::Vec};
use core::{
    fmt::{self, Write},
    net::IpAddr,
};

use rustls::pki_types::CertificateDer;

use crate::{Date, distinguished::Distinguished, fields::Fields};

/// The most characters of one name that are shown.
const LONGEST: usize = 100;
/// The most names of one certificate that are shown.
const MOST: usize = 8;

/// The first [`LONGEST`] characters of the text; all but printable ASCII become `?`.
pub fn clean(text: impl fmt::Display) -> String {
    let mut cleaned = Cleaned { text: String::new(), left: LONGEST };
    // The writer returns an error when the text is too long.
    if write!(cleaned, "{text}").is_err() {
        cleaned.text.push_str("...");
    }
    cleaned.text
}

struct Cleaned {
    text: String,
    left: usize,
}

impl Write for Cleaned {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(if matches!(character, ' '..='~') { character } else { '?' });
        }
        Ok(())
    }
}

/// A chain as the server sent it, its own certificate first; malformed ones are left out.
pub struct Chain<'a>(Vec<Fields<'a>>);

impl<'a> Chain<'a> {
    pub fn new(end_entity: &'a CertificateDer<'_>, intermediates: &'a [CertificateDer<'_>]) -> Self {
        let sent = core::iter::once(end_entity).chain(intermediates);
        Self(sent.filter_map(|der| Fields::of(der)).collect())
    }

    /// The issuer at the end of the chain, which would have to be trusted.
    pub fn last_issuer(&self) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let mut issuer = first.issuer;
        // A chain of n certificates has n issuers; a root is its own issuer.
        for _ in &self.0 {
            match self.0.iter().find(|next| next.subject == issuer) {
                Some(next) if next.issuer != next.subject => issuer = next.issuer,
                _ => break,
            }
        }
        clean(Distinguished(issuer))
    }

    /// The subject of the certificate that expires at this time.
    pub fn subject_of_end(&self, not_after: Date) -> String {
        self.subject(|certificate| certificate.not_after == not_after)
    }

    /// The subject of the certificate whose validity begins at this time.
    pub fn subject_of_begin(&self, not_before: Date) -> String {
        self.subject(|certificate| certificate.not_before == not_before)
    }

    fn subject(&self, is_it: impl Fn(&Fields<'_>) -> bool) -> String {
        let certificate = self.0.iter().find(|certificate| is_it(certificate));
        certificate.map(|certificate| clean(Distinguished(certificate.subject))).unwrap_or_default()
    }
}

/// The names of a certificate, as webpki prints them, as a list for a message.
pub fn list(presented: &[String]) -> String {
    let mut names = String::new();
    for name in presented.iter().take(MOST) {
        if !names.is_empty() {
            names.push_str(", ");
        }
        let bare = bare(name);
        // webpki formats IPv6 addresses in its own way.
        names.push_str(&bare.parse::<IpAddr>().map_or_else(|_| clean(bare), clean));
    }
    if presented.len() > MOST {
        names.push_str(", ...");
    }
    if names.is_empty() { "no name".into() } else { names }
}

/// `example.org` of `DnsName("example.org")`, `::1` of `IpAddress(::1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(name);
    inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(clean("CN=a\x1b[2J\nb\u{e9}"), "CN=a?[2J?b?");
        assert_eq!(clean("a".repeat(LONGEST)), "a".repeat(LONGEST));
        assert_eq!(clean("a".repeat(LONGEST + 1)), "a".repeat(LONGEST) + "...");
    }

    #[test]
    fn lists_have_bare_names() {
        let names = ["DnsName(\"a.example\")", "IpAddress(192.0.2.1)", "IpAddress(0::1)", "DirectoryName"];
        assert_eq!(list(&names.map(String::from)), "a.example, 192.0.2.1, ::1, DirectoryName");
        assert_eq!(list(&[]), "no name");
        assert_eq!(list(&vec![String::from("DnsName(\"x\")"); 9]), "x, x, x, x, x, x, x, x, ...");
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        let certificate = CertificateDer::from(vec![0; 3]);
        let chain = Chain::new(&certificate, &[]);
        assert_eq!(chain.last_issuer(), "");
        assert_eq!(chain.subject_of_end(Date(0)), "");
    }
}
