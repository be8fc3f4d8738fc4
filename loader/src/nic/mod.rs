// SPDX-License-Identifier: BSD-3-Clause
//! The machine's network cards.
//!
//! A virtio card is driven by ourselves, every other one by the firmware's driver, and so is a virtio card that our
//! driver cannot start. Nothing here is touched unless a boot needs the network: to take a card from the firmware ends
//! the network of the firmware on it.

mod pages;
mod pci;
mod ring;
mod running;
mod snp;
mod transport;
mod virtio;

use alloc::{boxed::Box, format, vec::Vec};
use core::time::Duration;

use efi::device_path::without_end;
use flow::{Clock, Console};
use nic::{LinkWait, Nic, Step};
use uefi::{Handle, boot, proto::network::snp::SimpleNetwork};

pub use crate::nic::running::stop_all;
use crate::{
    disks::path_bytes,
    nic::{pci::PciIo, snp::Snp, virtio::Virtio},
};

/// Between two looks at the links.
const PAUSE: Duration = Duration::from_millis(50);

/// All cards of the machine, started. When this is dropped, the firmware gets them back.
#[derive(Default)]
pub struct Cards {
    cards: Vec<Box<dyn Nic>>,
    /// Where the firmware's drivers stood, or were started.
    taken: Vec<Handle>,
}

impl Cards {
    /// Finds and starts the cards. What cannot be used is said on the console.
    ///
    /// Names count the cards of a driver in the order of their device paths, which does not change from boot to boot.
    pub fn start(console: &dyn Console) -> Self {
        let mut this = Self::default();
        // One that cannot be used keeps its number, so that the others have theirs whatever becomes of it.
        let (mut virtio, mut firmware) = (0.., 0..);
        for (path, handle) in sorted(boot::find_handles::<PciIo>()) {
            let Some(id) = pci::network_card(handle) else { continue };
            this.taken.push(handle);
            let number = if Virtio::is_one(id) { virtio.next() } else { None };
            if !number.is_some_and(|number| this.add_virtio(number, &path, handle, console)) {
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
                this.add_snp(number, handle, console);
            }
            last = Some(path).filter(|path| !path.is_empty());
        }
        this
    }

    fn add_virtio(&mut self, number: usize, path: &[u8], handle: Handle, console: &dyn Console) -> bool {
        interfaces_below(path).for_each(snp::quiet);
        let name = format!("virtio{number}");
        match Virtio::start(handle, name.clone()) {
            Ok(card) => self.cards.push(Box::new(card)),
            Err(fault) => {
                console.line(format_args!("network: {name} is left to the firmware's driver: {fault}"));
                return false;
            }
        }
        true
    }

    fn add_snp(&mut self, number: usize, handle: Handle, console: &dyn Console) {
        self.taken.push(handle);
        let name = format!("snp{number}");
        match Snp::start(handle, name.clone()) {
            Ok(card) => self.cards.push(Box::new(card)),
            Err(error) => {
                console.line(format_args!("network: {name} cannot be used: EFI status {}", error.status()));
            }
        }
    }

    /// Waits until one of the cards has a link, and shows that it waits.
    pub fn wait_for_link(&mut self, clock: &dyn Clock, console: &dyn Console) -> bool {
        let (start, mut wait) = (clock.now(), LinkWait::new(None));
        loop {
            let has_link = self.cards.iter_mut().any(|card| card.has_link());
            match wait.step(clock.now().checked_sub(start).unwrap_or_default(), has_link) {
                Step::Up => return true,
                Step::Down => return false,
                Step::Wait => boot::stall(PAUSE),
                Step::Show(left) => {
                    console.line(format_args!("network: no link yet, waiting {} s more", left.as_secs()));
                }
            }
        }
    }

    /// Shows each card.
    pub fn show(&mut self, console: &dyn Console) {
        for card in &mut self.cards {
            let link = if card.has_link() { "link" } else { "no link" };
            console.line(format_args!("  {} {}, MTU {}, {link}", card.name(), card.mac(), card.mtu()));
        }
    }
}

impl Drop for Cards {
    fn drop(&mut self) {
        self.cards.clear();
        for handle in &self.taken {
            // What the firmware boots next may need its own network.
            let _ = boot::connect_controller(*handle, &[], None, true);
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
