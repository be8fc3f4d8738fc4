// SPDX-License-Identifier: BSD-3-Clause
//! The Boot Loader Interface: what loader and operating system tell each other by variables.
//!
//! Spec: systemd, "The Boot Loader Interface"; names and bits as in src/fundamental/efivars-fundamental.h of
//! systemd 262. All are of the vendor [`VENDOR`]; texts are those of [`text`].

use alloc::{format, string::String, vec::Vec};

use crate::text;

/// The vendor GUID of these variables.
pub const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Written: when the loader started, microseconds since power-on, decimal.
pub const TIME_INIT: &str = "LoaderTimeInitUSec";
/// Written: when the loader started the chosen entry.
pub const TIME_EXEC: &str = "LoaderTimeExecUSec";
/// Written: name and version of the loader.
pub const INFO: &str = "LoaderInfo";
/// Written: the firmware's vendor and revision.
pub const FIRMWARE_INFO: &str = "LoaderFirmwareInfo";
/// Written: the firmware's kind and version: `UEFI 2.70`.
pub const FIRMWARE_TYPE: &str = "LoaderFirmwareType";
/// Written: [`FEATURES`], 64 bits.
pub const FEATURES_NAME: &str = "LoaderFeatures";
/// Written: the GUID of the partition that the loader was started from.
pub const DEVICE_PART_UUID: &str = "LoaderDevicePartUUID";
/// Written: path of the loader's file there.
pub const IMAGE_IDENTIFIER: &str = "LoaderImageIdentifier";
/// Written: the identifiers of all entries, a list.
pub const ENTRIES: &str = "LoaderEntries";
/// Written: the identifier of the entry that is started.
pub const ENTRY_SELECTED: &str = "LoaderEntrySelected";
/// Written: path of the file whose name counts the tries of the entry that is started.
pub const BOOT_COUNT_PATH: &str = "LoaderBootCountPath";
/// Read: the entry to start, until it is set anew.
pub const ENTRY_DEFAULT: &str = "LoaderEntryDefault";
/// Read and written: the entry that was started last, kept while the default is [`SAVED`].
pub const ENTRY_LAST_BOOTED: &str = "LoaderEntryLastBooted";
/// Read and removed: the entry to start this time.
pub const ENTRY_ONE_SHOT: &str = "LoaderEntryOneShot";
/// Read: how long the menu waits, as systemd writes it.
pub const CONFIG_TIMEOUT: &str = "LoaderConfigTimeout";
/// Read and removed: the same for this time.
pub const CONFIG_TIMEOUT_ONE_SHOT: &str = "LoaderConfigTimeoutOneShot";

/// What this loader can do: the two timeouts (bits 0, 1), default and one-shot entry (2, 3), counting of tries (4), a
/// separate boot partition (5), sort keys (8), the saved entry (9), device trees of entries (10), `menu-disabled` (13).
pub const FEATURES: u64 =
    1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 13;

/// The value of the default that means the entry started last.
pub const SAVED: &str = "@saved";

/// Identifier of the entry that opens the firmware's setup.
pub const FIRMWARE_SETUP: &str = "auto-reboot-to-firmware-setup";

/// EFI_OS_INDICATIONS_BOOT_TO_FW_UI, a bit of the global variables `OsIndications` and
/// `OsIndicationsSupported` (UEFI 2.11, section 8.5.4).
pub const BOOT_TO_FIRMWARE_SETUP: u64 = 1;

/// Whether systemd accepts a text as an entry's identifier: letters, digits and `+-_.`, at most 200 bytes, not `.` or
/// `..`.
pub fn is_valid_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
    (1..=200).contains(&id.len()) && !matches!(id, "." | "..") && id.bytes().all(is_allowed)
}

/// A point in time for one of the time variables.
pub fn microseconds(time: u64) -> Vec<u8> {
    text::encode(&format!("{time}"))
}

/// Revision of the UEFI specification, as the system table has it, for [`FIRMWARE_TYPE`].
pub fn firmware_type(major: u16, minor: u16) -> String {
    format!("UEFI {major}.{minor:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_of_systemd() {
        for id in ["debian.conf", "a+b-c_d.efi", "auto-windows", FIRMWARE_SETUP] {
            assert!(is_valid_id(id), "{id}");
        }
        for id in ["", ".", "..", "a b", "a/b", "a>b", "ü", &"a".repeat(201)] {
            assert!(!is_valid_id(id), "{id}");
        }
    }

    #[test]
    fn numbers_are_text() {
        assert_eq!(microseconds(17), [0x31, 0, 0x37, 0, 0, 0]);
        assert_eq!(firmware_type(2, 7), "UEFI 2.07");
    }
}
