// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's commands, as far as they affect what is booted.

mod blscfg;
mod configuration;
mod language;
mod machine;
mod password;
mod probe;
mod search;
mod start;
mod subvolume;
mod text;

use alloc::{format, string::String};

use super::{
    grubenv,
    interpreter::{Flow, Interpreter},
    options::{Given, Refusal, Syntax},
    parser::Block,
};
use crate::Error;

/// Characters of a name in a message.
const LONGEST_NAME: usize = 100;

/// A command with its expanded words.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub name: &'a str,
    pub arguments: &'a [String],
    /// The block in braces after it.
    pub block: Option<&'a Block>,
    pub line: u32,
    /// `!` precedes it: its status is inverted.
    is_negated: bool,
}

impl<'a> Call<'a> {
    /// The command that these words are; the empty name where there is no word.
    pub fn new(words: &'a [String], block: Option<&'a Block>, line: u32) -> Self {
        let is_negated = words.first().is_some_and(|word| word == "!");
        let words = if is_negated { words.get(1..).unwrap_or_default() } else { words };
        let (name, arguments) = words.split_first().map_or(("", words), |(name, rest)| (name.as_str(), rest));
        Self { name, arguments, block, line, is_negated }
    }

    /// The first argument.
    fn first(&self) -> Option<&'a str> {
        self.arguments.first().map(String::as_str)
    }

    /// The argument, if there is exactly one.
    fn only(&self) -> Option<&'a str> {
        match self.arguments {
            [argument] => Some(argument),
            _ => None,
        }
    }

    /// The options and arguments.
    ///
    /// # Errors
    /// The status of the command where there is nothing more to do.
    fn parse(&self, syntax: &Syntax) -> Result<Given<'a>, Status> {
        syntax.parse(self.arguments).map_err(|refusal| Status::from(refusal == Refusal::Help))
    }
}

/// What a command ends with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    Success,
    Failure,
    /// It has set the status itself; the surrounding block continues as [`Flow`] says.
    Ends(Flow),
}

impl From<bool> for Status {
    fn from(succeeds: bool) -> Self {
        if succeeds { Self::Success } else { Self::Failure }
    }
}

type Run = fn(&mut Interpreter<'_>, &Call<'_>) -> Result<Status, Error>;

/// Built-in commands of every GRUB: a function with such a name is never called.
const COMMANDS: [(&str, Run); 54] = [
    (".", configuration::source),
    ("[", language::test),
    ("authenticate", password::authenticate),
    ("bls_import", blscfg::blscfg),
    ("blscfg", blscfg::blscfg),
    ("boot", start::boot),
    ("break", language::break_),
    ("btrfs-get-default-subvol", subvolume::default),
    ("btrfs-mount-subvol", subvolume::mount),
    ("chainloader", start::chainloader),
    ("configfile", configuration::configfile),
    ("continue", language::continue_),
    ("cpuid", machine::cpuid),
    ("decrement", text::decrement),
    ("devicetree", start::devicetree),
    ("eval", language::eval),
    ("exit", machine::exit),
    ("export", language::export),
    ("extract_entries_configfile", configuration::entries_of),
    ("extract_entries_source", configuration::source),
    ("false", language::fail),
    ("fwsetup", machine::fwsetup),
    ("halt", machine::leave),
    ("increment", text::increment),
    ("initrd", start::initrd),
    ("initrd16", start::initrd),
    ("initrdefi", start::initrd),
    ("insmod", machine::insmod),
    ("linux", start::linux),
    ("linux16", start::linux),
    ("linuxefi", start::linux),
    ("load_env", configuration::load_env),
    ("menuentry", language::menuentry),
    ("normal", configuration::normal),
    ("password", password::password),
    ("password_pbkdf2", password::password_pbkdf2),
    ("probe", probe::probe),
    ("reboot", machine::leave),
    ("regexp", text::regexp),
    ("return", language::return_),
    ("save_env", configuration::save_env),
    ("search", search::search),
    ("search.file", search::by_file),
    ("search.fs_label", search::by_label),
    ("search.fs_uuid", search::by_uuid),
    ("set", language::set),
    ("setparams", language::setparams),
    ("shift", language::shift),
    ("source", configuration::source),
    ("submenu", language::menuentry),
    ("test", language::test),
    ("tr", text::tr),
    ("true", language::succeed),
    ("unset", language::unset),
];

/// Commands that only affect the screen, the terminal or GRUB itself: they succeed without effect.
const NOTHING: &str = "acpi background_color background_image badram btrfs-info btrfs-list-subvols cat clear cmosclean cmosdump cmosset \
    cryptomount cutmem date echo gfxmode hiddenmenu keymap list_env loopback ls nativedisk \
    net_bootp normal_exit pause play read rmmod serial set_background sleep \
    terminal terminal_input terminal_output terminfo uppermem usb_keyboard videoinfo vt wrmsr";

/// Commands that fail here: as on a machine without a graphical terminal, and those that compare files or read the
/// machine's tables and registers, which is not supported.
const FAILING: &str = "cmostest cmp crc cryptocheck file getkey hashsum inb inl inw keystatus loadfont lspci md5sum \
    pcidump rdmsr read_byte read_dword read_word setpci sha1sum sha256sum sha512sum smbios videotest";

/// Commands that start something other than a Linux kernel for this machine.
const OTHER: &str = "linux_xen multiboot multiboot2 module module2 xen_hypervisor xen_module kfreebsd knetbsd kopenbsd \
    ntldr appleloader efiemu_loadcore";

/// Whether one of the words of a list, which has white space between any two, is `name`.
fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|word| word == name)
}

/// The start of a name, for a message.
fn short(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

impl Interpreter<'_> {
    /// Runs a command.
    ///
    /// # Errors
    /// [`Error::Limit`]; a failing command only sets the status.
    pub fn command(&mut self, call: &Call<'_>) -> Result<Flow, Error> {
        let flow = match self.run_named(call)? {
            Status::Ends(flow) => flow,
            status => {
                self.here.environment.status = u32::from(status == Status::Failure);
                Flow::Next
            }
        };
        if call.is_negated {
            let has_failed = self.here.environment.has_failed();
            self.here.environment.status = u32::from(!has_failed);
        }
        Ok(flow)
    }

    fn run_named(&mut self, call: &Call<'_>) -> Result<Status, Error> {
        if call.name.is_empty() && call.arguments.is_empty() {
            return Ok(Status::Ends(Flow::Next));
        }
        if let Some((_, run)) = COMMANDS.iter().find(|(name, _)| *name == call.name) {
            return run(self, call);
        }
        if let Some(flow) = self.call(call.name, call.arguments)? {
            return Ok(Status::Ends(flow));
        }
        if is_in(FAILING, call.name) {
            return Ok(Status::Failure);
        }
        if is_in(OTHER, call.name) {
            self.boot.refuse(format!("{} (line {})", call.name, call.line));
        } else if !is_in(NOTHING, call.name) {
            self.assignment(call.name, call.line)?;
        }
        Ok(Status::Success)
    }

    /// `NAME=VALUE` without `set`. Anything else is an unknown command, which in GRUB does not end the script.
    fn assignment(&mut self, word: &str, line: u32) -> Result<(), Error> {
        match word.split_once('=') {
            Some((name, value)) if grubenv::is_name(name) => self.here.environment.set(name, value, line),
            _ => {
                let name = short(word);
                self.boot.obstacle.get_or_insert_with(|| format!("{name} (line {line})"));
                self.note(Error::Command { line, name });
                Ok(())
            }
        }
    }
}
