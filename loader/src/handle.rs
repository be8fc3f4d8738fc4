// SPDX-License-Identifier: BSD-3-Clause
//! Protocols and device path of a firmware handle.

use alloc::vec::Vec;

use uefi::{
    Handle,
    boot::{self, OpenProtocolAttributes, OpenProtocolParams, ScopedProtocol},
    proto::{ProtocolPointer, device_path::DevicePath},
};

/// Opens a protocol of `handle` without taking it from the drivers that use it.
pub fn open<P: ProtocolPointer + ?Sized>(handle: Handle) -> Option<ScopedProtocol<P>> {
    let params = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: GET_PROTOCOL does not keep the firmware from removing the protocol, and every caller is done with it
    // before it calls anything that may (`StartImage`, `ConnectController`) or waits for a key. A handle that is
    // gone is refused: the firmware looks it up among those that exist.
    unsafe { boot::open_protocol::<P>(params, OpenProtocolAttributes::GetProtocol) }.ok()
}

/// The device path of a handle; empty if it has none.
pub fn path_bytes(handle: Handle) -> Vec<u8> {
    open::<DevicePath>(handle).map(|path| path.as_bytes().to_vec()).unwrap_or_default()
}
