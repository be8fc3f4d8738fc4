// SPDX-License-Identifier: BSD-3-Clause
//! What keys do, and whole screens.

use std::vec;

use super::*;

fn menu(count: usize) -> Menu {
    let item = |number: usize| Item {
        title: format!("Entry {}", char::from(b'A' + u8::try_from(number % 26).unwrap())),
        note: "grub hd0,gpt1".into(),
        details: vec!["kernel /boot/vmlinuz".into()],
        options: Some("ro quiet".into()),
        asks: Asks::Nothing,
    };
    let menu = Menu::new("cloud-boot 1 x86_64", (0..count).map(item).collect(), 1);
    menu.with_timeout(Some(Duration::from_millis(2500)))
}

fn press(menu: &mut Menu, keys: &str) -> Outcome {
    keys.chars().fold(Outcome::Stay, |_, c| menu.key(if c == '\n' { Key::Enter } else { Key::Char(c) }))
}

fn shown(menu: &Menu) -> Vec<String> {
    let mark = |row: &Row| format!("{}{}", if row.is_marked { "*" } else { "" }, row.text.trim_ascii_end());
    menu.draw().rows().iter().map(mark).collect()
}

#[test]
fn a_screen_in_full() {
    let mut expected = vec![String::new(); ROWS];
    expected[0] = "cloud-boot 1 x86_64".into();
    let row = |number: usize, title: &str| format!(" {number}  {title:<61} grub hd0,gpt1");
    expected[3] = row(1, "Entry A");
    expected[4] = format!("*{}", row(2, "Entry B"));
    expected[23] = "Boots the marked entry in 3 s; any key stops the countdown".into();
    expected[24] = "Enter, 1-9 boot  e edit  d details  p log  / filter".into();
    assert_eq!(shown(&menu(2)), expected);
}

#[test]
fn epochs_are_forgotten_after_a_question() {
    let with = |epochs| menu(2).with_epochs(epochs);
    assert_eq!(press(&mut with(2), "xy"), Outcome::ForgetEpochs);
    assert_eq!(press(&mut with(2), "xny"), Outcome::Stay, "any other key goes back");
    assert_eq!(press(&mut with(0), "xy"), Outcome::Stay, "there is nothing to forget");
    assert_eq!(press(&mut with(2).locked(true), "xy"), Outcome::Stay);
    assert_eq!(shown(&with(2))[24], "Enter, 1-9 boot  e edit  d details  p log  x epochs  / filter");
    assert_eq!(shown(&with(2).locked(true)), shown(&menu(2).locked(true)));
    let mut asked = with(2).with_setup(true);
    assert_eq!(shown(&asked)[24].len(), COLUMNS, "the row is full");
    press(&mut asked, "x");
    assert_eq!(shown(&asked)[3], "This machine keeps 2 epochs of signed images that it has started.");
}

#[test]
fn long_titles_of_one_menu_are_told_apart() {
    let title =
        |rest: &str| format!("Advanced options for Debian GNU/Linux / Debian GNU/Linux, with Linux {rest}");
    let item = |rest| Item {
        title: title(rest),
        note: "GRUB hd0,gpt2:@/.snapshots/12/snapshot".into(),
        ..Item::default()
    };
    let rests = [
        "6.12.107+deb13-amd64",
        "6.12.107+deb13-amd64 (recovery mode)",
        "6.12.9+deb13-amd64 (recovery mode)",
    ];
    let rows = shown(&Menu::new("x", rests.map(item).into(), 1));
    let note = "GRUB h...snapshots/12/snapshot";
    let expected = [
        " 1  Advanced o...with Linux 6.12.107+deb13-amd64",
        "* 2  Advanced o...107+deb13-amd64 (recovery mode)",
        " 3  Advanced o...2.9+deb13-amd64 (recovery mode)",
    ];
    assert_eq!(rows[3..6], expected.map(|row| format!("{row} {note}")));
}

#[test]
fn the_countdown_boots_the_default_unless_a_key_stops_it() {
    let mut waiting = menu(3);
    assert_eq!(waiting.tick(Duration::from_secs(2)), Outcome::Stay);
    assert_eq!(waiting.tick(Duration::from_secs(1)), Outcome::Boot { item: 1, options: None, login: None });
    let mut stopped = menu(3);
    stopped.key(Key::Down);
    assert_eq!(stopped.tick(Duration::from_secs(9)), Outcome::Stay);
    assert_eq!(stopped.key(Key::Enter), Outcome::Boot { item: 2, options: None, login: None });
}

#[test]
fn digits_boot_and_letters_filter() {
    assert_eq!(press(&mut menu(3), "3"), Outcome::Boot { item: 2, options: None, login: None });
    assert_eq!(press(&mut menu(3), "4"), Outcome::Stay, "there is no fourth");
    let mut filtered = menu(30);
    assert_eq!(press(&mut filtered, "/y c\n"), Outcome::Boot { item: 2, options: None, login: None });
    assert!(shown(&filtered)[23].starts_with("Filter: y c_"));
    assert_eq!(press(&mut filtered, "zz\n"), Outcome::Stay, "nothing fits");
    filtered.key(Key::Escape);
    assert!(shown(&filtered)[2].starts_with("Entries 1 to 18 of 30"));
    assert_eq!(press(&mut menu(30), "y B"), Outcome::Stay);
}

#[test]
fn a_command_line_is_edited() {
    let mut menu = menu(2);
    press(&mut menu, "e single");
    menu.key(Key::Home);
    menu.key(Key::Delete);
    assert_eq!(menu.draw().cursor, Some((3, 0)));
    assert_eq!(
        menu.key(Key::Enter),
        Outcome::Boot { item: 1, options: Some("o quiet single".into()), login: None }
    );
    assert_eq!(
        press(&mut menu, "\x05\x15x\n"),
        Outcome::Boot { item: 1, options: Some("x".into()), login: None }
    );
}

#[test]
fn a_locked_menu_edits_nothing() {
    let mut menu = menu(2).locked(true);
    assert_eq!(press(&mut menu, "e"), Outcome::Stay);
    assert!(shown(&menu)[22].contains("locked"));
    assert_eq!(menu.key(Key::Enter), Outcome::Boot { item: 1, options: None, login: None });
}

#[test]
fn details_and_log_are_pages() {
    let mut menu = menu(2).with_log((0..40).map(|line| format!("line {line}")).collect());
    press(&mut menu, "d");
    assert_eq!(shown(&menu)[3], "kernel /boot/vmlinuz");
    press(&mut menu, "qp");
    menu.key(Key::End);
    assert_eq!((shown(&menu)[1].as_str(), shown(&menu)[20].as_str()), ("Log", "line 39"));
    press(&mut menu, "q");
    assert!(shown(&menu)[4].starts_with("*"));
}

#[test]
fn firmware_setup_only_where_there_is_one() {
    assert_eq!(press(&mut menu(2), "f"), Outcome::Stay);
    assert_eq!(press(&mut menu(2).with_setup(true), "f"), Outcome::Setup);
}

#[test]
fn only_changed_rows_are_drawn() {
    let mut menu = menu(4);
    let before = menu.draw();
    assert_eq!(before.changes(None).count(), ROWS);
    menu.key(Key::Down);
    let after = menu.draw();
    let rows: Vec<usize> = after.changes(Some(&before)).map(|(row, _)| row).collect();
    assert_eq!(rows, [4, 5, 23]);
}

#[test]
fn what_is_no_ascii_or_too_long_is_replaced() {
    let item = Item { title: "\u{1b}[2Jü".repeat(30), ..Item::default() };
    let menu = Menu::new("", vec![item], 0);
    let screen = menu.draw();
    let row = &screen.rows()[3].text;
    assert!(row.len() == COLUMNS && row.starts_with(" 1  ?[2J??[2J?"), "{row}");
}

#[test]
fn any_key_stops_the_countdown() {
    for key in [Key::Other, Key::Escape, Key::Char('\0'), Key::Left] {
        let mut menu = menu(2);
        assert_eq!(menu.key(key), Outcome::Stay);
        assert_eq!(menu.tick(Duration::from_secs(60)), Outcome::Stay, "{key:?}");
        assert_eq!(shown(&menu)[23], "");
    }
}

/// A menu whose second item, under the cursor, asks this.
fn asking(asks: Asks) -> Menu {
    let item = |asks| Item { title: "x".into(), options: Some("ro".into()), asks, ..Item::default() };
    Menu::new("", vec![item(Asks::Nothing), item(asks)], 1)
}

fn login(user: &str, password: &str) -> Option<Login> {
    Some(Login { user: user.into(), password: password.into() })
}

#[test]
fn a_protected_item_asks_and_shows_no_password() {
    let mut menu = asking(Asks::UserAndPassword);
    assert_eq!(press(&mut menu, "\nroox"), Outcome::Stay);
    menu.key(Key::Backspace);
    press(&mut menu, "t\nsecre1");
    menu.key(Key::Backspace);
    let screen = shown(&menu);
    assert_eq!((screen[3].as_str(), screen[4].as_str()), ("User:     root", "Password:"));
    assert!(!format!("{menu:?}").contains("secre"));
    assert_eq!(
        press(&mut menu, "t\n"),
        Outcome::Boot { item: 1, options: None, login: login("root", "secret") }
    );
    assert!(shown(&menu)[3].contains("x"), "the list is shown again");
}

#[test]
fn only_a_password_is_asked_where_there_are_no_names() {
    let mut menu = asking(Asks::Password);
    assert_eq!(press(&mut menu, "2pw\n"), Outcome::Boot { item: 1, options: None, login: login("", "pw") });
    press(&mut menu, "\nx");
    menu.key(Key::Escape);
    assert_eq!(press(&mut menu, "1"), Outcome::Boot { item: 0, options: None, login: None }, "Esc went back");
    let edited = Outcome::Boot { item: 1, options: Some("ro x".into()), login: login("", "p") };
    assert_eq!(press(&mut menu, "e x\np\n"), edited, "an edited line asks, too");
}
