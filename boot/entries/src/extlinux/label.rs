// SPDX-License-Identifier: BSD-3-Clause
//! One label, and what it starts.

use alloc::{
    format,
    string::{String, ToString},
};

/// Files with these suffixes are modules, boot sectors and disk images, not kernels.
const NOT_LINUX: [&str; 9] = [".c32", ".cbt", ".com", ".com32", ".bss", ".bs", ".bin", ".img", ".0"];

/// The thing that a label starts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Action {
    /// Nothing: it is only a line of the menu.
    #[default]
    Nothing,
    /// A Linux kernel, with the words after its path.
    Linux(String),
    /// The disk that the machine would boot without this one, by this command.
    Local(String),
    /// Another configuration.
    Config(Config),
    /// Something other than a Linux kernel, by this command.
    Other(String),
}

/// Another configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    pub path: String,
    /// What its paths are relative to, where that is another folder.
    pub folder: Option<String>,
}

/// The lines of a LABEL.
#[derive(Clone, Debug, Default)]
pub struct Label {
    pub name: String,
    pub action: Action,
    pub initrd: Option<String>,
    pub append: Option<String>,
    pub devicetree: Option<String>,
    pub title: Option<String>,
    pub password: Option<String>,
    pub is_default: bool,
    pub is_disabled: bool,
    /// Index of its menu.
    pub menu: usize,
}

impl Label {
    /// What a command starts that names a file; `key` is the line that says it.
    pub fn of_file(key: &str, command: &str) -> Self {
        let action = kernel(command, format!("{key} {command}"));
        Self { name: command.into(), title: Some(command.into()), action, ..Self::default() }
    }

    /// Takes a line; false if it is not a line of a label.
    pub fn line(&mut self, key: &str, value: &str) -> bool {
        let command = || format!("{key} {value}").trim_ascii_end().to_string();
        match key {
            "kernel" => self.action = kernel(value, command()),
            "linux" => self.action = Action::Linux(value.into()),
            "localboot" => self.action = Action::Local(command()),
            "boot" | "bss" | "pxe" | "fdimage" | "comboot" | "com32" => {
                self.action = kernel(value, command()).unless_linux(command());
            }
            "config" => {
                let (path, folder) = value.split_once([' ', '\t']).unwrap_or((value, ""));
                let folder = Some(folder.trim_ascii()).filter(|folder| folder.starts_with('/'));
                let folder = folder.map(|folder| folder.trim_end_matches('/').into());
                self.action = Action::Config(Config { path: path.into(), folder });
            }
            "initrd" => self.initrd = Some(value.into()),
            "append" => self.append = Some(value.into()),
            "fdt" | "devicetree" => {
                self.devicetree = Some(value.into()).filter(|path: &String| !path.is_empty())
            }
            _ => return false,
        }
        true
    }
}

impl Action {
    /// For commands that start boot sectors, whose names look like those of kernels.
    fn unless_linux(self, command: String) -> Self {
        if matches!(self, Self::Linux(_)) { Self::Other(command) } else { self }
    }
}

/// The thing that KERNEL starts; the file's name tells its type.
fn kernel(value: &str, command: String) -> Action {
    let file = value.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let name = file.rsplit_once('/').map_or(file.as_str(), |(_, name)| name);
    match name {
        // It starts the boot sector of a disk.
        "chain.c32" => Action::Local(command),
        name if NOT_LINUX.iter().any(|end| name.ends_with(end)) => Action::Other(command),
        "" => Action::Nothing,
        _ => Action::Linux(value.into()),
    }
}
