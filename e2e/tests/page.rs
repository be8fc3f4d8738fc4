// SPDX-License-Identifier: BSD-3-Clause
//! The commands of a page of the book, as they stand there: from an empty directory to a boot from the network.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A kernel and an initrd as installed systems have them, for which the test has its own.
const INSTALLED: [(&str, &str); 2] =
    [("\"/boot/vmlinuz-$(uname -r)\"", "vmlinuz"), ("\"/boot/initrd.img-$(uname -r)\"", "initrd.img")];

/// What a kernel is told besides: on a machine that is busy with other things the emulated timer is late, which Linux on
/// x86 takes for a fault.
const PATIENCE: (&str, &str) = ("console=ttyS0,115200", "console=ttyS0,115200 no_timer_check");

/// The end of the last command: what ends it, and emulation, since no test needs KVM.
const UNTIL: &str = " --accel tcg --timeout 600 --until 'mini: userspace on x86_64' </dev/null";

/// Ends what was started in the background.
const CLEAN: &str = "trap 'kill $(jobs -p); wait' EXIT\n";

fn file(variable: &str) -> PathBuf {
    let path = env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set"));
    std::path::absolute(path).unwrap()
}

/// The commands below a heading, and no more of them than the page promises.
fn commands(page: &str, heading: &str, most: usize) -> String {
    let (_, rest) = page.split_once(&format!("## {heading}\n")).expect("the heading");
    let (_, rest) = rest.split_once("```\n").expect("a block");
    let (block, _) = rest.split_once("\n```").expect("its end");
    let count = block.lines().filter(|line| !line.starts_with(' ')).count();
    assert!(count <= most, "{count} commands:\n{block}");
    block.into()
}

#[test]
fn its_commands_boot_from_the_network() {
    let folder = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from).join("page");
    let programs = folder.join("bin");
    fs::create_dir_all(&programs).unwrap();
    symlink(file("CLOUD_BOOT"), programs.join("cloud-boot")).unwrap();
    let artifact: Vec<PathBuf> = env::var("ARTIFACT")
        .expect("ARTIFACT is set")
        .split(' ')
        .map(|path| std::path::absolute(path).unwrap())
        .collect();
    let setting = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let page = fs::read_to_string(file("PAGE")).unwrap();
    let mut script = commands(&page, &setting("HEADING"), setting("MOST_COMMANDS").parse().unwrap());
    for (installed, name) in INSTALLED {
        let is_it = |path: &&PathBuf| path.file_name() == Some(name.as_ref());
        let own = artifact.iter().find(is_it).expect("a part").display().to_string();
        assert!(script.contains(installed), "{installed} in:\n{script}");
        script = script.replace(installed, &own);
    }
    assert!(script.contains(PATIENCE.0), "{} in:\n{script}", PATIENCE.0);
    script = script.replace(PATIENCE.0, PATIENCE.1);
    script.push_str(UNTIL);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs.display());
    let output = Command::new("bash")
        .args(["-euxc", &format!("{CLEAN}{script}")])
        .current_dir(Path::new(&folder))
        .env("PATH", path)
        .env("HOME", &folder)
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (console, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{errors}\n{console}");
    assert!(console.lines().any(|line| line.starts_with("mini: userspace on x86_64")), "{console}");
}
