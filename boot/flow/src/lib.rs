// SPDX-License-Identifier: BSD-3-Clause
//! The boot itself: discover, choose, obtain, verify, hand over.
//!
//! Each step is a function that takes only what it uses. What differs between firmware and Linux is behind
//! small traits; [`boot()`] strings the steps together, tells the console what happens, and goes on with the
//! next entry when one fails. Only a [`Verified`] payload can be handed over.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod boot;
mod choose;
pub mod codes;
mod command_line;
mod failure;
mod interface;
mod journal;
mod obtain;
mod picture;
mod report;
mod select;
mod verify;

use alloc::{string::String, vec::Vec};
use core::{convert::Infallible, fmt, time::Duration};

use code::Code;

pub use boot::{Ended, Parts, arch, boot};
pub use choose::choose;
pub use failure::{Failure, Phase};
pub use journal::{Journal, Line};
pub use obtain::{Payload, Place};
pub use select::is_selected;
pub use verify::Verified;

/// Where disks come from.
pub trait Disks {
    /// The disks that are there now, in a stable order.
    fn disks(&self) -> Vec<vfs::Disk>;

    /// Linux's names of them (`vda`), in the same order; empty where nobody knows.
    fn names(&self) -> Vec<String>;

    /// The file that this program was started from; empty where it cannot be read.
    fn own_program(&self) -> Vec<u8>;

    /// Gives a file a new name in its folder, by the firmware's own driver.
    ///
    /// # Errors
    /// Why it has the old name still.
    fn rename(&self, place: &Place, name: &str) -> Result<(), String>;

    /// Starts the drivers of disks that were left alone (fast boot does that); slow.
    fn connect(&self);
}

/// Where lines for the user go.
pub trait Console {
    /// Shows one line.
    fn line(&self, text: fmt::Arguments<'_>);
}

/// A clock that only goes forward.
pub trait Clock {
    /// Time since the program started.
    fn now(&self) -> Duration;

    /// Time since the machine started.
    fn since_power_on(&self) -> Duration;
}

/// How much memory a payload may use.
pub trait Memory {
    /// Bytes that are free now.
    fn available(&self) -> u64;

    /// A buffer of `length` bytes, whatever they are: a file is read over all of them. To clear it first would take
    /// longer than the reading.
    ///
    /// None where there is no room.
    fn buffer(&self, length: usize) -> Option<Vec<u8>>;
}

/// The person at the machine.
pub trait Operator {
    /// Whether a key was pressed before the menu: somebody wants to see it.
    fn is_asking(&self) -> bool;

    /// Shows the menu until something is chosen; none when its time has run out.
    fn choose(&self, menu: &mut menu::Menu) -> Option<menu::Outcome>;
}

/// Whose variables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vendor {
    /// The Boot Loader Interface's.
    Loader,
    /// Our own.
    CloudBoot,
}

/// Variables of the firmware. What cannot be written is not: no boot fails for it.
pub trait Variables {
    /// A variable's bytes.
    fn read(&self, vendor: Vendor, name: &str) -> Option<Vec<u8>>;

    /// Sets a variable for the booted system, until the machine is reset.
    fn write(&self, vendor: Vendor, name: &str, value: &[u8]);

    /// Removes a variable.
    fn remove(&self, vendor: Vendor, name: &str);

    /// Whether the firmware opens its setup when it is asked to.
    fn has_setup(&self) -> bool;
}

/// How control is handed over.
pub trait HandOver {
    /// Hands over, and calls `starting` at the last moment at which lines can be shown.
    ///
    /// # Errors
    /// Returns only when nothing was started or what was started came back.
    fn hand_over(&self, payload: Verified<Payload>, starting: &dyn Fn()) -> Result<Infallible, Refused>;
}

/// Why a hand-over did not happen, or ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The stable code.
    pub code: Code,
    /// The cause in the words of the firmware or kernel, and the way out where there is one.
    pub cause: String,
}
