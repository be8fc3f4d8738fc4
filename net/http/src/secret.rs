// SPDX-License-Identifier: BSD-3-Clause
//! Secrets, which must not be shown.

use alloc::{format, string::String};
use core::fmt;

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

/// The value of an `Authorization` field: never formatted, overwritten when dropped, sent to no other host.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// `Basic`, from user and password.
    ///
    /// Spec: RFC 7617.
    pub fn basic(user: &str, password: &str) -> Self {
        let pair = Zeroizing::new(format!("{user}:{password}"));
        let coded = Zeroizing::new(Base64::encode_string(pair.as_bytes()));
        Self(Zeroizing::new(format!("Basic {}", coded.as_str())))
    }

    /// `Basic`, from the base64 of user and password, as in Docker's configuration; `None` if it is malformed.
    pub fn basic_coded(coded: &str) -> Option<Self> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        let is_coded = !coded.is_empty() && coded.bytes().all(is_letter);
        is_coded.then(|| Self(Zeroizing::new(format!("Basic {coded}"))))
    }

    /// `Bearer`, from a token.
    ///
    /// Spec: RFC 6750.
    pub fn bearer(token: &str) -> Self {
        Self(Zeroizing::new(format!("Bearer {token}")))
    }

    /// The field's value.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_formatted() {
        let secret = Secret::basic("Aladdin", "open sesame");
        assert_eq!(format!("{secret:?}"), "***");
        // RFC 7617, section 2.
        assert_eq!(secret.expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(Secret::basic_coded("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Some(secret));
        assert_eq!(Secret::basic_coded("a\r\nb"), None);
    }
}
