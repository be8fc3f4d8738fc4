// SPDX-License-Identifier: BSD-3-Clause
//! Adding to the tree: devices, volumes, problems.

use alloc::{format, rc::Rc, string::String, vec::Vec};

use block::{BlockRead, Cache};
use damage::{Format, Unsupported};
use filesystem::{Error, Health};
use part::{Partition, PartitionKind};

use super::{Assembler, CACHE_PAGES, DEEPEST, MOST_DEVICES, set::Set};
use crate::{Assembled, Device, DeviceId, DeviceKind, Home, Leg, Mounted, Problem, Volume, meter::Metered};

impl Assembler<'_> {
    pub(super) fn add_container(
        &mut self,
        format: &'static str,
        on: &[DeviceId],
        missing: Vec<String>,
        bytes: Rc<dyn BlockRead>,
    ) -> Vec<DeviceId> {
        let kind = match on {
            [_] => DeviceKind::Container(format),
            _ => DeviceKind::Set(format),
        };
        let name = on.first().map(|id| format!("{},{format}", self.name(*id))).unwrap_or_default();
        let bytes = self.cached(bytes, &self.disks(on));
        let added = self.add(kind, name, on, bytes);
        if let Some(id) = added {
            self.change(id, |device| {
                device.health = if missing.is_empty() { Health::Ok } else { Health::Degraded };
                device.missing = missing;
            });
        }
        added.into_iter().collect()
    }

    /// Assembles the members of a set into a device or a filesystem.
    pub(super) fn assemble(&mut self, set: Set) -> Vec<DeviceId> {
        for (id, error, instead) in set.left_out {
            self.problem(id, error);
            self.problems.last_mut().into_iter().for_each(|problem| problem.instead = instead);
        }
        if let Some((id, warning)) = set.warning {
            self.problem(id, warning);
            self.copies.push(id);
        }
        let legs = |of: &[(u64, DeviceId)]| -> Vec<Leg> {
            let leg = |(number, id): &(u64, DeviceId)| {
                let device = Rc::clone(&self.devices.get(id.0)?.bytes);
                Some(Leg { number: *number, device })
            };
            of.iter().filter_map(leg).collect()
        };
        let (members, lent) = (legs(&set.members), legs(&set.lent));
        let outcome = self.with_reserve(|| (set.assemble)(members, lent, &self.memory));
        let mut on: Vec<DeviceId> = set.members.iter().map(|(_, id)| *id).collect();
        match outcome {
            Ok(Assembled { opened, missing, borrowed }) => {
                let borrowed = borrowed.into_iter().filter_map(|index| set.lent.get(index));
                on.extend(borrowed.map(|(_, id)| *id));
                self.opened(set.format, opened, &on, missing)
            }
            Err(Error::Missing(missing)) => {
                // The present members are not at fault.
                let members: Vec<String> = missing.members.split(", ").map(String::from).collect();
                for id in &on {
                    self.change(*id, |device| device.missing = members.clone());
                }
                on.first().into_iter().for_each(|id| self.problem(*id, Error::Missing(missing.clone())));
                Vec::new()
            }
            Err(error) => {
                on.first().into_iter().for_each(|id| self.fail(*id, error.clone()));
                Vec::new()
            }
        }
    }

    /// The volumes of a filesystem: one for each root.
    pub(super) fn add_volumes(&mut self, mounted: &Mounted, on: &[DeviceId], missing: &[String]) {
        // Members are sorted by number, but a volume is named after the first disk.
        let Some(first) = on.iter().min_by_key(|id| id.0) else { return };
        for warning in &mounted.warnings {
            self.problem(*first, warning.clone());
        }
        let home = self.home(on, missing);
        self.volumes.extend(Volume::of_mounted(&self.name(*first), mounted, &home, self.root));
    }

    pub(super) fn home(&self, on: &[DeviceId], missing: &[String]) -> Home {
        let mut stack = on.to_vec();
        let mut at = 0;
        // It ends: parents were added before their children.
        while let Some(id) = stack.get(at) {
            let parents = self.devices.get(id.0).map_or(&[][..], |device| &device.parents);
            let new: Vec<DeviceId> = parents.iter().copied().filter(|id| !stack.contains(id)).collect();
            stack.extend(new);
            // Cannot saturate: it was an index.
            at = at.saturating_add(1);
        }
        stack.sort_unstable();
        // Inside a nested partition, offsets do not count from the start of the disk.
        let partition = match (on, &stack[..]) {
            ([id], [_, _]) => self.partition(*id).cloned(),
            _ => None,
        };
        Home { disks: self.disks(on), partition, members: on.to_vec(), missing: missing.to_vec(), stack }
    }

    /// Adds a device on top of others, unless there are too many already.
    pub(super) fn add(
        &mut self,
        kind: DeviceKind,
        name: String,
        parents: &[DeviceId],
        bytes: Rc<dyn BlockRead>,
    ) -> Option<DeviceId> {
        let of = |id: &DeviceId| self.devices.get(id.0);
        // Cannot saturate: no device is deeper than `DEEPEST`, and devices are only added.
        let depth = parents.iter().filter_map(of).map(|device| device.depth).max()?.saturating_add(1);
        if depth > DEEPEST || self.devices.len().saturating_sub(self.before) >= MOST_DEVICES {
            if !self.has_left_out {
                self.has_left_out = true;
                self.problem(*parents.first()?, left_out(&kind, depth));
            }
            return None;
        }
        let id = DeviceId(self.devices.len());
        self.devices.push(Device {
            kind,
            name,
            parents: parents.to_vec(),
            disks: self.disks(parents),
            bytes,
            content: None,
            health: Health::Ok,
            missing: Vec::new(),
            depth,
        });
        Some(id)
    }

    /// The disks that devices are spread over.
    fn disks(&self, devices: &[DeviceId]) -> Vec<usize> {
        let of = |id: &DeviceId| self.devices.get(id.0);
        let mut disks: Vec<usize> =
            devices.iter().filter_map(of).flat_map(|device| device.disks.clone()).collect();
        disks.sort_unstable();
        disks.dedup();
        disks
    }

    /// Opens something while a quarter of the remaining read limit is kept back: a log that is too long for the rest is
    /// not replayed, and whatever else is on the same disks can still be read.
    pub(super) fn with_reserve<T>(&self, open: impl FnOnce() -> T) -> T {
        let before: Vec<Option<u64>> = self.meters.iter().map(|meter| meter.keep_back()).collect();
        let opened = open();
        for (meter, limit) in self.meters.iter().zip(before) {
            meter.restore(limit);
        }
        opened
    }

    /// Puts a cache on a disk or on a container's content, and the meter of its first disk above the cache.
    pub(super) fn cached(&self, bytes: Rc<dyn BlockRead>, disks: &[usize]) -> Rc<dyn BlockRead> {
        let meter = disks.first().and_then(|disk| self.meters.get(*disk)).map(Rc::clone).unwrap_or_default();
        Rc::new(Metered::new(Cache::new(bytes, CACHE_PAGES), meter))
    }

    pub(super) fn name(&self, id: DeviceId) -> String {
        self.devices.get(id.0).map(|device| device.name.clone()).unwrap_or_default()
    }

    pub(super) fn change(&mut self, id: DeviceId, change: impl FnOnce(&mut Device)) {
        if let Some(device) = self.devices.get_mut(id.0) {
            change(device);
        }
    }

    pub(super) fn fail(&mut self, id: DeviceId, error: Error) {
        self.change(id, |device| device.health = Health::Failed);
        self.problem(id, error);
    }

    pub(super) fn problem(&mut self, device: DeviceId, error: Error) {
        self.problems.push(Problem { device, object: self.name(device), error, instead: None });
    }
}

/// The error for a device of this kind that is left out.
fn left_out(kind: &DeviceKind, depth: usize) -> Error {
    let format = match kind {
        DeviceKind::Partition(Partition { kind: PartitionKind::Gpt(_), .. }) => Format::Gpt,
        DeviceKind::Partition(_) => Format::Mbr,
        DeviceKind::Disk | DeviceKind::Container(_) | DeviceKind::Set(_) => Format::File,
    };
    let feature = match depth > DEEPEST {
        true => format!("more than {DEEPEST} stacked devices"),
        false => format!("more than {MOST_DEVICES} devices on a disk"),
    };
    Error::Unsupported(Unsupported { format, feature: feature.into() })
}
