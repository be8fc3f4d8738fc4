// SPDX-License-Identifier: BSD-3-Clause
//! The user's own disk image.

use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

/// First bytes of what people take for a raw image, and how it becomes one.
const OTHERS: [(&[u8], &str, &str); 6] = [
    (b"QFI\xfb", "qcow2", "qemu-img convert -O raw"),
    (b"KDMV", "VMDK", "qemu-img convert -O raw"),
    (b"vhdxfile", "VHDX", "qemu-img convert -O raw"),
    (b"\xfd7zXZ\0", "xz", "unxz"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
    (b"\x1f\x8b", "gzip", "gunzip"),
];

/// The absolute path of a raw image; `file` is relative to the folder where the user called Bazel.
///
/// # Errors
/// When it cannot be read or is no raw image.
pub fn find(file: &Path) -> Result<PathBuf> {
    let folder = env::var_os("BUILD_WORKING_DIRECTORY").map_or_else(env::current_dir, |f| Ok(f.into()))?;
    let path = folder.join(file);
    check(&path)?;
    Ok(path)
}

fn check(path: &Path) -> Result<()> {
    let name = path.display();
    let image = File::open(path)
        .with_context(|| format!("{name} (visible are your home, /tmp and this checkout only)"))?;
    ensure!(image.metadata()?.is_file(), "{name} is no file");
    let mut head = Vec::new();
    // The longest of OTHERS.
    image.take(8).read_to_end(&mut head).with_context(|| name.to_string())?;
    ensure!(!head.is_empty(), "{name} is empty");
    if let Some((_, format, mend)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        bail!("{name} is no raw image but {format}: {mend}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in the test's folder that holds `bytes`.
    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let folder = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let path = folder.join(format!("e2e_runner-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn raw_images_only() {
        let cases: [(&[u8], Option<&str>); 5] = [
            (&[0; 512], None),
            (b"\xeb\x63\x90", None), // a boot sector, cut
            (b"", Some("is empty")),
            (b"QFI\xfb\0\0\0\x03", Some("is no raw image but qcow2: qemu-img convert -O raw")),
            (b"\x1f\x8b\x08", Some("is no raw image but gzip: gunzip")),
        ];
        for (number, (bytes, want)) in cases.iter().enumerate() {
            let path = file(&number.to_string(), bytes);
            let got = check(&path).err().map(|why| why.to_string());
            std::fs::remove_file(&path).unwrap();
            match (got, want) {
                (None, None) => {}
                (Some(got), Some(want)) => assert!(got.ends_with(want), "{got}"),
                (got, want) => panic!("{bytes:?}: {got:?}, not {want:?}"),
            }
        }
    }

    #[test]
    fn a_missing_image_is_named_with_what_can_be_seen() {
        let why = format!("{:#}", check(Path::new("/nowhere/a.raw")).unwrap_err());
        assert!(why.starts_with("/nowhere/a.raw (visible are your home"), "{why}");
        assert!(why.contains("No such file"), "{why}");
    }

    #[test]
    fn a_folder_is_no_image() {
        assert!(check(Path::new("/")).unwrap_err().to_string().ends_with("is no file"));
    }
}
