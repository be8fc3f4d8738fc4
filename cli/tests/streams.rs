// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot push` and `pull` of large files: what they need of memory, and what is left of a pull that was ended.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use peers::{Nginx, Registry, Scratch};

/// Limits of the heap and of all other private memory, in KiB.
const MEMORY: u32 = 64 << 10;

fn command(folder: &Path, args: &[&str]) -> Command {
    let program = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\"")])
        .arg(std::path::absolute(program).unwrap())
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("DOCKER_CONFIG")
        .env_remove("REGISTRY_AUTH_FILE")
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) {
    let output = command(folder, args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{args:?} {:?} {errors}", output.status);
}

/// A file of so many MiB, no two of which are the same.
fn large(scratch: &Scratch, mebibytes: u32) -> PathBuf {
    let content =
        |mebibyte: u32| (0..1 << 18_u32).flat_map(move |n| (n * 7 + (mebibyte << 18)).to_le_bytes());
    let bytes: Vec<u8> = (0..mebibytes).flat_map(content).collect();
    scratch.write("large", &bytes)
}

fn same(a: &Path, b: &Path) {
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{} and {}", a.display(), b.display());
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("streams"));
    let (folder, file) = (scratch.path(), large(&scratch, 66));
    let reference = format!("oci://{}/a/b:1", registry.authority());
    // Larger than the limit: whoever keeps it in memory fails.
    run(folder, &["push", "--plain-http", &reference, "large:disk"]);
    run(folder, &["pull", "--plain-http", &reference, "--out", "again"]);
    same(&file, &folder.join("again/large"));
    assert_eq!(names(&folder.join("again")), ["large"]);
    run(folder, &["push", "oci:layout:1", "large:disk"]);
    let blobs = names(&folder.join("layout/blobs/sha256"));
    assert!(blobs.len() == 3 && blobs.iter().all(|name| name.len() == 64), "{blobs:?}");
    run(folder, &["pull", "oci:layout:1", "--out", "last"]);
    same(&file, &folder.join("last/large"));
}

#[test]
fn a_pull_that_was_ended_goes_on_where_it_was() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("ended"));
    let (folder, file) = (scratch.path(), large(&scratch, 24));
    let size = fs::metadata(&file).unwrap().len();
    let to = |port: u16| format!("oci://127.0.0.1:{port}/a/b:1");
    run(folder, &["push", "--plain-http", &to(registry.port), "large:disk"]);
    let front = |more: &str| {
        let pass =
            format!("proxy_pass http://127.0.0.1:{}; proxy_set_header Host $http_host;", registry.port);
        Nginx::start(&format!("location / {{ {pass} {more} }}"))
    };
    let (slow, fast) = (front("limit_rate 512k;"), front(""));
    for out in ["again", "oci:layout:1"] {
        let partial = || match out {
            "again" => Some(folder.join("again/.large.partial")),
            _ => {
                let blobs = folder.join("layout/blobs/sha256");
                let sized = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.len() > 1 << 20);
                fs::read_dir(&blobs).ok()?.map(|entry| entry.unwrap().path()).find(sized)
            }
        };
        let held = || partial().and_then(|path| fs::metadata(path).ok()).map_or(0, |file| file.len());
        let args = ["pull", "--plain-http", &to(slow.port), "--out", out];
        let mut pull = command(folder, &args).spawn().unwrap();
        while held() <= 1 << 20 {
            assert!(pull.try_wait().unwrap().is_none(), "it has ended by itself");
            thread::sleep(Duration::from_millis(20));
        }
        pull.kill().unwrap();
        pull.wait().unwrap();
        let held = held();
        assert!(held < size);
        let before = fast.log().lines().count();
        run(folder, &["pull", "--plain-http", &to(fast.port), "--out", out]);
        // As nginx logs a request: … "GET …" status bytes …
        let sent = |line: &str| line.split_once("\" 206 ")?.1.split(' ').next()?.parse::<u64>().ok();
        let fetched: u64 = fast.log().lines().skip(before).filter_map(sent).sum();
        assert_eq!(fetched, size - held, "{out}: {}", fast.log());
    }
    same(&file, &folder.join("again/large"));
    assert_eq!(names(&folder.join("again")), ["large"]);
    assert!(names(&folder.join("layout/blobs/sha256")).iter().all(|name| name.len() == 64));
    run(folder, &["pull", "oci:layout:1", "--out", "last"]);
    same(&file, &folder.join("last/large"));
}
