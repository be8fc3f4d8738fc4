// SPDX-License-Identifier: BSD-3-Clause
//! The document, as settings.

use alloc::{string::String, vec::Vec};
use core::fmt;

use config::{Config, Origin, Problem, Trust};
use zeroize::Zeroizing;

use crate::{Cause, Error, parse};

/// Bytes of the largest document that is read.
pub const LARGEST: usize = 1 << 20;

/// What the object `cloudboot` of a metadata document sets. It may hold secrets: formatting shows no value, and
/// dropping it overwrites them.
#[derive(Clone, Default)]
pub struct Document {
    pub(crate) settings: Vec<(&'static str, Zeroizing<String>)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) has_object: bool,
    pub(crate) is_authenticated: bool,
}

impl Document {
    /// Parses a document of any provider: a JSON object with the member `cloudboot`, an object, or, as OpenStack keeps
    /// what users give an instance, with the member `meta` that has the same as a text.
    ///
    /// A document without either is one that says nothing. Members that are misspelt, not of their type or not ours
    /// are [`problems`](Self::problems); the others count.
    ///
    /// # Errors
    /// It is larger than [`LARGEST`], not a JSON object, or has a member of ours twice, so that two readers could read
    /// two things; the message has line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let failed = |cause| Error::new("metadata", cause);
        if bytes.len() > LARGEST {
            return Err(failed(Cause::Size));
        }
        parse::document(bytes).map_err(failed)
    }

    /// Parses the document of a volume of this machine, which nobody on its network can have written. The bytes, which
    /// may hold secrets, are overwritten.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of_volume(bytes: Vec<u8>) -> Result<Self, Error> {
        let document = Self::parse(&Zeroizing::new(bytes))?;
        Ok(Self { is_authenticated: true, ..document })
    }

    /// The settings: whole names of keys, and values.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// What of the object does not count.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether the document has something for us at all.
    pub fn has_object(&self) -> bool {
        self.has_object
    }

    /// Whether it stood on a volume of this machine, or came from a server that TLS has vouched for. Otherwise whoever
    /// answered first may have written it.
    pub fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// A configuration, resolved with the same trust, with what the document sets.
    ///
    /// Where the machine is not locked, [`Problem::Plain`] says that settings count that nobody has vouched for.
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
