// SPDX-License-Identifier: BSD-3-Clause
//! Stores of variables, as `virt-fw-vars` reads and writes them: the firmware's own of every architecture, and one
//! with more variables in it.

use std::fs;

use efi::{
    device_text,
    load_option::{LoadOption, order},
    text,
    varstore::{self, Variable},
};
use oracle::tools::{run, work_dir};
use serde_json::Value;

const STORES: [&str; 6] = [
    "/usr/share/OVMF/OVMF_VARS_4M.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd",
    "/usr/share/AAVMF/AAVMF_VARS.snakeoil.fd",
    "/usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd",
    "/usr/share/qemu-efi-loongarch64/QEMU_VARS.fd",
];
const VENDOR: &str = "c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e";

fn ours(path: &str) -> Vec<Variable> {
    let file = fs::read(path).unwrap();
    let (start, length) = varstore::find(&file).unwrap();
    assert!(length <= varstore::LARGEST, "{path}: {length}");
    varstore::read(&file[start..start + usize::try_from(length).unwrap()]).unwrap()
}

/// The same by the other program, which writes to a folder of the test's own: tests run at the same time.
fn theirs(test: &str, path: &str) -> Vec<Variable> {
    let json = work_dir(&format!("theirs-{test}")).join("json");
    run("virt-fw-vars", &["-i", path, "--output-json", json.to_str().unwrap()]);
    let json: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let field = |variable: &Value, name: &str| variable[name].as_str().unwrap().to_string();
    let of_json = |variable: &Value| Variable {
        vendor: field(variable, "guid"),
        name: field(variable, "name"),
        attributes: u32::try_from(variable["attr"].as_u64().unwrap()).unwrap(),
        data: bytes(&field(variable, "data")),
    };
    let mut variables: Vec<Variable> = json["variables"].as_array().unwrap().iter().map(of_json).collect();
    variables.sort_by(|a, b| (&a.name, &a.vendor).cmp(&(&b.name, &b.vendor)));
    variables
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|digits| str::from_utf8(digits).unwrap());
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

#[test]
fn the_stores_of_every_firmware_are_read() {
    let mut count = 0;
    for path in STORES {
        let variables = ours(path);
        assert_eq!(variables, theirs("firmware", path), "{path}");
        count += variables.len();
    }
    assert!(count >= 8, "some of them have keys enrolled: {count}");
}

#[test]
fn what_is_written_is_read() {
    let dir = work_dir("written");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let (json, made) = (path("json"), path("made"));
    let setting = "cloudboot.debug=1 ü";
    let data: String = text::encode(setting).iter().map(|byte| format!("{byte:02x}")).collect();
    let variable =
        format!("{{\"name\":\"CloudBootCmdline\",\"guid\":\"{VENDOR}\",\"attr\":3,\"data\":\"{data}\"}}");
    fs::write(&json, format!("{{\"version\":2,\"variables\":[{variable}]}}")).unwrap();
    let from = ["-i", STORES[1], "--set-json", &json, "--append-boot-filepath", "\\EFI\\debian\\shimx64.efi"];
    let to = ["--set-boot-uri", "http://boot.example/loader.efi", "-o", &made];
    run("virt-fw-vars", &[&from[..], &to].concat());
    let variables = ours(&made);
    assert_eq!(variables, theirs("written", &made));
    let value = |name: &str| &variables.iter().find(|variable| variable.name == name).unwrap().data;
    assert_eq!(text::decode(value("CloudBootCmdline")), setting);
    assert_eq!(order(value("BootOrder")).collect::<Vec<_>>(), [0]);
    let next = order(value("BootNext")).next().unwrap();
    let said = String::from_utf8(run("virt-fw-vars", &["-i", &made, "-p"])).unwrap();
    let cases = [(0, "FilePath(\\EFI\\debian\\shimx64.efi)"), (next, "URI(http://boot.example/loader.efi)")];
    for (number, theirs) in cases {
        let name = format!("Boot{number:04X}");
        let option = LoadOption::parse(value(&name)).unwrap();
        let line = said.lines().find(|line| line.starts_with(&name)).unwrap();
        // Its words for kinds of nodes are its own.
        assert!(line.ends_with(&format!("title=\"{}\" devpath={theirs}", option.description)), "{line}");
        let shown = device_text::of(option.paths);
        let inner = theirs.split_once('(').unwrap().1.trim_end_matches(')');
        assert!(shown == inner || shown == format!("Uri({inner})"), "{shown}");
    }
}
