// SPDX-License-Identifier: BSD-3-Clause
//! The tables that the real QEMU gives a machine, read from its fw_cfg as firmware does, before it runs.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use efi::{
    fw_cfg,
    smbios::{self, Cloud},
};

/// fw_cfg's ports on a PC.
const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;

/// A machine that does not run, and does what its test says.
struct Machine {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Machine {
    fn new(arguments: &[&str]) -> Self {
        let mut child = Command::new("qemu-system-x86_64")
            .args(["-M", "q35", "-accel", "qtest", "-display", "none", "-nodefaults"])
            .args(["-qtest", "stdio", "-qtest-log", "/dev/null"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("QEMU, of the toolbox");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, to, from }
    }

    /// The answer to a command of QEMU's qtest protocol, without `OK`.
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.to, "{command}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.strip_prefix("OK").unwrap_or_else(|| panic!("{command}: {line}")).trim().into()
    }

    /// The first bytes of an item of fw_cfg.
    fn read(&mut self, item: u16, length: usize) -> Vec<u8> {
        self.ask(&format!("outw {SELECTOR:#x} {item:#x}"));
        (0..length)
            .map(|_| {
                let byte = self.ask(&format!("inb {DATA:#x}"));
                u8::from_str_radix(byte.trim_start_matches("0x"), 16).unwrap()
            })
            .collect()
    }

    fn file(&mut self, name: &str) -> Vec<u8> {
        let count = u32::from_be_bytes(*self.read(fw_cfg::DIRECTORY, 4).first_chunk().unwrap());
        let directory = self.read(fw_cfg::DIRECTORY, 4 + fw_cfg::ENTRY * count as usize);
        let file = fw_cfg::find(&directory[4..], name).expect("the file");
        self.read(file.selector, file.size as usize)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cloud that a machine with these options says it is in. Its other strings are read, too.
fn cloud(options: &[&str]) -> Option<Cloud> {
    let options: Vec<&str> = options.iter().flat_map(|option| ["-smbios", option]).collect();
    let mut machine = Machine::new(&[&options[..], &["-smbios", "type=11,value=cloudboot:debug=1"]].concat());
    let table = machine.file("etc/smbios/smbios-tables");
    assert_eq!(smbios::settings(&table).collect::<Vec<_>>(), ["debug=1"]);
    smbios::cloud(&table)
}

#[test]
fn the_cloud_is_told_by_the_tables_of_a_real_machine() {
    assert_eq!(cloud(&[]), None);
    // What Nova passes, of QEMU's own distribution and of one that was given another name.
    let nova = "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,version=29.0.1,family=Virtual Machine";
    assert_eq!(cloud(&[nova]), Some(Cloud::OpenStack));
    assert_eq!(
        cloud(&["type=1,manufacturer=Fedora Project,product=OpenStack Compute"]),
        Some(Cloud::OpenStack)
    );
    assert_eq!(
        cloud(&["type=1,manufacturer=Somebody", "type=3,asset=OpenStack Nova"]),
        Some(Cloud::OpenStack)
    );
    // What an instance of EC2 has.
    let ec2 = ["type=1,manufacturer=Amazon EC2,product=t3.micro", "type=3,asset=Amazon EC2"];
    assert_eq!(cloud(&ec2), Some(Cloud::Ec2));
    // Others that have the words somewhere else, or other words.
    assert_eq!(cloud(&["type=0,vendor=OpenStack", "type=1,serial=OpenStack Nova"]), None);
    assert_eq!(cloud(&["type=1,manufacturer=Amazon,product=Amazon EC2-like"]), None);
}
