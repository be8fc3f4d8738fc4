// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's own parser and ours take the same scripts.

use std::{env, fs, process};

use entries::{Arch, discover};
use oracle::{Tree, tools};
use vfs::{Volume, Volumes};

const CORPUS: [&str; 70] = [
    "function f { a; }",
    "function f { a }",
    "function f { }",
    "function f\n\n{\na\n}",
    "function f;\n{\na\n}",
    "if true; then function f { a; }; fi",
    "function a-b { c; }",
    "function if { c; }",
    "function \"f\" { c; }",
    "if true; then a fi",
    "if true; then a; fi; b",
    "if true; then a; fi b",
    "if true\n\n;then a;fi",
    "if true;\n\nthen\na;fi",
    "if true; then ; a;fi",
    "if true; then fi",
    "if a; then b",
    "fi",
    "then",
    "in",
    "do",
    "if a; then b; elif c; then d; elif e; then f; else g; fi",
    "if a; then b; else g; elif c; then d; fi",
    "if 'if'; then 'fi'; fi",
    "menuentry x { a }",
    "menuentry x{ a;}",
    "menuentry x { }",
    "menuentry x {\n\n}",
    "menuentry x { a; } b",
    "menuentry x { a; }; b",
    "menuentry x { a; } { b; }",
    "menuentry x\n{ a; }",
    "menuentry 'a b' --class c $o 'id' {\n\tlinux /k\n\tinitrd /i\n}",
    "submenu x {\n menuentry y {\n a\n }\n}",
    "for i in a b; do c; done",
    "for i in a b do c; done",
    "for i in; do c; done",
    "for i in a\ndo\nb\ndone",
    "for $i in a; do b; done",
    "for 1 in a; do b; done",
    "for if in a; do b; done",
    "for i a; do b; done",
    "while true; do a; done",
    "while; do a; done",
    "until a; do b; done",
    "while a; do done",
    "echo $",
    "echo \"a $ b\"",
    "echo ${a b}",
    "echo ${a} $1 $12 $? $# $@ $*",
    "echo 'a $ b'",
    "echo $\"a\"",
    "echo $\"a $ b\"",
    "echo $\"${a} $b $1\"",
    "echo a$\"b\"c",
    "echo $\"a",
    "!",
    "! a",
    "echo [[",
    "[ a = b ]",
    "echo case fi",
    "case a",
    "{ a; }",
    "}",
    "a;",
    "a;\n;b",
    "a;;b",
    "a | b",
    "a 'b",
    "a \\\n b # c",
];

/// Whether `grub-script-check` takes it. A script without any command is an error there: one is added.
fn grub_takes(script: &str) -> bool {
    let folder = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, Into::into);
    let path = folder.join(format!("script-check-{}.cfg", process::id()));
    fs::write(&path, format!("{script}\ntrue\n")).unwrap();
    tools::output("grub-script-check", &[path.to_str().unwrap()]).status.success()
}

fn we_take(script: &str) -> bool {
    let tree = Tree::new().file("/boot/grub/grub.cfg", format!("{script}\ntrue\n"));
    let found =
        discover(&Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]), Arch::X86_64, &|_, _| false);
    !found.problems.iter().any(|problem| problem.error.code() == "E-GRUB-SYNTAX")
}

#[test]
fn the_same_scripts_are_taken() {
    let (mut taken, mut different) = (0, Vec::new());
    for script in CORPUS {
        let grub = grub_takes(script);
        taken += usize::from(grub);
        if we_take(script) != grub {
            different.push((script, grub));
        }
    }
    assert_eq!(different, [], "and what GRUB says");
    assert!((20..CORPUS.len() - 20).contains(&taken), "the corpus has both: {taken}");
}
