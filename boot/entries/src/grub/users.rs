// SPDX-License-Identifier: BSD-3-Clause
//! Who may start an entry.
//!
//! Source: GRUB manual, "Authentication and authorisation"; GRUB 2.14, grub-core/normal/auth.c and
//! grub-core/commands/password_pbkdf2.c.

use alloc::vec::Vec;

use super::{names::Names, number};
use crate::{Access, Password, User};

/// Most users of one configuration.
const MOST: usize = 1000;

/// Users with a password, of all scripts that ran.
#[derive(Clone, Debug, Default)]
pub struct Users(Names<Password>);

impl Users {
    /// Sets a user's password, replacing an earlier one; returns whether there was room.
    pub fn add(&mut self, name: &str, password: Password) -> bool {
        let has_room = self.0.len() < MOST || self.0.get(name).is_some();
        if has_room {
            self.0.insert(name, password);
        }
        has_room
    }

    /// Who may start an entry: anyone if the variable `superusers` is not set or the entry is unrestricted; otherwise
    /// the superusers and the entry's users, as far as they have a password.
    pub fn access(&self, superusers: Option<&str>, restriction: Option<&str>) -> Access {
        let (Some(superusers), Some(allowed)) = (superusers, restriction) else {
            return Access::Anyone;
        };
        let mut names: Vec<&str> = words(superusers).chain(words(allowed)).collect();
        names.sort_unstable();
        names.dedup();
        let user = |name: &str| Some(User { name: name.into(), password: self.0.get(name)?.clone() });
        Access::Users(names.into_iter().filter_map(user).collect())
    }
}

/// Who may open both a submenu and an entry in it.
pub fn both(outer: &Access, inner: Access) -> Access {
    match (outer, inner) {
        (Access::Anyone, inner) => inner,
        (outer, Access::Anyone) => outer.clone(),
        (Access::Users(outer), Access::Users(inner)) => {
            Access::Users(inner.into_iter().filter(|user| outer.contains(user)).collect())
        }
    }
}

/// A password of `password_pbkdf2`: `grub.pbkdf2.sha512.ROUNDS.SALT.HASH`, the last two in hexadecimal digits.
pub fn pbkdf2(text: &str) -> Option<Password> {
    let (iterations, rest) = number::prefix(text.strip_prefix("grub.pbkdf2.sha512.")?)?;
    let (salt, hash) = rest.strip_prefix('.')?.split_once('.')?;
    Some(Password::Pbkdf2 { iterations: iterations.try_into().ok()?, salt: bytes(salt)?, hash: bytes(hash)? })
}

/// The names of a list.
fn words(list: &str) -> impl Iterator<Item = &str> {
    let is_separator = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ';' | '|' | '&');
    list.split(is_separator).filter(|word| !word.is_empty())
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        string::{String, ToString},
        vec,
    };

    use super::*;

    fn names(access: Access) -> Vec<String> {
        match access {
            Access::Anyone => vec!["*".to_string()],
            Access::Users(users) => users.into_iter().map(|user| user.name).collect(),
        }
    }

    #[test]
    fn superusers_may_start_everything_and_others_what_names_them() {
        let mut users = Users::default();
        for name in ["root", "guest", "other"] {
            assert!(users.add(name, Password::Plain(b"x".to_vec())));
        }
        let cases = [
            (None, Some(""), vec!["*"]),
            (Some("root"), None, vec!["*"]),
            (Some("root"), Some(""), vec!["root"]),
            (Some("root, nobody"), Some("guest"), vec!["guest", "root"]),
            (Some(""), Some("guest;other"), vec!["guest", "other"]),
            (Some(""), Some("gues"), vec![]),
        ];
        for (superusers, restriction, expected) in cases {
            assert_eq!(
                names(users.access(superusers, restriction)),
                expected,
                "{superusers:?} {restriction:?}"
            );
        }
        let (guest, all) = (users.access(Some(""), Some("guest")), users.access(Some("root"), Some("guest")));
        assert_eq!(names(both(&all, guest.clone())), ["guest"]);
        assert_eq!(names(both(&Access::Anyone, guest.clone())), ["guest"]);
        assert_eq!(names(both(&guest, Access::Anyone)), ["guest"]);
    }

    #[test]
    fn passwords_are_read_as_grub_mkpasswd_writes_them() {
        assert_eq!(
            pbkdf2("grub.pbkdf2.sha512.10000.0aFF.00"),
            Some(Password::Pbkdf2 { iterations: 10_000, salt: vec![10, 255], hash: vec![0] })
        );
        for wrong in [
            "",
            "plain",
            "grub.pbkdf2.sha512.x.00.00",
            "grub.pbkdf2.sha512.1.0.00",
            "grub.pbkdf2.sha512.1.zz.00",
        ] {
            assert_eq!(pbkdf2(wrong), None, "{wrong}");
        }
        assert_eq!(pbkdf2("grub.pbkdf2.sha512.99999999999.00.00"), None);
    }
}
