// SPDX-License-Identifier: BSD-3-Clause
//! The menu on the firmware's console.

use core::{fmt::Write, time::Duration};

use menu::{Key, Menu, Outcome, Row, Screen};
use uefi::{
    boot::{self, EventType, TimerTrigger, Tpl},
    proto::console::text::{Color, Input, Key as Pressed, Output, ScanCode},
    system,
};

/// Interval at which the countdown is updated.
const TICK: Duration = Duration::from_millis(200);

/// The person at the firmware's console.
pub struct Operator;

impl flow::Operator for Operator {
    fn is_asking(&self) -> bool {
        system::with_stdin(|input| read(input).is_some())
    }

    fn choose(&self, menu: &mut Menu) -> Option<Outcome> {
        let timer = Timer::start();
        let mut before = None;
        loop {
            let screen = menu.draw();
            system::with_stdout(|output| show(output, &screen, before.as_ref()));
            before = Some(screen);
            let (outcome, has_run_out) = match system::with_stdin(|input| wait(input, &timer)) {
                Event::Key(key) => (menu.key(key), false),
                Event::Tick => (menu.tick(TICK), true),
                Event::Nothing => (Outcome::Stay, false),
            };
            if outcome != Outcome::Stay {
                system::with_stdout(clear);
                return if has_run_out { None } else { Some(outcome) };
            }
        }
    }
}

/// What ends a wait.
enum Event {
    Key(Key),
    /// The timer fired.
    Tick,
    /// A key without a character was pressed, such as Shift.
    Nothing,
}

/// A periodic timer; stopped when dropped.
struct Timer(Option<uefi::Event>);

impl Timer {
    fn start() -> Self {
        // SAFETY: an event without a function to call.
        let event = unsafe { boot::create_event(EventType::TIMER, Tpl::APPLICATION, None, None) }.ok();
        let event = event.filter(|event| boot::set_timer(event, TimerTrigger::Periodic(TICK)).is_ok());
        Self(event)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(event) = self.0.take() {
            // It exists, so closing it cannot fail.
            let _ = boot::close_event(event);
        }
    }
}

/// The next key, or the timer.
fn wait(input: &mut Input, timer: &Timer) -> Event {
    if let Some(key) = read(input) {
        return Event::Key(key);
    }
    let pressed = input.wait_for_key_event().ok();
    // SAFETY: the clone is only waited for, and dropped before the timer closes its event.
    let tick = timer.0.as_ref().map(|event| unsafe { event.unsafe_clone() });
    // The timer comes first, so that a keyboard that signals all the time does not stop the countdown.
    let signalled = tick.zip(pressed).and_then(|(tick, pressed)| boot::wait_for_event(&[tick, pressed]).ok());
    match signalled {
        Some(0) => Event::Tick,
        Some(_) => read(input).map_or(Event::Nothing, Event::Key),
        None => {
            boot::stall(TICK);
            Event::Tick
        }
    }
}

/// A key, if one was pressed.
fn read(input: &mut Input) -> Option<Key> {
    Some(match input.read_key().ok().flatten()? {
        Pressed::Printable(c) => match char::from(c) {
            '\r' | '\n' => Key::Enter,
            '\x08' => Key::Backspace,
            '\x7f' => Key::Delete,
            '\x1b' => Key::Escape,
            c => Key::Char(c),
        },
        Pressed::Special(code) => match code {
            ScanCode::UP => Key::Up,
            ScanCode::DOWN => Key::Down,
            ScanCode::LEFT => Key::Left,
            ScanCode::RIGHT => Key::Right,
            ScanCode::PAGE_UP => Key::PageUp,
            ScanCode::PAGE_DOWN => Key::PageDown,
            ScanCode::HOME => Key::Home,
            ScanCode::END => Key::End,
            ScanCode::DELETE => Key::Delete,
            ScanCode::ESCAPE => Key::Escape,
            _ => Key::Other,
        },
    })
}

/// Draws the rows that changed. Errors are ignored: there is nowhere to report that the console fails.
fn show(output: &mut Output, screen: &Screen, before: Option<&Screen>) {
    if before.is_none() {
        clear(output);
    }
    for (row, Row { text, is_marked }) in screen.changes(before) {
        let (front, back) = if *is_marked { (Color::Black, Color::LightGray) } else { NORMAL };
        let _ = output.set_color(front, back);
        let _ = output.set_cursor_position(0, row);
        let _ = output.write_str(text);
    }
    let _ = output.set_color(NORMAL.0, NORMAL.1);
    let _ = output.enable_cursor(screen.cursor.is_some());
    if let Some((row, column)) = screen.cursor {
        let _ = output.set_cursor_position(column, row);
    }
}

fn clear(output: &mut Output) {
    let _ = output.set_color(NORMAL.0, NORMAL.1);
    let _ = output.clear();
}

const NORMAL: (Color, Color) = (Color::LightGray, Color::Black);
