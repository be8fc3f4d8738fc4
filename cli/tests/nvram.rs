// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot nvram show`, on stores of the firmware that `virt-fw-vars` has written to.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, work_dir};
use serde_json::Value;

const STORE: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const OURS: &str = "c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e";

fn program() -> Command {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.stdin(Stdio::null());
    command
}

fn call(args: &[impl AsRef<OsStr>]) -> Output {
    program().args(["nvram", "show"]).args(args).output().unwrap()
}

fn text(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{:?} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn json(args: &[impl AsRef<OsStr>]) -> Value {
    serde_json::from_str(&text(args)).unwrap()
}

fn failed(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    errors.trim_end().into()
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// EFI_LOAD_OPTION, not active, of a file on a partition, with options.
fn option(description: &str, options: &str) -> Vec<u8> {
    let mut drive = vec![4, 1, 42, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0];
    drive.extend([0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 8, 9, 10, 11, 12, 13, 14, 15, 2, 2]);
    let name = ucs2("\\EFI\\Linux\\a.efi");
    let file =
        [&[4, 4, u8::try_from(name.len() + 4).unwrap(), 0], name.as_slice(), &[0x7f, 0xff, 4, 0]].concat();
    let paths = [drive, file].concat();
    let length = u16::try_from(paths.len()).unwrap().to_le_bytes();
    [&[0; 4][..], &length, &ucs2(description), &paths, &ucs2(options)].concat()
}

/// What the variables of the tests are.
fn variables() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let log = "{\"version\":\"0.0.1\",\"arch\":\"x86_64\",\"selected\":\"debian.conf\",\"dropped\":2,\
               \"lines\":[[60,\"discover 2 disks\"],[12345,\"start \\u001b[31m\"]]}";
    vec![
        (GLOBAL, "Boot0001", option("old\x1b[31m", "quiet rd.cloudboot.pass=\"hunter 2\" ro")),
        (GLOBAL, "Lang", b"eng".to_vec()),
        (LOADER, "LoaderInfo", ucs2("cloud-boot 0.0.1")),
        (LOADER, "LoaderEntries", [ucs2("debian.conf"), ucs2("auto-windows")].concat()),
        (LOADER, "LoaderFeatures", 0x253fu64.to_le_bytes().to_vec()),
        (LOADER, "LoaderSystemToken", b"a secret seed".to_vec()),
        (OURS, "CloudBootCmdline", ucs2("cloudboot.debug=1 cloudboot.disk.luks-passphrase=hunter2")),
        (OURS, "CloudBootTarget", b"debian.conf".to_vec()),
        (OURS, "CloudBootLog", log.into()),
    ]
}

/// A store with these, and with a boot entry and a network boot of the tool's own.
fn store(dir: &Path) -> String {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let hex = |data: &[u8]| data.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let variable = |(vendor, name, data): (&str, &str, Vec<u8>)| {
        let data = hex(&data);
        serde_json::json!({"name": name, "guid": vendor, "attr": 7, "data": data})
    };
    let variables: Vec<Value> = variables().into_iter().map(variable).collect();
    fs::write(path("json"), serde_json::json!({"version": 2, "variables": variables}).to_string()).unwrap();
    let options = ["-i", STORE, "--append-boot-filepath", "\\EFI\\x.efi", "--set-boot-uri", "http://a/b.efi"];
    let (json, made) = (path("json"), path("VARS.fd"));
    run("virt-fw-vars", &[&options[..], &["--set-json", &json, "-o", &made]].concat());
    made
}

const SHOWN: &str = "\
boot
  order                    Boot0000
  next                     Boot0099
  Boot0000 \"file x.efi\"
    path     \\\\EFI\\\\x.efi
  Boot0001 \"old\\x1b[31m\"  (not active)
    path     HD(1,GPT,00112233-4455-6677-0809-0a0b0c0d0e0f,0x800,0x1000)/\\\\EFI\\\\Linux\\\\a.efi
    options  quiet rd.cloudboot.pass=*** ro
  Boot0099 \"netboot b.efi\"
    path     Uri(http://a/b.efi)
boot loader interface
  LoaderEntries            debian.conf auto-windows
  LoaderFeatures           0x253f
  LoaderInfo               cloud-boot 0.0.1
cloud-boot
  CloudBootCmdline         cloudboot.debug=1 cloudboot.disk.luks-passphrase=***
  CloudBootTarget          debian.conf
  CloudBootLog             0.0.1 on x86_64, started debian.conf
    (2 lines dropped)
       0.060 s  discover 2 disks
      12.345 s  start \\x1b[31m
secure boot
";

#[test]
fn everything_is_shown_and_no_secret() {
    let dir = work_dir("shown");
    let store = store(&dir);
    let shown = text(&[&store]);
    assert!(shown.starts_with(SHOWN), "{shown}");
    assert!(shown.contains("\n  state                    on\n  PK  "), "{shown}");
    let listed = text(&["--all", &store]);
    assert!(listed.contains(&format!("\n  {GLOBAL}-Lang  3 bytes\n")), "{listed}");
    assert!(listed.contains(&format!("\n  {LOADER}-LoaderSystemToken  13 bytes\n")), "{listed}");
    let printed = text(&["--json", &store]);
    for output in [&shown, &listed, &printed] {
        assert!(!output.contains("hunter") && !output.contains("secret seed"), "{output}");
    }
}

#[test]
fn json_has_every_variable_that_the_other_tool_has() {
    let dir = work_dir("json");
    let store = store(&dir);
    let report = json(&["--json", &store]);
    let expected = serde_json::json!({
        "order": ["Boot0000"], "next": "Boot0099", "current": null,
        "entries": [
            {"id": "Boot0000", "description": "file x.efi", "active": true, "path": "\\EFI\\x.efi", "options": null},
            {"id": "Boot0001", "description": "old\u{1b}[31m", "active": false,
             "path": "HD(1,GPT,00112233-4455-6677-0809-0a0b0c0d0e0f,0x800,0x1000)/\\EFI\\Linux\\a.efi",
             "options": "quiet rd.cloudboot.pass=*** ro"},
            {"id": "Boot0099", "description": "netboot b.efi", "active": true, "path": "Uri(http://a/b.efi)",
             "options": null},
        ],
    });
    assert_eq!(report["boot"], expected);
    assert_eq!(report["loader"][2], serde_json::json!({"name": "LoaderInfo", "value": "cloud-boot 0.0.1"}));
    assert_eq!(report["cloud_boot"]["log"]["lines"][0], serde_json::json!([60, "discover 2 disks"]));
    assert_eq!(
        (&report["secure_boot"]["enabled"], &report["secure_boot"]["setup_mode"]),
        (&true.into(), &false.into())
    );
    let theirs = dir.join("theirs").to_str().unwrap().to_string();
    run("virt-fw-vars", &["-i", &store, "--output-json", &theirs]);
    let theirs: Value = serde_json::from_slice(&fs::read(theirs).unwrap()).unwrap();
    let plain = |variable: &Value| (variable["name"].to_string(), variable["guid"].to_string());
    let ours = |variable: &Value| (variable["name"].to_string(), variable["vendor"].to_string());
    let mut theirs: Vec<_> = theirs["variables"].as_array().unwrap().iter().map(plain).collect();
    let mut ours: Vec<_> = report["variables"].as_array().unwrap().iter().map(ours).collect();
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn a_store_in_a_qcow2_and_one_of_any_name_is_read() {
    let dir = work_dir("forms");
    let store = store(&dir);
    let qcow2 = dir.join("VARS.qcow2").to_str().unwrap().to_string();
    run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", &store, &qcow2]);
    assert_eq!(text(&[&qcow2]), text(&[&store]));
    for name in [b"with space: and:colon".as_slice(), b"latin-\xe9", b"--json"] {
        fs::copy(&store, dir.join(OsStr::from_bytes(name))).unwrap();
        let output =
            program().current_dir(&dir).args(["nvram", "show", "--"]).arg(OsStr::from_bytes(name)).output();
        assert!(output.unwrap().stdout.starts_with(SHOWN.as_bytes()), "{name:?}");
    }
    let mut child =
        program().args(["nvram", "show", &store]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    drop(child.as_mut().unwrap().stdout.take());
    let output = child.unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn a_folder_as_efivarfs_has_it_is_read() {
    let dir = work_dir("efivarfs");
    let all = [variables(), vec![(GLOBAL, "SecureBoot", vec![0]), (GLOBAL, "SetupMode", vec![1])]].concat();
    for (vendor, name, data) in all {
        fs::write(dir.join(format!("{name}-{vendor}")), [&[6, 0, 0, 0], data.as_slice()].concat()).unwrap();
    }
    fs::write(dir.join("no variable"), "x").unwrap();
    let shown = text(&[&dir]);
    assert!(shown.contains("\n  state                    off, in setup mode\n"), "{shown}");
    let (_, loader) = SHOWN.split_once("boot loader interface\n").unwrap();
    assert!(shown.contains(loader), "{shown}");
    // One that cannot be read is said behind what can.
    fs::create_dir(dir.join(format!("Folder-{GLOBAL}"))).unwrap();
    let output = call(&[&dir]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("cloud-boot: E-CLI-FILE ") && said.contains("Is a directory"), "{said}");
}

#[test]
fn a_folder_without_variables_says_nothing_of_secure_boot() {
    let dir = work_dir("no-variables");
    let expected = format!(
        "cloud-boot: E-CLI-NVRAM {}: no variables in it: no file is named NAME-GUID as in efivarfs; \
         name the *_VARS.fd of a machine whose firmware is EDK II, or its efivarfs",
        dir.display()
    );
    assert_eq!(failed(&[&dir]), expected);
    // Neither is a variable: the one has no GUID, the other not even attributes.
    fs::write(dir.join("SecureBoot"), [6, 0, 0, 0, 1]).unwrap();
    fs::write(dir.join(format!("SecureBoot-{GLOBAL}")), [6]).unwrap();
    assert_eq!(failed(&[&dir]), expected);
    fs::create_dir(dir.join(format!("SetupMode-{GLOBAL}"))).unwrap();
    assert!(failed(&[&dir]).starts_with("cloud-boot: E-CLI-FILE "));
    assert!(failed(&["/"]).starts_with("cloud-boot: E-CLI-NVRAM /: no variables in it"));
}

/// Reading all of it would take days.
#[test]
fn a_disk_is_not_searched_to_its_end() {
    let dir = work_dir("large");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    fs::File::create(path("raw")).unwrap().set_len(15 << 40).unwrap();
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", &path("qcow2"), "1E"]);
    for image in [path("raw"), path("qcow2")] {
        let said = failed(&[&image]);
        let expected = format!("cloud-boot: E-CLI-NVRAM {image}: no variable store in its first 128 MiB; ");
        assert!(said.starts_with(&expected), "{said}");
    }
    // The last place where one is found, and the first where none is.
    let store = fs::read(STORE).unwrap();
    for (start, is_found) in [(127u64 << 20, true), (128 << 20, false)] {
        let file = fs::File::create(path("flash")).unwrap();
        file.set_len(256 << 20).unwrap();
        file.write_all_at(&store, start).unwrap();
        assert_eq!(call(&[path("flash")]).status.success(), is_found, "{start}");
    }
}

#[test]
fn what_is_no_store_is_said() {
    let dir = work_dir("none");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let advice = "name the *_VARS.fd of a machine whose firmware is EDK II, or its efivarfs";
    fs::write(path("zeros"), vec![0; 3 << 20]).unwrap();
    assert_eq!(
        failed(&[path("zeros")]),
        format!("cloud-boot: E-CLI-NVRAM {}: no variable store in it; {advice}", path("zeros"))
    );
    let mut damaged = fs::read(STORE).unwrap();
    damaged[100] = 0;
    fs::write(path("damaged"), damaged).unwrap();
    assert_eq!(
        failed(&[path("damaged")]),
        format!(
            "cloud-boot: E-CLI-NVRAM {}: VARIABLE_HEADER.StartId at byte 100: found 0x5500, not 0x55aa or erased \
             flash; {advice}",
            path("damaged")
        )
    );
    // Not at the start of the file, as in an image of the whole flash.
    let shifted = [vec![0; 5 << 20], fs::read(STORE).unwrap()].concat();
    fs::write(path("shifted"), shifted).unwrap();
    assert_eq!(text(&[path("shifted")]), text(&[STORE]));
    assert!(failed(&[path("gone")]).starts_with("cloud-boot: E-CLI-IMAGE "));
}

/// The names of cloud-boot's own variables in a store, by the tool that made it.
fn own_names(store: &str) -> Vec<String> {
    run("virt-fw-vars", &["-i", store, "--output-json", &format!("{store}.json")]);
    let json: Value = serde_json::from_slice(&fs::read(format!("{store}.json")).unwrap()).unwrap();
    let variables = json["variables"].as_array().unwrap();
    let own = variables.iter().filter(|variable| variable["guid"] == OURS);
    own.map(|variable| variable["name"].as_str().unwrap().to_string()).collect()
}

/// A store with two epochs, a cache and a setting of ours.
fn kept(dir: &Path) -> String {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let variable = |name: &str| serde_json::json!({"name": name, "guid": OURS, "attr": 3, "data": "35"});
    let names = ["CloudBootCache", "CloudBootEpoch-00", "CloudBootEpoch-11", "CloudBootTarget"];
    let variables: Vec<Value> = names.iter().map(|name| variable(name)).collect();
    fs::write(path("json"), serde_json::json!({"version": 2, "variables": variables}).to_string()).unwrap();
    run("virt-fw-vars", &["-i", STORE, "--set-json", &path("json"), "-o", &path("VARS.fd")]);
    path("VARS.fd")
}

/// `nvram reset`: exit code, lines, errors.
fn reset(args: &[&str]) -> (Option<i32>, String, String) {
    let output = program().args(["nvram", "reset"]).args(args).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn epochs_are_forgotten_and_nothing_else() {
    let dir = work_dir("nvram-reset");
    let store = kept(&dir);
    let (code, lines, errors) = reset(&["--epoch", &store]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let expected =
        format!("removed CloudBootEpoch-00\nremoved CloudBootEpoch-11\n{store}: 2 epochs removed\n");
    assert_eq!(lines, expected);
    assert_eq!(own_names(&store), ["CloudBootCache", "CloudBootTarget"]);
    assert_eq!(reset(&["--epoch", &store]).1, format!("{store}: no epochs found\n"));
    assert_eq!(reset(&[&store]).0, Some(2), "nothing is said to be reset");
    let qcow2 = dir.join("VARS.qcow2").to_str().unwrap().to_string();
    run("qemu-img", &["convert", "-O", "qcow2", &store, &qcow2]);
    let (code, _, errors) = reset(&["--epoch", &qcow2]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("E-CLI-NVRAM") && errors.contains("qcow2"), "{errors}");
}

#[test]
fn a_cache_is_forgotten_and_nothing_else() {
    let dir = work_dir("nvram-reset-cache");
    let store = kept(&dir);
    let expected = format!("removed CloudBootCache\n{store}: cache removed\n");
    assert_eq!(reset(&["--cache", &store]), (Some(0), expected, String::new()));
    assert_eq!(own_names(&store), ["CloudBootEpoch-00", "CloudBootEpoch-11", "CloudBootTarget"]);
    let both = format!(
        "removed CloudBootEpoch-00\nremoved CloudBootEpoch-11\n{store}: 2 epochs removed\n\
         {store}: no cache found\n"
    );
    assert_eq!(reset(&["--cache", "--epoch", &store]), (Some(0), both, String::new()));
    assert_eq!(own_names(&store), ["CloudBootTarget"]);
    assert_eq!(reset(&["--cache", "--json", &store]).1, "{\"removed\":[]}\n");
}
