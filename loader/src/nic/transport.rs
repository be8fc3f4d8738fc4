// SPDX-License-Identifier: BSD-3-Clause
//! Virtio over PCI (virtio 1.2, section 4.1), the modern interface only: registers in memory BARs.

use core::{fmt, ptr::NonNull};

use uefi::{Handle, Status, boot::ScopedProtocol};

use crate::nic::{
    pci::{self, PciIo, Width},
    ring::Ring,
    running::{self, Running, StopMethod},
};

/// Why a device cannot be driven.
pub enum Fault {
    /// A step that failed, and the firmware's status.
    Firmware(&'static str, Status),
    /// What is wrong with the device, or what it lacks.
    Device(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firmware(what, status) => write!(f, "{what}: EFI status {status}"),
            Self::Device(what) => f.write_str(what),
        }
    }
}

impl From<uefi::Error> for Fault {
    fn from(error: uefi::Error) -> Self {
        Self::Firmware("a register cannot be accessed", error.status())
    }
}

/// Bits of the status register (section 2.1).
pub mod status {
    /// The device was found.
    pub const ACKNOWLEDGE: u8 = 1;
    /// A driver for it exists.
    pub const DRIVER: u8 = 2;
    /// Setup is complete: the device may use its queues.
    pub const DRIVER_OK: u8 = 4;
    /// The features are negotiated.
    pub const FEATURES_OK: u8 = 8;
}

/// Offsets of `struct virtio_pci_common_cfg` (section 4.1.4.3).
mod common {
    pub const DEVICE_FEATURE_SELECT: u64 = 0x00;
    pub const DEVICE_FEATURE: u64 = 0x04;
    pub const DRIVER_FEATURE_SELECT: u64 = 0x08;
    pub const DRIVER_FEATURE: u64 = 0x0c;
    pub const DEVICE_STATUS: u64 = 0x14;
    pub const QUEUE_SELECT: u64 = 0x16;
    pub const QUEUE_SIZE: u64 = 0x18;
    pub const QUEUE_ENABLE: u64 = 0x1c;
    pub const QUEUE_NOTIFY_OFF: u64 = 0x1e;
    /// Descriptors, available and used ring: 8 bytes each.
    pub const QUEUE_ADDRESSES: [u64; 3] = [0x20, 0x28, 0x30];
}

/// Values of `cfg_type` (section 4.1.4).
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const DEVICE: u8 = 4;

/// Location of a structure of registers.
#[derive(Clone, Copy)]
struct Window {
    bar: u8,
    offset: u64,
}

/// A device that was reset and is being set up. It is reset again when this is dropped.
pub struct Transport {
    running: Running,
    pci: ScopedProtocol<PciIo>,
    common: Window,
    notify: Window,
    /// Bytes between the notification registers of two queues (`notify_off_multiplier`).
    multiplier: u32,
    device: Window,
}

impl Transport {
    /// Takes the device of a handle from the firmware's drivers and resets it.
    ///
    /// # Errors
    /// Why that is not possible, for example because a driver of the firmware is in use.
    pub fn take(handle: Handle) -> Result<Self, Fault> {
        let refused = |what| move |error: uefi::Error| Fault::Firmware(what, error.status());
        let pci = pci::take(handle).map_err(refused("another driver does not release it"))?;
        let function = pci.get().ok_or(Fault::Device("the firmware gives no access to its registers"))?;
        let window = |kind| window(function, kind).ok_or(Fault::Device("no modern interface"));
        let (common, device) = (window(COMMON)?.0, window(DEVICE)?.0);
        let (notify, capability) = window(NOTIFY)?;
        let multiplier = function.configuration(capability + 16)?;
        function.decode_memory().map_err(refused("its memory BARs cannot be enabled"))?;
        let status = common.offset + common::DEVICE_STATUS;
        let method = StopMethod::Virtio { pci: NonNull::from(function), bar: common.bar, status };
        // SAFETY: the interface stays as long as the function is taken, which `pci` is until after `running`: fields
        // are dropped in their order.
        let running = unsafe { Running::note(method) }
            .ok_or(Fault::Device("no way to stop it when firmware services end"))?;
        let this = Self { running, pci, common, notify, multiplier, device };
        let function = this.function();
        if !running::reset(function, common.bar, status) {
            return Err(Fault::Device("it cannot be reset"));
        }
        // SAFETY: the device was reset.
        unsafe { function.master_bus() }.map_err(refused("bus mastering cannot be enabled"))?;
        Ok(this)
    }

    fn function(&self) -> &PciIo {
        &self.pci
    }

    /// Resets the device. True if it certainly no longer uses memory.
    pub fn stop(&self) -> bool {
        self.running.stop()
    }

    /// The status.
    ///
    /// # Errors
    /// The register cannot be accessed, as with all that follow.
    pub fn status(&self) -> Result<u8, Fault> {
        Ok(self.read(self.common, common::DEVICE_STATUS, Width::Eight)?.to_le_bytes()[0])
    }

    /// Sets the status.
    pub fn set_status(&self, status: u8) -> Result<(), Fault> {
        self.write(self.common, common::DEVICE_STATUS, Width::Eight, u32::from(status))
    }

    /// The features that the device offers.
    pub fn offered(&self) -> Result<u64, Fault> {
        let half = |number| {
            self.write(self.common, common::DEVICE_FEATURE_SELECT, Width::ThirtyTwo, number)?;
            self.read(self.common, common::DEVICE_FEATURE, Width::ThirtyTwo)
        };
        Ok(u64::from(half(0)?) | u64::from(half(1)?) << 32)
    }

    /// Tells the device which features are used.
    pub fn accept(&self, features: u64) -> Result<(), Fault> {
        for (number, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.write(self.common, common::DRIVER_FEATURE_SELECT, Width::ThirtyTwo, number)?;
            self.write(self.common, common::DRIVER_FEATURE, Width::ThirtyTwo, half)?;
        }
        Ok(())
    }

    /// Creates a queue of at most `most` descriptors; also returns how to notify it.
    pub fn queue(&self, number: u16, most: u16) -> Result<(Ring, Notifier), Fault> {
        self.write(self.common, common::QUEUE_SELECT, Width::Sixteen, u32::from(number))?;
        let size = self.read(self.common, common::QUEUE_SIZE, Width::Sixteen)? as u16;
        let ring = Ring::new(size.min(most)).ok_or(Fault::Device("no queue, or no memory for one"))?;
        self.write(self.common, common::QUEUE_SIZE, Width::Sixteen, u32::from(ring.size()))?;
        for (offset, address) in common::QUEUE_ADDRESSES.into_iter().zip(ring.addresses()) {
            self.write(self.common, offset, Width::ThirtyTwo, address as u32)?;
            self.write(self.common, offset + 4, Width::ThirtyTwo, (address >> 32) as u32)?;
        }
        let place = self.read(self.common, common::QUEUE_NOTIFY_OFF, Width::Sixteen)?;
        self.write(self.common, common::QUEUE_ENABLE, Width::Sixteen, 1)?;
        Ok((ring, Notifier { number, offset: u64::from(place) * u64::from(self.multiplier) }))
    }

    /// Notifies the device of a queue.
    pub fn notify(&self, notifier: &Notifier) {
        // Setup used the same access, so this hardly fails; lost frames are sent again.
        let _ = self.write(self.notify, notifier.offset, Width::Sixteen, u32::from(notifier.number));
    }

    /// A byte of the device's own configuration.
    pub fn configuration(&self, offset: u64) -> Result<u8, Fault> {
        Ok(self.read(self.device, offset, Width::Eight)?.to_le_bytes()[0])
    }

    /// Two bytes of it, `offset` being even.
    pub fn configuration_half(&self, offset: u64) -> Result<u16, Fault> {
        Ok(self.read(self.device, offset, Width::Sixteen)? as u16)
    }

    fn read(&self, window: Window, offset: u64, width: Width) -> Result<u32, Fault> {
        Ok(self.function().read(window.bar, window.offset + offset, width)?)
    }

    fn write(&self, window: Window, offset: u64, width: Width, value: u32) -> Result<(), Fault> {
        // SAFETY: of the registers that this file writes, the addresses of queues alone have the device use memory.
        // They are those of a `Ring`, which frees nothing that the device knows of unless it was reset.
        unsafe { self.function().write(window.bar, window.offset + offset, width, value) }?;
        Ok(())
    }
}

/// How a queue is notified.
pub struct Notifier {
    number: u16,
    offset: u64,
}

/// Location of the structure of this type, and of its capability (section 4.1.4).
fn window(pci: &PciIo, kind: u8) -> Option<(Window, u32)> {
    pci.vendor_capabilities().into_iter().find_map(|capability| {
        let [.., found] = pci.configuration(capability).ok()?.to_le_bytes();
        let [bar, ..] = pci.configuration(capability + 4).ok()?.to_le_bytes();
        let offset = pci.configuration(capability + 8).ok()?.into();
        (found == kind).then_some((Window { bar, offset }, capability))
    })
}
