// SPDX-License-Identifier: BSD-3-Clause
//! The package of a root's kernel, made from the root's own files: the archive may already have a newer one.

use std::{collections::BTreeSet, fs, io::Read, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use arch::Arch;

use crate::{EPOCH, root, root::kernel_prefix, scratch::Scratch, tool::run};

/// dpkg's folder with data on installed packages.
const INFO: &str = "var/lib/dpkg/info/";
const STATUS: &str = "var/lib/dpkg/status";
/// Suffix of files in [`INFO`] that are not part of a package.
const OWN: &str = "list";
/// Fields of [`STATUS`] that are not part of a control file, with their continuation lines.
const NOT_CONTROL: [&str; 3] = ["Status:", "Conffiles:", "Config-Version:"];

/// Makes the .deb of the package that the kernel in /boot of `root` belongs to.
///
/// # Errors
/// When there is no such package, or dpkg-deb fails.
pub fn of_kernel(arch: Arch, root: &Path) -> Result<Vec<u8>> {
    let kernel = format!("/boot/{}-", kernel_prefix(arch));
    let (mut status, mut lists) = (String::new(), Vec::new());
    root::each(root, |path, mut entry| {
        if path == STATUS {
            status = text(&mut entry)?;
        } else if let Some(package) = path.strip_prefix(INFO).and_then(|name| name.strip_suffix(".list")) {
            lists.push((package.to_owned(), text(&mut entry)?));
        }
        Ok(())
    })?;
    let is_kernels = |(_, list): &&(String, String)| list.lines().any(|line| line.starts_with(&kernel));
    let (package, list) =
        lists.iter().find(is_kernels).with_context(|| format!("no package contains {kernel}*"))?;
    let scratch = Scratch::new("package")?;
    let (tree, deb) = (scratch.file("tree"), scratch.file("kernel.deb"));
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::write(
        tree.join("DEBIAN/control"),
        control(&status, package).context("the package is not in dpkg's status")?,
    )?;
    unpack(root, package, list, &tree)?;
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "-Zzstd", "-z1", "--build"]).arg(&tree).arg(&deb);
    run(command.env("SOURCE_DATE_EPOCH", EPOCH.to_string()))?;
    Ok(fs::read(&deb)?)
}

/// Unpacks the files of a package, and its scripts.
fn unpack(root: &Path, package: &str, list: &str, tree: &Path) -> Result<()> {
    let own: BTreeSet<&str> = list.lines().map(|line| line.trim_start_matches('/')).collect();
    // /lib is a link to /usr/lib.
    let is_own =
        |path: &str| own.contains(path) || path.strip_prefix("usr/").is_some_and(|path| own.contains(path));
    let mut unpacked = 0_u32;
    root::each(root, |path, mut entry| {
        let of_dpkg = path.strip_prefix(INFO).and_then(|name| name.strip_prefix(package)?.strip_prefix('.'));
        match of_dpkg {
            Some(kind) if kind != OWN => {
                entry.unpack(tree.join("DEBIAN").join(kind))?;
            }
            None if is_own(path) => {
                unpacked = unpacked.saturating_add(1);
                ensure!(entry.unpack_in(tree)?, "{path} leads outside of the package");
            }
            _ => {}
        }
        Ok(())
    })?;
    ensure!(unpacked > 0, "no files of {package} found");
    Ok(())
}

/// The control file of a package.
fn control(status: &str, package: &str) -> Option<String> {
    let name = package.split(':').next()?;
    let stanza =
        status.split("\n\n").find(|stanza| stanza.lines().next() == Some(&format!("Package: {name}")))?;
    let mut is_kept = true;
    let kept = stanza.lines().filter(|line| {
        if !line.starts_with(' ') {
            is_kept = !NOT_CONTROL.iter().any(|field| line.starts_with(field));
        }
        is_kept
    });
    Some(kept.map(|line| format!("{line}\n")).collect())
}

fn text(entry: &mut impl Read) -> Result<String> {
    let mut text = String::new();
    entry.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tar::Builder;

    use super::*;
    use crate::files;

    const KERNELS: &str = "Package: linux-image-6\nStatus: install ok installed\nArchitecture: amd64\n\
        Maintainer: Debian <debian@example.org>\nVersion: 6.1-1\nConffiles:\n /etc/x 0\nDescription: Linux\n for clouds\n";

    #[test]
    fn a_control_file_has_what_is_the_packages_own() {
        let status = format!("Package: a\nStatus: x\n\n{KERNELS}\nPackage: b\n");
        let expected = "Package: linux-image-6\nArchitecture: amd64\nMaintainer: Debian <debian@example.org>\n\
            Version: 6.1-1\nDescription: Linux\n for clouds\n";
        assert_eq!(control(&status, "linux-image-6").as_deref(), Some(expected));
        assert_eq!(control(&status, "linux-image-6:amd64").as_deref(), Some(expected));
        assert_eq!(control(&status, "linux-image").as_deref(), None);
    }

    #[test]
    fn a_package_has_the_files_and_scripts_of_the_kernels_and_no_others() {
        let scratch = Scratch::new("package-test").unwrap();
        let (plain, root) = (scratch.file("root.tar"), scratch.file("root.tar.zst"));
        let mut tar = Builder::new(File::create(&plain).unwrap());
        let list = "/.\n/boot\n/boot/vmlinuz-6\n/lib\n/lib/modules\n/lib/modules/6\n/lib/modules/6/a.ko\n";
        for (name, mode, content) in [
            ("./boot/vmlinuz-6", 0o644, "kernel"),
            ("./boot/initrd.img-6", 0o644, "not of the package"),
            ("./usr/lib/modules/6/a.ko", 0o644, "module"),
            ("./var/lib/dpkg/status", 0o644, KERNELS),
            ("./var/lib/dpkg/info/bash.list", 0o644, "/.\n/bin/bash\n"),
            ("./var/lib/dpkg/info/linux-image-6.list", 0o644, list),
            ("./var/lib/dpkg/info/linux-image-6.postinst", 0o755, "#!/bin/sh\nexit 0\n"),
        ] {
            files::file(&mut tar, name, mode, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap();
        run(Command::new("zstd").arg("-q").arg(&plain).arg("-o").arg(&root)).unwrap();
        let deb = scratch.file("kernel.deb");
        fs::write(&deb, of_kernel(Arch::X86_64, &root).unwrap()).unwrap();
        let said = run(Command::new("dpkg-deb").arg("--contents").arg(&deb)).unwrap();
        let names: Vec<&str> = said.lines().filter_map(|line| line.split(" ./").nth(1)).collect();
        let files: Vec<&str> =
            names.into_iter().filter(|name| !name.is_empty() && !name.ends_with('/')).collect();
        assert_eq!(files, ["boot/vmlinuz-6", "usr/lib/modules/6/a.ko"], "{said}");
        let info = run(Command::new("dpkg-deb").arg("--info").arg(&deb)).unwrap();
        assert!(info.contains("postinst") && info.contains("Version: 6.1-1"), "{info}");
        assert!(of_kernel(Arch::Riscv64, &root).is_err(), "its kernels have another name");
    }
}
