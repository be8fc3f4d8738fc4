// SPDX-License-Identifier: BSD-3-Clause
//! Unusual names.

use oracle::random::Random;

use crate::driver::Driver;

/// Maximum length of a name in bytes.
const LONGEST: usize = 255;
/// Letters for names on FAT besides ASCII, with two, three and four bytes in UTF-8.
const LETTERS: [char; 5] = ['ü', 'Ж', '字', '한', '😀'];
/// ASCII characters that FAT allows, without the dot: trailing dots are not stored.
const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ ~!#$%&'()+,;=@[]{}^`";

/// A name of 1 to 255 bytes, mostly short as in real life; with any bytes if the filesystem allows that.
pub fn any(random: &mut Random, driver: Driver) -> Vec<u8> {
    let most = *random.pick(&[8, 12, 20, 20, 40, 100, LONGEST]);
    let length = 1 + random.below(most);
    if !driver.is_unix() || driver.is_modern() && random.below(4) == 0 {
        return of_letters(random, length);
    }
    let has_any_bytes = random.below(4) == 0;
    let byte = |random: &mut Random| match has_any_bytes {
        true => 1 + random.below(255) as u8,
        false => *random.pick(PLAIN),
    };
    let name: Vec<u8> =
        (0..length).map(|_| byte(random)).map(|byte| if byte == b'/' { b'.' } else { byte }).collect();
    if name.iter().all(|byte| *byte == b'.') { b"dots".to_vec() } else { name }
}

/// A name that is also valid on FAT.
fn of_letters(random: &mut Random, length: usize) -> Vec<u8> {
    let mut name = String::new();
    while name.len() < length {
        match random.below(12) {
            0 => name.push(*random.pick(&LETTERS)),
            1 if !name.is_empty() => name.push('.'),
            _ => name.push(char::from(*random.pick(PLAIN))),
        }
    }
    while name.len() > LONGEST {
        name.pop();
    }
    // A space or dot at the end would not be stored.
    let name = name.trim_matches([' ', '.']);
    if name.is_empty() { b"none".to_vec() } else { name.as_bytes().to_vec() }
}

/// Name `number` of a series of similar names.
pub fn numbered(number: usize, length: usize) -> Vec<u8> {
    format!("{number}-{}", "n".repeat(number * 7 % length.max(1))).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What FAT forbids, beside control characters.
    const FORBIDDEN: &[u8] = b"\"*/:<>?\\|";

    #[test]
    fn names_are_short_and_long_and_allowed() {
        let mut random = Random::new(1, 0);
        for driver in [Driver::Xfs, Driver::Ext4, Driver::Fat] {
            let names: Vec<Vec<u8>> = (0..5000).map(|_| any(&mut random, driver)).collect();
            assert!(names.iter().all(|name| (1..=LONGEST).contains(&name.len())));
            assert!(names.iter().any(|name| name.len() == 1) && names.iter().any(|name| name.len() > 240));
            assert!(!names.iter().any(|name| name.contains(&0) || name.contains(&b'/')));
            assert!(!names.iter().any(|name| name == b"." || name == b".."));
            if !driver.is_unix() {
                assert!(names.iter().all(|name| std::str::from_utf8(name).is_ok()));
                assert!(!names.iter().flatten().any(|byte| *byte < 32 || FORBIDDEN.contains(byte)));
                assert!(!names.iter().any(|name| name.ends_with(b".") || name.ends_with(b" ")));
            }
        }
        assert!(numbered(9999, 240).len() <= LONGEST);
        assert_ne!(numbered(1, 1), numbered(2, 1));
    }
}
