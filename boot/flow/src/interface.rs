// SPDX-License-Identifier: BSD-3-Clause
//! The Boot Loader Interface and the log: variables by which the booted system makes requests, and by which it is
//! informed.

use alloc::{format, string::String, vec::Vec};

use arch::Arch;
use config::{Config, Menu};
use efi::{log, pattern, text};
use entries::{Entry, Found};
use menu::{Wait, Wishes};

use crate::{
    Clock, Journal, Line, Variables, Vendor, codes,
    queue::{Candidate, IMAGE_ID},
    report::Report,
};

use efi::interface::{
    BOOT_COUNT_PATH, CONFIG_TIMEOUT, CONFIG_TIMEOUT_ONE_SHOT, ENTRIES, ENTRY_DEFAULT, ENTRY_LAST_BOOTED,
    ENTRY_ONE_SHOT, ENTRY_SELECTED, FIRMWARE_SETUP, SAVED, TIME_EXEC,
};

/// Most characters of a variable's text that a line shows.
const MOST_SHOWN: usize = 80;

/// The booted system's requests for this boot only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Once {
    /// Pattern of an entry's identifier.
    entry: Option<String>,
    /// How long the menu waits, for this boot.
    wait: Option<Wait>,
}

impl Once {
    /// Reads the variables and removes them.
    pub fn take(variables: &dyn Variables) -> Self {
        let take = |name| {
            let value = get(variables, name)?;
            variables.remove(Vendor::Loader, name);
            Some(value)
        };
        Self {
            entry: take(ENTRY_ONE_SHOT),
            wait: take(CONFIG_TIMEOUT_ONE_SHOT).and_then(|text| Wait::parse(&text)),
        }
    }

    /// Pattern of the entry that is wanted for this boot.
    pub fn entry(&self) -> Option<&str> {
        self.entry.as_deref()
    }
}

/// The entries that the booted system wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The firmware setup, instead of an entry.
    pub setup: bool,
    /// The entry that is wanted for this boot only.
    pub once: Option<&'a Entry>,
    /// The entry that is wanted until another one is set.
    pub lasting: Option<&'a Entry>,
    /// The entry that starts becomes the default (`@saved`).
    is_saved: bool,
}

impl<'a> Wanted<'a> {
    /// Looks up the requests among the entries. One that cannot be met is ignored with a warning.
    pub fn find(
        once: &Once,
        variables: &dyn Variables,
        found: &'a Found,
        config: &Config,
        report: &Report<'_>,
    ) -> Self {
        let entries = &found.entries;
        let find = |wanted: &str| entries.iter().find(|entry| pattern::fits(wanted, &entry.id));
        let unmet = |variable, wanted: &str| {
            if config.image().is_some() && pattern::fits(wanted, IMAGE_ID) {
                return;
            }
            let wanted = shortened(wanted);
            report.unmet(variable, codes::CHOOSE_ID, &format!("no entry has the identifier {wanted}"));
        };
        let mut this = Self::default();
        if let Some(wanted) = &once.entry {
            this.once = find(wanted);
            let is_setup = pattern::fits(wanted, FIRMWARE_SETUP);
            this.setup = this.once.is_none() && variables.has_setup() && is_setup;
            match this.once {
                None if !this.setup => unmet(ENTRY_ONE_SHOT, wanted),
                // The image comes first, so this entry may never start: say so.
                Some(entry) => {
                    if let Some(source) = config.source() {
                        let cause = format!("{} is an entry of a disk, but {source} is set", entry.id);
                        report.unmet(ENTRY_ONE_SHOT, codes::CHOOSE_ID, &cause);
                    }
                }
                None => {}
            }
        }
        let (lasting, variable) = lasting(variables, found);
        this.is_saved = variable == ENTRY_LAST_BOOTED;
        this.lasting = lasting.as_deref().and_then(find);
        match &lasting {
            Some(wanted) if wanted == FIRMWARE_SETUP => {
                let cause = "the machine's setup cannot be the default";
                report.unmet(variable, codes::CHOOSE_ID, cause);
            }
            Some(wanted) if this.lasting.is_none() => unmet(variable, wanted),
            _ => {}
        }
        this
    }
}

/// Whether a request of the booted system matches something: an entry, the image, the firmware setup.
pub fn has(wanted: &str, found: &Found, config: &Config) -> bool {
    let is_image = config.image().is_some() && pattern::fits(wanted, IMAGE_ID);
    let is_entry = found.entries.iter().any(|entry| pattern::fits(wanted, &entry.id));
    is_entry || is_image || pattern::fits(wanted, FIRMWARE_SETUP)
}

/// A variable's text, cut to the length that a line shows.
pub fn shortened(text: &str) -> String {
    text.chars().take(MOST_SHOWN).collect()
}

/// The lasting request of the booted system, and the variable that holds it. If the default is `@saved`, that is the
/// entry that was booted last.
pub fn lasting(variables: &dyn Variables, found: &Found) -> (Option<String>, &'static str) {
    let wanted = get(variables, ENTRY_DEFAULT);
    match wanted.as_deref().map_or(found.starts_last, |wanted| wanted == SAVED) {
        true => (get(variables, ENTRY_LAST_BOOTED), ENTRY_LAST_BOOTED),
        false => (wanted, ENTRY_DEFAULT),
    }
}

/// The settings of the menu from all sources.
pub fn wishes(config: &Config, found: &Found, once: &Once, variables: &dyn Variables) -> Wishes {
    let lasting = get(variables, CONFIG_TIMEOUT).and_then(|text| Wait::parse(&text));
    Wishes {
        is_always_shown: config.menu() == Menu::Always,
        is_hidden: config.menu() == Menu::Hidden,
        once: once.wait,
        timeout: config.timeout(),
        lasting,
        // A boot from the network does not wait for a menu that a disk configures.
        image: if config.image().is_some() || config.holds_disks_back() {
            Some(Wait::Hidden)
        } else {
            found.wait
        },
        // Cannot saturate: entries are bounded by discovery's budget, far below the largest number.
        entries: found.entries.len().saturating_add(usize::from(config.image().is_some())),
    }
}

/// A text variable of the Boot Loader Interface; none if it is empty.
fn get(variables: &dyn Variables, name: &str) -> Option<String> {
    let value = variables.read(Vendor::Loader, name)?;
    Some(text::decode(&value)).filter(|value| !value.is_empty())
}

/// Publishes the identifiers of all entries.
pub fn publish(variables: &dyn Variables, offered: &[Candidate<'_>]) {
    let setup = variables.has_setup().then_some(FIRMWARE_SETUP);
    let ids = offered.iter().map(|candidate| candidate.id()).chain(setup);
    variables.write(Vendor::Loader, ENTRIES, &text::list(ids));
}

/// Publishes the path of the file whose name counts the tries of this boot.
pub fn counted(variables: &dyn Variables, path: &str) {
    let path = path.replace('/', "\\");
    variables.write(Vendor::Loader, BOOT_COUNT_PATH, &text::encode(&path));
}

/// Publishes the identifier of the entry that starts. With `@saved` it is also stored as the next default, unless it
/// was wanted for this boot only.
pub fn selected(variables: &dyn Variables, wanted: &Wanted<'_>, id: &str) {
    variables.write(Vendor::Loader, ENTRY_SELECTED, &text::encode(id));
    let is_once = wanted.once.is_some_and(|once| once.id == id);
    // Flash wears out: it is not written without need.
    if wanted.is_saved && !is_once && get(variables, ENTRY_LAST_BOOTED).as_deref() != Some(id) {
        variables.store(Vendor::Loader, ENTRY_LAST_BOOTED, &text::encode(id));
    }
}

/// The log of a boot, with data about the program.
pub struct Log<'a> {
    /// The lines.
    pub journal: &'a Journal<'a>,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The program's version.
    pub version: &'a str,
    /// The architecture that the program is built for.
    pub arch: Arch,
}

impl Log<'_> {
    /// Publishes the time at which `id` starts, and the log up to now.
    pub fn write(&self, variables: &dyn Variables, id: &str) {
        let now = u64::try_from(self.clock.since_power_on().as_micros()).unwrap_or(u64::MAX);
        variables.write(Vendor::Loader, TIME_EXEC, &efi::interface::microseconds(now));
        let lines = self.journal.lines();
        let millis = |line: &Line| u64::try_from(line.time.as_millis()).unwrap_or(u64::MAX);
        let lines: Vec<(u64, &str)> = lines.iter().map(|line| (millis(line), line.text.as_str())).collect();
        let log = log::write(self.version, self.arch.name(), Some(id), &lines);
        variables.write(Vendor::CloudBoot, log::NAME, log.as_bytes());
    }
}
