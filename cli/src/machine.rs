// SPDX-License-Identifier: BSD-3-Clause
//! The machine whose disks the images are.

use std::{ffi::OsString, rc::Rc};

use block::{BlockRead, Slice};
use part::{Kind, Partition, Table};
use serde::Serialize;
use vfs::{Disk, Volume, Volumes};

use crate::{
    failure::Failure,
    images::{self, Backing, Image},
    printer::text,
};

/// Disks and what is on them.
pub struct Machine {
    /// In the order given.
    pub images: Vec<Image>,
    /// As the loader finds them.
    pub volumes: Volumes,
}

/// Something that has bytes, and what it holds.
#[derive(Serialize)]
pub struct Device {
    /// What commands call it, escaped: `disk.raw`, `disk.raw#2`.
    pub id: String,
    /// `disk`, `qcow2`, `vhd` or `partition`.
    pub kind: &'static str,
    /// Bytes.
    pub size: u64,
    /// Bytes of a logical block.
    pub sector_size: u32,
    /// Name of the partition.
    pub label: Option<String>,
    /// Identifier of the partition.
    pub uuid: Option<String>,
    /// `ok`; `degraded` where the partition table has been damaged in part, `failed` where it cannot be read.
    pub health: &'static str,
    /// Always empty: no device of these kinds has parts that can be missing.
    pub missing: Vec<String>,
    /// What it holds.
    pub children: Vec<Device>,
    /// The id, which may be no UTF-8.
    #[serde(skip)]
    pub name: Vec<u8>,
    /// Its bytes.
    #[serde(skip)]
    pub bytes: Rc<dyn BlockRead>,
}

impl Machine {
    /// Opens the images and looks for volumes on them.
    pub fn open(paths: &[OsString], backing: &Backing) -> Result<Self, Failure> {
        let images = images::open_all(paths, backing)?;
        // GRUB's names, in the order given: scripts that name disks find what they find in the loader.
        let disk =
            |(i, image): (usize, &Image)| Disk { device: Rc::clone(&image.device), name: format!("hd{i}") };
        let volumes = Volumes::discover(images.iter().enumerate().map(disk).collect());
        Ok(Self { images, volumes })
    }

    /// What commands call a volume: the device that it stands on.
    pub fn id_of(&self, volume: &Volume) -> Vec<u8> {
        let disk = self.images.get(volume.disk()).map_or(b"?".as_slice(), |image| &image.id);
        match volume.partition() {
            Some(partition) => partition_id(disk, partition),
            None => disk.to_vec(),
        }
    }

    /// An object that the loader's crates name (`hd0,gpt2 /boot/grub/grub.cfg`), by our names.
    pub fn object(&self, object: &str) -> Vec<u8> {
        let (device, rest) = object.split_at(object.find(' ').unwrap_or(object.len()));
        let (disk, partition) = device.split_once(',').unwrap_or((device, ""));
        let image = disk.strip_prefix("hd").and_then(|number| number.parse::<usize>().ok());
        let Some(image) = image.and_then(|number| self.images.get(number)) else {
            return object.into();
        };
        let number = partition.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mark = if number.is_empty() { "" } else { "#" };
        [&image.id, mark.as_bytes(), number.as_bytes(), rest.as_bytes()].concat()
    }

    /// The disks, with their partitions.
    pub fn devices(&self) -> Vec<Device> {
        self.images.iter().map(disk).collect()
    }

    /// Bytes of all images.
    pub fn size(&self) -> u64 {
        self.images.iter().fold(0, |sum, image| sum.saturating_add(image.device.size()))
    }
}

fn partition_id(disk: &[u8], partition: &Partition) -> Vec<u8> {
    [disk, format!("#{}", partition.number).as_bytes()].concat()
}

fn disk(image: &Image) -> Device {
    let table = part::read(&*image.device);
    let health = match &table {
        Ok(Some(Table { kind: Kind::Gpt, warnings, .. })) if !warnings.is_empty() => "degraded",
        Ok(_) => "ok",
        Err(_) => "failed",
    };
    let table = table.ok().flatten();
    let partitions = table.as_ref().map_or(&[][..], |table| &table.partitions);
    let children = partitions.iter().filter_map(|partition| self::partition(image, partition)).collect();
    Device {
        id: text(&image.id),
        kind: image.kind(),
        size: image.device.size(),
        sector_size: image.device.logical_block_size(),
        label: None,
        uuid: None,
        health,
        missing: Vec::new(),
        children,
        name: image.id.clone(),
        bytes: Rc::clone(&image.device),
    }
}

fn partition(image: &Image, partition: &Partition) -> Option<Device> {
    let some = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
    let name = partition_id(&image.id, partition);
    Some(Device {
        id: text(&name),
        kind: "partition",
        size: partition.length,
        sector_size: image.device.logical_block_size(),
        label: some(&partition.name),
        uuid: some(&partition.uuid),
        health: "ok",
        missing: Vec::new(),
        children: Vec::new(),
        name,
        bytes: Rc::new(Slice::new(Rc::clone(&image.device), partition.start, partition.length).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use qemu::disk::Format;

    use super::*;

    #[test]
    fn objects_are_called_by_the_names_of_images() {
        let image = Image {
            id: b"a b.raw".to_vec(),
            format: Format::Raw,
            device: Rc::new(vec![0; 512]),
            backing: Vec::new(),
        };
        let machine = Machine { images: vec![image], volumes: Volumes::default() };
        let cases = [
            ("hd0", "a b.raw"),
            ("hd0,gpt2", "a b.raw#2"),
            ("hd0,msdos15 /boot/grub/grub.cfg", "a b.raw#15 /boot/grub/grub.cfg"),
            ("hd1,gpt2", "hd1,gpt2"),
            ("entries", "entries"),
        ];
        for (object, shown) in cases {
            assert_eq!(machine.object(object), shown.as_bytes(), "{object}");
        }
    }
}
