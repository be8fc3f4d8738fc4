// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //:demo`: builds the boot image and a Debian disk, and boots them before the user's eyes.

mod image;

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use nested::Bazel;

use crate::{
    arch::Arch,
    machine::{Boot, Bus, Machine, Serial},
    phases::{Phase, Phases},
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
/// 2 when the boot could not be tried.
#[derive(Debug, Parser)]
#[command(bin_name = "tools/bazel run //:demo --", disable_help_subcommand = true)]
pub struct Options {
    /// The machine's architecture [default: this machine's]
    #[arg(long, value_enum)]
    pub arch: Option<Arch>,
    /// A raw disk image of your own instead of Debian's, to its login prompt and timed by the console; no time
    /// limit: ^C ends the machine
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Keep the console: your keys go to the machine, Ctrl-A X ends it
    #[arg(long)]
    pub interactive: bool,
}

/// For who starts the program itself.
const HOW_TO_START: &str = "tools/bazel run //:demo";

/// The image that holds the loader.
const BOOT_TARGET: &str = "//iso:boot";

/// Environment variable that names a file of `@firmware`; //e2e/runner:demo sets it.
const FIRMWARE: &str = "DEMO_FIRMWARE";

/// MiB of memory, as the tests have it.
const MEMORY: u32 = 1024;

/// To the login prompt of our own disk: four times and more what the slowest architecture takes on a quiet
/// machine of two processors.
const LIMIT: Duration = Duration::from_secs(600);

/// What is waited for.
const PROMPT: &str = "login:";

/// What is typed then on our own disk, whose password is known, and what comes of it: the booted system's own
/// account of the boot.
const ACCOUNT: [&str; 6] = [
    "type:root<enter>",
    "Password:",
    "type:root<enter>",
    "root@",
    "type:systemctl is-system-running --wait; systemd-analyze time<enter>",
    "^Startup finished in * (userspace)",
];

/// Lines of the console repeated below a failure.
const LAST_LINES: usize = 12;

/// Does what `options` say; whether the machine booted.
///
/// # Errors
/// When the boot could not be tried.
pub fn run(options: &Options) -> Result<bool> {
    let arch = options
        .arch
        .or_else(Arch::host)
        .context("this machine's architecture is none of ours: give --arch")?;
    // What is wrong with the user's part must not come out after minutes of building.
    ensure!(!options.interactive || Terminal::is_there(), "--interactive needs a terminal");
    let image = options.image.as_deref().map(image::find).transpose()?;
    let (machine, disk) = prepare(arch, image, options.interactive)?;

    let until = match (options.interactive, options.image.is_some()) {
        (true, _) => "until Ctrl-A X".to_owned(),
        (false, true) => format!("until {PROMPT:?} or ^C"),
        (false, false) => format!("until {PROMPT:?}"),
    };
    say(&format!("booting {} on {arch} in QEMU, {until}", disk.display()));
    let (mut watch, limits) = watch(options)?;
    let end = watch.run(&machine, limits)?;
    Ok(conclude(&watch, &end, arch, options.interactive))
}

/// Builds what is missing; the machine and its disk.
fn prepare(arch: Arch, image: Option<PathBuf>, interactive: bool) -> Result<(Machine, PathBuf)> {
    let bazel = Bazel::new(HOW_TO_START)?;
    let disk_target = format!("//e2e:debian_disk_{arch}");
    let mut targets = vec![BOOT_TARGET];
    if image.is_none() {
        targets.push(&disk_target);
    }
    say(&format!("building {}", targets.join(" and ")));
    bazel.build(&[], &targets)?;
    let boot = bazel.output(BOOT_TARGET, ".iso")?;
    let disk = image.map_or_else(|| bazel.output(&disk_target, ".raw"), Ok)?;
    let machine = Machine {
        arch,
        code: firmware(arch, "code")?,
        vars: firmware(arch, "vars")?,
        memory: MEMORY,
        boot: Some(Boot::Cd(boot)),
        disks: vec![disk.clone()],
        bus: Bus::Virtio,
        block_size: 512,
        in_boot_order: true,
        read_only: false,
        read_error: None,
        serial: if interactive { Serial::WithMonitor } else { Serial::Typed },
        options: Vec::new(),
    };
    Ok((machine, disk))
}

fn watch(options: &Options) -> Result<(Watch, Limits)> {
    let account: &[&str] = if options.image.is_none() && !options.interactive { &ACCOUNT } else { &[] };
    let expect: Vec<String> = [PROMPT].iter().chain(account).map(|text| (*text).to_owned()).collect();
    let script = Script::new(&expect, &[])?;
    let record = Record::new(None)?;
    if options.interactive {
        // The user judges what a panic is.
        let limits = Limits { time: None, after: After::Stay };
        return Ok((Watch::new(script, record, View::Terminal(Terminal::raw()?)), limits));
    }
    let time = options.image.is_none().then_some(LIMIT);
    Ok((Watch::new(script.forbid_panics()?, record, View::Lines), Limits { time, after: After::Stop }))
}

/// Says how it went; whether it went well.
fn conclude(watch: &Watch, end: &End, arch: Arch, interactive: bool) -> bool {
    if watch.script.awaited().is_none() {
        return match booted(&watch.phases, arch) {
            Some(line) => {
                println!("{line}");
                true
            }
            None => {
                println!("failed: {PROMPT:?} was reached, but cloud-boot started nothing");
                false
            }
        };
    }
    // By QEMU's monitor, or because the machine was switched off.
    if let End::Exited(status) = end
        && interactive
        && status.success()
    {
        say(&format!("left in the {} phase", watch.phases.current()));
        return true;
    }
    if let Some(why) = report::failure(watch, end) {
        println!("{}{why}", report::tail(watch, LAST_LINES));
    }
    false
}

/// `booted: TITLE on ARCH in S s (firmware S, loader S, kernel S, userspace S)`; none if the loader started
/// nothing. The times are the booted system's where it was asked, else those at which the console spoke; there, a
/// userspace that says nothing before its prompt is not told from the kernel.
fn booted(phases: &Phases, arch: Arch) -> Option<String> {
    let (title, start, end) = (phases.title.as_deref()?, phases.start?, phases.end?);
    let mut durations = phases.reported.clone();
    if !durations.iter().any(|(phase, _)| *phase == Phase::Loader) {
        durations = phases.durations();
        if phases.userspace.is_none() {
            durations.push((Phase::Kernel, end.saturating_sub(start)));
        }
    }
    let total: Duration = durations.iter().map(|(_, took)| *took).sum();
    let parts: Vec<String> =
        durations.iter().map(|(phase, took)| format!("{phase} {:.1}", took.as_secs_f64())).collect();
    Some(format!("booted: {title} on {arch} in {:.1} s ({})", total.as_secs_f64(), parts.join(", ")))
}

/// A file of `@firmware`: all of them stand beside the one that the target names.
fn firmware(arch: Arch, part: &str) -> Result<PathBuf> {
    let one = env::var_os(FIRMWARE)
        .with_context(|| format!("{FIRMWARE} is not set: start it as: {HOW_TO_START}"))?;
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
    }

    fn phases() -> Phases {
        let mut phases = Phases::default();
        phases.see(b"cloud-boot 0.0.1 x86_64, EDK II", Duration::from_millis(1_600));
        phases.see(b"start \"Debian GNU/Linux\": ro (0.4 s)", Duration::from_millis(2_000));
        phases.end = Some(Duration::from_millis(31_000));
        phases
    }

    #[test]
    fn the_last_line_of_a_demo() {
        let mut whole = phases();
        whole.see(b"systemd[1]: systemd 257 running", Duration::from_millis(10_800));
        assert_eq!(
            booted(&whole, Arch::X86_64).unwrap(),
            "booted: Debian GNU/Linux on x86_64 in 31.0 s \
             (firmware 1.6, loader 0.4, kernel 8.8, userspace 20.2)"
        );
        assert_eq!(
            booted(&phases(), Arch::Riscv64).unwrap(),
            "booted: Debian GNU/Linux on riscv64 in 31.0 s (firmware 1.6, loader 0.4, kernel 29.0)"
        );
        let account = "Startup finished in 1.5s (firmware) + 300ms (loader) + 8s (kernel) + 20s (userspace)";
        whole.see(account.as_bytes(), Duration::from_secs(35));
        assert_eq!(
            booted(&whole, Arch::X86_64).unwrap(),
            "booted: Debian GNU/Linux on x86_64 in 29.8 s \
             (firmware 1.5, loader 0.3, kernel 8.0, userspace 20.0)"
        );
        whole.see(b"Startup finished in 8s (kernel) + 20s (userspace) = 28s", Duration::from_secs(36));
        assert!(booted(&whole, Arch::X86_64).unwrap().contains("in 31.0 s (firmware 1.6, "));
    }

    #[test]
    fn a_boot_without_cloud_boot_is_none() {
        let phases = Phases { end: Some(Duration::from_secs(9)), ..Phases::default() };
        assert_eq!(booted(&phases, Arch::X86_64), None);
    }
}
