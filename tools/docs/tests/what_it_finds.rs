// SPDX-License-Identifier: BSD-3-Clause
//! The examples of docs/what-it-finds.md: the files of each, as they stand in the page, yield the entries that stand
//! there.
//!
//! Lines that the page and this test have in common, V a volume and P a path: "On `V`, `P`:" before a fenced block
//! (the file's content), "On `V`, `P` and `Q`." (files without a content that matters), "On `V`, the section `.osrel`
//! of `P`:" (of a unified kernel image, made by ukify), "On `V`, `P` is this loader.", "On `V`, `P` leads to `T`." (a
//! symbolic link), "`V` has the UUID `U`.", "The default subvolume of `V` is `S`.", "`V` has the subvolumes `S` and `T`,
//! too.", and "What is found:" before the block of entries. A heading starts a new example. `V:S` is subvolume `S` of `V`,
//! `/` its top.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::Command,
};

use entries::{Arch, Entry, File, Found, Kind, Start, Wait};
use filesystem::FileSystem as _;
use oracle::Tree;
use part::{Guid, Partition, PartitionKind};
use vfs::{Volume, Volumes};

/// systemd's stub, of which ukify makes images; it stands for the kernel, too.
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// What a section of the page shows.
#[derive(Default)]
struct Example {
    heading: String,
    /// By volume and path.
    files: BTreeMap<(String, String), Vec<u8>>,
    /// Sections by volume and path of their image.
    images: BTreeMap<(String, String), Vec<(String, String)>>,
    /// Targets by volume and path of the link.
    links: BTreeMap<(String, String), String>,
    uuids: BTreeMap<String, String>,
    /// By device, the default first.
    subvolumes: BTreeMap<String, Vec<String>>,
    loader: String,
    found: Option<String>,
}

fn page() -> String {
    let path = env::var("PAGE").unwrap_or_else(|_| "../../docs/what-it-finds.md".into());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words in backquotes, and the line with nothing between the quotes.
fn quoted(line: &str) -> (Vec<String>, String) {
    let pieces = || line.split('`');
    let words = pieces().skip(1).step_by(2).map(String::from).collect();
    (words, pieces().step_by(2).collect::<Vec<_>>().join("``"))
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples = vec![Example::default()];
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let example = examples.last_mut().unwrap();
        let (words, form) = quoted(line);
        let mut block = || {
            let is_fence = |line: &str| line.starts_with("```");
            assert_eq!(
                lines.next().zip(lines.next()).map(|(a, b)| (a, is_fence(b))),
                Some(("", true)),
                "{line}"
            );
            let content: Vec<&str> = lines.by_ref().take_while(|line| !is_fence(line)).collect();
            content.join("\n") + "\n"
        };
        match (form.as_str(), words.as_slice()) {
            (_, []) if line.starts_with('#') => {
                examples.push(Example { heading: line.into(), ..Example::default() });
            }
            ("What is found:", []) => example.found = Some(block()),
            ("On ``, ``:", [volume, path]) => {
                example.files.insert((volume.clone(), path.clone()), block().into());
            }
            ("On ``, the section `` of ``:", [volume, section, path]) => {
                let image = example.images.entry((volume.clone(), path.clone())).or_default();
                image.push((section.clone(), block()));
            }
            ("On ``, `` is this loader.", [volume, path]) => {
                example.files.insert((volume.clone(), path.clone()), Vec::new());
                example.loader = path.clone();
            }
            ("On ``, `` leads to ``.", [volume, path, target]) => {
                example.links.insert((volume.clone(), path.clone()), target.clone());
            }
            ("The default subvolume of `` is ``.", [device, subvolume]) => {
                example.subvolumes.insert(device.clone(), vec![subvolume.clone()]);
            }
            (form, [device, more @ ..]) if form.starts_with("`` has the subvolumes ``") => {
                assert!(form.ends_with("``, too."), "{line}");
                example.subvolumes.get_mut(device).expect(line).extend_from_slice(more);
            }
            ("`` has the UUID ``.", [volume, uuid]) => {
                example.uuids.insert(volume.clone(), uuid.clone());
            }
            (form, [volume, paths @ ..]) if form.starts_with("On ``, ``") && form.ends_with('.') => {
                let files = paths.iter().map(|path| ((volume.clone(), path.clone()), Vec::new()));
                example.files.extend(files);
            }
            _ => {}
        }
    }
    examples.retain(|example| example.found.is_some() || !example.files.is_empty());
    examples
}

/// A unified kernel image with these sections.
fn image(sections: &[(String, String)]) -> Vec<u8> {
    let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, Into::into);
    let folder = base.join(format!("docs-uki-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut ukify = Command::new("ukify");
    ukify
        .current_dir(&folder)
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", &folder)
        .args(["build", "--output=uki.efi"]);
    ukify.args([format!("--stub={STUB}"), format!("--linux={STUB}"), "--uname=6.12".into()]);
    for (name, text) in sections {
        fs::write(folder.join(name), text).unwrap();
        let option = match name.as_str() {
            ".osrel" => "os-release",
            ".cmdline" => "cmdline",
            other => panic!("the section {other} is not in the examples"),
        };
        ukify.arg(format!("--{option}=@{name}"));
    }
    let output = ukify.output().expect("ukify");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = fs::read(folder.join("uki.efi")).unwrap();
    fs::remove_dir_all(folder).unwrap();
    image
}

/// Disk and partition of `hd0` or `hd0,gpt2`.
fn place(name: &str) -> (usize, Option<Partition>) {
    let (disk, number) = name.split_once(",gpt").map_or((name, None), |(disk, number)| (disk, Some(number)));
    let partition = |number: &str| {
        let number: u32 = number.parse().unwrap();
        let (kind, uuid, name) = (PartitionKind::Gpt(Guid::default()), String::new(), String::new());
        Partition { number, start: u64::from(number) << 20, length: 1 << 20, kind, uuid, name }
    };
    (disk.strip_prefix("hd").unwrap().parse().unwrap(), number.map(partition))
}

/// The volumes of these subvolumes; those without a file are empty.
fn of_subvolumes(device: &str, tree: Tree, subvolumes: &[String]) -> Vec<Volume> {
    let tree = subvolumes.iter().fold(tree, |tree, path| tree.dir(path));
    let names =
        |path: &str| path.split('/').filter(|name| !name.is_empty()).map(String::from).collect::<Vec<_>>();
    let node = |path: &str| {
        names(path).iter().fold(tree.root(), |dir, name| tree.lookup(&dir, name.as_bytes()).unwrap())
    };
    let roots = subvolumes.iter().map(|path| (path.clone(), node(path))).collect();
    Volume::of_roots(device, tree.clone(), roots)
}

impl Example {
    /// What stands on each device.
    fn trees(&self) -> BTreeMap<&str, Tree> {
        let images = self.images.iter().map(|(place, sections)| (place, image(sections)));
        let files = self.files.iter().map(|(place, bytes)| (place, bytes.clone()));
        let mut trees: BTreeMap<&str, Tree> = BTreeMap::new();
        for ((volume, path), bytes) in files.chain(images) {
            let (device, subvolume) = volume.split_once(':').unwrap_or((volume, ""));
            let tree = trees.remove(device).unwrap_or_default();
            trees.insert(device, tree.file(format!("/{subvolume}{path}"), bytes));
        }
        for ((volume, path), target) in &self.links {
            let (device, subvolume) = volume.split_once(':').unwrap_or((volume, ""));
            let tree = trees.remove(device).unwrap_or_default();
            trees.insert(device, tree.symlink(format!("/{subvolume}{path}"), target.as_str()));
        }
        trees
    }

    fn volumes(&self) -> Volumes {
        let of_device = |(name, tree): (&str, Tree)| {
            let uuid = self.uuids.get(name).cloned().unwrap_or_default();
            let (disk, partition) = place(name);
            let volumes = match self.subvolumes.get(name) {
                None => vec![Volume::new(name, tree.uuid(uuid))],
                Some(subvolumes) => of_subvolumes(name, tree.uuid(uuid), subvolumes),
            };
            volumes.into_iter().map(move |volume| volume.on(disk, partition.clone())).collect::<Vec<_>>()
        };
        Volumes::from_volumes(self.trees().into_iter().flat_map(of_device).collect())
    }

    fn discover(&self, volumes: &Volumes) -> Found {
        entries::discover(volumes, Arch::X86_64, &|_, path| path == self.loader)
    }
}

/// What was found, as the page shows it: the loader's own lines, and what they leave out.
fn shown(volumes: &Volumes, found: &Found) -> String {
    let name = |id| volumes.get(id).unwrap().name();
    let file = |entry: &Entry, file: &File| {
        let path = String::from_utf8(file.path.clone()).unwrap();
        if file.volume == entry.source.volume { path } else { format!("{} {path}", name(file.volume)) }
    };
    let mut text = String::new();
    for entry in &found.entries {
        let mark = if entry.default { "*" } else { " " };
        let source = name(entry.source.volume);
        text += &format!("{mark}entry {} \"{}\"\n", entry.id, entry.title);
        let starts = match (&entry.start, entry.file()) {
            (Start::Elsewhere(elsewhere), _) => format!("leaves with {}", elsewhere.command),
            (Start::Url(url), _) => format!("fetches {}", url.url),
            (_, started) => format!("starts {}", file(entry, started.unwrap())),
        };
        text += &format!("    from {source} {}\n    {starts}", entry.source.path);
        let (initrd, options) = match &entry.start {
            Start::Linux(linux) => (linux.initrd.as_slice(), Some(linux.options.clone())),
            Start::Program(program) => (&[][..], program.options.clone()),
            Start::Url(url) => (&[][..], url.options.clone()),
            Start::Elsewhere(_) => (&[][..], None),
        };
        let initrd: Vec<String> = initrd.iter().map(|initrd| file(entry, &initrd.file)).collect();
        text += &initrd.iter().map(|initrd| format!(" with {initrd}")).collect::<String>();
        text += "\n";
        let options = options.filter(|options| !options.is_empty());
        text += &options.map(|options| format!("    options {options}\n")).unwrap_or_default();
        let counting = entry.counting.as_ref().map(|counting| format!("    renamed to {}\n", counting.next));
        text += &counting.unwrap_or_default();
    }
    text += &match found.wait {
        Some(Wait::Seconds(seconds)) => format!("the menu waits {seconds} s\n"),
        Some(Wait::Forever) => "the menu waits for a choice\n".into(),
        Some(Wait::Hidden | Wait::Never) => "the menu is hidden\n".into(),
        None => String::new(),
    };
    for problem in &found.problems {
        text +=
            &format!("warning: discover {}: {} {}\n", problem.object, problem.error.code(), problem.error);
    }
    text
}

#[test]
fn each_example_yields_the_entries_that_the_page_shows() {
    let (mut kinds, mut faults) = (BTreeSet::new(), String::new());
    for example in examples(&page()) {
        let heading = &example.heading;
        let volumes = example.volumes();
        let found = example.discover(&volumes);
        kinds.extend(found.entries.iter().map(|entry| match entry.source.kind {
            Kind::Uki => "uki",
            Kind::Bls => "bls",
            Kind::Grub => "grub",
            Kind::Extlinux => "extlinux",
            Kind::Glob => "names",
            Kind::Efi => "programs",
        }));
        let wanted =
            example.found.as_deref().unwrap_or_else(|| panic!("{heading}: what is found is not shown"));
        let shown = shown(&volumes, &found);
        if shown != wanted {
            faults += &format!("{heading}\n{shown}\nin the page:\n{wanted}\n");
        }
    }
    assert!(faults.is_empty(), "what is found is not what the page shows:\n{faults}");
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["bls", "extlinux", "grub", "names", "programs", "uki"]
    );
}

#[test]
fn a_line_of_the_page_is_read_as_it_is_meant() {
    let text = "# a\n\nOn `hd0,gpt1`, `/x`:\n\n```\n1\n2\n```\n\nOn `hd0,gpt1`, `/y` and `/z`.\n\
                `hd0,gpt1` has the UUID `u`.\n\nWhat is found:\n\n```\nnothing\n```\n\n## b\nOn what follows.\n";
    let examples = examples(text);
    let example = &examples[0];
    assert_eq!((examples.len(), example.found.as_deref()), (1, Some("nothing\n")));
    let files: Vec<(&str, &[u8])> =
        example.files.iter().map(|((_, path), bytes)| (path.as_str(), bytes.as_slice())).collect();
    assert_eq!(files, [("/x", &b"1\n2\n"[..]), ("/y", b""), ("/z", b"")]);
    assert_eq!(example.uuids["hd0,gpt1"], "u");
}
