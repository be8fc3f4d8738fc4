// SPDX-License-Identifier: BSD-3-Clause
//! The boot from a registry that the demo starts itself.

use anyhow::{Context, Result};
use arch::Arch;
use nested::Bazel;
use qemu::{
    machine::{Boot, Firmware, Machine},
    record::Record,
    script::Script,
    watch::{After, End, Limits, View, Watch},
};

use super::{HOW_TO_START, LIMIT, firmware, say};
use crate::network::Network;

/// The first line of the userspace in the artifact.
const USERSPACE: &str = "mini: userspace on ";

/// The artifact's parts.
const PARTS: [&str; 3] = ["vmlinuz", "initrd.img", "cmdline.txt"];

/// Builds what is missing, starts the registry, pushes and boots; returns the console and how it ended.
///
/// # Errors
/// When the boot could not be attempted.
///
/// # Panics
/// A server of the toolbox does not start.
pub fn boot(arch: Arch) -> Result<(Watch, End)> {
    let network = build(arch)?;
    say("starting a registry, and pushing a kernel and an initrd");
    let running = network.start(arch)?;
    let machine = Machine {
        boot: Some(Boot::Disk(running.esp().into())),
        options: running.options.iter().map(Into::into).collect(),
        ..Machine::new(arch, Firmware::raw(firmware(arch, "code")?, firmware(arch, "vars")?))
    };
    say(&format!("booting {} on {arch} in QEMU, until {USERSPACE:?}", running.replaced("@REFERENCE@")?));
    let script = Script::new(&[USERSPACE.to_owned()], &[])?.forbid_panics()?;
    let mut watch = Watch::new(script, Record::new(None)?, View::Lines);
    let end = watch.run(&machine, Limits { time: Some(LIMIT), after: After::Stop })?;
    Ok((watch, end))
}

fn build(arch: Arch) -> Result<Network> {
    let bazel = Bazel::new(HOW_TO_START)?;
    let (command, loader) = ("//cli:host", format!("//loader:loader_{arch}"));
    let artifact = format!("//e2e/disks:artifact_{arch}");
    let targets = [command, &loader, &artifact];
    say(&format!("building {}", targets.join(" and ")));
    bazel.build(&[], &targets)?;
    let file = |target: &str, ending: &str| -> Result<String> {
        let path = bazel.output(target, ending)?;
        Ok(path.to_str().context("a path is not UTF-8")?.into())
    };
    Ok(Network {
        command: file(command, "host")?,
        loader: file(&loader, ".efi")?,
        files: PARTS.iter().map(|part| file(&artifact, part)).collect::<Result<_>>()?,
        settings: "cloudboot.image=@REFERENCE@ cloudboot.ca=/cloudboot/ca.pem".into(),
        ..Network::default()
    })
}
