// SPDX-License-Identifier: BSD-3-Clause
//! `*` and `?` in arguments that name files or devices, once the module `regexp` is loaded.
//!
//! Source: GRUB 2.14, grub-core/commands/wildcard.c. Names come sorted; GRUB has them in the order of the disk.

use alloc::{format, string::String, vec, vec::Vec};

use filesystem::FileType;

use super::{
    condition::Files,
    expansion::{Argument, MOST_WILDCARDS},
    interpreter::Interpreter,
    place::Device,
};
use crate::{
    Error,
    budget::number,
    sizes::{behind, total, work},
};

/// Most files that one argument expands to.
const MOST: usize = 1000;

impl Interpreter<'_> {
    /// Replaces arguments with wildcards by the names that match. An argument without a match stays unchanged.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn filenames(&self, arguments: Vec<Argument>, line: u32) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for argument in arguments {
            let is_pattern = (1..=MOST_WILDCARDS).contains(&argument.wildcards.len())
                && argument.text.starts_with(['/', '(', '*'])
                && self.has_wildcards;
            let found = if is_pattern { self.fitting(&argument, line)? } else { Vec::new() };
            if found.is_empty() {
                names.push(argument.text);
            } else {
                names.extend(found);
            }
        }
        Ok(names)
    }

    /// The names that match an argument, component by component.
    fn fitting(&self, argument: &Argument, line: u32) -> Result<Vec<String>, Error> {
        let mut components = components(argument).into_iter();
        let device = components.next().unwrap_or_default();
        let mut paths = if device.is_plain() { vec![device.text.into()] } else { self.devices(&device) };
        let mut is_expanded = !device.is_plain();
        for component in components {
            let mut longer = Vec::new();
            for path in paths {
                if component.is_plain() {
                    let path = format!("{path}/{}", component.text);
                    if !is_expanded || self.listed(&path).is_some() {
                        longer.push(path);
                    }
                } else {
                    longer.extend(self.files_of(&path, &component, line)?);
                }
                self.budget.check(line)?;
                if longer.len() > MOST {
                    return Err(Error::Limit {
                        line,
                        what: "files that a wildcard names",
                        limit: number(MOST),
                    });
                }
            }
            is_expanded |= !component.is_plain();
            paths = longer;
        }
        Ok(paths)
    }

    /// The devices that match; without a leading parenthesis, only whole disks.
    fn devices(&self, pattern: &Component<'_>) -> Vec<String> {
        let of_disk = |disk: &usize| Device::OnDisk { disk: *disk, slots: Vec::new() };
        let volumes = self.volumes.all().iter();
        let mut devices: Vec<Device> = volumes.flat_map(|volume| &volume.home().disks).map(of_disk).collect();
        if pattern.text.starts_with('(') {
            devices.extend(self.places.devices().cloned());
        }
        let mut names: Vec<String> = devices.iter().map(|device| format!("({device})")).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter(|name| pattern.fits(name)).take(MOST).collect()
    }

    /// The files of a folder that match.
    fn files_of(&self, folder: &str, pattern: &Component<'_>, line: u32) -> Result<Vec<String>, Error> {
        let list = || {
            let file = self.spot(folder)?;
            let folder = self.node(self.volumes.get(file.volume)?, &file.path)?;
            let attr = folder.attr().ok().filter(|attr| attr.kind == FileType::Directory)?;
            // The whole folder is read, and each name costs more than one lookup.
            let is_paid = self.budget.lookup_in(attr.size) && self.budget.lookup_in(attr.size);
            let entries = is_paid.then(|| folder.list().ok())??;
            self.noted(self.share.lookups.charge(entries.len()))?;
            Some(entries)
        };
        let mut found = Vec::new();
        for vfs::Entry { name, .. } in list().unwrap_or_default() {
            self.budget.copy(line, work(name.len(), pattern.text.len()))?;
            if let Some(name) = str::from_utf8(&name).ok().filter(|name| pattern.fits(name)) {
                self.budget.copy(line, total([folder.len(), name.len()]))?;
                found.push(format!("{folder}/{name}"));
                if found.len() > MOST {
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// The part of a path between two slashes.
#[derive(Default)]
struct Component<'a> {
    text: &'a str,
    /// Offsets of its wildcards.
    wildcards: Vec<usize>,
}

/// The parts of an argument; the first names a device, or is empty.
fn components(argument: &Argument) -> Vec<Component<'_>> {
    let mut start = 0usize;
    let component = |text: &str| {
        let end = total([start, text.len()]);
        let inside = argument.wildcards.iter().filter(|at| (start..end).contains(*at));
        // Never negative: the wildcards are after the start.
        let wildcards = inside.filter_map(|at| at.checked_sub(start)).collect();
        start = behind(end);
        wildcards
    };
    let wildcards: Vec<Vec<usize>> = argument.text.split('/').map(component).collect();
    let texts = argument.text.split('/');
    texts.zip(wildcards).map(|(text, wildcards)| Component { text, wildcards }).collect()
}

impl Component<'_> {
    fn is_plain(&self) -> bool {
        self.wildcards.is_empty()
    }

    /// Whether a name matches: each `*` takes as little as possible, and more if the rest does not match.
    fn fits(&self, name: &str) -> bool {
        let (pattern, name) = (self.text.as_bytes(), name.as_bytes());
        let is_star = |at: usize| pattern.get(at) == Some(&b'*') && self.wildcards.contains(&at);
        let is_one = |at: usize, byte: &u8| match pattern.get(at) {
            Some(b'?') if self.wildcards.contains(&at) => true,
            other => other == Some(byte),
        };
        let (mut at, mut taken) = (0usize, 0usize);
        // The last star: the pattern position after it, and the end of the text that it takes.
        let mut star = None;
        while let Some(byte) = name.get(taken) {
            if is_star(at) {
                at = behind(at);
                star = Some((at, taken));
            } else if is_one(at, byte) {
                (at, taken) = (behind(at), behind(taken));
            } else if let Some((rest, until)) = star {
                let until = behind(until);
                (at, taken, star) = (rest, until, Some((rest, until)));
            } else {
                return false;
            }
        }
        while is_star(at) {
            at = behind(at);
        }
        at == pattern.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        let wildcards = pattern.match_indices(['*', '?']).map(|(at, _)| at).collect();
        Component { text: pattern, wildcards }.fits(name)
    }

    #[test]
    fn a_pattern_is_all_of_a_name() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "abc"),
            ("a*c", "abbc"),
            ("a*b*c", "axbxbc"),
            ("?", "a"),
            ("vmlinuz-*", "vmlinuz-6.1"),
            ("**", "x"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("?", ""), ("a*c", "ab"), ("a", "ab"), ("a?", "a"), ("*b", "a")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(!Component { text: "*", wildcards: Vec::new() }.fits("a"), "quoted");
        assert!(!fits(&"*a".repeat(8), &"a".repeat(7)));
    }
}
