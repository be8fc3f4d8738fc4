// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //:demo`: builds the boot image and a Debian disk, and boots them before the user's eyes.

mod image;
mod network;

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use arch::Arch;
use clap::Parser;
use nested::Bazel;

use qemu::{
    emulated::{self, Emulated as _},
    machine::{Boot, Disk, Firmware, Machine, Serial},
    record::Record,
    report,
    script::Script,
    terminal::Terminal,
    watch::{After, End, Limits, View, Watch},
};

/// Boots an unmodified Debian disk in QEMU with the cloud-boot loader on a CD, shows the console, logs in, and
/// ends with one line of times, which are those of systemd-analyze in the booted system.
///
/// Everything needed is built first: the boot image, and the Debian disk of the architecture (the first time
/// that takes some minutes). No disk is modified: what the machine writes is thrown away.
///
/// Exit status: 0 when the login prompt was reached (with --interactive: when you left), 1 when it was not,
/// 2 when the boot could not be attempted.
#[derive(Debug, Parser)]
#[command(bin_name = "tools/bazel run //:demo --", disable_help_subcommand = true)]
pub struct Options {
    /// The machine's architecture [default: this machine's]
    #[arg(long, value_parser = emulated::parser())]
    pub arch: Option<Arch>,
    /// A disk image of your own (raw, qcow2 or VHD) instead of Debian's, booted to its login prompt and timed by
    /// the console; no time limit: ^C ends the machine
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Boot a kernel and a small userspace from a local registry instead, with TLS and its own certificate
    /// authority; there is no disk but the loader's
    #[arg(long, conflicts_with_all = ["image", "interactive"])]
    pub network: bool,
    /// Keep the console: your keys go to the machine, Ctrl-A X ends it
    #[arg(long)]
    pub interactive: bool,
}

/// How to start the demo, for error messages.
const HOW_TO_START: &str = "tools/bazel run //:demo";

/// The image that holds the loader.
const BOOT_TARGET: &str = "//iso:boot";

/// Environment variable that names a file of `@firmware`; //e2e/runner:demo sets it.
const FIRMWARE: &str = "DEMO_FIRMWARE";

/// Time limit to the login prompt of the Debian disk: at least ten times what the slowest architecture takes on
/// a quiet machine with two processors.
const LIMIT: Duration = Duration::from_secs(1500);

/// The text to wait for.
const PROMPT: &str = "login:";

/// What is typed then on the Debian disk, whose password is known, and the expected answers: the booted system's
/// own times of the boot.
const ACCOUNT: [&str; 6] = [
    "type:root<enter>",
    "Password:",
    "type:root<enter>",
    "root@",
    "type:systemctl is-system-running --wait; systemd-analyze time<enter>",
    "^Startup finished in * (userspace)",
];

/// For the Debian disk: systemd waits 90 seconds for devices, then there is no prompt; on a busy machine udev alone may
/// need more.
const PATIENT: &str = "cloudboot.cmdline.extra=systemd.default_device_timeout_sec=600";

/// Lines of the console repeated below a failure.
const LAST_LINES: usize = 12;

/// Runs the demo; returns whether the machine booted.
///
/// # Errors
/// When the boot could not be attempted.
pub fn run(options: &Options) -> Result<bool> {
    let arch = options.arch.unwrap_or(emulated::HOST);
    // Checks the user's arguments before minutes of building.
    ensure!(!options.interactive || Terminal::is_there(), "--interactive needs a terminal");
    let image = options.image.as_deref().map(image::find).transpose()?;
    if options.network {
        let booted = network::boot(arch)?;
        return conclude(&booted.0, &booted.1, arch, false);
    }
    let (machine, disk) = prepare(arch, image, options.interactive)?;

    let until = match (options.interactive, options.image.is_some()) {
        (true, _) => "until Ctrl-A X".to_owned(),
        (false, true) => format!("until {PROMPT:?} or ^C"),
        (false, false) => format!("until {PROMPT:?}"),
    };
    say(&format!("booting {} on {arch} in QEMU, {until}", disk.display()));
    let (mut watch, limits) = watch(options)?;
    let end = watch.run(&machine, limits)?;
    conclude(&watch, &end, arch, options.interactive)
}

/// Builds what is missing; returns the machine and its disk.
fn prepare(arch: Arch, image: Option<Disk>, interactive: bool) -> Result<(Machine, PathBuf)> {
    let bazel = Bazel::new(HOW_TO_START)?;
    let disk_target = format!("//e2e:debian_disk_{arch}");
    let mut targets = vec![BOOT_TARGET];
    if image.is_none() {
        targets.push(&disk_target);
    }
    say(&format!("building {}", targets.join(" and ")));
    bazel.build(&[], &targets)?;
    let boot = bazel.output(BOOT_TARGET, ".iso")?;
    // The console for disks that name none.
    let mut settings = vec![arch.console_setting()];
    if image.is_none() {
        settings.push(PATIENT.into());
    }
    let disk = image.map_or_else(|| bazel.output(&disk_target, ".raw").map(Disk::raw), Ok)?;
    let file = disk.file.clone();
    let machine = Machine {
        boot: Some(Boot::Cd(boot)),
        disks: vec![disk],
        serial: if interactive { Serial::WithMonitor } else { Serial::Typed },
        settings: settings.join(" ").into(),
        ..Machine::new(arch, Firmware::raw(firmware(arch, "code")?, firmware(arch, "vars")?))
    };
    Ok((machine, file))
}

fn watch(options: &Options) -> Result<(Watch, Limits)> {
    let account: &[&str] = if options.image.is_none() && !options.interactive { &ACCOUNT } else { &[] };
    let expect: Vec<String> = [PROMPT].iter().chain(account).map(|text| (*text).to_owned()).collect();
    let script = Script::new(&expect, &[])?;
    let record = Record::new(None)?;
    if options.interactive {
        // With the user's own image, the user judges the console.
        let limits = Limits { time: None, after: After::Stay };
        return Ok((Watch::new(script, record, View::Terminal(Terminal::raw()?)), limits));
    }
    let time = options.image.is_none().then_some(LIMIT);
    Ok((Watch::new(script.forbid_panics()?, record, View::Lines), Limits { time, after: After::Stop }))
}

/// Prints the result; returns whether it succeeded.
fn conclude(watch: &Watch, end: &End, arch: Arch, interactive: bool) -> Result<bool> {
    if let End::Unshown(why) = end {
        // Standard output is closed: nothing more can be shown.
        bail!("cannot write the console to standard output: {why}");
    }
    if watch.script.awaited().is_none() {
        let booted = report::booted(&watch.phases, arch);
        match &booted {
            Some(line) => println!("{line}"),
            None => println!("failed: the prompt was reached, but cloud-boot started nothing"),
        }
        return Ok(booted.is_some());
    }
    // The user left by QEMU's monitor, or the machine was switched off.
    if let End::Exited(status) = end
        && interactive
        && status.success()
    {
        say(&format!("left in the {} phase", watch.phases.current()));
        return Ok(true);
    }
    if let Some(why) = report::failure(watch, end) {
        println!("{}{why}", report::tail(watch, LAST_LINES));
    }
    Ok(false)
}

/// A file of `@firmware`: all are in the folder of the one that the target names.
fn firmware(arch: Arch, part: &str) -> Result<PathBuf> {
    let one = env::var_os(FIRMWARE)
        .with_context(|| format!("{FIRMWARE} is not set: start the demo with {HOW_TO_START}"))?;
    let file = Path::new(&one).with_file_name(format!("{arch}_{part}.fd"));
    std::path::absolute(&file)
        .ok()
        .filter(|f| f.is_file())
        .with_context(|| format!("the firmware {} is missing", file.display()))
}

fn say(what: &str) {
    println!("demo: {what}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn options_are_well_formed() {
        Options::command().debug_assert();
        let options = Options::parse_from(["demo", "--arch", "x86_64", "--image", "a.raw", "--interactive"]);
        assert_eq!((options.arch, options.interactive), (Some(Arch::X86_64), true));
        assert!(Options::try_parse_from(["demo", "--arch", "i386"]).is_err());
        assert!(Options::parse_from(["demo", "--network"]).network);
        assert!(Options::try_parse_from(["demo", "--network", "--image", "a.raw"]).is_err());
    }
}
