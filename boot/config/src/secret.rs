// SPDX-License-Identifier: BSD-3-Clause
//! Texts that may hold a secret.

use alloc::string::String;
use core::{fmt, hint::black_box, mem::take};

/// A text that formatting never shows, and whose memory is overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Secret(String);

impl Secret {
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(take(&mut self.0));
    }
}

/// Overwrites a text, as far as safe code can ensure it.
pub(crate) fn wipe(text: String) {
    let mut bytes = text.into_bytes();
    bytes.fill(0);
    // Without a reader, the compiler might optimise the overwriting away.
    black_box(&bytes);
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_secret_is_not_formatted() {
        let secret = Secret::new("hunter2");
        assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("***", "hunter2"));
    }
}
