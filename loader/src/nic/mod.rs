// SPDX-License-Identifier: BSD-3-Clause
//! The machine's network cards.
//!
//! A virtio card is driven by ourselves, every other one by the firmware's driver, and so is a virtio card that our
//! driver cannot start. Nothing here is touched unless a boot needs the network: to take a card from the firmware ends
//! the network of the firmware on it, until its drivers are connected again.

mod pages;
mod pci;
mod ring;
mod running;
mod snp;
mod transport;
mod virtio;

use alloc::{boxed::Box, format, vec::Vec};

use efi::device_path::without_end;
use flow::Console;
use nic::Nic;
use uefi::{Handle, boot, proto::network::snp::SimpleNetwork};

pub use crate::nic::running::stop_all;
use crate::{
    handle::path_bytes,
    nic::{pci::PciIo, snp::Snp, virtio::Virtio},
};

/// Finds and starts the cards of the machine. What cannot be used is said on the console. Where the firmware's drivers
/// stood, or were started, is added to `taken`: they are to be connected again when the cards have been dropped.
///
/// Names count the cards of a driver in the order of their device paths, which does not change from boot to boot.
pub fn start(console: &dyn Console, taken: &mut Vec<Handle>) -> Vec<Box<dyn Nic>> {
    Start { cards: Vec::new(), taken, console }.all()
}

/// Shows a card.
pub fn show(card: &mut dyn Nic, console: &dyn Console) {
    let link = if card.has_link() { "link" } else { "no link" };
    console.line(format_args!("  {} {}, MTU {}, {link}", card.name(), card.mac(), card.mtu()));
}

/// Cards that are being started.
struct Start<'a> {
    cards: Vec<Box<dyn Nic>>,
    taken: &'a mut Vec<Handle>,
    console: &'a dyn Console,
}

impl Start<'_> {
    fn all(mut self) -> Vec<Box<dyn Nic>> {
        // One that cannot be used keeps its number, so that the others have theirs whatever becomes of it.
        let (mut virtio, mut firmware) = (0.., 0..);
        for (path, handle) in sorted(boot::find_handles::<PciIo>()) {
            let Some(id) = pci::network_card(handle) else { continue };
            self.take(handle);
            let number = if Virtio::is_one(id) { virtio.next() } else { None };
            if !number.is_some_and(|number| self.add_virtio(number, &path, handle)) {
                connect(&path, handle);
            }
        }
        let mut last: Option<Vec<u8>> = None;
        for (path, handle) in sorted(boot::find_handles::<SimpleNetwork>()) {
            // The firmware's network puts further interfaces of the same card behind its first.
            if last.as_ref().is_some_and(|card| path.starts_with(card)) {
                continue;
            }
            if let Some(number) = firmware.next() {
                self.add_snp(number, handle);
            }
            last = Some(path).filter(|path| !path.is_empty());
        }
        self.cards
    }

    fn take(&mut self, handle: Handle) {
        if !self.taken.contains(&handle) {
            self.taken.push(handle);
        }
    }

    fn add_virtio(&mut self, number: usize, path: &[u8], handle: Handle) -> bool {
        interfaces_below(path).for_each(snp::quiet);
        let name = format!("virtio{number}");
        match Virtio::start(handle, name.clone()) {
            Ok(card) => self.cards.push(Box::new(card)),
            Err(fault) => {
                self.console.line(format_args!("network: {name} is left to the firmware's driver: {fault}"));
                return false;
            }
        }
        true
    }

    fn add_snp(&mut self, number: usize, handle: Handle) {
        self.take(handle);
        let name = format!("snp{number}");
        match Snp::start(handle, name.clone()) {
            Ok(card) => self.cards.push(Box::new(card)),
            Err(error) => {
                self.console
                    .line(format_args!("network: {name} cannot be used: EFI status {}", error.status()));
            }
        }
    }
}

/// Handles with their device paths, in the order of these.
fn sorted(handles: uefi::Result<Vec<Handle>>) -> Vec<(Vec<u8>, Handle)> {
    let with_path = |handle| (without_end(&path_bytes(handle)).to_vec(), handle);
    let mut handles: Vec<_> = handles.unwrap_or_default().into_iter().map(with_path).collect();
    handles.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    handles
}

/// The firmware's interfaces of the card at this path.
fn interfaces_below(path: &[u8]) -> impl Iterator<Item = Handle> + '_ {
    let all = sorted(boot::find_handles::<SimpleNetwork>()).into_iter();
    all.filter(move |(interface, _)| interface.starts_with(path)).map(|(_, handle)| handle)
}

/// Has the firmware drive a card. Only its driver is started where that suffices: its network on top takes longer, and
/// would have to be stopped again.
fn connect(path: &[u8], handle: Handle) {
    let _ = boot::connect_controller(handle, &[], None, false);
    if interfaces_below(path).next().is_none() {
        let _ = boot::connect_controller(handle, &[], None, true);
    }
}
