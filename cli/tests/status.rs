// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot status`: what it says of a boot, and the name that blessing leaves on the ESP.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::tools::work_dir;

const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const CLOUD_BOOT: &str = "c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e";
const SLOT: &str = "EFI/cloud-boot/cache/a";

/// A system that was booted: its variables and its ESP.
struct System {
    efivars: PathBuf,
    esp: PathBuf,
}

impl System {
    /// One whose tries the file at this path counts, if one does.
    fn counted_by(name: &str, path: Option<&str>) -> Self {
        let dir = work_dir(name);
        let (efivars, esp) = (dir.join("efivars"), dir.join("esp"));
        for folder in [&efivars, &esp.join(SLOT)] {
            fs::create_dir_all(folder).unwrap();
        }
        let this = Self { efivars, esp };
        let log = r#"{"version":"1","arch":"x86_64","selected":"cloudboot-image","lines":[[1,"hello"]]}"#;
        this.set(&format!("CloudBootLog-{CLOUD_BOOT}"), log.as_bytes());
        if let Some(path) = path {
            let units: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            this.set(&format!("LoaderBootCountPath-{LOADER}"), &units);
        }
        this
    }

    fn set(&self, name: &str, data: &[u8]) {
        fs::write(self.efivars.join(name), [&6_u32.to_le_bytes()[..], data].concat()).unwrap();
    }

    fn put(&self, name: &str) {
        fs::write(self.esp.join(SLOT).join(name), "record").unwrap();
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.esp.join(SLOT)).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn call(&self, args: &[&str]) -> Output {
        let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
        let mut command = Command::new(std::path::absolute(path).unwrap());
        command.args(["status", "--efivars"]).arg(&self.efivars).args(args);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn bless(&self, more: &[&str]) -> Output {
        let esp = self.esp.to_str().unwrap();
        self.call(&[&["--bless", "--esp", esp], more].concat())
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn failed(output: &Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    errors
}

const COUNTED: &str = "\\EFI\\cloud-boot\\cache\\a\\record+2-1.cb";

#[test]
fn a_blessed_boot_is_counted_no_longer() {
    let system = System::counted_by("status-blessed", Some(COUNTED));
    system.put("record+2-1.cb");
    system.put("sha256-00");
    let status = said(&system.call(&[]));
    assert!(status.contains("hello") && status.contains("/EFI/cloud-boot/cache/a/record+2-1.cb"), "{status}");
    let good = "blessed: /EFI/cloud-boot/cache/a/record.cb\n";
    // Once more changes nothing.
    for _ in 0..2 {
        assert_eq!(said(&system.bless(&[])), good);
        let mut names = system.names();
        names.sort();
        assert_eq!(names, ["record.cb", "sha256-00"]);
    }
    let json = said(&system.bless(&["--json"]));
    assert!(json.contains(r#""blessed":"/EFI/cloud-boot/cache/a/record.cb""#), "{json}");
}

#[test]
fn a_boot_that_is_not_counted_needs_no_blessing() {
    let system = System::counted_by("status-uncounted", None);
    system.put("record+2-1.cb");
    assert_eq!(said(&system.bless(&[])), "tries of this boot are not counted\n");
    assert_eq!(system.names(), ["record+2-1.cb"]);
}

#[test]
fn bless_refuses_what_is_not_there_and_paths_that_lead_away() {
    let system = System::counted_by("status-refused", Some(COUNTED));
    assert!(
        failed(&system.bless(&[]))
            .contains("E-CLI-BLESS /EFI/cloud-boot/cache/a/record+2-1.cb: no such file on ")
    );
    for path in ["\\EFI\\cloud-boot\\cache\\..\\cache\\a\\record+2-1.cb", "record+2-1.cb"] {
        let system = System::counted_by("status-away", Some(path));
        system.put("record+2-1.cb");
        assert!(failed(&system.bless(&[])).contains("is not a path on a volume"), "{path}");
    }
    let system = System::counted_by("status-plain", Some("\\EFI\\cloud-boot\\cache\\a\\record.cb"));
    assert!(failed(&system.bless(&[])).contains("its name has no counters"));
    assert!(!Path::new("record.cb").exists());
}
