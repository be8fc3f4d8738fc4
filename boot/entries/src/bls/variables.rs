// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's variables in the values of an entry.

use alloc::{string::String, vec::Vec};

use crate::{
    Error,
    budget::{Share, Text},
};

/// Variables and their values, sorted by name.
#[derive(Debug)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    /// From pairs; the last value of a name counts.
    pub fn new(mut pairs: Vec<(String, String)>) -> Self {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self(pairs)
    }

    /// The value; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        let behind = self.0.partition_point(|(known, _)| known.as_str() <= name);
        let last = behind.checked_sub(1).and_then(|at| self.0.get(at)).filter(|(known, _)| known == name);
        last.map_or("", |(_, value)| value)
    }

    /// Replaces each `$name` in a value; unset names become empty. As in GRUB, `${name}` is not supported here.
    ///
    /// # Errors
    /// [`Error::Budget`] if the text exceeds the budget of all entries.
    pub fn expand(&self, value: &str, share: &Share) -> Result<String, Error> {
        let mut pieces = value.split('$');
        let mut text = Text::new(share);
        text.push(pieces.next().unwrap_or_default())?;
        for piece in pieces {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, rest) = piece.split_at(piece.find(|c| !is_name(c)).unwrap_or(piece.len()));
            let value = self.get(name);
            // Charged in full, even if white space is trimmed in the end.
            share.bytes.charge(value.len())?;
            text.push(value)?;
            text.push(rest)?;
        }
        Ok(text.into_string().trim_ascii().into())
    }
}

#[cfg(test)]
mod tests {
    use vfs::Volumes;

    use super::*;
    use crate::budget::Budget;

    #[test]
    fn variables_are_replaced() {
        let pairs = [("kernelopts", "root=/dev/a ro"), ("a", "x"), ("a", "b")];
        let variables = Variables::new(pairs.map(|(name, value)| (name.into(), value.into())).into());
        let budget = Budget::new(&Volumes::default());
        let cases = [
            ("$kernelopts quiet", "root=/dev/a ro quiet"),
            ("$kernelopts-x $none $a.c", "root=/dev/a ro-x  b.c"),
            ("${a}", "{a}"),
            ("$", ""),
            ("x${a", "x{a"),
            ("plain", "plain"),
        ];
        for (value, text) in cases {
            assert_eq!(variables.expand(value, budget.disk(0)).unwrap(), text, "{value}");
        }
    }
}
