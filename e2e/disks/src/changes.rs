// SPDX-License-Identifier: BSD-3-Clause
//! Changes to a configuration: replaced words, more entries, a long line.

use anyhow::{Result, ensure};
use arch::Arch;
use clap::Args;

use crate::root::kernel_prefix;

/// Differences from the default configuration.
#[derive(Args, Debug, Default)]
pub struct Changes {
    /// Number of additional entries in front of grub.cfg, whose kernels do not exist
    #[arg(long, default_value_t = 0)]
    pub failing_entries: u32,
    /// Number of additional older entries, whose kernels are gone: after those of grub.cfg, beside those of the Boot
    /// Loader Specification
    #[arg(long, default_value_t = 0)]
    pub more_entries: u32,
    /// Length of a comment in front of the rest of grub.cfg
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub long_line: usize,
    /// Replace the first text by the second everywhere in grub.cfg, or in the entry of the Boot Loader Specification
    /// that boots; `@KERNEL@` and `@VERSION@` are the parts of the kernel's name
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub edit: Vec<String>,
}

impl Changes {
    /// The text with the replacements.
    ///
    /// # Errors
    /// When a text to replace is missing: the disk would be the default one.
    pub fn edited(&self, mut text: String, arch: Arch, version: &str) -> Result<String> {
        let filled =
            |text: &String| text.replace("@KERNEL@", kernel_prefix(arch)).replace("@VERSION@", version);
        for [from, to] in self.edit.as_chunks().0 {
            let from = filled(from);
            ensure!(text.contains(&from), "no {from:?} in\n{text}");
            text = text.replace(&from, &filled(to));
        }
        Ok(text)
    }

    /// grub.cfg with the additions, then edited.
    ///
    /// # Errors
    /// As [`edited`](Self::edited).
    pub fn grub_cfg(&self, text: String, arch: Arch, version: &str) -> Result<String> {
        let text = self.edited(text, arch, version)?;
        let more =
            (0..self.more_entries).map(|i| format!("menuentry 'Older {i}' {{\n\tlinux /boot/gone-{i}\n}}\n"));
        let line =
            if self.long_line == 0 { String::new() } else { format!("#{}\n", "x".repeat(self.long_line)) };
        Ok([line, text].into_iter().chain(more).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_can_be_replaced() {
        let edit = ["linux /@KERNEL@-@VERSION@", "linux /k-@VERSION@"].map(String::from).to_vec();
        let changes = Changes { edit, ..Changes::default() };
        let edited = |text: &str| changes.edited(text.into(), Arch::X86_64, "6");
        assert_eq!(edited("a linux /vmlinuz-6 b").unwrap(), "a linux /k-6 b");
        assert!(edited("linux /vmlinux-6").unwrap_err().to_string().contains("vmlinuz-6"));
    }

    #[test]
    fn grub_cfg_has_what_is_added_around_it() {
        let changes = Changes { more_entries: 2, long_line: 3, ..Changes::default() };
        let text = changes.grub_cfg("x\n".into(), Arch::X86_64, "6").unwrap();
        assert!(text.starts_with("#xxx\nx\nmenuentry 'Older 0' {\n\tlinux /boot/gone-0\n}\n"), "{text}");
        assert!(text.ends_with("gone-1\n}\n"), "{text}");
    }
}
