// SPDX-License-Identifier: BSD-3-Clause
//! The disk with the loader, made for one run with that run's root certificate.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use arch::Arch;
use peers::output;

/// The image's name in its folder.
pub const FILE: &str = "esp.img";

/// Its copy from before the record began.
pub const BEFORE: &str = "esp-before.img";
/// The image of the NoCloud volume.
const SEED: &str = "seed.img";

/// KiB: space for a loader, and enough clusters for FAT32.
const SIZE: u64 = 40960;

/// Makes a filesystem with space for a loader and `kept` more bytes.
///
/// # Panics
/// A tool fails.
pub fn format(folder: &Path, kept: u64) {
    let size = SIZE.saturating_add(kept.div_ceil(1024)).to_string();
    output(folder, "mkfs.vfat", &["-C", "-F", "32", "-s", "1", "-n", "UEFI", FILE, &size]);
}

/// Adds the loader at the default path for firmware, a root certificate as `\cloudboot\ca.pem`, and an entry as
/// `\loader\entries\net.conf`, unless it is empty.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// A tool fails.
pub fn fill(folder: &Path, arch: Arch, loader: &str, ca: &[u8], entry: &str) -> Result<()> {
    fs::write(folder.join("ca.pem"), ca)?;
    output(folder, "mmd", &["-i", FILE, "::/EFI", "::/EFI/BOOT", "::/cloudboot"]);
    output(folder, "mcopy", &["-i", FILE, "ca.pem", "::/cloudboot/ca.pem"]);
    output(folder, "mcopy", &["-i", FILE, loader, &format!("::/EFI/BOOT/{}", arch.boot_file())]);
    if !entry.is_empty() {
        fs::write(folder.join("net.conf"), entry)?;
        output(folder, "mmd", &["-i", FILE, "::/loader", "::/loader/entries"]);
        output(folder, "mcopy", &["-i", FILE, "net.conf", "::/loader/entries/net.conf"]);
    }
    Ok(())
}

/// Adds the parts of the artifact, from the folder, as an entry of the Boot Loader Specification with `mini=local` on
/// its command line.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// A tool fails.
pub fn add_local(folder: &Path) -> Result<()> {
    let options = fs::read_to_string(folder.join("cmdline.txt"))?.replace("mini=network", "mini=local");
    let entry = format!("title Local\nlinux /vmlinuz\ninitrd /initrd.img\noptions {options}\n");
    fs::write(folder.join("local.conf"), entry)?;
    output(folder, "mmd", &["-i", FILE, "::/loader", "::/loader/entries"]);
    output(folder, "mcopy", &["-i", FILE, "vmlinuz", "initrd.img", "::/"]);
    output(folder, "mcopy", &["-i", FILE, "local.conf", "::/loader/entries/local.conf"]);
    Ok(())
}

/// Makes a disk with a NoCloud volume that has this document; returns its path.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// A tool fails.
pub fn make_seed(folder: &Path, document: &str) -> Result<String> {
    fs::write(folder.join("cloudboot.json"), document)?;
    output(folder, "mkfs.vfat", &["-C", "-n", "cidata", SEED, "1024"]);
    output(folder, "mcopy", &["-i", SEED, "cloudboot.json", "::/cloudboot.json"]);
    Ok(folder.join(SEED).display().to_string())
}

/// Adds cosign's public keys, from the folder, beside the certificate.
///
/// # Panics
/// A tool fails.
pub fn add_keys(folder: &Path, names: &[String]) {
    for name in names {
        output(folder, "mcopy", &["-i", FILE, &format!("{name}.pub"), "::/cloudboot/"]);
    }
}

/// The loader's cache of images.
const CACHE: &str = "::/EFI/cloud-boot/cache";

/// Flips a bit in the middle of each part in the loader's cache.
///
/// # Errors
/// When the cache is empty.
///
/// # Panics
/// A tool fails.
pub fn change_cache(folder: &Path) -> Result<()> {
    output(folder, "mcopy", &["-s", "-n", "-i", FILE, CACHE, "."]);
    let mut changed = 0_u32;
    for slot in ["a", "b"] {
        // A slot that was never written does not exist.
        let Ok(files) = fs::read_dir(folder.join("cache").join(slot)) else { continue };
        for file in files {
            let name = file?.file_name().to_string_lossy().into_owned();
            if !name.starts_with("sha256-") {
                continue;
            }
            let path = format!("cache/{slot}/{name}");
            let mut bytes = fs::read(folder.join(&path))?;
            let middle = bytes.len() / 2;
            bytes.get_mut(middle).into_iter().for_each(|byte| *byte ^= 1);
            fs::write(folder.join(&path), bytes)?;
            output(folder, "mcopy", &["-o", "-i", FILE, &path, &format!("{CACHE}/{slot}/")]);
            changed = changed.saturating_add(1);
        }
    }
    ensure!(changed > 0, "the loader's cache is empty");
    Ok(())
}
