// SPDX-License-Identifier: BSD-3-Clause
//! The report on UEFI variables.

use config::{Origin, Text};
use efi::{
    device_text, interface,
    load_option::{self, LoadOption},
    log, text,
    varstore::{GLOBAL, IMAGE_SECURITY, Variable},
};
use serde::Serialize;
use serde_json::Value;

/// Vendor of EDK II's own switch of Secure Boot, gEfiSecureBootEnableDisableGuid.
const SECURE_BOOT_ENABLE: &str = "f0a30bc7-af08-4556-99c4-001009c93a44";
/// Variables of the Boot Loader Interface that hold text.
const LOADER_TEXTS: [&str; 14] = [
    interface::INFO,
    interface::FIRMWARE_INFO,
    interface::FIRMWARE_TYPE,
    interface::TIME_INIT,
    interface::TIME_EXEC,
    interface::DEVICE_PART_UUID,
    interface::IMAGE_IDENTIFIER,
    interface::ENTRY_SELECTED,
    interface::BOOT_COUNT_PATH,
    interface::ENTRY_DEFAULT,
    interface::ENTRY_LAST_BOOTED,
    interface::ENTRY_ONE_SHOT,
    interface::CONFIG_TIMEOUT,
    interface::CONFIG_TIMEOUT_ONE_SHOT,
];

/// Everything; credentials are masked, and other variables are only listed.
#[derive(Serialize)]
pub struct Report {
    pub boot: Boot,
    /// Variables of the Boot Loader Interface.
    pub loader: Vec<NamedValue>,
    pub cloud_boot: CloudBoot,
    pub secure_boot: SecureBoot,
    /// All variables.
    pub variables: Vec<Plain>,
}

#[derive(Serialize)]
pub struct Boot {
    pub order: Vec<String>,
    /// `BootNext`
    pub next: Option<String>,
    /// `BootCurrent`
    pub current: Option<String>,
    /// In the order in which they are tried, then the others.
    pub entries: Vec<Entry>,
}

#[derive(Serialize)]
pub struct Entry {
    pub id: String,
    pub description: String,
    pub active: bool,
    pub path: String,
    /// Its LoadOptions; none if they are not text.
    pub options: Option<String>,
}

#[derive(Serialize)]
pub struct NamedValue {
    pub name: String,
    pub value: String,
}

#[derive(Serialize)]
pub struct CloudBoot {
    pub cmdline: Option<String>,
    pub target: Option<String>,
    pub log: Option<Value>,
}

#[derive(Serialize)]
pub struct SecureBoot {
    pub enabled: bool,
    pub setup_mode: bool,
    /// Bytes of the platform key, if the variable exists; the others likewise.
    pub pk: Option<usize>,
    pub kek: Option<usize>,
    pub db: Option<usize>,
    pub dbx: Option<usize>,
}

#[derive(Serialize)]
pub struct Plain {
    pub vendor: String,
    pub name: String,
    pub attributes: u32,
    pub size: usize,
    /// Whether another part of the report shows its value.
    #[serde(skip)]
    pub is_shown: bool,
}

impl Report {
    /// The report on these variables.
    pub fn new(variables: &[Variable]) -> Self {
        Self {
            boot: boot(variables),
            loader: loader(variables),
            cloud_boot: cloud_boot(variables),
            secure_boot: secure_boot(variables),
            variables: variables.iter().map(plain).collect(),
        }
    }
}

fn value<'v>(variables: &'v [Variable], vendor: &str, name: &str) -> Option<&'v [u8]> {
    let found = variables.iter().find(|variable| variable.name == name && variable.vendor == vendor);
    found.map(|variable| variable.data.as_slice())
}

fn id(number: u16) -> String {
    format!("Boot{number:04X}")
}

fn boot(variables: &[Variable]) -> Boot {
    let numbers = |name| load_option::order(value(variables, GLOBAL, name).unwrap_or_default()).map(id);
    let order: Vec<String> = numbers("BootOrder").collect();
    let is_option =
        |variable: &&Variable| variable.vendor == GLOBAL && load_option::number(&variable.name).is_some();
    let mut entries: Vec<Entry> = variables.iter().filter(is_option).filter_map(entry).collect();
    entries.sort_by_key(|entry| order.iter().position(|id| *id == entry.id).unwrap_or(usize::MAX));
    Boot { next: numbers("BootNext").next(), current: numbers("BootCurrent").next(), order, entries }
}

fn entry(variable: &Variable) -> Option<Entry> {
    let option = LoadOption::parse(&variable.data)?;
    Some(Entry {
        id: variable.name.clone(),
        active: option.is_active(),
        path: without_credentials(&device_text::of(option.paths)),
        options: options(option.options),
        description: option.description,
    })
}

/// The path with user name and password of its URI masked (RFC 3986, section 3.2.1).
fn without_credentials(path: &str) -> String {
    let masked = path.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#', ')']).unwrap_or(rest.len());
        let at = rest[..end].rfind('@')?;
        Some(format!("{scheme}://***{}", &rest[at..]))
    });
    masked.unwrap_or_else(|| path.into())
}

/// LoadOptions as a command line; none if they have characters that no command line has, as for another program.
fn options(bytes: &[u8]) -> Option<String> {
    let line = Text::new(Origin::LoadOptions, bytes).masked();
    let is_text = !line.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER);
    Some(line).filter(|line| is_text && !line.is_empty())
}

fn loader(variables: &[Variable]) -> Vec<NamedValue> {
    let of_vendor = variables.iter().filter(|variable| variable.vendor == interface::VENDOR);
    let named = of_vendor.filter_map(|variable| {
        let value = match (variable.name.as_str(), variable.data.as_slice()) {
            (interface::ENTRIES, data) => {
                let units = data.as_chunks::<2>().0;
                let texts = units.split(|unit| *unit == [0, 0]).filter(|text| !text.is_empty());
                texts.map(|text| text::decode(text.as_flattened())).collect::<Vec<_>>().join(" ")
            }
            (interface::FEATURES_NAME, data) => format!("{:#x}", u64::from_le_bytes(*data.first_chunk()?)),
            (name, data) if LOADER_TEXTS.contains(&name) => text::decode(data),
            // Not all may be shown: `LoaderSystemToken` is a random seed.
            _ => return None,
        };
        Some(NamedValue { name: variable.name.clone(), value })
    });
    named.collect()
}

fn cloud_boot(variables: &[Variable]) -> CloudBoot {
    let line =
        |name| value(variables, log::VENDOR, name).map(|data| Text::new(Origin::Variable, data).masked());
    let log = value(variables, log::VENDOR, log::NAME).filter(|text| text.len() <= log::LONGEST);
    CloudBoot {
        cmdline: line("CloudBootCmdline"),
        target: line("CloudBootTarget"),
        log: log.and_then(|text| serde_json::from_slice(text).ok()),
    }
}

fn secure_boot(variables: &[Variable]) -> SecureBoot {
    let size = |vendor, name| value(variables, vendor, name).map(<[u8]>::len).filter(|size| *size > 0);
    let is_set = |vendor, name| value(variables, vendor, name).map(|data| data == [1]);
    let pk = size(GLOBAL, "PK");
    // Only a running system has these variables. In a store, a platform key turns it on unless the setup turned it off.
    let by_keys = || pk.is_some() && is_set(SECURE_BOOT_ENABLE, "SecureBootEnable").unwrap_or(true);
    SecureBoot {
        enabled: is_set(GLOBAL, "SecureBoot").unwrap_or_else(by_keys),
        setup_mode: is_set(GLOBAL, "SetupMode").unwrap_or(pk.is_none()),
        pk,
        kek: size(GLOBAL, "KEK"),
        db: size(IMAGE_SECURITY, "db"),
        dbx: size(IMAGE_SECURITY, "dbx"),
    }
}

fn plain(variable: &Variable) -> Plain {
    let Variable { vendor, name, attributes, data } = variable;
    let is_shown = match (vendor.as_str(), name.as_str()) {
        (GLOBAL, "BootOrder" | "BootNext" | "BootCurrent" | "SecureBoot" | "SetupMode" | "PK" | "KEK") => {
            true
        }
        (GLOBAL, name) => load_option::number(name).is_some() && entry(variable).is_some(),
        (IMAGE_SECURITY, "db" | "dbx") | (SECURE_BOOT_ENABLE, "SecureBootEnable") => true,
        (interface::VENDOR, name) => {
            LOADER_TEXTS.contains(&name) || [interface::ENTRIES, interface::FEATURES_NAME].contains(&name)
        }
        (log::VENDOR, name) => ["CloudBootCmdline", "CloudBootTarget", log::NAME].contains(&name),
        _ => false,
    };
    Plain { vendor: vendor.clone(), name: name.clone(), attributes: *attributes, size: data.len(), is_shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_shown_without_its_credentials() {
        let cases = [
            ("IPv4()/Uri(http://me:a@b@host/x@y.efi)", "IPv4()/Uri(http://***@host/x@y.efi)"),
            ("Uri(http://host/a:b@c)", "Uri(http://host/a:b@c)"),
            ("Uri(https://token@host)", "Uri(https://***@host)"),
            ("\\EFI\\a@b.efi", "\\EFI\\a@b.efi"),
        ];
        for (path, shown) in cases {
            assert_eq!(without_credentials(path), shown);
        }
    }
}
