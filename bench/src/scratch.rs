// SPDX-License-Identifier: BSD-3-Clause
//! A temporary folder for the images of one run, and the tools that fill it.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Words of a text, and one more than the letters of the longest.
const VOCABULARY: usize = 8192;
const LONGEST: usize = 12;

/// An empty folder that is removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates it in the folder for temporary files.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(name: &str) -> Result<Self> {
        let folder = env::temp_dir().join(format!("cloud-boot-bench-{name}-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {why}", self.0.display());
        }
    }
}

/// Runs a tool to its end.
///
/// # Errors
/// When it fails, with its output.
pub fn run(program: &str, arguments: &[&OsStr]) -> Result<()> {
    output(program, arguments).map(drop)
}

/// Runs a tool to its end, and returns its standard output.
///
/// # Errors
/// When it fails, with its output.
pub fn output(program: &str, arguments: &[&OsStr]) -> Result<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).output().with_context(|| format!("cannot start {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{text}{errors}", output.status);
    Ok(text)
}

/// Random bytes, so that no block is a hole and no two blocks are equal: Marsaglia's xorshift64.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(length);
    bytes
}

/// Words of a vocabulary with uneven frequencies, each followed by a space: zstd compresses them to a third.
pub fn text(length: usize, seed: u64) -> Vec<u8> {
    let letters = noise(VOCABULARY * LONGEST, seed);
    let words: Vec<Vec<u8>> = letters
        .chunks(LONGEST)
        .map(|word| {
            let length = 2 + usize::from(word[0]) % (LONGEST - 2);
            let letters = word.iter().take(length).map(|byte| b'a' + byte % 26);
            letters.chain(*b" ").collect()
        })
        .collect();
    let choices = noise(length, seed + 2);
    let mut choices = choices.chunks_exact(4).map(|pair| {
        let [first, second] = [[pair[0], pair[1]], [pair[2], pair[3]]].map(u16::from_le_bytes);
        (usize::from(first.min(second)) * VOCABULARY) >> 16
    });
    let mut text = Vec::with_capacity(length + LONGEST);
    while let Some(choice) = choices.next().filter(|_| text.len() < length) {
        text.extend_from_slice(&words[choice]);
    }
    text.truncate(length);
    text
}

/// Writes a file, and creates its folders.
///
/// # Errors
/// When that fails.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("the path has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_the_same_every_time_and_has_no_empty_block() {
        let bytes = noise(1 << 20, 7);
        assert_eq!(bytes, noise(1 << 20, 7));
        assert_ne!(bytes, noise(1 << 20, 9));
        assert!(bytes.chunks(4096).all(|block| block.iter().any(|byte| *byte != 0)));
        assert_eq!(noise(13, 7).len(), 13);
    }

    #[test]
    fn a_text_is_as_long_as_it_should_be_and_of_words() {
        let text = text(1 << 20, 7);
        assert_eq!(text.len(), 1 << 20);
        assert!(text.split(|byte| *byte == b' ').all(|word| word.len() < LONGEST));
        assert!(text.iter().all(|byte| *byte == b' ' || byte.is_ascii_lowercase()));
    }

    #[test]
    fn a_folder_ends_with_its_owner() {
        let scratch = Scratch::new("test").unwrap();
        let path = scratch.path("a/b");
        write(&path, b"x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn a_tool_that_fails_says_why() {
        let why = run("ls", &[OsStr::new("/no/such/file")]).unwrap_err();
        assert!(format!("{why:#}").contains("/no/such/file"), "{why:#}");
    }
}
