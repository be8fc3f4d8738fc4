// SPDX-License-Identifier: BSD-3-Clause
//! Labels of extlinux.conf, syslinux.cfg and isolinux.cfg.
//!
//! Source: SYSLINUX 6.04, doc/syslinux.txt, doc/menu.txt and com32/menu/readconfig.c; U-Boot,
//! doc/develop/distro.rst.

mod files;
mod label;
mod reader;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use menu::Wait;
use vfs::Volume;

use crate::{
    Access, Elsewhere, Entry, Error, Kind, Linux, Password, Source, Start, User,
    budget::{Share, Text},
    merge::Menu,
    search::Search,
    sizes::total,
};
use files::Files;
use label::{Action, Config, Label};
use reader::{Chosen, Reader};

/// Folders of the files.
const FOLDERS: [&str; 10] = [
    "/extlinux",
    "/boot/extlinux",
    "/syslinux",
    "/boot/syslinux",
    "/EFI/syslinux",
    "/EFI/BOOT",
    "/isolinux",
    "/boot/isolinux",
    "/boot",
    "",
];
const NAMES: [&str; 3] = ["extlinux.conf", "syslinux.cfg", "isolinux.cfg"];
/// Most levels of nested menus.
const DEEPEST: u32 = 4;

/// The labels of the first file that is found.
pub fn find(search: &Search<'_>, volume: &Volume) -> Option<Menu> {
    let share = search.share(volume);
    for folder in FOLDERS {
        for name in NAMES {
            let path = format!("{folder}/{name}");
            let files = Files::new(share, volume);
            match files.read(path.as_bytes()) {
                Ok(text) => {
                    let source = Source { volume: volume.id(), path, kind: Kind::Extlinux };
                    let access = Access::Anyone;
                    let collector = Collector { search, volume, files: &files, source, depth: 0, access };
                    return Some(collector.menu(&text, folder));
                }
                Err(error) if error.is_absent() => {}
                Err(error) => {
                    share.note(files.object(&path), error);
                    return None;
                }
            }
        }
    }
    None
}

/// Turns labels into entries.
struct Collector<'a> {
    search: &'a Search<'a>,
    volume: &'a Volume,
    files: &'a Files<'a>,
    source: Source,
    /// Menus that this one is in.
    depth: u32,
    /// Who may open it.
    access: Access,
}

impl Collector<'_> {
    fn share(&self) -> &Share {
        self.search.share(self.volume)
    }

    /// The menu of a file. It holds everything before an error or a limit.
    fn menu(&self, text: &str, folder: &str) -> Menu {
        let mut reader = Reader::new(self.files, folder);
        let read = reader.file(text, 0);
        let chosen = reader.default();
        let object = self.files.object(&self.source.path);
        let mut menu = Menu {
            wait: reader.wait(),
            locks: reader.locks().map(|lock| format!("{object}: {lock}")).collect(),
            ..Menu::default()
        };
        let collected = self.labels(&reader, chosen, &mut menu);
        if menu.entries.len() == 1 && menu.wait == Some(Wait::Forever) {
            // A menu of one entry does not wait for ever.
            menu.wait = None;
        }
        for error in [read, collected].into_iter().filter_map(Result::err) {
            self.share().note(object.clone(), error);
        }
        menu
    }

    /// Adds the default, if it is not a label, and all labels.
    fn labels(&self, reader: &Reader<'_>, chosen: Option<Chosen>, menu: &mut Menu) -> Result<(), Error> {
        let at = match chosen {
            Some(Chosen::Command(key, label)) => {
                self.label(reader, &self.startable(reader, key, *label)?, true, menu)?;
                None
            }
            Some(Chosen::Label(at)) => Some(at),
            None => None,
        };
        let mut labels = reader.labels.iter().enumerate();
        labels.try_for_each(|(i, label)| self.label(reader, label, Some(i) == at, menu))
    }

    /// A command whose file is missing starts nothing. SYSLINUX then shows its prompt, so no label takes its place.
    fn startable(&self, reader: &Reader<'_>, key: &str, label: Label) -> Result<Label, Error> {
        let Action::Linux(command) = &label.action else { return Ok(label) };
        let kernel = self.search.locate(self.volume, &absolute(reader.folder, split(command).0))?;
        let volume = self.search.volumes.get(kernel.volume).unwrap_or(self.volume);
        let is_there = self.share().is_there(volume, &kernel.path)?;
        let action = if is_there { label.action } else { Action::Other(format!("{key} {}", label.name)) };
        Ok(Label { action, ..label })
    }

    /// Adds what a label starts. The default stays in the menu even if it starts nothing here: another label in its
    /// place could be an installer.
    fn label(
        &self,
        reader: &Reader<'_>,
        label: &Label,
        is_chosen: bool,
        menu: &mut Menu,
    ) -> Result<(), Error> {
        let first = menu.entries.len();
        let start = match &label.action {
            Action::Linux(command) => Some(Start::Linux(self.linux(reader, label, command)?)),
            Action::Local(command) => Some(elsewhere(command.clone())),
            Action::Config(config) => {
                let inner = self.config(reader, label, config);
                menu.locks.extend(inner.locks);
                if !inner.entries.is_empty() {
                    if is_chosen {
                        menu.default = Some(total([first, inner.default.unwrap_or(0)]));
                    }
                    menu.entries.extend(inner.entries);
                    return Ok(());
                }
                is_chosen.then(|| elsewhere(format!("config {}", config.path)))
            }
            Action::Other(command) if is_chosen => Some(elsewhere(command.clone())),
            Action::Nothing if is_chosen => Some(elsewhere(format!("label {}", label.name))),
            Action::Other(_) | Action::Nothing => None,
        };
        let Some(start) = start else { return Ok(()) };
        let entry = Entry {
            title: reader.title(label),
            version: String::new(),
            id: label.name.clone(),
            source: self.source.clone(),
            start,
            counting: None,
            default: false,
            is_first: false,
            access: self.access(&reader.passwords(label)),
        };
        self.share().entry(&entry)?;
        if is_chosen {
            menu.default = Some(first);
        }
        menu.entries.push(entry);
        Ok(())
    }

    /// The menu of another file, each title behind that of the label.
    fn config(&self, reader: &Reader<'_>, label: &Label, config: &Config) -> Menu {
        let path = absolute(reader.folder, &config.path);
        let object = || self.files.object(&String::from_utf8_lossy(&path));
        if self.depth >= DEEPEST {
            self.share().note(object(), Error::TooMany { what: "nested menus", limit: DEEPEST.into() });
            return Menu::default();
        }
        let text = match self.files.read(&path) {
            Ok(text) => text,
            Err(error) => {
                self.share().note(object(), error);
                return Menu::default();
            }
        };
        let inner = Collector {
            search: self.search,
            volume: self.volume,
            files: self.files,
            source: self.source.clone(),
            // Cannot saturate: it is below the deepest.
            depth: self.depth.saturating_add(1),
            access: self.access(&reader.passwords(label)),
        };
        let mut menu = inner.menu(&text, config.folder.as_deref().unwrap_or(reader.folder));
        let title = reader.title(label);
        for entry in &mut menu.entries {
            // Titles are short beside the file that they are of.
            if self.share().text.charge(title.len()).is_ok() {
                entry.title = format!("{title} / {}", entry.title);
            }
        }
        menu
    }

    /// As in SYSLINUX, words after the kernel are the start of its command line.
    fn linux(&self, reader: &Reader<'_>, label: &Label, command: &str) -> Result<Linux, Error> {
        let (kernel, own) = split(command);
        let file = |path: &str| self.search.locate(self.volume, &absolute(reader.folder, path));
        let append = reader.options(label);
        self.share().text.fits(append.len())?;
        let mut options = Text::new(self.share());
        let mut initrd = None;
        for word in own.split_ascii_whitespace().chain(append.split_ascii_whitespace()) {
            match word.strip_prefix("initrd=") {
                // The first `initrd=` of the line counts; INITRD would come last.
                Some(paths) => _ = initrd.get_or_insert(paths),
                None => options.word(word)?,
            }
        }
        let initrd = initrd.or(label.initrd.as_deref()).unwrap_or_default();
        let paths = initrd.split(',').map(str::trim_ascii).filter(|path| !path.is_empty());
        Ok(Linux {
            kernel: file(kernel)?,
            initrd: paths.map(|path| Ok(file(path)?.into())).collect::<Result<_, Error>>()?,
            options: options.into_string(),
            devicetree: label.devicetree.as_deref().map(file).transpose()?,
        })
    }

    /// A label may be started with any of its passwords; without one, by whoever may open its menu.
    fn access(&self, passwords: &[&str]) -> Access {
        let user = |password: &&str| User {
            name: String::new(),
            // A hash: `$1$` and the like.
            password: match password.strip_prefix('$') {
                Some(_) => Password::Unknown,
                None => Password::Plain(password.to_string().into_bytes()),
            },
        };
        match passwords {
            [] => self.access.clone(),
            passwords => Access::Users(passwords.iter().map(user).collect()),
        }
    }
}

fn elsewhere(command: String) -> Start {
    Start::Elsewhere(Elsewhere { command })
}

/// A file, and the rest of the command.
fn split(command: &str) -> (&str, &str) {
    command.split_once([' ', '\t']).unwrap_or((command, ""))
}

/// Paths are relative to the configuration's folder.
fn absolute(folder: &str, path: &str) -> Vec<u8> {
    if path.starts_with('/') { path.into() } else { format!("{folder}/{path}").into() }
}

/// Any bytes are a configuration.
pub fn fuzz(data: &[u8]) {
    let files = Files::none();
    let mut reader = Reader::new(&files, "/extlinux");
    let _ = reader.file(&String::from_utf8_lossy(data), 0);
    let _ = (reader.default().is_some(), reader.wait());
    reader.labels.iter().for_each(|label| drop(reader.title(label)));
}
