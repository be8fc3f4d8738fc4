// SPDX-License-Identifier: BSD-3-Clause
//! The hook in real repositories: where it is installed, what it keeps, and that it checks what is committed.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Replaces Bazel in the hook: prints its arguments, and fails for content with the word `wrong`.
const BAZEL: &str = "#!/bin/sh\necho \"checked: $(cat \"$6/file\"), $5, $(tr '\\0' , <\"$7\")\"\n\
                     ! grep -q wrong \"$6/file\"\n";

struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, Into::into);
        let root = base.join(format!("pre-commit-{name}-{}", std::process::id()));
        fs::create_dir_all(root.join("tools")).unwrap();
        fs::write(root.join("tools/bazel"), BAZEL).unwrap();
        fs::set_permissions(root.join("tools/bazel"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("file"), "right\n").unwrap();
        let repository = Self(root);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["add", "."]);
        repository.git(&["commit", "--quiet", "--message=first"]);
        repository
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.0).env("HOME", &self.0).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_CEILING_DIRECTORIES", self.0.parent().unwrap());
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "n").env(format!("GIT_{role}_EMAIL"), "e");
        }
        command
    }

    fn try_git(&self, arguments: &[&str]) -> Output {
        self.command(Path::new("git")).args(arguments).output().expect("git")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Installs the hook for the checkout `root`; returns the message.
    fn install(&self, root: &Path) -> Result<String, String> {
        let program = env::var_os("PRE_COMMIT").map(PathBuf::from);
        let program = program.or(option_env!("CARGO_BIN_EXE_pre_commit").map(PathBuf::from)).unwrap();
        let mut command = self.command(&program.canonicalize().unwrap());
        command
            .args(["lint", "docs", "rustfmt", "names", "--install"])
            .env("BUILD_WORKSPACE_DIRECTORY", root);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn the_hook_is_given_what_is_committed() {
    let repository = Repository::new("commit");
    repository.install(&repository.0).unwrap();
    let commit = || {
        let output = repository.try_git(&["commit", "--quiet", "--message=second"]);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let file = repository.0.join("file");
    fs::write(&file, "wrong\n").unwrap();
    repository.git(&["add", "file"]);
    fs::write(&file, "right\n").unwrap();
    let (is_done, said) = commit();
    assert!(!is_done && said.contains("checked: wrong, --, file,\n"), "{said}");
    fs::write(&file, "right, too\n").unwrap();
    repository.git(&["add", "file"]);
    fs::write(&file, "wrong\n").unwrap();
    let (is_done, said) = commit();
    assert!(is_done && said.contains("checked: right, too, --, file,\n"), "{said}");
    assert_eq!(repository.git(&["show", "HEAD:file"]), "right, too\n");
    assert!(repository.install(&repository.0).is_ok(), "once more");
}

#[test]
fn a_worktree_shares_the_hook_of_its_repository() {
    let repository = Repository::new("worktree");
    repository.git(&["worktree", "add", "--quiet", "other", "-b", "other"]);
    repository.install(&repository.0.join("other")).unwrap();
    assert!(repository.0.join(".git/hooks/pre-commit").is_file());
}

#[test]
fn the_hooks_of_others_are_left_alone() {
    let repository = Repository::new("others");
    let hook = repository.0.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\n").unwrap();
    assert!(repository.install(&repository.0).unwrap_err().contains("another hook"));
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\n");

    repository.git(&["config", "--global", "core.hooksPath", "everywhere"]);
    assert!(repository.install(&repository.0).unwrap_err().contains("other repositories"));
    assert!(!repository.0.join("everywhere").exists());

    repository.git(&["config", "--local", "core.hooksPath", "own"]);
    repository.install(&repository.0).unwrap();
    assert!(repository.0.join("own/pre-commit").is_file());
}

#[test]
fn without_a_repository_the_way_out_is_named() {
    let repository = Repository::new("none");
    fs::remove_dir_all(repository.0.join(".git")).unwrap();
    let said = repository.install(&repository.0).unwrap_err();
    assert!(said.contains("--hook"), "{said}");
}
