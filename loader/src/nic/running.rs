// SPDX-License-Identifier: BSD-3-Clause
//! Every card that runs, wherever its driver is, so that all can be stopped at once.
//!
//! A card writes into memory that the next program thinks is its own. So all are stopped before a program is started,
//! and when this one panics; and what runs nevertheless when the firmware's services end is stopped by an event.

use alloc::boxed::Box;
use core::{
    cell::Cell,
    ffi::c_void,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
    time::Duration,
};

use uefi::{
    Event,
    boot::{self, EventType, Tpl},
};
use uefi_raw::protocol::network::snp::SimpleNetworkProtocol;

use crate::nic::pci::{PciIo, Width};

/// More cards than a machine has.
const MOST: usize = 32;
/// How often a reset is looked at, a millisecond apart where time can be measured.
const PATIENCE: usize = 1000;

/// The cards that run.
static CARDS: [AtomicPtr<Card>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];
/// The event that stops them; there while one runs.
static EVENT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// How a card is stopped.
pub enum Means {
    /// By the firmware's driver.
    Snp(NonNull<SimpleNetworkProtocol>),
    /// By its status register, which is 0 after a reset (virtio 1.2, section 2.4.2).
    Virtio { pci: NonNull<PciIo>, bar: u8, status: u64 },
}

struct Card {
    means: Means,
    /// What stopping it has led to; none while it runs.
    outcome: Cell<Option<bool>>,
}

/// A card that runs until it is stopped, at the latest when this is dropped.
pub struct Running(NonNull<Card>);

impl Running {
    /// Notes a card that is about to be started; none where there are too many, or no event can be had.
    ///
    /// # Safety
    /// The interface of `means` stays valid as long as the result.
    pub unsafe fn note(means: Means) -> Option<Self> {
        let slot = CARDS.iter().find(|slot| slot.load(Ordering::Relaxed).is_null())?;
        have_event()?;
        let card = Box::into_raw(Box::new(Card { means, outcome: Cell::new(None) }));
        slot.store(card, Ordering::Relaxed);
        NonNull::new(card).map(Self)
    }

    /// Stops the card unless that was done before. True if it is certain that it uses no memory any more.
    pub fn stop(&self) -> bool {
        let here = self.0.as_ptr();
        if let Some(slot) = CARDS.iter().find(|slot| slot.load(Ordering::Relaxed) == here) {
            stop_in(slot);
        }
        close_event_if_idle();
        // SAFETY: made by `note`, freed by `drop` only; not changed while this looks at it.
        unsafe { self.0.as_ref() }.outcome.get() == Some(true)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        // SAFETY: `note` made it of a box, and `stop` has removed the only other pointer to it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Stops all cards.
pub fn stop_all() {
    CARDS.iter().for_each(stop_in);
    close_event_if_idle();
}

fn stop_in(slot: &AtomicPtr<Card>) {
    // SAFETY: what stands in a slot was made by `note`, and `drop` does not free it before it has emptied the slot.
    let Some(card) = (unsafe { slot.swap(ptr::null_mut(), Ordering::Relaxed).as_ref() }) else { return };
    let is_stopped = match card.means {
        Means::Snp(snp) => shut_down(snp),
        Means::Virtio { pci, bar, status } => {
            // SAFETY: valid as long as the card stands in a slot (promise to `note`), as it did until now.
            let pci = unsafe { pci.as_ref() };
            reset(pci, bar, status)
        }
    };
    card.outcome.set(Some(is_stopped));
}

/// Shuts a card down that the firmware drives, and stops its driver: one that is not stopped refuses to let go of the
/// card.
fn shut_down(snp: NonNull<SimpleNetworkProtocol>) -> bool {
    // SAFETY: valid as long as the card stands in a slot (promise to `note`).
    let snp = unsafe { snp.as_ref() };
    // SAFETY: the firmware's own interface.
    let is_down = unsafe { (snp.shutdown)(snp) }.is_success();
    // SAFETY: as above.
    let is_stopped = unsafe { (snp.stop)(snp) }.is_success();
    is_down && is_stopped
}

/// Resets a virtio card and waits until it says that it is done. True if it does.
pub fn reset(pci: &PciIo, bar: u8, status: u64) -> bool {
    reset_with(pci, bar, status, || boot::stall(Duration::from_millis(1)))
}

fn reset_with(pci: &PciIo, bar: u8, status: u64, pause: impl Fn()) -> bool {
    // SAFETY: a reset ends all use of memory.
    let is_told = unsafe { pci.write(bar, status, Width::Eight, 0) }.is_ok();
    let is_done = |_| {
        let is_done = matches!(pci.read(bar, status, Width::Eight), Ok(0));
        if !is_done {
            pause();
        }
        is_done
    };
    is_told && (0..PATIENCE).any(is_done)
}

/// Has the event that stops the cards when the firmware's services end.
fn have_event() -> Option<()> {
    if EVENT.load(Ordering::Relaxed).is_null() {
        let (kind, level) = (EventType::SIGNAL_EXIT_BOOT_SERVICES, Tpl::NOTIFY);
        // SAFETY: `on_exit` uses no service that has ended by then, and this program stays in memory while the event
        // is there: the last card that is stopped closes it, which a hand-over, a return and a panic all lead to.
        let event = unsafe { boot::create_event(kind, level, Some(on_exit), None) }.ok()?;
        EVENT.store(event.as_ptr(), Ordering::Relaxed);
    }
    Some(())
}

fn close_event_if_idle() {
    if CARDS.iter().any(|slot| !slot.load(Ordering::Relaxed).is_null()) {
        return;
    }
    // SAFETY: null, or an event of `have_event` that nobody has closed.
    let event = unsafe { Event::from_ptr(EVENT.swap(ptr::null_mut(), Ordering::Relaxed)) };
    // It exists, so that it can be closed.
    let _ = event.map(boot::close_event);
}

/// The firmware's services end. Timers have stopped and memory must not be freed, so only registers are written here:
/// a card that the firmware drives is stopped by its driver, which has an event of its own.
unsafe extern "efiapi" fn on_exit(_event: Event, _context: Option<NonNull<c_void>>) {
    for slot in &CARDS {
        // SAFETY: as in `stop_in`.
        let card = unsafe { slot.swap(ptr::null_mut(), Ordering::Relaxed).as_ref() };
        if let Some(Card { means: Means::Virtio { pci, bar, status }, .. }) = card {
            // SAFETY: as in `stop_in`.
            let pci = unsafe { pci.as_ref() };
            reset_with(pci, *bar, *status, || ());
        }
    }
}
