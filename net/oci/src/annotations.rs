// SPDX-License-Identifier: BSD-3-Clause
//! Annotations of documents: keys and values.

use alloc::{string::String, vec::Vec};

use serde::{Serialize, Serializer};

/// Values by key, in the order of the keys. There are few, so a list is enough; a map is 9 KB of code.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Annotations(Vec<(String, String)>);

impl Annotations {
    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text)
    }

    /// The number of annotations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no annotations.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a value, or replaces the earlier one with the same key.
    pub fn insert(&mut self, name: String, text: String) {
        let place = self.0.partition_point(|(known, _)| *known < name);
        match self.0.get_mut(place) {
            Some((known, before)) if *known == name => *before = text,
            _ => self.0.insert(place, (name, text)),
        }
    }
}

/// The last value of a key counts.
impl FromIterator<(String, String)> for Annotations {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(texts: I) -> Self {
        let mut annotations = Self::default();
        texts.into_iter().for_each(|(name, text)| annotations.insert(name, text));
        annotations
    }
}

impl<const N: usize> From<[(String, String); N]> for Annotations {
    fn from(texts: [(String, String); N]) -> Self {
        texts.into_iter().collect()
    }
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, text)| (name, text)))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn annotations_are_in_the_order_of_their_names() {
        let texts = [("b", "1"), ("c", "2"), ("a", "3"), ("b", "4")];
        let annotations = Annotations::from(texts.map(|(name, text)| (name.to_string(), text.to_string())));
        assert_eq!(serde_json::to_string(&annotations).unwrap(), r#"{"a":"3","b":"4","c":"2"}"#);
        assert_eq!((annotations.len(), annotations.is_empty()), (3, false));
        assert_eq!((annotations.get("b").map(String::as_str), annotations.get("d")), (Some("4"), None));
    }
}
