// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's commands, as far as they decide what is booted.

mod search;
mod start;

use alloc::{format, string::String, vec::Vec};

use vfs::Volume;

use super::{
    budget::MOST_SCRIPT,
    condition, grubenv,
    interpreter::{Flow, Interpreter, in_context},
    parser::Block,
    place,
};
use crate::{Error, File};

/// `grubenv` has 1024 bytes.
const LARGEST_ENVIRONMENT: u64 = 64 * 1024;
/// Characters of a name in a message.
const LONGEST_NAME: usize = 100;

/// Commands that change the screen, the terminal or what is loaded into GRUB: done when nothing is done.
const NOTHING: &str = "acpi authenticate background_color background_image badram boot cat clear cmosclean cmosdump cmosset \
    cryptomount cutmem date echo gfxmode hiddenmenu insmod keymap list_env loopback ls nativedisk \
    net_bootp normal_exit password password_pbkdf2 pause play read rmmod serial set_background sleep \
    terminal terminal_input terminal_output terminfo true uppermem usb_keyboard videoinfo vt wrmsr";

/// Commands that fail here, as on a machine without a graphical terminal.
const FAILING: [&str; 6] = ["cmostest", "false", "halt", "keystatus", "loadfont", "reboot"];

/// Commands that start something that is no Linux kernel of this machine.
const OTHER: &str = "linux_xen multiboot multiboot2 module module2 xen_hypervisor xen_module kfreebsd knetbsd kopenbsd \
    ntldr appleloader efiemu_loadcore";

/// Commands that every GRUB has: a function of such a name is never called.
const COMMANDS: &str = "[ blscfg break chainloader configfile continue echo eval exit export initrd insmod linux load_env \
    menuentry normal return save_env search set source submenu test unset";

/// Whether one of the words of a list, which has a space between any two, is `name`.
fn is_in(list: &str, name: &str) -> bool {
    list.split(' ').any(|word| word == name)
}

impl Interpreter<'_> {
    /// Runs a command; `!` in front turns its status round.
    ///
    /// # Errors
    /// [`Error::Limit`]; what fails sets the status.
    pub fn command(&mut self, arguments: &[String], block: Option<&Block>, line: u32) -> Result<Flow, Error> {
        let Some((name, rest)) = arguments.split_first() else {
            return Ok(Flow::Next);
        };
        if name != "!" {
            return self.named(name, rest, block, line);
        }
        let flow = match rest.split_first() {
            Some((name, rest)) => self.named(name, rest, block, line)?,
            None => Flow::Next,
        };
        self.environment.status = u32::from(self.environment.status == 0);
        Ok(flow)
    }

    fn named(
        &mut self,
        name: &str,
        rest: &[String],
        block: Option<&Block>,
        line: u32,
    ) -> Result<Flow, Error> {
        if !is_in(COMMANDS, name)
            && let Some(flow) = self.call(name, rest)?
        {
            return Ok(flow);
        }
        match name {
            "break" => return Ok(self.levels(rest).map_or(Flow::Next, Flow::Break)),
            "continue" => return Ok(self.levels(rest).map_or(Flow::Next, Flow::Continue)),
            "return" => return Ok(self.leave(rest)),
            "exit" => return Ok(Flow::Exit),
            "source" | "." => return self.source(rest, line),
            "configfile" | "normal" => return self.configfile(rest, line),
            "eval" => {
                self.environment.status = 0;
                return self.run(&rest.join(" "), line);
            }
            _ => {}
        }
        let succeeded = match name {
            "menuentry" | "submenu" | "set" | "unset" | "export" | "shift" | "setparams" => {
                self.own(name, rest, block, line)?
            }
            "test" | "[" => {
                let holds = self.test(name, rest);
                self.budget.check(line)?;
                holds
            }
            "load_env" => self.load_env(rest, line)?,
            "save_env" => {
                self.save_env(rest);
                true
            }
            "search" | "search.fs_uuid" | "search.fs_label" | "search.file" | "search.fs_partuuid" => {
                search::search(self, name, rest, line)?
            }
            "linux" | "linux16" | "linuxefi" => self.linux(rest),
            "initrd" | "initrd16" | "initrdefi" => self.initrd(rest),
            "devicetree" => {
                self.boot.devicetree = rest.first().and_then(|path| self.file(path));
                self.boot.devicetree.is_some()
            }
            "chainloader" => self.chainloader(rest),
            "blscfg" => {
                self.blscfg();
                true
            }
            "cpuid" => self.is_x86,
            // An entry of its own: numbers count it, and our menu has its own way there.
            "fwsetup" => {
                self.boot.is_known |= rest.first().is_none_or(|option| option != "--is-supported");
                true
            }
            name => self.other(name, line)?,
        };
        self.environment.status = u32::from(!succeeded);
        Ok(Flow::Next)
    }

    /// Commands that change variables and the menu.
    fn own(&mut self, name: &str, rest: &[String], block: Option<&Block>, line: u32) -> Result<bool, Error> {
        match (name, block) {
            ("menuentry" | "submenu", None) => return Ok(false),
            ("menuentry" | "submenu", Some(body)) => self.add_item(rest, body, name == "submenu", line)?,
            ("set", _) => return self.set(rest, line),
            ("unset", _) => rest.iter().for_each(|name| self.environment.unset(name)),
            ("export", _) => {
                for name in rest {
                    self.environment.export(name, line)?;
                }
            }
            ("shift", _) => {
                let count = rest.first().and_then(|word| word.parse().ok()).unwrap_or(1usize);
                let arguments = &mut self.environment.arguments;
                arguments.drain(..count.min(arguments.len()));
            }
            _ => self.environment.arguments = rest.to_vec(),
        }
        Ok(true)
    }

    /// Commands without an effect on what is booted, and what is none.
    fn other(&mut self, name: &str, line: u32) -> Result<bool, Error> {
        if FAILING.contains(&name) {
            return Ok(false);
        }
        if is_in(OTHER, name) {
            self.boot.obstacle = Some(format!("{name} (line {line})"));
        } else if !is_in(NOTHING, name) {
            self.assignment(name, line)?;
        }
        Ok(true)
    }

    /// `NAME=VALUE` without `set`; an unknown command else, which is no failure in GRUB.
    fn assignment(&mut self, word: &str, line: u32) -> Result<(), Error> {
        match word.split_once('=') {
            Some((name, value)) if grubenv::is_name(name) => self.environment.set(name, value, line),
            _ => {
                let name: String = word.chars().take(LONGEST_NAME).collect();
                self.boot.obstacle.get_or_insert_with(|| format!("{name} (line {line})"));
                self.note(Error::Command { line, name });
                Ok(())
            }
        }
    }

    /// GRUB looks at the first word only.
    fn set(&mut self, rest: &[String], line: u32) -> Result<bool, Error> {
        match rest.first().map(|word| word.split_once('=')) {
            None => Ok(true),
            Some(None) => Ok(false),
            Some(Some((name, value))) => self.environment.set(name, value, line).map(|()| true),
        }
    }

    fn test(&self, name: &str, rest: &[String]) -> bool {
        let words = match rest.split_last() {
            Some((last, words)) if name == "[" && last == "]" => words,
            _ => rest,
        };
        condition::test(words, &|path| {
            let file = self.file(path).filter(|_| self.budget.lookup())?;
            let attr = self.volumes.get(file.volume)?.open(&file.path).ok()?.attr().ok()?;
            Some((attr.kind, attr.size))
        })
    }

    /// The volume that the script stands on.
    pub fn home(&self) -> Option<&Volume> {
        let (device, _) = self.environment.get("prefix").strip_prefix('(')?.split_once(')')?;
        place::volume(self.volumes, device)
    }

    /// The file that a path means now.
    pub fn file(&self, path: &str) -> Option<File> {
        place::file(self.volumes, self.environment.get("root"), path)
    }

    /// Content of a file; none where it cannot be read.
    fn read(&mut self, path: &str, limit: u64) -> Option<(File, String)> {
        let file = self.file(path).filter(|_| self.budget.lookup())?;
        let bytes = self.volumes.get(file.volume)?.read(&file.path, limit).ok()?;
        Some((file, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Runs another file's commands as if they stood here.
    fn source(&mut self, rest: &[String], line: u32) -> Result<Flow, Error> {
        let found = rest.first().and_then(|path| self.read(path, MOST_SCRIPT));
        self.environment.status = 0;
        match found {
            Some((file, text)) => self.run_file(&file, &text, line),
            None => Ok(Flow::Next),
        }
    }

    fn run_file(&mut self, file: &File, text: &str, line: u32) -> Result<Flow, Error> {
        let volume = self.volumes.get(file.volume).map_or("", |volume| volume.name());
        let path: String = String::from_utf8_lossy(&file.path).chars().take(LONGEST_NAME).collect();
        let saved = core::mem::replace(&mut self.script, format!("{volume} {path}"));
        let flow = self.run(text, line)?;
        self.script = saved;
        Ok(flow)
    }

    /// Runs another file with exported variables only; its menu takes the place of this one, so that its
    /// entries are ours.
    fn configfile(&mut self, rest: &[String], line: u32) -> Result<Flow, Error> {
        let path = rest.first().cloned();
        let path = path.unwrap_or_else(|| format!("{}/grub.cfg", self.environment.get("prefix")));
        self.environment.status = 0;
        let Some((file, text)) = self.read(&path, MOST_SCRIPT) else {
            self.boot.obstacle.get_or_insert_with(|| format!("no file {path}"));
            return Ok(Flow::Next);
        };
        if !self.seen.insert(file.volume, &text) {
            self.boot.is_known = true;
            return Ok(Flow::Next);
        }
        self.budget.copy(line, self.environment.bytes())?;
        let before = self.menu.len();
        let fresh = self.environment.exported();
        let saved = core::mem::replace(&mut self.environment, fresh);
        let flow = self.run_file(&file, &text, line)?;
        let inner = core::mem::replace(&mut self.environment, saved);
        // The file that made the menu says what is its default.
        for name in ["default", "timeout", "timeout_style"] {
            if !inner.get(name).is_empty() {
                self.environment.set(name, inner.get(name), line)?;
            }
        }
        if self.menu.len() > before {
            self.menu = in_context(core::mem::take(&mut self.menu), before, inner);
        }
        Ok(flow)
    }

    /// Source: GRUB manual, "Environment block".
    fn load_env(&mut self, rest: &[String], line: u32) -> Result<bool, Error> {
        let (mut path, mut names) = (None, Vec::new());
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--file" | "-f" => path = words.next().cloned(),
                "--skip-sig" | "-s" => {}
                name => names.push(name),
            }
        }
        let path = path.unwrap_or_else(|| format!("{}/grubenv", self.environment.get("prefix")));
        let found = self.read(&path, LARGEST_ENVIRONMENT).map(|(_, text)| text);
        let Some(text) = found.filter(|text| grubenv::is_block(text)) else {
            return Ok(false);
        };
        self.budget.copy(line, text.len())?;
        for (name, value) in grubenv::variables(&text) {
            if names.is_empty() || names.contains(&name) {
                self.environment.set(name, &value, line)?;
                self.has_next_entry |= name == "next_entry" && !value.is_empty();
            }
        }
        Ok(true)
    }

    /// Disks are never written: a choice for one boot stays.
    fn save_env(&mut self, rest: &[String]) {
        if self.has_next_entry && rest.iter().any(|name| name == "next_entry") {
            self.note(Error::NextEntry);
        }
    }
}
