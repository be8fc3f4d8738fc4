// SPDX-License-Identifier: BSD-3-Clause
//! The name of a new crate.

/// Folders of libraries.
const FOLDERS: [&str; 3] = ["fs", "boot", "net"];
/// Names that a crate cannot have: Rust keywords, and crates that every program has.
const TAKEN: &str = "abstract alloc as async await become box break const continue core crate do dyn else enum extern \
                     false final fn for gen if impl in let loop macro match mod move mut override priv proc_macro pub \
                     ref return self static std struct super test trait true try type typeof unsafe unsized use \
                     virtual where while yield";

/// A crate, by its folder and its own name.
#[derive(Debug, Eq, PartialEq)]
pub struct Name<'a> {
    pub folder: &'a str,
    pub own: &'a str,
}

impl<'a> Name<'a> {
    /// Reads `fs/NAME`.
    ///
    /// # Errors
    /// Another folder; a name with characters other than lower-case letters, digits and `_`; a reserved name.
    pub fn parse(path: &'a str) -> Result<Self, String> {
        let (folder, own) =
            path.split_once('/').ok_or(format!("{path}: give FOLDER/NAME, such as fs/xfs"))?;
        if !FOLDERS.contains(&folder) {
            return Err(format!("{path}: libraries are in {}", FOLDERS.join(", ")));
        }
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !own.starts_with(|c: char| c.is_ascii_lowercase()) || !own.bytes().all(is_letter) || own.len() > 32
        {
            return Err(format!(
                "{path}: a name has at most 32 lower-case letters, digits and _, and starts with a letter"
            ));
        }
        if TAKEN.split_whitespace().any(|word| word == own) {
            return Err(format!("{path}: {own} is a reserved name in Rust"));
        }
        Ok(Self { folder, own })
    }

    pub fn path(&self) -> String {
        format!("{}/{}", self.folder, self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_crate() {
        assert_eq!(Name::parse("fs/iso9660"), Ok(Name { folder: "fs", own: "iso9660" }));
        for wrong in
            ["xfs", "tools/x", "fs/", "fs/X", "fs/9p", "fs/a-b", "fs/a/b", "fs/../x", "fs/é", "fs/core"]
        {
            assert!(Name::parse(wrong).is_err(), "{wrong}");
        }
    }
}
