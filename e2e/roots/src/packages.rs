// SPDX-License-Identifier: BSD-3-Clause
//! Files out of single packages, which are not installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use arch::Arch;

use crate::{Packages, debian};

/// Fetches the packages and picks the files out of them.
pub fn fetch(arguments: &Packages) -> Result<()> {
    let work = env::temp_dir().join(format!("packages-{}", std::process::id()));
    debian::first_suite(arguments.arch, |suite| {
        let made = pick(arguments, suite, &work);
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
        made
    })
}

fn pick(arguments: &Packages, suite: &str, work: &Path) -> Result<()> {
    let apt = Apt::new(arguments.arch, suite, work)?;
    let others = vec!["busybox-static".into(), "systemd-boot-efi".into()];
    let files = apt.unpack(&[kernel_packages(&apt, arguments.arch)?, others].concat())?;
    let kernel = find(&files, &["boot", "usr/lib/modules"], |name| name.starts_with("vmlinu"))?;
    // /boot/vmlinuz-VERSION, or /usr/lib/modules/VERSION/vmlinuz.
    let name = kernel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let version = match name.split_once('-') {
        Some((_, version)) => version.to_string(),
        None => kernel.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned(),
    };
    ensure!(!version.is_empty(), "{} has no version", kernel.display());
    fs::copy(&kernel, &arguments.kernel).with_context(|| format!("copying {}", kernel.display()))?;
    fs::write(&arguments.version, version + "\n").context("writing the version")?;
    let busybox = find(&files, &["bin", "usr/bin"], |name| name == "busybox")?;
    fs::copy(&busybox, &arguments.busybox).with_context(|| format!("copying {}", busybox.display()))?;
    let is_stub = |name: &str| name.starts_with("linux") && name.ends_with(".efi.stub");
    let stub = find(&files, &["usr/lib/systemd/boot/efi"], is_stub)?;
    fs::copy(&stub, &arguments.stub).with_context(|| format!("copying {}", stub.display()))?;
    Ok(())
}

/// The packages behind the kernel's metapackage that may hold the kernel itself.
fn kernel_packages(apt: &Apt, arch: Arch) -> Result<Vec<String>> {
    let mut found = apt.depends(debian::kernel(arch))?;
    // The next release has a package of its own for the image's file.
    let deeper: Vec<String> =
        found.iter().map(|name| apt.depends(name)).collect::<Result<Vec<_>>>()?.concat();
    found.extend(deeper);
    found.retain(|name| name.starts_with("linux-image-") || name.starts_with("linux-binary-"));
    found.sort();
    found.dedup();
    ensure!(!found.is_empty(), "{} depends on no kernel", debian::kernel(arch));
    Ok(found)
}

/// apt with lists and packages of its own, for one architecture and suite.
struct Apt {
    work: PathBuf,
}

impl Apt {
    fn new(arch: Arch, suite: &str, work: &Path) -> Result<Self> {
        for folder in ["lists/partial", "cache/archives/partial", "files"] {
            fs::create_dir_all(work.join(folder)).with_context(|| format!("making {folder}"))?;
        }
        let source = format!(
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} {} main\n",
            mirror()?,
            suite
        );
        fs::write(work.join("sources.list"), source)?;
        let (arch, work) = (arch.debian(), work.display());
        let configuration = format!(
            r#"APT::Architecture "{arch}"; APT::Architectures {{ "{arch}"; }}; APT::Sandbox::User "root";
Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Retries "3";
Dir::Etc::SourceList "{work}/sources.list"; Dir::Etc::SourceParts "/dev/null";
Dir::State "{work}"; Dir::State::Lists "{work}/lists"; Dir::Cache "{work}/cache"; Dir::State::status "/dev/null";
"#
        );
        let apt = Self { work: PathBuf::from(work.to_string()) };
        fs::write(apt.work.join("apt.conf"), configuration)?;
        apt.run("apt-get", &["-qq", "update"])?;
        Ok(apt)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.work.join("files"))
            .env("APT_CONFIG", self.work.join("apt.conf"));
        let output = command.output().with_context(|| format!("starting {program}"))?;
        if !output.status.success() {
            bail!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Names of the packages that `package` depends on.
    fn depends(&self, package: &str) -> Result<Vec<String>> {
        let text = self.run("apt-cache", &["depends", "--important", package])?;
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(names
            .filter(|name| !name.starts_with('<'))
            .map(|name| name.split(':').next().unwrap_or(name).into())
            .collect())
    }

    /// Downloads packages and unpacks all of them into one folder.
    fn unpack(&self, packages: &[String]) -> Result<PathBuf> {
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        self.run("apt-get", &[["-qq", "download"].as_slice(), &names].concat())?;
        let files = self.work.join("files");
        let archives = fs::read_dir(&files)?.collect::<Result<Vec<_>, _>>()?;
        for archive in archives.iter().filter(|a| a.path().extension().is_some_and(|e| e == "deb")) {
            let path = archive.path();
            self.run("dpkg-deb", &["-x", &path.to_string_lossy(), &files.to_string_lossy()])?;
        }
        Ok(files)
    }
}

/// The mirror that the toolbox was made from.
pub fn mirror() -> Result<String> {
    let list = fs::read_to_string("/etc/apt/sources.list").context("/etc/apt/sources.list")?;
    let source = list.lines().find_map(|line| line.strip_prefix("deb ")).context("apt has no source")?;
    let mut words = source.split_whitespace().skip_while(|word| word.starts_with('['));
    Ok(words.next().context("apt has no source")?.to_string())
}

/// The first regular file with such a name, in the folders in their order.
fn find(root: &Path, folders: &[&str], is_it: impl Fn(&str) -> bool + Copy) -> Result<PathBuf> {
    let found = folders.iter().find_map(|folder| find_below(&root.join(folder), is_it));
    found.with_context(|| format!("no such file in {folders:?} of the packages"))
}

fn find_below(folder: &Path, is_it: impl Fn(&str) -> bool + Copy) -> Option<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.iter().find_map(|entry| {
        let kind = entry.file_type().ok()?;
        if kind.is_dir() && entry.file_name() != "kernel" {
            find_below(&entry.path(), is_it)
        } else {
            (kind.is_file() && is_it(&entry.file_name().to_string_lossy())).then(|| entry.path())
        }
    })
}
