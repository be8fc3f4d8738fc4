// SPDX-License-Identifier: BSD-3-Clause
//! The release of the checkout, built by a Bazel that knows nothing of earlier builds.

use std::{
    env,
    path::PathBuf,
    process::{self, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

const TARGET: &str = "//release:files";

/// Its output base; removed when dropped.
pub struct Rebuilt {
    workspace: PathBuf,
    output_base: PathBuf,
}

impl Rebuilt {
    /// Builds the release of the workspace that `bazel run` was called in.
    ///
    /// # Errors
    /// When Bazel did not start the program, or the build fails.
    pub fn new() -> Result<Self> {
        let workspace = env::var_os("BUILD_WORKSPACE_DIRECTORY")
            .context("start it as: tools/bazel run //release:verify -- DIR")?;
        let home = env::var_os("CLOUD_BOOT_HOME").map_or_else(env::temp_dir, PathBuf::from);
        let rebuilt =
            Self { workspace: workspace.into(), output_base: home.join(format!("verify-{}", process::id())) };
        eprintln!("release: building from nothing in {}, some minutes", rebuilt.output_base.display());
        // Neither what was built before nor what others built.
        let options = ["--disk_cache=", "--remote_cache=", "--symlink_prefix=/", TARGET];
        let status = rebuilt.command("build").args(options).status().context("cannot start tools/bazel")?;
        ensure!(status.success(), "{TARGET} could not be built (above)");
        Ok(rebuilt)
    }

    /// The folder of its files.
    ///
    /// # Errors
    /// When Bazel does not name them.
    pub fn release(&self) -> Result<PathBuf> {
        let files = self.ask(&["cquery", "--output=files", TARGET])?;
        let root = self.ask(&["info", "execution_root"])?;
        let file =
            files.lines().find(|file| file.ends_with("/SHA256SUMS")).context("Bazel names no SHA256SUMS")?;
        let mut folder = PathBuf::from(root.trim()).join(file);
        folder.pop();
        Ok(folder)
    }

    /// What Bazel prints; its messages only if it fails.
    fn ask(&self, args: &[&str]) -> Result<String> {
        let (command, rest) = args.split_first().context("no command")?;
        let output = self.command(command).arg("--noshow_progress").args(rest).stdin(Stdio::null()).output();
        let output = output.context("cannot start tools/bazel")?;
        if !output.status.success() {
            bail!("bazel {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).context("Bazel's answer")
    }

    fn command(&self, name: &str) -> Command {
        let mut option = std::ffi::OsString::from("--output_base=");
        option.push(&self.output_base);
        let mut command = Command::new(self.workspace.join("tools/bazel"));
        command.current_dir(&self.workspace).arg(option).arg(name);
        command
    }
}

impl Drop for Rebuilt {
    fn drop(&mut self) {
        // Ends the server, too.
        let done = self.command("clean").arg("--expunge").stderr(Stdio::null()).status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("release: {} could not be removed", self.output_base.display());
        }
    }
}
