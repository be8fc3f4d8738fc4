// SPDX-License-Identifier: BSD-3-Clause
//! Names: their hashes, and which names are equal.

use core::ops::ControlFlow;

use crate::{
    features::{ASCII_CI, Features},
    units::InodeNumber,
};

/// A search for one name.
pub struct Search<'a> {
    name: &'a [u8],
    is_folded: bool,
    exact: Option<InodeNumber>,
    /// The first entry that differs in case only, if the filesystem ignores case.
    similar: Option<InodeNumber>,
}

impl<'a> Search<'a> {
    pub fn new(name: &'a [u8], features: &Features) -> Self {
        Self { name, is_folded: features.has_version(ASCII_CI), exact: None, similar: None }
    }

    /// `xfs_da_hashname`; `xfs_ascii_ci_hashname` if the filesystem ignores case.
    pub fn hash(&self) -> u32 {
        self.name.iter().fold(0u32, |hash, byte| {
            let byte = if self.is_folded { fold(*byte) } else { *byte };
            hash.rotate_left(7) ^ u32::from(byte)
        })
    }

    /// Looks at an entry; breaks if it is the one.
    pub fn consider(&mut self, name: &[u8], number: InodeNumber) -> ControlFlow<()> {
        if name == self.name {
            self.exact = Some(number);
            return ControlFlow::Break(());
        }
        let is_similar = || name.iter().map(|b| fold(*b)).eq(self.name.iter().map(|b| fold(*b)));
        if self.is_folded && self.similar.is_none() && is_similar() {
            self.similar = Some(number);
        }
        ControlFlow::Continue(())
    }

    pub fn found(&self) -> Option<InodeNumber> {
        self.exact.or(self.similar)
    }
}

/// `xfs_ascii_ci_xfrm`: converts to lower case in ISO 8859-1.
fn fold(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' | 0xc0..=0xd6 | 0xd8..=0xde => byte | 0x20,
        _ => byte,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search<'a>(name: &'a [u8], version: u16) -> Search<'a> {
        let features = Features { version, features2: 0, ro_compat: 0, incompat: 0, log_incompat: 0 };
        Search::new(name, &features)
    }

    #[test]
    fn hashes_are_those_of_xfs_db() {
        // As `xfs_db -c "hash NAME"` of xfsprogs 7.2 prints them.
        for (name, hash) in [
            (".", 0x2e),
            ("..", 0x172e),
            ("abc", 0x18_7163),
            ("vmlinuz-6.12.0", 0x2505_b8f6),
            ("ÄÖÜ", 0x5845_e70c),
        ] {
            assert_eq!(search(name.as_bytes(), 5).hash(), hash, "{name}");
        }
        assert_eq!(search(b"AbC", 0x4005).hash(), search(b"abc", 5).hash());
        assert_eq!(search(b"\xc4\xd7", 0x4005).hash(), search(b"\xe4\xd7", 5).hash());
    }

    #[test]
    fn the_exact_name_comes_before_a_similar_one() {
        let (one, two, three) = (InodeNumber(1), InodeNumber(2), InodeNumber(3));
        let mut plain = search(b"Name", 5);
        assert!(plain.consider(b"name", one).is_continue());
        assert_eq!(plain.found(), None);
        let mut folded = search(b"Name", 0x4005);
        assert!(folded.consider(b"nameX", three).is_continue());
        assert!(folded.consider(b"name", one).is_continue());
        assert!(folded.consider(b"NAME", three).is_continue());
        assert_eq!(folded.found(), Some(one));
        assert!(folded.consider(b"Name", two).is_break());
        assert_eq!(folded.found(), Some(two));
    }
}
