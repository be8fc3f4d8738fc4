// SPDX-License-Identifier: BSD-3-Clause
//! The disk of both sides: an EFI system partition and an ext4 root with kernel, initrd and grub.cfg.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Read as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use arch::Arch;
use bench_guest::{BLOCKS, block, sum, sum_of};

use super::Files;
use crate::scratch::{self, Scratch, run};

/// UUID of the root filesystem.
pub const ROOT: &str = "bbbbbbbb-2222-4333-8444-00000000000a";
/// Command line of the kernel.
pub const OPTIONS: &str = "root=/dev/vda2 ro quiet";
/// Bytes of the initrd: as large as a distribution's.
const INITRD: usize = 20 << 20;
/// MiB at which the partitions start and end.
const ESP: [u64; 2] = [1, 65];
const SYSTEM: [u64; 2] = [65, 193];
const MIB: u64 = 1 << 20;

/// The content of the disk, and the expected report of the kernel.
pub struct Disk<'a> {
    scratch: &'a Scratch,
    files: &'a Files,
    /// `BYTES:SUM`.
    pub initrd: String,
    /// Sum of the kernel's padding.
    pub kernel: String,
}

impl<'a> Disk<'a> {
    /// Makes the root filesystem.
    ///
    /// # Errors
    /// When a tool is missing or fails.
    pub fn new(scratch: &'a Scratch, files: &'a Files) -> Result<Self> {
        let tree = scratch.path("tree");
        let initrd = scratch::noise(INITRD, 5);
        scratch::write(&tree.join("boot/vmlinuz-1.0-bench"), &kernel(&files.kernel)?)?;
        scratch::write(&tree.join("boot/initrd.img-1.0-bench"), &initrd)?;
        scratch::write(&tree.join("boot/grub/grub.cfg"), grub_cfg().as_bytes())?;
        let options =
            ["-q", "-F", "-t", "ext4", "-T", "default", "-b", "4096", "-U", ROOT, "-d"].map(OsStr::new);
        let size = format!("{}M", SYSTEM[1] - SYSTEM[0]);
        let system = scratch.path("system");
        run("mke2fs", &[&options[..], &[tree.as_ref(), system.as_ref(), size.as_ref()]].concat())?;
        let kernel = sum((0..BLOCKS).flat_map(block));
        let initrd = format!("{}:{:x}", initrd.len(), sum_of(&initrd));
        Ok(Self { scratch, files, initrd, kernel: format!("{kernel:x}") })
    }

    /// Path of a side's disk.
    pub fn image(&self, side: &str) -> PathBuf {
        self.scratch.path(&format!("{side}.raw"))
    }

    /// Makes the disk with this boot loader.
    ///
    /// # Errors
    /// When a tool is missing or fails.
    pub fn with(&self, side: &str, loader: &Path) -> Result<PathBuf> {
        let (esp, image) = (self.scratch.path("esp"), self.image(side));
        let kib = ((ESP[1] - ESP[0]) << 10).to_string();
        let _ = fs::remove_file(&esp);
        run(
            "mkfs.vfat",
            &["-F", "32", "-s", "1", "-C"]
                .map(OsStr::new)
                .into_iter()
                .chain([esp.as_ref(), kib.as_ref()])
                .collect::<Vec<_>>(),
        )?;
        let mtools = |program: &str, arguments: &[&OsStr]| {
            run(program, &[&[OsStr::new("-i"), esp.as_ref()], arguments].concat())
        };
        mtools("mmd", &["::/EFI", "::/EFI/BOOT", "::/EFI/bench"].map(OsStr::new))?;
        let own = format!("::/EFI/BOOT/{}", program_name(self.files.arch));
        mtools("mcopy", &[self.files.start.as_ref(), own.as_ref()])?;
        mtools("mcopy", &[loader.as_ref(), "::/EFI/bench/loader.efi".as_ref()])?;
        File::create(&image)?.set_len((SYSTEM[1] + 1) * MIB)?;
        let sectors = |[start, end]: [u64; 2]| format!("{}:{}", start * 2048, end * 2048 - 1);
        let parts = [format!("--new=1:{}", sectors(ESP)), format!("--new=2:{}", sectors(SYSTEM))];
        let [esp_part, system_part] = [parts[0].as_ref(), parts[1].as_ref()];
        let kind = OsStr::new("--typecode=1:ef00");
        run("sgdisk", &["--clear".as_ref(), esp_part, kind, system_part, image.as_ref()])?;
        place(&esp, &image, ESP[0])?;
        place(&self.scratch.path("system"), &image, SYSTEM[0])?;
        Ok(image)
    }
}

/// Copies a file to this MiB of another, skipping empty blocks.
fn place(from: &Path, to: &Path, mib: u64) -> Result<()> {
    let (mut from, to) = (File::open(from)?, File::options().write(true).open(to)?);
    let mut bytes = vec![0; 1 << 20];
    let mut offset = mib * MIB;
    loop {
        let length = from.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        if bytes[..length].iter().any(|byte| *byte != 0) {
            to.write_all_at(&bytes[..length], offset)?;
        }
        offset += length as u64;
    }
}

/// The kernel's file, with a version in its header from which on GRUB assumes that Linux asks for its initrd itself
/// (`MajorImageVersion`; include/linux/pe.h: LINUX_EFISTUB_MAJOR_VERSION).
fn kernel(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let no_program = || format!("{} is not a PE file", file.display());
    let start = bytes.get(0x3c..).and_then(|rest| rest.first_chunk().copied()).with_context(no_program)?;
    // After the signature and IMAGE_FILE_HEADER.
    let at = usize::try_from(u32::from_le_bytes(start))?.checked_add(4 + 20 + 44).with_context(no_program)?;
    let field = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()).with_context(no_program)?;
    *field = 3u16.to_le_bytes();
    Ok(bytes)
}

fn grub_cfg() -> String {
    format!(
        "set default=0\nset timeout=0\n\nmenuentry 'bench' {{\n\tsearch --no-floppy --fs-uuid --set=root {ROOT}\n\t\
         linux /boot/vmlinuz-1.0-bench {OPTIONS}\n\tinitrd /boot/initrd.img-1.0-bench\n}}\n"
    )
}

/// The default boot file of a medium (UEFI 2.11, section 3.5.1.1).
fn program_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "BOOTX64.EFI",
        Arch::Aarch64 => "BOOTAA64.EFI",
        Arch::Riscv64 => "BOOTRISCV64.EFI",
        Arch::Loongarch64 => "BOOTLOONGARCH64.EFI",
    }
}
