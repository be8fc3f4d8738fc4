// SPDX-License-Identifier: BSD-3-Clause
//! The virtual machine as QEMU's command line.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::arch::Arch;

/// A machine to start: one processor, firmware, a random number generator, disks, no network.
///
/// No file is ever written: the variable store and all disks are snapshots.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its architecture.
    pub arch: Arch,
    /// The firmware's code.
    pub code: PathBuf,
    /// The firmware's variable store as it is before the first start.
    pub vars: PathBuf,
    /// MiB of memory.
    pub memory: u32,
    /// What the firmware tries first, if not the disks.
    pub boot: Option<Boot>,
    /// Raw images, in the order that the firmware tries them.
    pub disks: Vec<PathBuf>,
    /// What stands behind the serial port.
    pub serial: Serial,
    /// How the disks are attached.
    pub bus: Bus,
    /// Bytes of their blocks.
    pub block_size: u32,
    /// Whether the firmware is told to try them; where it is not, it leaves their drivers alone.
    pub in_boot_order: bool,
    /// They cannot be written: some firmware repairs a partition table before anybody sees it.
    pub read_only: bool,
    /// Their sector at this MiB cannot be read.
    pub read_error: Option<u64>,
    /// More of QEMU's options.
    pub options: Vec<String>,
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
    /// The controller that is added once.
    fn controller(self) -> Option<&'static str> {
        match self {
            Self::Virtio | Self::Nvme | Self::Sata | Self::Cd => None,
            Self::Scsi => Some("virtio-scsi-pci,id=disks"),
            Self::Usb => Some("qemu-xhci"),
        }
    }

    /// The device of the disk with this number, from 1. A port of AHCI has one device, and the CD has the first.
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

/// What stands behind the serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// Standard output only.
    Plain,
    /// Standard input and output.
    Typed,
    /// The same, shared with QEMU's monitor: Ctrl-A X ends the machine, Ctrl-A H says more.
    WithMonitor,
}

impl Machine {
    /// The arguments for [`Arch::emulator`].
    pub fn arguments(&self) -> Vec<OsString> {
        let mut line = CommandLine::default();
        line.option("-machine", self.arch.machine());
        line.option("-cpu", self.arch.cpu());
        // Where /dev/kvm opens, it need not work: nested, without what the guest's processor has.
        line.option("-accel", "tcg");
        line.option("-smp", "1");
        line.option("-m", &self.memory.to_string());
        for flag in ["-nodefaults", "-no-user-config", "-no-reboot"] {
            line.0.push(flag.into());
        }
        line.option("-display", "none");
        line.option("-nic", "none");
        line.option(
            "-serial",
            match self.serial {
                Serial::Plain | Serial::Typed => "stdio",
                Serial::WithMonitor => "mon:stdio",
            },
        );
        // The firmware waits up to five seconds for a key otherwise.
        line.option("-boot", "menu=on,splash-time=0");
        line.option("-device", "virtio-rng-pci");
        line.drive("if=pflash,unit=0,format=raw,readonly=on,file", &self.code);
        line.drive("if=pflash,unit=1,format=raw,snapshot=on,file", &self.vars);
        self.media(&mut line);
        line.0.extend(self.options.iter().map(Into::into));
        line.0
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
            Some(Boot::Disk(image)) => Some(image),
            None => None,
        };
        if let Some(controller) = self.bus.controller() {
            line.option("-device", controller);
        }
        let blocks = match self.block_size {
            512 => String::new(),
            size => format!(",logical_block_size={size},physical_block_size={size}"),
        };
        let settings = |is_boot: bool| match self {
            Self { read_error: Some(mib), .. } if !is_boot => broken(*mib),
            Self { bus: Bus::Cd, .. } | Self { read_only: true, .. } if !is_boot => {
                "format=raw,readonly=on,cache=unsafe,file".into()
            }
            _ => "format=raw,snapshot=on,cache=unsafe,file".into(),
        };
        let disks = self.disks.iter().map(|image| (image, settings(false)));
        let all = boot.into_iter().map(|image| (image, settings(true))).chain(disks);
        for (index, (image, settings)) in all.enumerate() {
            line.drive(&format!("if=none,id=disk{index},{settings}"), image);
            // 0 is the CD's.
            let order = index.saturating_add(1);
            let device = self.bus.device(order);
            let place = if self.in_boot_order { format!(",bootindex={order}") } else { String::new() };
            line.option("-device", &format!("{device},drive=disk{index}{place}{blocks}"));
        }
    }
}

/// How an image is opened whose sector at this MiB cannot be read: every read of it fails with EIO.
fn broken(mib: u64) -> String {
    let rule = "file.inject-error.0";
    let sector = mib.saturating_mul(SECTORS);
    format!(
        "format=raw,snapshot=on,cache=unsafe,file.driver=blkdebug,{rule}.event=read_aio,{rule}.sector={sector},\
         {rule}.errno=5,file.image.driver=file,file.image.filename"
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

    /// `-drive`, with the commas of the file's name doubled as QEMU wants them. The settings end in the name of the
    /// one that is the file.
    fn drive(&mut self, settings: &str, file: &Path) {
        let mut value = format!("{settings}=").into_bytes();
        for &byte in file.as_os_str().as_bytes() {
            value.push(byte);
            if byte == b',' {
                value.push(byte);
            }
        }
        self.0.extend(["-drive".into(), OsString::from_vec(value)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(arch: Arch, boot: Option<Boot>) -> Machine {
        Machine {
            arch,
            code: "code.fd".into(),
            vars: "vars.fd".into(),
            memory: 512,
            boot,
            disks: vec!["root.raw".into(), "a,b.raw".into()],
            serial: Serial::Plain,
            bus: Bus::Virtio,
            block_size: 512,
            in_boot_order: true,
            read_only: false,
            read_error: None,
            options: vec!["-snapshot".into()],
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
             -drive if=none,id=disk0,format=raw,snapshot=on,cache=unsafe,file=root.raw \
             -device virtio-blk-pci,drive=disk0,bootindex=1 \
             -drive if=none,id=disk1,format=raw,snapshot=on,cache=unsafe,file=a,,b.raw \
             -device virtio-blk-pci,drive=disk1,bootindex=2 -snapshot"
        );
    }

    #[test]
    fn disks_stand_behind_their_controller() {
        let nvme = Machine { bus: Bus::Nvme, block_size: 4096, ..machine(Arch::X86_64, None) };
        let device = "-device nvme,serial=e2e,drive=disk0,bootindex=1,logical_block_size=4096,physical_block_size=4096";
        assert!(line(&nvme).contains(device), "{}", line(&nvme));
        let scsi = line(&Machine { bus: Bus::Scsi, ..machine(Arch::X86_64, None) });
        assert_eq!(scsi.matches("virtio-scsi-pci").count(), 1, "{scsi}");
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
        assert!(line.contains("id=disk0,format=raw,snapshot=on,cache=unsafe,file=boot.iso"), "{line}");
        assert!(line.contains("virtio-blk-pci,drive=disk1,bootindex=2"), "{line}");
        assert!(!line.contains("cdrom"), "{line}");
    }

    #[test]
    fn a_sector_that_cannot_be_read_is_one_of_the_disks() {
        let boot = Some(Boot::Disk("boot.iso".into()));
        let line = line(&Machine { read_error: Some(3), ..machine(Arch::X86_64, boot) });
        assert!(line.contains("id=disk0,format=raw,snapshot=on,cache=unsafe,file=boot.iso"), "{line}");
        let rule =
            "file.inject-error.0.event=read_aio,file.inject-error.0.sector=6144,file.inject-error.0.errno=5";
        assert!(line.contains(rule) && line.contains("file.image.filename=a,,b.raw"), "{line}");
    }

    #[test]
    fn disks_in_cd_drives_and_those_that_are_read_only_are_not_written() {
        for (bus, read_only) in [(Bus::Cd, false), (Bus::Virtio, true)] {
            let line = line(&Machine { bus, read_only, ..machine(Arch::X86_64, Some(Boot::Cd("c".into()))) });
            assert!(line.contains("id=disk0,format=raw,readonly=on,cache=unsafe,file=root.raw"), "{line}");
            assert_eq!(line.contains("-device ide-cd,bus=ide.1,drive=disk0"), bus == Bus::Cd, "{line}");
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
