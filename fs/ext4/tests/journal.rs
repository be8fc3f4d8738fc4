// SPDX-License-Identifier: BSD-3-Clause
//! Dirty journals written by debugfs read as e2fsck replays them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ext4::Ext4;
use filesystem::{Error, FileSystem, Health};
use oracle::{
    manifest::{self, Record},
    tools,
};

/// `JBD2_MAGIC_NUMBER`
const MAGIC: [u8; 4] = [0xc0, 0x3b, 0x39, 0x98];
const COMMIT: u32 = 2;
/// A journal's superblock, version 2.
const SUPERBLOCK: u32 = 4;

/// A filesystem in three states: only the first one is on disk, the other two are in its journal.
struct Case {
    image: PathBuf,
    block_size: usize,
    /// The content of each state.
    states: [Vec<Record>; 3],
}

impl Case {
    /// `open`: how debugfs opens the journal, which decides its checksums.
    fn new(name: &str, arguments: &str, open: &str) -> Self {
        let work = tools::work_dir(name);
        let path = |name: &str| work.join(name).to_str().unwrap().to_string();
        let (image, scratch) = (path("image"), path("scratch"));
        let mut all = vec!["-q", "-F"];
        all.extend(arguments.split(' '));
        all.extend([image.as_str(), "16M"]);
        tools::run("mke2fs", &all);
        // A block that starts with the journal's magic number must be escaped in the journal.
        let content = [MAGIC.as_slice(), &[0x55; 9000]].concat();
        fs::write(path("one"), &content).unwrap();
        fs::write(path("two"), [content, vec![0x66; 30_000]].concat()).unwrap();
        debugfs(
            &image,
            &format!("write {} kept\nwrite {} removed\nmkdir folder\n", path("one"), path("two")),
        );

        let states = [
            fs::read(&image).unwrap(),
            after(
                &image,
                &scratch,
                &format!("write {} folder/new\nrm removed\nsymlink link kept\n", path("two")),
            ),
            after(
                &scratch.clone(),
                &scratch,
                &format!("rm kept\nwrite {} kept\nmkdir folder/deep\n", path("two")),
            ),
        ];
        let block_size = 1024 << states[0][1024 + 0x18];
        let transaction = |from: usize, to: usize| {
            let (numbers, blocks) = changed(&states[from], &states[to], block_size);
            let file = path(&format!("blocks-{to}"));
            fs::write(&file, blocks).unwrap();
            format!("jw -b {numbers} {file}\n")
        };
        debugfs(&image, &format!("{open}\n{}{}jc\n", transaction(0, 1), transaction(1, 2)));
        let states = states.map(|bytes| manifest::of(&Ext4::open(bytes).unwrap()).unwrap());
        assert!(states[0] != states[1] && states[1] != states[2]);
        Self { image: image.into(), block_size, states }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.image).unwrap()
    }

    /// Offset of the journal's own block of this kind and transaction.
    fn find(&self, kind: u32, sequence: u32) -> usize {
        let header = [MAGIC, kind.to_be_bytes(), sequence.to_be_bytes()].concat();
        let bytes = self.bytes();
        let mut starts = (0..bytes.len()).step_by(self.block_size);
        starts.find(|start| bytes[*start..].starts_with(&header)).expect("the block is in the journal")
    }

    fn state(&self, bytes: Vec<u8>) -> Option<usize> {
        let records = manifest::of(&Ext4::open(bytes).unwrap()).unwrap();
        self.states.iter().position(|state| *state == records)
    }
}

/// The filesystem after these commands, which do not use the journal.
fn after(image: &str, scratch: &str, commands: &str) -> Vec<u8> {
    if image != scratch {
        fs::copy(image, scratch).unwrap();
    }
    debugfs(scratch, commands);
    fs::read(scratch).unwrap()
}

fn debugfs(image: &str, commands: &str) {
    let output = tools::run_with_input("debugfs", &["-w", image], commands.as_bytes());
    let output = String::from_utf8_lossy(&output);
    assert!(
        !output.to_lowercase().contains("error") && !output.to_lowercase().contains("unknown"),
        "{output}"
    );
}

/// The blocks that differ, as a list for debugfs, and their new content.
fn changed(from: &[u8], to: &[u8], block_size: usize) -> (String, Vec<u8>) {
    let pairs = from.chunks(block_size).zip(to.chunks(block_size)).enumerate();
    let blocks: Vec<(usize, &[u8])> = pairs.filter(|(_, (a, b))| a != b).map(|(i, (_, b))| (i, b)).collect();
    let numbers: Vec<String> = blocks.iter().map(|(number, _)| number.to_string()).collect();
    (numbers.join(","), blocks.into_iter().flat_map(|(_, block)| block.to_vec()).collect())
}

/// For each kind of tag, with and without checksums.
const KINDS: [(&str, &str, &str); 7] = [
    ("v3-64bit", "-t ext4 -b 4096", "jo -c -v 3"),
    ("v3", "-t ext4 -b 1024 -O ^64bit", "jo -c -v 3"),
    ("v2-64bit", "-t ext4 -b 1024", "jo -c -v 2"),
    ("v2", "-t ext4 -b 1024 -O ^64bit", "jo -c -v 2"),
    ("none-64bit", "-t ext4 -b 1024", "jo"),
    ("ext3", "-t ext3 -b 1024", "jo"),
    ("ext3-sum", "-t ext3 -b 4096", "jo -c"),
];

#[test]
fn a_dirty_journal_reads_as_e2fsck_replays_it() {
    for (name, arguments, open) in KINDS {
        let case = Case::new(name, arguments, open);
        let bytes = case.bytes();
        assert!(bytes[1024 + 0x60] & 4 != 0, "{name}: needs_recovery is set");
        assert_eq!(case.state(bytes.clone()), Some(2), "{name}");
        let output = tools::output("e2fsck", &["-fy", case.image.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(matches!(output.status.code(), Some(0 | 1)) && said.contains("recovering journal"), "{said}");
        let replayed = manifest::of(&Ext4::open(case.bytes()).unwrap()).unwrap();
        let lines = manifest::diff(&replayed, &case.states[2]);
        assert!(lines.is_empty(), "{name}: {lines:?}");
    }
}

#[test]
fn damage_ends_the_journal_before_its_transaction() {
    for (name, arguments, open) in KINDS {
        let case = Case::new(&format!("damaged-{name}"), arguments, open);
        let commit = case.find(COMMIT, 2);
        let damaged = |place: usize| {
            let mut bytes = case.bytes();
            bytes[place] ^= 1;
            case.state(bytes)
        };
        assert_eq!(damaged(commit), Some(1), "{name}: magic of the second commit block");
        assert_eq!(damaged(case.find(COMMIT, 1)), Some(0), "{name}: magic of the first");
        let data = commit - 1;
        if open.contains("-v") {
            // The transaction is committed: a damaged block in it does not come from a crash.
            let mut bytes = case.bytes();
            bytes[data] ^= 1;
            let error = Ext4::open(bytes).err().expect("the damage is seen");
            assert_eq!(error.code().to_string(), "E-FS-EXT4-CSUM", "{name}: {error}");
        } else if open.contains("-c") {
            assert_eq!(damaged(data), Some(1), "{name}: the transaction's sum");
        }
        if open.contains("-c") {
            assert_eq!(damaged(commit + 16), Some(1), "{name}: checksum of its commit block");
            assert_eq!(damaged(case.find(1, 2) + 13), Some(1), "{name}: tag of its descriptor");
        }
    }
}

#[test]
fn a_damaged_or_missing_journal_superblock_is_an_error() {
    let case = Case::new("superblock", "-t ext4 -b 1024", "jo -c -v 3");
    let start = case.find(SUPERBLOCK, 0);
    // Fields: magic, type, block size, length, incompatible features, checksum type, padding.
    for (field, structure) in [
        (0, "h_magic"),
        (7, "h_blocktype"),
        (0xc, "s_blocksize"),
        (0x12, "s_checksum"),
        (0x28, "FEATURE_I24"),
        (0x50, "s_checksum_type"),
        (0x60, "s_checksum"),
    ] {
        let mut bytes = case.bytes();
        bytes[start + field] ^= 1;
        let error = Ext4::open(bytes).err().expect("the damage is seen").to_string();
        assert!(error.contains(structure), "{field:#x}: {error}");
    }
    let image = case.image.to_str().unwrap();
    debugfs(image, "ssv journal_inum 0\n");
    let error = Ext4::open(case.bytes()).err().unwrap().to_string();
    assert_eq!(error, "ext4: unsupported: external journal");
}

#[test]
fn revoked_blocks_keep_what_is_in_their_place() {
    let work = tools::work_dir("revoke");
    for (arguments, open) in [("-t ext4 -b 1024", "jo -c -v 3"), ("-t ext3 -b 1024", "jo")] {
        let path = |name: &str| work.join(name).to_str().unwrap().to_string();
        let image = path("image");
        let mut all = vec!["-q", "-F"];
        all.extend(arguments.split(' '));
        all.extend([image.as_str(), "16M"]);
        tools::run("mke2fs", &all);
        let names = ["plain", "revoked", "again"];
        fs::write(path("old"), [b'o'; 1024]).unwrap();
        fs::write(path("new"), [b'n'; 1024]).unwrap();
        let block = |name: &str| {
            debugfs(&image, &format!("write {} {name}\n", path("old")));
            let blocks = tools::run("debugfs", &["-R", &format!("blocks {name}"), &image]);
            String::from_utf8(blocks).unwrap().trim().to_string()
        };
        let [plain, revoked, again] = names.map(block);
        let new = path("new");
        let write = |block: &str| format!("jw -b {block} {new}\n");
        let commands = [
            open,
            "\n",
            &write(&plain),
            &write(&revoked),
            &write(&again),
            &format!("jw -r {revoked},{again}\n"),
            &write(&again),
            "jc\n",
        ];
        debugfs(&image, &commands.concat());
        let read = |bytes: Vec<u8>| {
            let ext4 = Ext4::open(bytes).unwrap();
            names.map(|name| {
                let mut first = [0];
                let node = ext4.lookup(&ext4.root(), name.as_bytes()).unwrap();
                ext4.read_at(&node, 0, &mut first).unwrap();
                first[0] as char
            })
        };
        assert_eq!(read(fs::read(&image).unwrap()), ['n', 'o', 'n'], "{arguments}");
        tools::output("e2fsck", &["-fy", &image]);
        assert_eq!(read(fs::read(&image).unwrap()), ['n', 'o', 'n'], "{arguments}, as e2fsck replays it");
    }
}

#[test]
fn a_journal_goes_on_at_the_start_of_its_ring() {
    let case = Case::new("ring", "-t ext4 -b 1024", "jo");
    let size = case.block_size;
    let mut bytes = case.bytes();
    let start = case.find(SUPERBLOCK, 0);
    let word = |at: usize| u32::from_be_bytes(bytes[start + at..][..4].try_into().unwrap());
    // s_maxlen, s_first, s_start
    let (length, first, begin) = (word(0x10) as usize, word(0x14) as usize, word(0x1c) as usize);
    assert_eq!((first, begin), (1, 1), "as debugfs writes it");
    let extents = tools::run("debugfs", &["-R", "ex <8>", case.image.to_str().unwrap()]);
    assert_eq!(
        extents.iter().filter(|byte| **byte == b'\n').count(),
        2,
        "one extent: the ring is contiguous"
    );
    // The last two blocks of the ring come first: descriptor and first data block of the first transaction.
    let ring = &mut bytes[start + size..start + length * size];
    ring.rotate_left(2 * size);
    bytes[start + 0x1c..][..4].copy_from_slice(&(length as u32 - 2).to_be_bytes());
    assert_eq!(case.state(bytes), Some(2));
}

#[test]
fn an_empty_journal_changes_nothing() {
    let case = Case::new("empty", "-t ext4 -b 1024", "jo");
    let start = case.find(SUPERBLOCK, 0);
    let mut bytes = case.bytes();
    bytes[start + 0x1c..][..4].fill(0); // s_start
    assert_eq!(case.state(bytes), Some(0));
}

#[test]
fn without_its_fast_commits_it_is_as_its_last_transaction_left_it() {
    let case = Case::new("fast", "-t ext4 -b 1024 -O fast_commit", "jo");
    let start = case.find(SUPERBLOCK, 0);
    let read = |tid: u32| {
        let mut bytes = case.bytes();
        let word = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[start + at..][..4].try_into().unwrap());
        // s_feature_incompat: Linux sets JBD2_FEATURE_INCOMPAT_FAST_COMMIT when it mounts.
        let features = word(&bytes, 0x28) | 0x20;
        bytes[start + 0x28..][..4].copy_from_slice(&features.to_be_bytes());
        // s_maxlen, s_num_fc_blks: the journal is one extent, with the fast commits after its ring.
        let blocks = match word(&bytes, 0x54) {
            0 => 256,
            blocks => blocks,
        };
        let first = start + (word(&bytes, 0x10) - blocks + 1) as usize * case.block_size;
        // EXT4_FC_TAG_HEAD, 8 bytes: no features, and the transaction that it follows.
        let head = [&[9, 0, 8, 0, 0, 0, 0, 0], &tid.to_le_bytes()[..]].concat();
        bytes[first..][..head.len()].copy_from_slice(&head);
        let ext4 = Ext4::open(bytes.clone()).unwrap();
        let warnings = ext4.warnings().iter().map(|w| format!("{} {w}", w.code())).collect::<Vec<_>>();
        (case.state(bytes), ext4.summary().unwrap().health, warnings)
    };
    let warning = "E-FS-EXT4-DEGRADED ext4: the journal's fast commits are not replayed: the latest changes are \
                   missing";
    assert_eq!(read(3), (Some(2), Health::Degraded, vec![warning.to_string()]));
    assert_eq!(read(2), (Some(2), Health::Ok, vec![]), "of an earlier transaction");
}

#[test]
fn blocks_past_the_end_of_the_filesystem_are_refused() {
    let case = Case::new("range", "-t ext3 -b 1024", "jo");
    let descriptor = case.find(1, 1);
    let mut bytes = case.bytes();
    bytes[descriptor + 12] = 0x7f; // the highest byte of the first tag's block number
    match Ext4::open(bytes).err() {
        Some(Error::Corrupt(corrupt)) => assert_eq!(corrupt.structure, "journal_block_tag_t.t_blocknr"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_image_is_never_written() {
    // A device that cannot be written to is enough, as its type shows; this only uses one.
    let case = Case::new("read-only", "-t ext4", "jo -c -v 3");
    let before = case.bytes();
    let device: &[u8] = &before;
    assert!(manifest::of(&Ext4::open(device).unwrap()).unwrap() == case.states[2]);
    assert!(Path::new(&case.image).exists() && case.bytes() == before);
}
