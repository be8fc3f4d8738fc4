// SPDX-License-Identifier: BSD-3-Clause
//! What the system's own files say about its kernel's command line.

use alloc::{format, string::String, vec::Vec};

use vfs::{Volume, Volumes};

use crate::os_release;

/// No such file is larger.
const LARGEST: u64 = 64 * 1024;
/// Where a system mounts a volume with its kernels.
const MOUNTED_ON: [&str; 3] = ["/boot", "/efi", "/boot/efi"];

/// The command line for kernels of a volume. Where its system is not known, the volume itself is the root.
pub fn options(volumes: &Volumes, volume: &Volume) -> String {
    of_system(system_of(volumes, volume).unwrap_or(volume))
}

/// The command line for kernels of a volume, where its system is known.
pub fn known(volumes: &Volumes, volume: &Volume) -> Option<String> {
    system_of(volumes, volume).map(of_system)
}

/// `/etc/kernel/cmdline`, else what GRUB's defaults add, with the root filesystem from `/etc/fstab`, and last the
/// volume itself.
fn of_system(system: &Volume) -> String {
    if let Some(text) = read(system, "/etc/kernel/cmdline") {
        return text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let root = fstab(system, "/").unwrap_or_else(|| format!("UUID={}", system.identity().uuid));
    let added = grub_defaults(system);
    let added = if added.is_empty() { String::new() } else { format!(" {added}") };
    format!("root={root} ro{added}")
}

/// `PRETTY_NAME` of os-release, else `Linux`.
pub fn os_name(volume: &Volume) -> String {
    let text = read(volume, "/etc/os-release").or_else(|| read(volume, "/usr/lib/os-release"));
    let name = text.as_deref().and_then(|text| os_release::value(text, "PRETTY_NAME"));
    name.unwrap_or_else(|| "Linux".into())
}

/// The volume with the system whose kernels stand on `volume`: itself, or one that mounts it where kernels stand.
fn system_of<'a>(volumes: &'a Volumes, volume: &'a Volume) -> Option<&'a Volume> {
    if volume.open(b"/etc").is_ok() {
        return Some(volume);
    }
    let identity = volume.identity();
    let label = String::from_utf8_lossy(&identity.label);
    let names = [
        format!("UUID={}", identity.uuid),
        format!("LABEL={label}"),
        format!("PARTUUID={}", volume.partition().map_or("", |partition| &partition.uuid)),
    ];
    let mounts = |other: &&Volume| {
        MOUNTED_ON.iter().any(|folder| fstab(other, folder).is_some_and(|device| names.contains(&device)))
    };
    volumes.all().iter().find(mounts)
}

fn read(volume: &Volume, path: &str) -> Option<String> {
    String::from_utf8(volume.read(path.as_bytes(), LARGEST).ok()?).ok()
}

/// The device that `/etc/fstab` mounts on a folder.
fn fstab(volume: &Volume, folder: &str) -> Option<String> {
    let text = read(volume, "/etc/fstab")?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (device, mounted) = (words.next()?, words.next()?);
        (!device.starts_with('#') && mounted == folder).then(|| device.into())
    })
}

/// `GRUB_CMDLINE_LINUX` and `GRUB_CMDLINE_LINUX_DEFAULT` of /etc/default/grub and the files that follow it.
fn grub_defaults(volume: &Volume) -> String {
    let mut texts: Vec<String> = read(volume, "/etc/default/grub").into_iter().collect();
    for entry in volume.list(b"/etc/default/grub.d").unwrap_or_default() {
        if entry.name.ends_with(b".cfg") {
            let path = [b"/etc/default/grub.d/".as_slice(), &entry.name].concat();
            texts.extend(volume.read(&path, LARGEST).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
        }
    }
    let text = texts.join("\n");
    let values = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"].map(|name| assigned(&text, name));
    let words = values.into_iter().flatten().filter(|value| !value.trim().is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The value of the last `NAME=value` of a shell file, without its quotes. `$NAME` in it is the value from
/// before; anything else that the shell would have to compute is left as it stands.
fn assigned(text: &str, name: &str) -> Option<String> {
    let (with_brace, plain) = (format!("${{{name}}}"), format!("${name}"));
    let mut value: Option<String> = None;
    for line in text.lines() {
        let Some(new) = line.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) else {
            continue;
        };
        let quoted = |quote: char| new.strip_prefix(quote).and_then(|rest| rest.split(quote).next());
        let single = quoted('\'');
        let new = single.or_else(|| quoted('"')).unwrap_or(new.trim());
        let old = value.unwrap_or_default();
        let most = new.matches('$').count().saturating_mul(old.len()).saturating_add(new.len());
        if u64::try_from(most).is_ok_and(|length| length > LARGEST) {
            return None;
        }
        let new = if single.is_some() {
            String::from(new)
        } else {
            let parts: Vec<&str> = new.split(with_brace.as_str()).collect();
            let parts: Vec<String> = parts.into_iter().map(|part| insert(part, &plain, &old)).collect();
            parts.join(&old)
        };
        value = Some(new);
    }
    value
}

/// Puts `value` in place of `$NAME`, not of a longer name that starts like it.
fn insert(text: &str, variable: &str, value: &str) -> String {
    let mut pieces = text.split(variable);
    let mut result = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_longer = piece.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        result.push_str(if is_longer { variable } else { value });
        result.push_str(piece);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_assignment_counts() {
        let text = "A=1\n# A=2\nA=\"x y\"\nB='z'\n";
        assert_eq!(assigned(text, "A").as_deref(), Some("x y"));
        assert_eq!(assigned(text, "B").as_deref(), Some("z"));
        assert_eq!(assigned(text, "C"), None);
    }

    #[test]
    fn a_value_can_be_added_to() {
        let text = "A=\"quiet\"\nA=\"$A ${A}x $AB\"\n";
        assert_eq!(assigned(text, "A").as_deref(), Some("quiet quietx $AB"));
        assert_eq!(assigned("A=1\nA='$A'\n", "A").as_deref(), Some("$A"));
    }

    #[test]
    fn a_value_that_doubles_without_end_is_none() {
        let text = ["A=xx\n", &"A=\"$A$A\"\n".repeat(40)].concat();
        assert_eq!(assigned(&text, "A"), None, "2^41 bytes");
    }
}
