// SPDX-License-Identifier: BSD-3-Clause
//! The metadata document, converted to settings.

use alloc::{string::String, vec::Vec};
use core::fmt;

use config::{Config, Origin, Problem, Trust};
use zeroize::Zeroizing;

use crate::{Cause, Error, parse};

/// The largest document in bytes.
pub const LARGEST: usize = 1 << 20;

/// The settings in the object `cloudboot` of a metadata document. They may be secrets: formatting shows no value, and
/// dropping it overwrites them.
#[derive(Clone, Default)]
pub struct Document {
    pub(crate) settings: Vec<(&'static str, Zeroizing<String>)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) has_object: bool,
    pub(crate) is_authenticated: bool,
}

impl Document {
    /// Parses a document of any provider: a JSON object with the object `cloudboot`, or, as OpenStack stores
    /// user data of an instance, with the object `meta` that has `cloudboot` as a string.
    ///
    /// A document without either is empty. Members that are misspelt, of the wrong type or unknown are
    /// [`problems`](Self::problems); the others are used.
    ///
    /// # Errors
    /// It is larger than [`LARGEST`], not a JSON object, or has one of our members twice, so that two readers could
    /// read two things; the message has line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let failed = |cause| Error::new("metadata", cause);
        if bytes.len() > LARGEST {
            return Err(failed(Cause::Size));
        }
        parse::document(bytes).map_err(failed)
    }

    /// Parses a document from a volume of this machine, which nobody on its network can have written. The bytes, which
    /// may hold secrets, are overwritten.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn of_volume(bytes: Vec<u8>) -> Result<Self, Error> {
        let document = Self::parse(&Zeroizing::new(bytes))?;
        Ok(Self { is_authenticated: true, ..document })
    }

    /// The settings: full names of keys, and values.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The problems found: members that are not used.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether the document has a `cloudboot` object.
    pub fn has_object(&self) -> bool {
        self.has_object
    }

    /// Whether it is from a volume of this machine, or from a server that TLS authenticated. Otherwise whoever
    /// answered first may have written it.
    pub fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// Adds the document's settings to a configuration that was resolved with the same trust.
    ///
    /// If the machine is not locked, [`Problem::Plain`] reports that unauthenticated settings are used.
    pub fn resolve(&self, config: Config, trust: Trust) -> Config {
        let is_plain = trust == Trust::Open && !self.is_authenticated && !self.settings.is_empty();
        let name = "cloudboot.metadata.url";
        let plain = is_plain.then_some(Problem::Plain { name, origin: Origin::Metadata });
        config.with_metadata(self.settings(), self.problems.iter().cloned().chain(plain), trust)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("settings", &self.settings.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("problems", &self.problems)
            .field("is_authenticated", &self.is_authenticated)
            .finish_non_exhaustive()
    }
}
