// SPDX-License-Identifier: BSD-3-Clause
//! The lines of a configuration, and of the files that it includes.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use menu::Wait;

use super::{
    absolute,
    files::Files,
    label::{Action, Label},
};
use crate::Error;

/// Most levels of nested includes.
const DEEPEST: u32 = 8;
/// Labels of one configuration.
const MOST: usize = 1000;

/// The default of a menu.
pub enum Chosen {
    /// The label with this index.
    Label(usize),
    /// A command that is more than a label, and the keyword of its line; it becomes the first entry.
    Command(&'static str, Box<Label>),
}

/// A menu: the root, or one opened by MENU BEGIN.
#[derive(Debug, Default)]
struct Submenu {
    parent: usize,
    title: String,
    password: Option<String>,
}

/// The content of a configuration.
pub struct Reader<'a> {
    files: &'a Files<'a>,
    /// What paths are relative to.
    pub folder: &'a str,
    pub labels: Vec<Label>,
    /// APPEND before the first label.
    pub append: Option<String>,
    /// The first is the root.
    menus: Vec<Submenu>,
    /// Index of the menu that is open.
    menu: usize,
    /// Whether lines belong to the last label.
    is_in_label: bool,
    default: String,
    on_timeout: String,
    /// Tenths of a second.
    timeout: i64,
    /// The same for TOTALTIMEOUT, which key presses do not stop.
    total: i64,
    /// Whether a program shows the labels.
    has_program: bool,
    has_prompt: bool,
    /// Whether a command may only name a label.
    needs_label: bool,
    is_locked: bool,
    master: Option<String>,
}

impl<'a> Reader<'a> {
    /// A reader before the first line.
    pub fn new(files: &'a Files<'a>, folder: &'a str) -> Self {
        Self {
            files,
            folder,
            labels: Vec::new(),
            append: None,
            menus: [Submenu::default()].into(),
            menu: 0,
            is_in_label: false,
            default: String::new(),
            on_timeout: String::new(),
            timeout: 0,
            total: 0,
            has_program: false,
            has_prompt: false,
            needs_label: false,
            is_locked: false,
            master: None,
        }
    }

    /// Reads a file's lines.
    ///
    /// # Errors
    /// [`Error::TooMany`]
    pub fn file(&mut self, text: &str, depth: u32) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::TooMany { what: "files that include one another", limit: DEEPEST.into() });
        }
        let mut is_text = false;
        for line in text.lines().map(str::trim_ascii) {
            let (key, value) = split(line);
            match key.as_str() {
                // TEXT HELP starts a help text for people, which ends with ENDTEXT.
                "endtext" => is_text = false,
                _ if is_text => {}
                "text" => is_text = true,
                "include" => self.include(value, depth)?,
                "menu" => self.of_menu(value, depth)?,
                "label" => self.label(value)?,
                _ if self.of_label(&key, value) => {}
                key => self.global(key, value),
            }
        }
        Ok(())
    }

    /// An included file; a title after the path gives it a menu of its own.
    fn include(&mut self, value: &str, depth: u32) -> Result<(), Error> {
        let (path, title) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        let text = match self.files.read(&absolute(self.folder, path)) {
            Ok(text) => text,
            Err(error @ (Error::TooMany { .. } | Error::Budget { .. })) => return Err(error),
            // As in SYSLINUX, a missing file is not an error.
            Err(error) => {
                self.files.note(path, error);
                return Ok(());
            }
        };
        let has_title = !title.trim_ascii().is_empty();
        if has_title {
            self.begin(title.trim_ascii())?;
        }
        // Cannot saturate: it is no deeper than the deepest.
        let outcome = self.file(&text, depth.saturating_add(1));
        if has_title {
            self.end();
        }
        outcome
    }

    fn label(&mut self, name: &str) -> Result<(), Error> {
        if self.labels.len() >= MOST {
            return Err(too_many("labels"));
        }
        self.labels.push(Label { name: name.into(), menu: self.menu, ..Label::default() });
        self.is_in_label = true;
        Ok(())
    }

    fn begin(&mut self, title: &str) -> Result<(), Error> {
        if self.menus.len() >= MOST {
            return Err(too_many("menus"));
        }
        let parent = core::mem::replace(&mut self.menu, self.menus.len());
        self.menus.push(Submenu { parent, title: title.into(), password: None });
        self.is_in_label = false;
        Ok(())
    }

    fn end(&mut self) {
        self.menu = self.menus.get(self.menu).map_or(0, |menu| menu.parent);
        self.is_in_label = false;
    }

    /// Lines that start with MENU.
    fn of_menu(&mut self, value: &str, depth: u32) -> Result<(), Error> {
        let (key, value) = split(value);
        let label = self.labels.last_mut().filter(|_| self.is_in_label);
        match (key.as_str(), label) {
            ("include", _) => self.include(value, depth)?,
            ("begin", _) => self.begin(value)?,
            ("end", _) => self.end(),
            ("label", Some(label)) => label.title = Some(plain(value)),
            ("default", Some(label)) => label.is_default = true,
            ("passwd", Some(label)) => label.password = Some(value.into()),
            ("disable" | "disabled", Some(label)) => label.is_disabled = true,
            ("separator", _) => self.is_in_label = false,
            ("master", _) if split(value).0 == "passwd" => self.master = Some(split(value).1.into()),
            ("label" | "title", _) => {
                if let Some(menu) = self.menus.get_mut(self.menu) {
                    menu.title = plain(value);
                }
            }
            ("passwd", None) => {
                if let Some(menu) = self.menus.get_mut(self.menu) {
                    menu.password = Some(value.into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it is a line of the label that is open.
    fn of_label(&mut self, key: &str, value: &str) -> bool {
        let label = self.labels.last_mut().filter(|_| self.is_in_label);
        label.is_some_and(|label| label.line(key, value))
    }

    /// Global lines, wherever they are.
    fn global(&mut self, key: &str, value: &str) {
        match key {
            "append" => self.append = Some(value.into()),
            "default" => self.default = value.into(),
            "ontimeout" => self.on_timeout = value.into(),
            "timeout" if self.menu == 0 => self.timeout = number(value),
            "totaltimeout" => self.total = number(value),
            "prompt" => self.has_prompt = number(value) > 0,
            "ui" => self.has_program = true,
            "allowimplicit" => self.needs_label = number(value) == 0,
            "allowoptions" => self.is_locked |= number(value) == 0,
            _ => {}
        }
    }

    /// The default. As typed at SYSLINUX's prompt, a command may be a label with options, or a file; a program that
    /// shows a menu accepts a label only.
    pub fn default(&self) -> Option<Chosen> {
        let by_command = [("ontimeout", &self.on_timeout), ("default", &self.default)];
        let mut by_command = by_command.into_iter().filter(|(_, command)| !is_menu(command));
        let of_root = |label: &Label| label.menu == 0 && !label.is_disabled;
        let by_menu = || self.labels.iter().rposition(|label| label.is_default && of_root(label));
        let first = || self.labels.iter().position(|label| of_root(label) && label.action != Action::Nothing);
        let of_menu = || by_menu().or_else(first).map(Chosen::Label);
        by_command.find_map(|(key, command)| self.command(key, command)).or_else(of_menu)
    }

    /// What a command starts; none if it is empty, or means nothing to the program that shows the menu.
    fn command(&self, key: &'static str, command: &str) -> Option<Chosen> {
        let word = command.split_ascii_whitespace().next()?;
        let is_of_menu = key == "default" && self.shows_labels();
        if let Some(at) = self.labels.iter().position(|label| label.name == *command || label.name == word) {
            let label = self.labels.get(at)?;
            let options = if label.name == *command { "" } else { command.get(word.len()..)?.trim_ascii() };
            let takes_them = matches!(label.action, Action::Linux(_)) && !options.is_empty() && !is_of_menu;
            return Some(if takes_them {
                Chosen::Command(key, Box::new(self.with(label, options)))
            } else {
                Chosen::Label(at)
            });
        }
        let mut label = Label::of_file(key, command);
        if self.needs_label {
            label.action = Action::Other(format!("{key} {command}"));
        }
        (!is_of_menu).then_some(Chosen::Command(key, Box::new(label)))
    }

    /// A label with options behind its own.
    fn with(&self, label: &Label, options: &str) -> Label {
        let title = label.title.as_deref().unwrap_or(&label.name);
        Label {
            name: format!("{} {options}", label.name),
            append: Some(format!("{} {options}", self.options(label))),
            title: Some(format!("{title} {options}")),
            ..label.clone()
        }
    }

    /// APPEND of the label, or the global one; `-` means no options.
    pub fn options<'l>(&'l self, label: &'l Label) -> &'l str {
        let append = label.append.as_deref().or(self.append.as_deref());
        append.filter(|append| *append != "-").unwrap_or_default()
    }

    /// Whether a program shows the labels, in place of a prompt.
    fn shows_labels(&self) -> bool {
        self.has_program || is_menu(&self.default)
    }

    /// How long its menu waits; none if it shows no menu.
    pub fn wait(&self) -> Option<Wait> {
        let shows_menu = self.has_prompt || self.shows_labels();
        match if self.timeout == 0 { self.total } else { self.timeout } {
            0 => shows_menu.then_some(Wait::Forever),
            tenths => {
                // A negative time is over at once.
                let seconds = u64::try_from(tenths).unwrap_or(0).div_ceil(10);
                Some(Wait::Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)))
            }
        }
    }

    /// The reasons why command lines must not be edited.
    pub fn locks(&self) -> impl Iterator<Item = &'static str> {
        let locks = [(self.is_locked, "ALLOWOPTIONS 0"), (self.master.is_some(), "MENU MASTER PASSWD")];
        locks.into_iter().filter_map(|(is_locked, line)| is_locked.then_some(line))
    }

    /// The title of a label, behind those of the menus that lead to it.
    pub fn title(&self, label: &Label) -> String {
        let own = label.title.as_deref().unwrap_or(&label.name);
        let mut titles: Vec<&str> = self.path(label).map(|menu| menu.title.as_str()).collect();
        titles.reverse();
        titles.push(own);
        titles.join(" / ")
    }

    /// The passwords, any of which allows starting a label; empty if it needs none.
    pub fn passwords<'l>(&'l self, label: &'l Label) -> Vec<&'l str> {
        let own = label.password.as_deref();
        let own = own.or_else(|| self.path(label).find_map(|menu| menu.password.as_deref()));
        let master = own.and(self.master.as_deref());
        own.into_iter().chain(master).collect()
    }

    /// The menus around a label, the innermost first, without the root. It ends, because a menu's parent has a smaller
    /// index.
    fn path(&self, label: &Label) -> impl Iterator<Item = &Submenu> {
        let open = |at: usize| self.menus.get(at).filter(|_| at > 0);
        core::iter::successors(open(label.menu), move |menu| open(menu.parent))
    }
}

/// Whether a command starts a program that shows the labels.
fn is_menu(command: &str) -> bool {
    let program = command.split_ascii_whitespace().next().unwrap_or_default();
    program.to_ascii_lowercase().ends_with("menu.c32")
}

/// A title without the mark of its hot key.
fn plain(title: &str) -> String {
    title.replace('^', "")
}

/// As C's `atoi`: 0 for text that is not a number.
fn number(text: &str) -> i64 {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    text.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The first word, in lower case since case does not matter, and the rest.
fn split(line: &str) -> (String, &str) {
    let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (key.to_ascii_lowercase(), value.trim_ascii())
}

fn too_many(what: &'static str) -> Error {
    Error::TooMany { what, limit: crate::budget::number(MOST) }
}
