// SPDX-License-Identifier: BSD-3-Clause
//! Bazel, called from a program that Bazel runs.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// The workspace's wrapper of Bazel. `bazel run` has released its lock when a program runs.
#[derive(Debug)]
pub struct Bazel {
    workspace: PathBuf,
    /// Of its own, and removed with it.
    output_base: Option<PathBuf>,
    /// Where another toolbox is.
    cache: Option<PathBuf>,
}

impl Bazel {
    /// That of the workspace that the program was started from.
    ///
    /// # Errors
    /// When Bazel did not start it: tells to call `how`.
    pub fn new(how: &str) -> Result<Self> {
        let workspace =
            env::var_os("BUILD_WORKSPACE_DIRECTORY").with_context(|| format!("start it as: {how}"))?;
        Ok(Self { workspace: workspace.into(), output_base: None, cache: None })
    }

    /// One that knows nothing of earlier builds: its output base is `folder`, which is removed when it is dropped.
    /// It does not touch the links `bazel-bin` and the like.
    pub fn fresh(&self, folder: PathBuf) -> Self {
        Self { workspace: self.workspace.clone(), output_base: Some(folder), cache: None }
    }

    /// The same in another toolbox, which it makes in `cache` with its first call, as on a machine that has none. Whoever
    /// calls this removes that folder.
    #[must_use]
    pub fn elsewhere(mut self, cache: PathBuf) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Makes its toolbox, if it has none yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepare(&self) -> Result<()> {
        let status = self
            .command("info")
            .arg("server_pid")
            .stdout(Stdio::null())
            .status()
            .context("cannot start tools/bazel")?;
        ensure!(status.success(), "no toolbox (above)");
        Ok(())
    }

    /// Builds `targets`; Bazel shows its progress.
    ///
    /// # Errors
    /// When one cannot be built.
    pub fn build(&self, options: &[&str], targets: &[&str]) -> Result<()> {
        let mut command = self.command("build");
        if self.output_base.is_some() {
            command.arg("--symlink_prefix=/");
        }
        let status = command.args(options).args(targets).status().context("cannot start tools/bazel")?;
        ensure!(status.success(), "{} could not be built (above)", targets.join(" and "));
        Ok(())
    }

    /// The one file of a built target whose name ends so.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn output(&self, target: &str, ending: &str) -> Result<PathBuf> {
        let files = self.ask(&["cquery", "--output=files", target])?;
        let root = self.ask(&["info", "execution_root"])?;
        let file = Path::new(root.trim()).join(only(&files, ending).with_context(|| target.to_owned())?);
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
        // Ends its server, too.
        let output = self.command("clean").arg("--expunge").stdin(Stdio::null()).output();
        if !output.is_ok_and(|output| output.status.success()) {
            eprintln!("{} could not be removed", folder.display());
        }
    }
}

/// Where large files may be put for the time of a program: the folder of the toolbox, or that of temporary files.
pub fn scratch() -> PathBuf {
    env::var_os("CLOUD_BOOT_HOME").map_or_else(env::temp_dir, PathBuf::from)
}

/// The one line of `files` that ends so.
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
