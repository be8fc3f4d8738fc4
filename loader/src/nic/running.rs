// SPDX-License-Identifier: BSD-3-Clause
//! All running cards, whichever driver they have, so that all can be stopped at once.
//!
//! A running card writes into memory that the next program believes is its own. So all cards are stopped before a
//! program is started, and when this one panics; a card that still runs at ExitBootServices is stopped by an event.

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

/// Most cards that can run: more than machines have.
const MOST: usize = 32;
/// Polls of a reset: a millisecond apart, except in the event, where time cannot be measured.
const PATIENCE: usize = 1000;

/// The running cards.
static CARDS: [AtomicPtr<Card>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];
/// The event that stops them; it exists while a card runs.
static EVENT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// How a card is stopped.
pub enum StopMethod {
    /// Through the firmware's driver.
    Snp(NonNull<SimpleNetworkProtocol>),
    /// Through its status register, which reads 0 after a reset (virtio 1.2, section 2.4.2).
    Virtio { pci: NonNull<PciIo>, bar: u8, status: u64 },
}

struct Card {
    method: StopMethod,
    /// Whether stopping it succeeded; none while it runs.
    outcome: Cell<Option<bool>>,
}

/// A card that runs until it is stopped, at the latest when this is dropped.
pub struct Running(NonNull<Card>);

impl Running {
    /// Registers a card that is about to be started; none if there are too many, or the event cannot be created.
    ///
    /// # Safety
    /// The interface of `method` stays valid as long as the result.
    pub unsafe fn note(method: StopMethod) -> Option<Self> {
        let slot = CARDS.iter().find(|slot| slot.load(Ordering::Relaxed).is_null())?;
        have_event()?;
        let card = Box::into_raw(Box::new(Card { method, outcome: Cell::new(None) }));
        slot.store(card, Ordering::Relaxed);
        NonNull::new(card).map(Self)
    }

    /// Stops the card, unless that was done before. True if it certainly no longer uses memory.
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
    let is_stopped = match card.method {
        StopMethod::Snp(snp) => shut_down(snp),
        StopMethod::Virtio { pci, bar, status } => {
            // SAFETY: valid as long as the card stands in a slot (promise to `note`), as it did until now.
            let pci = unsafe { pci.as_ref() };
            reset(pci, bar, status)
        }
    };
    card.outcome.set(Some(is_stopped));
}

/// Shuts down a card that the firmware drives, and stops its driver: a driver that is not stopped refuses to release
/// the card.
fn shut_down(snp: NonNull<SimpleNetworkProtocol>) -> bool {
    // SAFETY: valid as long as the card stands in a slot (promise to `note`).
    let snp = unsafe { snp.as_ref() };
    // SAFETY: the firmware's own interface.
    let is_down = unsafe { (snp.shutdown)(snp) }.is_success();
    // SAFETY: as above.
    let is_stopped = unsafe { (snp.stop)(snp) }.is_success();
    is_down && is_stopped
}

/// Resets a virtio card and waits until it reports completion. True if it does.
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

/// Makes sure that the event exists which stops the cards at ExitBootServices.
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
    // It exists, so closing it cannot fail.
    let _ = event.map(boot::close_event);
}

/// Called at ExitBootServices. Timers have stopped and memory must not be freed, so only registers are written here. A
/// card that the firmware drives is stopped by its driver, which has an event of its own.
unsafe extern "efiapi" fn on_exit(_event: Event, _context: Option<NonNull<c_void>>) {
    for slot in &CARDS {
        // SAFETY: as in `stop_in`.
        let card = unsafe { slot.swap(ptr::null_mut(), Ordering::Relaxed).as_ref() };
        if let Some(Card { method: StopMethod::Virtio { pci, bar, status }, .. }) = card {
            // SAFETY: as in `stop_in`.
            let pci = unsafe { pci.as_ref() };
            reset_with(pci, *bar, *status, || ());
        }
    }
}
