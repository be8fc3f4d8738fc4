// SPDX-License-Identifier: BSD-3-Clause
//! The Boot Loader Interface and the log, as far as a boot from disk speaks of them.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use config::{Config, Menu};
use efi::{interface::Timeout, log, text};
use entries::{Entry, Found};
use menu::{Wait, Wishes};

use crate::{Parts, Place, Variables, Vendor};

use efi::interface::{
    BOOT_COUNT_PATH, CONFIG_TIMEOUT, CONFIG_TIMEOUT_ONE_SHOT, ENTRIES, ENTRY_DEFAULT, ENTRY_ONE_SHOT,
    ENTRY_SELECTED, FIRMWARE_SETUP, TIME_EXEC,
};

/// What was asked for this boot only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Once {
    /// Identifier of an entry.
    pub entry: Option<String>,
    /// How long the menu waits.
    pub wait: Option<Wait>,
}

impl Once {
    /// Reads the variables and removes them.
    pub fn take(variables: &dyn Variables) -> Self {
        let take = |name| {
            let value = variables.read(Vendor::Loader, name)?;
            variables.remove(Vendor::Loader, name);
            Some(text::decode(&value)).filter(|value| !value.is_empty())
        };
        Self { entry: take(ENTRY_ONE_SHOT), wait: take(CONFIG_TIMEOUT_ONE_SHOT).and_then(|text| wait(&text)) }
    }
}

/// The entry that the booted system made the default.
pub fn preferred(variables: &dyn Variables) -> Option<String> {
    let value = variables.read(Vendor::Loader, ENTRY_DEFAULT)?;
    Some(text::decode(&value)).filter(|id| !id.is_empty())
}

/// What everybody wants of the menu.
pub fn wishes(config: &Config, found: &Found, once: &Once, variables: &dyn Variables) -> Wishes {
    let lasting =
        variables.read(Vendor::Loader, CONFIG_TIMEOUT).and_then(|value| wait(&text::decode(&value)));
    Wishes {
        is_always_shown: config.menu() == Menu::Always,
        is_hidden: config.menu() == Menu::Hidden,
        once: once.wait,
        timeout: config.timeout(),
        lasting,
        image: found.wait,
        entries: found.entries.len(),
    }
}

fn wait(text: &str) -> Option<Wait> {
    Some(match Timeout::parse(text)? {
        Timeout::Seconds(seconds) => Wait::Seconds(seconds),
        Timeout::Force => Wait::Forever,
        Timeout::Hidden => Wait::Hidden,
        Timeout::Disabled => Wait::Never,
    })
}

/// Tells which entries there are.
pub fn publish(variables: &dyn Variables, entries: &[Entry]) {
    let setup = variables.has_setup().then_some(FIRMWARE_SETUP);
    let ids = entries.iter().map(|entry| entry.id.as_str()).chain(setup);
    variables.write(Vendor::Loader, ENTRIES, &text::list(ids));
}

/// Tells which file counts the tries of this boot.
pub fn counted(variables: &dyn Variables, place: &Place, name: &str) {
    let folder = place.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = format!("{folder}/{name}").replace('/', "\\");
    variables.write(Vendor::Loader, BOOT_COUNT_PATH, &text::encode(&path));
}

/// Tells what is started, when, and what happened until now.
pub fn starting(parts: &Parts<'_>, id: &str) {
    let now = u64::try_from(parts.clock.since_power_on().as_micros()).unwrap_or(u64::MAX);
    parts.variables.write(Vendor::Loader, ENTRY_SELECTED, &text::encode(id));
    parts.variables.write(Vendor::Loader, TIME_EXEC, &efi::interface::microseconds(now));
    let lines = parts.console.lines();
    let millis = |line: &crate::Line| u64::try_from(line.time.as_millis()).unwrap_or(u64::MAX);
    let lines: Vec<(u64, &str)> = lines.iter().map(|line| (millis(line), line.text.as_str())).collect();
    let log = log::write(parts.version, &parts.machine.to_string(), Some(id), &lines);
    parts.variables.write(Vendor::CloudBoot, log::NAME, log.as_bytes());
}
