// SPDX-License-Identifier: BSD-3-Clause
//! Disks of FAT and btrfs, and programs to put on them.

use std::{
    format, fs,
    string::String,
    sync::atomic::{AtomicUsize, Ordering},
    vec,
    vec::Vec,
};

use fat::write::{Builder, Options};
use oracle::tools::{run, work_dir};

/// How many images mkfs.btrfs has made: each has a folder of its own meanwhile.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// A disk that is one filesystem.
#[derive(Clone, Default)]
pub struct Disk {
    files: Vec<(String, Vec<u8>)>,
    /// First sector of its partition, where it has one.
    partition: Option<u32>,
    /// What it begins with, in place of a volume.
    raw: Option<Vec<u8>>,
    /// Subvolumes of btrfs, as mkfs.btrfs takes them; none for FAT.
    subvolumes: Vec<String>,
}

impl Disk {
    /// One that begins so, and holds no volume.
    pub fn raw(start: impl Into<Vec<u8>>) -> Self {
        Self { raw: Some(start.into()), ..Self::default() }
    }

    /// With a file.
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(name, _)| name != path);
        self.files.push((path.into(), bytes.into()));
        self
    }

    /// Without a file.
    pub fn without(mut self, path: &str) -> Self {
        self.files.retain(|(name, _)| name != path);
        self
    }

    /// With a grub.cfg of these lines and entries: each has its name as title, and the first word of it as identifier
    /// and file of its kernel. One that `asks` wants the user root with the password "secret", one that is `locked`
    /// locks editing only, and one that leads `elsewhere` has no kernel.
    pub fn grub(self, lines: &str, entries: &[&str]) -> Self {
        let mut script = format!("{lines}\n");
        if entries.iter().any(|name| name.contains("asks") || name.contains("locked")) {
            script += "set superusers=root\npassword root secret\n";
        }
        for name in entries {
            let id = name.split(' ').next().unwrap();
            let access = if name.contains("asks") { "" } else { "--unrestricted" };
            let body = if name.contains("elsewhere") {
                "exit".into()
            } else {
                format!("linux /{id} root={id}\ninitrd /initrd")
            };
            script += &format!("menuentry '{name}' --id {id} {access} {{\n{body}\n}}\n");
        }
        let with_script = self.file("/grub/grub.cfg", script).file("/initrd", "initrd");
        entries.iter().fold(with_script, |disk, name| {
            disk.file(&format!("/{}", name.split(' ').next().unwrap()), program())
        })
    }

    /// In the third slot of an MBR whose first two are empty.
    pub fn in_third_slot(self) -> Self {
        Self { partition: Some(2048), ..self }
    }

    /// Of btrfs, with a subvolume (`@`; `default:@` for the default one). Paths of files count from the top.
    pub fn subvolume(mut self, subvolume: &str) -> Self {
        self.subvolumes.push(subvolume.into());
        self
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(start) = &self.raw {
            let mut disk = start.clone();
            disk.resize(disk.len().max(1 << 20), 0);
            return disk;
        }
        if !self.subvolumes.is_empty() {
            return self.btrfs();
        }
        let mut builder = Builder::new();
        self.files.iter().for_each(|(path, bytes)| builder.file(path, bytes).unwrap());
        let volume = builder.build(&Options::default()).unwrap();
        let Some(start) = self.partition else { return volume };
        let mut disk = vec![0; start as usize * 512];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk[446 + 32 + 4] = 0x0c;
        disk[446 + 32 + 8..][..4].copy_from_slice(&start.to_le_bytes());
        disk[446 + 32 + 12..][..4].copy_from_slice(&((volume.len() / 512) as u32).to_le_bytes());
        [disk, volume].concat()
    }
}

impl Disk {
    fn btrfs(&self) -> Vec<u8> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = work_dir(&format!("btrfs-{number}"));
        let at = |path: &str| folder.join(path.trim_start_matches('/'));
        let paths = self.subvolumes.iter().map(|name| name.rsplit(':').next().unwrap());
        paths.for_each(|path| fs::create_dir_all(at(&format!("tree/{path}"))).unwrap());
        for (path, bytes) in &self.files {
            let file = at(&format!("tree{path}"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        let image = at("image");
        fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        let tree = at("tree");
        // Mixed, so that it may be small.
        let mut arguments = vec!["-q", "-f", "-M", "--rootdir", tree.to_str().unwrap()];
        self.subvolumes.iter().for_each(|name| arguments.extend(["-u", name]));
        arguments.push(image.to_str().unwrap());
        run("mkfs.btrfs", &arguments);
        let bytes = fs::read(image).unwrap();
        fs::remove_dir_all(folder).unwrap();
        bytes
    }
}

/// The smallest valid EFI application for x86_64, with these sections.
pub fn sections(parts: &[(&str, &[u8])]) -> Vec<u8> {
    const PE: usize = 0x40;
    const TABLE: usize = PE + 24 + 240;
    const HEADERS: usize = 0x400;
    let mut file = vec![0; HEADERS];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &(PE as u32).to_le_bytes());
    put(PE, b"PE\0\0\x64\x86");
    let all = [&[(".text", &b"\xc3"[..])], parts].concat();
    put(PE + 6, &(all.len() as u16).to_le_bytes());
    put(PE + 20, &240u16.to_le_bytes());
    put(PE + 24, &0x20bu16.to_le_bytes());
    put(PE + 24 + 68, &10u16.to_le_bytes());
    let pages = |data: &[u8]| data.len().next_multiple_of(0x1000).max(0x1000);
    let memory = 0x1000 + all.iter().map(|(_, data)| pages(data) as u32).sum::<u32>();
    let words = [(16, 0x1000), (32, 0x1000), (36, 0x200), (56, memory), (60, HEADERS as u32), (108, 16)];
    words.iter().for_each(|(at, word)| put(PE + 24 + at, &u32::to_le_bytes(*word)));
    let (mut raw, mut address) = (HEADERS, 0x1000);
    for (i, (name, data)) in all.iter().enumerate() {
        let header = TABLE + 40 * i;
        put(header, name.as_bytes());
        let size = data.len().next_multiple_of(0x200);
        let words = [data.len(), address, size, raw];
        words.iter().enumerate().for_each(|(i, word)| put(header + 8 + 4 * i, &(*word as u32).to_le_bytes()));
        raw += size;
        address += pages(data);
    }
    for (_, data) in all {
        file.extend(data);
        file.resize(file.len().next_multiple_of(0x200), 0);
    }
    file
}

/// A kernel or program.
pub fn program() -> Vec<u8> {
    sections(&[])
}

/// A unified kernel image with this command line.
pub fn unified(options: &str) -> Vec<u8> {
    sections(&[
        (".osrel", b"ID=x\nPRETTY_NAME=Unified\n"),
        (".cmdline", options.as_bytes()),
        (".linux", b"kernel"),
    ])
}

/// Our own loader, of some version.
pub fn own_loader(version: &str) -> Vec<u8> {
    let sbat = format!("sbat,1,SBAT Version\ncloud-boot,1,cloud-boot,cloud-boot,{version},x\n");
    sections(&[(".sbat", sbat.as_bytes())])
}
