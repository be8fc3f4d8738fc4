// SPDX-License-Identifier: BSD-3-Clause
//! The machine whose disks the images are.

use std::{ffi::OsString, rc::Rc};

use block::BlockRead;
use filesystem::{Degraded, Error, Format};
use part::{Guid, Partition, PartitionKind};
use serde::Serialize;
use vfs::{Content, DeviceId, DeviceKind, Disk, Health, REBUILT, RootName, Volume, Volumes};

use crate::{
    failure::Failure,
    images::{self, Backing, Image},
    printer::{note, text},
};

/// GPT: room for GRUB on machines without UEFI, of no format.
const BIOS_BOOT: Guid = Guid::from_bytes([
    0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e, 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49,
]);

/// How many problems a command shows whose purpose is not to show them.
const MOST_TOLD: usize = 8;

/// Disks and what is on them.
pub struct Machine {
    /// In the order given.
    pub images: Vec<Image>,
    /// As the loader finds them.
    pub volumes: Volumes,
}

/// A device and its content.
#[derive(Serialize)]
pub struct Device {
    /// Its id in commands, escaped: `disk.raw`, `disk.raw#2`.
    pub id: String,
    /// `disk`, `qcow2`, `vhd`, `partition`, or the format of a container or set.
    pub kind: &'static str,
    /// Bytes.
    pub size: u64,
    /// Bytes of a logical block.
    pub sector_size: u32,
    /// Name of the partition.
    pub label: Option<String>,
    /// Identifier of the partition.
    pub uuid: Option<String>,
    /// Its content, by blkid's name if it has one; `empty` if it has none.
    pub content: Option<&'static str>,
    /// `ok`; `degraded` if the partition table is damaged in part or a member is missing; `failed` if its content
    /// cannot be read.
    pub health: &'static str,
    /// Members of a set that were not found, by index.
    pub missing: Vec<String>,
    /// What it holds.
    pub children: Vec<Device>,
    /// The id, which may be no UTF-8.
    #[serde(skip)]
    pub name: Vec<u8>,
    /// Its bytes.
    #[serde(skip)]
    pub bytes: Rc<dyn BlockRead>,
    /// The name of the content for people.
    #[serde(skip)]
    pub title: Option<String>,
    /// Whether no driver reads the content.
    #[serde(skip)]
    pub is_unread: bool,
}

impl Device {
    /// The device, and all devices on it.
    pub fn all(&self) -> Vec<&Self> {
        [self].into_iter().chain(self.children.iter().flat_map(Self::all)).collect()
    }
}

impl Machine {
    /// Opens the images and looks for volumes on them, to read any files of theirs.
    pub fn open(paths: &[OsString], backing: &Backing) -> Result<Self, Failure> {
        Self::open_with(paths, backing, None)
    }

    /// The same; the root of this name is always a volume, however many roots its filesystem has.
    pub fn open_with(
        paths: &[OsString],
        backing: &Backing,
        root: Option<RootName<'_>>,
    ) -> Result<Self, Failure> {
        let machine = Self::discover(paths, backing, root)?;
        machine.volumes.lift_limit();
        Ok(machine)
    }

    /// The same to look for entries, with the loader's limit of what is read for it.
    pub fn open_for_entries(paths: &[OsString], backing: &Backing) -> Result<Self, Failure> {
        Self::discover(paths, backing, None)
    }

    fn discover(paths: &[OsString], backing: &Backing, root: Option<RootName<'_>>) -> Result<Self, Failure> {
        let images = images::open_all(paths, backing)?;
        // GRUB's names, in the order given: scripts that name disks find what they find in the loader.
        let disk =
            |(i, image): (usize, &Image)| Disk { device: Rc::clone(&image.device), name: format!("hd{i}") };
        let volumes =
            Volumes::discover_within(images.iter().enumerate().map(disk).collect(), flow::MOST_READ, root);
        Ok(Self { images, volumes })
    }

    /// Warns about problems of the images although the volume can be read.
    pub fn tell_problems(&self) {
        let problems = self.volumes.problems();
        for problem in problems.iter().take(MOST_TOLD) {
            let object = text(&self.id_of_device(problem.device));
            let cause = problem.cause(|device| text(&self.id_of_device(device)));
            note(&format!("warning: {} {object}: {cause}", problem.error.code()));
        }
        let others = problems.len().saturating_sub(MOST_TOLD);
        if others > 0 {
            note(&format!("warning: {others} more problems; `cloud-boot inspect` lists them"));
        }
    }

    /// Volumes of which data had to be read from another copy or rebuilt although no device is missing, each with the
    /// error; once for each filesystem.
    pub fn rebuilt(&self) -> Vec<(&Volume, Error)> {
        let all = self.volumes.all();
        let firsts = all.iter().enumerate().filter(|(i, volume)| {
            let before = i.checked_sub(1).and_then(|before| all.get(before));
            before.is_none_or(|before| !before.is_beside(volume))
        });
        firsts.filter_map(|(_, volume)| Some((volume, self.rebuilt_of(volume)?))).collect()
    }

    /// The same for one volume.
    pub fn rebuilt_of(&self, volume: &Volume) -> Option<Error> {
        let home = volume.home();
        let details = volume.summary().unwrap_or_default().details;
        let (_, bytes) =
            details.into_iter().find(|(name, _)| *name == REBUILT).filter(|_| home.missing.is_empty())?;
        let members: Vec<String> = home.members.iter().map(|id| text(&self.id_of_device(*id))).collect();
        let whose = match &members[..] {
            [device] => format!("{device} has wrong data in places"),
            several => format!("one of {} has wrong data", several.join(", ")),
        };
        let state = format!("{bytes} were read from another copy or rebuilt from parity: {whose}").into();
        Some(Error::Degraded(Degraded { format: Format::Btrfs, state }))
    }

    /// The id of a volume in commands: its device, and its subvolume if it has several.
    pub fn id_of(&self, volume: &Volume) -> Vec<u8> {
        let mark = if volume.subvolume().is_empty() { "" } else { ":" };
        let device = volume.home().members.first().map_or_else(|| b"?".to_vec(), |id| self.id_of_device(*id));
        [&device, mark.as_bytes(), volume.subvolume().as_bytes()].concat()
    }

    /// The id of a device in commands.
    pub fn id_of_device(&self, id: DeviceId) -> Vec<u8> {
        let Some(device) = self.volumes.device(id) else { return b"?".to_vec() };
        let below = device.parents.first().map(|parent| self.id_of_device(*parent)).unwrap_or_default();
        match &device.kind {
            DeviceKind::Disk => {
                let image = device.disks.first().and_then(|disk| self.images.get(*disk));
                image.map_or_else(|| device.name.clone().into_bytes(), |image| image.id.clone())
            }
            DeviceKind::Partition(partition) => {
                [&below, format!("#{}", partition.number).as_bytes()].concat()
            }
            DeviceKind::Container(format) | DeviceKind::Set(format) => {
                [&below, b":".as_slice(), format.as_bytes()].concat()
            }
        }
    }

    /// Translates an object named by the loader's crates (`hd0,gpt2 /boot/grub/grub.cfg`) to image names.
    pub fn object(&self, object: &str) -> Vec<u8> {
        let (name, rest) = object.split_at(object.find(' ').unwrap_or(object.len()));
        let volume = self.volumes.all().iter().find(|volume| volume.name() == name);
        let volume = volume.map(|volume| self.id_of(volume));
        let device = || {
            let at = self.volumes.devices().iter().position(|device| device.name == name)?;
            Some(self.id_of_device(DeviceId(at)))
        };
        match volume.or_else(device) {
            Some(id) => [&id, rest.as_bytes()].concat(),
            None => object.into(),
        }
    }

    /// The disks, with the devices on them.
    pub fn devices(&self) -> Vec<Device> {
        let is_disk = |id: &DeviceId| {
            self.volumes.device(*id).is_some_and(|device| matches!(device.kind, DeviceKind::Disk))
        };
        let ids = (0..self.volumes.devices().len()).map(DeviceId);
        ids.filter(is_disk).filter_map(|id| self.device(id)).collect()
    }

    fn device(&self, id: DeviceId) -> Option<Device> {
        let device = self.volumes.device(id)?;
        let (kind, partition) = match &device.kind {
            DeviceKind::Disk => {
                let image = device.disks.first().and_then(|disk| self.images.get(*disk));
                (image.map_or("disk", Image::kind), None)
            }
            DeviceKind::Partition(partition) => ("partition", Some(partition)),
            DeviceKind::Container(format) | DeviceKind::Set(format) => (*format, None),
        };
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let name = self.id_of_device(id);
        let (content, title) = content(device, partition);
        // A set is shown once, on its first member.
        let children = self.volumes.children(id).filter(|(_, child)| child.parents.first() == Some(&id));
        Some(Device {
            id: text(&name),
            kind,
            size: device.bytes.size(),
            sector_size: device.bytes.logical_block_size(),
            label: partition.and_then(|partition| some(&partition.name)),
            uuid: partition.and_then(|partition| some(&partition.uuid)),
            content,
            health: health(device.health),
            missing: device.missing.clone(),
            children: children.filter_map(|(child, _)| self.device(child)).collect(),
            name,
            bytes: Rc::clone(&device.bytes),
            title,
            is_unread: device.content.is_some_and(|content| content.is_unread),
        })
    }

    /// Bytes of all images.
    pub fn size(&self) -> u64 {
        self.images.iter().fold(0, |sum, image| sum.saturating_add(image.device.size()))
    }
}

/// Names of a device's content: blkid's, and the one to show.
fn content(device: &vfs::Device, partition: Option<&Partition>) -> (Option<&'static str>, Option<String>) {
    let is_bios_boot = partition.is_some_and(|partition| partition.kind == PartitionKind::Gpt(BIOS_BOOT));
    match device.content {
        Some(content @ Content { name, .. }) => (Some(name), Some(content.to_string())),
        None if is_bios_boot => (None, Some("BIOS boot partition".into())),
        None if magic::is_blank(&*device.bytes).unwrap_or(false) => (Some("empty"), Some("empty".into())),
        None => (None, None),
    }
}

/// The word in JSON and messages.
pub fn health(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Degraded => "degraded",
        Health::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use qemu::disk::Format;

    use super::*;

    #[test]
    fn objects_are_called_by_the_names_of_images() {
        let mut disk = vec![0; 64 * 512];
        for (entry, start) in [(0, 8u8), (1, 16)] {
            let at = 446 + 16 * entry;
            (disk[at + 4], disk[at + 8], disk[at + 12]) = (0x83, start, 8);
        }
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        let device: Rc<dyn BlockRead> = Rc::new(disk);
        let volumes = Volumes::discover(vec![Disk { device: Rc::clone(&device), name: "hd0".into() }]);
        let image = Image { id: b"a b.raw".to_vec(), format: Format::Raw, device, backing: Vec::new() };
        let machine = Machine { images: vec![image], volumes };
        let cases = [
            ("hd0", "a b.raw"),
            ("hd0,msdos2", "a b.raw#2"),
            ("hd0,msdos1 /boot/grub/grub.cfg", "a b.raw#1 /boot/grub/grub.cfg"),
            ("hd1,gpt2", "hd1,gpt2"),
            ("entries", "entries"),
        ];
        for (object, shown) in cases {
            assert_eq!(machine.object(object), shown.as_bytes(), "{object}");
        }
    }
}
