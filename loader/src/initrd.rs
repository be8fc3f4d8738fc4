// SPDX-License-Identifier: BSD-3-Clause
//! The initial RAM disk, offered to the kernel through LoadFile2.
//!
//! Linux's EFI stub looks for a handle with the vendor media device path of [`INITRD_MEDIA`] and asks its
//! LoadFile2 for the bytes (kernel: drivers/firmware/efi/libstub/efi-stub-helper.c).

use alloc::{boxed::Box, vec::Vec};
use core::{ffi::c_void, pin::Pin, ptr};

use uefi::{
    Guid, Handle, Identify, Status, boot, guid,
    proto::device_path::{DevicePath, DeviceSubType, DeviceType},
};
use uefi_raw::{
    Boolean,
    protocol::{device_path::DevicePathProtocol, media::LoadFile2Protocol},
};

/// LINUX_EFI_INITRD_MEDIA_GUID
const INITRD_MEDIA: Guid = guid!("5568e427-68fc-4f3d-ac74-ca555231cc68");

/// Bytes of the smallest initial RAM disk that is published; Linux ignores zeros after an archive.
///
/// On riscv64, Linux claims all memory from its image up to the next 2 MiB boundary (`setup_bootmem` of
/// arch/riscv/mm/init.c), but its EFI stub frees the unused part of it (`efi_allocate_pages_aligned` of
/// drivers/firmware/efi/libstub/alignedmem.c) and may put a smaller initrd there, which the kernel then refuses:
/// "overlaps in-use memory region".
const LEAST: usize = if cfg!(target_arch = "riscv64") { 2 << 20 } else { 0 };

/// A published initial RAM disk: withdrawn, and its memory freed, when dropped.
pub struct Initrd {
    handle: Handle,
    path: Pin<Box<Path>>,
    file: Pin<Box<File>>,
}

/// A vendor media device path with its end.
#[repr(C, packed)]
struct Path {
    node: [u8; 4],
    vendor: Guid,
    end: [u8; 4],
}

/// The protocol, and the bytes behind it: `this` of a call is the address of both.
#[repr(C)]
struct File {
    protocol: LoadFile2Protocol,
    bytes: Vec<u8>,
}

impl Initrd {
    /// Publishes `bytes`.
    ///
    /// # Errors
    /// The firmware refuses to install a protocol.
    pub fn publish(mut bytes: Vec<u8>) -> uefi::Result<Self> {
        // Saturates if there are enough bytes.
        let missing = LEAST.saturating_sub(bytes.len());
        bytes.extend(core::iter::repeat_n(0, missing));
        let path = Box::pin(Path {
            node: [DeviceType::MEDIA.0, DeviceSubType::MEDIA_VENDOR.0, 20, 0],
            vendor: INITRD_MEDIA,
            end: [DeviceType::END.0, DeviceSubType::END_ENTIRE.0, 4, 0],
        });
        let file = Box::pin(File { protocol: LoadFile2Protocol { load_file }, bytes });
        // SAFETY: the GUID is that of the device path protocol, and `path` is a well-formed device path that
        // stays where it is until `drop` has withdrawn it.
        let handle = unsafe {
            boot::install_protocol_interface(None, &DevicePath::GUID, ptr::from_ref(&*path).cast::<c_void>())
        }?;
        // From here on `drop` cleans up.
        let this = Self { handle, path, file };
        // SAFETY: the GUID is LoadFile2's, and `file` starts with its interface (`repr(C)`) and stays where it
        // is until `drop` has withdrawn it.
        unsafe {
            boot::install_protocol_interface(Some(handle), &LoadFile2Protocol::GUID, this.interface())?;
        }
        Ok(this)
    }

    fn interface(&self) -> *const c_void {
        ptr::from_ref(&*self.file).cast()
    }
}

impl Drop for Initrd {
    fn drop(&mut self) {
        // A failure means that the interface was never installed.
        // SAFETY: the interface is the one that `publish` installed; the kernel that may have used it has
        // returned, and keeps no reference (it asks once, then copies).
        let _ = unsafe {
            boot::uninstall_protocol_interface(self.handle, &LoadFile2Protocol::GUID, self.interface())
        };
        let path = ptr::from_ref(&*self.path).cast();
        // SAFETY: as above.
        let _ = unsafe { boot::uninstall_protocol_interface(self.handle, &DevicePath::GUID, path) };
    }
}

/// EFI_LOAD_FILE2_PROTOCOL.LoadFile (UEFI 2.11, section 13.2): returns the size, or fills the caller's buffer.
unsafe extern "efiapi" fn load_file(
    this: *mut LoadFile2Protocol,
    _path: *const DevicePathProtocol,
    boot_policy: Boolean,
    buffer_size: *mut usize,
    buffer: *mut c_void,
) -> Status {
    if this.is_null() || buffer_size.is_null() {
        return Status::INVALID_PARAMETER;
    }
    if bool::from(boot_policy) {
        return Status::UNSUPPORTED;
    }
    // SAFETY: not null, and the only interface with this function is the first field of a pinned `File`.
    let bytes = unsafe { &(*this.cast::<File>()).bytes };
    // SAFETY: not null; the specification makes it a valid pointer to a size, in and out.
    let room = unsafe { buffer_size.replace(bytes.len()) };
    if buffer.is_null() || room < bytes.len() {
        return Status::BUFFER_TOO_SMALL;
    }
    // SAFETY: the caller's buffer has `room` bytes, at least as many as are copied, and our own memory is not
    // part of it.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast(), bytes.len()) };
    Status::SUCCESS
}
