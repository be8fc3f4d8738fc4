// SPDX-License-Identifier: BSD-3-Clause
//! Entries of type 1: files of keys and values.

use alloc::{format, string::String, vec::Vec};

use vfs::{Volume, VolumeId};

use super::{Candidate, Counting, Name};
use crate::{Access, Arch, Entry, Error, File, Kind, Linux, Program, Source, Start};

/// initrd lines of one entry.
const MOST_INITRDS: usize = 32;

/// What a file says.
#[derive(Debug, Default)]
struct Conf<'a> {
    title: &'a str,
    version: &'a str,
    machine_id: &'a str,
    sort_key: &'a str,
    architecture: &'a str,
    linux: &'a str,
    efi: &'a str,
    devicetree: &'a str,
    initrd: Vec<&'a str>,
    options: Vec<&'a str>,
}

impl<'a> Conf<'a> {
    fn parse(text: &'a str) -> Self {
        let mut conf = Self::default();
        for line in text.lines().map(str::trim_ascii).filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            let value = value.trim_ascii_start();
            match key {
                "title" => conf.title = value,
                "version" => conf.version = value,
                "machine-id" => conf.machine_id = value,
                "sort-key" => conf.sort_key = value,
                "architecture" => conf.architecture = value,
                "linux" => conf.linux = value,
                // An image that brings everything is an EFI program like any other.
                "efi" | "uki" => conf.efi = value,
                "devicetree" => conf.devicetree = value,
                "initrd" if conf.initrd.len() < MOST_INITRDS => conf.initrd.push(value),
                "options" => conf.options.push(value),
                _ => {}
            }
        }
        conf
    }

    fn is_for(&self, arch: Arch) -> bool {
        let name = match arch {
            Arch::X86_64 => "x64",
            Arch::Aarch64 => "aa64",
            Arch::Riscv64 => "riscv64",
            Arch::LoongArch64 => "loongarch64",
        };
        self.architecture.is_empty() || self.architecture.eq_ignore_ascii_case(name)
    }
}

/// The entry of a file; none where it is for another architecture. `block` yields the variables that its values
/// may name.
///
/// # Errors
/// [`Error::NoKernel`]
pub fn entry(
    volume: &Volume,
    path: &str,
    text: &str,
    arch: Arch,
    block: &dyn Fn() -> Vec<(String, String)>,
) -> Result<Option<Candidate>, Error> {
    let conf = Conf::parse(text);
    if !conf.is_for(arch) {
        return Ok(None);
    }
    let has_variables = conf.options.iter().chain(&conf.initrd).any(|value| value.contains('$'));
    let block = if has_variables { block() } else { Vec::new() };
    let expand = |value: &str| if has_variables { expanded(value, &block) } else { value.into() };
    let options = conf.options.iter().map(|value| expand(value)).filter(|value| !value.is_empty());
    let options = options.collect::<Vec<_>>().join(" ");
    let file = |path: &str| file(volume, path);
    let start = if !conf.linux.is_empty() {
        let initrd = conf.initrd.iter().map(|value| expand(value));
        let initrd: Vec<String> = initrd.filter(|value| !value.is_empty()).collect();
        Start::Linux(Linux {
            kernel: file(conf.linux),
            initrd: initrd.iter().flat_map(|value| value.split_ascii_whitespace()).map(file).collect(),
            options,
            devicetree: Some(conf.devicetree).filter(|path| !path.is_empty()).map(file),
        })
    } else if !conf.efi.is_empty() {
        let options = (!conf.options.is_empty()).then_some(options);
        Start::Program(Program { file: file(conf.efi), options, os: None })
    } else {
        return Err(Error::NoKernel { reason: "it has no linux, uki or efi line".into() });
    };
    Ok(Some(candidate(volume.id(), path, &conf, start)))
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
            access: Access::Anyone,
        },
        sort_key: conf.sort_key.into(),
        machine_id: conf.machine_id.into(),
        version: conf.version.into(),
        name,
    }
}

/// A path starts at the root of the volume that the entry stands on. Where `/boot` is a folder of it, some
/// systems leave that out.
fn file(volume: &Volume, path: &str) -> File {
    let path = format!("/{}", path.replace('\\', "/").trim_start_matches('/'));
    let in_boot = format!("/boot{path}");
    let is_in_boot = volume.open(path.as_bytes()).is_err() && volume.open(in_boot.as_bytes()).is_ok();
    File { volume: volume.id(), path: if is_in_boot { in_boot } else { path }.into() }
}

/// A value whose `$name` are replaced; what has no value becomes nothing, as in GRUB, which knows no braces here.
fn expanded(value: &str, block: &[(String, String)]) -> String {
    let mut pieces = value.split('$');
    let mut text = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, rest) = piece.split_at(piece.find(|c| !is_name(c)).unwrap_or(piece.len()));
        text.push_str(block.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value));
        text.push_str(rest);
    }
    text.trim_ascii().into()
}

/// Any bytes are a file, or none.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let conf = Conf::parse(&text);
    let _ = (conf.is_for(Arch::X86_64), Name::parse(&text).next());
    let block = [("kernelopts".into(), "ro".into())];
    conf.options.iter().take(100).for_each(|value| drop(expanded(value, &block)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced() {
        let block = [("kernelopts".into(), "root=/dev/a ro".into()), ("a".into(), "b".into())];
        let cases = [
            ("$kernelopts quiet", "root=/dev/a ro quiet"),
            ("$kernelopts-x $none $a.c", "root=/dev/a ro-x  b.c"),
            ("${a}", "{a}"),
            ("$", ""),
            ("x${a", "x{a"),
            ("plain", "plain"),
        ];
        for (value, text) in cases {
            assert_eq!(expanded(value, &block), text, "{value}");
        }
    }
}
