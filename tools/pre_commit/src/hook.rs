// SPDX-License-Identifier: BSD-3-Clause
//! git's hook.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// What tells our hook from others.
const MARK: &str = "tools/bazel run //tools:pre-commit -- --install";

/// The hook: git starts it in the top folder of the checkout. The copy is in /tmp, which the toolbox sees.
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

/// Puts the hook where git looks for it.
///
/// # Errors
/// git cannot be asked; another hook is there, or a folder of hooks that is for other repositories, too.
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
            "{}: there is another hook, which is left alone; `tools/bazel run //tools:pre-commit -- --hook` prints \
             what can be added to it",
            file.display()
        ));
    }
    let fault = |e| format!("{}: {e}", file.display());
    fs::create_dir_all(&folder).map_err(fault)?;
    fs::write(&file, TEXT).map_err(fault)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).map_err(fault)?;
    Ok(format!("{}: checks every commit from now on", file.display()))
}

/// Names of the files that differ from the last commit, each ended by a zero byte; none where git does not see the
/// repository.
pub fn changed(root: &Path) -> Option<String> {
    // The checkout may belong to another user.
    let ask = |words: &[&str]| git(root, &[&["-c", "safe.directory=*"], words].concat()).ok();
    let tracked = ask(&["diff", "--name-only", "--no-relative", "--diff-filter=d", "-z", "HEAD"])?;
    Some(tracked + &ask(&["ls-files", "--others", "--exclude-standard", "-z"])?)
}

/// A link, a folder, or what is no text: nothing of ours.
fn is_other(file: &PathBuf) -> bool {
    let is_file = fs::symlink_metadata(file).map(|found| found.is_file());
    is_file.is_ok_and(|is_file| !is_file || fs::read_to_string(file).is_err())
}

/// What git answers.
fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let output = output.map_err(|e| format!("git: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(format!(
        "{}\nIn the toolbox, git sees the checkout, your home and /tmp only. Where the repository is elsewhere (the \
         checkout is a worktree):\n  hook=$(git rev-parse --git-path hooks)/pre-commit\n  tools/bazel run \
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
