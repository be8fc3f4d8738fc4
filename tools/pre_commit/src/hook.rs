// SPDX-License-Identifier: BSD-3-Clause
//! The git hook.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// A text that identifies our hook.
const MARK: &str = "tools/bazel run //tools:pre-commit -- --install";

/// The hook, which git starts in the top folder of the checkout. Its copy is in /tmp, which the toolbox sees.
pub const TEXT: &str = "#!/bin/sh
# Written by `tools/bazel run //tools:pre-commit -- --install`. `git commit --no-verify` goes without it.
# What is checked is what will be committed: a copy of git's index, and in it what is staged.
set -e
copy=$(mktemp -d /tmp/pre-commit.XXXXXX)
trap 'rm -rf \"$copy\"' EXIT
git checkout-index --all --prefix=\"$copy/tree/\"
git diff --cached --name-only --diff-filter=d -z > \"$copy/changed\"
tools/bazel run --noshow_progress --ui_event_filters=-info //tools:pre-commit -- \"$copy/tree\" \"$copy/changed\"
";

/// Installs the hook where git looks for it.
///
/// # Errors
/// If git fails, or if there is another hook or a folder of hooks that other repositories use, too.
pub fn install(root: &Path) -> Result<String, String> {
    let folder = root.join(git(root, &["rev-parse", "--git-path", "hooks"])?);
    if let Ok(scope) = git(root, &["config", "--show-scope", "--get", "core.hooksPath"])
        && !["local", "worktree"].iter().any(|own| scope.starts_with(own))
    {
        return Err(format!(
            "{}: core.hooksPath is set for other repositories, too, and their hooks are left alone; \
             `git config --local core.hooksPath .git/hooks` gives this one its own",
            folder.display()
        ));
    }
    let file = folder.join("pre-commit");
    if fs::read_to_string(&file).is_ok_and(|text| !text.contains(MARK)) || is_other(&file) {
        return Err(format!(
            "{}: there is another hook, which is kept; `tools/bazel run //tools:pre-commit -- --hook` prints the lines \
             to add to it",
            file.display()
        ));
    }
    let fault = |e| format!("{}: {e}", file.display());
    fs::create_dir_all(&folder).map_err(fault)?;
    fs::write(&file, TEXT).map_err(fault)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).map_err(fault)?;
    Ok(format!("installed {}: it checks every commit from now on", file.display()))
}

/// Names of the files that differ from the last commit, each terminated by a zero byte; `None` if git does not see the
/// repository.
pub fn changed(root: &Path) -> Option<String> {
    // The checkout may belong to another user.
    let ask = |words: &[&str]| git(root, &[&["-c", "safe.directory=*"], words].concat()).ok();
    let tracked = ask(&["diff", "--name-only", "--no-relative", "--diff-filter=d", "-z", "HEAD"])?;
    Some(tracked + &ask(&["ls-files", "--others", "--exclude-standard", "-z"])?)
}

/// Whether it is a link, a folder or not text, and so not our hook.
fn is_other(file: &PathBuf) -> bool {
    let is_file = fs::symlink_metadata(file).map(|found| found.is_file());
    is_file.is_ok_and(|is_file| !is_file || fs::read_to_string(file).is_err())
}

/// The output of a git command.
fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let output = output.map_err(|e| format!("git: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(format!(
        "{}\nIn the toolbox, git only sees the checkout, your home and /tmp. If the repository is elsewhere (the \
         checkout is a worktree), run:\n  hook=$(git rev-parse --git-path hooks)/pre-commit\n  tools/bazel run \
         //tools:pre-commit -- --hook > \"$hook\" && chmod +x \"$hook\"",
        String::from_utf8_lossy(&output.stderr).trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_is_known_again() {
        assert!(TEXT.contains(MARK));
    }
}
