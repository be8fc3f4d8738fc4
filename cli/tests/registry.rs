// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot push` and `pull`: with the real registry, with image layouts, and beside oras and skopeo.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use arch::Arch;
use artifact::{Content, Room, Target, Told, fetch};
use oci::{Client, Digest, Platform, Reference};
use peers::{Issued, Key, Pki, Registry, Scratch, output};
use sockets::Sockets;

fn call(folder: &Path, args: &[&str]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    // Helpers of a test stand in its folder.
    let programs = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display());
    command
        .args(args)
        .current_dir(folder)
        .env("PATH", programs)
        .env("HOME", folder)
        .env_remove("DOCKER_CONFIG")
        .env_remove("SSL_CERT_FILE")
        .env_remove("XDG_RUNTIME_DIR");
    command.env_remove("REGISTRY_AUTH_FILE").stdin(Stdio::null()).output().unwrap()
}

/// What it prints when it succeeds.
fn text(folder: &Path, args: &[&str]) -> String {
    let output = call(folder, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{args:?} {:?} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The one line that it says when it fails.
fn failed(folder: &Path, args: &[&str]) -> String {
    let output = call(folder, args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{args:?} {errors}");
    errors.trim_end().into()
}

/// A folder with a kernel, an initrd and a command line, as far as their first bytes go.
fn parts() -> Scratch {
    let scratch = Scratch::new("cli-registry");
    let mut kernel: Vec<u8> = (0..3_000_000_u32).map(|index| (index * 7 + index / 251) as u8).collect();
    kernel[..2].copy_from_slice(b"xx");
    kernel[0x1fe..0x200].copy_from_slice(b"\x55\xaa");
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    scratch.write("vmlinuz", &kernel);
    scratch.write("initrd.img", b"070701 and so on");
    scratch.write("cmdline.txt", b"root=/dev/vda1 quiet\n");
    scratch
}

const FILES: [&str; 3] = ["vmlinuz", "initrd.img", "cmdline.txt"];

fn same_files(a: &Path, b: &Path) {
    for file in FILES {
        assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn what_is_pushed_is_pulled_by_us_and_by_oras() {
    let (registry, scratch) = (Registry::start(""), parts());
    let folder = scratch.path();
    let name = format!("{}/boot/linux:1", registry.authority());
    let reference = format!("oci://{name}");
    let pushed = text(folder, &[&["push", "--plain-http", &reference], &FILES[..]].concat());
    let pulled = text(folder, &["pull", "--plain-http", &reference, "--out", "again"]);
    assert!(pulled.starts_with(&pushed), "{pushed}{pulled}");
    let expected = "again/vmlinuz: 2.8 MiB, application/vnd.cloud-boot.kernel.v1\n\
                    again/initrd.img: 16 B, application/vnd.cloud-boot.initrd.v1\n\
                    again/cmdline.txt: 21 B, application/vnd.cloudboot.cmdline.v1\n";
    assert!(pulled.ends_with(expected), "{pulled}");
    same_files(folder, &folder.join("again"));
    output(folder, "oras", &["pull", "--plain-http", "--output", "oras", &name]);
    same_files(folder, &folder.join("oras"));
    // Nothing is overwritten unless that is said.
    let refused = failed(folder, &["pull", "--plain-http", &reference, "--out", "again"]);
    assert!(refused.starts_with("cloud-boot: E-CLI-TARGET again/vmlinuz: it already exists"), "{refused}");
    let json = text(folder, &["pull", "--plain-http", &reference, "--out", "again", "--force", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["files"][1]["path"].as_str(), json["files"][1]["size"].as_u64()),
        (Some("again/initrd.img"), Some(16))
    );
}

#[test]
fn annotations_stand_in_the_manifest() {
    let (registry, scratch) = (Registry::start(""), parts());
    let folder = scratch.path();
    let name = format!("{}/boot/linux:1", registry.authority());
    let pairs = [("org.cloudboot.name", "linux"), ("org.cloudboot.epoch", "2"), ("x", "a=b "), ("empty", "")];
    let arguments = pairs.map(|(key, value)| format!("{key}={value}"));
    let annotated: Vec<&str> =
        arguments.iter().flat_map(|argument| ["--annotation", argument.as_str()]).collect();
    let said = text(folder, &[&["push", "--plain-http", &name], &annotated[..], &FILES].concat());
    let manifest = output(folder, "oras", &["manifest", "fetch", "--plain-http", &name]);
    let document: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let expected: serde_json::Value = pairs.iter().map(|(key, value)| (*key, *value)).collect();
    assert_eq!(document["annotations"], expected, "{manifest}");
    // They are part of what is signed: the digest is that of the whole manifest.
    let digest = Digest::of(oci::Algorithm::Sha256, manifest.as_bytes());
    assert_eq!(said, format!("{name}: {digest}\n"));
    let kept = text(folder, &[&["push", "oci:layout:1"], &annotated[..], &FILES].concat());
    assert_eq!(kept, format!("oci:layout:1: {digest}\n"));
    let many: Vec<String> = (0..65).map(|number| format!("--annotation={number}=x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (annotations, words) in [
        (&["--annotation", "name"][..], "expected KEY=VALUE"),
        (&["--annotation", "=value"], "expected KEY=VALUE"),
        (&["--annotation", "org.cloudboot.epoch=two"], "must be a decimal number"),
        (&["--annotation", "org.cloudboot.epoch="], "must be a decimal number"),
        (&["--annotation", "a=1", "--annotation", "a=2"], "an annotation is given twice"),
        (&many, "more than 64 annotations"),
    ] {
        let output = call(folder, &[&["push", "oci:other:1"], annotations, &FILES].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.contains(words), "{annotations:?}: {errors}");
    }
    assert!(!folder.join("other").exists());
}

/// Whoever boots an artifact, with memory enough.
struct Booting;

impl Room for Booting {
    fn available(&self) -> u64 {
        1 << 30
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        Some(vec![0; length])
    }
}

impl Told for Booting {
    fn resolved(&self, _: &Reference, _: &Digest, _: u64) {}
    fn arrived(&self, _: u64, _: u64) {}
    fn part(&self, _: &str, _: u64) {}
}

#[test]
fn what_is_pushed_is_what_is_booted() {
    let (registry, scratch) = (Registry::start(""), parts());
    let folder = scratch.path();
    let name = format!("{}/boot/linux:1", registry.authority());
    let modules = b"\x1f\x8b modules";
    scratch.write("modules.img", modules);
    let files = ["modules.img:modules", "cmdline.txt", "initrd.img", "vmlinuz"];
    text(folder, &[&["push", "--plain-http", "--arch", "riscv64", &name], &files[..]].concat());
    let sockets = Sockets::default();
    let long = Duration::from_secs(1200);
    let limits = http::Limits { connect: long, head: long, body: long, window: long, ..Default::default() };
    let http = http::Client::new(sockets.clone()).with_limits(limits);
    // However busy the machine is.
    let backoff = http::Backoff { at_most: Duration::from_secs(600), ..http::Backoff::default() };
    let client = Client::new(http, oci::Options { is_plain: true, backoff, ..oci::Options::default() });
    let (reference, platform) = (Reference::parse(&name).unwrap(), Platform::linux(Arch::Riscv64));
    let fetching = async {
        let image = client.resolve(&reference, &platform).await?;
        fetch(&client, &reference, &image, Target { room: &Booting, told: &Booting, store: None }).await
    };
    let artifact = sockets.run(fetching).unwrap();
    let initrd = fs::read(folder.join("initrd.img")).unwrap();
    let expected = Content::Linux {
        kernel: fs::read(folder.join("vmlinuz")).unwrap(),
        initrd: [&initrd[..], modules, &[0; 2]].concat(),
        options: "root=/dev/vda1 quiet".into(),
    };
    assert!(artifact.content == expected);
}

#[test]
fn registries_are_spoken_to_by_tls() {
    let (pki, scratch) = (Pki::new(), parts());
    let folder = scratch.path();
    pki.root("own", Key::P256);
    pki.root("other", Key::P256);
    let at = |extensions| Issued { extensions, ..Issued::default() };
    pki.issue("server", Key::P256, "own", &at("subjectAltName = IP:127.0.0.1\n"));
    pki.issue("elsewhere", Key::P256, "own", &at("subjectAltName = DNS:elsewhere.test\n"));
    let file = |name: &str| pki.folder().join(name).display().to_string();
    let with = |name: &str| {
        let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        Registry::start_with("", &format!(", tls: {{certificate: '{certificate}', key: '{key}'}}"))
    };
    let registry = with("server");
    let name = format!("{}/boot/linux:1", registry.authority());
    let reference = format!("oci://{name}");
    let (own, other) = (file("own.pem"), file("other.pem"));
    let pushed = text(folder, &[&["push", "--ca", &own, &reference], &FILES[..]].concat());
    let pulled = text(folder, &["pull", "--ca", &other, "--ca", &own, &reference, "--out", "again"]);
    assert!(pulled.starts_with(&pushed), "{pushed}{pulled}");
    same_files(folder, &folder.join("again"));
    output(folder, "oras", &["pull", "--ca-file", &own, "--output", "oras", &name]);
    same_files(folder, &folder.join("oras"));
    // Whom nobody vouches for is not spoken to, nor who is somebody else.
    let stranger = failed(folder, &["pull", "--ca", &other, &reference, "--out", "never"]);
    assert!(stranger.contains("E-NET-TLS-ISSUER"), "{stranger}");
    let registry = with("elsewhere");
    let reference = format!("oci://{}/boot/linux:1", registry.authority());
    let elsewhere = failed(folder, &["pull", "--ca", &own, &reference, "--out", "never"]);
    assert!(elsewhere.contains("E-NET-TLS-NAME") && elsewhere.contains("elsewhere.test"), "{elsewhere}");
    assert!(!folder.join("never").exists());
}

#[test]
fn layouts_are_source_and_target() {
    let (registry, scratch) = (Registry::start(""), parts());
    let folder = scratch.path();
    text(folder, &[&["push", "oci:layout:1"], &FILES[..]].concat());
    // skopeo takes it, and gives it back from a registry.
    let name = format!("docker://{}/boot/linux:1", registry.authority());
    let copy = ["copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    output(
        folder,
        "skopeo",
        &[&copy[..], &["--dest-oci-accept-uncompressed-layers", "oci:layout:1", &name]].concat(),
    );
    let reference = name.replace("docker://", "oci://");
    let pulled = text(folder, &["pull", "--plain-http", &reference, "--out", "oci:other:2"]);
    let again = text(folder, &["pull", "oci:other:2", "--out", "again"]);
    same_files(folder, &folder.join("again"));
    let digest = |text: &str| text.lines().next().unwrap().split_once(": ").unwrap().1.to_string();
    assert_eq!(digest(&pulled), digest(&again));
    let absent = failed(folder, &["pull", "oci:other:3", "--out", "never"]);
    assert!(
        absent.starts_with("cloud-boot: E-CLI-LAYOUT other: no such tag, or nothing for linux/"),
        "{absent}"
    );
    // A blob that somebody changed.
    for entry in fs::read_dir(folder.join("other/blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        if fs::read(&path).unwrap() == b"070701 and so on" {
            fs::write(&path, b"070701 and so off").unwrap();
        }
    }
    let changed = failed(folder, &["pull", "oci:other:2", "--out", "never"]);
    assert!(changed.contains("17 bytes, 16 expected"), "{changed}");
    assert!(!folder.join("never").exists());
}

#[test]
fn logins_come_from_dockers_configuration() {
    let scratch = parts();
    let folder = scratch.path();
    // bcrypt of "hunter2", by crypt(3).
    let file =
        scratch.write("htpasswd", b"me:$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n");
    let registry =
        Registry::start(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display()));
    let reference = format!("oci://{}/boot/linux:1", registry.authority());
    let push = [&["push", "--plain-http", &reference], &FILES[..]].concat();
    let refused = failed(folder, &push);
    assert!(refused.contains("E-NET-OCI-LOGIN ") && refused.contains("401 without a login"), "{refused}");
    fs::create_dir(folder.join(".docker")).unwrap();
    // base64 of me:hunter2
    let configuration =
        |auth: &str| format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.authority());
    fs::write(folder.join(".docker/config.json"), configuration("bWU6aHVudGVyMg==")).unwrap();
    text(folder, &push);
    text(folder, &["pull", "--plain-http", &reference, "--out", "again"]);
    same_files(folder, &folder.join("again"));

    // A helper is asked for the registry, and says what it keeps.
    let helpers = format!(r#"{{"credHelpers":{{"{}":"vault"}}}}"#, registry.authority());
    fs::write(folder.join(".docker/config.json"), helpers).unwrap();
    let missing = failed(folder, &push);
    assert!(missing.starts_with("cloud-boot: E-CLI-HELPER docker-credential-vault: "), "{missing}");
    let helper = |script: &str| {
        let path = scratch.write("docker-credential-vault", format!("#!/bin/sh\n{script}\n").as_bytes());
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    };
    helper(&format!(
        r#"[ "$1 $(cat)" = "get {}" ] && echo '{{"ServerURL":"x","Username":"me","Secret":"hunter2"}}'"#,
        registry.authority()
    ));
    text(folder, &push);
    for (script, code) in [
        // It knows nothing of the registry.
        ("exit 1", "E-NET-OCI-LOGIN "),
        (r#"echo '{"Username":"me","Secret":"hunter3"}'"#, "E-NET-OCI-LOGIN "),
        (r#"echo '{"Username":"<token>","Secret":"hunter2"}'"#, "E-CLI-HELPER docker-credential-vault: "),
        ("echo hunter2", "E-CLI-HELPER docker-credential-vault: "),
    ] {
        helper(script);
        let refused = failed(folder, &push);
        assert!(refused.contains(code) && !refused.contains("hunter"), "{script}: {refused}");
    }
}

#[test]
fn failures_are_one_line_each() {
    let scratch = parts();
    let folder = scratch.path();
    scratch.write("strange", b"\xff\xfe\x00");
    for (args, expected) in [
        (
            &["push", "oci:layout", "strange"][..],
            "cloud-boot: E-CLI-PART strange: content not recognized; name the kind",
        ),
        (&["push", "oci:layout", "none"], "cloud-boot: E-CLI-FILE none: "),
        (&["pull", "alpine:3"], "cloud-boot: E-NET-OCI-REFERENCE alpine:3: not a reference: "),
        (
            &["pull", "oci://127.0.0.1:1/a"],
            "cloud-boot: E-NET-CONNECT https://127.0.0.1:1/v2/a/manifests/latest: Connection refused",
        ),
        (
            &["pull", "--ca", "strange", "oci://127.0.0.1:1/a"],
            "cloud-boot: E-NET-TLS-ROOTS strange: no CERTIFICATE section; name a file",
        ),
        (&["pull", "--ca", "none", "oci://127.0.0.1:1/a"], "cloud-boot: E-CLI-FILE none: "),
        (&["pull", "oci:nowhere"], "cloud-boot: E-CLI-FILE nowhere/index.json: "),
    ] {
        let line = failed(folder, args);
        assert!(line.starts_with(expected), "{line}");
    }
}
