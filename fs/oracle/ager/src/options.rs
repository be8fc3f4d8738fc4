// SPDX-License-Identifier: BSD-3-Clause
//! Options as pairs of a key and a value: on the command line for the host, in a file for the guest.

use std::str::FromStr;

use crate::driver::Driver;

/// Pairs in their original order; a key may occur more than once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options(Vec<(String, String)>);

/// How an image is aged.
pub struct Ageing {
    /// Mount options.
    pub options: String,
    pub seed: u64,
    pub operations: usize,
    /// Maximum number of names that one operation adds to a folder.
    pub names: usize,
    /// Maximum number of all names.
    pub most: usize,
    /// Number of extents of the most fragmented file.
    pub pieces: usize,
    /// Size in bytes of the largest file in the series of sizes.
    pub largest: u64,
    /// Shell commands that the guest runs after half of the operations.
    pub halfway: Vec<String>,
    /// Power fails while the image is mounted.
    pub crash: bool,
}

impl Options {
    /// Parses `--KEY VALUE` pairs.
    pub fn from_arguments(arguments: &[String]) -> Option<Self> {
        let pair = |pair: &[String]| match pair {
            [key, value] => Some((key.strip_prefix("--")?.to_string(), value.clone())),
            _ => None,
        };
        arguments.chunks(2).map(pair).collect::<Option<_>>().map(Self)
    }

    /// The text form: a line for each pair.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|(key, value)| format!("{key} {value}\n")).collect()
    }

    pub fn from_text(text: &str) -> Option<Self> {
        let pair = |line: &str| line.split_once(' ').map(|(key, value)| (key.to_string(), value.to_string()));
        text.lines().map(pair).collect::<Option<_>>().map(Self)
    }

    /// Every value of a key.
    pub fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a key.
    ///
    /// # Errors
    /// If it has none or several.
    pub fn text(&self, key: &str) -> Result<&str, String> {
        match self.all(key).as_slice() {
            [value] => Ok(value),
            [] => Err(format!("--{key} is missing")),
            _ => Err(format!("more than one --{key}")),
        }
    }

    /// The only value of a key, as a number or the like.
    ///
    /// # Errors
    /// If the key has no value, or one of another type.
    pub fn value<T: FromStr>(&self, key: &str) -> Result<T, String> {
        let text = self.text(key)?;
        text.parse().map_err(|_| format!("--{key} cannot be {text}"))
    }

    /// # Errors
    /// If it is unknown.
    pub fn driver(&self) -> Result<Driver, String> {
        let name = self.text("filesystem")?;
        Driver::named(name).ok_or_else(|| format!("--filesystem cannot be {name}"))
    }

    /// Sizes of the disks in MiB.
    ///
    /// # Errors
    /// If there are none, or more than the guest can have.
    pub fn disks(&self) -> Result<Vec<u64>, String> {
        let disks: Option<Vec<u64>> = self.all("disk").iter().map(|mib| mib.parse().ok()).collect();
        disks
            .filter(|disks| (1..=MOST_DISKS).contains(&disks.len()))
            .ok_or("--disk must be given, with a number of MiB".into())
    }

    /// # Errors
    /// What is missing or wrong.
    pub fn ageing(&self) -> Result<Ageing, String> {
        Ok(Ageing {
            options: self.text("mount")?.to_string(),
            seed: self.value("seed")?,
            operations: self.value("operations")?,
            names: self.value("names")?,
            most: self.value("most")?,
            pieces: self.value("pieces")?,
            largest: self.value::<u64>("largest")? << 10,
            halfway: self.all("halfway").into_iter().map(str::to_string).collect(),
            crash: self.value("crash")?,
        })
    }
}

/// Maximum number of disks of a filesystem.
const MOST_DISKS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        let words: Vec<String> = text.split('|').map(str::to_string).collect();
        Options::from_arguments(&words).unwrap()
    }

    #[test]
    fn what_the_host_asks_for_is_what_the_guest_reads() {
        let asked = options(
            "--filesystem|btrfs|--disk|128|--disk|16|--halfway|a  b|--mount|compress=zstd,flushoncommit",
        );
        let read = Options::from_text(&asked.to_text()).unwrap();
        assert_eq!(read, asked);
        assert_eq!(read.disks(), Ok(vec![128, 16]));
        assert_eq!(read.all("halfway"), ["a  b"]);
        assert_eq!(read.driver(), Ok(Driver::Btrfs));
        // An empty value, too.
        let asked = options("--mount|");
        assert_eq!(Options::from_text(&asked.to_text()), Some(asked));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let asked = options("--seed|1|--seed|2|--crash|perhaps|--filesystem|minix");
        assert_eq!(asked.text("seed"), Err("more than one --seed".into()));
        assert_eq!(asked.text("mount"), Err("--mount is missing".into()));
        assert_eq!(asked.value::<bool>("crash"), Err("--crash cannot be perhaps".into()));
        assert_eq!(asked.driver(), Err("--filesystem cannot be minix".into()));
        assert!(asked.disks().is_err() && asked.ageing().is_err());
        assert_eq!(Options::from_arguments(&["--seed".into()]), None);
        assert_eq!(Options::from_arguments(&["seed".into(), "1".into()]), None);
    }
}
