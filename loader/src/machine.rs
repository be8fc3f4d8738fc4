// SPDX-License-Identifier: BSD-3-Clause
//! Settings from the machine's configuration: SMBIOS strings, and QEMU's fw_cfg.

use alloc::{vec, vec::Vec};
use core::slice;

use efi::{fw_cfg, smbios};
use uefi::{system, table::cfg::ConfigTableEntry};

/// Our file in fw_cfg.
const FILE: &str = "opt/org.cloudboot/cmdline";
/// Longer files are ignored: they are not command lines.
const LONGEST: u32 = 64 * 1024;

/// The table of SMBIOS structures; empty where there is none.
pub fn smbios_table() -> &'static [u8] {
    let found = |guid| {
        let address = |entry: &ConfigTableEntry| (entry.guid == guid).then_some(entry.address);
        system::with_config_table(|table| table.iter().find_map(address))
    };
    let point = found(ConfigTableEntry::SMBIOS3_GUID).or_else(|| found(ConfigTableEntry::SMBIOS_GUID));
    let Some(point) = point.filter(|address| !address.is_null()) else { return &[] };
    // SAFETY: the firmware's configuration table leads to an entry point, which has at least these bytes and stays
    // where it is.
    let point = unsafe { slice::from_raw_parts(point.cast::<u8>(), smbios::EntryPoint::SIZE) };
    let Some(point) = smbios::EntryPoint::parse(point).filter(|point| point.address != 0) else { return &[] };
    let (Ok(address), Ok(length)) = (usize::try_from(point.address), usize::try_from(point.length)) else {
        return &[];
    };
    // SAFETY: the entry point's checksum is right, so that the table stands there, for as long as the machine runs;
    // its memory is mapped one to one, as all memory before ExitBootServices is, and nobody writes to it.
    unsafe { slice::from_raw_parts(address as *const u8, length) }
}

/// The command line in fw_cfg, if the machine has that device and the file exists.
pub fn fw_cfg_cmdline(table: &[u8]) -> Option<Vec<u8>> {
    // Other machines may have something else at the device's address.
    if smbios::manufacturer(table).as_deref() != Some("QEMU") || read(fw_cfg::SIGNATURE, 4) != fw_cfg::MAGIC {
        return None;
    }
    let count = u32::from_be_bytes(*read(fw_cfg::DIRECTORY, 4).first_chunk()?).min(fw_cfg::MOST);
    let directory = read(fw_cfg::DIRECTORY, 4 + fw_cfg::ENTRY * usize::try_from(count).ok()?);
    let file = fw_cfg::find(directory.get(4..)?, FILE).filter(|file| file.size <= LONGEST)?;
    Some(read(file.selector, usize::try_from(file.size).ok()?))
}

/// The first bytes of an item.
fn read(selector: u16, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    device::select(selector);
    bytes.iter_mut().for_each(|byte| *byte = device::next());
    bytes
}

#[cfg(target_arch = "x86_64")]
mod device {
    use core::arch::asm;

    /// Selects an item; reading starts at its first byte.
    pub fn select(item: u16) {
        // SAFETY: on a machine of QEMU's, which the caller has made sure of, this port is fw_cfg's selector.
        unsafe {
            asm!("out dx, ax", in("dx") 0x510u16, in("ax") item, options(nomem, nostack, preserves_flags))
        };
    }

    /// The item's next byte.
    pub fn next() -> u8 {
        let byte: u8;
        // SAFETY: as above; this port is its data, and reading it only moves on.
        unsafe {
            asm!("in al, dx", in("dx") 0x511u16, out("al") byte, options(nomem, nostack, preserves_flags))
        };
        byte
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod device {
    /// Where QEMU's machine `virt` has its fw_cfg: eight bytes of data, the selector behind them.
    #[cfg(target_arch = "aarch64")]
    const BASE: usize = 0x0902_0000;
    #[cfg(target_arch = "riscv64")]
    const BASE: usize = 0x1010_0000;
    #[cfg(target_arch = "loongarch64")]
    const BASE: usize = 0x1e02_0000;

    /// Selects an item; reading starts at its first byte.
    pub fn select(item: u16) {
        // SAFETY: on a machine of QEMU's, which the caller has made sure of, this is fw_cfg's selector, big-endian,
        // and the firmware, which uses it itself, has mapped it.
        unsafe { ((BASE + 8) as *mut u16).write_volatile(item.to_be()) };
    }

    /// The item's next byte.
    pub fn next() -> u8 {
        // SAFETY: as above; this is its data, and reading it only moves on.
        unsafe { (BASE as *const u8).read_volatile() }
    }
}
