// SPDX-License-Identifier: BSD-3-Clause
//! The kernel's command line, as the system's own files give it.

use alloc::{format, string::String, vec::Vec};
use core::cell::OnceCell;

use vfs::Volume;

use crate::{
    Error,
    budget::{Budget, Share},
    filesystems::{self, Filesystems},
    os_release,
};

/// No such file is larger.
const LARGEST: u64 = 64 * 1024;
/// Mount points of a volume with kernels.
const MOUNTED_ON: [&str; 3] = ["/boot", "/efi", "/boot/efi"];
/// The parameter with mount options of the root, and the option that names a subvolume.
pub const FLAGS: &str = "rootflags=";
const NAMED: &str = "subvol=";
/// Bytes of a value: kernels take command lines of a few thousand.
const LONGEST: usize = 4096;
/// Files that add to GRUB's defaults.
const MOST_ADDED: usize = 256;

/// The systems on all volumes. The files of each are read once, and charged to its own disk.
pub struct Systems<'a> {
    filesystems: &'a Filesystems<'a>,
    budget: &'a Budget,
    /// By volume.
    known: Vec<System>,
}

/// What was read from the files of one volume.
#[derive(Default)]
struct System {
    /// Lines of fstab, for the folders that count.
    mounts: OnceCell<Vec<Mount>>,
    line: OnceCell<String>,
}

impl<'a> Systems<'a> {
    /// Nothing is read yet.
    pub fn new(filesystems: &'a Filesystems<'a>, budget: &'a Budget) -> Self {
        let known = filesystems.volumes().all().iter().map(|_| System::default()).collect();
        Self { filesystems, budget, known }
    }

    /// The command line for kernels of a volume. If its system is unknown, the volume itself is the root.
    pub fn options(&self, volume: &Volume) -> String {
        self.line(self.system_of(volume).unwrap_or(volume))
    }

    /// The command line for kernels of a volume, where its system is known.
    pub fn known(&self, volume: &Volume) -> Option<String> {
        self.system_of(volume).map(|system| self.line(system))
    }

    /// `PRETTY_NAME` of os-release, else `Linux`.
    pub fn os_name(&self, volume: &Volume) -> String {
        let share = self.budget.of(volume);
        let text =
            read(share, volume, "/etc/os-release").or_else(|| read(share, volume, "/usr/lib/os-release"));
        let name = text.as_deref().and_then(|text| os_release::value(text, "PRETTY_NAME"));
        name.unwrap_or_else(|| "Linux".into())
    }

    /// `/etc/kernel/cmdline`, else what GRUB's defaults add, with the root filesystem from `/etc/fstab`, and last the
    /// volume itself. The subvolume is that of the volume, unless it is the default: then that of `/etc/fstab`.
    fn line(&self, system: &Volume) -> String {
        let compute = || {
            let share = self.budget.of(system);
            if let Some(text) = read(share, system, "/etc/kernel/cmdline") {
                return text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            }
            let mounted = self.mounted(system, "/");
            let root = mounted.map(|mount| mount.device.clone());
            let root = root.unwrap_or_else(|| format!("UUID={}", system.identity().uuid));
            let added = grub_defaults(share, system);
            let own = match self.filesystems.is_default(system.id()) {
                true => mounted.and_then(|mount| mount.subvolume.clone()),
                false => Some(format!("subvol={}", root_of(system))),
            };
            let own = own.filter(|_| !added.split_ascii_whitespace().any(|word| word.starts_with(FLAGS)));
            let flags = own.map(|own| format!("{FLAGS}{own}")).unwrap_or_default();
            let words = [format!("root={root}"), "ro".into(), flags, added];
            let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
            words.join(" ")
        };
        let known = self.known.get(system.id().0);
        known.map_or_else(compute, |known| known.line.get_or_init(compute).clone())
    }

    /// The volume of the system whose kernels are on `volume`: itself, or one that mounts it on a folder of kernels.
    fn system_of(&self, volume: &'a Volume) -> Option<&'a Volume> {
        if self.budget.of(volume).is_there(volume, b"/etc").unwrap_or(false) {
            return Some(volume);
        }
        let identity = volume.identity();
        let label = String::from_utf8_lossy(&identity.label);
        let names = [
            format!("UUID={}", identity.uuid),
            format!("LABEL={label}"),
            format!("PARTUUID={}", volume.partition().map_or("", |partition| &partition.uuid)),
        ];
        let is_root = |mount: &Mount| match mount.subvolume.as_deref() {
            Some(root) => match root.strip_prefix(NAMED) {
                Some(path) => path == root_of(volume),
                // If the numbers of a filesystem's roots are unknown, any root may match.
                None => volume.number().is_none_or(|number| root == numbered(number)),
            },
            None => self.filesystems.is_default(volume.id()),
        };
        let is_meant = |mount: &Mount| names.contains(&mount.device) && is_root(mount);
        let mounts = |other: &&Volume| {
            MOUNTED_ON.iter().any(|folder| self.mounted(other, folder).is_some_and(is_meant))
        };
        let (filesystems, volumes) = (self.filesystems.all().iter(), self.filesystems.volumes());
        let usual = filesystems.clone().flat_map(|filesystem| self.filesystems.usual(filesystem));
        let others = filesystems.flat_map(|filesystem| self.filesystems.others(filesystem));
        usual.chain(others).filter_map(|id| volumes.get(id)).find(mounts)
    }

    /// What `/etc/fstab` mounts on a folder.
    fn mounted(&self, volume: &Volume, folder: &str) -> Option<&Mount> {
        let read = || mounts(&read(self.budget.of(volume), volume, "/etc/fstab").unwrap_or_default());
        let mounts = self.known.get(volume.id().0)?.mounts.get_or_init(read);
        mounts.iter().find(|mount| mount.folder == folder)
    }
}

/// A line of a fstab.
struct Mount {
    device: String,
    folder: String,
    /// The option that names a subvolume, without slashes around its path.
    subvolume: Option<String>,
}

/// The first line of a fstab for each folder that counts.
fn mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (device, folder) = (words.next()?, words.next()?);
        let options = words.nth(1).unwrap_or_default();
        let (device, folder) = (String::from(device), String::from(folder));
        (!device.starts_with('#')).then(|| Mount { device, folder, subvolume: subvolume(options) })
    };
    let first = |wanted: &str| text.lines().filter_map(mount).find(|mount| mount.folder == wanted);
    ["/"].iter().chain(&MOUNTED_ON).filter_map(|folder| first(folder)).collect()
}

/// The option of a mount that names a subvolume, by its path rather than by its number.
fn subvolume(options: &str) -> Option<String> {
    let of = |prefix| options.split(',').filter_map(move |option| option.strip_prefix(prefix)).next_back();
    let named = of(NAMED).map(|path| format!("{NAMED}{}", or_top(path.trim_matches('/'))));
    named.or_else(|| of("subvolid=").map(|number| format!("subvolid={number}")))
}

/// The option that names a subvolume by its number.
fn numbered(number: u64) -> String {
    format!("subvolid={number}")
}

/// The path of a volume's root, as mount takes it.
fn root_of(volume: &Volume) -> &str {
    or_top(filesystems::path(volume))
}

fn or_top(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn read(share: &Share, volume: &Volume, path: &str) -> Option<String> {
    share.text(volume, path.as_bytes(), LARGEST)
}

/// `GRUB_CMDLINE_LINUX` and `GRUB_CMDLINE_LINUX_DEFAULT` of /etc/default/grub and the files that follow it.
fn grub_defaults(share: &Share, volume: &Volume) -> String {
    let mut values = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"].map(|name| (name, None));
    let mut take = |text: &str| {
        for (name, value) in &mut values {
            *value = assigned(text, name, value.take());
        }
    };
    if let Some(text) = read(share, volume, "/etc/default/grub") {
        take(&text);
    }
    let folder = "/etc/default/grub.d";
    let mut added = share.names_if_there(volume, folder.as_bytes());
    added.retain(|(name, _)| name.ends_with(b".cfg"));
    if added.len() > MOST_ADDED {
        let limit = u64::try_from(MOST_ADDED).unwrap_or(u64::MAX);
        let error = Error::TooMany { what: "files that add to GRUB's defaults", limit };
        share.note(format!("{} {folder}", volume.name()), error);
        added.truncate(MOST_ADDED);
    }
    for (name, _) in added {
        let path = [folder.as_bytes(), b"/", &name].concat();
        take(&share.text(volume, &path, LARGEST).unwrap_or_default());
    }
    let values = values.into_iter().filter_map(|(_, value)| value);
    values.filter(|value| !value.trim_ascii().is_empty()).collect::<Vec<_>>().join(" ")
}

/// The value of the last `NAME=value` of a shell file, as the shell reads a word; `value` is the one from before the
/// file. `$NAME` in it is the value from before; other expansions of the shell are left unexpanded.
fn assigned(text: &str, name: &str, mut value: Option<String>) -> Option<String> {
    for line in text.lines() {
        let new = line.trim_ascii().strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        let Some(new) = new else { continue };
        value = Some(word(new, name, &value.unwrap_or_default())?);
    }
    value
}

/// The word at the start of a text, without its quotes, with `$NAME` replaced by `old`; none if it is too long.
fn word(text: &str, name: &str, old: &str) -> Option<String> {
    let (mut word, mut quote, mut chars) = (String::new(), None, text.chars());
    while let Some(c) = chars.next() {
        let rest = chars.as_str();
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None) => word.extend(chars.next()),
            ('\\', Some('"')) if rest.starts_with(['"', '\\', '$', '`']) => word.extend(chars.next()),
            ('$', None | Some('"')) => match behind_name(rest, name) {
                Some(behind) => {
                    word.push_str(old);
                    chars = behind.chars();
                }
                None => word.push(c),
            },
            // The end of the word; a comment can follow only after white space.
            (' ' | '\t' | ';' | '&' | '|', None) => break,
            _ => word.push(c),
        }
        if word.len() > LONGEST {
            return None;
        }
    }
    Some(word)
}

/// The text after `NAME` or `{NAME}`, if it starts with that; a longer name does not match.
fn behind_name<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.strip_prefix(name)?.strip_prefix('}');
    }
    let behind = text.strip_prefix(name)?;
    (!behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_assignment_counts() {
        let text = "A=1\n# A=2\nA=\"x y\"\nB='z'\n";
        assert_eq!(assigned(text, "A", None).as_deref(), Some("x y"));
        assert_eq!(assigned(text, "B", None).as_deref(), Some("z"));
        assert_eq!(assigned(text, "C", None), None);
    }

    #[test]
    fn a_value_is_a_word_of_the_shell() {
        let cases = [
            ("A=quiet # x", "quiet"),
            ("A=quiet\t# x", "quiet"),
            ("A=quiet#x", "quiet#x"),
            ("A=quiet; B=x", "quiet"),
            ("A=\"a b\" # x", "a b"),
            ("A='a # b' # x", "a # b"),
            ("A= # x", ""),
            ("A=a\\ b c", "a b"),
            ("A=a\" b\"' c' d", "a b c"),
            ("A=\"x=\\\"a b\\\" \\$A \\d\"", "x=\"a b\" $A \\d"),
            ("A='a\\'", "a\\"),
        ];
        for (line, value) in cases {
            assert_eq!(assigned(line, "A", Some("old".into())).as_deref(), Some(value), "{line}");
        }
    }

    #[test]
    fn a_value_can_be_added_to() {
        let text = "A=\"quiet\"\nA=\"$A ${A}x $AB\"\n";
        assert_eq!(assigned(text, "A", None).as_deref(), Some("quiet quietx $AB"));
        assert_eq!(assigned("A=1\nA='$A'\n", "A", None).as_deref(), Some("$A"));
    }

    #[test]
    fn a_value_that_doubles_without_end_is_none() {
        let text = ["A=xx\n", &"A=\"$A$A\"\n".repeat(40)].concat();
        assert_eq!(assigned(&text, "A", None), None, "2^41 bytes");
    }
}
