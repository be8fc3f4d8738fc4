// SPDX-License-Identifier: BSD-3-Clause
//! The `cloudboot.*` keys: where they come from, which source wins, who may set what.
//!
//! One resolver for the loader and for init. Sources are given weakest first; each effective value keeps the source
//! that it came from. Unknown keys, malformed values and keys that a source may not set are problems: each is reported
//! once, none is silently ignored.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod boot_file;
pub mod codes;
pub mod fuzz;
mod keys;
mod line;
mod metadata;
mod network;
mod problem;
mod secret;
mod text;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

pub use boot_file::SCHEME;
pub use keys::{KEYS, Key, Locked, ROWS, Row, Value};
pub use line::{LONGEST, Word, words};
pub use network::{Cosign, Login};
pub use problem::Problem;
pub use text::Text;

use line::MOST;
use secret::Secret;

/// Prefix of our own keys; a few others are shared with other programs.
const PREFIX: &str = "cloudboot.";

/// Where a setting comes from. Later ones override earlier ones and are trusted less; the last one is the weakest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Origin {
    /// The `.cmdline` section, built into the program.
    Section,
    /// The file `\cloudboot\cmdline` on the volume that the loader was started from.
    File,
    /// LoadOptions, or `/proc/cmdline`.
    LoadOptions,
    /// The EFI variables `CloudBootCmdline` and `CloudBootTarget`.
    Variable,
    /// Strings of SMBIOS type 11.
    Smbios,
    /// QEMU's fw_cfg file `opt/org.cloudboot/cmdline`.
    FwCfg,
    /// The metadata document of the cloud that the machine runs in. It overrides all others and is trusted least.
    Metadata,
    /// The boot file that a DHCP server names. It counts only where nothing else says what to boot, and is trusted no
    /// more than the metadata.
    Dhcp,
}

impl Origin {
    /// Whether it is built in, and so covered by the program's own signature.
    fn is_built_in(self) -> bool {
        self == Self::Section
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Section => "the .cmdline section",
            Self::File => "\\cloudboot\\cmdline",
            Self::LoadOptions => "LoadOptions",
            Self::Variable => "EFI variable",
            Self::Smbios => "SMBIOS",
            Self::FwCfg => "fw_cfg",
            Self::Metadata => "the metadata",
            Self::Dhcp => "DHCP",
        })
    }
}

/// How far sources that are not built in are restricted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Every source may set every key.
    Open,
    /// Secure Boot is on: other sources may set only a few keys.
    Locked,
    /// A signature key is built in: they may also say which signed artifact is booted.
    LockedWithKey,
}

impl Trust {
    fn lets_set(self, origin: Origin, key: &Key) -> bool {
        let locked = match origin {
            Origin::Section => return true,
            Origin::Metadata => match key.metadata {
                Some(locked) => locked,
                None => return false,
            },
            _ => key.locked,
        };
        match self {
            Self::Open => locked != Locked::BuiltIn,
            Self::Locked => locked == Locked::Taken,
            Self::LockedWithKey => matches!(locked, Locked::Taken | Locked::WithSignatureKey),
        }
    }

    /// Whether the source may give words to the kernel.
    fn lets_add(self, origin: Origin) -> bool {
        origin.is_built_in() || (self == Self::Open && origin != Origin::Metadata)
    }
}

/// The effective values.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Config {
    settings: Vec<Setting>,
    rest: Vec<String>,
    problems: Vec<Problem>,
    lacks_document: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Setting {
    key: &'static Key,
    value: Secret,
    origin: Origin,
}

impl Config {
    /// Resolves the texts, weakest first.
    pub fn resolve(texts: &[Text], trust: Trust) -> Self {
        let mut config = Self::default();
        for text in texts {
            config.add(text, trust);
        }
        config
    }

    fn add(&mut self, text: &Text, trust: Trust) {
        let origin = text.origin();
        if !text.is_readable() {
            return self.note(Problem::Line { origin, cause: "cannot be read" });
        }
        if text.as_str().len() > LONGEST {
            return self.note(Problem::Line { origin, cause: "longer than 64 KiB" });
        }
        if words(text.as_str()).nth(MOST).is_some() {
            return self.note(Problem::Line { origin, cause: "more than 4096 words" });
        }
        // Everything after `--` is for init, the first program that the kernel starts.
        let mut is_ours = true;
        for word in words(text.as_str()) {
            is_ours &= word.raw != "--";
            match KEYS.iter().find(|key| is_ours && key.name == word.name) {
                Some(key) => {
                    let is_set = self.set(key, word.value.unwrap_or("1"), origin, trust);
                    if is_set && key.is_shared() {
                        self.rest.push(word.raw.into());
                    }
                }
                None if is_ours && word.name.starts_with(PREFIX) => {
                    self.note(Problem::Unknown { name: word.name.into(), origin });
                }
                None if trust.lets_add(origin) => self.rest.push(word.raw.into()),
                None => self.note(Problem::Refused { name: word.name.into(), origin }),
            }
        }
    }

    /// Sets a key if the source may set it and the key accepts the value; returns whether it did.
    fn set(&mut self, key: &'static Key, value: &str, origin: Origin, trust: Trust) -> bool {
        let problem = if origin == Origin::Metadata && key.metadata.is_none() {
            Problem::Never { name: key.name.into() }
        } else if key.locked == Locked::BuiltIn && !origin.is_built_in() {
            Problem::BuiltIn { name: key.name, origin }
        } else if !trust.lets_set(origin, key) {
            Problem::Refused { name: key.name.into(), origin }
        } else if !key.value.accepts(value) {
            let value = if key.is_secret { "***".into() } else { value.into() };
            Problem::Value { name: key.name, value, expected: key.value, origin }
        } else {
            if !key.acts && !key.is_shared() {
                self.note(Problem::Idle { name: key.name, origin });
            }
            if !key.is_list {
                self.settings.retain(|setting| setting.key.name != key.name);
            }
            self.settings.push(Setting { key, value: Secret::new(value), origin });
            return true;
        };
        self.note(problem);
        false
    }

    /// Keeps a problem once, however often it occurs.
    fn note(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// What is wrong with the texts.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The words that are not ours, unchanged, for the kernel's command line. On a locked machine, those of sources
    /// that are not built in are refused.
    pub fn rest(&self) -> String {
        self.rest.join(" ")
    }

    /// Every effective value with its key and its source; secrets as `***`.
    pub fn effective(&self) -> impl Iterator<Item = (&'static str, &str, Origin)> {
        self.settings.iter().map(|Setting { key, value, origin }| {
            (key.name, if key.is_secret { "***" } else { value.expose() }, *origin)
        })
    }

    /// The same, a line each.
    pub fn explain(&self) -> impl Iterator<Item = String> {
        self.effective().map(|(name, value, origin)| format!("{name}={value} from {origin}"))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let is_named = |setting: &&Setting| setting.key.name.strip_prefix(PREFIX) == Some(name);
        self.settings.iter().find(is_named).map(|setting| setting.value.expose())
    }

    /// All values of a key that may be repeated.
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_named = move |setting: &&Setting| setting.key.name.strip_prefix(PREFIX) == Some(name);
        self.settings.iter().filter(is_named).map(|setting| setting.value.expose())
    }

    /// A value by the key's whole name.
    fn named(&self, name: &str) -> Option<&str> {
        self.setting(name).map(|setting| setting.value.expose())
    }

    fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key.name == name)
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    /// `debug`: a verbose log.
    pub fn debug(&self) -> bool {
        self.is_on("debug")
    }

    /// `quiet`: no banner.
    pub fn quiet(&self) -> bool {
        self.is_on("quiet")
    }

    /// `target`: the entry to boot.
    pub fn target(&self) -> Option<&str> {
        self.get("target")
    }

    /// `cmdline`: in place of the entry's own command line.
    pub fn cmdline(&self) -> Option<&str> {
        self.get("cmdline")
    }

    /// `cmdline.extra`: behind the command line.
    pub fn cmdline_extra(&self) -> Option<&str> {
        self.get("cmdline.extra")
    }

    /// `disk`: the volume to search; none, or empty: every volume.
    pub fn disk(&self) -> Option<&str> {
        self.get("disk").filter(|disk| !disk.is_empty())
    }

    /// `disk.device`: the subvolume to search; none, or empty: those that systems are usually installed in.
    pub fn disk_device(&self) -> Option<&str> {
        self.get("disk.device").filter(|device| !device.is_empty())
    }

    /// `disk.kernel`: the kernel, whatever the image's own configuration names.
    pub fn disk_kernel(&self) -> Option<&str> {
        self.get("disk.kernel")
    }

    /// `disk.initrd`: its initial RAM disk.
    pub fn disk_initrd(&self) -> Option<&str> {
        self.get("disk.initrd")
    }

    /// `timeout`: seconds until the default is booted.
    pub fn timeout(&self) -> Option<u32> {
        self.number("timeout")
    }

    /// `retry`: how many times the whole boot is retried.
    pub fn retry(&self) -> u32 {
        self.number("retry").unwrap_or(0)
    }

    /// `menu`: whether the menu is shown, and what it lets change.
    pub fn menu(&self) -> Menu {
        match self.get("menu") {
            Some("always") => Menu::Always,
            Some("hidden") => Menu::Hidden,
            Some("locked") => Menu::Locked,
            _ => Menu::Auto,
        }
    }

    /// `failure`: what follows a failed boot.
    pub fn failure(&self) -> OnFailure {
        match self.get("failure") {
            Some("menu") => OnFailure::Menu,
            Some("reboot") => OnFailure::Reboot,
            Some("shell") => OnFailure::Shell,
            _ => OnFailure::Firmware,
        }
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(|digits| digits.parse().ok())
    }

    /// `console`: appended if the command line names no console.
    pub fn console(&self) -> Option<&str> {
        self.get("console")
    }
}

/// Values of `menu`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Menu {
    /// It is shown when there is something to choose.
    Auto,
    /// It is always shown.
    Always,
    /// It is shown after a key press only.
    Hidden,
    /// As automatic, but command lines cannot be edited.
    Locked,
}

/// Values of `failure`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnFailure {
    /// The menu is shown, with what failed.
    Menu,
    /// Control goes back to the firmware.
    Firmware,
    /// The machine is reset.
    Reboot,
    /// A shell, where there is one.
    Shell,
}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec};

    use super::*;

    fn resolve(texts: &[(Origin, &str)], trust: Trust) -> Config {
        let texts: Vec<Text> =
            texts.iter().map(|(origin, text)| Text::new(*origin, text.as_bytes())).collect();
        Config::resolve(&texts, trust)
    }

    #[test]
    fn the_later_source_wins_and_is_named() {
        let config = resolve(
            &[
                (Origin::Section, "quiet cloudboot.target=a cloudboot.debug"),
                (Origin::LoadOptions, "cloudboot.target=\"b c\""),
            ],
            Trust::Open,
        );
        assert_eq!(config.target(), Some("b c"));
        assert!(config.debug());
        let lines: Vec<String> = config.explain().collect();
        assert_eq!(
            lines,
            ["cloudboot.debug=1 from the .cmdline section", "cloudboot.target=b c from LoadOptions"]
        );
    }

    #[test]
    fn an_unknown_key_is_named_once() {
        let config = resolve(&[(Origin::File, "cloudboot.tarket=x cloudboot.tarket=y")], Trust::Open);
        let problems: Vec<String> = config.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            ["E-CONFIG-UNKNOWN cloudboot.tarket (\\cloudboot\\cmdline): there is no such key"]
        );
    }

    #[test]
    fn a_wrong_value_leaves_the_weaker_one() {
        let config = resolve(
            &[(Origin::Section, "cloudboot.timeout=5"), (Origin::LoadOptions, "cloudboot.timeout=soon")],
            Trust::Open,
        );
        assert_eq!(config.get("timeout"), Some("5"));
        assert_eq!(
            config.problems()[0].to_string(),
            "E-CONFIG-VALUE cloudboot.timeout=soon (LoadOptions): expected a number of seconds"
        );
    }

    #[test]
    fn locked_only_the_built_in_source_sets_everything() {
        let line = "cloudboot.cmdline=init=/bin/sh cloudboot.target=x";
        let open = resolve(&[(Origin::LoadOptions, line)], Trust::Open);
        assert_eq!(open.cmdline(), Some("init=/bin/sh"));
        let locked = resolve(&[(Origin::LoadOptions, line)], Trust::Locked);
        assert_eq!((locked.cmdline(), locked.target()), (None, Some("x")));
        assert_eq!(
            locked.problems(),
            vec![Problem::Refused { name: "cloudboot.cmdline".into(), origin: Origin::LoadOptions }]
        );
        let built_in = resolve(&[(Origin::Section, line)], Trust::Locked);
        assert_eq!(built_in.cmdline(), Some("init=/bin/sh"));
    }

    /// Everything that the values of a text lead to.
    fn effects(word: &str) -> String {
        // A user and a password count together only, and so do an identity and its issuer.
        let pairs =
            "rd.cloudboot.user=a rd.cloudboot.pass=b cloudboot.cosign.identity=a cloudboot.cosign.issuer=b";
        let line = format!("{pairs} {word}");
        let config = resolve(&[(Origin::Section, &line)], Trust::Open);
        assert!(config.problems().iter().all(|problem| matches!(problem, Problem::Idle { .. })), "{word}");
        let of_entries = (config.target(), config.disk_kernel(), config.disk_initrd());
        let of_volumes = (config.disk(), config.disk_device());
        let of_kernels = (config.cmdline(), config.cmdline_extra(), config.console());
        let of_menus = (config.timeout(), config.menu(), config.retry(), config.failure());
        let of_console = (config.debug(), config.quiet());
        let of_cards = (config.net_wait(), config.net_if(), config.bootif(), config.net_vlan());
        let of_addresses = (config.net_skip(), config.net_static(), config.ip(), config.dns());
        let of_registries =
            (config.image(), config.local(), config.insecure(), config.net_proxy(), config.mirrors().count());
        let of_registries = (of_registries, config.cache(), config.plan());
        let login = config.login().unwrap().map(|login| (login.user, login.password));
        let of_trust = (config.cosign(), config.ca(), login, config.metadata_url());
        let of_keys = (config.cosign_keys().collect::<Vec<_>>(), config.cosign_threshold());
        let of_signers = (of_keys, config.cosign_identity(), config.cosign_trusted_root());
        let of_trust = format!("{of_trust:?} {of_signers:?}");
        let of_network = format!("{of_cards:?} {of_addresses:?} {of_registries:?} {of_trust}");
        format!("{of_volumes:?} {of_entries:?} {of_kernels:?} {of_menus:?} {of_console:?} {of_network}")
    }

    #[test]
    fn the_table_says_which_keys_act() {
        for Row { key, .. } in ROWS {
            let values = match key.value {
                Value::Flag => vec!["1"],
                Value::Number | Value::Seconds => vec!["7"],
                Value::Word(words) => words.to_vec(),
                Value::Path => vec!["/x"],
                Value::Text | Value::Any => vec!["x"],
            };
            let differs = |value: &&str| effects(&format!("{}={value}", key.name)) != effects("");
            assert_eq!(values.iter().any(differs), key.acts, "{}", key.name);
            let line = format!("{}={}", key.name, values[0]);
            let is_told = resolve(&[(Origin::Section, &line)], Trust::Open).problems().len() == 1;
            assert_eq!(is_told, !key.acts && !key.is_shared(), "{}", key.name);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let config = resolve(&[(Origin::File, "cloudboot.disk.luks-passphrase=hunter2")], Trust::Open);
        assert_eq!(
            config.explain().collect::<Vec<_>>(),
            ["cloudboot.disk.luks-passphrase=*** from \\cloudboot\\cmdline"]
        );
    }

    #[test]
    fn no_secret_is_formatted_whole_or_in_parts() {
        let line = b"cloudboot.disk.luks-passphrase=hunter2 rd.cloudboot.pass=hunter2";
        let text = Text::new(Origin::File, line);
        let config = Config::resolve(core::slice::from_ref(&text), Trust::Open);
        let shown = format!("{config:?} {text:?} {:?}", config.explain().collect::<Vec<_>>());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(config.explain().count(), 2);
    }

    #[test]
    fn an_empty_disk_is_every_disk() {
        let config = resolve(&[(Origin::File, "cloudboot.disk= cloudboot.disk.device=")], Trust::Open);
        assert_eq!((config.get("disk"), config.get("disk.device")), (Some(""), Some("")));
        assert_eq!((config.disk(), config.disk_device(), config.problems().len()), (None, None, 0));
    }

    #[test]
    fn the_rest_is_for_the_kernel() {
        let line = "a=\"b c\" cloudboot.debug ip=dhcp rd.cloudboot.user=u -- cloudboot.quiet";
        let config = resolve(&[(Origin::LoadOptions, line)], Trust::Open);
        assert_eq!(config.rest(), "a=\"b c\" ip=dhcp -- cloudboot.quiet");
        assert!(config.debug() && !config.quiet());
        let locked = resolve(&[(Origin::LoadOptions, "init=/bin/sh ip=dhcp")], Trust::Locked);
        assert_eq!((locked.rest().as_str(), locked.problems().len()), ("ip=dhcp", 1));
    }

    #[test]
    fn a_signature_key_decides_about_plan_and_image() {
        let line = "cloudboot.plan=oci://host/plan:1 cloudboot.cmdline=x";
        let locked = resolve(&[(Origin::File, line)], Trust::Locked);
        assert_eq!((locked.get("plan"), locked.problems().len()), (None, 2));
        let with_key = resolve(&[(Origin::File, line)], Trust::LockedWithKey);
        let refused = Problem::Refused { name: "cloudboot.cmdline".into(), origin: Origin::File };
        assert_eq!(with_key.get("plan"), Some("oci://host/plan:1"));
        assert!(with_key.problems().contains(&refused), "{:?}", with_key.problems());
    }

    #[test]
    fn a_line_has_limits() {
        let unreadable = Config::resolve(&[Text::unreadable(Origin::File)], Trust::Open);
        let line = Problem::Line { origin: Origin::File, cause: "cannot be read" };
        assert_eq!(unreadable.problems(), [line]);
        for line in ["a ".repeat(5000), "a".repeat(LONGEST + 1)] {
            let config = resolve(&[(Origin::File, &line)], Trust::Open);
            assert!(matches!(config.problems(), [Problem::Line { .. }]));
        }
    }
}
