// SPDX-License-Identifier: BSD-3-Clause
//! The list of the members of the object `cloudboot`.

use alloc::{format, string::String, vec::Vec};

/// A member's name, and what it sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub name: &'static str,
    pub effect: Effect,
}

/// What a member sets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// The value of this key.
    Key(&'static str),
    /// An object of members.
    Group(&'static [Member]),
    /// Nothing yet: it is accepted, so that documents can be written for later versions.
    Nothing,
}

use Effect::{Group, Key, Nothing};

const fn member(name: &'static str, effect: Effect) -> Member {
    Member { name, effect }
}

/// The members of `cloudboot`.
pub(crate) const MEMBERS: &[Member] = &[
    member("plan", Key("cloudboot.plan")),
    member("image", Key("cloudboot.image")),
    member("target", Key("cloudboot.target")),
    member("exit", Key("cloudboot.exit")),
    member("keymap", Key("cloudboot.keymap")),
    member("cmdline", Key("cloudboot.cmdline")),
    member("disk", Group(DISK)),
    member("openstack", Group(OPENSTACK)),
    member("net", Group(NET)),
    member("registry", Group(REGISTRY)),
    member("ca", Key("cloudboot.ca")),
    member("reset_on_next_boot", Nothing),
    member("zfs_key", Nothing),
];

/// As in a plan: the device is where to search, the dataset is what to open there.
const DISK: &[Member] = &[
    member("device", Key("cloudboot.disk")),
    member("fs", Key("cloudboot.disk.fs")),
    member("dataset", Key("cloudboot.disk.device")),
    member("kernel", Key("cloudboot.disk.kernel")),
    member("initrd", Key("cloudboot.disk.initrd")),
    member("luks_passphrase", Key("cloudboot.disk.luks-passphrase")),
];

const OPENSTACK: &[Member] = &[
    member("auth_url", Key("cloudboot.openstack.auth-url")),
    member("app_cred_id", Key("cloudboot.openstack.app-cred-id")),
    member("app_cred_secret", Key("cloudboot.openstack.app-cred-secret")),
];

const NET: &[Member] = &[
    member("skip", Key("cloudboot.net.skip")),
    member("static", Key("cloudboot.net.static")),
    member("lldp", Key("cloudboot.net.lldp")),
];

const REGISTRY: &[Member] =
    &[member("user", Key("rd.cloudboot.user")), member("pass", Key("rd.cloudboot.pass"))];

/// Every member, with its object (`disk.luks_passphrase`), and the key that it sets; one with `None` has no
/// effect yet.
pub fn members() -> impl Iterator<Item = (String, Option<&'static str>)> {
    MEMBERS.iter().flat_map(|member| match member.effect {
        Key(key) => Vec::from([(member.name.into(), Some(key))]),
        Nothing => Vec::from([(member.name.into(), None)]),
        Group(members) => members.iter().map(|inner| (member.path(inner), inner.key())).collect(),
    })
}

impl Member {
    fn path(&self, inner: &Self) -> String {
        format!("{}.{}", self.name, inner.name)
    }

    fn key(&self) -> Option<&'static str> {
        match self.effect {
            Key(key) => Some(key),
            Group(_) | Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use config::KEYS;

    use super::*;

    #[test]
    fn the_members_are_the_keys_that_a_document_may_set() {
        let list: Vec<&str> = members().filter_map(|(_, key)| key).collect();
        let set: BTreeSet<&str> = list.iter().copied().collect();
        let expected: BTreeSet<&str> =
            KEYS.iter().filter(|key| key.metadata.is_some()).map(|key| key.name).collect();
        assert_eq!((set.len(), &set), (list.len(), &expected));
    }

    #[test]
    fn names_are_snake_case() {
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(members().all(|(path, _)| path.split('.').count() <= 2 && path.split('.').all(is_name)));
    }
}
