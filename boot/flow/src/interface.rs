// SPDX-License-Identifier: BSD-3-Clause
//! The Boot Loader Interface and the log: what the booted system asked for by variables, and what it is told.

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

/// Characters of a variable's text that a line shows.
const MOST_SHOWN: usize = 80;

/// The booted system's requests for this boot only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Once {
    /// Pattern of an entry's identifier.
    entry: Option<String>,
    /// How long the menu waits.
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

    /// Pattern of the entry that is wanted this time.
    pub fn entry(&self) -> Option<&str> {
        self.entry.as_deref()
    }
}

/// The entries that the booted system wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The machine's setup, and no entry.
    pub setup: bool,
    /// The entry that is wanted this time only.
    pub once: Option<&'a Entry>,
    /// The entry that is wanted until something else is.
    pub lasting: Option<&'a Entry>,
    /// The entry that is started becomes the default.
    is_saved: bool,
}

impl<'a> Wanted<'a> {
    /// Looks the wishes up among the entries. One that cannot be met is said and does not count.
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
                // It comes behind the image, if it comes at all.
                Some(entry) => {
                    if let Some(source) = config.source() {
                        let cause = format!("{} is an entry of a disk, and {source} is set", entry.id);
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

/// Whether something is there that a request of the booted system means: an entry, the image, the machine's setup.
pub fn has(wanted: &str, found: &Found, config: &Config) -> bool {
    let is_image = config.image().is_some() && pattern::fits(wanted, IMAGE_ID);
    let is_entry = found.entries.iter().any(|entry| pattern::fits(wanted, &entry.id));
    is_entry || is_image || pattern::fits(wanted, FIRMWARE_SETUP)
}

/// As much of a variable's text as a line shows.
pub fn shortened(text: &str) -> String {
    text.chars().take(MOST_SHOWN).collect()
}

/// What the booted system wants until it wants something else, and the variable that says so. Where the default is the
/// entry that was booted last, that is what is wanted.
pub fn lasting(variables: &dyn Variables, found: &Found) -> (Option<String>, &'static str) {
    let wanted = get(variables, ENTRY_DEFAULT);
    match wanted.as_deref().map_or(found.starts_last, |wanted| wanted == SAVED) {
        true => (get(variables, ENTRY_LAST_BOOTED), ENTRY_LAST_BOOTED),
        false => (wanted, ENTRY_DEFAULT),
    }
}

/// The settings of the menu, of all sources.
pub fn wishes(config: &Config, found: &Found, once: &Once, variables: &dyn Variables) -> Wishes {
    let lasting = get(variables, CONFIG_TIMEOUT).and_then(|text| Wait::parse(&text));
    Wishes {
        is_always_shown: config.menu() == Menu::Always,
        is_hidden: config.menu() == Menu::Hidden,
        once: once.wait,
        timeout: config.timeout(),
        lasting,
        // What is set to start from the network starts at once, whatever the disks say.
        image: if config.image().is_some() || config.holds_disks_back() {
            Some(Wait::Hidden)
        } else {
            found.wait
        },
        // Cannot saturate: entries are bounded by discovery's budget, far below the largest number.
        entries: found.entries.len().saturating_add(usize::from(config.image().is_some())),
    }
}

/// A text of the Boot Loader Interface; none where it is empty.
fn get(variables: &dyn Variables, name: &str) -> Option<String> {
    let value = variables.read(Vendor::Loader, name)?;
    Some(text::decode(&value)).filter(|value| !value.is_empty())
}

/// Tells what there is to choose from.
pub fn publish(variables: &dyn Variables, offered: &[Candidate<'_>]) {
    let setup = variables.has_setup().then_some(FIRMWARE_SETUP);
    let ids = offered.iter().map(|candidate| candidate.id()).chain(setup);
    variables.write(Vendor::Loader, ENTRIES, &text::list(ids));
}

/// Tells which file counts the tries of this boot.
pub fn counted(variables: &dyn Variables, path: &str) {
    let path = path.replace('/', "\\");
    variables.write(Vendor::Loader, BOOT_COUNT_PATH, &text::encode(&path));
}

/// Tells the identifier of what is started. Where the default is the one that was booted last, it is kept, but for one that was
/// wanted this time only.
pub fn selected(variables: &dyn Variables, wanted: &Wanted<'_>, id: &str) {
    variables.write(Vendor::Loader, ENTRY_SELECTED, &text::encode(id));
    let is_once = wanted.once.is_some_and(|once| once.id == id);
    // The firmware's memory wears out: it is not written without need.
    if wanted.is_saved && !is_once && get(variables, ENTRY_LAST_BOOTED).as_deref() != Some(id) {
        variables.store(Vendor::Loader, ENTRY_LAST_BOOTED, &text::encode(id));
    }
}

/// The log of a boot, and the program's own data in it.
pub struct Log<'a> {
    /// Its lines.
    pub journal: &'a Journal<'a>,
    /// Its clock.
    pub clock: &'a dyn Clock,
    /// Its version.
    pub version: &'a str,
    /// What it is built for.
    pub arch: Arch,
}

impl Log<'_> {
    /// Tells when `id` is started, and what happened until now.
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
