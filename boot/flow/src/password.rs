// SPDX-License-Identifier: BSD-3-Clause
//! Who may start an entry: passwords as configurations keep them.

use core::hint::black_box;

use alloc::vec;

use entries::{Access, Password, User};
use menu::Login;
use sha2::Sha512;

/// More rounds than any real configuration uses, seconds of work: a hostile one must not stall the machine.
const MOST_ITERATIONS: u32 = 10_000_000;
/// Most passwords of one user name that are tried.
const MOST_OF_A_NAME: usize = 4;
/// Bytes of a SHA-512 digest.
const BLOCK: usize = 64;

/// Whether the login may start the entry.
pub fn admits(access: &Access, login: Option<&Login>) -> bool {
    match (access, login) {
        (Access::Anyone, _) => true,
        (Access::Users(_), None) => false,
        // Only the comparison of passwords must take constant time: names are readable in the configuration anyway.
        (Access::Users(users), Some(login)) => {
            let named = users.iter().filter(|user| user.name == login.user).take(MOST_OF_A_NAME);
            named.fold(false, |is_admitted, user| is_admitted | is_right(user, login))
        }
    }
}

fn is_right(user: &User, login: &Login) -> bool {
    let given = login.password.expose().as_bytes();
    match &user.password {
        Password::Plain(text) => is_same(text, given),
        Password::Pbkdf2 { iterations, salt, hash } => {
            // PBKDF2 runs all rounds for each block of the key.
            let blocks = u32::try_from(hash.len().div_ceil(BLOCK)).ok();
            let rounds = blocks.and_then(|blocks| blocks.checked_mul(*iterations));
            if !rounds.is_some_and(|rounds| (1..=MOST_ITERATIONS).contains(&rounds)) {
                return false;
            }
            let mut key = vec![0; hash.len()];
            pbkdf2::pbkdf2_hmac::<Sha512>(given, salt, *iterations, &mut key);
            is_same(hash, &key)
        }
        Password::Unknown => false,
    }
}

/// Compares in a time that depends on the lengths only.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    a.len() == b.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use menu::Secret;

    use super::*;

    fn hex(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.into(), password: Secret::from(password) }
    }

    fn access(name: &str, password: Password) -> Access {
        Access::Users([User { name: name.into(), password }].into())
    }

    #[test]
    fn pbkdf2_is_that_of_its_specification() {
        // RFC 6070's inputs with HMAC-SHA-512, as OpenSSL computes them.
        let hash = hex("867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252");
        let password =
            |iterations| Password::Pbkdf2 { iterations, salt: b"salt".to_vec(), hash: hash.clone() };
        assert!(admits(&access("root", password(1)), Some(&login("root", "password"))));
        assert!(!admits(&access("root", password(1)), Some(&login("root", "Password"))));
        assert!(!admits(&access("root", password(2)), Some(&login("root", "password"))));
        for iterations in [0, MOST_ITERATIONS + 1, u32::MAX] {
            assert!(!admits(&access("root", password(iterations)), Some(&login("root", "password"))));
        }
        let long =
            Password::Pbkdf2 { iterations: MOST_ITERATIONS, salt: Vec::new(), hash: [0; BLOCK + 1].into() };
        assert!(!admits(&access("root", long), Some(&login("root", ""))), "it ends at once");
        let empty = Password::Pbkdf2 { iterations: 1, salt: Vec::new(), hash: Vec::new() };
        assert!(
            !admits(&access("root", empty), Some(&login("root", ""))),
            "a key without bytes fits everything"
        );
    }

    #[test]
    fn name_and_password_must_be_right() {
        let plain = |text: &str| Password::Plain(text.into());
        assert!(admits(&access("", plain("x")), Some(&login("", "x"))), "only a password");
        let both = access("a", plain("x"));
        for (user, password) in [("a", ""), ("a", "xx"), ("b", "x"), ("", "x"), ("a", "X")] {
            assert!(!admits(&both, Some(&login(user, password))), "{user} {password}");
        }
        assert!(!admits(&both, None) && admits(&Access::Anyone, None));
        assert!(!admits(&Access::Users(Vec::new()), Some(&login("", ""))), "nobody");
        assert!(!admits(&access("a", Password::Unknown), Some(&login("a", ""))));
    }
}
