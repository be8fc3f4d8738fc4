// SPDX-License-Identifier: BSD-3-Clause
//! Refused changes write nothing; changes leave everything else as it was.

use std::cell::Cell;

use block::{BlockRead, BlockWrite, Memory, ReadError};
use fat::{
    Fat, Kind,
    edit::{Editor, Error},
    write::{Builder, Options, Size},
};
use filesystem::{FileSystem, Timestamp};

const TIME: Timestamp = Timestamp { seconds: 1_767_323_044, nanoseconds: 0 };

/// A device that counts writes.
struct Counting(Memory, Cell<usize>);

impl BlockRead for Counting {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.0.read_at(offset, buf)
    }
}

impl BlockWrite for Counting {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError> {
        self.1.set(self.1.get() + 1);
        self.0.write_at(offset, buf)
    }

    fn flush(&self) -> Result<(), ReadError> {
        self.0.flush()
    }
}

/// Content of any length, which cannot be read from some offset on.
struct Content {
    size: u64,
    good: u64,
}

impl BlockRead for Content {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        buf.fill(7);
        if offset + buf.len() as u64 > self.good { Err(ReadError::reading(offset, "gone")) } else { Ok(()) }
    }
}

fn all(size: u64) -> Content {
    Content { size, good: size }
}

/// A small volume with a file in a folder, and 64 KiB free, in clusters of 2 KiB.
fn image() -> Vec<u8> {
    let bytes = [1; 5000];
    let mut builder = Builder::new();
    builder.file("folder/a long name.txt", &bytes).unwrap();
    builder.file("EMPTY", b"").unwrap();
    builder.directory("empty folder").unwrap();
    let options =
        Options { kind: Some(Kind::Fat12), size: Size::Fit { free: 64 << 10 }, ..Options::default() };
    builder.build(&options).unwrap()
}

fn editor(image: Vec<u8>) -> Editor<Counting> {
    Editor::open(Counting(Memory::new(image), Cell::new(0))).unwrap()
}

fn free(editor: &Editor<Counting>) -> u64 {
    editor.fat().summary().unwrap().free.unwrap()
}

/// Byte offset of the short entry with this name.
fn entry(image: &[u8], name: &[u8; 11]) -> usize {
    image.windows(11).position(|bytes| bytes == name).unwrap()
}

/// Asserts that a change is refused with this error text, and that nothing is written.
fn assert_refused(
    image: Vec<u8>,
    change: impl FnOnce(&mut Editor<Counting>) -> Result<(), Error>,
    text: &str,
) {
    let mut editor = editor(image);
    let error = change(&mut editor).unwrap_err();
    assert_eq!(error.to_string(), text);
    assert_eq!(editor.into_device().1.get(), 0, "{text}");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let size = free(&editor(image())) + 1;
    let needed = size.div_ceil(2048);
    let text = format!("no space for `x`: {needed} clusters needed, {} free", needed - 1);
    assert_refused(image(), |editor| editor.write("x", &all(size), TIME), &text);
    // A new folder needs a cluster, too; the old content of a file is not free yet.
    let text = format!("no space for `new/x`: {needed} clusters needed, {} free", needed - 1);
    assert_refused(image(), |editor| editor.write("new/x", &all(size - 1), TIME), &text);
    let text = format!("no space for `EMPTY`: {needed} clusters needed, {} free", needed - 1);
    assert_refused(image(), |editor| editor.write("EMPTY", &all(size), TIME), &text);
    let large = 1 << 32;
    let text = "`x` is too large for FAT: 4294967296 bytes";
    assert_refused(image(), |editor| editor.write("x", &all(large), TIME), text);
    // All but that cluster: exactly full.
    let mut editor = editor(image());
    editor.write("x", &all(size - 1), TIME).unwrap();
    assert_eq!(free(&editor), 0);
    editor.remove("x").unwrap();
    assert_eq!(free(&editor), size - 1);
}

#[test]
fn paths_are_refused_for_what_is_there() {
    let file = "folder/a long name.txt";
    for (text, change) in [
        (
            "`a?` is not a valid file name on FAT",
            (|e| e.write("a?", &all(1), TIME)) as fn(&mut Editor<Counting>) -> _,
        ),
        ("`.` is not a valid file name on FAT", |e| e.write("folder/./x", &all(1), TIME)),
        ("`` is not a valid file name on FAT", |e| e.write("", &all(1), TIME)),
        ("`folder` is a folder", |e| e.write("folder", &all(1), TIME)),
        ("`EMPTY/x` leads to a file where a folder is needed", |e| e.write("EMPTY/x", &all(1), TIME)),
        ("`empty` leads to a file where a folder is needed", |e| e.create_folder("empty", TIME)),
        ("`empty` already exists", |e| e.rename("folder/a long name.txt", "empty")),
        ("the folder `folder` is not empty", |e| e.remove("folder")),
        ("not found", |e| e.remove("nobody")),
        ("not found", |e| e.remove("no/body")),
        ("not found", |e| e.rename("nobody", "somebody")),
        ("the folder `folder` cannot be moved, or renamed to a name that takes more space", |e| {
            e.rename("folder", "empty folder/folder")
        }),
    ] {
        assert_refused(image(), change, text);
    }
    let deep = "d/".repeat(33);
    assert_refused(
        image(),
        |e| e.create_folder(&deep, TIME),
        &format!("`{deep}` is too deep: more than 32 names"),
    );
    let mut image = image();
    let at = entry(&image, b"ALONGN~1TXT");
    image[at + 11] |= 1;
    let text = format!("`{file}` is read-only");
    assert_refused(image.clone(), |e| e.remove(file), &text);
    assert_refused(image.clone(), |e| e.rename(file, "x"), &text);
    assert_refused(image, |e| e.write(file, &all(1), TIME), &text);
}

#[test]
fn volumes_that_cannot_be_trusted_are_refused() {
    let code = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image();
        change(&mut image);
        let code =
            |editor: &mut Editor<Memory>| editor.write("folder/x", &all(1), TIME).map_err(|e| e.code());
        match Editor::open(Memory::new(image)) {
            Ok(mut editor) => code(&mut editor).unwrap_err(),
            Err(error) => error.code(),
        }
    };
    assert_eq!(code(&|image| image.truncate(image.len() - 512)), "E-FS-FAT-RANGE");
    // A third FAT would start where the root directory is.
    assert_eq!(code(&|image| image[16] = 3), "E-FS-FAT-UNSUPPORTED");
    // The first cluster of `folder` has an entry after its end mark.
    let behind = |image: &mut Vec<u8>| {
        let at = entry(image, b"ALONGN~1TXT");
        image[at + 64] = b'X';
    };
    assert_eq!(code(&behind), "E-FS-FAT-INCONSISTENT");
    let device = Memory::with_block_size(image(), 1 << 16);
    assert_eq!(Editor::open(device).unwrap_err().code(), "E-FS-FAT-UNSUPPORTED");
}

#[test]
fn a_chain_that_is_damaged_is_not_given_back() {
    let mut image = image();
    let at = entry(&image, b"ALONGN~1TXT");
    let cluster = u16::from_le_bytes([image[at + 26], image[at + 27]]) as usize;
    // The entry of the first cluster names itself, in both halves of its pair.
    let place = 512 * u16::from_le_bytes([image[14], image[15]]) as usize + cluster * 3 / 2;
    let pair = u16::from_le_bytes([image[place], image[place + 1]]);
    let cluster = cluster as u16;
    let pair = if cluster.is_multiple_of(2) { pair & 0xf000 | cluster } else { pair & 0xf | cluster << 4 };
    image[place..place + 2].copy_from_slice(&pair.to_le_bytes());
    let mut editor = editor(image);
    assert_eq!(editor.remove("folder/a long name.txt").unwrap_err().code(), "E-FS-FAT-LOOP");
    assert_eq!(editor.write("folder/a long name.txt", &all(1), TIME).unwrap_err().code(), "E-FS-FAT-LOOP");
    assert_eq!(editor.into_device().1.get(), 0);
}

#[test]
fn content_that_ends_early_changes_nothing() {
    let mut editor = editor(image());
    let before = free(&editor);
    let content = Content { size: 64 << 10, good: 0 };
    assert_eq!(
        editor.write("x", &content, TIME).unwrap_err().to_string(),
        "reading the content: reading at byte 0: gone"
    );
    assert_eq!(free(&editor), before);
    assert!(editor.fat().lookup(&editor.fat().root(), b"x").is_err());
}

/// On a FAT16 with clusters of 512 bytes, pieces of 64 KiB are in the FAT before the rest is read.
#[test]
fn content_that_ends_late_is_given_back() {
    let options = Options { kind: Some(Kind::Fat16), size: Size::Exact(16 << 20), ..Options::default() };
    let mut editor = editor(Builder::new().build(&options).unwrap());
    let before = free(&editor);
    let content = Content { size: 12 << 20, good: 11 << 20 };
    assert!(matches!(editor.write("x", &content, TIME), Err(Error::Content(_))));
    assert_eq!(free(&editor), before);
}

#[test]
fn a_root_directory_of_fixed_size_gets_full() {
    let mut editor = editor(image());
    let mut count = 0;
    let error = loop {
        match editor.write(&format!("file {count}"), &all(0), TIME) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
    };
    // 512 slots, of which EMPTY has one, `folder` and `empty folder` two each, and each file two.
    assert_eq!((count, error.code().to_string().as_str()), ((512 - 5) / 2, "E-FS-FAT-FULL"));
    // There is space for a short name.
    editor.write("SHORT", &all(0), TIME).unwrap();
    assert_eq!(
        editor.write("LAST", &all(0), TIME).unwrap_err().to_string(),
        "no space in the folder for `LAST`"
    );
}

#[test]
fn a_renamed_file_keeps_its_time_and_a_replaced_one_its_name() {
    let mut editor = editor(image());
    let other = Timestamp { seconds: TIME.seconds + 1000, nanoseconds: 0 };
    editor.write("folder/File.Conf", &all(10), TIME).unwrap();
    editor.rename("folder/file.conf", "elsewhere/File.Conf").unwrap();
    let find = |editor: &Editor<Counting>| {
        let fat = editor.fat();
        let folder = fat.lookup(&fat.root(), b"elsewhere").unwrap();
        let node = fat.lookup(&folder, b"FILE.CONF").unwrap();
        (fat.attr(&node).unwrap(), node, folder)
    };
    assert_eq!(find(&editor).0.modified, TIME);
    editor.write("ELSEWHERE/FILE.CONF", &all(3000), other).unwrap();
    let (attr, _, folder) = find(&editor);
    assert_eq!((attr.modified, attr.size), (other, 3000));
    let mut names = Vec::new();
    let each = &mut |name: &[u8], _, _| {
        names.push(name.to_vec());
        std::ops::ControlFlow::Continue(())
    };
    editor.fat().read_dir(&folder, each).unwrap();
    assert_eq!(names, [b"File.Conf"]);
    // The same name in another case is not another entry.
    editor.rename("elsewhere/File.Conf", "elsewhere/file.conf").unwrap();
    assert!(Fat::open(editor.into_device()).is_ok());
}
