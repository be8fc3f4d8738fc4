// SPDX-License-Identifier: BSD-3-Clause
//! Labels of extlinux.conf, syslinux.cfg and isolinux.cfg.
//!
//! Source: SYSLINUX 6.04, doc/syslinux.txt and doc/menu.txt; U-Boot, doc/develop/distro.rst.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use menu::Wait;
use vfs::Volume;

use crate::{Access, Entry, Error, File, Found, Kind, Linux, Problem, Source, Start};

/// Where the files stand.
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
/// Bytes of one file.
const LARGEST: u64 = 1024 * 1024;
/// Files that include one another.
const DEEPEST: u32 = 8;
/// Files in all.
const MOST_FILES: u32 = 64;
/// Labels of one configuration.
const MOST: usize = 1000;

/// Adds the labels of the first file that is found.
pub fn find(volume: &Volume, found: &mut Found) {
    for folder in FOLDERS {
        for name in NAMES {
            let path = format!("{folder}/{name}");
            let text = match volume.read(path.as_bytes(), LARGEST) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(vfs::Error::NotFound | vfs::Error::WrongType { .. }) => continue,
                Err(error) => {
                    let object = format!("{} {path}", volume.name());
                    found.problems.push(Problem { object, error: error.into() });
                    return;
                }
            };
            let mut reader = Reader { volume: Some(volume), ..Reader::default() };
            let outcome = reader.file(&text, folder, 0);
            reader.finish(volume, &path, folder, found);
            if let Err(error) = outcome {
                found.problems.push(Problem { object: format!("{} {path}", volume.name()), error });
            }
            return;
        }
    }
}

/// What stands behind a LABEL.
#[derive(Debug, Default)]
struct Label {
    name: String,
    title: String,
    kernel: String,
    initrd: Vec<String>,
    append: Option<String>,
    devicetree: String,
    is_default: bool,
}

/// The state of a configuration.
#[derive(Default)]
struct Reader<'a> {
    /// Where included files are read; none when fuzzing.
    volume: Option<&'a Volume>,
    labels: Vec<Label>,
    /// APPEND in front of the first label.
    append: Option<String>,
    default: String,
    timeout: Option<u32>,
    files: u32,
}

impl Reader<'_> {
    /// # Errors
    /// [`Error::TooMany`]
    fn file(&mut self, text: &str, folder: &str, depth: u32) -> Result<(), Error> {
        self.files = self.files.saturating_add(1);
        if depth > DEEPEST || self.files > MOST_FILES {
            return Err(Error::TooMany { what: "files that include one another", limit: MOST_FILES.into() });
        }
        for line in text.lines().map(str::trim_ascii) {
            let (key, value) = split(line);
            let (key, value) = if key == "menu" {
                let (key, value) = split(value);
                (format!("menu {key}"), value)
            } else {
                (key, value)
            };
            match key.as_str() {
                "include" | "menu include" => {
                    let included = self.volume.zip(value.split_ascii_whitespace().next());
                    let included =
                        included.map(|(volume, path)| volume.read(&absolute(folder, path), LARGEST));
                    if let Some(Ok(bytes)) = included {
                        self.file(&String::from_utf8_lossy(&bytes), folder, depth.saturating_add(1))?;
                    }
                }
                "label" => {
                    if self.labels.len() >= MOST {
                        return Err(Error::TooMany { what: "labels", limit: 1000 });
                    }
                    self.labels.push(Label { name: value.into(), ..Label::default() });
                }
                "default" | "ontimeout" => self.default = value.into(),
                // Tenths of a second; 0 waits for ever.
                "timeout" => {
                    let tenths: Option<u32> = value.parse().ok();
                    self.timeout = tenths.filter(|tenths| *tenths > 0).map(|tenths| tenths.div_ceil(10));
                }
                key => self.of_label(key, value),
            }
        }
        Ok(())
    }

    fn of_label(&mut self, key: &str, value: &str) {
        let Some(label) = self.labels.last_mut() else {
            if key == "append" {
                self.append = Some(value.into());
            }
            return;
        };
        match key {
            "menu label" => label.title = value.replace('^', ""),
            "menu default" => label.is_default = true,
            "kernel" | "linux" => label.kernel = value.into(),
            "initrd" => label.initrd.extend(value.split(',').map(|path| path.trim_ascii().to_string())),
            "append" => label.append = Some(value.into()),
            "fdt" | "devicetree" => label.devicetree = value.into(),
            _ => {}
        }
    }

    fn finish(self, volume: &Volume, path: &str, folder: &str, found: &mut Found) {
        let Self { labels, append, default, timeout, .. } = self;
        let first = found.entries.len();
        let by_menu = labels.iter().position(|label| label.is_default);
        let by_name = labels.iter().position(|label| label.name == default);
        let chosen = by_menu.or(by_name).unwrap_or(0);
        for (i, label) in labels.into_iter().enumerate() {
            // Modules of the menu itself, other machines' boot sectors.
            let is_linux = !label.kernel.is_empty() && !label.kernel.to_ascii_lowercase().ends_with(".c32");
            if is_linux {
                let source = Source { volume: volume.id(), path: path.into(), kind: Kind::Extlinux };
                found.entries.push(entry(label, source, folder, append.as_deref(), i == chosen));
            }
        }
        let of_file = found.entries.get_mut(first..).unwrap_or_default();
        if !of_file.iter().any(|entry| entry.default)
            && let Some(entry) = of_file.first_mut()
        {
            entry.default = true;
        }
        if found.wait.is_none() && first == 0 && found.entries.len() > first {
            found.wait = timeout.map(Wait::Seconds);
        }
    }
}

fn entry(label: Label, source: Source, folder: &str, append: Option<&str>, default: bool) -> Entry {
    let file = |path: &str| File { volume: source.volume, path: absolute(folder, path) };
    let options = label.append.as_deref().or(append).unwrap_or_default();
    let mut initrd = label.initrd;
    let mut words = Vec::new();
    for word in options.split_ascii_whitespace().filter(|_| options != "-") {
        match word.strip_prefix("initrd=") {
            Some(paths) => initrd.extend(paths.split(',').map(ToString::to_string)),
            None => words.push(word),
        }
    }
    Entry {
        title: if label.title.is_empty() { label.name.clone() } else { label.title },
        version: String::new(),
        id: label.name,
        start: Start::Linux(Linux {
            kernel: file(&label.kernel),
            initrd: initrd.iter().filter(|path| !path.is_empty()).map(|path| file(path)).collect(),
            options: words.join(" "),
            devicetree: Some(label.devicetree.as_str()).filter(|path| !path.is_empty()).map(file),
        }),
        source,
        counting: None,
        default,
        access: Access::Anyone,
    }
}

/// The first word, which means the same in whatever case, and the rest.
fn split(line: &str) -> (String, &str) {
    let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (key.to_ascii_lowercase(), value.trim_ascii())
}

/// Paths are relative to the configuration's folder.
fn absolute(folder: &str, path: &str) -> Vec<u8> {
    if path.starts_with('/') { path.into() } else { format!("{folder}/{path}").into() }
}

/// Any bytes are a configuration.
pub fn fuzz(data: &[u8]) {
    let mut reader = Reader::default();
    let _ = reader.file(&String::from_utf8_lossy(data), "/extlinux", 0);
}
