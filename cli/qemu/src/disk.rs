// SPDX-License-Identifier: BSD-3-Clause
//! Formats of disk images, recognized by how the files start or end.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom},
    os::unix::fs::{FileExt, FileTypeExt},
    path::Path,
};

use anyhow::{Result, anyhow, bail, ensure};
use block::{BlockRead, ReadError, check_bounds};
use qcow2::Qcow2;
use vhd::Vhd;

/// The format of a disk image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The bytes of the disk.
    #[default]
    Raw,
    /// QEMU's own.
    Qcow2,
    /// Virtual PC's, Hyper-V's and Azure's.
    Vhd,
}

/// First bytes of files that are mistaken for disk images, their format, and how to convert them.
const OTHERS: [(&[u8], &str, &str); 8] = [
    (b"KDMV", "VMDK", "qemu-img convert -O qcow2"),
    (b"vhdxfile", "VHDX", "qemu-img convert -O qcow2"),
    // VirtualBox and QEMU write different text after it.
    (b"<<< ", "VDI", "qemu-img convert -O qcow2"),
    (b"QED\0", "QED", "qemu-img convert -O qcow2"),
    (b"\xfd7zXZ\0", "xz", "unxz"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
    (b"\x1f\x8b", "gzip", "gunzip"),
    (b"BZh", "bzip2", "bunzip2"),
];

/// Bytes of the longest of them.
const LONGEST: usize = 8;

impl Format {
    /// The format of the image on a device.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn of_device<D: BlockRead + ?Sized>(device: &D) -> Result<Self, ReadError> {
        Ok(if qcow2::probe(device)? {
            Self::Qcow2
        } else if vhd::probe(device)? {
            Self::Vhd
        } else {
            Self::Raw
        })
    }

    /// The format of the image in a file or on a block device, if QEMU can safely open it.
    ///
    /// # Errors
    /// When it cannot be read, has another format, or names other files (backing file, external data).
    pub fn of_file(path: &Path) -> Result<Self> {
        let device = open(path)?;
        let format = Self::of_device(&device).map_err(|error| anyhow!("{error}"))?;
        match format {
            Self::Raw => {}
            Self::Qcow2 => drop(Qcow2::open(device).map_err(|error| anyhow!("{error}"))?),
            Self::Vhd => drop(Vhd::open(device).map_err(|error| anyhow!("{error}"))?),
        }
        Ok(format)
    }

    /// Settings for `-drive`, so that QEMU does not guess.
    pub fn options(self) -> String {
        let (driver, more) = self.driver();
        more.map_or_else(|| format!("format={driver}"), |more| format!("format={driver},{more}"))
    }

    /// QEMU's name of the format, and another setting.
    pub(crate) fn driver(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Raw => ("raw", None),
            Self::Qcow2 => ("qcow2", None),
            // Use the size in the footer: for some creators, QEMU would go by the geometry.
            Self::Vhd => ("vpc", Some("force_size_calc=current_size")),
        }
    }
}

/// Refuses files that are not disk images.
///
/// # Errors
/// When it cannot be read, is empty, or has an unsupported format.
pub fn check(path: &Path) -> Result<()> {
    open(path).map(drop)
}

fn open(path: &Path) -> Result<Bytes> {
    // Checked before opening: opening a pipe waits for its other end.
    let kind = fs::metadata(path)?.file_type();
    ensure!(kind.is_file() || kind.is_block_device(), "not a file or block device");
    let mut file = File::open(path)?;
    let size = file.seek(SeekFrom::End(0))?;
    ensure!(size > 0, "it is empty");
    let mut head = [0; LONGEST];
    let length = file.read_at(&mut head, 0)?;
    let head = head.get(..length).unwrap_or_default();
    if let Some((_, format, mend)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        bail!("it is {format}, not a disk image; convert it: {mend}");
    }
    Ok(Bytes { file, size })
}

/// The bytes of a file.
struct Bytes {
    file: File,
    /// How many.
    size: u64,
}

impl BlockRead for Bytes {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        self.file.read_exact_at(buf, offset).map_err(|error| ReadError::reading(offset, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    /// What is said of a file that holds `bytes`.
    fn said(name: &str, bytes: &[u8]) -> Result<Format, String> {
        let folder = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, Into::into);
        let path = folder.join(format!("qemu-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        let format = Format::of_file(&path).map_err(|why| format!("{why:#}"));
        fs::remove_file(&path).unwrap();
        format
    }

    #[test]
    fn what_is_no_image_is_said() {
        assert_eq!(said("zeros", &[0; 512]), Ok(Format::Raw));
        assert_eq!(said("cut", b"\xeb\x63\x90"), Ok(Format::Raw));
        assert_eq!(said("empty", b""), Err("it is empty".into()));
        assert_eq!(
            said("xz", b"\xfd7zXZ\0\0\x04"),
            Err("it is xz, not a disk image; convert it: unxz".into())
        );
        assert_eq!(
            said("gzip", b"\x1f\x8b\x08"),
            Err("it is gzip, not a disk image; convert it: gunzip".into())
        );
        assert!(
            said("vmdk", b"KDMV\x01\0\0\0")
                .unwrap_err()
                .contains("VMDK, not a disk image; convert it: qemu-img convert -O qcow2")
        );
    }

    /// A header of version 2 with one cluster of 64 KiB behind it, and the name of a backing file or none.
    fn qcow2(backing: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 4 << 16];
        bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x02");
        if !backing.is_empty() {
            bytes[8..16].copy_from_slice(&512u64.to_be_bytes());
            bytes[16..20].copy_from_slice(&u32::try_from(backing.len()).unwrap().to_be_bytes());
            bytes[512..512 + backing.len()].copy_from_slice(backing);
        }
        bytes[20..24].copy_from_slice(&16u32.to_be_bytes());
        bytes[24..32].copy_from_slice(&(1u64 << 20).to_be_bytes());
        bytes[36..40].copy_from_slice(&1u32.to_be_bytes());
        bytes[40..48].copy_from_slice(&(1u64 << 16).to_be_bytes());
        bytes[48..56].copy_from_slice(&(2u64 << 16).to_be_bytes());
        bytes[56..60].copy_from_slice(&1u32.to_be_bytes());
        bytes
    }

    #[test]
    fn an_image_that_names_another_file_is_refused() {
        assert_eq!(said("qcow2", &qcow2(b"")), Ok(Format::Qcow2));
        let why = said("backed", &qcow2(b"/etc/passwd")).unwrap_err();
        assert!(why.starts_with("qcow2: "), "{why}");
    }

    #[test]
    fn a_folder_and_what_is_missing_are_no_images() {
        let why = |path: &str| format!("{:#}", Format::of_file(Path::new(path)).unwrap_err());
        assert_eq!(why("/"), "not a file or block device");
        assert!(why("/nowhere/a.raw").starts_with("No such file"));
    }
}
