// SPDX-License-Identifier: BSD-3-Clause
//! Artifacts of registries that tamper, lie and cut, and artifacts that are none. Time is the world's.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use arch::Arch;
use artifact::{
    Artifact, Content, Error, Room, Store, Target, Told, fetch,
    types::{CONFIG, KINDS, TITLE},
};
use http::Backoff;
use oci::{
    Algorithm, Client, Digest, Mirror, Options, Platform, Reference,
    spec::{self, Descriptor, Index, MachineKind, Manifest},
};
use peers::{Answer, Asked, Script, World};

const KERNEL: &str = KINDS[0].media_type;
const INITRD: &str = KINDS[1].media_type;
const CMDLINE: &str = KINDS[2].media_type;
const MODULES: &str = KINDS[3].media_type;
const MODLOOP: &str = KINDS[4].media_type;
const APKOVL: &str = KINDS[5].media_type;
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

const NAME: &str = "registry.test/boot/linux:1";

/// How a blob is answered.
type Answering = fn(&Asked, &[u8]) -> Answer;

/// A part: its type, its title, its bytes.
type Part<'a> = (&'a str, &'a str, &'a [u8]);

fn descriptor(media_type: &str, title: &str, bytes: &[u8]) -> Descriptor {
    let title = (!title.is_empty()).then(|| (TITLE.to_string(), title.to_string()));
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: title.into_iter().collect(),
    }
}

fn manifest(config: &str, layers: Vec<Descriptor>) -> Vec<u8> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(spec::MANIFEST.into()),
        artifact_type: None,
        config: descriptor(config, "", b"{}"),
        layers,
        subject: None,
        annotations: Default::default(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

/// A registry with one artifact, and who asks it.
struct Setting {
    world: Rc<World>,
    script: Script,
    free: u64,
    mirrors: Vec<Mirror>,
    told: Lines,
}

/// What was told, and whether the progress went forward only.
#[derive(Default)]
struct Lines {
    lines: RefCell<Vec<String>>,
    arrived: Cell<u64>,
}

impl Told for Lines {
    fn resolved(&self, reference: &Reference, manifest: &Digest, bytes: u64) {
        self.lines.borrow_mut().push(format!("{reference} {} {bytes}", &manifest.hex()[..8]));
    }

    fn arrived(&self, bytes: u64, of: u64) {
        assert!(bytes >= self.arrived.replace(bytes) && bytes <= of, "{bytes} of {of}");
    }

    fn part(&self, name: &str, bytes: u64) {
        self.lines.borrow_mut().push(format!("{name} {bytes}"));
    }

    fn ignored(&self, name: &str, media_type: &str) {
        self.lines.borrow_mut().push(format!("ignored {name} {media_type}"));
    }
}

/// So many bytes of memory; buffers are full of what was there before.
struct Memory(u64);

impl Room for Memory {
    fn available(&self) -> u64 {
        self.0
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        (length as u64 <= self.0).then(|| vec![0xa5; length])
    }
}

impl Setting {
    /// A registry that has these parts.
    fn of(parts: &[Part<'_>]) -> Self {
        Self::with(CONFIG, parts)
    }

    fn with(config: &str, parts: &[Part<'_>]) -> Self {
        let layers = parts.iter().map(|(media_type, title, bytes)| descriptor(media_type, title, bytes));
        let blobs = parts.iter().map(|(_, _, bytes)| bytes.to_vec()).collect();
        Self::serving(vec![manifest(config, layers.collect())], blobs, Answer::part)
    }

    /// A registry with these documents, the last one tagged, and these blobs, each answered by a function.
    fn serving(
        documents: Vec<Vec<u8>>,
        blobs: Vec<Vec<u8>>,
        answer: impl Fn(&Asked, &[u8]) -> Answer + 'static,
    ) -> Self {
        let world = World::new();
        let script = Script::at(&world, "registry.test:443", move |asked| {
            let name = asked.target.rsplit('/').next().unwrap();
            let is = |bytes: &&Vec<u8>| Digest::of(Algorithm::Sha256, bytes).to_string() == name;
            if asked.target.contains("/manifests/") {
                let found = if name == "1" { documents.last() } else { documents.iter().find(is) };
                return found.map_or_else(not_found, |bytes| Answer::new(200, &[], bytes));
            }
            blobs.iter().find(is).map_or_else(not_found, |blob| answer(asked, blob))
        });
        Self { world, script, free: 1 << 30, mirrors: vec![], told: Lines::default() }
    }

    fn fetch(&self) -> Result<Artifact, Error> {
        self.fetch_into(&Memory(self.free))
    }

    fn fetch_into(&self, room: &dyn Room) -> Result<Artifact, Error> {
        self.fetch_to(Target { room, told: &self.told, store: None })
    }

    fn fetch_to(&self, target: Target<'_>) -> Result<Artifact, Error> {
        let backoff = Backoff { retries: 2, ..Backoff::default() };
        let options = Options { backoff, mirrors: self.mirrors.clone(), ..Options::default() };
        let client = Client::new(http::Client::new(self.world.wire()), options);
        let reference = Reference::parse(NAME).unwrap();
        let platform = Platform::linux(Arch::X86_64);
        self.told.arrived.set(0);
        self.world.run(async {
            let image = client.resolve(&reference, &platform).await?;
            fetch(&client, &reference, &image, target).await
        })
    }

    fn content(&self) -> Content {
        self.fetch().unwrap().content
    }

    /// The one line that it fails with, and nothing of a part was asked for.
    fn refused(&self) -> String {
        let line = self.failed();
        assert_eq!(self.blobs(), 0, "{line}");
        line
    }

    fn failed(&self) -> String {
        let line = self.fetch().map(|artifact| artifact.content).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    }

    /// How often blobs were asked for.
    fn blobs(&self) -> usize {
        self.script.lines().iter().filter(|line| line.contains("/blobs/")).count()
    }

    fn lines(&self) -> Vec<String> {
        self.told.lines.borrow().clone()
    }
}

fn not_found() -> Answer {
    Answer::new(404, &[], br#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}"#)
}

fn linux(kernel: &[u8], initrd: &[u8], options: &str) -> Content {
    Content::Linux { kernel: kernel.into(), initrd: initrd.into(), options: options.into() }
}

#[test]
fn parts_go_to_their_places_in_order() {
    let setting = Setting::of(&[
        (INITRD, "initrd", b"first"),
        (MODULES, "modules.img", b"modules"),
        (KERNEL, "vmlinuz", b"kernel"),
        (CMDLINE, "", b"root=/dev/vda1 quiet \n"),
        (INITRD, "", b"second!!"),
    ]);
    let artifact = setting.fetch().unwrap();
    assert_eq!(artifact.content, linux(b"kernel", b"first\0\0\0second!!modules\0", "root=/dev/vda1 quiet"));
    let hex = &artifact.manifest.hex()[..8];
    let expected = [
        format!("{NAME} {hex} 48"),
        "vmlinuz 6".into(),
        "initrd 5".into(),
        "initrd 8".into(),
        "modules.img 7".into(),
        "cmdline 22".into(),
    ];
    assert_eq!((setting.lines(), setting.told.arrived.get()), (expected.into(), 48));
}

/// Parts by their digests, and what is told of those that differ.
#[derive(Default)]
struct Kept {
    parts: RefCell<BTreeMap<Digest, Vec<u8>>>,
    differing: RefCell<Vec<(Digest, Digest)>>,
}

impl Store for Kept {
    fn load(&self, part: &Descriptor, place: &mut [u8]) -> bool {
        let parts = self.parts.borrow();
        let kept = parts.get(&part.digest).filter(|bytes| bytes.len() == place.len());
        kept.is_some_and(|bytes| {
            place.copy_from_slice(bytes);
            true
        })
    }

    fn differs(&self, part: &Descriptor, found: &Digest) {
        self.differing.borrow_mut().push((part.digest.clone(), found.clone()));
    }

    fn save(&self, part: &Descriptor, bytes: &[u8]) {
        self.parts.borrow_mut().insert(part.digest.clone(), bytes.into());
    }
}

#[test]
fn what_is_kept_is_not_fetched_and_what_differs_is() {
    let parts: [Part<'_>; 4] = [
        (KERNEL, "", b"kernel"),
        (INITRD, "", b"initrd"),
        (MODLOOP, "", b"squashfs"),
        (CMDLINE, "", b"quiet"),
    ];
    let (setting, kept) = (Setting::of(&parts), Kept::default());
    let room = Memory(1 << 30);
    let fetch = || setting.fetch_to(Target { room: &room, told: &setting.told, store: Some(&kept) }).unwrap();
    let first = fetch();
    assert_eq!(setting.blobs(), 4);
    // As they were pushed, whatever is made of them.
    let digest = |bytes: &[u8]| Digest::of(Algorithm::Sha256, bytes);
    let pushed: BTreeMap<_, _> = parts.iter().map(|(_, _, bytes)| (digest(bytes), bytes.to_vec())).collect();
    assert_eq!(*kept.parts.borrow(), pushed);
    assert_eq!((fetch(), setting.blobs()), (first.clone(), 4));
    kept.parts.borrow_mut().insert(digest(b"initrd"), b"INITRD".to_vec());
    kept.parts.borrow_mut().remove(&digest(b"quiet"));
    setting.told.arrived.set(0);
    assert_eq!((fetch(), setting.blobs()), (first, 6));
    assert_eq!(*kept.differing.borrow(), [(digest(b"initrd"), digest(b"INITRD"))]);
    assert_eq!(*kept.parts.borrow(), pushed);
}

#[test]
fn what_differs_and_cannot_be_fetched_is_refused() {
    let setting = Setting::serving(
        vec![manifest(CONFIG, vec![descriptor(KERNEL, "", b"kernel")])],
        vec![],
        Answer::part,
    );
    let kept = Kept::default();
    kept.parts.borrow_mut().insert(Digest::of(Algorithm::Sha256, b"kernel"), b"KERNEL".to_vec());
    let target = Target { room: &Memory(1 << 30), told: &setting.told, store: Some(&kept) };
    let error = setting.fetch_to(target).unwrap_err().to_string();
    assert!(error.starts_with("E-NET-OCI-ABSENT "), "{error}");
}

/// Memory that knows what it has given.
#[derive(Default)]
struct Given {
    places: RefCell<Vec<(usize, usize)>>,
    left: Cell<usize>,
}

impl Room for Given {
    fn available(&self) -> u64 {
        1 << 20
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        self.left.set(self.left.get().checked_sub(1)?);
        let buffer = vec![0xa5; length];
        self.places.borrow_mut().push((buffer.as_ptr().addr(), length));
        Some(buffer)
    }
}

#[test]
fn what_is_fetched_stays_where_it_came_to() {
    let parts: [Part<'_>; 5] = [
        (KERNEL, "", b"kernel"),
        (INITRD, "", b"initrd"),
        (CMDLINE, "", b"quiet"),
        (APKOVL, "", b"overlay"),
        (MODLOOP, "", b"modules"),
    ];
    let setting = Setting::of(&parts);
    let fetch_with = |left| {
        let given = Given { left: Cell::new(left), ..Given::default() };
        (setting.fetch_into(&given), given.places.into_inner())
    };
    let (artifact, given) = fetch_with(3);
    let Content::Linux { kernel, initrd, .. } = artifact.unwrap().content else { panic!("a program") };
    let found = [&kernel, &initrd].map(|bytes| (bytes.as_ptr().addr(), bytes.len()));
    assert_eq!((&given[..2], given.len(), given[2].1), (&found[..], 3, 5));
    // Memory that is free, but not in one piece.
    let before = setting.blobs();
    for left in 0..3 {
        let line = fetch_with(left).0.map(|_| ()).unwrap_err().to_string();
        assert!(line.starts_with("E-MEMORY ") && line.ends_with("1 MiB of memory free"), "{line}");
    }
    assert_eq!(setting.blobs(), before);
}

#[test]
fn a_kernel_alone_is_enough() {
    let setting = Setting::of(&[(KERNEL, "", b"kernel")]);
    assert_eq!(setting.content(), linux(b"kernel", b"", ""));
}

#[test]
fn an_index_yields_this_machines_parts() {
    let own = manifest(CONFIG, vec![descriptor(KERNEL, "", b"own")]);
    let other = manifest(CONFIG, vec![descriptor(KERNEL, "", b"other")]);
    let entry = |bytes: &[u8], architecture: &str| {
        let platform = MachineKind { architecture: architecture.into(), os: "linux".into(), variant: None };
        Descriptor { platform: Some(platform), ..descriptor(spec::MANIFEST, "", bytes) }
    };
    let index = Index {
        schema_version: 2,
        media_type: Some(spec::INDEX.into()),
        artifact_type: None,
        manifests: vec![entry(&other, "riscv64"), entry(&own, "amd64")],
        annotations: Default::default(),
    };
    let index = serde_json::to_vec(&index).unwrap();
    let manifest = Digest::of(Algorithm::Sha256, &own);
    let setting =
        Setting::serving(vec![own, other, index], vec![b"own".to_vec(), b"other".to_vec()], Answer::part);
    let artifact = setting.fetch().unwrap();
    assert_eq!(artifact.content, linux(b"own", b"", ""));
    assert_eq!(artifact.manifest, manifest);
}

#[test]
fn titles_decide_where_types_say_nothing() {
    let setting = Setting::of(&[
        (LAYER, "boot/vmlinuz-6.12", b"kernel"),
        ("", "README.md", b"read me"),
        ("application/octet-stream", "initramfs-virt", b"init"),
        (LAYER, "cmdline.txt", b"quiet"),
        ("text/plain", "cmdline", b"not this"),
    ]);
    assert_eq!(setting.content(), linux(b"kernel", b"init", "quiet"));
    let lines = setting.lines();
    assert_eq!(lines[1..3], ["ignored README.md no type", "ignored cmdline text/plain"]);
    assert_eq!((lines.len(), setting.blobs()), (6, 3));
}

#[test]
fn parts_that_make_no_boot_are_refused_before_they_are_fetched() {
    let long = [b'a'; (64 << 10) + 1];
    let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
    let image = "application/vnd.oci.image.config.v1+json";
    let docker = "application/vnd.docker.container.image.v1+json";
    let cases: [(&str, &[Part<'_>], &str); 15] = [
        (CONFIG, &[], "E-ARTIFACT-PARTS N: no kernel among its parts: nothing"),
        (
            CONFIG,
            &[(INITRD, "", b"i"), ("x/\x1by", "", b"y"), ("", "", b"z")],
            "E-ARTIFACT-PARTS N: no kernel among its parts: application/vnd.cloud-boot.initrd.v1, x/y, no type",
        ),
        (
            CONFIG,
            &[(KERNEL, "a", b"1"), (KERNEL, "", b"2")],
            "E-ARTIFACT-PARTS N: two kernel parts: a and kernel",
        ),
        (
            CONFIG,
            &[(KERNEL, "", b"1"), (LAYER, "linux.efi", b"2")],
            "E-ARTIFACT-PARTS N: two kernel parts: kernel and linux.efi",
        ),
        (
            CONFIG,
            &[(KERNEL, "", b"1"), (CMDLINE, "", b"a"), (CMDLINE, "", b"b")],
            "E-ARTIFACT-PARTS N: two cmdline parts: cmdline and cmdline",
        ),
        (
            CONFIG,
            &[(KERNEL, "", b"1"), (MODLOOP, "", b"a"), (MODLOOP, "", b"b")],
            "E-ARTIFACT-PARTS N: two modloop parts: modloop and modloop",
        ),
        (
            CONFIG,
            &[(KERNEL, "", b"1"), (APKOVL, "", b"a"), (APKOVL, "", b"b")],
            "E-ARTIFACT-PARTS N: two apkovl parts: apkovl and apkovl",
        ),
        (CONFIG, &[(KERNEL, "", b"")], "E-ARTIFACT-PARTS N: the kernel is empty"),
        (
            CONFIG,
            &[(KINDS[6].media_type, "", b"target")],
            "E-ARTIFACT-KIND N: a plan (application/vnd.cloudboot.plan.v1+hcl), which cannot be booted by itself",
        ),
        (
            CONFIG,
            &[("application/vnd.cloud-boot.diskimage.raw.v1+zstd", "", b"disk")],
            "E-ARTIFACT-KIND N: a disk image (application/vnd.cloud-boot.diskimage.raw.v1+zstd), which cannot be booted \
             by itself",
        ),
        (
            CONFIG,
            &[("application/vnd.cloud-boot.diskimage.qcow2.v1", "", b"disk")],
            "E-ARTIFACT-KIND N: a disk image (application/vnd.cloud-boot.diskimage.qcow2.v1), which cannot be booted by itself",
        ),
        (
            image,
            &[(tar, "", b"a"), (tar, "", b"b")],
            "E-ARTIFACT-CONTAINER N: a container image, not a boot artifact: \
             application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (
            docker,
            &[("application/vnd.docker.image.rootfs.diff.tar.gzip", "", b"disk/disk.img")],
            "E-ARTIFACT-CONTAINER N: a container image, not a boot artifact: \
             application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        (
            CONFIG,
            &[(KERNEL, "", b"1"), (CMDLINE, "", &long)],
            "E-ARTIFACT-LIMIT N: 65537 bytes of command line, at most 65536 allowed",
        ),
        (CONFIG, &[(KERNEL, "", &b"1"[..]); 65], "E-ARTIFACT-LIMIT N: 65 parts, at most 64 allowed"),
    ];
    for (config, parts, expected) in cases {
        assert_eq!(Setting::with(config, parts).refused(), expected.replace(" N: ", &format!(" {NAME}: ")));
    }
}

#[test]
fn what_is_larger_than_memory_is_refused_before_it_is_fetched() {
    let parts: [Part<'_>; 3] =
        [(KERNEL, "", &[1; 1000]), (INITRD, "big", &[2; 3001]), (CMDLINE, "", b"quiet")];
    // The kernel twice, the initrd padded, the line.
    let wanted = 2 * 1000 + 3004 + 5;
    let setting = Setting { free: wanted - 1, ..Setting::of(&parts) };
    let expected = format!("E-MEMORY {NAME} big: 1 MiB wanted, 0 MiB of memory free");
    assert_eq!(setting.refused(), expected);
    let setting = Setting { free: wanted, ..Setting::of(&parts) };
    assert!(matches!(setting.content(), Content::Linux { initrd, .. } if initrd.len() == 3004));
}

#[test]
fn sizes_that_no_sum_holds_are_larger_than_memory() {
    let huge = |media_type: &str, size| Descriptor { size, ..descriptor(media_type, "", b"x") };
    for layers in [
        vec![huge(KERNEL, u64::MAX)],
        vec![huge(KERNEL, u64::MAX / 2 + 2)],
        vec![huge(KERNEL, 1), huge(INITRD, u64::MAX), huge(INITRD, u64::MAX)],
        vec![huge(KERNEL, 1), huge(INITRD, u64::MAX - 2), huge(MODULES, 5)],
        vec![huge(KERNEL, 1), huge(MODLOOP, u64::MAX), huge(APKOVL, 1)],
    ] {
        let setting = Setting::serving(vec![manifest(CONFIG, layers)], vec![b"x".to_vec()], Answer::part);
        let expected = format!("E-MEMORY {NAME}: its parts are larger than the memory of any machine");
        assert_eq!(setting.refused(), expected);
    }
    let layers = vec![huge(KERNEL, 1), huge(APKOVL, 1 << 32)];
    let expected = "E-ARTIFACT-LIMIT N: 4294967420 bytes of modloop and apkovl, at most 4294967295 allowed";
    let setting = Setting::serving(vec![manifest(CONFIG, layers)], vec![], Answer::part);
    assert_eq!(setting.refused(), expected.replace(" N: ", &format!(" {NAME}: ")));
}

#[test]
fn other_bytes_than_the_digest_names_are_refused() {
    let (kernel, initrd) = (vec![7; 5000], vec![8; 5000]);
    // A registry that sends the kernel as it is.
    let with = |answer: Answering| {
        let layers = vec![descriptor(KERNEL, "", &kernel), descriptor(INITRD, "i.img", &initrd)];
        let blobs = vec![kernel.clone(), initrd.clone()];
        Setting::serving(vec![manifest(CONFIG, layers)], blobs, move |asked, blob| match blob[0] {
            7 => Answer::part(asked, blob),
            _ => answer(asked, blob),
        })
    };
    let expected = Digest::of(Algorithm::Sha256, &initrd);
    let short = &expected.to_string()[..19];
    let found = Digest::of(Algorithm::Sha256, &[&initrd[1..], b"!"].concat());
    let url = format!("https://registry.test/v2/boot/linux/blobs/{expected} (i.img)");
    let cases: [(Answering, String); 5] = [
        (
            |asked, blob| Answer::part(asked, &[&blob[1..], b"!"].concat()),
            format!("E-NET-OCI-DIGEST {NAME} blob {short} (i.img): digest is {found}, expected {expected}"),
        ),
        (
            |_, blob| Answer::new(200, &[], &blob[1..]),
            format!("E-NET-HTTP-SIZE {url}: body of 4999 bytes, 5000 expected"),
        ),
        (
            |_, blob| Answer::new(200, &[], &[blob, b"x"].concat()),
            format!("E-NET-HTTP-SIZE {url}: body of 5001 bytes, 5000 expected"),
        ),
        (|_, blob| Answer::new(200, &[], blob).cut(2000), format!("E-NET-HTTP-CUT {url}: ")),
        (
            |_, _| not_found(),
            format!("E-NET-OCI-ABSENT {NAME} blob {expected} (i.img): not found in the registry"),
        ),
    ];
    for (answer, expected) in cases {
        let setting = with(answer);
        let line = setting.failed();
        assert!(line.starts_with(&expected), "{line}");
        assert!(setting.lines().len() == 1, "no part is said to be checked: {:?}", setting.lines());
    }
    // The positive twin.
    assert!(with(Answer::part).fetch().is_ok());
}

#[test]
fn a_tampered_manifest_is_refused() {
    let good = manifest(CONFIG, vec![descriptor(KERNEL, "", b"kernel")]);
    let evil = manifest(CONFIG, vec![descriptor(KERNEL, "", b"evil")]);
    let digest = Digest::of(Algorithm::Sha256, &good);
    let world = World::new();
    let script = Script::at(&world, "registry.test:443", move |_| Answer::new(200, &[], &evil));
    let client = Client::new(http::Client::new(world.wire()), Options::default());
    let reference = Reference::parse(NAME).unwrap().with_digest(digest);
    let error = world.run(client.resolve(&reference, &Platform::linux(Arch::X86_64))).unwrap_err();
    assert_eq!(
        (error.code().to_string(), error.object()),
        ("E-NET-OCI-DIGEST".into(), &*reference.to_string())
    );
    assert_eq!(script.lines().len(), 1);
}

#[test]
fn progress_stays_true_where_a_part_comes_twice() {
    let kernel = vec![7; 100_000];
    let mut setting = Setting::of(&[(KERNEL, "", &kernel)]);
    setting.mirrors = vec![Mirror::parse("registry.test=mirror.test").unwrap()];
    let mirror =
        Script::at(&setting.world, "mirror.test:443", |asked| match asked.target.contains("/blobs/") {
            true => Answer::part(asked, &[8; 100_000]),
            false => not_found(),
        });
    assert_eq!(setting.content(), linux(&kernel, b"", ""));
    // The mirror's bytes came, too, and are none of the kernel's.
    assert!(mirror.lines().iter().any(|line| line.contains("/blobs/")), "{:?}", mirror.lines());
    assert_eq!((setting.blobs(), setting.told.arrived.get()), (1, 100_000));
}

#[test]
fn a_command_line_is_one_line_of_text() {
    for (bytes, expected) in [
        (&b"quiet\ninit=/bin/sh"[..], "E-ARTIFACT-LINE N c.txt: command line: more than one line at byte 5"),
        (b"a\x1b[2J", "E-ARTIFACT-LINE N c.txt: command line: a control character at byte 1"),
        (b"a\0b", "E-ARTIFACT-LINE N c.txt: command line: a control character at byte 1"),
        (b"\xc3\xa4\xff", "E-ARTIFACT-LINE N c.txt: command line: not UTF-8 at byte 2"),
    ] {
        let setting = Setting::of(&[(KERNEL, "", b"kernel"), (CMDLINE, "c.txt", bytes)]);
        assert_eq!(setting.failed(), expected.replace(" N ", &format!(" {NAME} ")));
    }
    for (bytes, expected) in [(&b" a  b \r\n\n"[..], "a  b"), (b"\xc3\xa4\0", "ä"), (b"\n", ""), (b"", "")] {
        let setting = Setting::of(&[(KERNEL, "", b"kernel"), (CMDLINE, "", bytes)]);
        assert_eq!(setting.content(), linux(b"kernel", b"", expected));
    }
}

/// A PE file with one section: a UKI if that is called `.linux`.
fn program(section: &str) -> Vec<u8> {
    let mut file = vec![0; 0x600];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0");
    put(0x84, &0x8664_u16.to_le_bytes());
    put(0x86, &1_u16.to_le_bytes());
    // SizeOfOptionalHeader, Magic.
    put(0x94, &240_u16.to_le_bytes());
    put(0x98, &0x20b_u16.to_le_bytes());
    // AddressOfEntryPoint, SectionAlignment, FileAlignment, SizeOfImage, SizeOfHeaders, NumberOfRvaAndSizes.
    for (at, value) in [(16, 0x1000_u32), (32, 0x1000), (36, 0x200), (56, 0x2000), (60, 0x400), (108, 16)] {
        put(0x98 + at, &value.to_le_bytes());
    }
    // An EFI application.
    put(0x98 + 68, &10_u16.to_le_bytes());
    let header = 0x98 + 240;
    put(header, section.as_bytes());
    // VirtualSize, VirtualAddress, SizeOfRawData, PointerToRawData.
    for (at, value) in [(8, 0x200_u32), (12, 0x1000), (16, 0x200), (20, 0x400)] {
        put(header + at, &value.to_le_bytes());
    }
    file
}

#[test]
fn a_kernel_with_a_kernel_in_it_is_a_uki() {
    let (uki, stub) = (program(".linux"), program(".text"));
    for (media_type, title) in [
        (KERNEL, ""),
        ("application/efi", ""),
        ("application/octet-stream", ""),
        ("application/octet-stream", "debian.EFI"),
        (LAYER, "debian.efi"),
    ] {
        let setting = Setting::of(&[(media_type, title, &uki)]);
        assert_eq!(setting.content(), Content::Program { image: uki.clone() }, "{media_type} {title}");
    }
    // A kernel with a stub is no UKI.
    assert_eq!(Setting::of(&[("application/efi", "", &stub)]).content(), linux(&stub, b"", ""));
}

#[test]
fn nothing_stands_beside_a_uki() {
    let uki = program(".linux");
    let beside = "the kernel is a UKI, which contains its own initrd and command line; remove the part";
    for (media_type, title) in [(INITRD, "i.img"), (MODULES, ""), (CMDLINE, ""), (MODLOOP, ""), (APKOVL, "")]
    {
        let setting = Setting::of(&[(KERNEL, "my.efi", &uki), (media_type, title, b"x")]);
        let kind = KINDS.iter().find(|kind| kind.media_type == media_type).unwrap().name;
        let name = if title.is_empty() { kind } else { title };
        assert_eq!(setting.failed(), format!("E-ARTIFACT-PARTS {NAME} my.efi: {beside} {name}"));
    }
    // What is nothing to a boot may.
    let setting = Setting::of(&[(KERNEL, "my.efi", &uki), ("text/plain", "README", b"x")]);
    assert_eq!(setting.content(), Content::Program { image: uki });
}

/// `gzip -9n` of "cloud-boot\n".
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0xce, 0xc9, 0x2f, 0x4d, 0xd1, 0x4d,
    0xca, 0xcf, 0x2f, 0xe1, 0x02, 0x00, 0x3d, 0x10, 0x71, 0xa2, 0x0b, 0x00, 0x00, 0x00,
];

/// `gzip -9n` of 100 000 zeros, with 96 zeros between.
const GZIP_100K_START: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00,
    0xc2, 0xa0, 0xf5, 0x4f, 0x6d, 0x0d, 0x0f, 0xa0,
];
const GZIP_100K_END: &[u8] = &[0x80, 0x57, 0x03, 0x7d, 0x95, 0x11, 0xd4, 0xa0, 0x86, 0x01, 0x00];

#[test]
fn what_is_packed_by_its_type_is_unpacked() {
    let (kernel, cmdline) = (format!("{KERNEL}+gzip"), format!("{CMDLINE}+gzip"));
    let (initrd, other) = (format!("{INITRD}+gzip"), format!("{KERNEL}+zstd"));
    let setting = Setting::of(&[(&kernel, "", GZIP), (&cmdline, "", GZIP), (&initrd, "", GZIP)]);
    // Linux unpacks an initrd itself.
    assert_eq!(setting.content(), linux(b"cloud-boot\n", &[GZIP, b"\0"].concat(), "cloud-boot"));
    let setting = Setting::of(&[(&other, "", GZIP)]);
    assert!(setting.failed().starts_with("E-NET-OCI-TYPE "), "{}", setting.failed());
    // More than there is room for.
    let zeros = [GZIP_100K_START, &[0; 96], GZIP_100K_END].concat();
    let setting = |free| Setting { free, ..Setting::of(&[(&kernel, "", &zeros)]) };
    assert_eq!(setting(100_000).content(), linux(&[0; 100_000], b"", ""));
    assert!(setting(99_999).failed().starts_with("E-IMAGE-GZIP-LIMIT "), "{}", setting(99_999).failed());
    let setting = Setting::of(&[(KERNEL, "", b"kernel"), (&cmdline, "", &zeros)]);
    assert!(setting.failed().starts_with("E-IMAGE-GZIP-LIMIT "), "{}", setting.failed());
    // A kernel that is compressed by itself is unpacked by who verifies it.
    assert_eq!(Setting::of(&[(KERNEL, "", GZIP)]).content(), linux(GZIP, b"", ""));
}
