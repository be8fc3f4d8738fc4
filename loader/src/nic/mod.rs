// SPDX-License-Identifier: BSD-3-Clause
//! The machine's network cards.
//!
//! We drive virtio cards ourselves, the firmware's driver drives all others, and also a virtio card that our driver
//! cannot start. No card is touched unless a boot needs the network: taking a card from the firmware stops the
//! firmware's own network on it until its drivers are connected again.

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

/// Finds and starts the cards of the machine. Unusable ones are reported on the console. Handles from which the
/// firmware's drivers were disconnected, or on which they were started, are added to `taken`: the caller must connect
/// drivers again after it has dropped the cards.
///
/// Names number the cards of each driver in the order of their device paths, which does not change from boot to boot.
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
        // A card that cannot be used keeps its number, so that the names of the others do not depend on it.
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
            // The firmware's network stack publishes further interfaces of the same card below its first one.
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

/// Handles with their device paths, sorted by path.
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

/// Lets the firmware drive a card. If possible, only its driver is started: starting the network stack above it takes
/// longer, and we would have to stop it again.
fn connect(path: &[u8], handle: Handle) {
    let _ = boot::connect_controller(handle, &[], None, false);
    if interfaces_below(path).next().is_none() {
        let _ = boot::connect_controller(handle, &[], None, true);
    }
}
