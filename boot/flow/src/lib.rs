// SPDX-License-Identifier: BSD-3-Clause
//! The boot itself: discover, choose, obtain, verify, hand over.
//!
//! [`boot()`] is the whole boot, from top to bottom. Each step is a function that takes only what it uses. What differs
//! between firmware and Linux is behind the small traits of [`Platform`]. Only a [`Verified`] payload can be handed
//! over, and only the hand-over can take it apart.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod ask;
mod boot;
mod ca;
mod cache;
pub mod codes;
mod command_line;
mod discover;
mod failure;
mod file;
pub mod fuzz;
mod instance;
mod interface;
mod journal;
mod menu_items;
mod nesting;
mod next;
mod obtain;
mod password;
mod payload;
mod platform;
mod queue;
mod remote;
mod report;
mod rollback;
mod route;
mod seed;
mod selection;
mod signers;
#[cfg(test)]
mod tests;
mod trust;
mod verify;

pub use boot::boot;
pub use ca::{Ca, LARGEST_CA, ca};
pub use cache::{CACHE_FOLDER, CACHE_VARIABLE, Cache, Replay};
pub use discover::{MOST_READ, entries_of};
pub use failure::{Failure, Phase};
pub use file::download;
pub use instance::Instance;
pub use journal::{Journal, Line};
pub use nesting::STARTED;
pub use next::Ended;
pub use payload::{Content, Payload, Place, Provenance};
pub use platform::{
    Clock, Console, Disk, Disks, HandOver, Memory, Network, Operator, Platform, Refused, Storage, Stored,
    Tries, Variables, Vendor,
};
pub use queue::default_entry;
pub use remote::{Fetched, NETWORK_MEMORY, Order, Vouched, document, fetch};
pub use rollback::{EPOCH, EPOCH_VARIABLE, Floor, Floors, Release};
pub use selection::is_selected;
pub use signers::{OwnSections, ReadFile, pinned, signers, trust_of};
pub use trust::Demand;
pub use verify::{Permit, Policy, Verified};
