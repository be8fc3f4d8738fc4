// SPDX-License-Identifier: BSD-3-Clause
//! Commands of the language itself: variables, arguments, loops, entries of the menu.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{Call, Status};
use crate::{
    Error,
    grub::{
        condition,
        interpreter::{Flow, Interpreter},
        item::{Item, Kind},
        number,
        options::{Known, Syntax, Takes, flag, value},
        parser::{Block, Script},
    },
    sizes::{total, work},
};

/// Menu entries of one menu.
const MOST_ITEMS: usize = 1000;

/// Source: GRUB 2.14, grub-core/commands/menuentry.c.
const MENUENTRY: Syntax = Syntax {
    options: &[
        value("class", None),
        Known { long: "users", letter: None, takes: Takes::PerhapsValue },
        value("hotkey", None),
        value("source", None),
        value("id", None),
        flag("unrestricted", None),
    ],
    keeps_unknown: true,
};

pub fn succeed(_: &mut Interpreter<'_>, _: &Call<'_>) -> Result<Status, Error> {
    Ok(Status::Success)
}

pub fn fail(_: &mut Interpreter<'_>, _: &Call<'_>) -> Result<Status, Error> {
    Ok(Status::Failure)
}

/// GRUB looks at the first word only.
pub fn set(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    match call.first().map(|word| word.split_once('=')) {
        None => Ok(Status::Success),
        Some(None) => Ok(Status::Failure),
        Some(Some((name, value))) => {
            grub.here.environment.set(name, value, call.line)?;
            Ok(Status::Success)
        }
    }
}

pub fn unset(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    // GRUB looks at the first word only.
    if let Some(name) = call.first() {
        grub.here.environment.unset(name);
    }
    Ok(call.first().is_some().into())
}

pub fn export(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    for name in call.arguments {
        grub.here.environment.export(name, call.line)?;
    }
    Ok(call.first().is_some().into())
}

/// A count larger than the number of arguments changes nothing.
pub fn shift(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    if !grub.is_in_call() {
        return Ok(Status::Success);
    }
    let arguments = &mut grub.frame().arguments;
    let count = match call.arguments {
        [] => Some(1),
        [word] => number::whole(word).and_then(|count| usize::try_from(count).ok()),
        _ => None,
    };
    let count = count.filter(|count| *count <= arguments.len());
    Ok(count.map(|count| arguments.drain(..count)).is_some().into())
}

pub fn setparams(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let is_in_call = grub.is_in_call();
    if is_in_call {
        grub.frame().arguments = call.arguments.to_vec();
    }
    Ok(is_in_call.into())
}

pub fn break_(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    Ok(levels(grub, call).map_or(Status::Failure, |levels| leave(grub, levels, Flow::Break)))
}

pub fn continue_(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    Ok(levels(grub, call).map_or(Status::Failure, |levels| leave(grub, levels, Flow::Continue)))
}

/// How many loops a `break` names; none if that is not a number.
fn levels(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Option<u32> {
    let count = match call.arguments {
        [] => 1,
        [word] => number::whole(word).filter(|count| *count > 0)?,
        _ => return None,
    };
    // At most all the loops.
    Some(u32::try_from(count).unwrap_or(u32::MAX).min(grub.frame().loops))
}

/// Outside of loops it has no effect.
fn leave(grub: &mut Interpreter<'_>, levels: u32, flow: fn(u32) -> Flow) -> Status {
    grub.here.environment.status = 0;
    Status::Ends(if levels > 0 { flow(levels) } else { Flow::Next })
}

/// Only functions and entries can be left.
pub fn return_(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    if !grub.is_in_call() {
        return Ok(Status::Failure);
    }
    let status = match call.arguments {
        [] => grub.environment().status,
        [word] => match number::whole(word) {
            Some(status) => u32::try_from(status).unwrap_or(u32::MAX),
            None => return Ok(Status::Failure),
        },
        _ => return Ok(Status::Failure),
    };
    grub.here.environment.status = status;
    Ok(Status::Ends(Flow::Return))
}

pub fn eval(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    grub.here.environment.status = 0;
    let text = call.arguments.join(" ");
    Ok(Status::Ends(grub.run(&text, call.line)?))
}

pub fn test(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let words = match call.arguments.split_last() {
        Some((last, words)) if last == "]" => words,
        _ => call.arguments,
    };
    let holds = condition::test(words, grub);
    grub.budget.check(call.line)?;
    Ok(holds.into())
}

/// `menuentry` and `submenu`: an item of the menu.
pub fn menuentry(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let line = call.line;
    if grub.here.menu.len() >= MOST_ITEMS {
        return Err(Error::Limit { line, what: "menu entries", limit: crate::budget::number(MOST_ITEMS) });
    }
    // Twice: each may be kept as a title and as an argument.
    let bytes = total(call.arguments.iter().map(String::len));
    grub.budget.menu(line, work(bytes, 2))?;
    let given = match call.parse(&MENUENTRY) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let body = match (call.block, given.value("source")) {
        (Some(body), None) => body.clone(),
        (None, Some(text)) => body_of(grub, text, line)?,
        _ => return Ok(Status::Failure),
    };
    let Some(title) = given.plain.first().map(ToString::to_string) else { return Ok(Status::Failure) };
    let users = match given.value("users") {
        Some(users) => Some(users),
        None if given.has("unrestricted") => None,
        None => Some(""),
    };
    let item = Item {
        id: given.value("id").map_or_else(|| title.clone(), String::from),
        title,
        users: users.map(String::from),
        arguments: given.plain.iter().map(ToString::to_string).collect(),
        body,
        kind: if call.name == "submenu" { Kind::Submenu } else { Kind::Entry },
        line,
        context: None,
    };
    grub.here.menu.push(item);
    Ok(Status::Success)
}

/// The statements of a body that is given as text.
fn body_of(grub: &Interpreter<'_>, text: &str, line: u32) -> Result<Block, Error> {
    grub.budget.script(line, text.len())?;
    let mut script = Script::new(text, &grub.budget);
    let mut statements = Vec::new();
    loop {
        match script.unit() {
            Ok(Some(unit)) => statements.extend_from_slice(&unit),
            Ok(None) => return Ok(statements.into()),
            Err(error @ Error::Limit { .. }) => return Err(error),
            // As in a file, a line with a syntax error is skipped.
            Err(_) => {}
        }
    }
}
