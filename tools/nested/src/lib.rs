// SPDX-License-Identifier: BSD-3-Clause
//! Calls Bazel from a program that Bazel runs.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// The workspace's Bazel wrapper. It can be called because `bazel run` releases its lock before the program runs.
#[derive(Debug)]
pub struct Bazel {
    workspace: PathBuf,
    /// An output base of its own, which is removed when this is dropped.
    output_base: Option<PathBuf>,
    /// The cache folder of another toolbox.
    cache: Option<PathBuf>,
}

impl Bazel {
    /// Bazel of the workspace that the program was started from.
    ///
    /// # Errors
    /// If Bazel did not start the program; the error says to start it as `how`.
    pub fn new(how: &str) -> Result<Self> {
        let workspace =
            env::var_os("BUILD_WORKSPACE_DIRECTORY").with_context(|| format!("start it as: {how}"))?;
        Ok(Self { workspace: workspace.into(), output_base: None, cache: None })
    }

    /// Bazel without earlier builds: its output base is `folder`, which is removed when this is dropped. It does not
    /// touch `bazel-bin` and similar links.
    pub fn fresh(&self, folder: PathBuf) -> Self {
        Self { workspace: self.workspace.clone(), output_base: Some(folder), cache: None }
    }

    /// The same Bazel in another toolbox, which its first call makes in `cache`, as on a machine without a toolbox. The
    /// caller must remove that folder.
    #[must_use]
    pub fn elsewhere(mut self, cache: PathBuf) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Makes its toolbox, if it has none yet.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn prepare(&self) -> Result<()> {
        let status = self
            .command("info")
            .arg("server_pid")
            .stdout(Stdio::null())
            .status()
            .context("cannot start tools/bazel")?;
        ensure!(status.success(), "the toolbox could not be made (see above)");
        Ok(())
    }

    /// Builds `targets`; Bazel shows its progress.
    ///
    /// # Errors
    /// If one cannot be built.
    pub fn build(&self, options: &[&str], targets: &[&str]) -> Result<()> {
        let mut command = self.command("build");
        if self.output_base.is_some() {
            command.arg("--symlink_prefix=/");
        }
        let status = command.args(options).args(targets).status().context("cannot start tools/bazel")?;
        ensure!(status.success(), "{} could not be built (see above)", targets.join(" and "));
        Ok(())
    }

    /// The output file of a built target whose name has this ending.
    ///
    /// # Errors
    /// If there is none or more than one.
    pub fn output(&self, target: &str, ending: &str) -> Result<PathBuf> {
        let files = self.ask(&["cquery", "--output=files", target])?;
        let root = self.ask(&["info", "execution_root"])?;
        let file = Path::new(root.trim()).join(only(&files, ending).with_context(|| target.to_owned())?);
        ensure!(file.is_file(), "{} was not built: {} is missing", target, file.display());
        Ok(file)
    }

    /// The output of a Bazel command; its messages appear only if it fails.
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
        command.current_dir(&self.workspace);
        if let Some(folder) = &self.output_base {
            let mut option = OsString::from("--output_base=");
            option.push(folder);
            command.arg(option);
        }
        command.arg(name);
        if let Some(cache) = &self.cache {
            command.env("CLOUD_BOOT_TOOLBOX", "own").env("XDG_CACHE_HOME", cache);
        }
        command
    }
}

impl Drop for Bazel {
    fn drop(&mut self) {
        let Some(folder) = self.output_base.clone() else { return };
        // This also ends the server.
        let output = self.command("clean").arg("--expunge").stdin(Stdio::null()).output();
        if !output.is_ok_and(|output| output.status.success()) {
            eprintln!("{} could not be removed", folder.display());
        }
    }
}

/// A folder for large temporary files: that of the toolbox, or the system's one.
pub fn scratch() -> PathBuf {
    env::var_os("CLOUD_BOOT_HOME").map_or_else(env::temp_dir, PathBuf::from)
}

/// The only line of `files` with this ending.
fn only<'a>(files: &'a str, ending: &str) -> Result<&'a str> {
    let mut found = files.lines().map(str::trim).filter(|f| f.ends_with(ending));
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
        assert_eq!(only(files, ".iso").unwrap(), "bazel-out/k8-fastbuild/bin/iso/boot.iso");
        assert!(only(files, ".raw").unwrap_err().to_string().starts_with("no file *.raw"));
        assert!(only("a.raw\nb.raw\n", ".raw").unwrap_err().to_string().starts_with("more than one"));
    }

    #[test]
    fn a_fresh_one_has_an_output_base() {
        let bazel = Bazel { workspace: "/w".into(), output_base: None, cache: None };
        let fresh = std::mem::ManuallyDrop::new(bazel.fresh("/o".into()));
        let words = |bazel: &Bazel| format!("{:?}", bazel.command("build"));
        assert!(
            words(&fresh).ends_with("\"/w/tools/bazel\" \"--output_base=/o\" \"build\""),
            "{}",
            words(&fresh)
        );
        assert!(words(&bazel).ends_with("\"/w/tools/bazel\" \"build\""));
        let other = std::mem::ManuallyDrop::new(bazel.fresh("/o".into()).elsewhere("/c".into()));
        for part in ["CLOUD_BOOT_TOOLBOX=\"own\"", "XDG_CACHE_HOME=\"/c\"", "--output_base=/o"] {
            assert!(words(&other).contains(part), "{}", words(&other));
        }
    }
}
