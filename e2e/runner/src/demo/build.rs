// SPDX-License-Identifier: BSD-3-Clause
//! Bazel, called from a program that Bazel runs: so that only what a demo needs is built.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// For who starts the program itself.
pub const HOW_TO_START: &str = "start it as: tools/bazel run //:demo";

/// The workspace's wrapper of Bazel. `bazel run` has released its lock when a program runs.
#[derive(Debug)]
pub struct Bazel {
    workspace: PathBuf,
}

impl Bazel {
    /// That of the workspace that the program was started from.
    ///
    /// # Errors
    /// When Bazel did not start it.
    pub fn new() -> Result<Self> {
        let workspace = env::var_os("BUILD_WORKSPACE_DIRECTORY").context(HOW_TO_START)?;
        Ok(Self { workspace: workspace.into() })
    }

    /// Builds `targets`; Bazel shows its progress.
    ///
    /// # Errors
    /// When one cannot be built.
    pub fn build(&self, targets: &[&str]) -> Result<()> {
        let status = self.command("build").args(targets).status().context("cannot start tools/bazel")?;
        ensure!(status.success(), "{} could not be built (above)", targets.join(" and "));
        Ok(())
    }

    /// The one file of a built target that has this extension.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn output(&self, target: &str, extension: &str) -> Result<PathBuf> {
        let files = self.ask(&["cquery", "--output=files", target])?;
        let root = self.ask(&["info", "execution_root"])?;
        let file = Path::new(root.trim()).join(only(&files, extension).with_context(|| target.to_owned())?);
        ensure!(file.is_file(), "{} was not built: {} is missing", target, file.display());
        Ok(file)
    }

    /// What Bazel prints; its messages only if it fails.
    fn ask(&self, args: &[&str]) -> Result<String> {
        let (command, rest) = args.split_first().context("no command")?;
        let output = self
            .command(command)
            .arg("--noshow_progress")
            .args(rest)
            .stdin(Stdio::null())
            .output()
            .context("cannot start tools/bazel")?;
        if !output.status.success() {
            bail!("bazel {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).context("Bazel's answer")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.workspace.join("tools/bazel"));
        command.current_dir(&self.workspace).arg(name);
        command
    }
}

/// The one line of `files` that ends with `.extension`.
fn only<'a>(files: &'a str, extension: &str) -> Result<&'a str> {
    let ending = format!(".{extension}");
    let mut found = files.lines().map(str::trim).filter(|f| f.ends_with(&ending));
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => bail!("no file *{ending} among its outputs"),
        _ => bail!("more than one file *{ending} among its outputs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_file_of_a_target() {
        let files = "bazel-out/k8-fastbuild/bin/iso/boot.iso\nbazel-out/k8-fastbuild/bin/iso/boot.map\n";
        assert_eq!(only(files, "iso").unwrap(), "bazel-out/k8-fastbuild/bin/iso/boot.iso");
        assert!(only(files, "raw").unwrap_err().to_string().starts_with("no file *.raw"));
        assert!(only("a.raw\nb.raw\n", "raw").unwrap_err().to_string().starts_with("more than one"));
    }
}
