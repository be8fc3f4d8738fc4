// SPDX-License-Identifier: BSD-3-Clause
//! Registries that refuse, fail, cut and lie. Time is the world's, so that minutes cost nothing.

use std::{cell::Cell, rc::Rc, time::Duration};

use arch::Arch;
use dial::Service;
use http::{Division, Secret};
use oci::{
    Algorithm, Client, Digest, Error, Image, Login, Mirror, Options, Platform, Reference, Scope,
    spec::{self, Descriptor, Index, MachineKind, Manifest},
};
use peers::{Answer, Asked, Script, Wire, World};

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    }
}

fn manifest(layers: &[&[u8]]) -> Vec<u8> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: None,
        config: descriptor(spec::EMPTY, b"{}"),
        layers: layers
            .iter()
            .map(|layer| descriptor("application/vnd.cloud-boot.kernel.v1", layer))
            .collect(),
        subject: None,
        annotations: Default::default(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

fn index(manifests: &[(&str, &[u8], &str)]) -> Vec<u8> {
    let manifests = manifests.iter().map(|(media_type, bytes, architecture)| Descriptor {
        platform: (!architecture.is_empty()).then(|| MachineKind {
            architecture: architecture.to_string(),
            os: "linux".into(),
            variant: None,
        }),
        ..descriptor(media_type, bytes)
    });
    let index = Index {
        schema_version: 2,
        media_type: None,
        artifact_type: None,
        manifests: manifests.collect(),
        annotations: Default::default(),
    };
    serde_json::to_vec(&index).unwrap()
}

/// What a registry holds: the document of the tag `1`, and anything by its digest.
#[derive(Clone, Default)]
struct Store {
    tagged: Vec<u8>,
    documents: Vec<Vec<u8>>,
    blobs: Vec<Vec<u8>>,
}

impl Store {
    /// One manifest of these layers.
    fn of(layers: &[&[u8]]) -> Self {
        Self {
            tagged: manifest(layers),
            documents: Vec::new(),
            blobs: layers.iter().map(|layer| layer.to_vec()).collect(),
        }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let name = asked.target.rsplit('/').next().unwrap();
        let is = |bytes: &&Vec<u8>| Digest::of(Algorithm::Sha256, bytes).to_string() == name;
        if asked.target.contains("/manifests/") {
            let documents = || self.documents.iter().chain([&self.tagged]);
            return match if name == "1" { Some(&self.tagged) } else { documents().find(is) } {
                Some(bytes) => Answer::new(200, &[], bytes),
                None => not_found(),
            };
        }
        self.blobs.iter().find(is).map_or_else(not_found, |blob| Answer::part(asked, blob))
    }
}

fn not_found() -> Answer {
    Answer::new(404, &[], br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#)
}

const NAME: &str = "registry/a/b:1";

fn reference() -> Reference {
    Reference::parse(&format!("oci://{}", NAME.replace("registry", "registry.test"))).unwrap()
}

fn client(world: &Rc<World>, options: Options) -> Client<Wire> {
    Client::new(http::Client::new(world.wire()), options)
}

fn login(registry: &str) -> Vec<Login> {
    vec![Login { registry: registry.into(), secret: Secret::basic("me", "hunter2") }]
}

/// Resolves a reference and fetches its layers, of at most 1 GiB.
fn pulled(
    world: &Rc<World>,
    reference: &Reference,
    options: Options,
) -> Result<(Image, Vec<Vec<u8>>), Error> {
    let client = client(world, options);
    world.run(async {
        let image = client.resolve(reference, &Platform::linux(Arch::X86_64)).await?;
        let layers: Vec<_> = image.manifest.layers.iter().collect();
        let blobs = client.blobs(reference, &layers, 1 << 30, &|_| ()).await?;
        Ok((image, blobs))
    })
}

fn layers(world: &Rc<World>, options: Options) -> Result<Vec<Vec<u8>>, String> {
    pulled(world, &reference(), options).map(|(_, blobs)| blobs).map_err(|error| error.to_string())
}

#[test]
fn layers_are_fetched_and_checked() {
    let world = World::new();
    let store = Store::of(&[b"kernel", b"", b"initrd"]);
    let script = Script::at(&world, "registry.test:443", move |asked| store.answer(asked));
    assert_eq!(layers(&world, Options::default()).unwrap(), [&b"kernel"[..], b"", b"initrd"]);
    assert!(script.asked().iter().all(|asked| asked.secured.as_deref() == Some("registry.test")));
    assert!(script.asked()[0].field("accept").unwrap().contains(spec::DOCKER_LIST));
}

#[test]
fn indexes_are_followed_to_this_machine() {
    let world = World::new();
    let wanted = manifest(&[b"for amd64"]);
    let inner = index(&[(spec::MANIFEST, &manifest(&[b"x"]), "riscv64"), (spec::MANIFEST, &wanted, "amd64")]);
    let other = index(&[(spec::MANIFEST, &manifest(&[b"y"]), "arm64")]);
    let tagged = index(&[
        (spec::MANIFEST, &manifest(&[b"z"]), "loong64"),
        (spec::INDEX, &other, ""),
        (spec::INDEX, &inner, ""),
    ]);
    let store =
        Store { documents: vec![wanted.clone(), inner, other], blobs: vec![b"for amd64".to_vec()], tagged };
    let expected = Digest::of(Algorithm::Sha256, &store.tagged);
    Script::at(&world, "registry.test:443", move |asked| store.answer(asked));
    let (image, blobs) = pulled(&world, &reference(), Options::default()).unwrap();
    assert_eq!(blobs, [b"for amd64"]);
    assert_eq!((image.digest, image.manifest_digest), (expected, Digest::of(Algorithm::Sha256, &wanted)));
}

#[test]
fn what_was_answered_is_recorded() {
    let (layer, world) = (&b"kernel"[..], World::new());
    let inner = manifest(&[layer]);
    let outer = index(&[(spec::MANIFEST, &inner, "amd64")]);
    let (tagged, blobs) = (outer.clone(), vec![layer.to_vec()]);
    let store = Store { tagged, documents: vec![inner.clone()], blobs };
    let _script = Script::at(&world, "registry.test:443", move |asked| store.answer(asked));
    let client = client(&world, Options::default()).recording();
    world.run(async {
        let image = client.resolve(&reference(), &Platform::linux(Arch::X86_64)).await.unwrap();
        client.blob(&reference(), &image.manifest.layers[0], 6, &|_| ()).await.unwrap();
        // What is not there is no answer.
        assert!(client.document(&reference().with_tag("2").unwrap()).await.is_err());
    });
    let record = client.into_record().unwrap();
    let digest = |bytes: &[u8]| Digest::of(Algorithm::Sha256, bytes);
    for (path, expected) in [
        ("manifests/1".into(), Some(&outer[..])),
        (format!("manifests/{}", digest(&inner)), Some(&inner[..])),
        (format!("blobs/{}", digest(layer)), Some(layer)),
        ("manifests/2".into(), None),
    ] {
        assert_eq!(record.answer(&path).map(|answer| answer.bytes.as_slice()), expected, "{path}");
    }
}

#[test]
fn an_index_without_this_machine_is_refused() {
    let world = World::new();
    let (a, b) = (manifest(&[b"a"]), manifest(&[b"b"]));
    let tagged = index(&[(spec::MANIFEST, &a, "arm64"), (spec::MANIFEST, &b, "s390x")]);
    let store = Store { tagged, ..Store::default() };
    Script::at(&world, "registry.test:443", move |asked| store.answer(asked));
    let expected = "E-NET-OCI-PLATFORM registry.test/a/b:1: nothing for linux/amd64; available: linux/arm64, linux/s390x";
    assert_eq!(layers(&world, Options::default()).unwrap_err(), expected);
}

#[test]
fn indexes_do_not_nest_for_ever() {
    let world = World::new();
    let mut documents = vec![manifest(&[b"x"])];
    for _ in 0..6 {
        let media_type = if documents.len() == 1 { spec::MANIFEST } else { spec::INDEX };
        documents.push(index(&[(media_type, documents.last().unwrap(), "amd64")]));
    }
    let store = Store { tagged: documents.last().unwrap().clone(), documents, ..Store::default() };
    Script::at(&world, "registry.test:443", move |asked| store.answer(asked));
    let error = layers(&world, Options::default()).unwrap_err();
    assert_eq!(error, "E-NET-OCI-LIMIT registry.test/a/b:1: more than 4 levels of indexes");
}

/// The error of a registry that answers blobs in its own way.
fn with_blob(layer: &[u8], answer: impl Fn(&Asked) -> Answer + 'static) -> String {
    let world = World::new();
    let store = Store::of(&[layer]);
    Script::at(&world, "registry.test:443", move |asked| match asked.target.contains("/blobs/") {
        true => answer(asked),
        false => store.answer(asked),
    });
    match layers(&world, Options::default()) {
        Ok(blobs) => {
            assert_eq!(blobs, [layer]);
            "ok".into()
        }
        Err(error) => error,
    }
}

#[test]
fn other_bytes_than_the_digest_names_are_refused() {
    let error = with_blob(b"kernel", |_| Answer::new(200, &[], b"kernes"));
    let (found, expected) =
        (Digest::of(Algorithm::Sha256, b"kernes"), Digest::of(Algorithm::Sha256, b"kernel"));
    let short: String = expected.to_string().chars().take(19).collect();
    assert_eq!(
        error,
        format!("E-NET-OCI-DIGEST registry.test/a/b:1 blob {short}: digest is {found}, expected {expected}")
    );
    assert_eq!(with_blob(b"kernel", |_| Answer::new(200, &[], b"kernel")), "ok");
}

#[test]
fn another_size_is_refused() {
    for bytes in [&b"kernel1"[..], b"kerne"] {
        let error = with_blob(b"kernel", move |_| Answer::new(200, &[], bytes));
        assert!(error.starts_with("E-NET-HTTP-SIZE https://registry.test/v2/a/b/blobs/sha256:"), "{error}");
        assert!(error.ends_with(&format!(": body of {} bytes, 6 expected", bytes.len())), "{error}");
    }
    let error = with_blob(b"kernel", |_| Answer::raw(200, &["Transfer-Encoding: chunked"], b"").endless());
    assert!(error.ends_with("body of 7 bytes, 6 expected"), "{error}");
}

#[test]
fn a_truncated_blob_is_resumed_and_given_up_in_the_end() {
    let large = vec![7; 400_000];
    let (blob, count) = (large.clone(), Cell::new(0));
    let once = with_blob(&large, move |asked| {
        count.set(count.get() + 1);
        let answer = Answer::part(asked, &blob);
        if count.get() == 1 { answer.cut(200_000) } else { answer }
    });
    assert_eq!(once, "ok");
    let error = with_blob(b"kernel", |asked| Answer::part(asked, b"kernel").cut(47));
    assert!(error.starts_with("E-NET-HTTP-CUT "), "{error}");
}

#[test]
fn what_is_too_large_is_not_fetched() {
    let world = World::new();
    let store = Store::of(&[b"kernel", b"initrd"]);
    let script = Script::at(&world, "registry.test:443", move |asked| store.answer(asked));
    let client = client(&world, Options::default());
    let error = world.run(async {
        let image = client.resolve(&reference(), &Platform::linux(Arch::X86_64)).await.unwrap();
        let layers: Vec<_> = image.manifest.layers.iter().collect();
        client.blobs(&reference(), &layers, 11, &|_| ()).await.unwrap_err()
    });
    assert_eq!(error.to_string(), "E-NET-OCI-SIZE registry.test/a/b:1: 12 bytes, but only 11 fit");
    assert_eq!(script.lines(), ["GET /v2/a/b/manifests/1"]);
}

#[test]
fn a_tampered_manifest_is_refused() {
    let world = World::new();
    let store = Store::of(&[b"kernel"]);
    let tampered =
        store.tagged.iter().map(|byte| if *byte == b'4' { b'5' } else { *byte }).collect::<Vec<_>>();
    let answer = tampered.clone();
    Script::at(&world, "registry.test:443", move |_| Answer::new(200, &[], &answer));
    let pinned = reference().with_digest(Digest::of(Algorithm::Sha256, &store.tagged));
    let error = pulled(&world, &pinned, Options::default()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("E-NET-OCI-DIGEST {pinned}: digest is sha256:")), "{error}");
    // What the registry itself says of a tag must be right, too.
    let world = World::new();
    let field = format!("Docker-Content-Digest: {}", pinned.digest().unwrap());
    Script::at(&world, "registry.test:443", move |_| Answer::new(200, &[&field], &tampered));
    assert!(
        layers(&world, Options::default()).unwrap_err().starts_with("E-NET-OCI-DIGEST registry.test/a/b:1: ")
    );
}

#[test]
fn a_manifest_of_another_algorithm_is_checked_by_it() {
    let world = World::new();
    let store = Store::of(&[b"kernel"]);
    let pinned = reference().with_digest(Digest::of(Algorithm::Sha512, &store.tagged));
    Script::at(&world, "registry.test:443", move |asked| match asked.target.contains("/manifests/sha512:") {
        true => Answer::new(200, &[], &store.tagged),
        false => store.answer(asked),
    });
    assert_eq!(pulled(&world, &pinned, Options::default()).unwrap().0.digest.algorithm(), Algorithm::Sha512);
}

#[test]
fn an_absent_one_is_said_in_the_registrys_words() {
    let world = World::new();
    Script::at(&world, "registry.test:443", |_| not_found());
    let expected = "E-NET-OCI-ABSENT registry.test/a/b:1: not found in the registry (MANIFEST_UNKNOWN: manifest unknown)";
    assert_eq!(layers(&world, Options::default()).unwrap_err(), expected);
}

/// A registry that is busy as often as said, with these fields: the result, requests, and seconds.
fn busy(status: u16, times: usize, fields: &'static [&'static str]) -> (String, usize, u64) {
    let world = World::new();
    let (store, count) = (Store::of(&[b"kernel"]), Cell::new(0));
    let script = Script::at(&world, "registry.test:443", move |asked| {
        count.set(count.get() + 1);
        if count.get() <= times { Answer::new(status, fields, b"") } else { store.answer(asked) }
    });
    let result = layers(&world, Options::default()).map_or_else(|error| error, |_| "ok".into());
    (result, script.asked().len(), world.now().as_secs())
}

#[test]
fn a_busy_registry_is_asked_again_later() {
    for status in [408, 429, 500, 503] {
        let (result, requests, _) = busy(status, 2, &[]);
        assert_eq!((result.as_str(), requests), ("ok", 4), "{status}");
    }
    let (result, _, seconds) = busy(429, 1, &["Retry-After: 30"]);
    assert!(result == "ok" && (30..35).contains(&seconds), "{result} after {seconds} s");
    let (result, requests, _) = busy(503, 99, &[]);
    assert_eq!((result.as_str(), requests), ("E-NET-OCI-STATUS registry.test/a/b:1: 503 Scripted", 6));
    let (result, requests, _) = busy(429, 99, &["Retry-After: 3600"]);
    assert_eq!((result.as_str(), requests), ("E-NET-OCI-STATUS registry.test/a/b:1: 429 Scripted", 1));
    let (result, requests, _) = busy(400, 99, &[]);
    assert_eq!((result.as_str(), requests), ("E-NET-OCI-STATUS registry.test/a/b:1: 400 Scripted", 1));
}

const BEARER: &str = r#"WWW-Authenticate: Bearer realm="https://auth.test/token",service="registry.test",scope="repository:a/b:pull""#;

/// A registry that wants the token `t`, and the service that grants it.
fn with_tokens(world: &Rc<World>, challenge: &'static str) -> (Script, Script) {
    let store = Store::of(&[b"kernel"]);
    let registry = Script::at(world, "registry.test:443", move |asked| match asked.field("authorization") {
        Some("Bearer t") => store.answer(asked),
        _ => Answer::new(401, &[challenge], b"{}"),
    });
    let service = Script::at(world, "auth.test:443", |asked| match asked.field("authorization") {
        None | Some("Basic bWU6aHVudGVyMg==") => Answer::new(200, &[], br#"{"token":"t","expires_in":300}"#),
        _ => Answer::new(401, &[], br#"{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}"#),
    });
    (registry, service)
}

#[test]
fn tokens_are_fetched_once_and_used_for_all() {
    let world = World::new();
    let (registry, service) = with_tokens(&world, BEARER);
    assert_eq!(layers(&world, Options::default()).unwrap(), [b"kernel"]);
    assert_eq!(service.lines(), ["GET /token?service=registry.test&scope=repository%3Aa%2Fb%3Apull"]);
    assert_eq!(registry.lines().len(), 3);
    // The login goes to the service, not to the registry.
    let world = World::new();
    let (registry, service) = with_tokens(&world, BEARER);
    let logins = login("registry.test");
    assert_eq!(layers(&world, Options { logins, ..Options::default() }).unwrap(), [b"kernel"]);
    assert_eq!(service.asked()[0].field("authorization"), Some("Basic bWU6aHVudGVyMg=="));
    assert!(
        registry
            .asked()
            .iter()
            .all(|asked| !asked.field("authorization").is_some_and(|field| field.starts_with("Basic")))
    );
}

#[test]
fn logins_of_other_registries_are_not_used() {
    let world = World::new();
    let (_, service) = with_tokens(&world, BEARER);
    let logins = login("other.test");
    layers(&world, Options { logins, ..Options::default() }).unwrap();
    assert_eq!(service.asked()[0].field("authorization"), None);
}

#[test]
fn a_token_service_without_tls_is_refused() {
    let world = World::new();
    with_tokens(&world, r#"WWW-Authenticate: Bearer realm="http://auth.test/token""#);
    let expected = "E-NET-OCI-REALM registry.test/a/b:1: token service http://auth.test/token is not https";
    assert_eq!(layers(&world, Options::default()).unwrap_err(), expected);
}

#[test]
fn over_plain_http_a_login_goes_to_the_same_host_only() {
    for (realm, expected) in
        [("http://auth.test/token", None), ("http://registry.test/token", Some("Basic bWU6aHVudGVyMg=="))]
    {
        let world = World::new();
        let store = Store::of(&[b"kernel"]);
        let token = Answer::new(200, &[], br#"{"access_token":"t"}"#);
        let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\"");
        let auth = Script::at(&world, "auth.test:80", {
            let token = token.clone();
            move |_| token.clone()
        });
        let registry =
            Script::at(&world, "registry.test:80", move |asked| match asked.field("authorization") {
                _ if asked.target.starts_with("/token") => token.clone(),
                Some("Bearer t") => store.answer(asked),
                _ => Answer::new(401, &[&challenge], b"{}"),
            });
        let options = Options { is_plain: true, logins: login("registry.test"), ..Options::default() };
        assert_eq!(layers(&world, options).unwrap(), [b"kernel"]);
        let asked: Vec<_> = auth.asked().into_iter().chain(registry.asked()).collect();
        let token = asked.iter().find(|asked| asked.target.starts_with("/token")).unwrap();
        assert_eq!(token.field("authorization"), expected, "{realm}");
    }
}

#[test]
fn wrong_passwords_are_not_tried_again() {
    let world = World::new();
    let registry = Script::at(&world, "registry.test:443", |_| {
        let said = br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        Answer::new(401, &["WWW-Authenticate: Basic realm=\"x\""], said)
    });
    let error = layers(&world, Options { logins: login("registry.test"), ..Options::default() }).unwrap_err();
    let expected =
        "E-NET-OCI-LOGIN registry.test/a/b:1: 401 with this login (UNAUTHORIZED: authentication required)";
    assert_eq!((error.as_str(), registry.asked().len()), (expected, 2));
    let error = layers(&world, Options::default()).unwrap_err();
    assert_eq!(error, "E-NET-OCI-LOGIN registry.test/a/b:1: 401 without a login");
    assert!(!error.contains("hunter2"));
}

#[test]
fn an_expired_token_is_renewed() {
    let world = World::new();
    let (store, count) = (Store::of(&[b"kernel"]), Cell::new(0));
    Script::at(&world, "registry.test:443", move |asked| match asked.field("authorization") {
        Some("Bearer 2") => store.answer(asked),
        Some("Bearer 1") if asked.target.contains("/manifests/") => store.answer(asked),
        _ => Answer::new(401, &[BEARER], b"{}"),
    });
    let service = Script::at(&world, "auth.test:443", move |_| {
        count.set(count.get() + 1);
        Answer::new(200, &[], format!(r#"{{"token":"{}"}}"#, count.get()).as_bytes())
    });
    assert_eq!(layers(&world, Options::default()).unwrap(), [b"kernel"]);
    assert_eq!(service.asked().len(), 2);
}

fn service(priority: u16, port: u16, target: &str) -> Service {
    Service { priority, weight: 1, port, target: target.into() }
}

#[test]
fn replicas_are_tried_by_priority_until_one_answers() {
    let world = World::new();
    let name = "_registry._tcp.zone.test";
    world.set_services(
        name,
        vec![
            service(3, 5001, "c.zone.test"),
            service(1, 5001, "a.zone.test"),
            service(2, 5002, "b.zone.test."),
        ],
    );
    let store = Store::of(&[b"kernel"]);
    // Nobody is at a; b is ill after the first request.
    let count = Cell::new(0);
    let ill = store.clone();
    Script::at(&world, "b.zone.test:5002", move |asked| {
        count.set(count.get() + 1);
        if count.get() == 1 { ill.answer(asked) } else { Answer::new(503, &[], b"") }
    });
    Script::at(&world, "c.zone.test:5001", move |asked| store.answer(asked));
    let reference = Reference::parse(&format!("{name}/a/b:1")).unwrap();
    let (_, blobs) = pulled(&world, &reference, Options::default()).unwrap();
    assert_eq!(blobs, [b"kernel"]);
    assert_eq!(world.connected(), ["a.zone.test:5001", "b.zone.test:5002", "c.zone.test:5001"]);
    assert_eq!(world.now().as_secs(), 0, "nobody waits while there are other replicas");
}

#[test]
fn a_replica_that_cuts_is_left_for_another() {
    let world = World::new();
    let name = "_registry._tcp.zone.test";
    world.set_services(name, vec![service(1, 443, "a.zone.test"), service(2, 443, "b.zone.test")]);
    let store = Store::of(&[b"kernel"]);
    let cutting = store.clone();
    Script::at(&world, "a.zone.test:443", move |asked| match asked.target.contains("/blobs/") {
        true => cutting.answer(asked).cut(47),
        false => cutting.answer(asked),
    });
    let other = Script::at(&world, "b.zone.test:443", move |asked| store.answer(asked));
    let reference = Reference::parse(&format!("{name}/a/b:1")).unwrap();
    assert_eq!(pulled(&world, &reference, Options::default()).unwrap().1, [b"kernel"]);
    assert_eq!(other.lines().len(), 1);
}

#[test]
fn a_server_that_is_not_trusted_is_not_tried_again() {
    let world = World::new();
    world.distrust("registry.test");
    Script::at(&world, "registry.test:443", |_| not_found());
    let error = layers(&world, Options::default()).unwrap_err();
    let expected = "E-NET-SECURE https://registry.test/v2/a/b/manifests/1: certificate expired";
    assert_eq!((error.as_str(), world.connected().len()), (expected, 1));
    // Another replica may have a better certificate.
    let world = World::new();
    let name = "_registry._tcp.zone.test";
    world.set_services(name, vec![service(1, 443, "a.zone.test"), service(2, 443, "b.zone.test")]);
    world.distrust("a.zone.test");
    Script::at(&world, "a.zone.test:443", |_| not_found());
    let store = Store::of(&[b"kernel"]);
    Script::at(&world, "b.zone.test:443", move |asked| store.answer(asked));
    let reference = Reference::parse(&format!("{name}/a/b:1")).unwrap();
    assert_eq!(pulled(&world, &reference, Options::default()).unwrap().1, [b"kernel"]);
}

#[test]
fn logins_do_not_leave_the_zone() {
    for (target, is_sent) in [("r.zone.test", true), ("r.evil.test", false)] {
        let world = World::new();
        let name = "_registry._tcp.zone.test";
        world.set_services(name, vec![service(1, 443, target)]);
        let script =
            Script::at(&world, &format!("{target}:443"), |asked| match asked.field("authorization") {
                Some(_) => not_found(),
                None => Answer::new(401, &["WWW-Authenticate: Basic realm=\"x\""], b""),
            });
        let digest = Digest::of(Algorithm::Sha256, b"x");
        let reference = Reference::parse(&format!("{name}/a/b@{digest}")).unwrap();
        pulled(&world, &reference, Options { logins: login(name), ..Options::default() }).unwrap_err();
        assert_eq!(
            script.asked().iter().any(|asked| asked.field("authorization").is_some()),
            is_sent,
            "{target}"
        );
    }
}

#[test]
fn nobody_outside_of_the_zone_says_what_a_tag_means() {
    let world = World::new();
    world.set_services("_registry._tcp.zone.test", vec![service(1, 443, "r.evil.test")]);
    let script = Script::at(&world, "r.evil.test:443", |asked| Store::of(&[b"evil"]).answer(asked));
    let reference = Reference::parse("_registry._tcp.zone.test/a/b:1").unwrap();
    let error = pulled(&world, &reference, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "E-NET-OCI-SRV _registry._tcp.zone.test/a/b:1: no SRV records");
    assert!(script.asked().is_empty());
}

#[test]
fn a_name_without_records_is_refused() {
    let world = World::new();
    let reference = Reference::parse("_registry._tcp.zone.test/a/b:1").unwrap();
    let error = pulled(&world, &reference, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "E-NET-OCI-SRV _registry._tcp.zone.test: no SRV records");
}

#[test]
fn mirrors_come_first_and_are_checked() {
    let good = Store::of(&[b"kernel"]);
    let bad = Store { blobs: vec![], ..good.clone() };
    let tampered = |asked: &Asked| match asked.target.contains("/blobs/") {
        true => Answer::new(200, &[], b"kernes"),
        false => Store::of(&[b"kernel"]).answer(asked),
    };
    let mirrors = || vec![Mirror::parse("registry.test=mirror.test:5000/hub").unwrap()];
    let cuts = |asked: &Asked| Store::of(&[b"kernel"]).answer(asked).cut(70);
    // It has everything; it lacks the blob; it lies; it cuts; it is not there.
    // What the tag means is the registry's to say: that is one request more.
    for (mirror, count) in [(0, 1), (1, 2), (2, 2), (3, 1), (4, 2)] {
        let world = World::new();
        let (good, bad, original) = (good.clone(), bad.clone(), good.clone());
        match mirror {
            0 => drop(Script::at(&world, "mirror.test:5000", move |asked| good.answer(asked))),
            1 => drop(Script::at(&world, "mirror.test:5000", move |asked| bad.answer(asked))),
            2 => drop(Script::at(&world, "mirror.test:5000", tampered)),
            3 => drop(Script::at(&world, "mirror.test:5000", cuts)),
            _ => {}
        }
        let script = Script::at(&world, "registry.test:443", move |asked| original.answer(asked));
        let blobs = layers(&world, Options { mirrors: mirrors(), ..Options::default() }).unwrap();
        assert_eq!((blobs, script.asked().len()), (vec![b"kernel".to_vec()], count), "{mirror}");
        assert_eq!(world.connected()[..2], ["registry.test:443", "mirror.test:5000"], "{mirror}");
    }
}

#[test]
fn several_large_blobs_come_side_by_side() {
    let world = World::new();
    let mut blobs = vec![vec![1; 4_500_000], vec![2; 4_500_000], vec![3; 4_500_000]];
    blobs.iter_mut().for_each(|blob| blob[4_400_000] = 9);
    let parts: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let store = Store::of(&parts);
    // Computed once: that takes longer than everything else.
    let digests: Vec<_> = blobs.iter().map(|blob| Digest::of(Algorithm::Sha256, blob).to_string()).collect();
    let script = Script::at(&world, "registry.test:443", move |asked| {
        match digests.iter().position(|digest| asked.target.ends_with(digest)) {
            Some(number) => Answer::part(asked, &store.blobs[number]),
            None => store.answer(asked),
        }
    });
    let division = Division { above: 1 << 20, ..Division::default() };
    assert!(layers(&world, Options { division, ..Options::default() }).unwrap() == blobs);
    assert_eq!(script.lines().iter().filter(|line| line.contains("bytes=")).count(), 6);
}

#[test]
fn a_blob_that_is_complete_leaves_its_connections_to_the_others() {
    let world = World::new();
    let blobs = [vec![1; 4_500_000], vec![2; 13_000_000]];
    let parts: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let store = Store::of(&parts);
    let digests: Vec<_> = blobs.iter().map(|blob| Digest::of(Algorithm::Sha256, blob).to_string()).collect();
    Script::at(&world, "registry.test:443", move |asked| {
        match digests.iter().position(|digest| asked.target.ends_with(digest)) {
            // A range of 4 MiB takes 4 s.
            Some(number) => {
                Answer::part(asked, &store.blobs[number]).slow(64 << 10, Duration::from_micros(62_500))
            }
            None => store.answer(asked),
        }
    });
    let division = Division { above: 1 << 20, ranges: 4 };
    let fetched = layers(&world, Options { division, ..Options::default() }).unwrap();
    assert!(fetched.iter().map(Vec::as_slice).eq(parts));
    // With two connections for each, the second blob's four ranges would take 8 s.
    let took = world.now();
    assert!((4..6).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn documents_are_limited() {
    let world = World::new();
    Script::at(&world, "registry.test:443", |_| {
        Answer::raw(200, &["Transfer-Encoding: chunked"], b"").endless()
    });
    let error = layers(&world, Options::default()).unwrap_err();
    assert!(
        error.starts_with("E-NET-HTTP-SIZE https://registry.test/v2/a/b/manifests/1: body of 419"),
        "{error}"
    );
}

#[test]
fn uploads_go_where_the_registry_says() {
    let world = World::new();
    let script = Script::at(&world, "registry.test:443", |asked| {
        match (asked.method.as_str(), asked.field("authorization")) {
            (_, None) => Answer::new(401, &["WWW-Authenticate: Basic realm=\"x\""], b""),
            ("HEAD", _) => Answer::raw(404, &["Content-Length: 7"], b""),
            ("POST", _) => Answer::new(202, &["Location: https://upload.test/x?state=1"], b""),
            _ => Answer::new(201, &[], b""),
        }
    });
    let upload = Script::at(&world, "upload.test:443", |_| Answer::new(201, &[], b""));
    let client = client(&world, Options { logins: login("registry.test"), ..Options::default() });
    let digest = Digest::of(Algorithm::Sha256, b"kernel");
    let sent = world.run(client.push_blob(&reference(), &digest, &&b"kernel"[..])).unwrap();
    assert!(sent);
    let put = &upload.asked()[0];
    let target = format!("/x?state=1&digest={}", digest.to_string().replace(':', "%3A"));
    assert_eq!(
        (put.method.as_str(), put.target.as_str(), put.body.as_slice()),
        ("PUT", target.as_str(), &b"kernel"[..])
    );
    assert_eq!(put.field("authorization"), None);
    assert_eq!(
        script.lines()[..3],
        [
            format!("HEAD /v2/a/b/blobs/{digest}"),
            format!("HEAD /v2/a/b/blobs/{digest}"),
            "POST /v2/a/b/blobs/uploads/".into(),
        ]
    );
}

#[test]
fn lists_of_referrers_stay_with_their_registry() {
    let digest = Digest::of(Algorithm::Sha256, b"subject");
    let page = |name: &'static [u8]| index(&[(spec::MANIFEST, name, "")]);
    for (next, expected) in
        [("/v2/a/b/referrers/x?n=2", 2), ("https://evil.test/v2/a/b/referrers/x", 1), ("", 1)]
    {
        let world = World::new();
        let script = Script::at(&world, "registry.test:443", move |asked| {
            let body = page(if asked.target.ends_with("?n=2") { &b"second"[..] } else { b"first" });
            let (kind, link) =
                (format!("Content-Type: {}", spec::INDEX), format!("Link: <{next}>; rel=\"next\""));
            let fields = if asked.target.ends_with("?n=2") {
                vec![kind.as_str()]
            } else {
                vec![kind.as_str(), link.as_str()]
            };
            match asked.field("authorization") {
                Some(_) => Answer::new(200, &fields, &body),
                None => Answer::new(401, &["WWW-Authenticate: Basic realm=\"x\""], b""),
            }
        });
        let evil = Script::at(&world, "evil.test:443", move |_| not_found());
        let client = client(&world, Options { logins: login("registry.test"), ..Options::default() });
        let list = world.run(client.referrers(&reference(), &digest, Scope::Original, 1 << 20));
        // An empty address is that of the page itself.
        let count = if next.is_empty() { 16 } else { expected };
        assert_eq!(list.unwrap().manifests.len(), count, "{next}");
        assert!(evil.asked().is_empty());
        assert_eq!(script.asked()[0].target, format!("/v2/a/b/referrers/{digest}"));
    }
}

#[test]
fn a_list_that_only_a_mirror_has_is_not_recorded_as_the_registrys() {
    let digest = Digest::of(Algorithm::Sha256, b"subject");
    let paths = [format!("referrers/{digest}"), format!("manifests/sha256-{}", digest.hex())];
    let is_index = || format!("Content-Type: {}", spec::INDEX);
    // The registry lacks both lists; or they cannot be read.
    for (status, body) in [(404, &b""[..]), (200, b"no JSON")] {
        let world = World::new();
        let list = index(&[(spec::MANIFEST, b"old", "")]);
        Script::at(&world, "mirror.test:443", move |_| Answer::new(200, &[&is_index()], &list));
        Script::at(&world, "registry.test:443", move |_| Answer::new(status, &[&is_index()], body));
        let mirrors = vec![Mirror::parse("registry.test=mirror.test").unwrap()];
        let client = client(&world, Options { mirrors, ..Options::default() }).recording();
        let counts = [Scope::Mirrors, Scope::Original].map(|scope| {
            let found = world.run(client.referrers(&reference(), &digest, scope, 1 << 20)).unwrap();
            found.manifests.len()
        });
        assert_eq!(counts, [1, 0]);
        let record = client.into_record().unwrap();
        for path in &paths {
            let answer = record.answer(path).unwrap_or_else(|| panic!("{path} is recorded"));
            let read: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
            assert_eq!(read["manifests"], serde_json::json!([]), "{path}");
        }
    }
}

/// What a registry lists, by its API and under the tag: how many manifests, and what is wrong.
fn referrers_of(api: &[u8], tagged: &[u8]) -> (usize, Vec<String>) {
    let world = World::new();
    let (api, tagged) = (api.to_vec(), tagged.to_vec());
    Script::at(&world, "registry.test:443", move |asked| {
        let body = if asked.target.contains("/referrers/") { &api } else { &tagged };
        match body.is_empty() {
            true => not_found(),
            false => Answer::new(200, &[&format!("Content-Type: {}", spec::INDEX)], body),
        }
    });
    let client = client(&world, Options::default());
    let digest = Digest::of(Algorithm::Sha256, b"subject");
    let found = world.run(client.referrers(&reference(), &digest, Scope::Original, 400_000)).unwrap();
    (found.manifests.len(), found.faults.iter().map(|fault| fault.to_string()).collect())
}

#[test]
fn lists_of_referrers_that_cannot_be_read_are_faults() {
    let list = |count: usize| index(&vec![(spec::MANIFEST, b"x".as_slice(), ""); count]);
    assert_eq!(referrers_of(b"", b""), (0, vec![]));
    assert_eq!(referrers_of(&list(2), b"{"), (2, vec![]));
    assert_eq!(referrers_of(b"", &list(512)), (512, vec![]));
    let (count, faults) = referrers_of(b"", &list(513));
    assert_eq!(count, 512);
    assert!(faults[0].ends_with(": more than 512 referrers") && faults.len() == 1, "{faults:?}");
    // Both lists, where something is wrong with the first.
    for (api, tagged, expected, words) in [
        (b"no JSON".to_vec(), list(3), 3, "malformed index: expected ident at line 1 column 2"),
        (b"{".to_vec(), b"".to_vec(), 0, "malformed index: EOF while parsing"),
        (br#"{"manifests":1}"#.to_vec(), list(1), 1, "expected an array"),
        (b" ".repeat(400_001), list(1), 1, "E-NET-HTTP-SIZE https://registry.test/v2/a/b/referrers/"),
        (b"".to_vec(), br#"{"layers":[]}"#.to_vec(), 0, "a manifest instead of the list of referrers"),
    ] {
        let (count, faults) = referrers_of(&api, &tagged);
        assert_eq!((count, faults.len()), (expected, 1), "{words}: {faults:?}");
        assert!(faults[0].contains(words), "{faults:?}");
    }
}

#[test]
fn endless_lists_of_referrers_are_left() {
    let world = World::new();
    Script::at(&world, "registry.test:443", |_| {
        let kind = format!("Content-Type: {}", spec::INDEX);
        Answer::raw(200, &[&kind, "Transfer-Encoding: chunked"], b"").endless()
    });
    let client = client(&world, Options::default());
    let digest = Digest::of(Algorithm::Sha256, b"subject");
    let found = world.run(client.referrers(&reference(), &digest, Scope::Original, 100_000)).unwrap();
    assert!(found.manifests.is_empty() && found.faults.len() == 2, "{found:?}");
    for (fault, path) in found.faults.iter().zip(["referrers/", "manifests/sha256-"]) {
        let expected = format!("E-NET-HTTP-SIZE https://registry.test/v2/a/b/{path}");
        assert!(fault.to_string().starts_with(&expected), "{fault}");
    }
}
