// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzers.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use crate::{Asks, Item, Key, Menu};

/// Presses keys, two bytes each, in a menu whose entries are lines of the same bytes.
///
/// # Panics
/// When a screen is not 25 rows of 79 ASCII characters.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let items: Vec<Item> = text.lines().take(40).map(item).collect();
    let mut menu = Menu::new(&text, items, data.len() % 50);
    menu = menu.with_timeout(Some(Duration::from_secs(3))).with_setup(true);
    for pair in data.as_chunks::<2>().0.iter().take(400) {
        let _ = menu.key(key(*pair));
        let _ = menu.tick(Duration::from_millis(u64::from(pair[1])));
        let screen = menu.draw();
        let is_sound = screen.rows().iter().all(|row| row.text.len() == 79 && row.text.is_ascii());
        assert!(is_sound && screen.cursor.is_none_or(|(row, column)| row < 25 && column < 79), "{screen:?}");
    }
}

fn item(line: &str) -> Item {
    let asks = [Asks::Nothing, Asks::Password, Asks::UserAndPassword];
    let asks = asks.get(line.len() % 7).copied().unwrap_or_default();
    let options = (!line.len().is_multiple_of(3)).then(|| line.repeat(20));
    Item { title: line.into(), note: "hd0,gpt1".into(), details: [line.into()].into(), options, asks }
}

fn key([kind, value]: [u8; 2]) -> Key {
    const KEYS: [Key; 13] = [
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
        Key::Enter,
        Key::Escape,
        Key::Backspace,
        Key::Delete,
        Key::Other,
    ];
    KEYS.get(usize::from(kind % 24)).copied().unwrap_or(Key::Char(char::from(value)))
}
