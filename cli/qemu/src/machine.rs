// SPDX-License-Identifier: BSD-3-Clause
//! The virtual machine as QEMU's command line.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use arch::Arch;
use serde::Deserialize;

use crate::{disk::Format, emulated::Emulated};

/// A machine to start: firmware, a random number generator, disks.
///
/// Only disks that are [`writable`](Disk::writable), and what [`keeps`](Self::keeps) names, are ever written: the
/// variable store and all other disks are snapshots.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its architecture.
    pub arch: Arch,
    /// Whether its processors are emulated.
    pub accelerator: Accelerator,
    /// How many of them.
    pub processors: u32,
    /// MiB of memory.
    pub memory: u32,
    /// Its firmware.
    pub firmware: Firmware,
    /// The medium with the loader, which the firmware tries first; none if a disk has it.
    pub boot: Option<Boot>,
    /// In the order that the firmware tries them.
    pub disks: Vec<Disk>,
    /// What the serial port is connected to.
    pub serial: Serial,
    /// How the disks are attached.
    pub bus: Bus,
    /// Whether the disks are in the boot order; if not, the firmware does not connect their drivers.
    pub in_boot_order: bool,
    /// The disks are read-only: some firmware would repair a partition table before it is tested.
    pub read_only: bool,
    /// The sector of the disks at this MiB cannot be read.
    pub read_error: Option<u64>,
    /// Whether writes to the variable store, and to a disk that holds the loader, are kept.
    pub keeps: bool,
    /// The file that records writes to the loader's disk, if they are kept: QEMU's `blklogwrites`.
    pub records: Option<PathBuf>,
    /// Whether there is a network card on QEMU's user network (`-netdev user`).
    pub network: bool,
    /// Settings of the loader (`cloudboot.*` words), by fw_cfg.
    pub settings: OsString,
    /// More of QEMU's options.
    pub options: Vec<OsString>,
}

/// The firmware's two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// The code.
    pub code: PathBuf,
    /// The variable store before the first start.
    pub vars: PathBuf,
    /// The format of both.
    pub format: Format,
}

impl Firmware {
    /// Raw files.
    pub fn raw(code: impl Into<PathBuf>, vars: impl Into<PathBuf>) -> Self {
        Self { code: code.into(), vars: vars.into(), format: Format::Raw }
    }
}

/// How a machine's processors run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accelerator {
    /// Emulated. KVM may fail even if /dev/kvm opens: nested, or without features of the guest's processor.
    #[default]
    Tcg,
    /// By KVM.
    Kvm,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its image.
    pub file: PathBuf,
    /// The image's format.
    pub format: Format,
    /// The backing files of an overlay, nearest first. Names inside images are not followed.
    pub backing: Vec<Layer>,
    /// Whether the guest's writes go to the image; otherwise they are discarded.
    pub writable: bool,
    /// Bytes of a logical block.
    pub block_size: u32,
}

impl Disk {
    /// A raw image with blocks of 512 bytes that is not written to.
    pub fn raw(file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        Self { file, format: Format::Raw, backing: Vec::new(), writable: false, block_size: 512 }
    }
}

/// A backing file of an overlay. It is never written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub file: PathBuf,
    /// The format of the disk in it.
    pub format: Format,
}

/// How disks are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// virtio-blk on PCI.
    #[default]
    Virtio,
    /// NVMe.
    Nvme,
    /// The AHCI controller that the machine has.
    Sata,
    /// SCSI behind virtio-scsi.
    Scsi,
    /// USB mass storage.
    Usb,
    /// Drives for CDs at the AHCI controller, whose blocks have 2048 bytes.
    Cd,
}

impl Bus {
    /// The controller, added once for all disks.
    fn controller(self) -> Option<&'static str> {
        match self {
            Self::Virtio | Self::Nvme | Self::Sata | Self::Cd => None,
            Self::Scsi => Some("virtio-scsi-pci,id=disks"),
            Self::Usb => Some("qemu-xhci"),
        }
    }

    /// The device of the disk with this number, from 1. An AHCI port has one device, and the CD uses the first.
    fn device(self, number: usize) -> String {
        match self {
            Self::Virtio => "virtio-blk-pci".into(),
            Self::Nvme => "nvme,serial=e2e".into(),
            Self::Sata => format!("ide-hd,bus=ide.{number}"),
            Self::Scsi => "scsi-hd,bus=disks.0".into(),
            Self::Usb => "usb-storage".into(),
            Self::Cd => format!("ide-cd,bus=ide.{number}"),
        }
    }
}

/// The medium that holds the loader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// An ISO image in a CD drive (2048-byte blocks).
    Cd(PathBuf),
    /// The same image as a disk (512-byte blocks).
    Disk(PathBuf),
}

/// What the serial port is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// Standard output only.
    Plain,
    /// Standard input and output.
    Typed,
    /// Standard input and output, shared with QEMU's monitor: Ctrl-A X ends the machine, Ctrl-A H shows help.
    WithMonitor,
}

impl Machine {
    /// A machine with defaults: one emulated processor, 1 GiB of memory, no network, no disk.
    pub fn new(arch: Arch, firmware: Firmware) -> Self {
        Self {
            arch,
            accelerator: Accelerator::Tcg,
            processors: 1,
            memory: 1024,
            firmware,
            boot: None,
            disks: Vec::new(),
            serial: Serial::Plain,
            bus: Bus::Virtio,
            in_boot_order: true,
            read_only: false,
            read_error: None,
            keeps: false,
            records: None,
            network: false,
            settings: OsString::new(),
            options: Vec::new(),
        }
    }

    /// The arguments for [`Arch::emulator`].
    pub fn arguments(&self) -> Vec<OsString> {
        let mut line = CommandLine::default();
        self.processors(&mut line);
        line.option("-smp", &self.processors.to_string());
        line.option("-m", &self.memory.to_string());
        for flag in ["-nodefaults", "-no-user-config", "-no-reboot"] {
            line.0.push(flag.into());
        }
        line.option("-display", "none");
        if self.network {
            line.option("-netdev", "user,id=network");
            // Without a ROM, the firmware does not try to boot from it.
            line.option("-device", "virtio-net-pci,netdev=network,romfile=");
        } else {
            line.option("-nic", "none");
        }
        line.option(
            "-serial",
            match self.serial {
                Serial::Plain | Serial::Typed => "stdio",
                Serial::WithMonitor => "mon:stdio",
            },
        );
        // Otherwise the firmware waits up to five seconds for a key.
        line.option("-boot", "menu=on,splash-time=0");
        line.option("-device", "virtio-rng-pci");
        let Firmware { code, vars, format } = &self.firmware;
        line.drive(&format!("if=pflash,unit=0,{},readonly=on,file", format.options()), code);
        let store = if self.keeps { "" } else { "snapshot=on," };
        line.drive(&format!("if=pflash,unit=1,{},{store}file", format.options()), vars);
        if !self.settings.is_empty() {
            line.value("-fw_cfg", "name=opt/org.cloudboot/cmdline,string", &self.settings);
        }
        self.media(&mut line);
        line.0.extend(self.options.iter().cloned());
        line.0
    }

    fn processors(&self, line: &mut CommandLine) {
        let (machine, cpu, accelerator) = match (self.accelerator, self.arch) {
            (Accelerator::Tcg, arch) => (arch.machine_option().into(), arch.cpu(), "tcg"),
            // The interrupt controller must be the host's, too.
            (Accelerator::Kvm, Arch::Aarch64) => {
                (format!("{},gic-version=host", self.arch.machine_option()), "host", "kvm")
            }
            (Accelerator::Kvm, arch) => (arch.machine_option().into(), "host", "kvm"),
        };
        line.option("-machine", &machine);
        line.option("-cpu", cpu);
        line.option("-accel", accelerator);
    }

    fn media(&self, line: &mut CommandLine) {
        let boot = match &self.boot {
            Some(Boot::Cd(image)) => {
                line.drive("if=none,id=cd,format=raw,media=cdrom,readonly=on,file", image);
                let (drive, controllers) = self.arch.cd_devices().split_last().unwrap_or((&"ide-cd", &[]));
                for controller in controllers {
                    line.option("-device", controller);
                }
                line.option("-device", &format!("{drive},drive=cd,bootindex=0"));
                None
            }
            Some(Boot::Disk(image)) => Some(Disk { writable: self.keeps, ..Disk::raw(image) }),
            None => None,
        };
        if let Some(controller) = self.bus.controller() {
            line.option("-device", controller);
        }
        let boot = boot.iter().map(|disk| (disk, self.records.as_deref().map_or(access(disk), recorded)));
        let all = boot.chain(self.disks.iter().map(|disk| (disk, self.access(disk))));
        for (index, (disk, access)) in all.enumerate() {
            line.disk(&format!("if=none,id=disk{index},{},{access}", disk.format.options()), disk);
            // 0 is the CD.
            let order = index.saturating_add(1);
            let device = self.bus.device(order);
            let place = if self.in_boot_order { format!(",bootindex={order}") } else { String::new() };
            let blocks = match disk.block_size {
                512 => String::new(),
                size => format!(",logical_block_size={size},physical_block_size={size}"),
            };
            // The monitor removes it by its id.
            line.option("-device", &format!("{device},id=slot{index},drive=disk{index}{place}{blocks}"));
        }
    }

    /// Settings by which a disk is opened, up to the name of its file.
    fn access(&self, disk: &Disk) -> String {
        match self {
            Self { read_error: Some(mib), .. } => broken(*mib),
            Self { bus: Bus::Cd, .. } | Self { read_only: true, .. } => {
                format!("readonly=on,cache=unsafe,{}", file(disk))
            }
            _ => access(disk),
        }
    }
}

/// The same, from the disk's properties alone.
fn access(disk: &Disk) -> String {
    // Discarded writes need not reach the disk; others do when the guest flushes.
    let how = if disk.writable { "cache=writeback" } else { "snapshot=on,cache=unsafe" };
    // On a full host disk, report the error to the guest; by default QEMU would pause the machine silently.
    format!("{how},werror=report,{}", file(disk))
}

/// The setting for the name of a disk's file; the long form if [`end_of_chain`] is needed.
fn file(disk: &Disk) -> &'static str {
    if end_of_chain(disk).is_some() { "file.filename" } else { "file" }
}

/// If the lowest layer could name a backing file, this overrides it with none: QEMU opens only the files that we name.
/// Only the JSON form has a null.
fn end_of_chain(disk: &Disk) -> Option<String> {
    let lowest = disk.backing.last().map_or(disk.format, |layer| layer.format);
    let is_open = lowest == Format::Qcow2;
    is_open.then(|| format!("json:{{\"{}backing\":null}}", "backing.".repeat(disk.backing.len())))
}

/// Settings for an image whose sector at this MiB is unreadable: every read of it fails with EIO.
fn broken(mib: u64) -> String {
    let rule = "file.inject-error.0";
    let sector = mib.saturating_mul(SECTORS);
    format!(
        "snapshot=on,cache=unsafe,file.driver=blkdebug,{rule}.event=read_aio,{rule}.sector={sector},\
         {rule}.errno=5,file.image.driver=file,file.image.filename"
    )
}

/// Settings for an image whose writes are recorded.
fn recorded(record: &Path) -> String {
    // As in any QEMU file name, commas are doubled.
    let record = record.to_string_lossy().replace(',', ",,");
    format!(
        "cache=writeback,werror=report,file.driver=blklogwrites,file.log.driver=file,file.log.filename={record},\
         file.file.driver=file,file.file.filename"
    )
}

/// Sectors of 512 bytes in a MiB.
const SECTORS: u64 = 2048;

#[derive(Default)]
struct CommandLine(Vec<OsString>);

impl CommandLine {
    fn option(&mut self, name: &str, value: &str) {
        self.0.extend([name.into(), value.into()]);
    }

    /// `-drive`. The settings end with the name of the file setting.
    fn drive(&mut self, settings: &str, file: &Path) {
        self.value("-drive", settings, file.as_os_str());
    }

    /// `-drive` of a disk with all its layers; their names may be any bytes. The settings end as above.
    fn disk(&mut self, settings: &str, disk: &Disk) {
        let mut value = setting(settings, disk.file.as_os_str());
        for (depth, Layer { file, format }) in (1..).zip(&disk.backing) {
            let layer = "backing.".repeat(depth);
            let (driver, more) = format.driver();
            let more = more.map(|more| format!("{layer}{more},")).unwrap_or_default();
            let settings = format!(",{layer}driver={driver},{more}{layer}file.filename");
            value.extend(setting(&settings, file.as_os_str()));
        }
        if let Some(end) = end_of_chain(disk) {
            value.extend(setting(",file", OsStr::new(&end)));
        }
        self.0.extend(["-drive".into(), OsString::from_vec(value)]);
    }

    /// An option whose last setting may be any text.
    fn value(&mut self, name: &str, settings: &str, text: &OsStr) {
        self.0.extend([name.into(), OsString::from_vec(setting(settings, text))]);
    }
}

/// Settings, the last of which may be any text: its commas are doubled for QEMU.
fn setting(settings: &str, text: &OsStr) -> Vec<u8> {
    let mut value = format!("{settings}=").into_bytes();
    for &byte in text.as_bytes() {
        value.push(byte);
        if byte == b',' {
            value.push(byte);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(arch: Arch, boot: Option<Boot>) -> Machine {
        Machine {
            memory: 512,
            boot,
            disks: vec![Disk::raw("root.raw"), Disk::raw("a,b.raw")],
            options: vec!["-snapshot".into()],
            ..Machine::new(arch, Firmware::raw("code.fd", "vars.fd"))
        }
    }

    fn line(machine: &Machine) -> String {
        let words: Vec<_> = machine.arguments().into_iter().map(|a| a.into_string().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn x86_64_with_a_cd() {
        let line = line(&machine(Arch::X86_64, Some(Boot::Cd("boot.iso".into()))));
        assert_eq!(
            line,
            "-machine q35 -cpu qemu64 -accel tcg -smp 1 -m 512 -nodefaults -no-user-config -no-reboot \
             -display none -nic none -serial stdio -boot menu=on,splash-time=0 -device virtio-rng-pci \
             -drive if=pflash,unit=0,format=raw,readonly=on,file=code.fd \
             -drive if=pflash,unit=1,format=raw,snapshot=on,file=vars.fd \
             -drive if=none,id=cd,format=raw,media=cdrom,readonly=on,file=boot.iso \
             -device ide-cd,drive=cd,bootindex=0 \
             -drive if=none,id=disk0,format=raw,snapshot=on,cache=unsafe,werror=report,file=root.raw \
             -device virtio-blk-pci,id=slot0,drive=disk0,bootindex=1 \
             -drive if=none,id=disk1,format=raw,snapshot=on,cache=unsafe,werror=report,file=a,,b.raw \
             -device virtio-blk-pci,id=slot1,drive=disk1,bootindex=2 -snapshot"
        );
    }

    #[test]
    fn writes_to_the_loaders_disk_are_recorded() {
        let boot = Some(Boot::Disk("esp.img".into()));
        let records = Some("a,b.log".into());
        let line = line(&Machine { keeps: true, records, ..machine(Arch::X86_64, boot) });
        let expected = "if=none,id=disk0,format=raw,cache=writeback,werror=report,file.driver=blklogwrites,\
                        file.log.driver=file,file.log.filename=a,,b.log,file.file.driver=file,\
                        file.file.filename=esp.img -device";
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains("file.filename=root.raw"), "{line}");
    }

    #[test]
    fn disks_stand_behind_their_controller() {
        let disks = vec![Disk { block_size: 4096, ..Disk::raw("root.raw") }];
        let nvme = Machine { bus: Bus::Nvme, disks, ..machine(Arch::X86_64, None) };
        let device = "-device nvme,serial=e2e,id=slot0,drive=disk0,bootindex=1,logical_block_size=4096,physical_block_size=4096";
        assert!(line(&nvme).contains(device), "{}", line(&nvme));
        let scsi = line(&Machine { bus: Bus::Scsi, ..machine(Arch::X86_64, None) });
        assert_eq!(scsi.matches("virtio-scsi-pci").count(), 1, "{scsi}");
    }

    /// Below what is named, nothing is opened, whatever the images say.
    #[test]
    fn layers_are_those_that_are_named_and_no_others() {
        let layer = |file: &str, format| Layer { file: file.into(), format };
        let drives = |format, backing: &[Layer], writable| {
            let disk = Disk { format, backing: backing.into(), writable, ..Disk::raw("a,b") };
            line(&Machine { disks: vec![disk], ..machine(Arch::X86_64, None) })
        };
        let (raw, qcow2, vhd) = (Format::Raw, Format::Qcow2, Format::Vhd);
        let thrown = "id=disk0,format=qcow2,snapshot=on,cache=unsafe,werror=report";
        for (backing, wanted) in [
            (vec![], format!("{thrown},file.filename=a,,b,file=json:{{\"backing\":null}} ")),
            (
                vec![layer("c,d", raw)],
                format!("{thrown},file=a,,b,backing.driver=raw,backing.file.filename=c,,d "),
            ),
            (
                vec![layer("c", qcow2), layer("d", vhd)],
                format!(
                    "{thrown},file=a,,b,backing.driver=qcow2,backing.file.filename=c,backing.backing.driver=vpc,\
                     backing.backing.force_size_calc=current_size,backing.backing.file.filename=d "
                ),
            ),
            (
                vec![layer("c", qcow2)],
                format!(
                    "{thrown},file.filename=a,,b,backing.driver=qcow2,backing.file.filename=c,\
                     file=json:{{\"backing.backing\":null}} "
                ),
            ),
        ] {
            let found = drives(qcow2, &backing, false);
            assert!(found.contains(&wanted), "{wanted}: {found}");
        }
        let found = drives(qcow2, &[layer("c", raw)], true);
        assert!(found.contains("cache=writeback,werror=report,file=a,,b,backing.driver=raw,"), "{found}");
    }

    #[test]
    fn disks_out_of_the_boot_order_have_no_place_in_it() {
        let machine = machine(Arch::X86_64, Some(Boot::Cd("boot.iso".into())));
        let line = line(&Machine { in_boot_order: false, ..machine });
        assert_eq!(line.matches("bootindex").count(), 1, "the CD's: {line}");
    }

    #[test]
    fn virt_machines_have_a_scsi_cd() {
        for arch in [Arch::Aarch64, Arch::Riscv64, Arch::Loongarch64] {
            let line = line(&machine(arch, Some(Boot::Cd("boot.iso".into()))));
            assert!(line.contains("-device virtio-scsi-pci -device scsi-cd,drive=cd,bootindex=0"), "{line}");
        }
    }

    #[test]
    fn boot_disk_comes_before_the_others() {
        let line = line(&machine(Arch::Riscv64, Some(Boot::Disk("boot.iso".into()))));
        assert!(
            line.contains("id=disk0,format=raw,snapshot=on,cache=unsafe,werror=report,file=boot.iso"),
            "{line}"
        );
        assert!(line.contains("virtio-blk-pci,id=slot1,drive=disk1,bootindex=2"), "{line}");
        assert!(!line.contains("cdrom"), "{line}");
    }

    #[test]
    fn a_sector_that_cannot_be_read_is_one_of_the_disks() {
        let boot = Some(Boot::Disk("boot.iso".into()));
        let line = line(&Machine { read_error: Some(3), ..machine(Arch::X86_64, boot) });
        assert!(
            line.contains("id=disk0,format=raw,snapshot=on,cache=unsafe,werror=report,file=boot.iso"),
            "{line}"
        );
        let rule =
            "file.inject-error.0.event=read_aio,file.inject-error.0.sector=6144,file.inject-error.0.errno=5";
        assert!(line.contains(rule) && line.contains("file.image.filename=a,,b.raw"), "{line}");
    }

    #[test]
    fn disks_in_cd_drives_and_those_that_are_read_only_are_not_written() {
        for (bus, read_only) in [(Bus::Cd, false), (Bus::Virtio, true)] {
            let line = line(&Machine { bus, read_only, ..machine(Arch::X86_64, Some(Boot::Cd("c".into()))) });
            assert!(line.contains("id=disk0,format=raw,readonly=on,cache=unsafe,file=root.raw"), "{line}");
            assert_eq!(
                line.contains("-device ide-cd,bus=ide.1,id=slot0,drive=disk0"),
                bus == Bus::Cd,
                "{line}"
            );
        }
    }

    #[test]
    fn every_writable_file_is_a_snapshot() {
        for boot in [None, Some(Boot::Cd("i".into())), Some(Boot::Disk("i".into()))] {
            for read_error in [None, Some(1)] {
                let machine = Machine { read_error, ..machine(Arch::Aarch64, boot.clone()) };
                for value in machine.arguments().iter().filter_map(|a| a.to_str()) {
                    let guarded = value.contains("snapshot=on") || value.contains("readonly=on");
                    assert!(!(value.contains("file=") || value.contains("filename=")) || guarded, "{value}");
                }
            }
        }
    }
}
