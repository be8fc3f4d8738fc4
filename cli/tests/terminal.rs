// SPDX-License-Identifier: BSD-3-Clause
//! What only a terminal gets, which socat makes here: progress of long work, and colours of help.

use std::{
    env, fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use oracle::tools::{command, run, work_dir};

const MIB: u64 = 1 << 20;

fn program() -> PathBuf {
    std::path::absolute(env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program")).unwrap()
}

/// What a terminal gets while a line of shell runs in the folder, in which `$0` is the program.
fn on_terminal(dir: &Path, line: &str) -> String {
    fs::write(dir.join("line"), format!("exec sh -c '{line}' {}\n", program().display())).unwrap();
    let output = command("socat")
        .args(["-u", "EXEC:sh line,pty,stderr,rawer", "-"])
        .env("TERM", "xterm")
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn holes(path: &Path, size: u64) {
    fs::File::create(path).unwrap().set_len(size).unwrap();
}

/// A filesystem with a large file, nearly all of which is a hole.
fn filesystem(dir: &Path) {
    fs::create_dir_all(dir.join("tree/folder")).unwrap();
    holes(&dir.join("tree/folder/esc\x1b[31m"), 80 * MIB);
    let file = fs::File::options().write(true).open(dir.join("tree/folder/esc\x1b[31m")).unwrap();
    file.write_all_at(b"end", 80 * MIB - 3).unwrap();
    holes(&dir.join("ext4"), 16 * MIB);
    let [tree, image] = ["tree", "ext4"].map(|name| dir.join(name).to_str().unwrap().to_string());
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", &tree, &image]);
}

#[test]
fn a_device_shows_bytes_rate_and_time_left() {
    let dir = work_dir("device");
    holes(&dir.join("esc\x1b[31m.raw"), 100 * MIB);
    holes(&dir.join("small.raw"), MIB);
    let shown = on_terminal(&dir, "\"$0\" dev cat esc*.raw > made");
    for part in [" MiB of 100.00 MiB  ", "iB/s  ETA ", "esc\\x1b[31m.raw"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("\x1b[31m") && shown.trim_end().ends_with("\x1b[2K"), "{shown:?}");
    assert_eq!(fs::metadata(dir.join("made")).unwrap().len(), 100 * MIB);
    // Into a pipe, too; what is short, or goes to the terminal itself, shows none.
    assert!(on_terminal(&dir, "\"$0\" dev cat esc*.raw | cat > made").contains(" ETA "));
    assert_eq!(on_terminal(&dir, "\"$0\" dev cat small.raw > made"), "");
    let bytes = on_terminal(&dir, "\"$0\" dev cat esc*.raw");
    assert!(bytes.len() as u64 == 100 * MIB && bytes.bytes().all(|byte| byte == 0));
    // A terminal that can show none.
    assert_eq!(on_terminal(&dir, "TERM=dumb \"$0\" dev cat esc*.raw > made"), "");
}

#[test]
fn files_show_how_much_of_them_is_done() {
    let dir = work_dir("files");
    filesystem(&dir);
    let whole = on_terminal(&dir, "\"$0\" fs cp ext4:/folder copy");
    assert!(whole.contains(" MiB  ") && whole.contains("iB/s  /folder/esc\\x1b[31m"), "{whole}");
    assert!(!whole.contains("ETA"), "what a folder holds is known when it is done: {whole}");
    assert_eq!(fs::metadata(dir.join("copy/esc\x1b[31m")).unwrap().len(), 80 * MIB);
    let file = on_terminal(&dir, "f=$(printf \"ext4:/folder/esc\\033[31m\"); \"$0\" fs cp \"$f\" file");
    assert!(file.contains(" MiB of 80.00 MiB  ") && file.contains(" ETA "), "{file}");
    let manifest = on_terminal(&dir, "\"$0\" fs manifest ext4 > manifest");
    assert!(manifest.contains("iB/s  /folder/esc\\x1b[31m"), "{manifest}");
    for shown in [whole, file, manifest] {
        assert!(!shown.contains("\x1b[31m") && shown.trim_end().ends_with("\x1b[2K"), "{shown:?}");
    }
    // An error stands alone on its line.
    let [commands, image] = ["commands", "ext4"].map(|name| dir.join(name).to_str().unwrap().to_string());
    fs::write(&commands, "cd folder\nmknod zz c 1 3\n").unwrap();
    run("debugfs", &["-w", "-f", &commands, &image]);
    let failed = on_terminal(&dir, "\"$0\" fs cp ext4:/folder other || true");
    let said = "\r\x1b[2Kcloud-boot: E-CLI-KIND ext4:/folder/zz: a char is not copied; leave it out\n";
    assert!(failed.ends_with(said), "{failed:?}");
}

#[test]
fn elsewhere_nothing_is_shown() {
    let dir = work_dir("elsewhere");
    filesystem(&dir);
    holes(&dir.join("disk.raw"), 100 * MIB);
    for args in
        [["dev", "cat", "disk.raw"].as_slice(), &["fs", "manifest", "ext4"], &["fs", "cp", "ext4:/", "copy"]]
    {
        let output =
            Command::new(program()).args(args).current_dir(&dir).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_wrong_usage_have_colours_on_a_terminal() {
    let dir = work_dir("colours");
    for line in ["\"$0\" --help", "\"$0\" nvram show --json --help", "\"$0\" boot || true"] {
        assert!(on_terminal(&dir, line).contains("\x1b["), "{line}");
        assert!(!on_terminal(&dir, &format!("export NO_COLOR=1; {line}")).contains('\x1b'), "{line}");
        assert!(!on_terminal(&dir, &format!("({line}) 2>&1 | cat")).contains('\x1b'), "{line}");
    }
}
