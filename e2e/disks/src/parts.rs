// SPDX-License-Identifier: BSD-3-Clause
//! Parts of a Debian root for mini disks: its kernel, and its modules for a filesystem.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use arch::Arch;
use clap::Args;

use crate::{cpio, root, scratch::Scratch, tool::run};

/// Modules for disks, and for checksums if the kernel has none built in: loaded by name at run time, so not in the
/// lists of dependencies. Each may be built in.
const ALWAYS: [&str; 3] = ["virtio_pci", "virtio_blk", "crc32c_generic"];
/// FAT, its default character sets in Linux, and the variables. Each may be built in.
const ESP: [&str; 4] = ["vfat", "nls_cp437", "nls_ascii", "efivarfs"];
const MODULES: &str = "usr/lib/modules/";

/// The files to write.
#[derive(Args)]
pub struct Parts {
    /// Its architecture
    #[arg(long)]
    pub arch: Arch,
    /// The root that `e2e_roots root` made
    #[arg(long)]
    root: PathBuf,
    /// The kernel
    #[arg(long)]
    kernel: PathBuf,
    /// A file with its version
    #[arg(long)]
    version: PathBuf,
    /// A cpio archive with the modules for XFS in /modules, to load in the order of their names
    #[arg(long)]
    xfs: PathBuf,
    /// The same for btrfs
    #[arg(long)]
    btrfs: PathBuf,
    /// The same for an EFI system partition, and for the firmware's variables
    #[arg(long)]
    esp: PathBuf,
}

/// Extracts the parts from the root.
///
/// # Errors
/// When the root is not as expected, or the kernel lacks a driver.
pub fn pick(parts: &Parts) -> Result<()> {
    let summary = root::summarize(parts.arch, &parts.root)?;
    fs::write(&parts.kernel, &summary.kernel)?;
    fs::write(&parts.version, format!("{}\n", summary.version))?;
    let modules = Modules::read(&parts.root, &summary.version)?;
    for (driver, out) in [("xfs", &parts.xfs), ("btrfs", &parts.btrfs)] {
        let order = load_order(&modules.dependencies, &[driver]);
        ensure!(order.iter().any(|path| name(path) == driver), "the kernel has no module {driver}");
        fs::write(out, modules.archive(&order)?)?;
    }
    fs::write(&parts.esp, modules.archive(&load_order(&modules.dependencies, &ESP))?)?;
    Ok(())
}

/// The modules of a root.
struct Modules {
    /// modules.dep
    dependencies: String,
    /// Compressed modules by the path in [`Self::dependencies`]: those that any driver needs.
    files: BTreeMap<String, Vec<u8>>,
}

impl Modules {
    fn read(root: &Path, version: &str) -> Result<Self> {
        let folder = format!("{MODULES}{version}/");
        let mut dependencies = String::new();
        root::each(root, |path, mut entry| {
            if path.strip_prefix(&folder) == Some("modules.dep") {
                entry.read_to_string(&mut dependencies)?;
            }
            Ok(())
        })?;
        let wanted = load_order(&dependencies, &[["xfs", "btrfs"].as_slice(), &ESP].concat());
        let mut files = BTreeMap::new();
        root::each(root, |path, mut entry| {
            if let Some(name) = path.strip_prefix(&folder)
                && wanted.contains(&name)
            {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                files.insert(name.to_owned(), bytes);
            }
            Ok(())
        })?;
        Ok(Self { dependencies, files })
    }

    fn archive(&self, order: &[&str]) -> Result<Vec<u8>> {
        let scratch = Scratch::new("modules")?;
        let mut archive = cpio::Archive::default();
        archive.folder("modules")?;
        for (i, path) in order.iter().enumerate() {
            let bytes = self.files.get(*path).with_context(|| format!("{path} is not in the root"))?;
            let module = unpacked(&scratch, path, bytes)?;
            archive.program(&format!("modules/{i:02}-{}.ko", name(path)), &module)?;
        }
        archive.finish()
    }
}

/// Paths of the drivers' modules and their dependencies, each after those that it needs.
fn load_order<'a>(dependencies: &'a str, drivers: &[&str]) -> Vec<&'a str> {
    let mut order: Vec<&str> = Vec::new();
    for wanted in ALWAYS.iter().chain(drivers) {
        let mut lines = dependencies.lines().filter_map(|line| line.split_once(':'));
        let Some((path, needed)) = lines.find(|(path, _)| name(path) == *wanted) else { continue };
        // depmod lists all dependencies, the deepest last.
        for module in needed.split_whitespace().rev().chain([path]) {
            if !order.contains(&module) {
                order.push(module);
            }
        }
    }
    order
}

/// The name of a module as Linux spells it.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

/// busybox cannot load compressed modules.
fn unpacked(scratch: &Scratch, path: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let (suffix, program) = match path.rsplit('.').next() {
        Some("ko") => return Ok(bytes.to_vec()),
        Some("xz") => ("xz", "xz"),
        Some("zst") => ("zst", "zstd"),
        _ => bail!("{path}: unknown compression"),
    };
    let module = scratch.file("module");
    let packed = module.with_extension(suffix);
    fs::write(&packed, bytes)?;
    run(Command::new(program).args(["-q", "-d", "-f"]).arg(&packed))?;
    Ok(fs::read(&module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_behind_those_that_they_need() {
        let text = "kernel/lib/a.ko.xz:\n\
                    kernel/fs/btrfs/btrfs.ko.xz: kernel/b/xor-neon.ko.xz kernel/lib/a.ko.xz\n\
                    kernel/b/virtio_blk.ko.xz: kernel/lib/a.ko.xz\n";
        let order = load_order(text, &["btrfs"]);
        let expected = [
            "kernel/lib/a.ko.xz",
            "kernel/b/virtio_blk.ko.xz",
            "kernel/b/xor-neon.ko.xz",
            "kernel/fs/btrfs/btrfs.ko.xz",
        ];
        assert_eq!(order, expected);
        assert_eq!(name("kernel/b/xor-neon.ko.xz"), "xor_neon");
    }

    #[test]
    fn packed_modules_are_unpacked() {
        let scratch = Scratch::new("unpacked").unwrap();
        for (program, suffix) in [("xz", "xz"), ("zstd", "zst")] {
            let file = scratch.file(&format!("plain-{program}"));
            fs::write(&file, "module").unwrap();
            run(Command::new(program).args(["-q", "-f"]).arg(&file)).unwrap();
            let bytes = fs::read(format!("{}.{suffix}", file.display())).unwrap();
            let path = format!("kernel/fs/x.ko.{suffix}");
            assert_eq!(unpacked(&scratch, &path, &bytes).unwrap(), b"module");
        }
        assert_eq!(unpacked(&scratch, "kernel/fs/x.ko", b"plain").unwrap(), b"plain");
        assert!(unpacked(&scratch, "kernel/fs/x.ko.gz", b"").is_err());
    }
}
