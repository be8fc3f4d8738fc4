// SPDX-License-Identifier: BSD-3-Clause
//! The other side: GRUB's readers as a host program.

use std::{
    io::Read as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

/// Its name.
pub const NAME: &str = "grub-fstest";

/// Prints a file of a filesystem on these disks.
pub fn cat(disks: &[PathBuf], path: &str) -> Command {
    let mut command = Command::new(NAME);
    if let [_, _, ..] = disks {
        command.args(["-c", &disks.len().to_string(), "-r", "loop0"]);
    }
    command.args(disks).args(["cat", path]);
    command
}

/// The sha256 of what it prints.
///
/// # Errors
/// When it is missing or fails.
pub fn sha256(disks: &[PathBuf], path: &str) -> Result<Vec<u8>> {
    let mut command = cat(disks, path);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {NAME}"))?;
    let mut sum = Sha256::new();
    let mut output = child.stdout.take().context("no pipe from the program")?;
    let mut buffer = vec![0; 1 << 16];
    let read = loop {
        match output.read(&mut buffer) {
            Ok(length @ 1..) => sum.update(&buffer[..length]),
            end => break end,
        }
    };
    let status = child.wait()?;
    read.with_context(|| format!("reading the output of {NAME}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(sum.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_disks_are_counted() {
        let words = |disks: &[PathBuf]| {
            let command = cat(disks, "/data");
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(&["a".into()]), "a cat /data");
        assert_eq!(words(&["a".into(), "b".into()]), "-c 2 -r loop0 a b cat /data");
    }
}
