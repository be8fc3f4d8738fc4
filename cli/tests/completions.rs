// SPDX-License-Identifier: BSD-3-Clause
//! What shells offer, given the scripts of `cloud-boot completions`: each shell itself is asked, but for PowerShell,
//! which Debian does not have.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
};

use oracle::tools::{command, work_dir};

/// A shell: its name, what it offers for the last of some words, given a script, and changes of one byte in the script
/// that it must notice: the script then is another program's, or lacks a command.
struct Shell {
    name: &'static str,
    ask: fn(&Home, &[&str]) -> Vec<String>,
    changes: [(&'static str, &'static str); 2],
}

const SHELLS: [Shell; 4] = [
    Shell {
        name: "bash",
        ask: bash,
        changes: [
            ("-o nosort -o bashdefault -o default cloud-boot", "cloud-bool"),
            ("cp manifest", "manifesu"),
        ],
    },
    Shell {
        name: "zsh",
        ask: zsh,
        changes: [("compdef _cloud-boot cloud-boot", "cloud-bool"), ("'manifest", "manifesu")],
    },
    Shell {
        name: "fish",
        ask: fish,
        changes: [
            ("function __fish_cloud_boot_using_subcommand", "subcommanc"),
            ("-a \"manifest", "manifesu"),
        ],
    },
    Shell {
        name: "elvish",
        ask: elvish,
        changes: [("arg-completer[cloud-boot", "cloud-bool"), ("cand manifest", "manifesu")],
    },
];

/// Words after the program's name, and what is offered for the last.
const QUESTIONS: [(&[&str], &[&str]); 3] = [
    (&["fs", ""], &["cat", "cp", "help", "ls", "manifest", "stat", "tree"]),
    (&["run", "--m"], &["--memory"]),
    (&["fs", "ls", "--v"], &["--volume"]),
];

/// The home of somebody who has the program in `bin` and the script in `script`.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, script: &str) -> Self {
        let dir = work_dir(name);
        fs::create_dir(dir.join("bin")).unwrap();
        symlink(program(), dir.join("bin/cloud-boot")).unwrap();
        fs::write(dir.join("script"), script).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a shell prints that runs here. How it ends does not matter, only what it offers.
    fn said(&self, shell: &str, args: &[&str]) -> String {
        let mut command = command(shell);
        let path = format!("{}:/usr/bin:/bin", self.0.join("bin").display());
        command.env("PATH", path).env("HOME", &self.0).env("ZDOTDIR", &self.0).env("TERM", "dumb");
        // No folder for a daemon, which elvish would start to keep its history.
        command.env("TMPDIR", "/dev/null").env_remove("XDG_RUNTIME_DIR").env_remove("XDG_CONFIG_HOME");
        let output = command.args(args).current_dir(&self.0).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{shell}: {error}"));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a terminal gets from a shell, which reads it, too; one that waits for keys is ended.
    fn on_terminal(&self, shell: &str) -> String {
        self.write("line", &format!("exec {shell} <&1\n"));
        self.said("socat", &["-T60", "-u", "EXEC:sh line,pty,stderr,rawer", "-"])
    }
}

/// By the function that the script registers.
fn bash(home: &Home, words: &[&str]) -> Vec<String> {
    let ask = "source ./script; spec=$(complete -p cloud-boot) || exit; spec=${spec#*-F }; set -- cloud-boot \"$@\"; \
               COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\"; \
               ${spec%% *} cloud-boot \"${@: -1}\" \"${@: -2:1}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let said = home.said("bash", &[&["-c", ask, "bash"], words].concat());
    said.lines().map(String::from).collect()
}

/// By keys: the line, Tab, which lists even what is the only choice, Ctrl-U, and the command that ends the shell.
fn zsh(home: &Home, words: &[&str]) -> Vec<String> {
    let line = format!("cloud-boot {}", words.join(" "));
    home.write(
        ".zshrc",
        &format!(
            "autoload -Uz compinit; compinit -u -D; source ./script; PS1='<prompt>'; unsetopt prompt_sp\n\
             unset zle_bracketed_paste; bindkey '^I' list-choices; zle -N zle-line-init\n\
             zle-line-init() {{ zle -U $'{line}\\t\\x15exit\\n' }}\n"
        ),
    );
    let screen = home.on_terminal("zsh -d -i");
    let list = screen.split("<prompt>").nth(1).unwrap_or_default();
    // The first is the line itself.
    let rows = list.lines().skip(1).filter_map(|row| row.split(" -- ").next());
    rows.flat_map(str::split_whitespace).map(String::from).collect()
}

/// By the command that tells what Tab would offer. The script is where the manual says.
fn fish(home: &Home, words: &[&str]) -> Vec<String> {
    home.write(
        ".config/fish/completions/cloud-boot.fish",
        &fs::read_to_string(home.0.join("script")).unwrap(),
    );
    let said = home.said("fish", &["-c", &format!("complete -C 'cloud-boot {}'", words.join(" "))]);
    said.lines().filter_map(|line| line.split('\t').next()).map(String::from).collect()
}

/// By the function that the script registers: the module `edit:` is there on terminals only, and it chooses from what
/// the function returns by what is typed.
fn elvish(home: &Home, words: &[&str]) -> Vec<String> {
    let (typed, words) = (*words.last().unwrap(), words.join("' '"));
    home.write(
        "rc",
        &format!(
            "try {{\n eval (slurp < script)\n $edit:completion:arg-completer[cloud-boot] cloud-boot '{words}' \
             | each {{|choice| echo $choice[stem]}} > choices\n}} catch error {{ show $error }}\nexit\n"
        ),
    );
    home.write("choices", "");
    home.on_terminal("elvish -rc rc");
    let choices = fs::read_to_string(home.0.join("choices")).unwrap();
    choices.lines().filter(|choice| choice.starts_with(typed)).map(String::from).collect()
}

fn program() -> PathBuf {
    std::path::absolute(env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program")).unwrap()
}

fn script(shell: &str) -> String {
    let output = Command::new(program()).args(["completions", shell]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {:?}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// What is offered, without the options that only some shells offer before a hyphen is typed.
fn offered(shell: &Shell, home: &Home, words: &[&str]) -> BTreeSet<String> {
    let wanted = |choice: &String| words.ends_with(&[""]) != choice.starts_with('-');
    (shell.ask)(home, words).into_iter().filter(wanted).collect()
}

fn set(choices: &[&str]) -> BTreeSet<String> {
    choices.iter().map(ToString::to_string).collect()
}

#[test]
fn every_shell_offers_commands_and_options() {
    for shell in &SHELLS {
        let home = Home::new(&format!("offers-{}", shell.name), &script(shell.name));
        for (words, choices) in QUESTIONS {
            assert_eq!(offered(shell, &home, words), set(choices), "{}: {words:?}", shell.name);
        }
    }
}

#[test]
fn a_changed_byte_of_a_script_is_noticed() {
    let (words, choices) = QUESTIONS[0];
    for shell in &SHELLS {
        let script = script(shell.name);
        for (place, changed) in shell.changes {
            let (before, was) = place.split_at(place.len() - changed.len());
            assert_eq!(was.bytes().zip(changed.bytes()).filter(|(a, b)| a != b).count(), 1, "{was}");
            assert!(script.contains(place), "{}: {place}", shell.name);
            let other = script.replacen(place, &format!("{before}{changed}"), 1);
            let home = Home::new(&format!("changed-{}", shell.name), &other);
            assert_ne!(offered(shell, &home, words), set(choices), "{}: {changed}", shell.name);
        }
    }
}

/// The script for elvish has no values, that for fish only those of options.
#[test]
fn shells_offer_values() {
    for shell in SHELLS.iter().filter(|shell| shell.name != "elvish") {
        let home = Home::new(&format!("values-{}", shell.name), &script(shell.name));
        let machines = set(&["x86_64", "aarch64", "riscv64", "loongarch64"]);
        assert_eq!(offered(shell, &home, &["inspect", "--arch", ""]), machines, "{}", shell.name);
        if shell.name != "fish" {
            assert_eq!((shell.ask)(&home, &["completions", "z"]), ["zsh"], "{}", shell.name);
        }
    }
}

#[test]
fn powershell_has_a_script_of_its_own() {
    let script = script("powershell");
    assert!(script.contains("Register-ArgumentCompleter") && script.contains("manifest"));
}
