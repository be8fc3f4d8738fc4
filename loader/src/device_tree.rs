// SPDX-License-Identifier: BSD-3-Clause
//! A device tree in place of the firmware's: an entry of the configuration table.
//!
//! Spec: EBBR 2.2, section "Devicetree"; Linux reads the same entry (drivers/firmware/efi/libstub/fdt.c).

use core::{ffi::c_void, ptr};

use flow::{Refused, codes};
use uefi::{
    Guid,
    boot::{self, AllocateType},
    guid,
    mem::memory_map::MemoryType,
    system,
};

use crate::loaded::refused;

/// EFI_DTB_TABLE_GUID
static DTB_TABLE: Guid = guid!("b1b621d5-f19c-41a5-830b-d9152c69aae0");
/// Spare bytes behind the tree, for whatever extends it in place.
const ROOM: usize = 64 * 1024;
const PAGE: usize = 4096;

/// An installed tree. When it is dropped, because the kernel returned, the firmware's own is installed again.
pub struct Tree {
    pages: ptr::NonNull<u8>,
    count: usize,
    before: *const c_void,
}

impl Tree {
    /// Installs a copy of `bytes`, a whole flattened device tree.
    ///
    /// # Errors
    /// The machine is locked (a tree is not signed, and describes memory and devices to the kernel), or the firmware has
    /// no memory or no room for the entry.
    pub fn install(bytes: &[u8], is_locked: bool) -> Result<Self, Refused> {
        if is_locked {
            return Err(Refused {
                code: codes::DEVICE_TREE,
                cause: "this machine is locked (by Secure Boot or a built-in key), so the unsigned device tree is not \
                        installed; remove the devicetree line"
                    .into(),
            });
        }
        let failed =
            |error: uefi::Error| refused(codes::DEVICE_TREE, "the device tree is not installed", &error);
        let count = (bytes.len() + ROOM).div_ceil(PAGE);
        let pages =
            boot::allocate_pages(AllocateType::AnyPages, MemoryType::ACPI_RECLAIM, count).map_err(failed)?;
        let before = current();
        // From here on `drop` cleans up.
        let this = Self { pages, count, before };
        // SAFETY: the pages are ours, at least as long, and no reference to them exists.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pages.as_ptr(), bytes.len()) };
        // SAFETY: the GUID is static and names a device tree, which stands there until `drop` takes it away.
        unsafe { boot::install_configuration_table(&DTB_TABLE, pages.as_ptr().cast()) }.map_err(failed)?;
        Ok(this)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: the GUID is static; the pointer is the one that the firmware itself had installed, or null,
        // which removes the entry. A failure means that there is no entry.
        let _ = unsafe { boot::install_configuration_table(&DTB_TABLE, self.before) };
        // SAFETY: `install` allocated these pages, and the table does not lead to them any more.
        let _ = unsafe { boot::free_pages(self.pages, self.count) };
    }
}

/// The tree that is installed now, or null.
fn current() -> *const c_void {
    system::with_config_table(|table| {
        table.iter().find(|entry| entry.guid == DTB_TABLE).map_or(ptr::null(), |entry| entry.address)
    })
}
