// SPDX-License-Identifier: BSD-3-Clause
//! From disks to a tree of devices, and the volumes on top.

mod add;
mod set;

use alloc::{collections::VecDeque, format, rc::Rc, string::String, vec, vec::Vec};

use block::{BlockRead, Slice};
use filesystem::{Health, MemoryBudget};
use magic::Usage;
use part::{Kind, Partition, Table};

use crate::{
    Content, Device, DeviceId, DeviceKind, Disk, Keys, LAYERS, Layer, Meter, Opened, Problem, RootName,
    Unlock, Volume, Volumes,
};
use set::Sets;

/// Formats that tools of every system write, so that what one program leaves for another has them.
const COMMON: [&str; 2] = ["iso9660", "vfat"];
/// Pages of 16 KiB that are kept of a disk, or of a container's content: 1 MiB, whatever the number of volumes.
const CACHE_PAGES: usize = 64;
/// What is read of a disk before anything else: its first sector.
const FIRST: usize = 512;
/// Devices on each other: a table in a partition may name the partition that it stands in.
const DEEPEST: usize = 8;
/// Devices on one disk, and in all sets together: honest machines have far fewer. One disk does not use up what others
/// need.
const MOST_DEVICES: usize = 1024;

/// Grows a tree of devices from the disks that it is offered.
///
/// Whatever looks like a device is looked at, until nothing new appears: the partitions of a table, the content of a
/// container, what the members of a set make together. What cannot be read becomes a problem with its place, and
/// hides nothing else.
pub struct Assembler<'k> {
    keys: &'k dyn Keys,
    layers: &'static [Layer],
    /// Whether nothing is opened or named but [`COMMON`] formats.
    has_common_only: bool,
    /// Bytes that each disk allows to be read.
    most_read: Option<u64>,
    /// A root that is a volume, however many its filesystem has.
    root: Option<RootName<'k>>,
    /// By disk.
    meters: Vec<Rc<Meter>>,
    /// Devices of filesystems that are older copies of others.
    copies: Vec<DeviceId>,
    devices: Vec<Device>,
    volumes: Vec<Volume>,
    problems: Vec<Problem>,
    /// What all filesystems share.
    memory: MemoryBudget,
    sets: Sets,
    /// Number of devices when the disk was offered that is being looked at.
    before: usize,
    /// Something of that disk was left out, which is said once: it may be very much.
    has_left_out: bool,
}

/// The outcome of looking for a format.
enum Look {
    /// No format is known to stand there.
    Nothing,
    /// One does, and cannot be read.
    Failed,
    /// One does; the devices that it makes.
    Opened(Vec<DeviceId>),
}

impl<'k> Assembler<'k> {
    /// One that unlocks containers with these keys.
    pub fn new(keys: &'k dyn Keys) -> Self {
        Self {
            keys,
            layers: LAYERS,
            has_common_only: false,
            most_read: None,
            root: None,
            meters: Vec::new(),
            copies: Vec::new(),
            devices: Vec::new(),
            volumes: Vec::new(),
            problems: Vec::new(),
            memory: MemoryBudget::default(),
            sets: Sets::default(),
            before: 0,
            has_left_out: false,
        }
    }

    /// The same, for other formats than [`LAYERS`].
    #[must_use]
    pub fn with_layers(self, layers: &'static [Layer]) -> Self {
        Self { layers, ..self }
    }

    /// The same, which reads no more than so many bytes of each disk: one does not use up what others need.
    #[must_use]
    pub fn with_limit(self, most_read: u64) -> Self {
        Self { most_read: Some(most_read), ..self }
    }

    /// The same, which opens only what tools of every system write, and names nothing else.
    #[must_use]
    pub(crate) fn with_common_formats(self) -> Self {
        Self { has_common_only: true, ..self }
    }

    /// The same, which makes a volume of this root, too, where a filesystem has more roots than become volumes.
    #[must_use]
    pub fn with_root(self, root: Option<RootName<'k>>) -> Self {
        Self { root, ..self }
    }

    /// Takes a disk, and finds what stands on it. Members of sets wait for [`finish`](Self::finish), so that disks
    /// may come in any order.
    pub fn offer(&mut self, disk: Disk) {
        let index = self.meters.len();
        let meter = Rc::new(self.most_read.map_or_else(Meter::default, Meter::new));
        self.meters.push(meter);
        let bytes = self.cached(disk.device, &[index]);
        let device = Device {
            kind: DeviceKind::Disk,
            name: disk.name,
            parents: Vec::new(),
            disks: vec![index],
            bytes,
            content: None,
            health: Health::Ok,
            missing: Vec::new(),
            depth: 0,
        };
        let id = DeviceId(self.devices.len());
        self.devices.push(device);
        self.begin();
        self.grow(vec![id]);
    }

    /// Makes sets of the members that were found, and what stands on them; those that are complete first. Yields
    /// everything.
    pub fn finish(mut self) -> Volumes {
        self.begin();
        while let Some(set) = self.sets.next() {
            let inner = self.assemble(set);
            self.grow(inner);
        }
        // Those on sets were found last: all come in the order of disks and, on a disk, of its devices. Copies come last:
        // one may be the leg of a mirror that was written to without it.
        let is_copy =
            |volume: &Volume| volume.home().members.iter().any(|member| self.copies.contains(member));
        self.volumes.sort_by(|one, other| {
            is_copy(one).cmp(&is_copy(other)).then_with(|| one.home().stack.cmp(&other.home().stack))
        });
        let Self { volumes, problems, devices, meters, .. } = self;
        Volumes { problems, devices, meters, ..Volumes::from_volumes(volumes) }
    }

    /// Begins to count devices.
    fn begin(&mut self) {
        self.before = self.devices.len();
        self.has_left_out = false;
    }

    /// Looks at each device until none is left; a device that holds devices adds them.
    fn grow(&mut self, devices: Vec<DeviceId>) {
        let mut waiting: VecDeque<DeviceId> = devices.into();
        while let Some(id) = waiting.pop_front() {
            // In front, so that volumes come in the order of disks.
            self.look(id).into_iter().rev().for_each(|inner| waiting.push_front(inner));
        }
    }

    /// Adds what stands on a device; yields the devices in it that are still to be looked at.
    fn look(&mut self, id: DeviceId) -> Vec<DeviceId> {
        let Some(device) = self.devices.get(id.0) else { return Vec::new() };
        let (bytes, is_partition) =
            (Rc::clone(&device.bytes), matches!(device.kind, DeviceKind::Partition(_)));
        if is_partition {
            return self.look_at_partition(id, &bytes);
        }
        if let Err(error) = bytes.read_at(0, &mut [0; FIRST]) {
            self.fail(id, error.into());
            return Vec::new();
        }
        // The table first: what looks like a filesystem around partitions is left over from earlier use. Only a
        // disc image that is made for disks, too, is both.
        let mut inner = self.partitions(id, &bytes);
        if !inner.is_empty() && !self.is_disc(id, &bytes) {
            return inner;
        }
        match self.open(id, &bytes) {
            // Such an image may have a partition over all of itself: the same filesystem once more.
            Look::Opened(more) => {
                inner.retain(|inner| self.partition(*inner).is_some_and(|partition| partition.start > 0));
                inner.extend(more);
            }
            Look::Nothing if inner.is_empty() => self.identify(id, &bytes, true),
            Look::Failed if inner.is_empty() => self.identify(id, &bytes, false),
            Look::Nothing | Look::Failed => {}
        }
        inner
    }

    /// A partition has no table, as a rule, and what stands behind a boot sector's signature is seldom one. Where
    /// nothing else is known, a sound table counts; a damaged one is not told from any bytes.
    fn look_at_partition(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>) -> Vec<DeviceId> {
        match self.open(id, bytes) {
            Look::Opened(inner) => return inner,
            Look::Failed => self.identify(id, bytes, false),
            Look::Nothing => {
                self.identify(id, bytes, true);
                let is_unknown = self.devices.get(id.0).is_some_and(|device| device.content.is_none());
                if is_unknown
                    && let Ok(Some(table)) = part::read(&**bytes)
                    && table.warnings.is_empty()
                {
                    return self.add_partitions(id, bytes, table);
                }
            }
        }
        Vec::new()
    }

    fn is_disc(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>) -> bool {
        iso9660::probe(&**bytes).unwrap_or_else(|error| {
            self.problem(id, error);
            false
        })
    }

    fn partition(&self, id: DeviceId) -> Option<&Partition> {
        match &self.devices.get(id.0)?.kind {
            DeviceKind::Partition(partition) => Some(partition),
            _ => None,
        }
    }

    /// The partitions of a disk, as devices.
    fn partitions(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>) -> Vec<DeviceId> {
        let mut table = match part::read(&**bytes) {
            Ok(Some(table)) => table,
            Ok(None) => return Vec::new(),
            Err(error) => {
                self.fail(id, error.into());
                return Vec::new();
            }
        };
        if table.kind == Kind::Gpt && !table.warnings.is_empty() {
            self.change(id, |device| device.health = Health::Degraded);
        }
        for warning in core::mem::take(&mut table.warnings) {
            self.problem(id, warning.into());
        }
        self.add_partitions(id, bytes, table)
    }

    fn add_partitions(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>, table: Table) -> Vec<DeviceId> {
        let (scheme, name, title) = match table.kind {
            Kind::Gpt => ("gpt", "gpt", "GPT"),
            Kind::Mbr => ("msdos", "dos", "MBR"),
        };
        if !table.partitions.is_empty() {
            self.change(id, |device| device.content = Some(Content { name, title, is_unread: false }));
        }
        let mut inner = Vec::new();
        for partition in table.partitions {
            let name = format!("{},{scheme}{}", self.name(id), partition.number);
            match Slice::new(Rc::clone(bytes), partition.start, partition.length) {
                Ok(slice) => {
                    inner.extend(self.add(DeviceKind::Partition(partition), name, &[id], Rc::new(slice)))
                }
                Err(error) => self.problem(id, error.into()),
            }
        }
        inner
    }

    /// What the first format makes of a device that has its signature there.
    fn open(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>) -> Look {
        for layer in self.layers {
            let opened = match (layer.probe)(&**bytes) {
                Ok(false) => continue,
                // Its sectors may hold the signature of an older one, too.
                Ok(true) if self.has_common_only && !COMMON.contains(&layer.name) => return Look::Failed,
                // Without room for its journal the volume fails: nothing is kept back.
                Ok(true) if layer.name == "ext4" => (layer.open)(Rc::clone(bytes), &self.memory),
                Ok(true) => self.sparing(|| (layer.open)(Rc::clone(bytes), &self.memory)),
                Err(error) => Err(error),
            };
            return match opened {
                Ok(opened) => Look::Opened(self.opened(layer.name, opened, &[id], Vec::new())),
                Err(error) => {
                    self.fail(id, error);
                    Look::Failed
                }
            };
        }
        Look::Nothing
    }

    /// Adds what has come of a device, or of the members of a set; yields the devices that it makes.
    fn opened(
        &mut self,
        format: &'static str,
        opened: Opened,
        on: &[DeviceId],
        missing: Vec<String>,
    ) -> Vec<DeviceId> {
        let name = match &opened {
            Opened::FileSystem(mounted) => mounted.identity.format,
            _ => format,
        };
        for id in on {
            self.change(*id, |device| device.content = Some(Content { name, title: name, is_unread: false }));
        }
        match opened {
            Opened::FileSystem(mounted) => {
                self.add_volumes(&mounted, on, &missing);
                Vec::new()
            }
            Opened::Device(bytes) => self.add_container(format, on, missing, bytes),
            Opened::Locked(unlock) => match self.unlock(on, &*unlock) {
                Some(bytes) => self.add_container(format, on, missing, bytes),
                None => Vec::new(),
            },
            Opened::Member(member) => {
                let [id] = on else { return Vec::new() };
                if let Err(error) = self.sets.join(format, member, *id) {
                    self.fail(*id, error);
                }
                Vec::new()
            }
        }
    }

    fn unlock(&mut self, on: &[DeviceId], unlock: &Unlock) -> Option<Rc<dyn BlockRead>> {
        let id = *on.first()?;
        let mut content = None;
        let unlocked = self.keys.unlock(self.devices.get(id.0)?, &mut |key| {
            content = unlock(key)?;
            Ok(content.is_some())
        });
        if let Err(error) = unlocked {
            self.fail(id, error);
        }
        content
    }

    /// Names what stands on a device: something for which there is no driver, or which its driver refused. A device
    /// that cannot be read has its problem already.
    fn identify(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>, has_no_driver: bool) {
        if self.has_common_only {
            return;
        }
        let Ok(Some(found)) = magic::identify(&**bytes) else { return };
        let is_unread = has_no_driver && found.usage != Usage::Other;
        let content = Content { name: found.name, title: found.title, is_unread };
        self.change(id, |device| device.content = Some(content));
    }
}
