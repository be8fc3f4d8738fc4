// SPDX-License-Identifier: BSD-3-Clause
//! `push --sign` and `verify`, beside cosign.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use peers::{
    Key, Referrers, Registry, Scratch, output,
    sigstore::{Form, IDENTITY, ISSUER, Service, Signed, Signer},
};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";

fn run(folder: &Path, program: &Path, password: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("HOME", folder).env("COSIGN_PASSWORD", password);
    for name in ["DOCKER_CONFIG", "SSL_CERT_FILE", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).output().unwrap()
}

fn cosign(folder: &Path, args: &[&str]) {
    let output = run(folder, Path::new("cosign"), PASSWORD, args);
    assert!(output.status.success(), "cosign {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn call(folder: &Path, password: &str, args: &[&str]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    run(folder, &std::path::absolute(path).unwrap(), password, args)
}

/// What it prints when it succeeds.
fn text(folder: &Path, args: &[&str]) -> String {
    let output = call(folder, PASSWORD, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{args:?} {:?} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn failed_with(folder: &Path, password: &str, args: &[&str]) -> String {
    let output = call(folder, password, args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{args:?} {errors}");
    assert!(output.stdout.is_empty(), "{args:?}");
    errors.trim_end().into()
}

/// The one line that it says when it fails.
fn failed(folder: &Path, args: &[&str]) -> String {
    failed_with(folder, PASSWORD, args)
}

/// A folder with keys of every kind, `NAME.key` and `NAME.pub`, and what is signed.
fn keys() -> Scratch {
    let scratch = Scratch::new("cli-signing");
    let folder = scratch.path();
    cosign(folder, &["generate-key-pair", "--output-key-prefix", "p256"]);
    for (name, options) in [
        ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"][..]),
        ("ed25519", &["-algorithm", "ED25519"]),
        ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]),
    ] {
        let [key, public] = ["key", "pub"].map(|end| format!("{name}.{end}"));
        output(folder, "openssl", &[&["genpkey", "-out", &key][..], options].concat());
        output(folder, "openssl", &["pkey", "-in", &key, "-pubout", "-out", &public]);
    }
    scratch.write("cmdline", b"root=/dev/vda1 quiet\n");
    scratch.write("initrd.img", b"070701 and so on");
    scratch
}

const KINDS: [&str; 4] = ["p256", "p384", "ed25519", "rsa"];
/// Bundles by the other two kinds are refused by cosign 3.1.1 even where it has made them.
const READ_BY_COSIGN: [&str; 2] = ["p256", "rsa"];

#[test]
fn what_is_pushed_with_a_signature_is_taken_by_cosign_and_by_us() {
    let (registry, scratch) = (Registry::start(""), keys());
    let folder = scratch.path();
    let front = Referrers::before(&registry, 100);
    for authority in [registry.authority(), front.authority()] {
        let name = format!("{authority}/boot/linux-{}:1", authority.len());
        let mut push = vec!["push", "--plain-http"];
        let files = KINDS.map(|kind| format!("{kind}.key"));
        files.iter().for_each(|file| push.extend(["--sign", file]));
        push.extend([name.as_str(), "initrd.img:initrd", "cmdline"]);
        let pushed = text(folder, &push);
        let lines: Vec<&str> = pushed.lines().collect();
        let digest = lines[0].strip_prefix(&format!("{name}: ")).unwrap();
        assert!(lines.len() == 5 && lines[1].starts_with("signed by key sha256:"), "{pushed}");
        let offline = ["--insecure-ignore-tlog=true", "--allow-insecure-registry"];
        for (kind, line) in KINDS.iter().zip(&lines[1..]) {
            let key = format!("{kind}.pub");
            if READ_BY_COSIGN.contains(kind) {
                cosign(folder, &[&["verify", "--key", &key][..], &offline, &[name.as_str()]].concat());
            }
            let verified = text(folder, &["verify", "--plain-http", &name, "--key", &key]);
            assert_eq!(verified, format!("{name}: {digest} {line}\n"));
        }
        let mut all = vec!["verify", "--plain-http", &name, "--threshold", "4", "--json"];
        let files = KINDS.map(|kind| format!("{kind}.pub"));
        files.iter().for_each(|file| all.extend(["--key", file]));
        let report: Value = serde_json::from_str(&text(folder, &all)).unwrap();
        assert_eq!(
            (report["digest"].as_str(), report["signers"].as_array().unwrap().len()),
            (Some(digest), 4)
        );
    }
}

#[test]
fn verify_says_in_one_line_why_not() {
    let (registry, scratch) = (Registry::start(""), keys());
    let folder = scratch.path();
    let name = format!("{}/boot/linux:1", registry.authority());
    let pushed = text(folder, &["push", "--plain-http", "--json", &name, "cmdline"]);
    let pushed: Value = serde_json::from_str(&pushed).unwrap();
    assert!(pushed.get("signers").is_none(), "{pushed}");
    let digest = pushed["digest"].as_str().unwrap();
    let verify = ["verify", "--plain-http", &name, "--key", "p256.pub"];
    let said = failed(folder, &verify);
    assert_eq!(
        said,
        format!(
            "cloud-boot: E-TRUST-UNSIGNED {name}: no signature of {digest}; sign the digest with cosign sign or cloud-boot \
             push --sign, in the same repository"
        )
    );
    text(folder, &["push", "--plain-http", "--sign", "rsa.key", &name, "cmdline"]);
    let said = failed(folder, &verify);
    let expected = format!("cloud-boot: E-TRUST-SIGNER {name}: 1 signature, not accepted: sha256:");
    assert!(said.starts_with(&expected) && said.contains("not by a trusted key"), "{said}");
    let said = failed(folder, &[&verify[..], &["--key", "rsa.pub", "--threshold", "2"]].concat());
    assert!(said.starts_with(&format!("cloud-boot: E-TRUST-THRESHOLD {name}: 1 of 2 signers")), "{said}");
    let said = failed(folder, &[&verify[..], &["--threshold", "2"]].concat());
    assert!(said.starts_with(&format!("cloud-boot: E-TRUST-POLICY {name}: ")), "{said}");
    let said = failed(folder, &["verify", "--plain-http", &name, "--key", "p256.key"]);
    assert!(said.starts_with("cloud-boot: E-TRUST-PUBLIC-KEY p256.key: "), "{said}");
    // Wrong usage.
    for args in [
        &["verify", &name][..],
        &["verify", &name, "--trusted-root", "x"],
        &["verify", &name, "--key", "p256.pub", "--identity", "x"],
        &["verify", "cmdline", "--key", "p256.pub", "--bundle", "x", "--threshold", "2"],
    ] {
        assert_eq!(call(folder, PASSWORD, args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn private_keys_that_cannot_sign_are_named() {
    let scratch = keys();
    let folder = scratch.path();
    output(folder, "openssl", &["ecparam", "-name", "secp521r1", "-genkey", "-noout", "-out", "sec1.key"]);
    output(folder, "openssl", &["pkcs8", "-topk8", "-nocrypt", "-in", "sec1.key", "-out", "p521.key"]);
    scratch.write("text.key", b"hello");
    let push = |password: &str, key: &str| {
        failed_with(folder, password, &["push", "--plain-http", "--sign", key, "127.0.0.1:9/a:1", "cmdline"])
    };
    for (password, key, words) in [
        ("wrong", "p256.key", "wrong password, or the key is damaged"),
        ("", "sec1.key", "EC PRIVATE KEY, not a PRIVATE KEY"),
        ("", "p521.key", "not a supported key: ECDSA P-256 or P-384"),
        ("", "text.key", "not a PEM file"),
        ("", "p384.pub", "PUBLIC KEY, not a PRIVATE KEY"),
    ] {
        let said = push(password, key);
        assert!(
            said.starts_with(&format!("cloud-boot: E-CLI-KEY {key}: ")) && said.contains(words),
            "{said}"
        );
    }
    assert!(push("", "gone.key").starts_with("cloud-boot: E-CLI-FILE gone.key: "));
    let said = failed(folder, &["push", "--sign", "rsa.key", "oci:folder:1", "cmdline"]);
    assert!(
        said.starts_with("cloud-boot: E-CLI-LAYOUT oci:folder:1: an image layout cannot hold signatures"),
        "{said}"
    );
    assert!(!folder.join("folder").exists());
}

#[test]
fn bundles_of_files_are_verified() {
    let scratch = keys();
    let folder = scratch.path();
    scratch.write("release", b"a release\n");
    scratch.write("other", b"something else\n");
    let digest = |file: &str| {
        let line = output(folder, "sha256sum", &[file]);
        format!("sha256:{}", line.split(' ').next().unwrap())
    };
    cosign(folder, &["import-key-pair", "--key", "ed25519.key", "--output-key-prefix", "sealed"]);
    let offline = ["--use-signing-config=false", "--tlog-upload=false", "-y"];
    for (name, key) in [("p256", "p256.key"), ("ed25519", "sealed.key")] {
        let (bundle, public) = (format!("{name}.json"), format!("{name}.pub"));
        let signed = ["sign-blob", "--key", key, "--bundle", &bundle, "release"];
        cosign(folder, &[&signed[..], &offline].concat());
        let verify =
            |what: &str, key: &str| ["verify", "--bundle", &bundle, "--key", key, what].map(String::from);
        let with = |what: &str, key: &str, call: &dyn Fn(&[&str]) -> String| {
            let args = verify(what, key);
            call(&args.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let good = |what: &str| with(what, &public, &|args| text(folder, args));
        let bad = |what: &str, key: &str| with(what, key, &|args| failed(folder, args));
        let said = good("release");
        assert!(said.starts_with(&format!("release: {} signed by key sha256:", digest("release"))), "{said}");
        // Of Ed25519's, cosign writes no digest.
        let expected = match name {
            "ed25519" => "cloud-boot: E-TRUST-SIGNATURE other: ".to_string(),
            _ => format!(
                "cloud-boot: E-TRUST-SUBJECT other: it signs {}, not {}",
                digest("release"),
                digest("other")
            ),
        };
        assert!(bad("other", &public).starts_with(&expected), "{}", bad("other", &public));
        assert!(bad("release", "rsa.pub").starts_with("cloud-boot: E-TRUST-SIGNATURE release: "));
        assert!(bad("gone", &public).starts_with("cloud-boot: E-CLI-FILE gone: "));
        if name == "p256" {
            let said = good(&digest("release"));
            assert!(said.contains(" signed by key sha256:"), "{said}");
            assert!(bad(&digest("other"), &public).starts_with("cloud-boot: E-TRUST-SUBJECT sha256:"));
        } else {
            let said = bad(&digest("release"), &public);
            assert!(said.contains("give the file, not its digest"), "{said}");
        }
    }
    fs::write(folder.join("p256.json"), "{}").unwrap();
    let said = failed(folder, &["verify", "--bundle", "p256.json", "--key", "p256.pub", "release"]);
    assert!(said.starts_with("cloud-boot: E-TRUST-BUNDLE p256.json: "), "{said}");
}

/// Kilobytes of address space that a call may use.
const SPACE: &str = "100000";

#[test]
fn large_files_with_a_digest_in_the_bundle_are_not_held_in_memory() {
    let scratch = keys();
    let folder = scratch.path();
    fs::File::create(folder.join("large")).unwrap().set_len(128 << 20).unwrap();
    cosign(folder, &["import-key-pair", "--key", "ed25519.key", "--output-key-prefix", "sealed"]);
    let program = std::path::absolute(env::var_os("CLOUD_BOOT").unwrap()).unwrap();
    for (name, key, is_good) in [("p256", "p256.key", true), ("ed25519", "sealed.key", false)] {
        let (bundle, public) = (format!("{name}.json"), format!("{name}.pub"));
        let offline = ["--use-signing-config=false", "--tlog-upload=false", "-y"];
        cosign(folder, &[&["sign-blob", "--key", key, "--bundle", &bundle, "large"][..], &offline].concat());
        let script = format!("ulimit -v {SPACE}; exec \"$@\"");
        let args = ["-c", &script, "sh", program.to_str().unwrap(), "verify"];
        let verify = ["--bundle", &bundle, "--key", &public, "large"];
        let output = run(folder, Path::new("sh"), PASSWORD, &[&args[..], &verify].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        // Ed25519 signs the bytes themselves: the limit is one that they do not fit into.
        assert_eq!(output.status.success(), is_good, "{name}: {:?} {errors}", output.status);
    }
    // A pipe is read once.
    let script = "cat release | \"$1\" verify --bundle ed25519.json --key ed25519.pub /dev/stdin";
    scratch.write("release", b"a release\n");
    let signed = ["sign-blob", "--key", "sealed.key", "--bundle", "ed25519.json", "release"];
    cosign(folder, &[&signed[..], &["--use-signing-config=false", "--tlog-upload=false", "-y"]].concat());
    let output = run(folder, Path::new("sh"), PASSWORD, &["-c", script, "sh", program.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn keys_and_roots_are_read_up_to_their_limits() {
    let scratch = keys();
    let folder = scratch.path();
    let signed = ["sign-blob", "--key", "p256.key", "--bundle", "p256.json", "cmdline"];
    cosign(folder, &[&signed[..], &["--use-signing-config=false", "--tlog-upload=false", "-y"]].concat());
    let limited = |options: &[&str], most: u32| {
        let said =
            failed(folder, &[&["verify", "--bundle", "p256.json"][..], options, &["cmdline"]].concat());
        let expected = format!("cloud-boot: E-CLI-FILE /dev/zero: more than {most} bytes, the limit");
        assert!(said.starts_with(&expected), "{said}");
    };
    limited(&["--key", "/dev/zero"], 1 << 16);
    limited(&["--trusted-root", "/dev/zero", "--identity", "a", "--issuer", "b"], 1 << 18);
}

#[test]
fn bundles_with_a_certificate_are_verified_by_a_trusted_root() {
    let scratch = Scratch::new("cli-keyless");
    let folder = scratch.path();
    let service = Service::new(Key::Ed25519, Key::P256);
    service.certify("signer", &Signer::default());
    let artifact = b"a release\n";
    scratch.write("release", artifact);
    scratch.write("other", b"something else\n");
    scratch.write("root.json", service.trusted_root().to_string().as_bytes());
    let signed =
        |form, kind| Signed { artifact, signer: "signer", hash: "sha256", form, kind }.bundle(&service);
    let version = |number: u8, mut bundle: Value| {
        bundle["mediaType"] = format!("application/vnd.dev.sigstore.bundle+json;version=0.{number}").into();
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        let certificate = material.remove("certificate").unwrap();
        material.insert("x509CertificateChain".into(), json!({"certificates": [certificate]}));
        bundle
    };
    let args = |what: &'static str, identity: &'static str| {
        let bundle = ["verify", "--bundle", "bundle.json", "--trusted-root", "root.json"];
        [&bundle[..], &["--identity", identity, "--issuer", ISSUER, what]].concat()
    };
    for bundle in [
        signed(Form::Envelope, "hashedrekord 0.0.2"),
        signed(Form::Message, "hashedrekord 0.0.2"),
        version(2, signed(Form::Envelope, "dsse 0.0.1")),
        version(2, signed(Form::Message, "hashedrekord 0.0.1")),
        version(1, signed(Form::Envelope, "dsse 0.0.1")),
        version(1, signed(Form::Message, "hashedrekord 0.0.1")),
    ] {
        scratch.write("bundle.json", bundle.to_string().as_bytes());
        let said = text(folder, &args("release", IDENTITY));
        assert!(
            said.starts_with("release: sha256:") && said.contains(&format!("signed by {IDENTITY}")),
            "{said}"
        );
        let said = failed(folder, &args("other", IDENTITY));
        assert!(said.starts_with("cloud-boot: E-TRUST-SUBJECT other: "), "{said}");
        let said = failed(folder, &args("release", "*@elsewhere.example"));
        assert!(said.starts_with("cloud-boot: E-TRUST-IDENTITY release: "), "{said}");
    }
}
