// SPDX-License-Identifier: BSD-3-Clause
//! Entries of type 1: files of keys and values.

use alloc::{format, string::String, vec::Vec};

use vfs::{Volume, VolumeId, Volumes};

use super::{Candidate, Counting, Name, Variables};
use crate::{
    Access, Arch, Entry, Error, File, Kind, Linux, Program, Source, Start, Url,
    budget::{Budget, Share, Text},
    grub::BlsCfg,
    search::Search,
};

/// Initial RAM disks of one entry.
const MOST_INITRDS: usize = 256;

/// The content of a type 1 file.
#[derive(Debug, Default)]
struct Conf<'a> {
    title: &'a str,
    version: &'a str,
    machine_id: &'a str,
    sort_key: &'a str,
    architecture: &'a str,
    linux: &'a str,
    efi: &'a str,
    uki_url: &'a str,
    devicetree: &'a str,
    grub_users: &'a str,
    initrd: Vec<&'a str>,
    options: Vec<&'a str>,
}

impl<'a> Conf<'a> {
    fn parse(text: &'a str) -> Self {
        let mut conf = Self::default();
        for line in text.lines().map(str::trim_ascii).filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            let value = unquoted(value.trim_ascii_start());
            match key {
                "title" => conf.title = value,
                "version" => conf.version = value,
                "machine-id" => conf.machine_id = value,
                "sort-key" => conf.sort_key = value,
                "architecture" => conf.architecture = value,
                "linux" => conf.linux = value,
                // A unified kernel image starts like any other EFI program.
                "efi" | "uki" => conf.efi = value,
                "uki-url" => conf.uki_url = value,
                "devicetree" => conf.devicetree = value,
                "grub_users" => conf.grub_users = value,
                "initrd" => conf.initrd.push(value),
                "options" => conf.options.push(value),
                _ => {}
            }
        }
        conf
    }

    fn is_for(&self, arch: Arch) -> bool {
        self.architecture.is_empty() || self.architecture.eq_ignore_ascii_case(arch.efi())
    }
}

/// Removes a pair of quotes, as systemd-boot does (`line_get_key_value` of src/boot/util.c).
pub fn unquoted(value: &str) -> &str {
    let inner = |quote: char| {
        let inner = value.strip_prefix(quote).filter(|_| value.ends_with(quote))?;
        // A single quote character counts as a pair.
        Some(inner.strip_suffix(quote).unwrap_or_default())
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// The context in which the files of a folder are read.
pub struct Folder<'a> {
    pub search: &'a Search<'a>,
    pub volume: &'a Volume,
    pub share: &'a Share,
    /// The values of `$NAME`; none if GRUB does not show these entries: then `$` has no meaning.
    pub variables: Option<Variables>,
    /// The menu of GRUB that shows them.
    pub cfg: Option<&'a BlsCfg>,
}

impl Folder<'_> {
    /// The entry of a file; none if it is for another architecture.
    ///
    /// # Errors
    /// [`Error::NoKernel`], [`Error::TooMany`], [`Error::Budget`]
    pub fn entry(&self, path: &str, text: &str) -> Result<Option<Candidate>, Error> {
        let conf = Conf::parse(text);
        // In systemd-boot, a URL without a scheme is relative to the URL that the volume was fetched from. Disks have
        // none, so the entry is hidden.
        if !conf.is_for(self.search.arch()) || conf.uki_url.starts_with(':') {
            return Ok(None);
        }
        let mut options = Text::new(self.share);
        for value in &conf.options {
            options.word(&self.expand(value)?)?;
        }
        if options.is_empty() {
            options.push(&self.setting("default_kernelopts")?)?;
        }
        let options = options.into_string();
        let start = if !conf.linux.is_empty() {
            let devicetree = Some(conf.devicetree).filter(|path| !path.is_empty());
            Start::Linux(Linux {
                kernel: self.file(conf.linux)?,
                initrd: self.initrd(&conf)?.into_iter().map(Into::into).collect(),
                options,
                devicetree: devicetree.map(|path| self.file(path)).transpose()?,
            })
        } else if !conf.efi.is_empty() {
            let options = (!conf.options.is_empty()).then_some(options);
            Start::Program(Program { file: self.file(conf.efi)?, options, os: None })
        } else if !conf.uki_url.is_empty() {
            let options = (!conf.options.is_empty()).then_some(options);
            Start::Url(Url { url: conf.uki_url.into(), options })
        } else {
            return Err(Error::NoKernel { reason: "it has no linux, uki, uki-url or efi line".into() });
        };
        let mut candidate = candidate(self.volume.id(), path, &conf, start);
        if let Some(cfg) = self.cfg {
            let users = self.expand(conf.grub_users)?;
            // Both lists are compared name by name.
            self.share.bytes.charge(cfg.names_for(&users))?;
            candidate.entry.access = cfg.access(&users);
        }
        Ok(Some(candidate))
    }

    /// A default from the GRUB menu that shows these entries; empty if none does.
    fn setting(&self, name: &str) -> Result<String, Error> {
        let value =
            self.variables.as_ref().filter(|_| self.cfg.is_some()).map_or("", |known| known.get(name));
        self.expand(value)
    }

    fn expand(&self, value: &str) -> Result<String, Error> {
        match &self.variables {
            Some(variables) if value.contains('$') => variables.expand(value, self.share),
            _ => Ok(value.into()),
        }
    }

    fn initrd(&self, conf: &Conf<'_>) -> Result<Vec<File>, Error> {
        let mut files = Vec::new();
        // Early initrds are in the folder of the other initrds, or of the kernel.
        let early = self.setting("early_initrd")?;
        let beside = conf.initrd.first().unwrap_or(&conf.linux);
        let folder = beside.rsplit_once('/').map_or("", |(folder, _)| folder);
        let early = early.split_ascii_whitespace().map(|name| format!("{folder}/{name}"));
        let early: Vec<String> = early.collect();
        for value in early.iter().map(String::as_str).chain(conf.initrd.iter().copied()) {
            for path in self.expand(value)?.split_ascii_whitespace() {
                if files.len() >= MOST_INITRDS {
                    let limit = u64::try_from(MOST_INITRDS).unwrap_or(u64::MAX);
                    return Err(Error::TooMany { what: "initial RAM disks of one entry", limit });
                }
                files.push(self.file(path)?);
            }
        }
        Ok(files)
    }

    /// A path starts at the root of the entry's volume. If `/boot` is a folder there, some systems omit it from paths.
    fn file(&self, path: &str) -> Result<File, Error> {
        let path = format!("/{}", path.replace('\\', "/").trim_start_matches('/'));
        let in_boot = format!("/boot{path}");
        let is_there = |path: &str| self.share.is_there(self.volume, path.as_bytes());
        let is_in_boot = !is_there(&path)? && is_there(&in_boot)?;
        self.search.locate(self.volume, if is_in_boot { in_boot } else { path }.as_bytes())
    }
}

fn candidate(volume: VolumeId, path: &str, conf: &Conf<'_>, start: Start) -> Candidate {
    let name = Name::parse(path.rsplit_once('/').map_or(path, |(_, name)| name));
    let counting = name.next().map(|next| Counting { file: File { volume, path: path.into() }, next });
    let title = Some(conf.title).filter(|title| !title.is_empty());
    Candidate {
        entry: Entry {
            title: title.unwrap_or(&name.id).into(),
            version: conf.version.into(),
            id: name.id.clone(),
            source: Source { volume, path: path.into(), kind: Kind::Bls },
            start,
            counting,
            default: false,
            is_first: false,
            access: Access::Anyone,
        },
        sort_key: conf.sort_key.into(),
        machine_id: conf.machine_id.into(),
        version: conf.version.into(),
        name,
    }
}

/// Any bytes: an entry, or none.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let conf = Conf::parse(&text);
    let _ = (conf.is_for(Arch::X86_64), Name::parse(&text).next());
    let budget = Budget::new(&Volumes::default());
    let variables = Variables::new([("kernelopts".into(), "ro".into())].into());
    conf.options.iter().take(100).for_each(|value| drop(variables.expand(value, budget.disk(0))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_around_a_value_are_taken_away() {
        let cases = [
            ("\"A b\"", "A b"),
            ("\"", ""),
            ("\"a", "\"a"),
            ("a\"", "a\""),
            ("\"a\" \"b\"", "a\" \"b"),
            ("", ""),
        ];
        for (value, wanted) in cases {
            assert_eq!(unquoted(value), wanted, "{value}");
        }
    }
}
