// SPDX-License-Identifier: BSD-3-Clause
//! The keys: the only list of them.

use core::fmt;

use Locked::{BuiltIn, Refused, Taken, WithSignatureKey};

/// The values that a key accepts.
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
    /// Whether a key of this kind accepts the value.
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
    /// Its value is a secret and is never shown.
    pub is_secret: bool,
    /// Given more than once, all values count.
    pub is_list: bool,
    /// Who may set it on a locked machine.
    pub locked: Locked,
    /// Whether a locked machine accepts it from the metadata document; none: the document may never set it.
    pub metadata: Option<Locked>,
    /// Whether it has an effect today; other keys are accepted and have none yet.
    pub acts: bool,
}

/// Whether a locked machine accepts a key from a source that is not built in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Locked {
    /// It is refused.
    Refused,
    /// It is accepted: it cannot weaken what is verified.
    Taken,
    /// It is accepted if a signature key is built in: the signature decides.
    WithSignatureKey,
    /// It is refused, even on a machine that is not locked: it says who is trusted.
    BuiltIn,
}

impl Key {
    /// Whether it is a kernel parameter, too, and is passed on to the kernel.
    pub fn is_shared(&self) -> bool {
        matches!(self.name, "ip" | "BOOTIF")
    }

    /// The same key, which the metadata document may set, too.
    const fn of_document(self, locked: Locked) -> Self {
        Self { metadata: Some(locked), ..self }
    }
}

const fn key(name: &'static str, value: Value) -> Key {
    Key { name, value, is_secret: false, is_list: false, locked: Refused, metadata: None, acts: true }
}

const fn free(name: &'static str, value: Value) -> Key {
    Key { locked: Taken, ..key(name, value) }
}

const fn secret(name: &'static str) -> Key {
    Key { is_secret: true, ..free(name, Value::Text) }
}

const fn signed(name: &'static str) -> Key {
    Key { locked: WithSignatureKey, ..key(name, Value::Text) }
}

const fn built_in(name: &'static str) -> Key {
    Key { locked: BuiltIn, ..key(name, Value::Text) }
}

/// A key with its documentation. Only the generator of the book's page reads more than the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The key.
    pub key: Key,
    /// The value that applies if the key is not set.
    pub default: &'static str,
    /// What setting it does.
    pub means: &'static str,
}

const fn acts(key: Key, default: &'static str, means: &'static str) -> Row {
    Row { key, default, means }
}

const fn later(key: Key, default: &'static str, means: &'static str) -> Row {
    Row { key: Key { acts: false, ..key }, default, means }
}

/// Every key that exists.
pub const KEYS: &[Key] = &keys(ROWS);

/// The keys of the rows, without the texts, so that programs do not carry those.
const fn keys<const N: usize>(rows: [Row; N]) -> [Key; N] {
    let mut keys = [key("", Value::Any); N];
    let (mut from, mut to): (&[Row], &mut [Key]) = (&rows, &mut keys);
    while let ([row, rows @ ..], [key, keys @ ..]) = (from, to) {
        *key = row.key;
        (from, to) = (rows, keys);
    }
    keys
}

/// Every key, with its documentation.
pub const ROWS: [Row; 53] = [
    acts(
        free("cloudboot.target", Value::Text).of_document(Taken),
        "the default of the image",
        "starts only the entry with this id or title, or the first entry of this operating system (`linux`, `windows`, `freebsd`, `netbsd`, `openbsd`); quote a value that has spaces",
    ),
    acts(
        key("cloudboot.disk", Value::Any).of_document(Taken),
        "every disk",
        "searches only this disk or volume: `/dev/vda2`, `LABEL=`, `UUID=`, `PARTUUID=`, `PARTLABEL=`, `/dev/disk/by-*/...`; `cloudboot.debug=1` shows which disk is `/dev/vda`",
    ),
    acts(
        key("cloudboot.disk.device", Value::Any).of_document(Taken),
        "the default subvolume, then where distributions put systems",
        "searches only this subvolume or snapshot of btrfs: its path from the top (`@`, `root`, `@/.snapshots/5/snapshot`; `/` is the top itself), or `subvolid=256`; with `cloudboot.disk`, only on that disk",
    ),
    acts(key("cloudboot.disk.kernel", Value::Path).of_document(Taken), "", "starts this kernel"),
    acts(
        key("cloudboot.disk.initrd", Value::Path).of_document(Taken),
        "",
        "the initrd for it; only together with `cloudboot.disk.kernel`",
    ),
    acts(
        key("cloudboot.menu", Value::Word(&["auto", "always", "hidden", "locked"])),
        "`auto`",
        "when the menu is shown: `auto`: if there is something to choose; `always`; `hidden`: only after a key press; `locked`: as `auto`, without editing",
    ),
    acts(free("cloudboot.timeout", Value::Seconds), "that of the image, or 5", "how long the menu waits"),
    acts(key("cloudboot.retry", Value::Number), "0", "how many times the whole boot is retried"),
    acts(
        key("cloudboot.failure", Value::Word(&["menu", "firmware", "reboot", "shell"])),
        "`firmware`",
        "what follows a failed boot; `shell` is for init and means `firmware` in the loader",
    ),
    acts(
        free("cloudboot.debug", Value::Flag),
        "0",
        "shows every value with its source, every disk, volume and entry, and the memory used",
    ),
    acts(free("cloudboot.quiet", Value::Flag), "0", "omits the first line"),
    acts(
        key("cloudboot.cmdline", Value::Text).of_document(Refused),
        "the entry's own",
        "replaces the kernel's command line",
    ),
    acts(key("cloudboot.cmdline.extra", Value::Text), "", "is appended to the kernel's command line"),
    acts(
        key("cloudboot.console", Value::Text),
        "",
        "appends `console=` with this value if the command line names no console",
    ),
    later(
        key("cloudboot.exit", Value::Word(&["kexec", "reboot", "firmware"])).of_document(Refused),
        "`firmware` in the loader, `kexec` in init",
        "how control is handed over",
    ),
    later(
        free("cloudboot.keymap", Value::Word(&["us", "fr", "fr-mac", "de", "uk", "es"])).of_document(Refused),
        "`us`",
        "keyboard layout of init's menu; the loader gets characters from the firmware",
    ),
    later(
        key("cloudboot.disk.fs", Value::Word(&["auto", "ext4", "xfs", "btrfs", "zfs", "ufs", "fat", "ntfs"]))
            .of_document(Taken),
        "`auto`",
        "the filesystem of the disk",
    ),
    later(
        Key { is_secret: true, ..key("cloudboot.disk.luks-passphrase", Value::Text).of_document(Taken) },
        "",
        "passphrase of encrypted disks; the value `$(metadata)` takes it from the metadata",
    ),
    acts(
        signed("cloudboot.plan").of_document(WithSignatureKey),
        "",
        "OCI reference of the plan; this version does not fetch plans, and entries of disks start unattended only with `cloudboot.local=1`",
    ),
    later(key("cloudboot.plan.modpack", Value::Text), "", "OCI reference of kernel modules for the initrd"),
    acts(
        signed("cloudboot.image").of_document(WithSignatureKey),
        "",
        "OCI reference of an artifact with kernel, initrd and command line",
    ),
    acts(
        key("cloudboot.local", Value::Flag),
        "0",
        "entries of disks may start unattended although `cloudboot.image` or `cloudboot.plan` is set",
    ),
    acts(key("cloudboot.insecure", Value::Flag), "0", "plain HTTP to the registry, for tests"),
    acts(
        key("cloudboot.cosign", Value::Word(&["enforce", "warn", "off"])),
        "`enforce` where a signature key is built in",
        "what happens if a signature is missing or wrong: `enforce` refuses the boot, `warn` goes on with a warning, `off` checks no signatures; without keys, `off` also starts references without a digest, and `enforce` refuses everything",
    ),
    acts(
        Key { is_list: true, ..key("cloudboot.cosign.key", Value::Path) },
        "",
        "an additional signature key, PEM: a path on the volume that the loader was started from; on a locked machine with its digest, `/PATH@sha256:HEX`; may be repeated",
    ),
    acts(key("cloudboot.cosign.threshold", Value::Number), "1", "how many of the keys must have signed"),
    acts(
        built_in("cloudboot.cosign.identity"),
        "",
        "for keyless signatures: who may sign, as the certificate names them; `*` matches any text",
    ),
    acts(
        built_in("cloudboot.cosign.issuer"),
        "",
        "for keyless signatures: who issued that identity, as the certificate names the issuer; `*` matches any text",
    ),
    acts(
        built_in("cloudboot.cosign.trusted-root"),
        "the one that is built in",
        "for keyless signatures: the trusted root, `trusted_root.json`: a path on the volume that the loader was started from, with its digest, `/PATH@sha256:HEX`",
    ),
    acts(
        free("cloudboot.net.wait", Value::Seconds),
        "45 for a link, 60 for an address",
        "shortens the waits for a link and for an address",
    ),
    acts(free("cloudboot.dns", Value::Text), "those of DHCP", "resolvers, separated by commas"),
    acts(free("cloudboot.net.skip", Value::Flag).of_document(Taken), "0", "no DHCP"),
    acts(
        free("cloudboot.net.static", Value::Text).of_document(Taken),
        "",
        "static address, `ip/prefix:gateway:dns`",
    ),
    acts(
        free("cloudboot.net.if", Value::Text),
        "all with a link",
        "only this network interface: name or MAC",
    ),
    acts(free("cloudboot.net.vlan", Value::Number), "", "802.1Q tag"),
    acts(secret("cloudboot.net.proxy"), "", "URL of an HTTP proxy; may contain a password"),
    later(free("cloudboot.net.ntp", Value::Text), "", "sets the clock: address, or `1` for DHCP's"),
    later(free("cloudboot.net.lldp", Value::Flag).of_document(Taken), "0", "listens to LLDP"),
    later(key("cloudboot.lldp", Value::Flag), "0", "listens to LLDP"),
    later(key("cloudboot.lldp.wait", Value::Text), "10s", "how long to listen to LLDP"),
    later(key("cloudboot.lldp.tx", Value::Flag), "0", "announces this machine by LLDP"),
    later(key("cloudboot.lldp.name", Value::Text), "", "the name to announce by LLDP"),
    later(secret("cloudboot.openstack.auth-url").of_document(Taken), "", "Keystone's URL, for the metadata"),
    later(secret("cloudboot.openstack.app-cred-id").of_document(Taken), "", "application credential: its id"),
    later(
        secret("cloudboot.openstack.app-cred-secret").of_document(Taken),
        "",
        "application credential: its secret",
    ),
    acts(
        free("cloudboot.metadata.url", Value::Text),
        "that of OpenStack or EC2, if the machine reports one of them",
        "URL of the metadata document",
    ),
    acts(
        free("cloudboot.mirror", Value::Text),
        "",
        "registries to try first, `registry=host[:port][/prefix],...`",
    ),
    acts(
        free("cloudboot.cache", Value::Flag),
        "0",
        "caches the image of `cloudboot.image` on the volume that the loader was started from, and starts the last good one if the registry cannot be reached",
    ),
    acts(free("rd.cloudboot.user", Value::Text).of_document(Taken), "", "user at the registry"),
    acts(secret("rd.cloudboot.pass").of_document(Taken), "", "password at the registry"),
    acts(free("ip", Value::Text), "", "static IPv4, in the syntax of the Linux kernel"),
    acts(free("BOOTIF", Value::Text), "", "MAC of the only network interface to use"),
    acts(
        key("cloudboot.ca", Value::Text).of_document(Refused),
        "",
        "additional root certificates, PEM: a path on the volume that the loader was started from, or a URL with the file's digest, `https://host/ca.pem@sha256:...`",
    ),
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
