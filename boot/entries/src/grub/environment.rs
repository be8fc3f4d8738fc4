// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's variables.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{
    names::Names,
    view::{EXPORTED, NUMBER, SUBVOLUME},
};
use crate::{Arch, Error, budget::number, sizes::total};

/// Bytes of all variables.
const MOST_BYTES: usize = 1024 * 1024;
/// Bytes charged per variable besides its name and value, which limits their number to a thousand.
const OVERHEAD: usize = 1024;

/// Feature variables that GRUB 2.12 and later set before reading the first file.
const FEATURES: &str = "feature_200_final feature_all_video_module feature_chainloader_bpb \
    feature_default_font_path feature_menuentry_id feature_menuentry_options feature_nativedisk_cmd feature_net_search \
    feature_ntldr feature_platform_search_hint feature_timeout_style";

/// Variables.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Names<Variable>,
    /// Status of the last command; 0 is success.
    pub status: u32,
    /// Of all variables.
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Variable {
    value: String,
    is_exported: bool,
}

impl Environment {
    /// GRUB's own variables, for a script's volume and the folder of the GRUB program.
    pub fn new(arch: Arch, root: &str, prefix: &str, cmdpath: &str) -> Self {
        let mut new = Self::default();
        let cpu = match arch {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "arm64",
            Arch::Riscv64 => "riscv64",
            Arch::Loongarch64 => "loongarch64",
        };
        let own = [
            ("grub_cpu", cpu),
            ("grub_platform", "efi"),
            ("root", root),
            ("prefix", prefix),
            ("cmdpath", cmdpath),
            ("lang", ""),
        ];
        let features = FEATURES.split(' ').map(|name| (name, "y"));
        for (name, value) in own.into_iter().chain(features) {
            new.insert(name, value, true);
        }
        new
    }

    /// The variables that a submenu or a file run by `configfile` starts with: only exported ones.
    pub fn exported(&self) -> Self {
        let mut new = Self::default();
        let is_kept = |name: &String, variable: &Variable| variable.is_exported || is_always_exported(name);
        for (name, variable) in self.variables.iter().filter(|(name, variable)| is_kept(name, variable)) {
            new.insert(name, &variable.value, true);
        }
        new
    }

    /// Whether the last command failed.
    pub fn has_failed(&self) -> bool {
        self.status != 0
    }

    /// Every variable with its value.
    pub fn all(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
    }

    /// Bytes of all variables.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value, empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.lookup(name).unwrap_or_default()
    }

    /// The value; none if the variable is not set.
    pub fn lookup(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    /// # Errors
    /// [`Error::Limit`] for too many bytes in all variables.
    pub fn set(&mut self, name: &str, value: &str, line: u32) -> Result<(), Error> {
        // GRUB stores the device without parentheses.
        let device = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let value = device.filter(|_| name == "root").unwrap_or(value);
        let is_exported = self.remove(name);
        self.insert(name, value, is_exported);
        // Both variables say where paths start; the last one that was set counts.
        let other = [(SUBVOLUME, NUMBER), (NUMBER, SUBVOLUME)].into_iter().find(|(said, _)| *said == name);
        if let Some((_, other)) = other
            && !self.get(other).is_empty()
        {
            let is_exported = self.remove(other);
            self.insert(other, "", is_exported);
        }
        if self.bytes > MOST_BYTES {
            return Err(Error::Limit { line, what: "bytes of variables", limit: number(MOST_BYTES) });
        }
        Ok(())
    }

    /// Sets and exports a variable, as GRUB does before it reads the first file.
    pub fn give(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.insert(name, value, true);
    }

    pub fn unset(&mut self, name: &str) {
        self.remove(name);
    }

    /// Makes the variable if there is none.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn export(&mut self, name: &str, line: u32) -> Result<(), Error> {
        if self.variables.get(name).is_none() {
            self.set(name, "", line)?;
        }
        if let Some(variable) = self.variables.get_mut(name) {
            variable.is_exported = true;
        }
        Ok(())
    }

    fn insert(&mut self, name: &str, value: &str, is_exported: bool) {
        self.bytes = total([self.bytes, size(name, value)]);
        self.variables.insert(name, Variable { value: value.to_owned(), is_exported });
    }

    /// Whether it was exported.
    fn remove(&mut self, name: &str) -> bool {
        let Some(variable) = self.variables.remove(name) else {
            return false;
        };
        // Cannot saturate: it was added with the variable.
        self.bytes = self.bytes.saturating_sub(size(name, &variable.value));
        variable.is_exported
    }
}

fn is_always_exported(name: &str) -> bool {
    EXPORTED.contains(&name)
}

fn size(name: &str, value: &str) -> usize {
    total([name.len(), value.len(), OVERHEAD])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_no_parentheses_and_export_makes_a_variable() {
        let mut environment = Environment::new(Arch::X86_64, "hd0,gpt1", "", "");
        environment.set("root", "(hd0,gpt2)", 1).unwrap();
        environment.set("other", "(x)", 1).unwrap();
        environment.export("later", 1).unwrap();
        environment.set("later", "z", 1).unwrap();
        assert_eq!((environment.get("root"), environment.get("other")), ("hd0,gpt2", "(x)"));
        let exported = environment.exported();
        assert_eq!((exported.get("later"), exported.get("other")), ("z", ""));
    }

    #[test]
    fn variables_have_room_for_a_mebibyte() {
        let mut environment = Environment::default();
        let half = "x".repeat(MOST_BYTES / 2);
        environment.set("a", &half, 1).unwrap();
        environment.set("a", &half, 1).unwrap();
        assert!(environment.set("b", &half, 1).is_err(), "each one fits, both do not");
    }
}
