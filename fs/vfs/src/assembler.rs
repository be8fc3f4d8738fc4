// SPDX-License-Identifier: BSD-3-Clause
//! Builds the tree of devices from the disks, and the volumes on top of it.

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

/// Formats that every operating system can write: exchange media (such as a cloud's config drive) use them.
const COMMON: [&str; 2] = ["iso9660", "vfat"];
/// Cached pages of 16 KiB for a disk, or for a container's content: 1 MiB, whatever the number of volumes.
const CACHE_PAGES: usize = 64;
/// Bytes that are read first, to see whether the device works: one sector.
const FIRST: usize = 512;
/// Maximum depth of stacked devices: a partition table inside a partition may name that same partition.
const DEEPEST: usize = 8;
/// Maximum number of devices on one disk, and of devices on all sets together: far more than real machines have. The
/// limit is per disk, so that one disk does not use up what others need.
const MOST_DEVICES: usize = 1024;

/// Grows a tree of devices from the disks that it is offered.
///
/// Every device is probed, and so is every device found on it, until nothing new appears: the partitions of a table,
/// the content of a container, the device that the members of a set form. What cannot be read becomes a [`Problem`]
/// with its location, and hides nothing else.
pub struct Assembler<'k> {
    keys: &'k dyn Keys,
    layers: &'static [Layer],
    /// Whether only [`COMMON`] formats are opened, and nothing else is named.
    has_common_only: bool,
    /// Read limit of each disk, in bytes.
    most_read: Option<u64>,
    /// A root that becomes a volume even if its filesystem has more roots than become volumes.
    root: Option<RootName<'k>>,
    /// By disk.
    meters: Vec<Rc<Meter>>,
    /// Devices that hold older copies of other filesystems.
    copies: Vec<DeviceId>,
    devices: Vec<Device>,
    volumes: Vec<Volume>,
    problems: Vec<Problem>,
    /// The budget that all filesystems share.
    memory: MemoryBudget,
    sets: Sets,
    /// Number of devices before the current disk was added.
    before: usize,
    /// Something on the current disk was left out. This is reported once per disk: there may be very much of it.
    has_left_out: bool,
}

/// The outcome of probing a device for a format.
enum Look {
    /// No known format.
    Nothing,
    /// A known format that cannot be read.
    Failed,
    /// A known format; the devices that it contains.
    Opened(Vec<DeviceId>),
}

impl<'k> Assembler<'k> {
    /// An assembler that unlocks containers with these keys.
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

    /// With other formats than [`LAYERS`].
    #[must_use]
    pub fn with_layers(self, layers: &'static [Layer]) -> Self {
        Self { layers, ..self }
    }

    /// With a read limit for each disk, in bytes: no disk uses up what others need.
    #[must_use]
    pub fn with_limit(self, most_read: u64) -> Self {
        Self { most_read: Some(most_read), ..self }
    }

    /// Restricted to the formats that every system can write; nothing else is opened or named.
    #[must_use]
    pub(crate) fn with_common_formats(self) -> Self {
        Self { has_common_only: true, ..self }
    }

    /// With a root that becomes a volume even if its filesystem has more roots than become volumes.
    #[must_use]
    pub fn with_root(self, root: Option<RootName<'k>>) -> Self {
        Self { root, ..self }
    }

    /// Adds a disk and probes everything on it. Members of sets wait for [`finish`](Self::finish), so that disks may
    /// be added in any order.
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

    /// Assembles the sets from their members, complete sets first, and probes what is on them. Returns everything that
    /// was found.
    pub fn finish(mut self) -> Volumes {
        self.begin();
        while let Some(set) = self.sets.next() {
            let inner = self.assemble(set);
            self.grow(inner);
        }
        // Volumes on sets were found last; this restores the order of disks and, on a disk, of its devices. Copies come
        // last: one may be the stale leg of a mirror.
        let is_copy =
            |volume: &Volume| volume.home().members.iter().any(|member| self.copies.contains(member));
        self.volumes.sort_by(|one, other| {
            is_copy(one).cmp(&is_copy(other)).then_with(|| one.home().stack.cmp(&other.home().stack))
        });
        let Self { volumes, problems, devices, meters, .. } = self;
        Volumes { problems, devices, meters, ..Volumes::from_volumes(volumes) }
    }

    /// Restarts the count of devices for [`MOST_DEVICES`].
    fn begin(&mut self) {
        self.before = self.devices.len();
        self.has_left_out = false;
    }

    /// Probes each device until none is left; devices found on a device are added to the queue.
    fn grow(&mut self, devices: Vec<DeviceId>) {
        let mut waiting: VecDeque<DeviceId> = devices.into();
        while let Some(id) = waiting.pop_front() {
            // To the front of the queue, so that volumes come in the order of disks.
            self.look(id).into_iter().rev().for_each(|inner| waiting.push_front(inner));
        }
    }

    /// Probes a device and adds what is on it; returns the devices found on it, which are still to be probed.
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
        // The partition table first: a filesystem that seems to enclose partitions is left over from earlier use. Only
        // a hybrid ISO image is really both.
        let mut inner = self.partitions(id, &bytes);
        if !inner.is_empty() && !self.is_disc(id, &bytes) {
            return inner;
        }
        match self.open(id, &bytes) {
            // A hybrid image may have a partition that covers all of it: the same filesystem once more.
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

    /// Probes a partition, filesystems first: a partition seldom has a table of its own, and a boot sector has the
    /// signature of one. If no format is found, an intact table counts; a damaged one cannot be told from random bytes.
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

    /// Opens a device with the first format whose signature is on it.
    fn open(&mut self, id: DeviceId, bytes: &Rc<dyn BlockRead>) -> Look {
        for layer in self.layers {
            let opened = match (layer.probe)(&**bytes) {
                Ok(false) => continue,
                // Stops here: its sectors may still hold the signature of an older, common format.
                Ok(true) if self.has_common_only && !COMMON.contains(&layer.name) => return Look::Failed,
                // No read budget is kept back for ext4: without its journal the volume could not be opened at all.
                Ok(true) if layer.name == "ext4" => (layer.open)(Rc::clone(bytes), &self.memory),
                Ok(true) => self.with_reserve(|| (layer.open)(Rc::clone(bytes), &self.memory)),
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

    /// Adds the result of opening a device, or the members of a set; returns the devices that it contains.
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

    /// Names the content of a device for which there is no driver, or which its driver refused. Read errors are
    /// ignored: that device already has a problem.
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
