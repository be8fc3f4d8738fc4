// SPDX-License-Identifier: BSD-3-Clause
//! The real registry, and what oras and skopeo push to it and pull from it.

use std::{fs, path::Path, time::Duration};

use arch::Arch;
use http::{Backoff, Limits, Secret};
use oci::{
    Algorithm, Client, Digest, Error, Image, Login, Options, Platform, Reference,
    spec::{self, Descriptor, Manifest},
    unpacked,
};
use peers::{Nginx, Registry, Scratch, output};
use sockets::Sockets;

const KERNEL: &str = "application/vnd.cloud-boot.kernel.v1";
const INITRD: &str = "application/vnd.cloud-boot.initrd.v1";

fn content(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 + index / 251 + seed) as u8).collect()
}

fn options() -> Options {
    // However busy the machine is.
    let backoff = Backoff { at_most: Duration::from_secs(600), ..Backoff::default() };
    Options { is_plain: true, backoff, ..Options::default() }
}

/// Limits that no busy machine reaches: what they do is shown in `scripted.rs`, where time is the world's.
fn patient() -> Limits {
    let long = Duration::from_secs(1200);
    Limits { connect: long, head: long, body: long, window: long, ..Limits::default() }
}

fn client(sockets: &Sockets, options: Options) -> Client<Sockets> {
    Client::new(http::Client::new(sockets.clone()).with_limits(patient()), options)
}

/// Resolves a reference and fetches its layers.
fn pulled(name: &str, arch: Arch, options: Options) -> Result<(Image, Vec<Vec<u8>>), Error> {
    let sockets = Sockets::default();
    let client = client(&sockets, options);
    let reference = Reference::parse(name).unwrap();
    sockets.run(async {
        let image = client.resolve(&reference, &Platform::linux(arch)).await?;
        let layers: Vec<_> = image.manifest.layers.iter().collect();
        let blobs = client.blobs(&reference, &layers, 1 << 30, &|_| ()).await?;
        Ok((image, blobs))
    })
}

/// Pushes two files with oras, as users do.
fn oras_push(scratch: &Scratch, name: &str, more: &[&str], kernel: &[u8], initrd: &[u8]) {
    scratch.write("vmlinuz", kernel);
    scratch.write("initrd", initrd);
    let (kernel, initrd) = (format!("vmlinuz:{KERNEL}"), format!("initrd:{INITRD}"));
    let mut arguments = vec!["push", "--plain-http", "--artifact-type", "application/vnd.cloud-boot.v1"];
    arguments.extend(more);
    arguments.extend([name, &kernel, &initrd]);
    output(scratch.path(), "oras", &arguments);
}

#[test]
fn what_oras_pushes_is_pulled() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("oras"));
    let name = format!("{}/boot/linux:1", registry.authority());
    let (kernel, initrd) = (content(11 << 20, 1), content(70_001, 2));
    oras_push(&scratch, &name, &[], &kernel, &initrd);
    let (image, blobs) = pulled(&name, Arch::Riscv64, options()).unwrap();
    assert!(blobs == [kernel, initrd]);
    let types: Vec<_> = image.manifest.layers.iter().map(|layer| layer.media_type.as_str()).collect();
    assert_eq!(
        (types, image.manifest.layers[0].annotations.get("org.opencontainers.image.title").unwrap().as_str()),
        (vec![KERNEL, INITRD], "vmlinuz")
    );
    // The same by its digest, and what is not there.
    let pinned = format!("{}@{}", name, image.digest);
    assert_eq!(pulled(&pinned, Arch::X86_64, options()).unwrap().0.manifest_digest, image.digest);
    let error = pulled(&name.replace(":1", ":2"), Arch::X86_64, options()).unwrap_err().to_string();
    let expected = "not found in the registry (MANIFEST_UNKNOWN: manifest unknown)";
    assert_eq!(
        error,
        format!("E-NET-OCI-ABSENT {}: {expected}", name.replace(":1", ":2").replace("oci://", ""))
    );
}

#[test]
fn an_index_of_oras_yields_this_machines_manifest() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("oras-index"));
    let name = format!("{}/boot/linux", registry.authority());
    let arches = [Arch::X86_64, Arch::Riscv64, Arch::Loongarch64];
    for arch in arches {
        let (tag, platform) = (format!("{name}:{}", arch.oci()), format!("linux/{}", arch.oci()));
        oras_push(&scratch, &tag, &["--artifact-platform", &platform], arch.name().as_bytes(), b"initrd");
    }
    let tagged = format!("{name}:all");
    output(
        scratch.path(),
        "oras",
        &["manifest", "index", "create", "--plain-http", &tagged, "amd64", "riscv64", "loong64"],
    );
    for arch in arches {
        assert_eq!(pulled(&tagged, arch, options()).unwrap().1[0], arch.name().as_bytes());
    }
    let error = pulled(&tagged, Arch::Aarch64, options()).unwrap_err().to_string();
    let expected = "nothing for linux/arm64; available: linux/amd64, linux/riscv64, linux/loong64";
    assert_eq!(error, format!("E-NET-OCI-PLATFORM {tagged}: {expected}"));
}

/// An image layout of one gzip layer, as skopeo takes it: the layer's content.
fn layout(folder: &Path) -> Vec<u8> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        Descriptor {
            media_type: media_type.into(),
            digest,
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: Default::default(),
        }
    };
    fs::write(folder.join("vmlinuz"), content(300_000, 3)).unwrap();
    output(folder, "tar", &["--mtime=@0", "--owner=0", "--group=0", "-cf", "layer.tar", "vmlinuz"]);
    let tar = fs::read(folder.join("layer.tar")).unwrap();
    output(folder, "gzip", &["-n", "layer.tar"]);
    let layer =
        put("application/vnd.oci.image.layer.v1.tar+gzip", &fs::read(folder.join("layer.tar.gz")).unwrap());
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(Algorithm::Sha256, &tar)
    );
    let config = put("application/vnd.oci.image.config.v1+json", config.as_bytes());
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: None,
        config,
        layers: vec![layer],
        subject: None,
        annotations: Default::default(),
    };
    let manifest = put(spec::MANIFEST, &serde_json::to_vec(&manifest).unwrap());
    let index = spec::Index {
        schema_version: 2,
        media_type: None,
        artifact_type: None,
        manifests: vec![manifest],
        annotations: Default::default(),
    };
    fs::write(folder.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    tar
}

#[test]
fn what_skopeo_copies_is_pulled_in_both_dialects_and_compressions() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("skopeo"));
    let tar = layout(scratch.path());
    let from = format!("oci:{}", scratch.path().display());
    for (tag, more, media_type) in [
        ("oci", &["--format", "oci"][..], "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("docker", &["--format", "v2s2"], "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (
            "zstd",
            &["--format", "oci", "--dest-compress-format", "zstd"],
            "application/vnd.oci.image.layer.v1.tar+zstd",
        ),
    ] {
        let name = format!("{}/boot/image:{tag}", registry.authority());
        let to = format!("docker://{name}");
        let mut arguments = vec!["copy", "--insecure-policy", "--tmpdir", scratch.path().to_str().unwrap()];
        arguments.extend(
            ["--dest-tls-verify=false", "--dest-force-compress-format"].iter().take(if tag == "zstd" {
                2
            } else {
                1
            }),
        );
        arguments.extend(more);
        arguments.extend([from.as_str(), &to]);
        output(scratch.path(), "skopeo", &arguments);
        let (image, blobs) = pulled(&name, Arch::X86_64, options()).unwrap();
        let layer = &image.manifest.layers[0];
        assert_eq!(layer.media_type, media_type, "{tag}");
        assert!(unpacked(layer, &blobs[0], 1 << 20).unwrap() == tar, "{tag}");
        let limit = if tag == "zstd" { "E-IMAGE-ZSTD-LIMIT" } else { "E-IMAGE-GZIP-LIMIT" };
        assert_eq!(unpacked(layer, &blobs[0], 1000).unwrap_err().code(), limit, "{tag}");
    }
}

/// Pushes one layer of ours: the manifest's digest.
fn push(name: &str, layer: &[u8], options: Options) -> Result<Digest, Error> {
    let sockets = Sockets::default();
    let client = client(&sockets, options);
    let reference = Reference::parse(name).unwrap();
    let descriptor = |media_type: &str, bytes: &[u8], title: &str| Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: [("org.opencontainers.image.title".to_string(), title.to_string())].into(),
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: Some("application/vnd.cloud-boot.v1".into()),
        config: Descriptor { annotations: Default::default(), ..descriptor(spec::EMPTY, b"{}", "") },
        layers: vec![descriptor(KERNEL, layer, "vmlinuz")],
        subject: None,
        annotations: Default::default(),
    };
    sockets.run(async {
        client.push_blob(&reference, &manifest.config.digest, &&b"{}"[..]).await?;
        client.push_blob(&reference, &manifest.layers[0].digest, &layer).await?;
        assert!(
            !client.push_blob(&reference, &manifest.layers[0].digest, &layer).await?,
            "it is there already"
        );
        client.push_manifest(&reference, spec::MANIFEST, &serde_json::to_vec(&manifest).unwrap()).await
    })
}

#[test]
fn what_is_pushed_is_pulled_by_oras_and_skopeo() {
    let (registry, scratch) = (Registry::start(""), Scratch::new("push"));
    let name = format!("{}/boot/ours:1", registry.authority());
    let kernel = content(5 << 20, 4);
    let digest = push(&name, &kernel, options()).unwrap();
    output(scratch.path(), "oras", &["pull", "--plain-http", &name]);
    assert!(fs::read(scratch.path().join("vmlinuz")).unwrap() == kernel);
    let from = format!("docker://{name}");
    let raw = output(scratch.path(), "skopeo", &["inspect", "--tls-verify=false", "--raw", &from]);
    assert_eq!(Digest::of(Algorithm::Sha256, raw.as_bytes()), digest);
    assert!(pulled(&name, Arch::X86_64, options()).unwrap().1 == [kernel]);
}

#[test]
fn a_registry_with_passwords_takes_the_right_one() {
    let scratch = Scratch::new("passwords");
    // bcrypt of "hunter2", by crypt(3).
    let file =
        scratch.write("htpasswd", b"me:$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n");
    let registry =
        Registry::start(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display()));
    let name = format!("{}/boot/ours:1", registry.authority());
    let with = |password: &str| {
        let secret = Secret::basic("me", password);
        Options { logins: vec![Login { registry: registry.authority(), secret }], ..options() }
    };
    push(&name, b"kernel", with("hunter2")).unwrap();
    assert_eq!(pulled(&name, Arch::X86_64, with("hunter2")).unwrap().1, [b"kernel"]);
    let said = "(UNAUTHORIZED: authentication required)";
    for (options, how) in [(with("hunter3"), "with this login"), (options(), "without a login")] {
        let said = if how == "with this login" { format!(" {said}") } else { String::new() };
        let expected = format!("E-NET-OCI-LOGIN {name}: 401 {how}{said}");
        assert_eq!(pulled(&name, Arch::X86_64, options).unwrap_err().to_string(), expected);
    }
}

#[test]
fn blobs_may_be_on_another_server() {
    let registry = Registry::start("");
    let name = |port: u16| format!("127.0.0.1:{port}/boot/ours:1");
    let kernel = content(9 << 20, 5);
    push(&name(registry.port), &kernel, options()).unwrap();
    let hex = Digest::of(Algorithm::Sha256, &kernel).hex().to_string();
    let blob = registry.blob(&hex);
    let folder = blob.ancestors().nth(3).unwrap().display().to_string();
    let store = Nginx::start(&format!(
        "root {folder}; error_page 400 /x; if ($http_authorization) {{ return 400; }}"
    ));
    let front = Nginx::start(&format!(
        "location ~ ^/v2/.+/blobs/sha256:(..)(.*)$ {{ return 307 http://127.0.0.1:{}/$1/$1$2/data?signature=s; }}
         location / {{ proxy_pass http://127.0.0.1:{}; proxy_set_header Host $http_host; }}",
        store.port, registry.port
    ));
    let (_, blobs) = pulled(&name(front.port), Arch::X86_64, options()).unwrap();
    assert!(blobs == [kernel]);
    assert_eq!(store.log().lines().filter(|line| line.contains("\" 206 ")).count(), 3, "{}", store.log());
    let redirected = front.log().lines().filter(|line| line.contains("\" 307 ")).count();
    assert_eq!(redirected, 1, "one range asks the registry: {}", front.log());
}

#[test]
fn a_blob_that_somebody_changed_is_refused() {
    let registry = Registry::start("");
    let name = format!("{}/boot/ours:1", registry.authority());
    let kernel = content(200_000, 6);
    push(&name, &kernel, options()).unwrap();
    let digest = Digest::of(Algorithm::Sha256, &kernel);
    let blob = registry.blob(digest.hex());
    let mut tampered = kernel.clone();
    tampered[100_000] ^= 1;
    let short: String = digest.to_string().chars().take(19).collect();
    let found = Digest::of(Algorithm::Sha256, &tampered);
    for (bytes, expected) in [
        (tampered, format!("E-NET-OCI-DIGEST {name} blob {short}: digest is {found}, expected {digest}")),
        (
            kernel[..100_000].to_vec(),
            format!(
                "E-NET-HTTP-SIZE http://{}/v2/boot/ours/blobs/{digest}: body of 100000 bytes, 200000 expected",
                registry.authority()
            ),
        ),
    ] {
        fs::write(&blob, bytes).unwrap();
        assert_eq!(pulled(&name, Arch::X86_64, options()).unwrap_err().to_string(), expected);
    }
    // The positive twin: the right bytes are back.
    fs::write(&blob, &kernel).unwrap();
    assert!(pulled(&name, Arch::X86_64, options()).unwrap().1 == [kernel]);
}
