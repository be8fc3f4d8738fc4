// SPDX-License-Identifier: BSD-3-Clause
//! What the console shows: the wording of every line and of the numbers in it.

use alloc::{format, string::String, vec::Vec};
use core::{cell::RefCell, fmt, time::Duration};

use code::Code;
use config::{Config, Origin, Problem};
use dial::Seconds;
use entries::Found;
use oci::Digest;
use vfs::Volumes;

use crate::{
    Console, Failure, Payload, Phase, Verified, Vouched, codes, next::Next, queue::Candidate, remote,
};

/// Problems that are shown without `cloudboot.debug=1`.
const MOST_PROBLEMS: usize = 8;

/// Reports to the user what happens.
pub struct Report<'a> {
    console: &'a dyn Console,
    is_verbose: bool,
    /// Lines that were shown and must not be repeated.
    said: RefCell<Vec<String>>,
}

impl<'a> Report<'a> {
    /// A report to `console`, with all details if `is_verbose`.
    pub fn new(console: &'a dyn Console, is_verbose: bool) -> Self {
        Self { console, is_verbose, said: RefCell::default() }
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.console.line(text);
    }

    /// Shows a line once per boot, however often its reason recurs.
    fn once(&self, text: String) {
        let mut said = self.said.borrow_mut();
        if !said.contains(&text) {
            self.console.line(format_args!("{text}"));
            said.push(text);
        }
    }

    /// The metadata document that was found, and whether it has settings for this program.
    pub fn metadata(&self, place: &str, has_object: bool, took: Duration) {
        let what = if has_object { "" } else { ", nothing in it for cloud-boot" };
        self.line(format_args!("metadata {place}{what} ({})", Seconds(took)));
    }

    /// The image that a DHCP server names.
    pub fn boot_file(&self, reference: &str) {
        self.line(format_args!("dhcp names {}", remote::title(reference)));
    }

    /// A source of settings that failed; the boot goes on without it.
    pub fn omitted(&self, failure: &Failure) {
        self.line(format_args!("warning: {}; going on without it", failure.detail()));
    }

    /// The effective settings that came from `source`, in verbose mode.
    pub fn settings(&self, config: &Config, source: Origin) {
        for (name, value, origin) in
            config.effective().filter(|(.., origin)| self.is_verbose && *origin == source)
        {
            self.line(format_args!("  {name}={value} from {origin}"));
        }
    }

    /// What is wrong with settings.
    pub fn wrong_settings<'p>(&self, problems: impl Iterator<Item = &'p Problem>) {
        for problem in problems {
            self.line(format_args!("configure: {problem}"));
        }
    }

    /// The counts of what was found, and the time that it took.
    pub fn discovered(&self, disks: usize, volumes: usize, entries: usize, took: Duration) {
        let disks = Count(disks, "disk", "disks");
        let (volumes, entries) = (Count(volumes, "volume", "volumes"), Count(entries, "entry", "entries"));
        self.line(format_args!("discover {disks}, {volumes}, {entries} ({})", Seconds(took)));
    }

    /// What was not found (`nothing`, `no debian`) before all drivers are started: more disks may appear.
    pub fn connecting(&self, lacks: &str) {
        self.line(format_args!("discover {lacks} yet: starting the drivers of all devices"));
    }

    /// What could not be read: a failure where an entry is needed and was not found, otherwise a warning.
    pub fn problems(&self, volumes: &Volumes, found: &Found, needs_entry: bool) {
        let lacks_entry = needs_entry && found.entries.is_empty();
        let of_volumes = volumes.problems().iter();
        let name = |id| volumes.device(id).map(|device| device.name.clone()).unwrap_or_default();
        let of_volumes = of_volumes.map(|p| (&p.object, p.error.code(), p.cause(name)));
        let of_entries = found.problems.iter();
        let of_entries = of_entries.map(|p| (&p.object, p.error.code(), format!("{p}")));
        // An unreadable filesystem is a problem only if nothing to boot was found: the system may be on it.
        let unread = volumes.devices().iter().filter(|_| lacks_entry).filter_map(|device| {
            let content = device.content.filter(|content| content.is_unread)?;
            Some((&device.name, codes::DISK_UNREAD, format!("{content}")))
        });
        let mut left_out = 0u32;
        for (i, (object, code, cause)) in of_volumes.chain(of_entries).chain(unread).enumerate() {
            if i >= MOST_PROBLEMS && !self.is_verbose {
                // May saturate: a counter that is only shown.
                left_out = left_out.saturating_add(1);
                continue;
            }
            let failure = Failure::new(Phase::Discover, object, code, &cause);
            let word = if lacks_entry { "failed" } else { "warning" };
            self.line(format_args!("{word}: {}", failure.detail()));
        }
        if left_out > 0 {
            self.line(format_args!("  and {left_out} more (cloudboot.debug=1 shows all)"));
        }
    }

    /// A failure that does not stop the boot.
    pub fn mistake(&self, failure: &Failure) {
        self.line(format_args!("{failure}"));
    }

    /// Every disk, volume and entry, in verbose mode.
    pub fn everything(&self, names: &[String], volumes: &Volumes, found: &Found) {
        if !self.is_verbose {
            return;
        }
        for (i, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            self.line(format_args!("  disk hd{i}: /dev/{name}"));
        }
        for volume in volumes.all() {
            let identity = volume.identity();
            let label = String::from_utf8_lossy(&identity.label);
            let (name, format, uuid) = (volume.name(), identity.format, &identity.uuid);
            self.line(format_args!("  volume {name}: {format} label \"{label}\" uuid {uuid}"));
        }
        for unread in volumes.devices().iter().filter_map(vfs::Device::unread) {
            self.line(format_args!("  {unread}"));
        }
        for entry in &found.entries {
            let mark = if entry.default { "*" } else { " " };
            self.line(format_args!(" {mark}entry {} \"{}\"", entry.id, entry.title));
        }
    }

    /// Why command lines are not edited.
    pub fn locks(&self, locks: &[String]) {
        for lock in locks {
            self.once(format!("choose editing is locked by {lock}"));
        }
    }

    /// Warns that a plan is ignored, where the boot goes on without it.
    pub fn plan(&self, config: &Config) {
        let Some(plan) = config.plan().filter(|_| config.image().is_some() || config.local()) else { return };
        let instead =
            if config.image().is_some() { "the image of cloudboot.image starts" } else { "disks start" };
        let cause = format!("this version does not fetch plans; {instead} instead");
        let failure = Failure::new(Phase::Choose, remote::title(plan), codes::CHOOSE_PLAN, &cause);
        self.line(format_args!("warning: {}", failure.detail()));
    }

    /// A request of the booted system (Boot Loader Interface) that cannot be met.
    pub fn unmet(&self, variable: &str, code: Code, cause: &str) {
        let failure = Failure::new(Phase::Choose, variable, code, &cause);
        self.once(format!("warning: {}; using the usual default", failure.detail()));
    }

    /// The candidate that is tried now.
    pub fn chosen(&self, candidate: Candidate<'_>, volumes: &Volumes) {
        match candidate {
            Candidate::Image(reference) => {
                self.line(format_args!("choose \"{}\" from cloudboot.image", remote::title(reference)));
            }
            Candidate::Entry(entry) => {
                let source = volumes.get(entry.source.volume).map_or("?", |volume| volume.name());
                self.line(format_args!("choose \"{}\" from {source} {}", entry.title, entry.source.path));
            }
        }
    }

    /// A file that was read.
    pub fn obtained(&self, path: &str, size: u64, took: Duration) {
        self.line(format_args!("obtain {path} ({}, {})", Bytes(size), Seconds(took)));
    }

    /// What a reference leads to, in verbose mode.
    pub fn resolved(&self, reference: &str, manifest: &Digest, bytes: u64) {
        if self.is_verbose {
            self.line(format_args!("  {reference} is {manifest}, {}", Bytes(bytes)));
        }
    }

    /// How far a transfer is.
    pub fn progress(&self, bytes: u64, of: u64, took: Duration) {
        // May saturate: it is only shown.
        let percent = bytes.saturating_mul(100).checked_div(of).unwrap_or(100);
        let (bytes, of, took) = (Bytes(bytes), Bytes(of), Seconds(took));
        self.console.progress(format_args!("obtain {bytes} of {of}, {percent} % ({took})"));
    }

    /// A part of an artifact that is complete and checked, in verbose mode.
    pub fn part(&self, name: &str, size: u64) {
        if self.is_verbose {
            self.line(format_args!("  {name}: {}", Bytes(size)));
        }
    }

    /// A part of an artifact that is not fetched, since nothing uses its type.
    pub fn ignored(&self, name: &str, media_type: &str) {
        self.line(format_args!("  {name} is not fetched: nothing here uses the type {media_type}"));
    }

    /// An artifact that was fetched.
    pub fn fetched(&self, reference: &str, manifest: &Digest, size: u64, took: Duration) {
        let digest = manifest.short();
        let (size, speed, took) = (Bytes(size), Speed(size, took), Seconds(took));
        self.line(format_args!("oci {reference} -> {digest} ({size}, {took}, {speed})"));
    }

    /// A problem of the cache; it does not stop the boot.
    pub fn uncached(&self, failure: &Failure) {
        self.once(format!("warning: {}", failure.detail()));
    }

    /// The registry did not yield an image; the cache may. Two lines, since the first may be long.
    pub fn missed(&self, failure: &Failure, reference: &str) {
        self.line(format_args!("warning: {}", failure.detail()));
        self.line(format_args!("cache looks for {reference}"));
    }

    /// An artifact that is started from a slot of the cache.
    pub fn cached(&self, reference: &str, manifest: &Digest, slot: &str, size: u64) {
        let (digest, size) = (manifest.short(), Bytes(size));
        self.line(format_args!("cache {slot} {reference} -> {digest} ({size})"));
    }

    /// An artifact that was put into a slot of the cache.
    pub fn kept(&self, slot: &str, digest: &Digest, size: u64) {
        let (digest, size) = (digest.short(), Bytes(size));
        self.line(format_args!("cache keeps {digest} in {slot} ({size})"));
    }

    /// Who signed the artifact that was fetched.
    pub fn signed(&self, title: &str, vouched: &Vouched) {
        let Vouched { signed, release, .. } = vouched;
        let signers: Vec<String> = signed.signers().iter().map(|signer| format!("{signer}")).collect();
        let signers = signers.join(", ");
        let digest = signed.digest().short();
        match release.epoch {
            0 => self.line(format_args!("signed {title} {digest} by {signers}")),
            epoch => self.line(format_args!("signed {title} {digest} by {signers}, epoch {epoch}")),
        }
    }

    /// No trusted signature, but `cloudboot.cosign=warn` starts the image anyway.
    pub fn unsigned(&self, failure: &Failure) {
        self.line(format_args!("warning: {}; going on because of cloudboot.cosign=warn", failure.detail()));
    }

    /// A variable of an epoch that this loader did not write.
    pub fn foreign_floor(&self, variable: &str, is_removed: bool) {
        let done = if is_removed { "removed" } else { "cannot be removed" };
        let cause = format!("not written by this loader (it has the runtime attribute): {done}");
        let failure = Failure::new(Phase::Verify, variable, codes::TRUST_FLOOR, &cause);
        self.line(format_args!("warning: {}", failure.detail()));
    }

    /// How many epochs the operator cleared, and how many could not be; returns the same text for the menu.
    pub fn forgotten(&self, (forgotten, left): (usize, usize)) -> String {
        let left = if left == 0 { String::new() } else { format!("; {left} cannot be removed") };
        let text = format!("Epochs forgotten: {forgotten}{left}");
        self.line(format_args!("{text}"));
        text
    }

    /// What was verified, in verbose mode.
    pub fn verified(&self, payload: &Verified<Payload>) {
        if self.is_verbose {
            self.line(format_args!("  verified: {}", payload.provenance));
        }
    }

    /// Counting a try of an entry failed; the entry starts anyway.
    pub fn not_counted(&self, path: &str, cause: &str) {
        self.line(format_args!("  tries are not counted: {path}: {cause}"));
    }

    /// The last line of a boot that succeeds.
    pub fn starting(&self, title: &str, options: &str, now: Duration) {
        self.line(format_args!("start \"{title}\": {options} ({})", Seconds(now)));
    }

    /// What failed, and what comes next.
    pub fn failed(&self, failure: &Failure, next: &Next, exit: &str) {
        self.line(format_args!("{failure}; {}", next.words(exit)));
    }
}

/// `42.1 MiB`, `512 bytes`
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // May saturate: it is only shown.
        let tenths = |unit: u64| self.0.saturating_mul(10).checked_div(unit).unwrap_or(0);
        let (tenths, name) = match self.0 {
            0..1024 => return write!(f, "{} bytes", self.0),
            1024..1_048_576 => (tenths(1024), "KiB"),
            _ => (tenths(1_048_576), "MiB"),
        };
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// `46.8 MB/s`: bytes in a time.
struct Speed(u64, Duration);

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bytes by microseconds are megabytes by seconds. Cannot saturate: 128 bits for 64.
        let tenths = u128::from(self.0).saturating_mul(10).checked_div(self.1.as_micros()).unwrap_or(0);
        write!(f, "{}.{} MB/s", tenths / 10, tenths % 10)
    }
}

/// `1 disk`, `2 disks`
pub struct Count(pub usize, pub &'static str, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { self.1 } else { self.2 })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(format!("{}", Bytes(1023)), "1023 bytes");
        assert_eq!(format!("{}", Bytes(1024)), "1.0 KiB");
        assert_eq!(format!("{}", Bytes(44_145_050)), "42.1 MiB");
        assert_eq!(format!("{}", Speed(44_145_050, Duration::from_millis(900))), "49.0 MB/s");
        assert_eq!(format!("{}", Speed(1, Duration::ZERO)), "0.0 MB/s");
        assert_eq!(
            format!("{}, {}", Count(1, "disk", "disks"), Count(0, "entry", "entries")),
            "1 disk, 0 entries"
        );
    }
}
