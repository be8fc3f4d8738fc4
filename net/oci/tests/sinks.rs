// SPDX-License-Identifier: BSD-3-Clause
//! Blobs that go to sinks: what is there already is checked, what is not the blob's does not stay.

use std::{cell::RefCell, rc::Rc};

use http::{Division, Url};
use oci::{Algorithm, Client, Digest, Mirror, Options, Reference, Sink, spec::Descriptor};
use peers::{Answer, Asked, Script, World};

const SIZE: usize = 1_500_000;

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 + index / 251) as u8).collect()
}

fn descriptor(content: &[u8]) -> Descriptor {
    Descriptor {
        media_type: "application/octet-stream".into(),
        digest: Digest::of(Algorithm::Sha256, content),
        size: content.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: Default::default(),
    }
}

/// Memory with an end, in place of a disk.
struct Shelf {
    bytes: RefCell<Vec<u8>>,
    room: usize,
}

impl Shelf {
    fn with(bytes: &[u8]) -> Self {
        Self { bytes: RefCell::new(bytes.into()), room: usize::MAX }
    }
}

impl Sink for Shelf {
    fn length(&self) -> Result<u64, String> {
        Ok(self.bytes.borrow().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        buffer.copy_from_slice(&self.bytes.borrow()[offset as usize..][..buffer.len()]);
        Ok(())
    }

    fn append(&self, bytes: &[u8]) -> Result<(), String> {
        let mut all = self.bytes.borrow_mut();
        if all.len() + bytes.len() > self.room {
            return Err("file.partial: disk full".into());
        }
        all.extend_from_slice(bytes);
        Ok(())
    }

    fn clear(&self) -> Result<(), String> {
        self.bytes.borrow_mut().clear();
        Ok(())
    }
}

fn reference() -> Reference {
    Reference::parse("oci://registry.test/a/b:1").unwrap()
}

/// Fetches to a shelf; what the progress has counted.
fn fetched(world: &Rc<World>, shelf: &Shelf, options: Options) -> Result<usize, String> {
    let client = Client::new(http::Client::new(world.wire()), options);
    let (descriptor, counted) = (descriptor(&content(SIZE)), RefCell::new(0));
    let jobs: Vec<(&Descriptor, &dyn Sink)> = vec![(&descriptor, shelf)];
    let (reference, count) = (reference(), |bytes| *counted.borrow_mut() += bytes);
    world.run(client.blobs_to(&reference, jobs, &count)).map_err(|error| error.to_string())?;
    Ok(counted.into_inner())
}

fn in_ranges() -> Options {
    Options { division: Division { above: 1 << 20, ranges: 2 }, ..Options::default() }
}

#[test]
fn only_what_is_missing_is_fetched() {
    let body = content(SIZE);
    for (held, expected) in [(0, "GET "), (1_000_001, "GET bytes=1000001-1499999"), (SIZE, "")] {
        let (world, serving) = (World::new(), body.clone());
        let script = Script::at(&world, "registry.test:443", move |asked| Answer::part(asked, &serving));
        let shelf = Shelf::with(&body[..held]);
        assert_eq!(fetched(&world, &shelf, Options::default()), Ok(SIZE), "{held}");
        assert!(shelf.bytes.into_inner() == body, "{held}");
        let asked = script.asked();
        let first = asked.first().map(|asked| format!("GET {}", asked.field("range").unwrap_or_default()));
        assert_eq!((asked.len() <= 1, first.unwrap_or_default().as_str()), (true, expected), "{held}");
    }
}

#[test]
fn what_is_not_the_blobs_does_not_stay() {
    let body = content(SIZE);
    let (mut other, mut longer) = (body[..900_000].to_vec(), body.clone());
    other[5] ^= 1;
    longer.push(0);
    for held in [other, longer] {
        let (world, serving) = (World::new(), body.clone());
        Script::at(&world, "registry.test:443", move |asked| Answer::part(asked, &serving));
        let shelf = Shelf::with(&held);
        fetched(&world, &shelf, in_ranges()).unwrap();
        assert!(shelf.bytes.into_inner() == body);
    }
    // A registry that has another blob.
    let world = World::new();
    let mut changed = body.clone();
    changed[1_200_000] ^= 1;
    Script::at(&world, "registry.test:443", move |asked| Answer::part(asked, &changed));
    let shelf = Shelf::with(&body[..500]);
    let error = fetched(&world, &shelf, Options::default()).unwrap_err();
    assert!(error.starts_with("E-NET-OCI-DIGEST registry.test/a/b:1 blob sha256:"), "{error}");
    assert_eq!(shelf.bytes.into_inner(), b"");
}

#[test]
fn a_mirrors_bytes_do_not_stay_either() {
    let (world, body) = (World::new(), content(SIZE));
    let mut changed = body.clone();
    changed[7] ^= 1;
    let mirror = Script::at(&world, "mirror.test:443", move |asked| Answer::part(asked, &changed));
    let serving = body.clone();
    let registry = Script::at(&world, "registry.test:443", move |asked| Answer::part(asked, &serving));
    let mirrors = vec![Mirror::parse("registry.test=mirror.test").unwrap()];
    let shelf = Shelf::with(b"");
    fetched(&world, &shelf, Options { mirrors, ..in_ranges() }).unwrap();
    assert!(shelf.bytes.into_inner() == body);
    assert_eq!((mirror.asked().len(), registry.asked().len()), (1, 1));
}

#[test]
fn a_sink_may_refuse() {
    let (world, body) = (World::new(), content(SIZE));
    let serving = body.clone();
    Script::at(&world, "registry.test:443", move |asked| Answer::part(asked, &serving));
    let shelf = Shelf { room: 1_000_000, ..Shelf::with(&body[..10]) };
    let error = fetched(&world, &shelf, Options::default()).unwrap_err();
    let address = Url::parse("https://registry.test/v2/a/b/blobs/").unwrap();
    assert!(error.starts_with(&format!("E-NET-HTTP-STORE {address}sha256:")), "{error}");
    assert!(error.ends_with(": cannot store the received data: file.partial: disk full"), "{error}");
    let held = shelf.bytes.into_inner();
    assert!(held.len() > 500_000 && body.starts_with(&held), "what was there is there");
}

/// A registry that sends whoever asks for a blob to another host, by an address that is good for some requests.
fn redirecting(world: &World, uses: usize, body: Vec<u8>) -> (Script, Script) {
    let count = Rc::new(RefCell::new(0));
    let location = count.clone();
    let registry = Script::at(world, "registry.test:443", move |asked| match asked.field("authorization") {
        None => Answer::new(401, &["WWW-Authenticate: Basic realm=\"x\""], b""),
        Some(_) => {
            *location.borrow_mut() += 1;
            Answer::new(
                307,
                &[&format!("Location: https://store.test/x?signature={}", location.borrow())],
                b"",
            )
        }
    });
    let granted = RefCell::new(0);
    let store = Script::at(world, "store.test:443", move |asked: &Asked| {
        let is_last = asked.target == format!("/x?signature={}", count.borrow());
        if is_last && *granted.borrow() < uses * *count.borrow() {
            *granted.borrow_mut() += 1;
            Answer::part(asked, &body)
        } else {
            Answer::new(403, &[], b"expired")
        }
    });
    (registry, store)
}

#[test]
fn a_store_is_asked_for_the_other_ranges_until_it_refuses() {
    let login = oci::Login { registry: "registry.test".into(), secret: http::Secret::basic("me", "pw") };
    // Three ranges, two of them side by side.
    let (body, division) = (content(9 << 20), Division { above: 1, ranges: 2 });
    for (uses, registry_requests) in [(99, 2), (1, 4)] {
        let world = World::new();
        let (registry, store) = redirecting(&world, uses, body.clone());
        let client = Client::new(
            http::Client::new(world.wire()),
            Options { logins: vec![login.clone()], division, ..Options::default() },
        );
        let mut place = vec![0; body.len()];
        let descriptor = descriptor(&body);
        world.run(client.blob_into(&reference(), &descriptor, &mut place, &|_| ())).unwrap();
        assert!(place == body);
        assert!(store.asked().iter().all(|asked| asked.field("authorization").is_none()));
        assert_eq!(registry.asked().len(), registry_requests, "{:?} {:?}", registry.lines(), store.lines());
    }
}
