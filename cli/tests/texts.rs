// SPDX-License-Identifier: BSD-3-Clause
//! Help, usage, and `config explain`, as they are printed.
//!
//! `help.txt` has the help of every command. After a change on purpose, `CLOUD_BOOT_WRITE=1` makes this test write
//! it anew.

use std::{
    env, fs,
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, run_with_input, work_dir};

const COMMANDS: [&[&str]; 25] = [
    &[],
    &["inspect"],
    &["fs"],
    &["fs", "ls"],
    &["fs", "tree"],
    &["fs", "stat"],
    &["fs", "cat"],
    &["fs", "cp"],
    &["fs", "manifest"],
    &["dev"],
    &["dev", "ls"],
    &["dev", "cat"],
    &["config"],
    &["config", "explain"],
    &["label"],
    &["nvram"],
    &["nvram", "show"],
    &["completions"],
    &["man"],
    &["iso"],
    &["push"],
    &["pull"],
    &["verify"],
    &["status"],
    &["run"],
];

fn call(args: &[&str]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = call(args);
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_help_with_examples() {
    let path = env::var("HELP").expect("HELP names help.txt");
    let mut all = String::new();
    for command in COMMANDS {
        let help = text(&[command, &["--help"]].concat());
        assert!(!help.contains('\x1b'), "colours where there is no terminal");
        assert!(help.contains("\nExamples:\n  cloud-boot "), "{command:?}");
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        all.push_str(&format!(
            "$ cloud-boot {}\n{}\n\n",
            [command, &["--help"]].concat().join(" "),
            lines.join("\n")
        ));
    }
    if env::var_os("CLOUD_BOOT_WRITE").is_some() {
        fs::write(&path, all.trim_end().to_string() + "\n").unwrap();
    }
    assert_eq!(all.trim_end(), fs::read_to_string(&path).unwrap().trim_end());
}

/// In a folder that has the files that they name.
#[test]
fn examples_of_groups_work_as_written() {
    let dir = work_dir("examples");
    for (path, content) in
        [("tree/boot/vmlinuz", "kernel"), ("tree/etc/os-release", "ID=x"), ("cmdline", "quiet")]
    {
        fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
        fs::write(dir.join(path), content).unwrap();
    }
    let [disk, tree] = ["disk.raw", "tree"].map(|name| dir.join(name).to_str().unwrap().to_string());
    fs::File::create(&disk).unwrap().set_len(8 << 20).unwrap();
    run("sgdisk", &["-o", "-n1:2048:14335", &disk]);
    let inside = ["-t", "ext4", "-E", "offset=1048576", "-d", &tree, &disk, "6M"];
    run("mke2fs", &[["-q", "-F"].as_slice(), &inside].concat());
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", dir.join("OVMF_VARS_4M.fd")).unwrap();
    let program = std::path::absolute(env::var_os("CLOUD_BOOT").unwrap()).unwrap();
    for group in ["fs", "dev", "config", "nvram"] {
        let help = text(&[group, "--help"]);
        let (_, examples) = help.split_once("\nExamples:\n").unwrap();
        let lines: Vec<&str> =
            examples.lines().filter_map(|line| line.strip_prefix("  cloud-boot ")).collect();
        assert!((2..=3).contains(&lines.len()), "{group}: {lines:?}");
        for line in lines {
            let line = format!("exec \"$0\" {line}");
            let output =
                Command::new("sh").args(["-c", &line]).arg(&program).current_dir(&dir).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && errors.is_empty(), "{line}: {errors}");
        }
    }
    assert_eq!(fs::read(dir.join("copy-of-boot/vmlinuz")).unwrap(), b"kernel");
    assert_eq!(fs::metadata(dir.join("partition.img")).unwrap().len(), 6 << 20);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "Usage: cloud-boot <COMMAND>"),
        (&["boot"], "unrecognized subcommand 'boot'"),
        (&["inspect"], "<IMAGE>..."),
        (&["inspect", "--arch", "mips", "x"], "invalid value 'mips'"),
        (&["fs", "cat", "x"], "a path is missing: IMAGE:PATH, or --path PATH"),
        (&["dev", "cat", "x", "--offset=-1"], "invalid value '-1'"),
        (&["completions", "tcsh"], "possible values: bash, elvish, fish, powershell, zsh"),
        (&["config", "explain", "--source", "x"], "expected SOURCE=TEXT"),
    ];
    for (args, said) in cases {
        let output = call(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains(said) && output.stdout.is_empty(), "{args:?}: {errors}");
    }
    assert_eq!(text(&["--version"]), concat!("cloud-boot ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_reader_who_left_is_none() {
    let path = std::path::absolute(env::var_os("CLOUD_BOOT").unwrap()).unwrap();
    let cases: [&[&str]; 6] = [
        &["--help"],
        &["--version"],
        &["help", "fs"],
        &["fs", "ls", "--help"],
        &["completions", "bash"],
        &["config", "explain", "cloudboot.menu=always"],
    ];
    for args in cases {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(&path).args(args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = "cloud-boot: E-CLI-OUTPUT standard output: No space left on device (os error 28); check the \
                    file, disk or program that it goes to\n";
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.as_str()), (Some(1), said), "{args:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(&path).args(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()), "{args:?}");
    }
}

#[test]
fn settings_are_explained_with_their_sources() {
    let file = work_dir("texts").join("cmdline");
    fs::write(&file, "cloudboot.menu=hidden cloudboot.timeout=3 quiet\n").unwrap();
    let file = file.to_str().unwrap();
    let args = ["config", "explain", "--file", file, "--source", "smbios=cloudboot.target=rescue"];
    let words = [
        "cloudboot.menu=always",
        "cloudboot.unknown=1",
        "cloudboot.openstack.app-cred-secret=hunter2",
        "cloudboot.debug=2",
    ];
    assert_eq!(
        text(&[args.as_slice(), &words].concat()),
        "\
cloudboot.timeout=3 from file
cloudboot.menu=always from load-options
cloudboot.openstack.app-cred-secret=*** from load-options
cloudboot.target=rescue from smbios
for the kernel: quiet
E-CONFIG-UNKNOWN cloudboot.unknown (LoadOptions): there is no such key
E-CONFIG-IDLE cloudboot.openstack.app-cred-secret (LoadOptions): it has no effect in this program
E-CONFIG-VALUE cloudboot.debug=2 (LoadOptions): expected 0 or 1
"
    );
    fs::write(file, "cloudboot.debug=a\\b cloudboot.x(\\cloudboot\\cmdline)").unwrap();
    assert_eq!(
        text(&["config", "explain", "--file", file]),
        "\
E-CONFIG-VALUE cloudboot.debug=a\\\\b (\\cloudboot\\cmdline): expected 0 or 1
E-CONFIG-UNKNOWN cloudboot.x(\\\\cloudboot\\\\cmdline) (\\cloudboot\\cmdline): there is no such key
"
    );
    assert_eq!(
        text(&["config", "explain", "--json", "--locked", "cloudboot.debug=1", "cloudboot.disk=/dev/vda"]),
        "{\"settings\":[{\"key\":\"cloudboot.debug\",\"value\":\"1\",\"source\":\"load-options\"}],\"rest\":\"\",\
         \"problems\":[{\"code\":\"E-CONFIG-LOCKED\",\"object\":\"cloudboot.disk\",\"message\":\"cloudboot.disk \
         (LoadOptions): this machine is locked: only built-in settings may set it\"}]}\n"
    );
    let all = text(&["config", "explain", "--all", "cloudboot.retry=2"]);
    let expected =
        "cloudboot.retry=2 from load-options\ncloudboot.target=the default of the image from default\n";
    assert!(all.starts_with(expected) && all.contains("\ncloudboot.menu=auto from default\n"), "{all}");
    assert!(!all.contains("retry=0") && !all.contains("cloudboot.exit"), "{all}");
    let missing = call(&["config", "explain", "--file", "/gone"]);
    let said = "cloud-boot: E-CLI-FILE /gone: No such file or directory (os error 2); check its name and permissions\n";
    assert_eq!((missing.status.code(), missing.stderr.as_slice()), (Some(1), said.as_bytes()));
}

#[test]
fn a_metadata_document_is_explained_as_the_strongest_source() {
    let file = work_dir("metadata").join("meta_data.json");
    let document = r#"{"uuid":"x","cloudboot":{"target":"rescue","ca":"/ca.pem","insecure":true,
        "disk":{"luks-passphrase":"hunter2"},"registry":{"pass":"hunter2"}}}"#;
    fs::write(&file, document).unwrap();
    let file = file.to_str().unwrap();
    let explain = ["config", "explain", "--metadata", file, "cloudboot.target=debian", "cloudboot.timeout=3"];
    let misspelt = "E-CONFIG-MEMBER disk.luks-passphrase (the metadata): unknown member: members have \
                    underscores where keys have dashes\n";
    let never = "E-CONFIG-LOCKED cloudboot.insecure (the metadata): a metadata document may not set it\n";
    let settings = "cloudboot.timeout=3 from load-options\ncloudboot.target=rescue from metadata\n";
    let plain = "E-CONFIG-PLAIN cloudboot.metadata.url (the metadata): not authenticated: anyone on this network \
                 may have sent it\n";
    assert_eq!(
        text(&explain),
        format!(
            "{settings}cloudboot.ca=/ca.pem from metadata\nrd.cloudboot.pass=*** from metadata\n{never}{misspelt}{plain}"
        )
    );
    let ca = "E-CONFIG-LOCKED cloudboot.ca (the metadata): this machine is locked: only built-in settings may set it\n";
    let locked = text(&[&explain[..], &["--locked"]].concat());
    assert_eq!(locked, format!("{settings}rd.cloudboot.pass=*** from metadata\n{never}{misspelt}{ca}"));
    fs::write(file, "{\"cloudboot\":\nhunter2}").unwrap();
    let failed = call(&explain);
    let said = format!(
        "cloud-boot: E-NET-META-JSON {file}: malformed document: expected value at line 2 column 1; correct the \
         document; cloud-boot config explain --metadata FILE reads it as the loader does\n"
    );
    assert_eq!((failed.status.code(), String::from_utf8(failed.stderr).unwrap()), (Some(1), said));
}

#[test]
fn settings_may_come_through_a_pipe() {
    let pipe = work_dir("pipe").join("pipe");
    let pipe = pipe.to_str().unwrap();
    run("mkfifo", &[pipe]);
    let writer = std::thread::spawn({
        let pipe = pipe.to_string();
        move || fs::write(pipe, "cloudboot.timeout=3\n").unwrap()
    });
    assert_eq!(text(&["config", "explain", "--file", pipe]), "cloudboot.timeout=3 from file\n");
    writer.join().unwrap();
    let path = std::path::absolute(env::var_os("CLOUD_BOOT").unwrap()).unwrap();
    let said = run_with_input(
        path.to_str().unwrap(),
        &["config", "explain", "--file", "/dev/stdin"],
        b"cloudboot.timeout=4",
    );
    assert_eq!(String::from_utf8(said).unwrap(), "cloudboot.timeout=4 from file\n");
}
