// SPDX-License-Identifier: BSD-3-Clause
//! EFI variables: the Boot Loader Interface's, our own, and the way into the firmware's setup.

use alloc::{format, string::String, vec::Vec};

use efi::{
    device_path::{self, HardDrive},
    interface, text,
};
use flow::{Clock as _, Floor, Variables as _, Vendor};
use uefi::{
    CString16, Status, boot, guid,
    proto::loaded_image::LoadedImage,
    runtime::{self, ResetType, VariableAttributes, VariableVendor},
    system,
};

use crate::{
    clock::Clock,
    handle::{open, path_bytes},
};

const LOADER: VariableVendor = VariableVendor(guid!("4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"));
const CLOUD_BOOT: VariableVendor = VariableVendor(guid!("c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e"));
/// Visible to the booted system, gone at the next boot.
const VOLATILE: VariableAttributes =
    VariableAttributes::BOOTSERVICE_ACCESS.union(VariableAttributes::RUNTIME_ACCESS);
/// Kept for the next boot, too.
const LASTING: VariableAttributes = VOLATILE.union(VariableAttributes::NON_VOLATILE);

/// Most firmware variables that are enumerated: a store has room for some hundreds.
const MOST_VARIABLES: usize = 4096;

/// The firmware's variables.
pub struct Variables;

impl flow::Variables for Variables {
    fn read(&self, vendor: Vendor, name: &str) -> Option<Vec<u8>> {
        get(&guid_of(vendor), name)
    }

    fn write(&self, vendor: Vendor, name: &str, value: &[u8]) {
        set(&guid_of(vendor), name, VOLATILE, value);
    }

    fn store(&self, vendor: Vendor, name: &str, value: &[u8]) {
        set(&guid_of(vendor), name, LASTING, value);
    }

    fn remove(&self, vendor: Vendor, name: &str) {
        if let Ok(name) = CString16::try_from(name) {
            // A failure means that it does not exist, which is fine.
            let _ = runtime::delete_variable(&name, &guid_of(vendor));
        }
    }

    fn has_setup(&self) -> bool {
        global("OsIndicationsSupported") & interface::BOOT_TO_FIRMWARE_SETUP != 0
    }
}

/// These variables are accessible only until ExitBootServices. One that a booted system created has the runtime
/// attribute.
impl flow::Floors for Variables {
    fn kept(&self, name: &str) -> Floor {
        let Ok(name) = CString16::try_from(name) else { return Floor::None };
        match runtime::get_variable_boxed(&name, &CLOUD_BOOT) {
            Ok((_, attributes)) if attributes.contains(VariableAttributes::RUNTIME_ACCESS) => Floor::Foreign,
            Ok((value, _)) => Floor::Kept(value.into_vec()),
            Err(error) if error.status() == Status::NOT_FOUND => Floor::None,
            Err(_) => Floor::Unreadable,
        }
    }

    fn keep(&self, name: &str, value: &[u8]) -> Result<(), String> {
        let name = CString16::try_from(name).map_err(|_| String::from("not a valid variable name"))?;
        let attributes = VariableAttributes::NON_VOLATILE.union(VariableAttributes::BOOTSERVICE_ACCESS);
        let set = runtime::set_variable(&name, &CLOUD_BOOT, attributes, value);
        set.map_err(|error| format!("EFI status {}", error.status()))
    }

    fn forget(&self, name: &str) -> bool {
        CString16::try_from(name).is_ok_and(|name| runtime::delete_variable(&name, &CLOUD_BOOT).is_ok())
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let keys = runtime::variable_keys().take(MOST_VARIABLES).filter_map(Result::ok);
        let ours = keys.filter(|key| key.vendor == CLOUD_BOOT).map(|key| format!("{}", key.name));
        ours.filter(|name| name.starts_with(prefix)).collect()
    }
}

fn guid_of(vendor: Vendor) -> VariableVendor {
    match vendor {
        Vendor::Loader => LOADER,
        Vendor::CloudBoot => CLOUD_BOOT,
    }
}

fn get(vendor: &VariableVendor, name: &str) -> Option<Vec<u8>> {
    let (value, _) = runtime::get_variable_boxed(&CString16::try_from(name).ok()?, vendor).ok()?;
    Some(value.into_vec())
}

fn set(vendor: &VariableVendor, name: &str, attributes: VariableAttributes, value: &[u8]) {
    if let Ok(name) = CString16::try_from(name) {
        // A full store must not fail the boot.
        let _ = runtime::set_variable(&name, vendor, attributes, value);
    }
}

/// A 64-bit global variable; 0 if it does not exist.
fn global(name: &str) -> u64 {
    let value = get(&VariableVendor::GLOBAL_VARIABLE, name).unwrap_or_default();
    value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Whether Secure Boot is on.
pub fn is_secure_boot() -> bool {
    get(&VariableVendor::GLOBAL_VARIABLE, "SecureBoot").as_deref() == Some(&[1])
}

/// Secure Boot's state, for the log.
pub fn secure_boot() -> &'static str {
    let is_setup = get(&VariableVendor::GLOBAL_VARIABLE, "SetupMode").as_deref() == Some(&[1]);
    match get(&VariableVendor::GLOBAL_VARIABLE, "SecureBoot").as_deref() {
        Some([1]) => "on",
        Some(_) if is_setup => "off (setup mode)",
        Some(_) => "off",
        None => "not available",
    }
}

/// Resets the machine into the firmware setup.
pub fn open_setup() -> ! {
    let wanted = global("OsIndications") | interface::BOOT_TO_FIRMWARE_SETUP;
    set(&VariableVendor::GLOBAL_VARIABLE, "OsIndications", LASTING, &wanted.to_le_bytes());
    runtime::reset(ResetType::WARM, Status::SUCCESS, None)
}

/// Tells the booted system the loader's name, version and start time.
pub fn introduce(version: &str, clock: &Clock) {
    // It is of this boot only. One that lasts was not made by a loader, and could not be written.
    if is_lasting(flow::STARTED) {
        Variables.remove(Vendor::CloudBoot, flow::STARTED);
    }
    let write = |name, value: &str| Variables.write(Vendor::Loader, name, &text::encode(value));
    // Cannot saturate: the program started after the machine.
    let now =
        u64::try_from(clock.since_power_on().saturating_sub(clock.now()).as_micros()).unwrap_or(u64::MAX);
    Variables.write(Vendor::Loader, interface::TIME_INIT, &interface::microseconds(now));
    Variables.write(Vendor::Loader, interface::FEATURES_NAME, &interface::FEATURES.to_le_bytes());
    write(interface::INFO, &format!("cloud-boot {version}"));
    write(interface::FIRMWARE_INFO, &firmware());
    let revision = system::uefi_revision();
    write(interface::FIRMWARE_TYPE, &interface::firmware_type(revision.major(), revision.minor()));
    let Some(image) = open::<LoadedImage>(boot::image_handle()) else { return };
    let partition = image.device().and_then(|device| HardDrive::of(&path_bytes(device)));
    if let Some(uuid) = partition.and_then(|partition| partition.guid) {
        write(interface::DEVICE_PART_UUID, &uuid);
    }
    if let Some(file) = image.file_path().and_then(|path| device_path::file_name(path.as_bytes())) {
        write(interface::IMAGE_IDENTIFIER, &file);
    }
}

/// Whether one of our own variables is kept when the machine is reset.
fn is_lasting(name: &str) -> bool {
    let name = CString16::try_from(name).ok();
    let kept = name.and_then(|name| runtime::get_variable_boxed(&name, &CLOUD_BOOT).ok());
    kept.is_some_and(|(_, attributes)| attributes.contains(VariableAttributes::NON_VOLATILE))
}

/// The firmware's vendor and revision.
pub fn firmware() -> String {
    let revision = system::firmware_revision();
    format!("{} {}.{:02}", system::firmware_vendor(), revision >> 16, revision & 0xffff)
}

/// The settings in variables: a command line, and a target.
pub fn texts() -> [Option<Vec<u8>>; 2] {
    [get(&CLOUD_BOOT, "CloudBootCmdline"), get(&CLOUD_BOOT, "CloudBootTarget")]
}
