// SPDX-License-Identifier: BSD-3-Clause
//! The results of a test: a line of JSON for each compared image, from which `//docs:formats` makes the matrix of
//! formats.

use std::{collections::BTreeSet, env, fs::File, io::Write, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    aged::Aged,
    manifest::Record,
    opinion::{Fault, Known, Opinion},
    recipe::Recipe,
    tools,
};

/// The variable with the folder whose files Bazel keeps as `test.outputs`.
const FOLDER: &str = "TEST_UNDECLARED_OUTPUTS_DIR";
/// The name of the file in it.
pub const FILE: &str = "compared.jsonl";

/// An image that our reader reads as Linux does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Compared {
    /// Name of the reader's crate.
    pub format: String,
    /// Name of the image.
    pub image: String,
    /// How it was made.
    pub recipe: Recipe,
    /// Number of its disks.
    pub legs: usize,
    /// Results with missing or wrong disks; `None` if that was not tested.
    pub legs_fault: Option<Legs>,
    /// Number of names, including the root.
    pub names: usize,
    /// Number of regular files among them, each compared by SHA-256.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
    /// What readers other than Linux say.
    pub opinions: Vec<Opinion>,
    /// Date of the test: `2026-01-02`.
    pub date: String,
}

/// Results with missing or wrong disks, in several combinations.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Legs {
    /// What is wrong with the disks: `missing`.
    pub fault: String,
    /// Number of combinations that read correctly.
    pub read: usize,
    /// Number of combinations that were refused.
    pub refused: usize,
    /// Bytes that were rebuilt.
    pub rebuilt: u64,
}

impl Compared {
    /// The result for a whole image, with today's date.
    pub fn new(format: &str, aged: &Aged, records: &[Record]) -> Self {
        let date = tools::run("date", &["-u", "+%F"]);
        let files: Vec<u64> =
            records.iter().filter(|record| record.sha256.is_some()).map(|record| record.size).collect();
        Self {
            format: format.into(),
            image: aged.name.clone(),
            recipe: aged.recipe.clone(),
            legs: aged.disks().count(),
            legs_fault: None,
            names: records.len(),
            files: files.len(),
            bytes: files.iter().sum(),
            opinions: Vec::new(),
            date: String::from_utf8_lossy(&date).trim().into(),
        }
    }

    /// Adds what other readers say; each known fault is replaced by its reason.
    ///
    /// # Panics
    /// If one of them reads something else for an unknown reason.
    pub fn with_opinions(mut self, opinions: Vec<Opinion>, known: &[Known]) -> Self {
        let kind = kind(&self.image).to_string();
        for mut opinion in opinions {
            let is_meant = |known: &&Known| {
                (known.kind.is_empty() || known.kind == kind) && opinion.reader.contains(known.reader)
            };
            let why = |fault: &Fault| {
                let known = known.iter().filter(is_meant).find(|known| fault.text().contains(known.words));
                match (fault, known) {
                    (Fault::Differs(_), Some(known)) => Fault::Differs(known.why.into()),
                    (Fault::Refused(_), Some(known)) => Fault::Refused(known.why.into()),
                    (Fault::Refused(_), None) => fault.clone(),
                    (Fault::Differs(_), None) => panic!("{}: {}: {fault:?}", self.image, opinion.reader),
                }
            };
            let faults: BTreeSet<Fault> = opinion.faults.iter().map(why).collect();
            opinion.faults = faults.into_iter().collect();
            self.opinions.push(opinion);
        }
        self
    }

    /// Adds the results with missing or wrong disks.
    pub fn with_legs_fault(self, fault: Legs) -> Self {
        Self { legs_fault: Some(fault), ..self }
    }

    /// Appends the result to the file, if the environment names a folder for it.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self) {
        let Some(folder) = env::var_os(FOLDER) else { return };
        let path = PathBuf::from(folder).join(FILE);
        let line = serde_json::to_string(self).expect("text and numbers") + "\n";
        // With one write: tests of one program run in parallel.
        let file = File::options().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The kind of an image; if there are several of a kind, the image's name ends with its seed: `crash-100`.
pub fn kind(image: &str) -> &str {
    match image.rsplit_once('-') {
        Some((kind, seed)) if seed.bytes().all(|byte| byte.is_ascii_digit()) => kind,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tree, manifest};

    fn compared() -> Compared {
        let records = manifest::of(&Tree::new().file("/x", "bytes").symlink("/l", "x")).unwrap();
        let aged = Aged {
            name: "crash-100".into(),
            bytes: vec![],
            more: vec![vec![]],
            records: vec![],
            btrfs: None,
            recipe: Recipe::default(),
        };
        Compared::new("xfs", &aged, &records)
    }

    #[test]
    fn files_are_counted_with_their_bytes() {
        let compared = compared();
        assert_eq!((compared.names, compared.files, compared.bytes, compared.legs), (3, 1, 5, 2));
        let date: Vec<usize> = compared.date.split('-').map(str::len).collect();
        assert_eq!(date, [4, 2, 2], "{}", compared.date);
        let line = serde_json::to_string(&compared).unwrap();
        assert_eq!(serde_json::from_str::<Compared>(&line).unwrap(), compared);
    }

    #[test]
    fn only_what_is_known_may_differ() {
        let known = ["crash", ""].map(|kind| Known {
            kind,
            reader: if kind.is_empty() { "fls" } else { "grub" },
            words: "why",
            why: "reads no such thing",
        });
        let opinion = |reader: &str, fault: Fault| Opinion {
            reader: reader.into(),
            files: 2,
            agreed: 1,
            faults: vec![fault],
        };
        let differs = |text: &str| Fault::Differs(text.into());
        let refused = |text: &str| Fault::Refused(text.into());
        let opinions = vec![
            opinion("grub-fstest 2", differs("that is why")),
            opinion("fls 4", refused("why not")),
            opinion("fls 4", refused("no")),
        ];
        let found = compared().with_opinions(opinions, &known).opinions;
        let faults: Vec<Fault> = found.into_iter().flat_map(|opinion| opinion.faults).collect();
        let why = "reads no such thing";
        assert_eq!(faults, [differs(why), refused(why), refused("no")]);
        let other = opinion("grub-fstest 2", differs("else"));
        assert!(std::panic::catch_unwind(|| compared().with_opinions(vec![other], &known)).is_err());
    }

    #[test]
    fn a_kind_has_no_seed() {
        for (image, expected) in [("crash-100", "crash"), ("raid1_3", "raid1_3"), ("a-b", "a-b")] {
            assert_eq!(kind(image), expected);
        }
    }
}
