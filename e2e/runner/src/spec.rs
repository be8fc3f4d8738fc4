// SPDX-License-Identifier: BSD-3-Clause
//! The specification of a test: the JSON file that the rule of `//e2e:defs.bzl` writes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use arch::Arch;
use qemu::{
    emulated,
    machine::{Boot, Bus, Disk, Firmware, Machine, Serial},
    phases::Phases,
    script::Script,
    watch::{After, Limits},
};
use serde::Deserialize;

use crate::network::{Event, Network, Running};

/// A test. Files are relative to the current folder, which is the test's runfiles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The architecture.
    #[serde(deserialize_with = "emulated::deserialize")]
    pub arch: Arch,
    /// The firmware's code.
    pub code: String,
    /// The firmware's variable store.
    pub vars: String,
    /// How `boot` is attached.
    pub medium: Medium,
    /// The image that holds the loader; none if a disk does.
    pub boot: Option<String>,
    /// Raw disks.
    pub disks: Vec<String>,
    /// The host's program `cloud-boot`, if its report is expected, too.
    pub inspect: Option<String>,
    /// Patterns, in order ([`qemu::pattern::Pattern`]); `inspected:` stands for those of the entry that
    /// `cloud-boot inspect` calls the default.
    pub expect: Vec<String>,
    /// Patterns that fail the test, in addition to [`qemu::script::PANICS`].
    pub forbid: Vec<String>,
    /// Time limit for all of `expect`, in seconds.
    pub seconds: u64,
    /// Time limit from the loader's first line to the last pattern, in seconds, if it has its own limit.
    pub loader_seconds: Option<u64>,
    /// Seconds after the last pattern in which no forbidden pattern may be seen.
    pub quiet_after: u64,
    /// MiB of the machine's memory.
    pub memory: u32,
    /// How disks are attached.
    pub bus: Bus,
    /// Bytes of their blocks.
    pub block_size: u32,
    /// Whether the disks are in the boot order.
    pub in_boot_order: bool,
    /// Whether the disks are read-only.
    pub read_only: bool,
    /// The MiB of the disks at which a sector is unreadable.
    pub read_error: Option<u64>,
    /// More of QEMU's options.
    pub qemu_options: Vec<String>,
    /// The network around a machine that boots from it.
    pub network: Option<Network>,
    /// The record of the earlier boot's writes to its ESP.
    #[serde(skip)]
    pub records: Option<PathBuf>,
}

/// How the image that holds the loader is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// In a CD drive.
    Cd,
    /// As a disk.
    Disk,
    /// No medium: a disk's own EFI system partition holds the loader.
    None,
}

/// Time to report and end before Bazel's time limit kills the test.
const MARGIN: Duration = Duration::from_secs(10);

impl Spec {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is not a test specification.
    pub fn load(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a test specification", file.display()))
    }

    /// The same test with the network's servers running: with the loader's disk, the network cards, the settings, and
    /// `@WORD@`s in patterns replaced.
    ///
    /// # Errors
    /// When they cannot be started, or a pattern has an unknown `@WORD@`.
    pub fn networked(mut self) -> Result<(Self, Option<Running>)> {
        let Some(network) = &self.network else { return Ok((self, None)) };
        ensure!(self.boot.is_none(), "a boot from the network has its own disk, but boot is {:?}", self.boot);
        let running = network.start(self.arch)?;
        self.vars = running.variables(network, self.vars)?;
        (self.medium, self.boot) = (Medium::Disk, Some(running.esp()));
        self.qemu_options.extend(running.options.iter().cloned());
        self.records = (self.cuts() > 0).then(|| running.record()).transpose()?;
        let earlier = self.network.as_mut().and_then(|network| network.earlier.as_mut());
        let of_earlier = earlier.map(|earlier| &mut earlier.expect).into_iter().flatten();
        for pattern in self.expect.iter_mut().chain(&mut self.forbid).chain(of_earlier) {
            *pattern = running.replaced(pattern)?;
        }
        Ok((self, Some(running)))
    }

    /// The machine; checks that its files exist.
    ///
    /// # Errors
    /// When a file is missing, or `medium` and `boot` contradict each other.
    pub fn machine(&self) -> Result<Machine> {
        let boot = match (self.medium, &self.boot) {
            (Medium::Cd, Some(image)) => Some(Boot::Cd(image.into())),
            (Medium::Disk, Some(image)) => Some(Boot::Disk(image.into())),
            (Medium::None, None) => None,
            (medium, image) => bail!("medium {medium:?} contradicts the image {image:?}"),
        };
        for file in [&self.code, &self.vars].into_iter().chain(&self.boot).chain(&self.disks) {
            ensure!(Path::new(file).is_file(), "{file} is missing");
        }
        let serial = match self.script()? {
            script if script.has_monitor() => Serial::WithMonitor,
            script if script.has_keys() => Serial::Typed,
            _ => Serial::Plain,
        };
        let disk = |file: &String| Disk { block_size: self.block_size, ..Disk::raw(file) };
        Ok(Machine {
            memory: self.memory,
            boot,
            disks: self.disks.iter().map(disk).collect(),
            serial,
            bus: self.bus,
            in_boot_order: self.in_boot_order,
            read_only: self.read_only,
            read_error: self.read_error,
            options: self.qemu_options.iter().map(Into::into).collect(),
            ..Machine::new(self.arch, Firmware::raw(&self.code, &self.vars))
        })
    }

    /// The earlier boot, if there is one: its machine, and the lines that its console must show. Forbidden lines apply
    /// to the later boot only.
    ///
    /// # Errors
    /// As of [`machine`](Self::machine) and [`script`](Self::script).
    pub fn earlier(&self) -> Result<Option<(Machine, Script)>> {
        let Some(earlier) = self.network.as_ref().and_then(|network| network.earlier.as_ref()) else {
            return Ok(None);
        };
        let machine = Machine { keeps: true, records: self.records.clone(), ..self.machine()? };
        Ok(Some((machine, Script::new(&earlier.expect, &[])?.forbid_panics()?)))
    }

    /// Number of states of the ESP to test, each as if power had failed during the earlier boot; 0 to test once,
    /// with what that boot has left.
    pub fn cuts(&self) -> usize {
        let earlier = self.network.as_ref().and_then(|network| network.earlier.as_ref());
        earlier.map_or(0, |earlier| earlier.cuts)
    }

    /// Events between the two boots.
    pub fn events(&self) -> Vec<Event> {
        let earlier = self.network.as_ref().and_then(|network| network.earlier.as_ref());
        earlier.map(|earlier| earlier.then.clone()).unwrap_or_default()
    }

    /// The script: panics are forbidden in every test.
    ///
    /// # Errors
    /// When a pattern is invalid.
    pub fn script(&self) -> Result<Script> {
        Script::new(&self.expect, &self.forbid)?.forbid_panics()
    }

    /// The limits under a test's time limit, seconds, if it has one.
    pub fn limits(&self, test_timeout: Option<u64>) -> Limits {
        let quiet = Duration::from_secs(self.quiet_after);
        let own = Duration::from_secs(self.seconds);
        let most = test_timeout.map(|t| Duration::from_secs(t).saturating_sub(MARGIN).saturating_sub(quiet));
        let after = if quiet.is_zero() { After::Stop } else { After::Quiet(quiet) };
        Limits { time: Some(most.map_or(own, |most| own.min(most))), after }
    }
}

impl Spec {
    /// Why a run failed although everything was seen: the loader took too long.
    pub fn late(&self, phases: &Phases) -> Option<String> {
        let limit = Duration::from_secs(self.loader_seconds?);
        let took = phases.end?.saturating_sub(phases.banner?);
        let cause = "the loader's first line to the last pattern";
        (took > limit).then(|| format!("{cause} took {:.1} s of {}", took.as_secs_f64(), limit.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{
        "arch": "riscv64", "code": "c.fd", "vars": "v.fd", "medium": "cd", "boot": "boot.iso", "disks": ["d.raw"],
        "inspect": null, "expect": ["^cloud-boot "], "forbid": ["GRUB"], "seconds": 120, "loader_seconds": 60, "quiet_after": 0, "memory": 1024,
        "bus": "nvme", "block_size": 4096, "in_boot_order": true, "read_only": false, "read_error": null,
        "qemu_options": [], "network": null
    }"#;

    #[test]
    fn the_rules_file_is_understood() {
        let spec: Spec = serde_json::from_str(SPEC).unwrap();
        assert_eq!(
            (spec.arch, spec.medium, spec.boot.as_deref()),
            (Arch::Riscv64, Medium::Cd, Some("boot.iso"))
        );
        assert_eq!(spec.script().unwrap().total(), 1);
    }

    #[test]
    fn the_loaders_time_has_a_limit_of_its_own() {
        let mut spec: Spec = serde_json::from_str(SPEC).unwrap();
        let at = |second| Some(Duration::from_secs(second));
        let phases = |end| Phases { banner: at(100), end: at(end), ..Phases::default() };
        assert_eq!(spec.late(&phases(160)), None, "the firmware's time does not count");
        assert!(spec.late(&phases(161)).is_some_and(|why| why.ends_with("took 61.0 s of 60")));
        spec.loader_seconds = None;
        assert_eq!(spec.late(&phases(1000)), None);
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(serde_json::from_str::<Spec>(&SPEC.replace("forbid", "forbids")).is_err());
    }

    #[test]
    fn a_missing_file_is_named() {
        let spec: Spec = serde_json::from_str(SPEC).unwrap();
        assert_eq!(spec.machine().unwrap_err().to_string(), "c.fd is missing");
    }

    #[test]
    fn medium_and_image_must_agree() {
        for (from, to) in [("\"cd\"", "\"none\""), ("\"boot.iso\"", "null")] {
            let spec: Spec = serde_json::from_str(&SPEC.replace(from, to)).unwrap();
            assert!(spec.machine().unwrap_err().to_string().starts_with("medium "));
        }
    }

    #[test]
    fn the_own_limit_ends_before_bazels() {
        let mut spec: Spec = serde_json::from_str(SPEC).unwrap();
        let seconds = |limits: Limits| limits.time.unwrap().as_secs();
        assert_eq!(seconds(spec.limits(None)), 120);
        assert_eq!(seconds(spec.limits(Some(300))), 120);
        assert_eq!(seconds(spec.limits(Some(60))), 50);
        spec.quiet_after = 20;
        assert_eq!(seconds(spec.limits(Some(60))), 30);
        assert_eq!(spec.limits(None).after, After::Quiet(Duration::from_secs(20)));
    }
}
