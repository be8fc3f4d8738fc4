// SPDX-License-Identifier: BSD-3-Clause
//! Commands that read other files: scripts and environment blocks.

use alloc::{format, string::String};

use super::{Call, Status};
use crate::{
    Error, File,
    grub::{
        budget::MOST_SCRIPT,
        grubenv,
        interpreter::{Flow, Interpreter},
        item::in_context,
        options::{Syntax, flag, value},
        place::with_device,
    },
};

/// `grubenv` has 1024 bytes.
const LARGEST_ENVIRONMENT: u64 = 64 * 1024;
/// Variables that tell a script its own location.
const WHERE: [&str; 2] = ["config_file", "config_directory"];

/// Source: GRUB 2.14, grub-core/commands/loadenv.c.
const LOAD_ENV: Syntax =
    Syntax { options: &[value("file", Some('f')), flag("skip-sig", Some('s'))], keeps_unknown: false };

/// Runs another file's commands in place. A missing file is not a failure.
pub fn source(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let Some(path) = call.only() else { return Ok(Status::Failure) };
    let found = grub.read(path, MOST_SCRIPT);
    grub.budget.check(call.line)?;
    grub.here.environment.status = 0;
    match found {
        // A stub that sources a grub.cfg which was found and run already.
        Some((file, text)) if grub.scripts.is_known(&text, |volume| volume == file.volume) => {
            grub.boot.known = Some(file.volume);
            Ok(Status::Success)
        }
        Some((file, text)) => {
            let path = with_device(grub.environment().get("root"), path);
            Ok(Status::Ends(grub.run_file(&file, &path, &text, call.line)?))
        }
        None => Ok(Status::Success),
    }
}

/// Runs another file with exported variables only. Its menu replaces this one, so its entries become ours, and its
/// variables decide their default.
pub fn configfile(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    match call.only() {
        Some(path) => opened(grub, path, call.line, &["default", "fallback", "timeout", "timeout_style"]),
        None => Ok(Status::Failure),
    }
}

/// Takes the entries of another file, and nothing else.
pub fn entries_of(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    match call.only() {
        Some(path) => opened(grub, path, call.line, &[]),
        None => Ok(Status::Failure),
    }
}

/// GRUB started once more, with the usual file if none is named.
pub fn normal(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let usual = format!("{}/grub.cfg", grub.environment().get("prefix"));
    let path = call.first().unwrap_or(&usual);
    opened(grub, path, call.line, &["default", "fallback", "timeout", "timeout_style"])
}

/// `kept`: variables of its context that are copied into ours afterwards.
fn opened(grub: &mut Interpreter<'_>, path: &str, line: u32, kept: &[&str]) -> Result<Status, Error> {
    let found = grub.read(path, MOST_SCRIPT);
    grub.budget.check(line)?;
    grub.here.environment.status = 0;
    let Some((file, text)) = found else {
        grub.boot.obstacle.get_or_insert_with(|| format!("no file {}", super::short(path)));
        return Ok(Status::Success);
    };
    if !grub.scripts.insert(file.volume, &text) {
        grub.boot.known = Some(file.volume);
        return Ok(Status::Success);
    }
    let bytes = grub.environment().bytes();
    grub.budget.copy(line, bytes)?;
    let fresh = grub.environment().exported();
    let path = with_device(grub.environment().get("root"), path);
    grub.open(fresh);
    let outcome = grub.run_file(&file, &path, &text, line);
    let inner = grub.close();
    if !inner.menu.is_empty() {
        for name in kept {
            match inner.environment.lookup(name) {
                Some(value) => grub.here.environment.set(name, value, line)?,
                None => grub.here.environment.unset(name),
            }
        }
        // These variables are kept as long as the menu, so they are charged.
        grub.budget.menu(line, inner.environment.bytes())?;
        grub.here.menu.extend(in_context(inner.menu, inner.environment));
    }
    Ok(Status::Ends(outcome?))
}

impl Interpreter<'_> {
    /// Runs the text of a file, which the script names by this path. While it runs, variables tell it its location, by
    /// which it finds neighbouring files.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn run_file(&mut self, file: &File, path: &str, text: &str, line: u32) -> Result<Flow, Error> {
        let volume = self.volumes.get(file.volume).map_or("", |volume| volume.name());
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.files.push(format!("{volume} {}", super::short(&String::from_utf8_lossy(&file.path))));
        let before = WHERE.map(|name| self.environment().lookup(name).map(String::from));
        for (name, value) in WHERE.iter().zip([path, folder]) {
            self.here.environment.set(name, value, line)?;
            self.here.environment.export(name, line)?;
        }
        let flow = self.run(text, line);
        for (name, value) in WHERE.iter().zip(before) {
            match value {
                Some(value) => self.here.environment.set(name, &value, line)?,
                None => self.here.environment.unset(name),
            }
        }
        self.files.pop();
        flow
    }
}

/// Source: GRUB manual, "Environment block".
pub fn load_env(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let given = match call.parse(&LOAD_ENV) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let usual = format!("{}/grubenv", grub.environment().get("prefix"));
    let path = given.value("file").unwrap_or(&usual);
    let found = grub.read(path, LARGEST_ENVIRONMENT).map(|(_, text)| text);
    let found = found.or_else(|| grub.sectors(path, LARGEST_ENVIRONMENT));
    grub.budget.check(call.line)?;
    let Some(text) = found.filter(|text| grubenv::is_block(text)) else {
        return Ok(Status::Failure);
    };
    grub.budget.copy(call.line, text.len())?;
    for (name, value) in grubenv::variables(&text) {
        if given.plain.is_empty() || given.plain.contains(&name) {
            grub.here.environment.set(name, &value, call.line)?;
            grub.has_next_entry |= name == "next_entry" && !value.is_empty();
        }
    }
    Ok(Status::Success)
}

/// Disks are never written, so a `next_entry` for one boot cannot be cleared.
pub fn save_env(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let given = match call.parse(&LOAD_ENV) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    if grub.has_next_entry && given.plain.contains(&"next_entry") {
        grub.note(Error::NextEntry);
    }
    Ok((!given.plain.is_empty()).into())
}
