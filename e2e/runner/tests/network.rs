// SPDX-License-Identifier: BSD-3-Clause
//! What stands around a machine that boots from the network, asked by `cloud-boot pull` in place of the machine: each
//! fault is one, and the same servers without it have the artifact.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use arch::Arch;
use e2e_runner::network::{Blobs, Certificate, Damage, Fault, Network, PushedBy, Running};
use peers::{Scratch, output};

fn command() -> PathBuf {
    std::path::absolute(env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program")).unwrap()
}

/// A kernel, an initrd and a command line, as far as their first bytes go, and a loader that nobody starts.
fn network(scratch: &Scratch) -> Network {
    let mut kernel: Vec<u8> = (0..300_000_u32).map(|index| (index * 7 + index / 251) as u8).collect();
    kernel[..2].copy_from_slice(b"xx");
    kernel[0x1fe..0x200].copy_from_slice(b"\x55\xaa");
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    let file = |name: &str, bytes: &[u8]| scratch.write(name, bytes).display().to_string();
    Network {
        command: command().display().to_string(),
        loader: file("loader.efi", b"MZ"),
        files: vec![
            file("vmlinuz", &kernel),
            file("initrd.img", b"070701 and so on"),
            file("cmdline.txt", b"root=/dev/vda1 quiet\n"),
        ],
        host: "127.0.0.1".into(),
        settings: "cloudboot.image=@REFERENCE@".into(),
        ..Network::default()
    }
}

/// Pulls the artifact as a machine would; `more` are further options.
fn pull(running: &Running, folder: &Path, more: &[&str]) -> Output {
    let ca = folder.join("ca.pem");
    output(folder, "mcopy", &["-n", "-o", "-i", &running.esp(), "::/cloudboot/ca.pem", "ca.pem"]);
    let mut command = Command::new(command());
    command.args(["pull", "--arch", "x86_64", "--force", "--out"]).arg(folder.join("pulled"));
    if !more.contains(&"--plain-http") {
        command.arg("--ca").arg(ca);
    }
    command.args(more).arg(running.replaced("@REFERENCE@").unwrap());
    for name in ["DOCKER_CONFIG", "SSL_CERT_FILE", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE"] {
        command.env_remove(name);
    }
    command.env("HOME", folder).stdin(Stdio::null()).output().unwrap()
}

/// It is pulled whole.
fn arrives(network: &Network, more: &[&str]) {
    let scratch = Scratch::new("arrives");
    let output = pull(&network.start(Arch::X86_64).unwrap(), scratch.path(), more);
    assert!(output.status.success(), "{network:?}: {}", String::from_utf8_lossy(&output.stderr));
    for file in &network.files {
        let pulled = scratch.path().join("pulled").join(Path::new(file).file_name().unwrap());
        assert!(fs::read(pulled).unwrap() == fs::read(file).unwrap(), "{file}");
    }
}

/// It is refused for a reason.
fn refused(network: &Network, code: &str) {
    refused_with(network, &[], code);
}

/// It is refused for a reason; `more` are further options.
fn refused_with(network: &Network, more: &[&str], code: &str) {
    let scratch = Scratch::new("refused");
    let running = network.start(Arch::X86_64).unwrap();
    let output = pull(&running, scratch.path(), more);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(code), "{network:?}: {code} expected: {errors}");
    assert_eq!(running.complaint(), None, "{network:?}");
}

#[test]
fn whoever_pushes_it_arrives() {
    let scratch = Scratch::new("parts");
    let network = network(&scratch);
    for pushed_by in [PushedBy::CloudBoot, PushedBy::Oras, PushedBy::Skopeo] {
        arrives(&Network { pushed_by, ..network.clone() }, &[]);
    }
    arrives(&Network { certificate: Certificate::None, ..network.clone() }, &["--plain-http"]);
    arrives(&Network { blobs: Blobs::Redirected, ..network.clone() }, &[]);
    let index = Damage::Index(vec!["arm64".into(), "amd64".into()]);
    arrives(&Network { damage: Some(index), ..network }, &[]);
}

#[test]
fn damage_is_seen() {
    let scratch = Scratch::new("parts");
    let network = network(&scratch);
    for (damage, code) in [
        (Damage::Flip("vmlinuz".into()), "E-NET-OCI-DIGEST"),
        (Damage::Flip("manifest".into()), "E-NET-OCI-DIGEST"),
        (Damage::Truncate("vmlinuz".into()), "E-NET-"),
        (Damage::Claim("initrd.img".into(), 1 << 40), "E-NET-HTTP-SIZE"),
        (Damage::Index(vec!["arm64".into()]), "E-NET-OCI-PLATFORM"),
    ] {
        refused(&Network { damage: Some(damage), ..network.clone() }, code);
    }
    assert!(
        network.start(Arch::X86_64).unwrap().options.concat().contains("cloudboot.image=oci://127.0.0.1:")
    );
    let absent = Network { damage: Some(Damage::Flip("memo".into())), ..network };
    assert!(absent.start(Arch::X86_64).is_err());
}

#[test]
fn servers_show_what_is_asked_of_them() {
    let scratch = Scratch::new("parts");
    let network = network(&scratch);
    for (certificate, code) in [
        (Certificate::Expired, "E-NET-TLS-EXPIRED"),
        (Certificate::OtherName, "E-NET-TLS-NAME"),
        (Certificate::Unknown, "E-NET-TLS-ISSUER"),
        (Certificate::None, "E-NET-TLS-"),
    ] {
        refused(&Network { certificate, ..network.clone() }, code);
    }
    refused(&Network { login: true, ..network }, "E-NET-OCI-LOGIN");
}

#[test]
fn a_server_in_front_does_what_is_asked_of_it() {
    let scratch = Scratch::new("parts");
    let network = Network { certificate: Certificate::None, ..network(&scratch) };
    let plain = ["--plain-http"];
    let with = |front| Network { front: Some(front), ..network.clone() };
    arrives(&with(Fault::Busy), &plain);
    for (front, code) in [
        (Fault::RedirectLoop, "E-NET-HTTP-REDIRECT"),
        (Fault::Drip, "E-NET-HTTP-STALL"),
        (Fault::Endless, "E-NET-HTTP-SIZE"),
        (Fault::Tamper, "E-NET-OCI-DIGEST"),
        (Fault::Dead, "E-NET-HTTP-CUT"),
    ] {
        refused_with(&with(front), &plain, code);
    }
    let unmet = with(Fault::Busy).start(Arch::X86_64).unwrap();
    assert_eq!(unmet.complaint().as_deref(), Some("no request triggered the fault Busy"));
    let secured = Network { certificate: Certificate::Good, ..with(Fault::Busy) };
    assert!(secured.start(Arch::X86_64).is_err(), "it has no certificate");
}

#[test]
fn a_mirror_and_an_entry_have_their_words() {
    let scratch = Scratch::new("parts");
    let network = Network {
        certificate: Certificate::None,
        mirror: Some(Fault::Tamper),
        settings: "cloudboot.mirror=@REGISTRY@=@MIRROR@".into(),
        entry: "title Net\nuki-url https://@PART@\n".into(),
        ..network(&scratch)
    };
    let running = network.start(Arch::X86_64).unwrap();
    assert!(running.options.concat().contains("cloudboot.mirror=127.0.0.1:"), "{:?}", running.options);
    let folder = scratch.path();
    output(folder, "mcopy", &["-i", &running.esp(), "::/loader/entries/net.conf", "net.conf"]);
    let entry = fs::read_to_string(folder.join("net.conf")).unwrap();
    assert!(entry.contains("/v2/boot/mini/blobs/sha256:") && !entry.contains('@'), "{entry}");
    assert!(running.complaint().is_some(), "nobody has asked it");
}
