// SPDX-License-Identifier: BSD-3-Clause
//! systemd itself says which entries of the Boot Loader Specification there are and in which order: `bootctl list` on a
//! folder, and we on a FAT image with the same files. Entries are written by `kernel-install`, images by `ukify`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use entries::{Arch, Kind, discover};
use oracle::tools;
use serde_json::Value;
use vfs::{Disk, Volumes};

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// What both say of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    id: String,
    title: String,
    version: String,
    options: String,
    kernel: String,
    initrds: Vec<String>,
    is_default: bool,
}

fn successful(command: &mut Command) -> Vec<u8> {
    let output =
        command.output().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// An ESP as a folder.
struct Esp(PathBuf);

impl Esp {
    fn new(name: &str) -> Self {
        let dir = tools::work_dir(name).join("esp");
        fs::create_dir_all(dir.join("loader/entries")).unwrap();
        fs::create_dir_all(dir.join("EFI/Linux")).unwrap();
        Self(dir)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn entry(&self, name: &str, lines: &str) {
        self.write("vmlinuz", "kernel");
        self.write(&format!("loader/entries/{name}.conf"), format!("linux /vmlinuz\n{lines}"));
    }

    /// An image of the real tool, without an initrd.
    fn uki(&self, name: &str, release: &str, uname: &str) {
        self.write("../release", release);
        self.write("../kernel", "not looked at");
        let path = |name: &str| self.0.join(name).to_str().unwrap().to_string();
        let options = ["build", "--efi-arch=x64", "--cmdline=quiet", "--stub", STUB, "--uname", uname];
        let (kernel, release) =
            (format!("--linux={}", path("../kernel")), format!("--os-release=@{}", path("../release")));
        let output = format!("--output={}", path(&format!("EFI/Linux/{name}.efi")));
        tools::run("ukify", &[&options[..], &[&kernel, &release, &output]].concat());
    }

    fn of_systemd(&self) -> Vec<Seen> {
        let mut command = tools::command("bootctl");
        command.env("SYSTEMD_RELAX_ESP_CHECKS", "1").args(["list", "--json=short"]);
        let output = successful(command.arg(format!("--esp-path={}", self.0.display())));
        let Value::Array(list) = serde_json::from_slice(&output).unwrap() else { panic!("a list") };
        // What it takes from the running machine is no entry of a file.
        let of_files = list.iter().filter(|entry| entry["type"] == "type1" || entry["type"] == "type2");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let seen = of_files.map(|entry| Seen {
            id: text(&entry["id"]),
            title: text(&entry["showTitle"]),
            version: text(&entry["version"]),
            options: text(&entry["options"]),
            kernel: text(&entry["linux"]),
            initrds: entry["initrd"].as_array().map_or(Vec::new(), |list| list.iter().map(text).collect()),
            is_default: entry["isDefault"] == Value::Bool(true),
        });
        seen.collect()
    }

    fn of_ours(&self) -> Vec<Seen> {
        let image = self.0.with_extension("img");
        let _ = fs::remove_file(&image);
        let name = image.to_str().unwrap();
        tools::run("mkfs.vfat", &["-F", "32", "-s", "1", "-C", name, "40960"]);
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        for path in names {
            tools::run("mcopy", &["-s", "-i", name, path.to_str().unwrap(), "::/"]);
        }
        let device = Rc::new(fs::read(&image).unwrap());
        let volumes = Volumes::discover(vec![Disk { device, name: "hd0".into() }]);
        let found = discover(&volumes, Arch::X86_64, &|_, _| false);
        assert_eq!(found.problems, [], "all of it can be used");
        let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
        let entries = found.entries.iter().filter(|entry| matches!(entry.source.kind, Kind::Bls | Kind::Uki));
        let seen = entries.map(|entry| Seen {
            id: entry.id.clone(),
            title: entry.title.clone(),
            version: entry.version.clone(),
            options: entry.linux().map_or(String::new(), |linux| linux.options.clone()),
            kernel: if entry.source.kind == Kind::Uki {
                String::new()
            } else {
                entry.file().map(path).unwrap_or_default()
            },
            initrds: entry.linux().map_or(Vec::new(), |linux| linux.initrd_files().map(path).collect()),
            is_default: entry.default,
        });
        seen.collect()
    }

    /// # Panics
    /// Where both do not see the same, or not this many.
    fn agrees(&self, count: usize) -> Vec<Seen> {
        let (theirs, ours) = (self.of_systemd(), self.of_ours());
        let ids = |seen: &[Seen]| seen.iter().map(|seen| seen.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&theirs), ids(&ours), "systemd's order, and ours");
        assert_eq!(theirs.len(), count, "{theirs:?}");
        for (theirs, ours) in theirs.iter().zip(&ours) {
            // For an image it reads more from the file than we want to know.
            let theirs = if ours.kernel.is_empty() {
                Seen { options: String::new(), kernel: String::new(), ..theirs.clone() }
            } else {
                theirs.clone()
            };
            assert_eq!(&theirs, ours, "systemd's entry, and ours");
        }
        ours
    }
}

#[test]
fn keys_machines_and_versions() {
    let esp = Esp::new("keys");
    let other = "fedcba9876543210fedcba9876543210";
    for (i, version) in
        ["6.9.0-1", "6.10.0-1", "6.10.0~rc3-1", "6.10.0^git1-1", "6.10.0-1.1", "6.10"].iter().enumerate()
    {
        for (machine, letter) in [(MACHINE, 'a'), (other, 'b')] {
            let lines = format!(
                "title Debian {letter}{i}\nversion {version}\nsort-key debian\nmachine-id {machine}\n"
            );
            esp.entry(&format!("{letter}{i}"), &lines);
        }
    }
    esp.entry("arch", "title Arch Linux\nsort-key arch\nversion 7\n");
    esp.entry("arch-fallback", "title Arch Linux (fallback)\nsort-key arch\nversion 7\n");
    esp.entry("no-key-9", "title No key\noptions quiet\noptions root=LABEL=x  rw\ninitrd /a\ninitrd /b\n");
    esp.entry("no-key-10", "title No key, newer\n");
    esp.entry("x", "architecture x64\ntitle For this machine\n");
    let seen = esp.of_ours();
    assert!(seen.iter().any(|seen| seen.options == "quiet root=LABEL=x  rw"), "{seen:?}");
    esp.agrees(12 + 5);
}

#[test]
fn what_only_one_of_both_lists() {
    let esp = Esp::new("only");
    esp.entry("a-2~rc1", "title A name that is no identifier for systemd\n");
    esp.entry("a-1", "title A name that is one\n");
    // bootctl shows what systemd-boot leaves out on this machine.
    esp.entry("aa", "architecture aa64\nsort-key a\ntitle Not for this machine\n");
    let ids = |seen: Vec<Seen>| seen.into_iter().map(|seen| seen.id).collect::<Vec<_>>();
    assert_eq!(ids(esp.of_systemd()), ["aa.conf", "a-1.conf"]);
    assert_eq!(ids(esp.of_ours()), ["a-2-rc1.conf", "a-1.conf"]);
}

#[test]
fn titles_that_several_entries_have() {
    let esp = Esp::new("titles");
    let of = |version: &str, machine: &str| {
        format!("title Same\nversion {version}\nmachine-id {machine}\nsort-key s\n")
    };
    esp.entry("one", &of("1", MACHINE));
    esp.entry("two", &of("2", MACHINE));
    esp.entry("three", "title Other\n");
    esp.entry("four", "version 5\n");
    esp.agrees(4);
}

#[test]
fn tries_are_counted() {
    let esp = Esp::new("tries");
    for (name, version) in
        [("a+3", 1), ("b+2-1", 2), ("c+0-3", 9), ("d", 3), ("e+0", 8), ("f+x", 4), ("g+1-", 5)]
    {
        esp.entry(name, &format!("title {name}\nsort-key k\nversion {version}\n"));
    }
    esp.entry("h+0-1", "title h\n");
    esp.entry("i+1", "title i\n");
    esp.agrees(9);
}

#[test]
fn images_stand_among_the_entries() {
    let esp = Esp::new("images");
    esp.entry("type1", &format!("title Type 1\nsort-key fedora\nversion 43\nmachine-id {MACHINE}\n"));
    esp.entry("type1-without", "title Type 1 without a key\n");
    let release = |id: &str, version: &str| {
        format!("ID={id}\nNAME=\"A {id}\"\nPRETTY_NAME=\"A {id} {version}\"\nVERSION_ID={version}\n")
    };
    esp.uki("fedora-44", &release("fedora", "44"), "7.0.4");
    esp.uki("fedora-42+3", &release("fedora", "42"), "7.0.3");
    esp.uki("debian+0-3", &release("debian", "13"), "6.12");
    esp.uki(
        "images",
        "ID=particle\nIMAGE_ID=particleos\nIMAGE_VERSION=20261101\nPRETTY_NAME=ParticleOS\n",
        "7.0",
    );
    esp.uki("plain", "ID=plain\nNAME=Plain\n", "7.0");
    esp.agrees(7);
}

#[test]
fn the_default_is_the_one_of_loader_conf() {
    let esp = Esp::new("default");
    for version in ["1", "2", "3"] {
        esp.entry(&format!("a-{version}"), &format!("title A {version}\nversion {version}\nsort-key a\n"));
    }
    esp.agrees(3);
    for (pattern, default) in [("a-2*", 1), ("a-1.conf", 2), ("none", 0), ("A-2.conf", 1)] {
        esp.write("loader/loader.conf", format!("timeout 3\ndefault {pattern}\n"));
        let seen = esp.agrees(3);
        assert!(seen[default].is_default, "default {pattern}: {seen:?}");
    }
}

#[test]
fn entries_of_kernel_install() {
    let esp = Esp::new("install");
    let configuration = esp.0.with_file_name("configuration");
    fs::create_dir_all(&configuration).unwrap();
    let install = format!("layout=bls\nBOOT_ROOT={}\ninitrd_generator=none\n", esp.0.display());
    fs::write(configuration.join("install.conf"), install).unwrap();
    fs::write(configuration.join("cmdline"), "root=UUID=x ro quiet\n").unwrap();
    fs::write(configuration.join("tries"), "3\n").unwrap();
    let (kernel, initrd) = (esp.0.with_file_name("vmlinuz"), esp.0.with_file_name("initrd"));
    fs::write(&kernel, "kernel").unwrap();
    fs::write(&initrd, "initrd").unwrap();
    fs::create_dir_all(esp.0.join(MACHINE)).unwrap();
    for version in ["6.12.107+deb13-amd64", "6.12.9-amd64"] {
        installed(&esp, &configuration, version, &kernel, &initrd);
    }
    let seen = esp.agrees(2);
    assert!(
        seen[0].version.contains("6.12.107") && seen[0].options.contains("root=UUID=x ro quiet"),
        "{seen:?}"
    );
    assert_eq!(seen[0].initrds.len(), 1, "{seen:?}");
}

fn installed(esp: &Esp, configuration: &Path, version: &str, kernel: &Path, initrd: &Path) {
    let mut command = tools::command("kernel-install");
    command.env("KERNEL_INSTALL_CONF_ROOT", configuration).env("MACHINE_ID", MACHINE);
    command.args(["--esp-path", esp.0.to_str().unwrap(), "--boot-path", esp.0.to_str().unwrap()]);
    command.args(["--entry-token=machine-id", "--make-entry-directory=yes"]);
    command.env("SYSTEMD_RELAX_ESP_CHECKS", "1").env("SYSTEMD_RELAX_XBOOTLDR_CHECKS", "1");
    // The plug-in that makes an entry, and no other: they would run depmod and make an initrd.
    command.env("KERNEL_INSTALL_PLUGINS", "/usr/lib/kernel/install.d/90-loaderentry.install");
    successful(command.arg("add").arg(version).args([kernel, initrd]));
}
