// SPDX-License-Identifier: BSD-3-Clause
//! Tests `tools/toolbox/room.sh` on its own cache folders: what `tools/bazel` removes when a disk gets full, and what
//! it keeps.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, SystemTime},
};

/// KiB of each entry and of each toolbox.
const SIZE: usize = 64;
/// Size in KiB of the simulated disk; the files in the cache folder count against it.
const DISK: usize = 4096;

struct Cache(PathBuf);

impl Cache {
    fn new(name: &str) -> Self {
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, Into::into);
        let root = base.join(format!("room-{name}-{}", std::process::id()));
        fs::create_dir_all(root.join("disk")).unwrap();
        Self(root)
    }

    /// Creates a file that was last used this many hours ago.
    fn file(&self, name: &str, hours: u64) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![1; SIZE << 10]).unwrap();
        let used = SystemTime::now() - Duration::from_secs(hours * 3600);
        fs::File::options().write(true).open(&path).unwrap().set_modified(used).unwrap();
    }

    /// Creates a toolbox that was last used this many hours ago.
    fn toolbox(&self, name: &str, hours: u64) {
        self.file(&format!("{name}/root/file"), hours);
        self.file(&format!("{name}/bazelrc"), hours);
    }

    /// Creates an output base of a checkout.
    fn output_base(&self, name: &str, checkout: &Path) -> PathBuf {
        let base = self.0.join(name);
        fs::create_dir_all(base.join("server")).unwrap();
        fs::write(base.join("DO_NOT_BUILD_HERE"), checkout.to_str().unwrap()).unwrap();
        base
    }

    /// Frees space until this many KiB of the disk are free; returns the messages.
    fn make_room(&self, wanted: usize) -> String {
        let script = env::var("ROOM").unwrap_or_else(|_| "../toolbox/room.sh".into());
        let script = fs::canonicalize(script).unwrap();
        let program = format!(
            "set -euo pipefail; say() {{ echo \"$*\"; }}; . \"$1\"\n\
             free_kib() {{ echo $(({DISK} - ($(find \"$1\" -type f -size +8k -printf '%k + ') 0))); }}\n\
             make_room \"$2\" own {wanted}"
        );
        let output = Command::new("bash")
            .args(["-c", &program, "room"])
            .args([&script, &self.0])
            .output()
            .expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().replace(self.0.to_str().unwrap(), "CACHE")
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that runs until it is dropped, and has this word in its command line.
struct Running(Child);

impl Running {
    fn new(word: &str) -> Self {
        let mut command = Command::new("sh");
        Self(command.args(["-c", "read -r line", word]).stdin(std::process::Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nothing_is_removed_where_enough_is_free() {
    let cache = Cache::new("enough");
    cache.toolbox("own", 0);
    cache.toolbox("older", 9);
    cache.file("disk/cas/aa/one", 9);
    assert_eq!(cache.make_room(1024), "");
    assert!(cache.has("older/root/file") && cache.has("disk/cas/aa/one"));
}

#[test]
fn older_toolboxes_go_before_the_disk_cache_and_the_oldest_first() {
    let cache = Cache::new("older");
    cache.toolbox("own", 20);
    cache.toolbox("oldest", 12);
    cache.toolbox("older", 9);
    cache.file("disk/cas/aa/one", 90);
    // Seven files are there; the oldest toolbox has two.
    let wanted = DISK - 5 * SIZE;
    let said = cache.make_room(wanted);
    assert!(said.contains("the older toolbox in CACHE/oldest"), "{said}");
    assert!(!cache.has("oldest") && cache.has("older") && cache.has("own") && cache.has("disk/cas/aa/one"));
    // As much as possible: what this call uses stays.
    cache.make_room(DISK);
    assert!(!cache.has("older") && cache.has("own/root/file") && !cache.has("disk/cas/aa/one"));
    assert_eq!(cache.make_room(DISK), "", "nothing is left to remove, and nothing is said");
}

#[test]
fn of_the_disk_cache_what_was_used_longest_ago_goes() {
    let cache = Cache::new("disk");
    for (name, hours) in [("ac/01/a", 3), ("cas/02/b", 8), ("cas/03/c", 1), ("ac/04/d", 7)] {
        cache.file(&format!("disk/{name}"), hours);
    }
    cache.make_room(DISK - 2 * SIZE);
    let left = ["ac/01/a", "cas/02/b", "cas/03/c", "ac/04/d"].map(|name| cache.has(&format!("disk/{name}")));
    assert_eq!(left, [true, false, true, false]);
}

#[test]
fn the_output_of_a_checkout_that_is_gone_is_always_removed() {
    let cache = Cache::new("gone");
    let checkout = cache.0.join("checkout");
    fs::create_dir(&checkout).unwrap();
    let (there, gone) = (
        cache.output_base("own/bazel/1", &checkout),
        cache.output_base("own/bazel/2", &cache.0.join("no-checkout")),
    );
    fs::create_dir_all(cache.0.join("own/bazel/cache/repos")).unwrap();
    assert_eq!(cache.make_room(0), "CACHE/no-checkout is gone: removing its build output\n");
    assert!(there.exists() && !gone.exists() && cache.has("own/bazel/cache/repos"));
}

#[test]
fn what_a_running_server_uses_stays() {
    let cache = Cache::new("served");
    cache.toolbox("served", 30);
    cache.toolbox("stale", 20);
    let served = cache.output_base("served/bazel/1", &cache.0.join("no-checkout"));
    let stale = cache.output_base("stale/bazel/1", Path::new("/"));
    let server = Running::new(served.to_str().unwrap());
    // The process id of the other is that of a program which is no server of it.
    for base in [&served, &stale] {
        fs::write(base.join("server/server.pid.txt"), server.0.id().to_string()).unwrap();
    }
    cache.make_room(DISK);
    assert!(served.exists() && cache.has("served/root/file") && !cache.has("stale"));
    drop(server);
    cache.make_room(DISK);
    assert!(!cache.has("served"));
}
