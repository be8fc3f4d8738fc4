// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs cp`: what it copies is what stood in the folder that the image was made of, and it never leaves its
//! target.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use oracle::{
    manifest::{self, Record, diff},
    tools::{run, work_dir},
};

const MIB: u64 = 1 << 20;

/// Files of one test; `out` is what is copied into.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        let work = Self(work_dir(name));
        fs::create_dir(work.0.join("out")).unwrap();
        fs::create_dir(work.0.join("outside")).unwrap();
        work
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }

    /// An ext4 of the folder `tree`, without checksums, so that bytes of it can be changed.
    fn image(&self) -> String {
        let (tree, image) = (self.path("tree"), self.path("image"));
        fs::File::create(&image).unwrap().set_len(16 * MIB).unwrap();
        run("mke2fs", &["-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-d", &tree, &image]);
        image
    }

    /// Changes a text wherever it stands in the image.
    fn replace(&self, from: &[u8], to: &[u8]) {
        let mut bytes = fs::read(self.path("image")).unwrap();
        let places: Vec<usize> =
            (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
        assert!(!places.is_empty() && from.len() == to.len());
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
        fs::write(self.path("image"), bytes).unwrap();
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join("tree").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// That nothing was written but below `out`.
    fn expect_nothing_outside(&self) {
        assert_eq!(fs::read_dir(self.0.join("outside")).unwrap().count(), 0);
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let others: Vec<_> = names
            .filter(|name| !["tree", "image", "out", "outside"].iter().any(|known| name == known))
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

/// Exit code, and what is said on standard error.
fn cp(args: &[impl AsRef<OsStr>]) -> (i32, String) {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    let output = command.args(["fs", "cp"]).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn records(path: impl AsRef<Path>) -> Vec<Record> {
    let mut records = manifest::of_directory(path).unwrap();
    for record in &mut records {
        // Whoever copies owns the copy; how folders are
        // counted is each filesystem's own affair, and this ext4 has whole seconds.
        (record.uid, record.gid, record.modified.nanoseconds) = (0, 0, 0);
        if record.kind == filesystem::FileType::Directory {
            (record.size, record.links) = (0, 0);
        }
    }
    records
}

#[test]
fn a_folder_comes_out_as_it_was() {
    let work = Work::new("folder");
    work.write("etc/deep/er/file", vec![7; 3_000_000]);
    work.write("etc/empty", "");
    work.write("etc/with\nline", "x");
    // Mostly a hole.
    let sparse = fs::File::create(work.path("tree/etc/sparse")).unwrap();
    sparse.set_len(64 * MIB).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", 64 * MIB - 3).unwrap();
    symlink("/outside/../../etc/passwd", work.0.join("tree/etc/link")).unwrap();
    fs::set_permissions(work.0.join("tree/etc/deep/er/file"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(work.0.join("tree/etc/deep/er"), fs::Permissions::from_mode(0o550)).unwrap();
    let image = work.image();
    for (target, made) in [("out", "out/etc"), ("out/renamed", "out/renamed")] {
        assert_eq!(cp(&[format!("{image}:/etc"), work.path(target)]), (0, String::new()));
        let (left, right) = (records(work.0.join("tree/etc")), records(work.0.join(made)));
        assert_eq!(diff(&left, &right), [""; 0]);
    }
    let blocks =
        std::os::unix::fs::MetadataExt::blocks(&fs::metadata(work.0.join("out/etc/sparse")).unwrap());
    assert!(blocks * 512 < 4 * MIB, "holes stay holes");
    work.expect_nothing_outside();
    fs::set_permissions(work.0.join("tree/etc/deep/er"), fs::Permissions::from_mode(0o750)).unwrap();
}

#[test]
fn a_file_comes_out_through_links_of_the_image() {
    let work = Work::new("file");
    work.write("boot/vmlinuz", "kernel");
    symlink("/boot/vmlinuz", work.0.join("tree/kernel")).unwrap();
    let image = work.image();
    assert_eq!(cp(&[image.clone(), "--path".into(), "/kernel".into(), work.path("out")]), (0, String::new()));
    assert_eq!(fs::read(work.0.join("out/kernel")).unwrap(), b"kernel");
    // What is there is left as it is.
    fs::write(work.0.join("out/kernel"), "mine").unwrap();
    let target = work.path("out/kernel");
    let said =
        format!("cloud-boot: E-CLI-TARGET {target}: File exists (os error 17); choose another target\n");
    assert_eq!(cp(&[format!("{image}:/kernel"), target]), (1, said.clone()));
    assert_eq!(cp(&[format!("{image}:/kernel"), work.path("out")]), (1, said));
    assert_eq!(fs::read(work.0.join("out/kernel")).unwrap(), b"mine");
    assert_eq!(cp(std::slice::from_ref(&image)).0, 2, "no target");
    assert_eq!(cp(&[image, work.path("out")]).0, 2, "no path");
    work.expect_nothing_outside();
}

/// A name that is twice in a folder of the image can be made once.
#[test]
fn a_target_is_named_with_its_whole_path() {
    let work = Work::new("whole");
    work.write("top/folder/a\x1b", "x");
    work.write("top/folder/b\x1b", "x");
    let image = work.image();
    work.replace(b"\x01a\x1b", b"\x01b\x1b");
    let said = |target: &str| {
        let cause = "File exists (os error 17); choose another target";
        format!("cloud-boot: E-CLI-TARGET {target}/folder/b\\x1b: {cause}\n")
    };
    assert_eq!(cp(&[format!("{image}:/top"), work.path("out")]), (1, said(&work.path("out/top"))));
    let path = env::var_os("CLOUD_BOOT").unwrap();
    let mut command = Command::new(std::path::absolute(path).unwrap());
    let output = command.args(["fs", "cp", "image:/top", "made"]).current_dir(&work.0).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said("made"));
}

#[test]
fn links_in_the_target_are_not_followed() {
    let work = Work::new("links");
    work.write("top/folder/file", "x");
    work.write("top/plain", "x");
    let image = work.image();
    for (link, source) in [("folder", "/top/folder"), ("plain", "/top/plain")] {
        symlink(work.path("outside"), work.0.join("out").join(link)).unwrap();
        let (code, said) = cp(&[format!("{image}:{source}"), work.path("out")]);
        assert!(code == 1 && said.starts_with("cloud-boot: E-CLI-TARGET "), "{said}");
    }
    // A link that leads nowhere yet would be made by whoever follows it.
    symlink(work.path("made"), work.0.join("out/top")).unwrap();
    assert_eq!(cp(&[format!("{image}:/top"), work.path("out")]).0, 1);
    work.expect_nothing_outside();
}

#[test]
fn names_that_lead_elsewhere_are_not_copied() {
    let work = Work::new("names");
    work.write("top/..Xevil", "x");
    work.write("top/Xabsolute", "x");
    work.write("top/good", "x");
    work.write("top/ZZ/content", "x");
    work.image();
    work.replace(b"..Xevil", b"../evil");
    work.replace(b"Xabsolute", b"/absolute");
    work.replace(b"ZZ", b"..");
    let (code, said) = cp(&[format!("{}:/top", work.path("image")), work.path("out")]);
    assert!(code == 1 && said.lines().count() == 1 && said.starts_with("cloud-boot: E-"), "{said}");
    work.expect_nothing_outside();
    for name in ["evil", "content"] {
        assert!(!work.0.join("out").join(name).exists(), "{name}");
    }
}

#[test]
fn a_link_of_the_image_is_no_way_out_for_a_folder_of_the_same_name() {
    let work = Work::new("twins");
    work.write("top/b/file", "x");
    fs::create_dir_all(work.0.join("tree/top")).unwrap();
    symlink(work.path("outside"), work.0.join("tree/top/a")).unwrap();
    work.image();
    // Both are called `a` now: a link to another folder, and a folder with a file. They stand in the same block
    // behind one another: length of the name, type, name.
    work.replace(b"\x01\x02b", b"\x01\x02a");
    let (code, said) = cp(&[format!("{}:/top", work.path("image")), work.path("out")]);
    assert!(code == 1 && said.starts_with("cloud-boot: E-"), "{said}");
    work.expect_nothing_outside();
}

#[test]
fn what_is_no_file_is_left_out_and_said() {
    let work = Work::new("special");
    work.write("dev/file", "x");
    let image = work.image();
    let commands = work.path("tree/commands");
    fs::write(&commands, "cd dev\nmknod null c 1 3\nmknod pipe p\n").unwrap();
    run("debugfs", &["-w", "-f", &commands, &image]);
    let (code, said) = cp(&[format!("{image}:/dev"), work.path("out")]);
    assert_eq!(code, 1);
    let expected =
        "cloud-boot: E-CLI-KIND image:/dev/null: a char is not copied (and 1 more path); leave it out\n";
    assert_eq!(said, expected);
    assert_eq!(fs::read(work.0.join("out/dev/file")).unwrap(), b"x");
}
