// SPDX-License-Identifier: BSD-3-Clause
//! Artifacts in the real registry, pushed by us, by oras and by skopeo; and Linux, which unpacks the initrd.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use arch::Arch;
use artifact::{
    Artifact, Content, Error, Room, Target, Told, fetch,
    types::{CONFIG, KINDS, Role, TITLE},
};
use http::{Backoff, Limits};
use oci::{
    Algorithm, Client, Digest, Options, Platform, Reference,
    spec::{self, Descriptor, Manifest},
};
use peers::{Registry, Scratch, output};
use sockets::Sockets;

/// Seconds that a machine may run: some hundred times what it takes.
const DEADLINE: &str = "600";

/// More memory than anything here takes.
struct Memory;

impl Room for Memory {
    fn available(&self) -> u64 {
        1 << 30
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        Some(vec![0xa5; length])
    }
}

/// Nobody who is told.
struct Nobody;

impl Told for Nobody {
    fn resolved(&self, _: &Reference, _: &Digest, _: u64) {}
    fn arrived(&self, _: u64, _: u64) {}
    fn part(&self, _: &str, _: u64) {}
}

fn content(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 + index / 251 + seed) as u8).collect()
}

fn media_type(role: Role) -> &'static str {
    KINDS.iter().find(|kind| kind.role == role).unwrap().media_type
}

/// A client with limits that no busy machine reaches.
fn client(sockets: &Sockets) -> Client<Sockets> {
    let long = Duration::from_secs(1200);
    let limits = Limits { connect: long, head: long, body: long, window: long, ..Limits::default() };
    // However busy the machine is.
    let backoff = Backoff { at_most: Duration::from_secs(600), ..Backoff::default() };
    let options = Options { is_plain: true, backoff, ..Options::default() };
    Client::new(http::Client::new(sockets.clone()).with_limits(limits), options)
}

fn fetched(name: &str) -> Result<Artifact, Error> {
    let sockets = Sockets::default();
    let (client, reference) = (client(&sockets), Reference::parse(name).unwrap());
    sockets.run(async {
        let image = client.resolve(&reference, &Platform::linux(Arch::X86_64)).await?;
        fetch(&client, &reference, &image, Target { room: &Memory, told: &Nobody, store: None }).await
    })
}

/// Kernel, initrd and command line of an artifact.
fn linux(name: &str) -> (Vec<u8>, Vec<u8>, String) {
    match fetched(name).unwrap().content {
        Content::Linux { kernel, initrd, options } => (kernel, initrd, options),
        Content::Program { .. } => panic!("a program"),
    }
}

/// Pushes parts as `cloud-boot push` does.
fn push(name: &str, parts: &[(Role, &[u8])]) {
    let descriptor = |media_type: &str, bytes: &[u8]| Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: [(TITLE.to_string(), "a file".to_string())].into(),
    };
    let config = br#"{"architecture":"amd64","os":"linux"}"#;
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: None,
        config: Descriptor { annotations: Default::default(), ..descriptor(CONFIG, config) },
        layers: parts.iter().map(|(role, bytes)| descriptor(media_type(*role), bytes)).collect(),
        subject: None,
        annotations: Default::default(),
    };
    let sockets = Sockets::default();
    let (client, reference) = (client(&sockets), Reference::parse(name).unwrap());
    sockets.run(async {
        client.push_blob(&reference, &manifest.config.digest, &&config[..]).await.unwrap();
        for ((_, bytes), layer) in parts.iter().zip(&manifest.layers) {
            client.push_blob(&reference, &layer.digest, bytes).await.unwrap();
        }
        let bytes = serde_json::to_vec(&manifest).unwrap();
        client.push_manifest(&reference, spec::MANIFEST, &bytes).await.unwrap();
    });
}

#[test]
fn what_oras_pushes_and_skopeo_copies_is_fetched() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("artifact-oras"));
    let folder = scratch.path();
    // Two connections for the large one, and sizes that are no multiples of four.
    let (kernel, initrd, modules) = (content(9_000_001, 1), content(70_001, 2), content(5_003, 3));
    scratch.write("vmlinuz", &kernel);
    scratch.write("initrd.img", &initrd);
    scratch.write("modules.img", &modules);
    scratch.write("cmdline", b"root=/dev/vda1 quiet\n");
    let name = |tag: &str| format!("{}/boot/linux:{tag}", registry.authority());
    let typed = |file: &str, role| format!("{file}:{}", media_type(role));
    let files = [
        typed("vmlinuz", Role::Kernel),
        typed("initrd.img", Role::Initrd),
        typed("modules.img", Role::Modules),
        typed("cmdline", Role::Cmdline),
    ];
    let files = files.each_ref().map(String::as_str);
    output(folder, "oras", &[&["push", "--plain-http", &name("typed")], &files[..]].concat());
    // Without types, their names say what they are.
    output(folder, "oras", &["push", "--plain-http", &name("plain"), "vmlinuz", "initrd.img", "cmdline"]);
    let [from, to] = ["typed", "copied"].map(|tag| format!("docker://{}", name(tag)));
    let copy = ["copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    output(folder, "skopeo", &[&copy[..], &[&from, &to]].concat());
    let both = [&initrd[..], &[0; 3], &modules, &[0]].concat();
    for (tag, expected) in [("typed", &both), ("copied", &both), ("plain", &[&initrd[..], &[0; 3]].concat())]
    {
        let (found, behind, options) = linux(&name(tag));
        assert!(found == kernel && behind == *expected && options == "root=/dev/vda1 quiet", "{tag}");
    }
    // The digest that it yields names the same.
    let artifact = fetched(&name("typed")).unwrap();
    assert_eq!(fetched(&format!("{}@{}", name("typed"), artifact.manifest)).unwrap(), artifact);
}

#[test]
fn a_container_image_is_refused() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("artifact-container"));
    let folder = scratch.path();
    scratch.write("disk.img", &content(10_000, 1));
    output(folder, "tar", &["-czf", "layer.tar.gz", "disk.img"]);
    scratch.write(
        "config.json",
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let name = format!("{}/boot/container:1", registry.authority());
    let (image, tar) =
        ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip");
    let (config, layer_file) = (format!("config.json:{image}"), format!("layer.tar.gz:{tar}"));
    output(folder, "oras", &["push", "--plain-http", "--config", &config, &name, &layer_file]);
    let error = fetched(&name).unwrap_err().to_string();
    let cause = format!("a container image, not a boot artifact: {tar}");
    assert_eq!(error, format!("E-ARTIFACT-CONTAINER {name}: {cause}"));
}

/// What Alpine's init does with the overlay, as far as this is about it, in our words: it is unpacked into a new root,
/// which is switched to.
const INIT: &str = r#"#!/bin/busybox sh
set -e
busybox=/bin/busybox
$busybox mkdir -p /proc /sysroot
$busybox mount -t proc proc /proc
for word in $($busybox cat /proc/cmdline); do
    case $word in apkovl=*) overlay=${word#*=} ;; esac
done
$busybox mount -t tmpfs tmpfs /sysroot
case $overlay in *:*) exit 1 ;; *.gz) ;; *) exit 1 ;; esac
$busybox tar -C /sysroot -zxvf "$overlay" > /names
echo "unpacked: "$($busybox cat /names)
$busybox mkdir -p /sysroot/bin /sysroot/sbin /sysroot/proc
$busybox cp /bin/busybox /sysroot/bin
$busybox cp /next /sysroot/sbin/init
$busybox umount /proc
exec $busybox switch_root /sysroot /sbin/init
"#;

/// What OpenRC's service does with the modloop of a URL, in our words: it looks for the last part of it in /lib.
const NEXT: &str = r#"#!/bin/busybox sh
busybox=/bin/busybox
$busybox mount -t proc proc /proc
for word in $($busybox cat /proc/cmdline); do
    case $word in modloop=http://*) modloop=/lib/${word##*/} ;; esac
done
[ -z "$modloop" ] || echo "modloop: "$($busybox sha256sum < $modloop)
[ ! -e /etc/.default_boot_services ] || echo "services: default"
[ ! -e /etc/motd ] || echo "motd: "$($busybox cat /etc/motd)
echo "done"
$busybox poweroff -f
"#;

/// A compressed archive with busybox and the two scripts, made by busybox and gzip.
fn initramfs(folder: &Path) -> Vec<u8> {
    let root = folder.join("root");
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    for (name, script) in [("init", INIT), ("next", NEXT)] {
        fs::write(root.join(name), script).unwrap();
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    output(&root, "sh", &["-c", "find . | busybox cpio -o -H newc | gzip -1n > ../initrd"]);
    fs::read(folder.join("initrd")).unwrap()
}

/// Starts Linux with an initrd and a command line: what is printed on the console.
fn started(folder: &Path, initrd: &[u8], options: &str) -> String {
    fs::write(folder.join("all"), initrd).unwrap();
    // `timeout` ends the processes that Linux has for its own ones, too.
    let output = Command::new("timeout")
        .args(["--kill-after=5", DEADLINE, "linux.uml", "mem=256M", "rdinit=/init"])
        .args([&format!("initrd={}", folder.join("all").display())])
        .args(["con=null", "con0=null,fd:1", "quiet", "panic=-1"])
        .args(options.split(' '))
        .env("HOME", folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(said.contains("done\n"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn alpines_parts_are_where_its_init_looks_for_them() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("artifact-alpine"));
    let folder = scratch.path();
    let initrd = initramfs(folder);
    // A squashfs of several blocks of deflate, with a rest.
    scratch.write("module", &content(300_001, 5));
    output(folder, "mksquashfs", &["module", "modloop", "-noD", "-noF", "-quiet", "-no-progress"]);
    let modloop = fs::read(folder.join("modloop")).unwrap();
    fs::create_dir(folder.join("etc")).unwrap();
    scratch.write("etc/motd", b"hello");
    output(folder, "tar", &["-czf", "apkovl", "etc"]);
    let apkovl = fs::read(folder.join("apkovl")).unwrap();
    let sum = format!("modloop: {} -\n", Digest::of(Algorithm::Sha256, &modloop).hex());
    let both: [(Role, &[u8]); 2] = [(Role::Modloop, &modloop), (Role::Apkovl, &apkovl)];
    for (tag, parts, words, expected) in [
        (
            "both",
            &both[..],
            "apkovl=/apkovl.tar.gz modloop=http://localhost/modloop",
            format!("unpacked: lib/modloop etc/ etc/motd\n{sum}motd: hello\ndone\n"),
        ),
        (
            "modloop",
            &both[..1],
            "apkovl=/apkovl.tar.gz modloop=http://localhost/modloop",
            format!("unpacked: lib/modloop etc/.default_boot_services\n{sum}services: default\ndone\n"),
        ),
        (
            "apkovl",
            &both[1..],
            "apkovl=/apkovl.tar.gz",
            "unpacked: etc/ etc/motd\nmotd: hello\ndone\n".into(),
        ),
    ] {
        let name = format!("{}/boot/alpine:{tag}", registry.authority());
        let own: [(Role, &[u8]); 3] =
            [(Role::Kernel, b"kernel"), (Role::Initrd, &initrd), (Role::Cmdline, b"modules=loop,squashfs")];
        push(&name, &[&own[..], parts].concat());
        let (_, all, options) = linux(&name);
        assert_eq!(options, format!("modules=loop,squashfs {words}"));
        let said = started(folder, &all, &options);
        assert!(said.contains(&expected), "{tag}: {said}, expected {expected}");
    }
}
