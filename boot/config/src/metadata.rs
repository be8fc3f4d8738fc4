// SPDX-License-Identifier: BSD-3-Clause
//! The metadata document as a source: the strongest, and the least trusted.

use crate::{Config, KEYS, Origin, Problem, Trust};

impl Config {
    /// The same with what a metadata document sets: whole names of keys and values. `problems` are those of the
    /// document itself.
    ///
    /// It applies to what is fetched and started afterwards: the addresses, resolvers, roots and logins that fetched
    /// the document are in use already. [`Key::metadata`](crate::Key::metadata) says what it may set, whether the
    /// machine is locked or not; anything else is refused by name.
    #[must_use]
    pub fn with_metadata<'a>(
        mut self,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
        problems: impl IntoIterator<Item = Problem>,
        trust: Trust,
    ) -> Self {
        problems.into_iter().for_each(|problem| self.note(problem));
        for (name, value) in settings {
            match KEYS.iter().find(|key| key.name == name) {
                Some(key) => drop(self.set(key, value, Origin::Metadata, trust)),
                None => self.note(Problem::Unknown { name: name.into(), origin: Origin::Metadata }),
            }
        }
        self
    }

    /// The same if a document was expected and is not available. With a signature key built in, it could have named an
    /// image: whoever blocks it must not make the machine boot from disk instead.
    #[must_use]
    pub fn without_metadata(self, trust: Trust) -> Self {
        Self { lacks_document: trust == Trust::LockedWithKey, ..self }
    }

    /// Whether a document is missing that could have named what is booted.
    pub fn lacks_metadata(&self) -> bool {
        self.lacks_document
    }

    /// `metadata.url`: where the metadata document is; none: at the usual address of the machine's cloud.
    pub fn metadata_url(&self) -> Option<&str> {
        self.get("metadata.url")
    }

    /// Whether a source names something of the network: an image, a plan, a metadata document, or how the network is
    /// to be used. A boot from disk touches no network otherwise.
    pub fn names_network(&self) -> bool {
        self.settings.iter().any(|setting| {
            let name = setting.key.name;
            matches!(name, "cloudboot.image" | "cloudboot.plan" | "cloudboot.metadata.url")
                || name.starts_with("cloudboot.net.")
        })
    }
}
