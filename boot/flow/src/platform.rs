// SPDX-License-Identifier: BSD-3-Clause
//! What a boot needs from the machine, one small trait for each thing. Firmware and Linux have their own
//! implementations.

use alloc::{rc::Rc, string::String, vec::Vec};
use core::{convert::Infallible, fmt, time::Duration};

use artifact::Room;
use block::BlockRead;
use code::Code;
use config::Config;

use crate::{
    Failure, Fetched, Floors, Journal, Order, Payload, Place, Policy, Replay, Verified, verify::Permit,
};

/// Everything that a boot may use. Each step receives only the parts that it needs.
pub struct Platform<'a> {
    /// The machine's disks.
    pub disks: &'a dyn Disks,
    /// The console, and the log of its lines.
    pub console: &'a Journal<'a>,
    /// Measures the time of each phase.
    pub clock: &'a dyn Clock,
    /// Memory for the payload.
    pub memory: &'a dyn Memory,
    /// Counts the tries of entries.
    pub tries: &'a dyn Tries,
    /// The machine's network.
    pub network: &'a dyn Network,
    /// The last step.
    pub hand_over: &'a dyn HandOver,
    /// The person at the machine.
    pub operator: &'a dyn Operator,
    /// Variables shared with the booted system.
    pub variables: &'a dyn Variables,
    /// Variables that the booted system cannot access.
    pub floors: &'a dyn Floors,
    /// Where images of registries are cached.
    pub storage: &'a dyn Storage,
    /// What may start.
    pub policy: Policy,
    /// The program's own version.
    pub version: &'a str,
    /// Words for ending the program: `returning to the firmware`.
    pub exit: &'a str,
}

/// A disk of the machine.
pub struct Disk {
    /// Its bytes.
    pub device: Rc<dyn BlockRead>,
    /// Linux's name for it (`vda`); empty if unknown.
    pub name: String,
}

/// Source of the machine's disks.
pub trait Disks {
    /// The disks that are there now, in a stable order.
    fn disks(&self) -> Vec<Disk>;

    /// Starts the drivers of disks that the firmware has not started yet; slow.
    fn connect(&self);
}

/// Counts the tries of an entry in the name of its file.
pub trait Tries {
    /// Gives the file a new name in its folder.
    ///
    /// # Errors
    /// Why it still has the old name.
    fn rename(&self, place: &Place, name: &str) -> Result<(), String>;
}

/// The folder [`CACHE_FOLDER`](crate::CACHE_FOLDER) on the volume that the program was started from. Paths begin in it:
/// `a/record.cb`.
pub trait Storage {
    /// The content of a folder, at most `most` items; empty if there is no such folder. The empty path is the cache's
    /// folder.
    ///
    /// # Errors
    /// There is no volume, or it cannot be read.
    fn list(&self, folder: &str, most: usize) -> Result<Vec<Stored>, String>;

    /// Reads the beginning of a file; returns how many bytes, fewer than the buffer has only at the file's end.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str, buf: &mut [u8]) -> Result<usize, String>;

    /// Writes a file and creates its folders; an existing file is replaced. On return, everything is on the volume.
    ///
    /// # Errors
    /// Why the file is missing or incomplete.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), String>;

    /// Gives a file a new name in its folder.
    ///
    /// # Errors
    /// Why it still has the old name.
    fn rename(&self, path: &str, name: &str) -> Result<(), String>;

    /// Removes a file.
    ///
    /// # Errors
    /// Why it is still there.
    fn remove(&self, path: &str) -> Result<(), String>;

    /// Free bytes on the volume.
    ///
    /// # Errors
    /// The volume does not say.
    fn free(&self) -> Result<u64, String>;
}

/// An item of a folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Size of a file in bytes; none for a folder.
    pub size: Option<u64>,
}

/// The machine's network. It is started when first needed.
pub trait Network {
    /// Fetches a boot artifact and reports progress.
    ///
    /// # Errors
    /// There is no network, or it does not yield the artifact.
    fn fetch(&self, order: &Order<'_>) -> Result<Fetched, Failure>;

    /// Fetches an artifact from a registry's record, without using the network: [`Replay::fetch`] with the
    /// [`dial::Dial`] of [`fetch`](Self::fetch), so that a program contains that code once. None if the record does not
    /// answer.
    ///
    /// # Errors
    /// It does not yield the artifact.
    fn replay(&self, replay: &Replay<'_>, order: &Order<'_>) -> Option<Result<Fetched, Failure>>;

    /// Fetches a file.
    ///
    /// # Errors
    /// There is no network, or no such file, or no room for it.
    fn program(&self, url: &http::Url, config: &Config, room: &dyn Room) -> Result<Vec<u8>, Failure>;

    /// Fetches the metadata document of this machine.
    ///
    /// # Errors
    /// There is no network, or no document.
    fn document(&self, source: &metadata::Source, config: &Config) -> Result<metadata::Document, Failure>;

    /// The boot file that DHCP names, if it begins with [`config::SCHEME`].
    ///
    /// # Errors
    /// There is no network.
    fn boot_file(&self, config: &Config) -> Result<Option<String>, Failure>;

    /// Allows another try after a failure. Until then a failure to start the cards is remembered and returned at once,
    /// so that a boot with many fallbacks does not wait for each of them.
    fn try_again(&self);

    /// Stops all cards: none may write into the memory of the next program.
    fn stop(&self);
}

/// Where lines for the user go.
pub trait Console {
    /// Shows one line.
    fn line(&self, text: fmt::Arguments<'_>);

    /// Shows progress on one line, which the next call overwrites.
    fn progress(&self, text: fmt::Arguments<'_>);
}

/// A clock that only goes forward.
pub trait Clock {
    /// Time since the program started.
    fn now(&self) -> Duration;

    /// How long ago a time was that [`now`](Self::now) gave.
    fn since(&self, earlier: Duration) -> Duration {
        // Cannot saturate: the clock only goes forward.
        self.now().saturating_sub(earlier)
    }

    /// Time since the machine started.
    fn since_power_on(&self) -> Duration;
}

/// How much memory a payload may use.
pub trait Memory {
    /// Free bytes now.
    fn available(&self) -> u64;

    /// A buffer of `length` bytes with arbitrary content: a file is read over all of them, and clearing it first would
    /// take longer than reading.
    ///
    /// None if there is not enough memory.
    fn buffer(&self, length: usize) -> Option<Vec<u8>>;
}

/// The person at the machine.
pub trait Operator {
    /// Whether a key was pressed before the menu: somebody wants to see the menu.
    fn is_asking(&self) -> bool;

    /// Shows the menu until something is chosen; none if its countdown ended.
    fn choose(&self, menu: &mut menu::Menu) -> Option<menu::Outcome>;
}

/// The vendor GUID that a variable belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vendor {
    /// The Boot Loader Interface's.
    Loader,
    /// Our own.
    CloudBoot,
}

/// The machine's variables. Best effort: a failed write never fails a boot.
pub trait Variables {
    /// A variable's bytes.
    fn read(&self, vendor: Vendor, name: &str) -> Option<Vec<u8>>;

    /// Sets a variable for the booted system, until the machine is reset.
    fn write(&self, vendor: Vendor, name: &str, value: &[u8]);

    /// Sets a variable that survives resets.
    fn store(&self, vendor: Vendor, name: &str, value: &[u8]);

    /// Removes a variable.
    fn remove(&self, vendor: Vendor, name: &str);

    /// Whether the firmware can be asked to open its setup.
    fn has_setup(&self) -> bool;
}

/// How control is handed over.
pub trait HandOver {
    /// Hands over, and calls `starting` at the last moment at which lines can be shown: if that fails, nothing starts.
    /// `permit` allows taking the payload apart, so that its image is freed as soon as it has been loaded.
    ///
    /// # Errors
    /// Returns only if nothing was started, or if the started program returned.
    fn hand_over(
        &self,
        payload: Verified<Payload>,
        permit: Permit,
        starting: &dyn Fn() -> Result<(), Refused>,
    ) -> Result<Infallible, Refused>;
}

/// Why a hand-over did not happen, or ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The stable code.
    pub code: Code,
    /// The cause in the words of the firmware or kernel, with what to do if there is something.
    pub cause: String,
}
