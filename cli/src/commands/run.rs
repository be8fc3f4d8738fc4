// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot run`.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{self, Path, PathBuf},
    time::Duration,
};

use arch::Arch;
use clap::{Args, ValueEnum, value_parser};
use qemu::{
    disk,
    emulated::{self, Emulated},
    kvm,
    machine::{Accelerator, Boot, Disk, Firmware, Layer, Machine, Serial},
    pattern::Pattern,
    record::Record,
    report,
    script::Script,
    terminal::Terminal,
    watch::{After, End, Limits, View, Watch},
};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::{
    codes,
    failure::{Failure, Stop},
    fitting,
    images::{self, Backing, Image},
    loader::{self, Programs},
    machine,
    printer::{Printer, note},
    shell,
};

/// The text to wait for by default: the machine is booted.
const PROMPT: &str = "login:";
/// File name of the boot image in the output of `--print`.
const BOOT_IMAGE: &str = "boot.iso";

/// Boots images in QEMU, with the loader in a CD drive, and shows their serial console
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot run disk.qcow2
      on a terminal: keys go to the machine, Ctrl-A X ends it; what it wrote is lost
  cloud-boot run root.raw data.vhd --memory 4096 --net --writable
      two disks, which keep what is written, and a network card
  cloud-boot run disk.raw --until login: --timeout 300 </dev/null
      a test: exit code 0 if the console shows it in time, else 1
  cloud-boot run snapshot.qcow2 --backing disk.raw
      an overlay; its backing file is never written to
  cloud-boot run disk.raw --cmdline cloudboot.menu=always
      with loader settings
  cloud-boot run disk.raw --print -- -device qemu-xhci
      QEMU's command line, with one more option

The last line has the times of the boot phases. KVM is used if a guest really runs under it.")]
pub struct Options {
    /// Images or block devices: the disks of one machine, raw, qcow2 or VHD
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    #[command(flatten)]
    backing: Backing,
    /// The machine's architecture; by default that of what the loader would boot
    #[arg(long, value_parser = emulated::parser())]
    arch: Option<Arch>,
    /// MiB of memory
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = value_parser!(u32).range(64..))]
    memory: u32,
    /// Processors
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = value_parser!(u32).range(1..=255))]
    cpus: u32,
    /// Let the machine write to the images
    #[arg(long)]
    writable: bool,
    /// A loader-ARCH.efi, or another EFI program, instead of the loader in this program
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,
    /// No CD: the firmware starts what is on the images
    #[arg(long, conflicts_with = "loader")]
    no_loader: bool,
    /// The firmware's code, raw; by default that of an installed package
    #[arg(long, value_name = "FILE", requires = "firmware_vars")]
    firmware: Option<PathBuf>,
    /// The variable store that goes with it; it is not written to
    #[arg(long, value_name = "FILE", requires = "firmware")]
    firmware_vars: Option<PathBuf>,
    /// Settings of the loader: words cloudboot.KEY=VALUE
    #[arg(long, value_name = "WORDS")]
    cmdline: Option<OsString>,
    /// The accelerator: kvm, tcg (emulation), or auto, which is kvm if a guest runs under it, else tcg
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    accel: Accel,
    /// Add a network card, with QEMU as its router
    #[arg(long)]
    net: bool,
    /// End the machine after this time, as a failure
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// End the machine when a console line matches this text: `*` is any text, `^` the line's start
    #[arg(long, value_name = "PATTERN", value_parser = parse_pattern)]
    until: Option<String>,
    /// Print QEMU's command line, quoted for a shell, and start nothing
    #[arg(long)]
    print: bool,
    /// More QEMU options
    #[arg(value_name = "QEMU_OPTION", last = true)]
    options: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Accel {
    Auto,
    Kvm,
    Tcg,
}

impl Options {
    /// Boots, or prints how.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let (arch, disks) = self.disks()?;
        if !self.print {
            emulator(arch)?;
        }
        // The image is in memory only; it lives as long as this handle.
        let image = if self.no_loader { None } else { Some(self.boot_image(arch)?) };
        let boot =
            image.as_ref().map(|image| Boot::Cd(format!("/proc/self/fd/{}", image.as_raw_fd()).into()));
        let mut machine = Machine {
            processors: self.cpus,
            memory: self.memory,
            boot,
            disks,
            serial: if Terminal::is_there() { Serial::WithMonitor } else { Serial::Plain },
            network: self.net,
            settings: self.settings(arch),
            options: self.options.clone(),
            ..Machine::new(arch, self.firmware(arch)?)
        };
        machine.accelerator = self.accelerator(&machine)?;
        if self.print {
            return print(machine, printer);
        }
        self.watch(&machine, printer)
    }

    /// The architecture of the images, and the images as disks for QEMU.
    fn disks(&self) -> Result<(Arch, Vec<Disk>), Failure> {
        let opened = machine::Machine::open_for_entries(&self.images, &self.backing)?;
        let disks = self.images.iter().zip(&opened.images).map(|(path, image)| self.disk(path, image));
        let disks = disks.collect::<Result<_, _>>()?;
        let arch =
            self.arch.map_or_else(|| only(&fitting::of_images(&opened.volumes), &self.images[0]), Ok)?;
        Ok((arch, disks))
    }

    fn disk(&self, path: &OsStr, image: &Image) -> Result<Disk, Failure> {
        let file = |path: &Path| {
            let failed = |why| Failure::new(codes::IMAGE, path.as_os_str().as_bytes(), why);
            disk::check(path).map_err(|why| failed(format!("{why:#}")))?;
            // QEMU would take a name up to a colon for a protocol.
            path::absolute(path).map_err(|why| failed(why.to_string()))
        };
        let own = file(Path::new(path))?;
        if self.writable && !self.print {
            // Do not write to a block device with a mounted filesystem.
            images::open_for_writing(Path::new(path))?;
        }
        let layer = |layer: &Layer| Ok(Layer { file: file(&layer.file)?, ..*layer });
        let backing = image.backing.iter().map(layer).collect::<Result<_, Failure>>()?;
        let block_size = image.device.logical_block_size();
        Ok(Disk { file: own, format: image.format, backing, writable: self.writable, block_size })
    }

    /// The boot image, in memory.
    fn boot_image(&self, arch: Arch) -> Result<File, Failure> {
        let programs = match &self.loader {
            Some(path) => Programs::from([(arch, loader::read(arch, path)?)]),
            None => loader::embedded()?.into_iter().filter(|(of, _)| *of == arch).collect(),
        };
        let image = loader::image(programs, loader::Settings::default())?;
        let failed = |error: std::io::Error| Failure::new(codes::QEMU, "boot image", error);
        // Not closed on exec: QEMU inherits it.
        let memory = memfd_create(BOOT_IMAGE, MemfdFlags::empty()).map_err(|error| failed(error.into()))?;
        let mut file = File::from(memory);
        file.write_all(&image).map_err(failed)?;
        Ok(file)
    }

    /// The console for images that name none; then the user's settings, which override it.
    fn settings(&self, arch: Arch) -> OsString {
        let console = arch.console_setting();
        let words = self.cmdline.iter().map(|words| words.as_bytes());
        OsString::from_vec([console.as_bytes()].into_iter().chain(words).collect::<Vec<_>>().join(&b' '))
    }

    fn firmware(&self, arch: Arch) -> Result<Firmware, Failure> {
        if let (Some(code), Some(vars)) = (&self.firmware, &self.firmware_vars) {
            let file = |path: &PathBuf| {
                let failed = |error| Failure::new(codes::FILE, path.as_os_str().as_bytes(), error);
                File::open(path).and_then(|_| path::absolute(path)).map_err(failed)
            };
            return Ok(Firmware::raw(file(code)?, file(vars)?));
        }
        Firmware::installed(arch).ok_or_else(|| Failure {
            advice: format!(
                "install it (Debian: {}), or give --firmware and --firmware-vars",
                arch.firmware_package()
            ),
            ..Failure::new(codes::FIRMWARE, arch.name(), "no UEFI firmware for QEMU is installed")
        })
    }

    fn accelerator(&self, machine: &Machine) -> Result<Accelerator, Failure> {
        let works =
            || kvm::works(machine).map_err(|why| Failure::new(codes::QEMU, "KVM", format!("{why:#}")));
        match self.accel {
            Accel::Tcg => Ok(Accelerator::Tcg),
            Accel::Kvm if works()? => Ok(Accelerator::Kvm),
            Accel::Kvm => {
                Err(Failure::new(codes::KVM, machine.arch.name(), "no guest runs under KVM on this machine"))
            }
            Accel::Auto if emulated::HOST == machine.arch && works()? => Ok(Accelerator::Kvm),
            Accel::Auto => {
                note(&format!("no KVM for a {} guest here: the processor is emulated (TCG)", machine.arch));
                Ok(Accelerator::Tcg)
            }
        }
    }

    fn watch(&self, machine: &Machine, printer: &mut Printer) -> Result<(), Stop> {
        printer.finish()?;
        let failed =
            |why: anyhow::Error| Failure::new(codes::QEMU, machine.arch.emulator(), format!("{why:#}"));
        let awaited = self.until.as_deref().unwrap_or(PROMPT);
        let script = Script::new(&[awaited.to_owned()], &[]).map_err(failed)?;
        let is_typed = machine.serial == Serial::WithMonitor;
        let view = if is_typed { View::Terminal(Terminal::raw().map_err(failed)?) } else { View::Lines };
        let mut watch = Watch::new(script, Record::new(None).map_err(failed)?, view);
        let after = if self.until.is_some() { After::Stop } else { After::Stay };
        let limits = Limits { time: self.timeout.map(Duration::from_secs), after };
        let end = watch.run(machine, limits).map_err(failed)?;
        match end {
            // The reader has gone: with --until, that is a failed test.
            End::Unshown(io::ErrorKind::BrokenPipe) if self.until.is_some() => {
                return self.judge(&watch, &end, machine.arch);
            }
            End::Unshown(why) => return Err(Stop::of_output(&why.into())),
            _ => {}
        }
        if is_typed {
            // The machine's last line may be unfinished.
            printer.line(format_args!(""))?;
        }
        let is_booted = watch.script.awaited().is_none() && awaited.contains(PROMPT);
        let booted = is_booted.then(|| report::booted(&watch.phases, machine.arch)).flatten();
        printer.line(format_args!("{}", booted.unwrap_or_else(|| watch.phases.to_string())))?;
        printer.finish()?;
        self.judge(&watch, &end, machine.arch)
    }

    fn judge(&self, watch: &Watch, end: &End, arch: Arch) -> Result<(), Stop> {
        let Some(cause) = report::failure(watch, end) else { return Ok(()) };
        match end {
            End::Exited(status) if !status.success() => {
                let advice = "read its messages above".into();
                Err(Failure { advice, ..Failure::new(codes::QEMU, arch.emulator(), cause) }.into())
            }
            End::Exited(_) if self.until.is_none() => Ok(()),
            _ => Err(Failure::new(codes::RUN, self.images[0].as_bytes(), cause).into()),
        }
    }
}

/// The architecture of the images, if it is unambiguous.
fn only(arches: &[Arch], image: &OsStr) -> Result<Arch, Failure> {
    let failed = |cause: String| Failure::new(codes::ARCH, image.as_bytes(), cause);
    match arches {
        [arch] => Ok(*arch),
        [] => Err(failed("nothing bootable on it shows its architecture".into())),
        several => {
            let names: Vec<&str> = several.iter().map(|arch| arch.name()).collect();
            Err(failed(format!("it boots on several architectures: {}", names.join(", "))))
        }
    }
}

/// Looks for QEMU in PATH.
fn emulator(arch: Arch) -> Result<(), Failure> {
    let name = arch.emulator();
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        return Ok(());
    }
    let advice = format!("install it (Debian: {})", arch.emulator_package());
    Err(Failure { advice, ..Failure::new(codes::QEMU, name, "not found") })
}

/// Prints the command line, with a file name instead of the image in memory.
fn print(mut machine: Machine, printer: &mut Printer) -> Result<(), Stop> {
    if machine.boot.is_some() {
        machine.boot = Some(Boot::Cd(BOOT_IMAGE.into()));
        note(&format!("make {BOOT_IMAGE} with `cloud-boot iso --out {BOOT_IMAGE}`"));
    }
    let arguments = machine.arguments();
    let words =
        [OsStr::new(machine.arch.emulator())].into_iter().chain(arguments.iter().map(OsString::as_os_str));
    printer.line(format_args!("{}", shell::line(words)))
}

fn parse_pattern(text: &str) -> Result<String, String> {
    Pattern::new(text).map(|_| text.into())
}
