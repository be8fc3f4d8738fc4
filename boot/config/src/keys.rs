// SPDX-License-Identifier: BSD-3-Clause
//! The keys: the only list of them.

use core::fmt;

/// What a key's value may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value {
    /// `0` or `1`.
    Flag,
    /// A number, at most nine digits.
    Number,
    /// A number of seconds.
    Seconds,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An absolute path.
    Path,
    /// Anything but nothing.
    Text,
    /// Anything.
    Any,
}

impl Value {
    /// Whether a key of this kind can have the value.
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Flag => matches!(value, "0" | "1"),
            Self::Number | Self::Seconds => {
                (1..=9).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Word(words) => words.contains(&value),
            Self::Path => value.starts_with('/'),
            Self::Text => !value.is_empty(),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("0 or 1"),
            Self::Number => f.write_str("a number"),
            Self::Seconds => f.write_str("a number of seconds"),
            Self::Word(words) => {
                for (i, word) in words.iter().enumerate() {
                    write!(f, "{}{word}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Path => f.write_str("an absolute path"),
            Self::Text => f.write_str("a value"),
            Self::Any => f.write_str("any text"),
        }
    }
}

/// A key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    /// The word in front of the `=`.
    pub name: &'static str,
    /// What it may be set to.
    pub value: Value,
    /// Never shown.
    pub is_secret: bool,
    /// Who may set it on a locked machine.
    pub locked: Locked,
}

/// What a locked machine makes of a key from a source that is not built in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Locked {
    /// It is refused.
    Refused,
    /// It is taken: it cannot weaken what is verified.
    Taken,
    /// It is taken where a signature key is built in: the signature decides.
    WithSignatureKey,
}

impl Key {
    /// Whether the word is the kernel's, too, and is passed on to it.
    pub fn is_shared(&self) -> bool {
        matches!(self.name, "ip" | "BOOTIF")
    }
}

const fn key(name: &'static str, value: Value) -> Key {
    Key { name, value, is_secret: false, locked: Locked::Refused }
}

const fn free(name: &'static str, value: Value) -> Key {
    Key { locked: Locked::Taken, ..key(name, value) }
}

const fn secret(name: &'static str) -> Key {
    Key { is_secret: true, ..free(name, Value::Text) }
}

const fn signed(name: &'static str) -> Key {
    Key { locked: Locked::WithSignatureKey, ..key(name, Value::Text) }
}

/// Every key that exists.
pub const KEYS: &[Key] = &[
    key("cloudboot.exit", Value::Word(&["kexec", "reboot", "firmware"])),
    free("cloudboot.target", Value::Text),
    free("cloudboot.keymap", Value::Word(&["us", "fr", "fr-mac", "de", "uk", "es"])),
    free("cloudboot.debug", Value::Flag),
    free("cloudboot.quiet", Value::Flag),
    key("cloudboot.cmdline", Value::Text),
    key("cloudboot.cmdline.extra", Value::Text),
    key("cloudboot.disk", Value::Any),
    key("cloudboot.disk.fs", Value::Word(&["auto", "ext4", "xfs", "btrfs", "zfs", "ufs", "fat", "ntfs"])),
    key("cloudboot.disk.device", Value::Text),
    key("cloudboot.disk.kernel", Value::Path),
    key("cloudboot.disk.initrd", Value::Path),
    Key { is_secret: true, ..key("cloudboot.disk.luks-passphrase", Value::Text) },
    signed("cloudboot.plan"),
    key("cloudboot.plan.modpack", Value::Text),
    signed("cloudboot.image"),
    key("cloudboot.insecure", Value::Flag),
    key("cloudboot.cosign", Value::Word(&["enforce", "warn", "off"])),
    key("cloudboot.cosign.key", Value::Text),
    key("cloudboot.cosign.threshold", Value::Number),
    free("cloudboot.dns", Value::Text),
    free("cloudboot.net.skip", Value::Flag),
    free("cloudboot.net.static", Value::Text),
    free("cloudboot.net.if", Value::Text),
    free("cloudboot.net.vlan", Value::Number),
    free("cloudboot.net.proxy", Value::Text),
    free("cloudboot.net.ntp", Value::Text),
    free("cloudboot.net.lldp", Value::Flag),
    key("cloudboot.lldp", Value::Flag),
    key("cloudboot.lldp.wait", Value::Text),
    key("cloudboot.lldp.tx", Value::Flag),
    key("cloudboot.lldp.name", Value::Text),
    secret("cloudboot.openstack.auth-url"),
    secret("cloudboot.openstack.app-cred-id"),
    secret("cloudboot.openstack.app-cred-secret"),
    free("cloudboot.metadata.url", Value::Text),
    free("cloudboot.mirror", Value::Text),
    free("cloudboot.cache", Value::Flag),
    free("rd.cloudboot.user", Value::Text),
    secret("rd.cloudboot.pass"),
    free("ip", Value::Text),
    free("BOOTIF", Value::Text),
    key("cloudboot.ca", Value::Text),
    free("cloudboot.timeout", Value::Seconds),
    key("cloudboot.menu", Value::Word(&["auto", "always", "hidden", "locked"])),
    key("cloudboot.retry", Value::Number),
    key("cloudboot.failure", Value::Word(&["menu", "firmware", "reboot", "shell"])),
    key("cloudboot.console", Value::Text),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_stands_there_twice() {
        let names: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn values_are_checked() {
        assert!(Value::Seconds.accepts("30"));
        assert!(!Value::Seconds.accepts(""));
        assert!(!Value::Seconds.accepts("1234567890"));
        assert!(!Value::Path.accepts("boot/vmlinuz"));
        assert!(!Value::Flag.accepts("yes"));
    }
}
