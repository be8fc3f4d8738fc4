// SPDX-License-Identifier: BSD-3-Clause
//! Commands that say what an entry starts.

use alloc::{format, string::String, vec::Vec};

use vfs::Volume;

use super::LONGEST_NAME;
use crate::{
    File,
    grub::{BlsCfg, interpreter::Interpreter, place},
};

impl Interpreter<'_> {
    pub fn linux(&mut self, rest: &[String]) -> bool {
        let Some((path, options)) = rest.split_first() else {
            return false;
        };
        let Some(file) = self.file(path) else {
            self.boot.obstacle =
                Some(format!("no device for {}", path.chars().take(LONGEST_NAME).collect::<String>()));
            return false;
        };
        let words: Vec<String> = options.iter().map(|word| quoted(word)).collect();
        self.boot.kernel = Some(file);
        self.boot.options = words.join(" ");
        // As in GRUB, another kernel drops what was loaded for the first.
        self.boot.initrd.clear();
        true
    }

    /// An EFI program; boot sectors are none.
    pub fn chainloader(&mut self, rest: &[String]) -> bool {
        let path = rest.iter().find(|word| !word.starts_with("--"));
        let program = path.filter(|path| path.to_ascii_lowercase().ends_with(".efi"));
        self.boot.program = program.and_then(|path| self.file(path));
        if self.boot.program.is_none() {
            let path: String = path.map_or("", String::as_str).chars().take(LONGEST_NAME).collect();
            self.boot.obstacle = Some(format!("chainloader {path}"));
        }
        self.boot.program.is_some()
    }

    /// Shows the entries of the Boot Loader Specification that stand on `$boot`, `$root`, or beside the script.
    ///
    /// Source: Fedora's grub2, grub-core/commands/blscfg.c.
    pub fn blscfg(&mut self) {
        let prefix = self.environment.get("prefix");
        let own =
            prefix.strip_prefix('(').and_then(|prefix| prefix.split_once(')')).map(|(device, _)| device);
        let devices = [Some(self.environment.get("boot")), Some(self.environment.get("root")), own];
        let mut volumes =
            devices.into_iter().flatten().filter_map(|device| place::volume(self.volumes, device));
        let has_entries = |volume: &&Volume| {
            ["/loader/entries", "/boot/loader/entries"]
                .iter()
                .any(|path| volume.open(path.as_bytes()).is_ok())
        };
        let Some(volume) = volumes.find(has_entries).map(Volume::id) else { return };
        if !self.seen.blscfg.iter().any(|cfg| cfg.volume == volume) {
            let variables = self.environment.all();
            self.seen.blscfg.push(BlsCfg { volume, variables, default: String::new(), wait: None });
        }
    }

    pub fn initrd(&mut self, rest: &[String]) -> bool {
        let files: Option<Vec<File>> = rest.iter().map(|path| self.file(path)).collect();
        let is_found = files.is_some();
        self.boot.initrd = files.unwrap_or_default();
        is_found
    }
}

/// An argument as GRUB hands it to a kernel: `grub_create_loader_cmdline` of grub-core/lib/cmdline.c.
fn quoted(word: &str) -> String {
    let mut text = String::new();
    for c in word.chars() {
        if matches!(c, '\\' | '\'' | '"') {
            text.push('\\');
        }
        text.push(c);
    }
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}
