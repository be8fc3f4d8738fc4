// SPDX-License-Identifier: BSD-3-Clause
//! Commands that compute texts: `regexp`, `tr`, `increment`, `decrement`.
//!
//! Source: GRUB 2.14, grub-core/commands/regexp.c and tr.c; Fedora's grub-core/commands/increment.c.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{Call, Status};
use crate::{
    Error,
    grub::{
        interpreter::Interpreter,
        number,
        options::{Syntax, flag, value},
        regex::Regex,
    },
    sizes::work,
};

const REGEXP: Syntax = Syntax { options: &[value("set", Some('s'))], keeps_unknown: false };
const TR: Syntax = Syntax {
    options: &[value("set", Some('s')), flag("upcase", Some('U')), flag("downcase", Some('D'))],
    keeps_unknown: false,
};

/// `regexp [--set [NUMBER:]VARIABLE]… EXPRESSION TEXT`: group 1 where no number is given; a group that did not match
/// unsets its variable.
pub fn regexp(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    // The command is part of the module `regexp`, which enables wildcards.
    grub.has_wildcards = true;
    let given = match call.parse(&REGEXP) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let [expression, text] = given.plain.as_slice() else { return Ok(Status::Failure) };
    grub.budget.copy(call.line, work(expression.len(), 64))?;
    let Some(regex) = Regex::new(expression) else { return Ok(Status::Failure) };
    grub.budget.copy(call.line, regex.work(text.len()))?;
    let Some(groups) = regex.find(text.as_bytes()) else { return Ok(Status::Failure) };
    for name in given.values("set") {
        let (index, name) = match name.split_once(':') {
            None => (1, name),
            Some((index, name)) => match number::whole(index).and_then(|index| usize::try_from(index).ok()) {
                Some(index) => (index, name),
                None => return Ok(Status::Failure),
            },
        };
        match groups.get(index).copied().flatten().and_then(|(start, end)| text.get(start..end)) {
            Some(value) => grub.here.environment.set(name, value, call.line)?,
            None => grub.here.environment.unset(name),
        }
    }
    Ok(Status::Success)
}

/// `tr [--set VARIABLE] [--upcase] [--downcase] [FROM TO] [TEXT]`
pub fn tr(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let given = match call.parse(&TR) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let variable = given.value("set");
    let value = variable.and_then(|name| grub.environment().lookup(name));
    let case = match (given.has("upcase"), given.has("downcase")) {
        (_, true) => Some((UPPER, LOWER)),
        (true, false) => Some((LOWER, UPPER)),
        (false, false) => None,
    };
    let (sets, text) = match given.plain.as_slice() {
        [] => (case, value),
        [text] => (case, Some(*text)),
        [from, to] => (Some((*from, *to)), value),
        [from, to, text] => (Some((*from, *to)), Some(*text)),
        _ => (None, None),
    };
    let (Some((from, to)), Some(text)) = (sets, text) else { return Ok(Status::Failure) };
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len() != to.len() {
        return Ok(Status::Failure);
    }
    grub.budget.copy(call.line, work(text.len(), from.len()))?;
    let translate =
        |c: char| from.iter().position(|known| *known == c).and_then(|at| to.get(at)).copied().unwrap_or(c);
    let text: String = text.chars().map(translate).collect();
    if let Some(variable) = variable {
        grub.here.environment.set(variable, &text, call.line)?;
    }
    Ok(Status::Success)
}

pub fn increment(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    add(grub, call, 1)
}

pub fn decrement(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    add(grub, call, -1)
}

fn add(grub: &mut Interpreter<'_>, call: &Call<'_>, amount: i64) -> Result<Status, Error> {
    let Some(name) = call.only() else { return Ok(Status::Failure) };
    let number = |text: &str| {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        i64::try_from(number::prefix(digits)?.0).ok()?.checked_mul(sign)?.checked_add(amount)
    };
    let Some(value) = grub.environment().lookup(name).and_then(number) else { return Ok(Status::Failure) };
    grub.here.environment.set(name, &value.to_string(), call.line)?;
    Ok(Status::Success)
}
