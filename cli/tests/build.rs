// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot build`, and what `inspect` says of what comes out: with keys of cosign and openssl, and read by binutils
//! and the tools of Secure Boot.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, work_dir};
use serde_json::Value;

fn call(args: &[&str]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// Standard output of a call that succeeds.
fn said(args: &[&str]) -> String {
    let output = call(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and standard error of a call that does not.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = call(args);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A key pair of cosign's: the public half.
fn cosign_key(folder: &Path, name: &str) -> PathBuf {
    let prefix = format!("--output-key-prefix={}", text(&folder.join(name)));
    run("env", &["COSIGN_PASSWORD=", "cosign", "generate-key-pair", &prefix]);
    folder.join(format!("{name}.pub"))
}

/// The digest of a public key as openssl and coreutils say it.
fn id(folder: &Path, key: &Path) -> String {
    let der = folder.join("key.der");
    run("openssl", &["pkey", "-pubin", "-in", text(key), "-outform", "DER", "-out", text(&der)]);
    let sum = Command::new("sha256sum").arg(&der).output().unwrap().stdout;
    format!("sha256:{}", String::from_utf8(sum).unwrap().split(' ').next().unwrap())
}

/// A certificate of nobody's, and its key.
fn certificate(folder: &Path, name: &str) -> [PathBuf; 2] {
    let files = ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")));
    let subject = format!("/CN={name}");
    let kind = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject];
    run("openssl", &[&kind[..], &["-out", text(&files[0]), "-keyout", text(&files[1])]].concat());
    files
}

#[test]
fn what_is_built_in_is_shown_on_every_architecture() {
    let folder = work_dir("build");
    let (a, b) = (cosign_key(&folder, "a"), cosign_key(&folder, "b"));
    let [ca, _] = certificate(&folder, "ca");
    for arch in ["x86_64", "aarch64", "riscv64", "loongarch64"] {
        let out = folder.join(arch);
        let keys = ["--cosign-key", text(&a), "--cosign-key", text(&b), "--threshold", "2"];
        let rest = ["--ca", text(&ca), "--cmdline", "cloudboot.timeout=3", "--out", text(&out)];
        let lines = said(&[&["build", "--arch", arch][..], &keys, &rest].concat());
        let ids = [id(&folder, &a), id(&folder, &b)];
        assert!(lines.starts_with(&format!("key {}\nkey {}\n", ids[0], ids[1])), "{lines}");
        let report: Value = serde_json::from_str(&said(&["inspect", "--json", text(&out)])).unwrap();
        assert_eq!(report["keys"], serde_json::json!(ids));
        let settings = "cloudboot.timeout=3 cloudboot.cosign.threshold=\"2\"";
        let expected = serde_json::json!([arch, settings, true, 1, false]);
        let found = ["arch", "cmdline", "locked", "roots", "signed"].map(|name| report[name].clone());
        assert_eq!(serde_json::json!(found), expected);
        let shown = said(&["inspect", text(&out)]);
        assert!(shown.contains("from a registry, only what is signed by 2 of them"), "{shown}");
    }
}

#[test]
fn inspect_says_what_the_settings_make_of_a_key() {
    let folder = work_dir("build-policy");
    let key = cosign_key(&folder, "a");
    for (number, words, policy) in [
        (1, "cloudboot.cosign=off", "anything: cloudboot.cosign=off starts whatever a registry has"),
        (2, "cloudboot.cosign=warn", "cloudboot.cosign=warn starts what is not signed, with a warning"),
        (3, "cloudboot.local=1", "signed by one of them; entries on disks, too (cloudboot.local=1)"),
    ] {
        let out = folder.join(number.to_string());
        let secret = format!("{words} rd.cloudboot.user=me rd.cloudboot.pass=hunter2");
        let keys = ["--cosign-key", text(&key), "--cmdline", &secret, "--out", text(&out), "--json"];
        let made = said(&[&["build", "--arch", "x86_64"][..], &keys].concat());
        let shown = said(&["inspect", text(&out)]);
        assert!(shown.contains(policy), "{shown}");
        assert!(!shown.contains("hunter2") && !made.contains("hunter2"), "{shown}{made}");
    }
}

#[test]
fn a_key_beside_the_loader_counts_by_its_digest() {
    let folder = work_dir("build-beside");
    let out = folder.join("loader.efi");
    let digest = format!("sha256:{}", "a".repeat(64));
    let words = format!("cloudboot.cosign.key=/cloudboot/a.pub@{digest}");
    said(&["build", "--arch", "x86_64", "--cmdline", &words, "--out", text(&out)]);
    let report = || -> Value { serde_json::from_str(&said(&["inspect", "--json", text(&out)])).unwrap() };
    let file = serde_json::json!([{"path": "/cloudboot/a.pub", "digest": digest}]);
    assert_eq!((&report()["key_files"], &report()["locked"]), (&file, &Value::Bool(true)));
    let shown = said(&["inspect", text(&out)]);
    assert!(shown.contains(&format!("key      in /cloudboot/a.pub, which must be {digest}\n")), "{shown}");
    assert!(shown.contains("from a registry, only what is signed by one of them"), "{shown}");
    // A loader that another program has made, with the path alone.
    let mut bytes = fs::read(&out).unwrap();
    let at = bytes.windows(12).position(|window| window == b"@sha256:aaaa").unwrap();
    bytes[at] = b'#';
    fs::write(&out, bytes).unwrap();
    assert_eq!(
        (&report()["key_files"][0]["digest"], &report()["locked"]),
        (&Value::Null, &Value::Bool(true))
    );
    let shown = said(&["inspect", text(&out)]);
    assert!(shown.contains(" is ignored: no digest; expected /PATH@sha256:HEX\n"), "{shown}");
    assert!(shown.contains("nothing from a registry: no key is valid"), "{shown}");
}

#[test]
fn other_programs_read_what_comes_out() {
    let folder = work_dir("build-others");
    let key = cosign_key(&folder, "a");
    let out = folder.join("loader.efi");
    said(&["build", "--arch", "x86_64", "--cosign-key", text(&key), "--out", text(&out)]);
    let section = folder.join("keys");
    let dump = format!("--dump-section=.keys={}", text(&section));
    run("objcopy", &[&dump, text(&out), text(&folder.join("copy"))]);
    let held = fs::read(&section).unwrap();
    let held = held.split(|byte| *byte == 0).next().unwrap();
    assert_eq!(held, [fs::read(&key).unwrap(), b"\n".to_vec()].concat());
    // Signed for Secure Boot, it is shown to be, and nothing more goes in.
    let [crt, private] = certificate(&folder, "db");
    let signed = folder.join("signed.efi");
    run("sbsign", &["--key", text(&private), "--cert", text(&crt), "--output", text(&signed), text(&out)]);
    run("sbverify", &["--cert", text(&crt), text(&signed)]);
    assert!(said(&["inspect", text(&signed)]).contains(", signed for Secure Boot"));
    let again = ["build", "--arch", "x86_64", "--cmdline", "cloudboot.debug=1"];
    for (from, cause) in [(&signed, "it is signed; use the unsigned file"), (&out, "")] {
        let made = folder.join("again.efi");
        let args = [&again[..], &["--loader", text(from), "--out", text(&made)]].concat();
        match cause {
            "" => drop(said(&args)),
            cause => assert!(refused(&args).1.contains(cause)),
        }
    }
}

#[test]
fn what_cannot_be_built_in_is_refused() {
    let folder = work_dir("build-refused");
    let key = cosign_key(&folder, "a");
    let [crt, private] = certificate(&folder, "x");
    let out = folder.join("loader.efi");
    let end = ["--arch", "x86_64", "--out", text(&out)];
    for (args, code, cause) in [
        (&["--cosign-key", text(&private)][..], 1, "not PUBLIC KEY"),
        (&["--cosign-key", "/nowhere"], 1, "No such file"),
        (
            &["--cosign-key", text(&key), "--threshold", "2"],
            2,
            "its threshold is larger than the number of its signers",
        ),
        (
            &["--cosign-key", text(&key), "--cosign-key", text(&key), "--threshold", "2"],
            2,
            "its threshold is larger",
        ),
        (
            &["--cosign-key", text(&key), "--cmdline", "cloudboot.cosign.threshold=9"],
            2,
            "its threshold is larger",
        ),
        (
            &["--cmdline", "cloudboot.cosign.key=/cloudboot/a.pub"],
            2,
            "cloudboot.cosign.key=/cloudboot/a.pub: no digest; expected /PATH@sha256:HEX, or use --cosign-key FILE",
        ),
        (
            &["--cmdline", "cloudboot.cosign.trusted-root=/t.json@sha256:00"],
            2,
            "no valid digest after the @; expected /PATH@sha256:HEX, or use --trusted-root FILE",
        ),
        (&["--threshold", "1"], 2, "--cosign-key"),
        (&["--ca", text(&key)], 1, "no CERTIFICATE section"),
        (&["--cmdline", "cloudboot.tarket=x"], 2, "E-CONFIG-UNKNOWN"),
        (&["--trusted-root", text(&crt)], 2, "--identity"),
        (&["--trusted-root", text(&crt), "--identity", "a", "--issuer", "b"], 1, "E-CLI-FILE"),
        (&["--loader", text(&crt)], 1, "not a UEFI program"),
    ] {
        let (status, error) = refused(&[&["build"][..], args, &end].concat());
        assert!(status == Some(code) && error.contains(cause), "{args:?}: {status:?} {error}");
        assert!(!out.exists(), "{args:?}");
    }
}
