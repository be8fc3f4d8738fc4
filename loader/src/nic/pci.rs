// SPDX-License-Identifier: BSD-3-Clause
//! PCI functions, through the firmware's EFI_PCI_IO_PROTOCOL (UEFI 2.11, section 14.4).
//!
//! Registers are also accessed through the firmware, not by address: it knows where a BAR is, and whether the bus
//! translates addresses.

use alloc::vec::Vec;
use core::{ffi::c_void, ptr};

use uefi::{
    Handle, Status, StatusExt,
    boot::{self, ScopedProtocol},
    proto::unsafe_protocol,
};

use crate::handle::open;

/// The protocol; functions that are not used here are untyped pointers.
#[repr(C)]
#[unsafe_protocol("4cf5b200-68b8-4ca5-9eec-b23e3f50029a")]
pub struct PciIo {
    poll: [*const c_void; 2],
    mem_read: MemoryAccess,
    mem_write: MemoryAccess,
    io: [*const c_void; 2],
    pci_read: ConfigurationAccess,
    pci_write: ConfigurationAccess,
    dma: [*const c_void; 6],
    get_location: *const c_void,
    attributes: unsafe extern "efiapi" fn(*const Self, u32, u64, *mut u64) -> Status,
}

type MemoryAccess =
    unsafe extern "efiapi" fn(*const PciIo, Width, bar: u8, offset: u64, count: usize, *mut c_void) -> Status;
type ConfigurationAccess =
    unsafe extern "efiapi" fn(*const PciIo, Width, offset: u32, count: usize, *mut c_void) -> Status;

/// EFI_PCI_IO_PROTOCOL_WIDTH: how many bits are moved at once.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum Width {
    Eight = 0,
    Sixteen = 1,
    ThirtyTwo = 2,
}

/// EfiPciIoAttributeOperationEnable
const ENABLE: u32 = 2;
/// EFI_PCI_IO_ATTRIBUTE_MEMORY: memory BARs are decoded.
const MEMORY: u64 = 0x0200;
/// EFI_PCI_IO_ATTRIBUTE_BUS_MASTER: the function may use memory.
const BUS_MASTER: u64 = 0x0400;

/// Offsets in configuration space (PCI 3.0, section 6.1).
const ID: u32 = 0x00;
const COMMAND_AND_STATUS: u32 = 0x04;
const CLASS: u32 = 0x08;
const CAPABILITIES: u32 = 0x34;
/// In the upper half of `COMMAND_AND_STATUS`: there is a list of capabilities.
const HAS_CAPABILITIES: u32 = 1 << (16 + 4);
/// Vendor-specific.
const CAPABILITY_VENDOR: u8 = 0x09;
/// As many as fit after the header of 64 bytes, so that a circular list ends.
const MOST_CAPABILITIES: usize = 48;
/// The class of network controllers.
const NETWORK: u32 = 2;

/// The id of the function behind a handle, if it is a network card: device id in the upper half, vendor id in the
/// lower.
pub fn network_card(handle: Handle) -> Option<u32> {
    let pci = open::<PciIo>(handle)?;
    let pci = pci.get()?;
    (pci.configuration(CLASS).ok()? >> 24 == NETWORK).then_some(())?;
    pci.configuration(ID).ok()
}

impl PciIo {
    /// Reads 32 bits of configuration space at `offset`, a multiple of 4.
    ///
    /// # Errors
    /// The firmware's status.
    pub fn configuration(&self, offset: u32) -> uefi::Result<u32> {
        let mut value = 0u32;
        let to = ptr::from_mut(&mut value).cast();
        // SAFETY: `to` has room for one value of 32 bits, and `self` is the firmware's own interface. Reading
        // configuration space changes nothing.
        unsafe { (self.pci_read)(self, Width::ThirtyTwo, offset, 1, to) }.to_result_with_val(|| value)
    }

    /// Reads a register at `offset` of a BAR.
    ///
    /// # Errors
    /// The firmware's status; it refuses offsets outside of the BAR.
    pub fn read(&self, bar: u8, offset: u64, width: Width) -> uefi::Result<u32> {
        let mut value = 0u32;
        let to = ptr::from_mut(&mut value).cast();
        // SAFETY: `to` has room for one value of every width, the lower bytes first on all architectures, and `self`
        // is the firmware's own interface.
        unsafe { (self.mem_read)(self, width, bar, offset, 1, to) }.to_result_with_val(|| value)
    }

    /// Writes a register at `offset` of a BAR.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Safety
    /// The value does not have the device use memory that was not given to it.
    pub unsafe fn write(&self, bar: u8, offset: u64, width: Width, value: u32) -> uefi::Result {
        let mut value = value;
        let from = ptr::from_mut(&mut value).cast();
        // SAFETY: `from` has one value of every width, the lower bytes first on all architectures, which the firmware
        // only reads; `self` is its own interface; what the write does is the caller's promise.
        unsafe { (self.mem_write)(self, width, bar, offset, 1, from) }.to_result()
    }

    /// Enables the function's memory BARs. They are off where the firmware's driver uses I/O ports.
    ///
    /// # Errors
    /// The firmware's status.
    pub fn decode_memory(&self) -> uefi::Result {
        // SAFETY: `self` is the firmware's own interface, this operation has no result to be stored, and registers that
        // can be reached do nothing by themselves.
        unsafe { (self.attributes)(self, ENABLE, MEMORY, ptr::null_mut()) }.to_result()
    }

    /// Enables bus mastering: the function may access memory.
    ///
    /// # Errors
    /// The firmware's status.
    ///
    /// # Safety
    /// It was told to use none but what was given to it, as after a reset.
    pub unsafe fn master_bus(&self) -> uefi::Result {
        // SAFETY: `self` is the firmware's own interface, and this operation has no result to be stored; what the
        // function does is the caller's promise.
        unsafe { (self.attributes)(self, ENABLE, BUS_MASTER, ptr::null_mut()) }.to_result()
    }

    /// Offsets of the vendor-specific capabilities in configuration space.
    pub fn vendor_capabilities(&self) -> Vec<u32> {
        let read = |offset| self.configuration(offset).ok();
        let has_list = read(COMMAND_AND_STATUS).is_some_and(|status| status & HAS_CAPABILITIES != 0);
        let first = if has_list { read(CAPABILITIES) } else { None };
        let mut next = first.map(|word| word & 0xfc).filter(|offset| *offset != 0);
        let mut found = Vec::new();
        for _ in 0..MOST_CAPABILITIES {
            let Some((offset, word)) = next.and_then(|offset| Some((offset, read(offset)?))) else { break };
            let [id, following, ..] = word.to_le_bytes();
            if id == CAPABILITY_VENDOR {
                found.push(offset);
            }
            next = Some(u32::from(following & 0xfc)).filter(|offset| *offset != 0);
        }
        found
    }
}

/// Takes a function from the firmware's drivers until the result is dropped.
///
/// # Errors
/// The firmware's status; a driver that is in use refuses to release the function.
pub fn take(handle: Handle) -> uefi::Result<ScopedProtocol<PciIo>> {
    boot::open_protocol_exclusive::<PciIo>(handle)
}
