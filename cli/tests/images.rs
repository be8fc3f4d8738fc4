// SPDX-License-Identifier: BSD-3-Clause
//! The built program on images of the real tools, and what those tools say of the same images.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::{
    manifest::{self, Record},
    tools::{run, work_dir},
};
use part::gpt::{Layout, NewPartition};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use serde_json::Value;

const MIB: usize = 1 << 20;
const UUID: &str = "11111111-2222-4333-8444-555555555555";
const PARTUUID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const ESP_START: usize = MIB;
const ROOT_START: usize = 3 * MIB;
const ROOT_SIZE: usize = 8 * MIB;
/// 2025-10-09 08:53:20 UTC
const TIME: i64 = 1_760_000_000;

fn program() -> Command {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.stdin(Stdio::null());
    command
}

fn call(args: &[impl AsRef<OsStr>]) -> Output {
    program().args(args).output().unwrap()
}

/// What it prints when it succeeds.
fn printed(args: &[impl AsRef<OsStr>]) -> Vec<u8> {
    let output = call(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{:?} {errors}", output.status);
    output.stdout
}

fn text(args: &[impl AsRef<OsStr>]) -> String {
    String::from_utf8(printed(args)).unwrap()
}

fn json(args: &[impl AsRef<OsStr>]) -> Value {
    serde_json::from_str(&text(args)).unwrap()
}

/// The one line that it says when it fails.
fn failed(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    errors.trim_end().into()
}

/// Files of one test.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        Self(work_dir(name))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }

    /// A folder as an installed system has it, with names of every kind.
    fn tree(&self) -> PathBuf {
        let tree = self.0.join("tree");
        for folder in ["boot/grub", "etc", "empty"] {
            fs::create_dir_all(tree.join(folder)).unwrap();
        }
        fs::write(tree.join("boot/vmlinuz-6.12"), kernel()).unwrap();
        fs::write(tree.join("boot/initrd.img-6.12"), vec![0x5a; 300_000]).unwrap();
        fs::write(tree.join("boot/grub/grub.cfg"), GRUB_CFG).unwrap();
        fs::write(tree.join("etc/os-release"), "ID=debian\n").unwrap();
        fs::write(tree.join("boot-old"), "sorts between the folder and its content").unwrap();
        fs::write(tree.join("esc\x1b[31m\nline"), "x").unwrap();
        fs::write(tree.join(OsStr::from_bytes(b"latin-\xe9")), "x").unwrap();
        symlink("boot/vmlinuz-6.12", tree.join("vmlinuz")).unwrap();
        fs::set_permissions(tree.join("etc/os-release"), fs::Permissions::from_mode(0o4640)).unwrap();
        age(&tree);
        tree
    }

    fn image(&self, name: &str, bytes: usize) -> String {
        let path = self.path(name);
        fs::File::create(&path).unwrap().set_len(bytes as u64).unwrap();
        path
    }

    fn ext4(&self) -> String {
        let (tree, image) = (self.tree(), self.image("ext4", ROOT_SIZE));
        let tree = tree.to_str().unwrap();
        run("mke2fs", &["-q", "-F", "-t", "ext4", "-L", "root", "-U", UUID, "-d", tree, &image]);
        image
    }

    fn fat(&self) -> String {
        let (file, image) = (self.path("file"), self.image("fat", 2 * MIB));
        fs::write(&file, "no program").unwrap();
        run("mkfs.vfat", &["-n", "EFI", "-i", "0E1F0001", &image]);
        run("mmd", &["-i", &image, "::EFI", "::EFI/Long folder"]);
        run("mcopy", &["-i", &image, &file, "::EFI/Long folder/A long name.txt"]);
        image
    }

    /// A GPT with the FAT as partition 15 and the ext4 as partition 1.
    fn disk(&self, name: &str) -> String {
        let disk = self.image(name, 12 * MIB);
        run("sgdisk", &["-o", "-n15:2048:6143", "-t15:ef00", "-n1:6144:22527", &disk]);
        run("sgdisk", &["-u", &format!("1:{PARTUUID}"), "-c1:root", &disk]);
        run("sgdisk", &["-u", "15:0e0e0e0e-0f0f-4a4a-8b8b-0c0c0c0c0c0c", "-c15:EFI system", &disk]);
        let mut bytes = fs::read(&disk).unwrap();
        for (start, part) in [(ESP_START, self.fat()), (ROOT_START, self.ext4())] {
            let part = fs::read(part).unwrap();
            bytes[start..start + part.len()].copy_from_slice(&part);
        }
        fs::write(&disk, bytes).unwrap();
        disk
    }
}

const GRUB_CFG: &str = "\
set timeout=3
search --no-floppy --fs-uuid --set=root 11111111-2222-4333-8444-555555555555
menuentry 'Rescue' --id rescue { linux /boot/vmlinuz-6.12 single }
menuentry 'Debian' --id debian { linux /boot/vmlinuz-6.12 root=/dev/vda1 ro
  initrd /boot/initrd.img-6.12
}
set default=debian
";

/// What only its header calls a kernel for x86_64.
fn kernel() -> Vec<u8> {
    let mut kernel = vec![0x11; 40_000];
    kernel[0x1fe..0x200].copy_from_slice(b"\x55\xaa");
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel
}

/// The same time for everything.
fn age(path: &Path) {
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).unwrap().for_each(|entry| age(&entry.unwrap().path()));
    }
    let time = Timespec { tv_sec: TIME, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

#[test]
fn inspect_has_the_form_of_the_contract() {
    let work = Work::new("inspect-json");
    let disk = work.disk("disk.raw");
    let partition = |number: u32, size: usize, content: &str, label: &str, uuid: &str| {
        format!(
            "{{\"id\":\"disk.raw#{number}\",\"kind\":\"partition\",\"size\":{size},\"sector_size\":512,\
             \"label\":\"{label}\",\"uuid\":\"{uuid}\",\"content\":\"{content}\",\"health\":\"ok\",\"missing\":[],\
             \"children\":[]}}"
        )
    };
    let volume = |number: u32, [format, label, uuid, features]: [&str; 4], size: usize, free: u64| {
        format!(
            "{{\"id\":\"disk.raw#{number}\",\"format\":\"{format}\",\"label\":\"{label}\",\"uuid\":\"{uuid}\",\
             \"size\":{size},\"free\":{free},\"members\":[\"disk.raw#{number}\"],\"missing\":[],\
             \"health\":\"ok\",\"features\":[{features}],\"details\":{{}}}}"
        )
    };
    let entry = |id: &str, title: &str, initrd: &str, options: &str, default: bool| {
        format!(
            "{{\"id\":\"{id}\",\"title\":\"{title}\",\"kind\":\"grub\",\"volume\":\"disk.raw#1\",\
             \"kernel\":\"/boot/vmlinuz-6.12\",\"initrd\":[{initrd}],\"options\":\"{options}\",\
             \"arch\":\"x86_64\",\"default\":{default}}}"
        )
    };
    // Free space and features as the formats' own tools have them.
    let said = String::from_utf8(run("dumpe2fs", &["-h", &work.path("ext4")])).unwrap();
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    let number = |name: &str| field(name).parse::<u64>().unwrap();
    let (free_blocks, block_size) = (number("Free blocks:"), number("Block size:"));
    let features: Vec<String> =
        field("Filesystem features:").split(' ').map(|name| format!("\"{name}\"")).collect();
    let features = features.join(",");
    let said = String::from_utf8(run("mdir", &["-i", &work.path("fat"), "::"])).unwrap();
    let fat_free = said.lines().find_map(|line| line.trim().strip_suffix(" bytes free")).unwrap();
    let fat_free: u64 = fat_free.replace(' ', "").parse().unwrap();
    let expected = format!(
        "{{\"devices\":[{{\"id\":\"disk.raw\",\"kind\":\"disk\",\"size\":{},\"sector_size\":512,\"label\":null,\
         \"uuid\":null,\"content\":\"gpt\",\"health\":\"ok\",\"missing\":[],\"children\":[{},{}]}}],\"volumes\":[{},{}],\
         \"entries\":[{},{}],\"problems\":[]}}\n",
        12 * MIB,
        partition(1, ROOT_SIZE, "ext4", "root", PARTUUID),
        partition(15, 2 * MIB, "vfat", "EFI system", "0e0e0e0e-0f0f-4a4a-8b8b-0c0c0c0c0c0c"),
        volume(1, ["ext4", "root", UUID, &features], ROOT_SIZE, free_blocks * block_size),
        volume(15, ["vfat", "EFI", "0E1F-0001", "\"fat12\""], 2 * MIB, fat_free),
        entry("rescue", "Rescue", "", "single", false),
        entry("debian", "Debian", "\"/boot/initrd.img-6.12\"", "root=/dev/vda1 ro", true),
    );
    assert_eq!(text(&["inspect", "--json", &disk]), expected);
}

#[test]
fn inspect_is_readable() {
    let work = Work::new("inspect-text");
    let disk = work.disk("disk.raw");
    let expected = format!(
        "\
devices
  disk.raw     disk        12.0 MiB  sectors of 512 bytes  GPT
  disk.raw#1   partition    8.0 MiB  ext4  label root  uuid {PARTUUID}
  disk.raw#15  partition    2.0 MiB  vfat  label EFI system  uuid 0e0e0e0e-0f0f-4a4a-8b8b-0c0c0c0c0c0c
volumes
  disk.raw#1   ext4         8.0 MiB  label root  uuid {UUID}
  disk.raw#15  vfat         2.0 MiB  label EFI  uuid 0E1F-0001
entries
  \"Rescue\"  rescue  grub on disk.raw#1, x86_64
    kernel   /boot/vmlinuz-6.12
    options  single
* \"Debian\"  debian  grub on disk.raw#1, x86_64
    kernel   /boot/vmlinuz-6.12
    initrd   /boot/initrd.img-6.12
    options  root=/dev/vda1 ro
"
    );
    assert_eq!(text(&["inspect", &disk]), expected);

    // A damaged table is a problem, and what is left is shown.
    let mut bytes = fs::read(&disk).unwrap();
    bytes[512 + 16] ^= 1;
    fs::write(&disk, bytes).unwrap();
    let report = json(&["inspect", "--json", &disk]);
    assert_eq!(report["devices"][0]["health"], "degraded");
    assert_eq!(report["problems"][0]["code"], "E-FS-GPT-CSUM");
    assert_eq!(report["problems"][0]["object"], "disk.raw");
    assert_eq!(report["volumes"].as_array().unwrap().len(), 2);
    assert!(text(&["inspect", &disk]).contains("\nproblems\n  E-FS-GPT-CSUM disk.raw: "));
}

#[test]
fn what_is_marked_as_damaged_is_not_ok() {
    let work = Work::new("inspect-health");
    let disk = work.disk("disk.raw");
    let health = || {
        let report = json(&["inspect", "--json", &disk]);
        [0, 1].map(|i| report["volumes"][i]["health"].as_str().unwrap().to_string())
    };
    assert_eq!(health(), ["ok", "ok"]);
    // EXT2_ERROR_FS, as the kernel sets it when it finds an error.
    run("debugfs", &["-w", "-R", "set_super_value state 3", &format!("{disk}?offset={ROOT_START}")]);
    assert_eq!(health(), ["degraded", "ok"]);
    assert!(text(&["inspect", &disk]).contains(&format!("label root  uuid {UUID}  degraded\n")));
    // BS_Reserved1, as Linux sets it while the volume is mounted.
    let mut bytes = fs::read(&disk).unwrap();
    bytes[ESP_START + 0x25] |= 1;
    fs::write(&disk, bytes).unwrap();
    assert_eq!(health(), ["degraded", "degraded"]);
}

#[test]
fn what_has_no_driver_is_named() {
    let work = Work::new("inspect-named");
    let disk = work.image("disk.raw", 12 * MIB);
    run("sgdisk", &["-o", "-n1:2048:6143", "-n2:6144:8191", "-t2:ef02", "-n3:8192:12287", "-n4:0:0", &disk]);
    let mut bytes = fs::read(&disk).unwrap();
    bytes[2048 * 512 + 3..2048 * 512 + 11].copy_from_slice(b"EXFAT   ");
    bytes[8192 * 512 + 5] = 0x77;
    fs::write(&disk, bytes).unwrap();
    let report = json(&["inspect", "--json", &disk]);
    let children = report["devices"][0]["children"].as_array().unwrap();
    let contents: Vec<Option<&str>> = children.iter().map(|child| child["content"].as_str()).collect();
    assert_eq!(contents, [Some("exfat"), None, None, Some("empty")]);
    let shown = text(&["inspect", &disk]);
    assert!(shown.contains(
        "\n  none that cloud-boot can read\n  disk.raw#1 is exFAT, which this version does not read\n"
    ));
    let lines: Vec<&str> = shown.lines().filter(|line| line.contains("  partition  ")).collect();
    for (line, title) in lines.iter().zip(["  exFAT, which", "  BIOS boot partition", "", "  empty"]) {
        assert!(line.contains(title), "{line}: {title}");
    }
    let failure = failed(&["fs", "ls", &format!("{disk}:/")]);
    assert!(failure.contains("disk.raw#1 is exFAT, which this version does not read"), "{failure}");
}

#[test]
fn an_architecture_can_be_named() {
    let work = Work::new("inspect-arch");
    let disk = work.disk("disk.raw");
    let grub = "if [ \"$grub_cpu\" = arm64 ]; then\nmenuentry arm { linux /boot/vmlinuz-6.12 }\nelse\n\
                menuentry other { linux /boot/vmlinuz-6.12 }\nfi\n";
    let script = work.path("grub.cfg");
    fs::write(&script, grub).unwrap();
    let root = format!("{disk}?offset={ROOT_START}");
    run("debugfs", &["-w", "-R", "rm /boot/grub/grub.cfg", &root]);
    run("debugfs", &["-w", "-R", &format!("write {script} /boot/grub/grub.cfg"), &root]);
    let title = |args: &[&str]| json(args)["entries"][0]["title"].as_str().unwrap().to_string();
    assert_eq!(title(&["inspect", "--json", &disk]), "other");
    assert_eq!(title(&["inspect", "--json", "--arch", "aarch64", &disk]), "arm");
}

#[test]
fn an_entry_that_leads_elsewhere_stands_on_the_volume_of_its_menu() {
    let work = Work::new("inspect-elsewhere");
    let disk = work.disk("disk.raw");
    let script = work.path("grub.cfg");
    fs::write(&script, "menuentry Disk { exit\n}\nmenuentry Install { linux /boot/vmlinuz-6.12\n}\n")
        .unwrap();
    let root = format!("{disk}?offset={ROOT_START}");
    run("debugfs", &["-w", "-R", "rm /boot/grub/grub.cfg", &root]);
    run("debugfs", &["-w", "-R", &format!("write {script} /boot/grub/grub.cfg"), &root]);
    let entries = &json(&["inspect", "--json", &disk])["entries"];
    assert_eq!((&entries[0]["title"], &entries[0]["kernel"]), (&"Disk".into(), &"".into()));
    assert_eq!(entries[0]["volume"], entries[1]["volume"]);
    assert!((0..2).all(|i| entries[i]["default"] == false), "none starts unattended");
}

#[test]
fn partitions_are_those_of_sgdisk_and_volumes_those_of_blkid() {
    let work = Work::new("tools");
    let disk = work.disk("disk.raw");
    let report = json(&["inspect", "--json", &disk]);
    for (i, (number, start)) in [(1, ROOT_START), (15, ESP_START)].into_iter().enumerate() {
        let said = String::from_utf8(run("sgdisk", &["-i", &number.to_string(), &disk])).unwrap();
        let field =
            |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_string();
        let device = &report["devices"][0]["children"][i];
        let guid = field("Partition unique GUID: ").to_ascii_lowercase();
        assert_eq!(device["uuid"], guid.as_str());
        assert_eq!(device["label"], field("Partition name: ").trim_matches('\''));
        let sectors: u64 = field("Partition size: ").split(' ').next().unwrap().parse().unwrap();
        assert_eq!(device["size"], sectors * 512);

        let said = run("blkid", &["-p", "-o", "export", "-O", &start.to_string(), &disk]);
        let said = String::from_utf8(said).unwrap();
        let said: BTreeMap<&str, &str> = said.lines().filter_map(|line| line.split_once('=')).collect();
        let volume = &report["volumes"][i];
        for (field, name) in [("format", "TYPE"), ("label", "LABEL"), ("uuid", "UUID")] {
            assert_eq!(volume[field], said[name], "{name} of partition {number}");
        }
    }
}

#[test]
fn dev_yields_the_bytes() {
    let work = Work::new("dev");
    let disk = work.disk("disk.raw");
    let bytes = fs::read(&disk).unwrap();
    let listed = "  disk.raw     disk        12.0 MiB  sectors of 512 bytes  GPT\n";
    assert!(text(&["dev", "ls", &disk]).starts_with(listed));
    assert_eq!(
        json(&["dev", "ls", "--json", &disk])["devices"],
        json(&["inspect", "--json", &disk])["devices"]
    );
    assert!(printed(&["dev", "cat", &disk]) == bytes);
    let root = &bytes[ROOT_START..ROOT_START + ROOT_SIZE];
    assert!(printed(&["dev", "cat", &disk, "--device", "disk.raw#1"]) == root);
    let some = ["dev", "cat", &disk, "--device", "disk.raw#1", "--offset", "1080", "--length", "2"];
    assert_eq!(printed(&some), b"\x53\xef", "the magic number of ext4");
    assert!(printed(&["dev", "cat", &disk, "--offset", &bytes.len().to_string()]).is_empty());
    assert_eq!(
        failed(&["dev", "cat", &disk, "--offset", &(bytes.len() + 1).to_string()]),
        "cloud-boot: E-CLI-RANGE disk.raw: it has 12582912 bytes; use a smaller --offset or --length"
    );
    assert_eq!(
        failed(&["dev", "cat", &disk, "--device", "disk.raw#2"]),
        "cloud-boot: E-CLI-DEVICE disk.raw#2: no such device; available: disk.raw, disk.raw#1, \
         disk.raw#15; use --device with one that cloud-boot dev ls shows"
    );
}

/// The manifest of the root, by path; names that are no UTF-8 by their base64.
fn manifest_of(args: &[&str]) -> Vec<Value> {
    text(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_manifest_is_what_stands_in_the_folder_that_the_image_was_made_of() {
    let work = Work::new("manifest");
    let disk = work.disk("disk.raw");
    let lines = manifest_of(&["fs", "manifest", &disk, "--volume", "root"]);
    let by_path = |path: &str| lines.iter().find(|line| line["path"] == path).unwrap();
    let of_host: Vec<Record> = manifest::of_directory(work.0.join("tree")).unwrap();
    let mut compared = 0;
    for record in &of_host {
        let Ok(path) = str::from_utf8(&record.path) else { continue };
        let line = by_path(&format!("/{path}"));
        assert_eq!(line["mode"], format!("{:04o}", record.mode), "{path}");
        // The root is made by mke2fs itself.
        if !path.is_empty() {
            assert_eq!(
                line["mtime"],
                format!("{}.{:09}", record.modified.seconds, record.modified.nanoseconds),
                "{path}"
            );
            assert_eq!((&line["uid"], &line["gid"]), (&record.uid.into(), &record.gid.into()), "{path}");
        }
        let sum = record.sha256.filter(|_| record.kind == filesystem_file());
        let sum = sum.map(|sum| sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert_eq!(line["sha256"], Value::from(sum), "{path}");
        if record.kind == filesystem_file() {
            assert_eq!(
                (&line["size"], &line["nlink"]),
                (&record.size.into(), &record.links.into()),
                "{path}"
            );
        }
        compared += 1;
    }
    assert_eq!(compared, 12);
    assert_eq!(
        (&by_path("/vmlinuz")["type"], &by_path("/vmlinuz")["target"]),
        (&"symlink".into(), &"boot/vmlinuz-6.12".into())
    );
    // /latin-\xe9
    assert!(lines.iter().any(|line| line["path_base64"] == "L2xhdGluLek=" && line["path"].is_null()));
    let order: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert!(order.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()), "{order:?}");
    assert!(order.windows(2).any(|pair| pair == ["/boot", "/boot-old"]));
}

fn filesystem_file() -> filesystem::FileType {
    filesystem::FileType::File
}

#[test]
fn a_line_of_a_manifest_is_that_of_the_contract() {
    let work = Work::new("manifest-line");
    let image = work.ext4();
    run("debugfs", &["-w", "-R", "mknod disk b 8 1", &image]);
    let uid = fs::metadata(work.0.join("tree/boot-old")).unwrap().uid();
    let gid = fs::metadata(work.0.join("tree/boot-old")).unwrap().gid();
    assert_eq!(
        text(&["fs", "manifest", &format!("{image}:/etc/os-release")]),
        format!(
            "{{\"path\":\"/etc/os-release\",\"type\":\"file\",\"mode\":\"4640\",\"uid\":{uid},\"gid\":{gid},\
             \"size\":10,\"nlink\":1,\"mtime\":\"1760000000.000000000\",\"target\":null,\"rdev\":null,\
             \"sha256\":\"{}\"}}\n",
            String::from_utf8(run("sha256sum", &[&work.path("tree/etc/os-release")]))
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
        )
    );
    let lines = manifest_of(&["fs", "manifest", "--no-sum", &image]);
    assert!(lines.iter().all(|line| line["sha256"].is_null()));
    let disk = lines.iter().find(|line| line["path"] == "/disk").unwrap();
    assert_eq!((&disk["type"], &disk["rdev"]), (&"block".into(), &"8:1".into()));
    let listed = text(&["fs", "ls", &image]);
    assert!(listed.lines().any(|line| line.starts_with('b') && line.contains(" 8, 1 ")), "{listed}");
}

#[test]
fn files_are_those_of_debugfs_and_mdir() {
    let work = Work::new("cat");
    let disk = work.disk("disk.raw");
    let dumped = run("debugfs", &["-R", "cat /boot/initrd.img-6.12", &work.path("ext4")]);
    assert!(printed(&["fs", "cat", &format!("{disk}:/boot/initrd.img-6.12")]) == dumped);
    // The only volume with an operating system; its link is followed.
    assert!(printed(&["fs", "cat", &disk, "--path", "/vmlinuz"]) == kernel());
    let esp = ["fs", "tree", &disk, "--volume", "LABEL=EFI"];
    assert_eq!(text(&esp), "/\n  EFI/\n    Long folder/\n      A long name.txt\n");
    let said = String::from_utf8(run("mdir", &["-/", "-b", "-i", &work.path("fat"), "::"])).unwrap();
    assert!(said.contains("::/EFI/Long folder/A long name.txt"), "{said}");
    assert_eq!(
        failed(&["fs", "cat", &format!("{disk}:/boot")]),
        "cloud-boot: E-FS-TYPE disk.raw#1:/boot: not a regular file; cloud-boot fs stat shows what it is"
    );
    assert_eq!(
        failed(&["fs", "cat", &format!("{disk}:/gone")]),
        "cloud-boot: E-FS-NOTFOUND disk.raw#1:/gone: not found; cloud-boot fs ls shows what is there"
    );
}

#[test]
fn folders_and_files_are_shown_without_what_terminals_obey() {
    let work = Work::new("ls");
    let image = work.ext4();
    let owner = fs::metadata(work.0.join("tree/boot-old")).unwrap();
    let (uid, gid) = (owner.uid(), owner.gid());
    let line = |mode: &str, links: u32, size: u32, name: &str| {
        format!("{mode} {links:>3} {uid:>5} {gid:>5} {size:>10} 2025-10-09 08:53 {name}\n")
    };
    let listed = text(&["fs", "ls", &image]);
    for expected in [
        line("drwxr-xr-x", 3, 1024, "boot").replace("1024", &block_size(&image)),
        line("-rw-r--r--", 1, 1, "esc\\x1b[31m\\nline"),
        line("-rw-r--r--", 1, 1, "latin-\\xe9"),
    ] {
        assert!(listed.contains(&expected), "{expected}{listed}");
    }
    assert!(
        listed.lines().any(|line| line.starts_with('l') && line.ends_with(" vmlinuz -> boot/vmlinuz-6.12"))
    );
    assert_eq!(text(&["fs", "ls", &format!("{image}:/etc")]), line("-rwSr-----", 1, 10, "os-release"));
    let tree = text(&["fs", "tree", &format!("{image}:/boot")]);
    assert_eq!(tree, "/boot/\n  grub/\n    grub.cfg\n  initrd.img-6.12\n  vmlinuz-6.12\n");
    assert_eq!(
        text(&["fs", "stat", &format!("{image}:/etc/os-release")]),
        format!(
            "path      /etc/os-release\ntype      file\nmode      4640 -rwSr-----\nowner     {uid}:{gid}\n\
             size      10\nlinks     1\nmodified  2025-10-09 08:53:20.000000000 UTC\n"
        )
    );
    let link = text(&["fs", "stat", &format!("{image}:/vmlinuz")]);
    assert!(
        link.starts_with("path      /vmlinuz\ntype      symlink\ntarget    boot/vmlinuz-6.12\n"),
        "{link}"
    );
    assert_eq!(json(&["fs", "stat", "--json", &format!("{image}:/vmlinuz")])["target"], "boot/vmlinuz-6.12");
    assert_eq!(json(&["fs", "ls", "--json", &format!("{image}:/etc")])["path"], "/etc/os-release");
    assert_eq!(text(&["fs", "tree", "--json", &format!("{image}:/boot")]).lines().count(), 5);
}

#[test]
fn a_name_keeps_its_spaces() {
    let work = Work::new("spaces");
    let image = work.ext4();
    let (file, commands) = (work.path("tree/etc/os-release"), work.path("commands"));
    fs::write(&commands, format!("mkdir spaces\ncd spaces\nwrite {file} \" sp \"\nsymlink link \"to \"\n"))
        .unwrap();
    run("debugfs", &["-w", "-f", &commands, &image]);
    let listed = text(&["fs", "ls", &format!("{image}:/spaces")]);
    assert!(listed.contains("  sp \n") && listed.contains(" link -> to \n"), "{listed:?}");
    assert_eq!(text(&["fs", "tree", &format!("{image}:/spaces")]), "/spaces/\n   sp \n  link -> to \n");
    let shown = text(&["fs", "stat", &image, "--path", "/spaces/ sp "]);
    assert!(shown.starts_with("path      /spaces/ sp \ntype"), "{shown:?}");
}

fn block_size(image: &str) -> String {
    let said = String::from_utf8(run("dumpe2fs", &["-h", image])).unwrap();
    said.lines().find_map(|line| line.strip_prefix("Block size:")).unwrap().trim().into()
}

#[test]
fn volumes_are_named_by_all_their_names() {
    let work = Work::new("volumes");
    let disk = work.disk("disk.raw");
    let (by_partuuid, by_uuid) = (format!("PARTUUID={PARTUUID}"), format!("UUID={UUID}"));
    for name in [
        "root",
        "disk.raw#1",
        "LABEL=root",
        UUID,
        &by_uuid,
        PARTUUID,
        &by_partuuid,
        "PARTLABEL=root",
        "hd0,gpt1",
    ] {
        assert!(text(&["fs", "ls", &disk, "--volume", name]).contains("boot-old"), "{name}");
    }
    assert_eq!(
        failed(&["fs", "ls", &disk, "--volume", "other"]),
        "cloud-boot: E-CLI-VOLUME other: no such volume; available: disk.raw#1 (ext4 \"root\"), \
         disk.raw#15 (vfat \"EFI\"); use --volume with one that cloud-boot inspect shows"
    );
    // Two disks with an operating system each: neither is guessed.
    let other = work.path("other");
    fs::copy(work.path("ext4"), &other).unwrap();
    let both = failed(&["fs", "ls", &disk, &other]);
    assert!(both.starts_with("cloud-boot: E-CLI-VOLUME volume: more than one matches: disk.raw#1"), "{both}");
    assert!(text(&["fs", "ls", &disk, &other, "--volume", "other", "--path", "/etc"]).contains("os-release"));
}

#[test]
fn images_have_any_name() {
    let work = Work::new("names");
    let image = work.ext4();
    for name in [b"with space: and:colon".as_slice(), b"latin-\xe9.raw", b"--json"] {
        let path = work.0.join(OsStr::from_bytes(name));
        fs::copy(&image, &path).unwrap();
        let output =
            program().current_dir(&work.0).args(["fs", "ls", "--"]).arg(OsStr::from_bytes(name)).output();
        assert!(String::from_utf8(output.unwrap().stdout).unwrap().contains("boot-old"), "{name:?}");
        let with_path = OsString::from_vec([path.as_os_str().as_bytes(), b":etc"].concat());
        assert!(text(&[OsStr::new("fs"), OsStr::new("ls"), &with_path]).contains("os-release"), "{name:?}");
        assert!(text(&[OsStr::new("inspect"), path.as_os_str()]).contains("\"Debian\""));
    }
    let device = OsStr::from_bytes(b"latin-\xe9.raw");
    let (dev, cat, option) = (OsStr::new("dev"), OsStr::new("cat"), OsStr::new("--device"));
    let path = work.0.join(device);
    let bytes = printed(&[dev, cat, path.as_os_str(), option, device]);
    assert!(bytes == fs::read(&path).unwrap());
    assert!(text(&[dev, OsStr::new("ls"), path.as_os_str()]).starts_with("  latin-\\xe9.raw  disk "));
    let path = OsString::from_vec([image.as_bytes(), b":/latin-\xe9"].concat());
    assert_eq!(printed(&[OsStr::new("fs"), OsStr::new("cat"), &path]), b"x");
}

#[test]
fn every_format_has_manifests() {
    let work = Work::new("formats");
    let (tree, iso) = (work.tree(), work.path("iso"));
    let tree = tree.to_str().unwrap();
    run("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-V", "CD", "-o", &iso, tree]);
    let sum = |file: &str| {
        let said = String::from_utf8(run("sha256sum", &[file])).unwrap();
        Value::from(said.split(' ').next().unwrap())
    };
    for (image, path, file) in [
        (&iso, "/boot/initrd.img-6.12", format!("{tree}/boot/initrd.img-6.12")),
        (&work.fat(), "/EFI/Long folder/A long name.txt", work.path("file")),
    ] {
        let lines = manifest_of(&["fs", "manifest", image]);
        let line = lines.iter().find(|line| line["path"] == path).unwrap();
        assert_eq!(line["sha256"], sum(&file), "{path}");
        assert!(lines.iter().all(|line| line["error"].is_null()), "{path}");
    }
    let report = json(&["inspect", "--json", &iso]);
    assert_eq!(
        (&report["volumes"][0]["format"], &report["volumes"][0]["id"]),
        (&"iso9660".into(), &"iso".into())
    );
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let work = Work::new("full");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = program().args(["inspect", &work.ext4()]).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "cloud-boot: E-CLI-OUTPUT standard output: No space left on device (os error 28); \
                    check the file, disk or program that it goes to\n";
    assert_eq!((output.status.code(), said.as_str()), (Some(1), expected));
}

#[test]
fn who_stops_reading_is_no_error() {
    let work = Work::new("pipe");
    let disk = work.disk("disk.raw");
    for args in [["dev", "cat", &disk].as_slice(), &["fs", "cat", &format!("{disk}:/boot/initrd.img-6.12")]] {
        let mut child = program().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // More than a pipe holds is still to be written.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    }
}

#[test]
fn a_disk_of_large_sectors_is_read() {
    let work = Work::new("sectors");
    let root = NewPartition {
        type_guid: part::ESP.to_bytes(),
        guid: [1; 16],
        first_lba: 256,
        last_lba: 256 + ROOT_SIZE as u64 / 4096 - 1,
        name: "root".into(),
        attributes: 0,
    };
    let layout = Layout {
        disk_guid: [2; 16],
        block_size: 4096,
        disk_blocks: 3072,
        entries: 128,
        partitions: vec![root],
    };
    // sgdisk knows no such files.
    let (primary, backup) = (layout.primary().unwrap(), layout.backup().unwrap());
    let (disk, mut bytes) = (work.path("4k.raw"), vec![0; 12 * MIB]);
    bytes[..primary.len()].copy_from_slice(&primary);
    bytes[12 * MIB - backup.len()..].copy_from_slice(&backup);
    bytes[MIB..MIB + ROOT_SIZE].copy_from_slice(&fs::read(work.ext4()).unwrap());
    fs::write(&disk, bytes).unwrap();
    let report = json(&["inspect", "--json", &disk]);
    assert_eq!(report["devices"][0]["sector_size"], 4096);
    assert_eq!(report["devices"][0]["children"][0]["size"], ROOT_SIZE);
    assert_eq!(report["volumes"][0]["uuid"], UUID);
}

#[test]
fn the_disk_in_a_qcow2_or_vhd_is_the_raw_one() {
    let work = Work::new("formats");
    let raw = work.disk("disk");
    let manifest = |image: &str| text(&["fs", "manifest", image, "--volume", &format!("UUID={UUID}")]);
    let inspected = |image: &str| {
        let mut found = json(&["inspect", "--json", image]);
        let kind = found["devices"][0]["kind"].take();
        let entries = found["entries"].to_string();
        (kind.as_str().unwrap().to_owned(), entries.replace(&image[image.rfind('/').unwrap() + 1..], "disk"))
    };
    let forms: [(&str, &str, &[&str]); 4] = [
        ("qcow2", "qcow2", &["-c", "-O", "qcow2"]),
        ("qcow2-zstd", "qcow2", &["-c", "-O", "qcow2", "-o", "compression_type=zstd"]),
        ("vhd", "vhd", &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
        ("vhd-fixed", "vhd", &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]),
    ];
    for (name, kind, options) in forms {
        let image = work.path(name);
        run("qemu-img", &[&["convert", "-f", "raw"], options, &[&raw, &image]].concat());
        assert_eq!(manifest(&image), manifest(&raw), "{name}");
        assert_eq!(inspected(&image), (kind.to_owned(), inspected(&raw).1), "{name}");
        assert_eq!(printed(&["dev", "cat", &image, "--device", name]), fs::read(&raw).unwrap(), "{name}");
    }
}
