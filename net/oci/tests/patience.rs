// SPDX-License-Identifier: BSD-3-Clause
//! How long a pull takes that fails: never more than a minute, by the world's clock.

use std::{rc::Rc, time::Duration};

use arch::Arch;
use dial::Service;
use oci::{
    Algorithm, Client, Digest, Mirror, Options, Platform, Reference,
    spec::{self, Descriptor, Manifest},
};
use peers::{Answer, Asked, Script, World};

const KERNEL: &[u8] = &[7; 100_000];

fn manifest() -> Vec<u8> {
    let descriptor = |media_type: &str, bytes: &[u8]| Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: None,
        config: descriptor(spec::EMPTY, b"{}"),
        layers: vec![descriptor("application/vnd.cloud-boot.kernel.v1", KERNEL)],
        subject: None,
        annotations: Default::default(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

/// A registry that is well.
fn healthy(asked: &Asked) -> Answer {
    if asked.target.contains("/manifests/") {
        return Answer::new(200, &[], &manifest());
    }
    Answer::part(asked, KERNEL)
}

/// Pulls the kernel: the error, and the seconds that it took.
fn pulled(world: &Rc<World>, reference: &str) -> (String, u64) {
    let client = Client::new(http::Client::new(world.wire()), Options::default());
    let reference = Reference::parse(reference).unwrap();
    let pulling = async {
        let image = client.resolve(&reference, &Platform::linux(Arch::X86_64)).await?;
        client.blob(&reference, &image.manifest.layers[0], 1 << 20, &|_| ()).await
    };
    let result = world.run(pulling).map_or_else(|error| error.to_string(), |_| "ok".into());
    (result, world.now().as_secs())
}

const REFERENCE: &str = "oci://registry.test/a/b:1";
const URL: &str = "https://registry.test/v2/a/b/manifests/1";

#[test]
fn a_dead_host_is_given_up_within_the_limit() {
    let world = World::new();
    world.silence("registry.test:443");
    let expected = "E-NET-HTTP-TIMEOUT https://registry.test/v2/a/b/: no answer within 8 s";
    assert_eq!(pulled(&world, REFERENCE), (expected.into(), 40));
    assert_eq!(world.connected().len(), 3);
}

#[test]
fn a_host_that_accepts_and_says_nothing_is_given_up_too() {
    let world = World::new();
    world.serve("registry.test:443", |peer| async move { peer.pause(Duration::from_secs(3600)).await });
    let (error, seconds) = pulled(&world, REFERENCE);
    assert!(error.starts_with("E-NET-HTTP-TIMEOUT ") && seconds == 40, "{error} after {seconds} s");
}

#[test]
fn a_host_that_drips_is_given_up_within_a_minute() {
    for target in ["/manifests/", "/blobs/"] {
        let world = World::new();
        Script::at(&world, "registry.test:443", move |asked| match asked.target.contains(target) {
            true => healthy(asked).slow(1, Duration::from_secs(1)),
            false => healthy(asked),
        });
        let (error, seconds) = pulled(&world, REFERENCE);
        let is_said = error.starts_with("E-NET-HTTP-TIMEOUT ") || error.starts_with("E-NET-HTTP-STALL ");
        assert!(is_said && (20..=60).contains(&seconds), "{error} after {seconds} s");
    }
    // The head comes at once, and then a byte a second.
    let world = World::new();
    world.serve("registry.test:443", |mut peer| async move {
        peer.head().await;
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n").await;
        while peer.send(b"x").await {
            peer.pause(Duration::from_secs(1)).await;
        }
    });
    let (error, seconds) = pulled(&world, REFERENCE);
    let is_said = error.starts_with(&format!("E-NET-HTTP-STALL {URL}: "));
    assert!(is_said && (40..=60).contains(&seconds), "{error} after {seconds} s");
}

#[test]
fn dead_replicas_leave_time_for_those_behind_them() {
    let (world, name) = (World::new(), "_registry._tcp.zone.test");
    let service = |priority: u16| Service {
        priority,
        weight: 1,
        port: 443,
        target: format!("{}.zone.test", char::from(b'a' + priority as u8)),
    };
    world.set_services(name, (0..5).map(service).collect());
    for dead in ["a", "b", "c", "d"] {
        world.silence(&format!("{dead}.zone.test:443"));
    }
    Script::at(&world, "e.zone.test:443", healthy);
    let (result, seconds) = pulled(&world, &format!("{name}/a/b:1"));
    assert!(result == "ok" && seconds < 40, "{result} after {seconds} s");
}

#[test]
fn a_busy_registry_is_not_asked_for_ever() {
    let world = World::new();
    Script::at(&world, "registry.test:443", |_| Answer::new(503, &["Retry-After: 15"], b""));
    let (error, seconds) = pulled(&world, REFERENCE);
    assert_eq!(error, "E-NET-OCI-STATUS registry.test/a/b:1: 503 Scripted");
    assert!((30..=40).contains(&seconds), "{seconds} s");
}

/// The same with a mirror at `mirror.test`, by digest.
fn pulled_by_mirror(world: &Rc<World>) -> (String, u64) {
    let mirrors = vec![Mirror::parse("registry.test=mirror.test").unwrap()];
    let client = Client::new(http::Client::new(world.wire()), Options { mirrors, ..Options::default() });
    let digest = Digest::of(Algorithm::Sha256, &manifest());
    let reference = Reference::parse(&format!("oci://registry.test/a/b@{digest}")).unwrap();
    let pulling = async {
        let image = client.resolve(&reference, &Platform::linux(Arch::X86_64)).await?;
        client.blob(&reference, &image.manifest.layers[0], 1 << 20, &|_| ()).await
    };
    let result = world.run(pulling).map_or_else(|error| error.to_string(), |_| "ok".into());
    (result, world.now().as_secs())
}

#[test]
fn mirrors_take_no_time_beyond_the_limit() {
    // Nobody is there at all; nobody is there any more when the blob is asked for.
    for is_gone_later in [false, true] {
        let world = World::new();
        for place in ["mirror.test:443", "registry.test:443"] {
            if is_gone_later {
                world.serve(place, |mut peer| async move {
                    let head = peer.head().await;
                    if head.contains("/manifests/") {
                        let body = manifest();
                        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                        peer.send(answer.as_bytes()).await;
                        peer.send(&body).await;
                        peer.head().await;
                    }
                    peer.pause(Duration::from_secs(3600)).await;
                });
            } else {
                world.silence(place);
            }
        }
        let (error, seconds) = pulled_by_mirror(&world);
        assert!(error.starts_with("E-NET-HTTP-TIMEOUT ") && seconds == 40, "{error} after {seconds} s");
    }
}

#[test]
fn a_mirror_that_drips_leaves_time_for_the_registry() {
    for target in ["/manifests/", "/blobs/"] {
        let world = World::new();
        Script::at(&world, "mirror.test:443", move |asked| match asked.target.contains(target) {
            true => healthy(asked).slow(1, Duration::from_secs(1)),
            false => healthy(asked),
        });
        Script::at(&world, "registry.test:443", healthy);
        let (result, seconds) = pulled_by_mirror(&world);
        assert!(result == "ok" && (20..=40).contains(&seconds), "{result} after {seconds} s");
    }
}
