// SPDX-License-Identifier: BSD-3-Clause
//! Which volumes `cloudboot.disk` and `cloudboot.disk.device` mean.

use alloc::{format, string::String, vec::Vec};

use config::Config;
use entries::{Entry, File, Found, Start, Wait};
use part::Partition;
use vfs::{RootName, Volume, VolumeId, Volumes};

use crate::{Failure, Phase, codes};

/// Names that an error message lists.
const MOST_LISTED: usize = 8;

/// The forms that name a property of a volume.
#[derive(Clone, Copy)]
enum Property {
    Label,
    Uuid,
    PartLabel,
    PartUuid,
}

const FORMS: [(&str, Property); 8] = [
    ("LABEL=", Property::Label),
    ("UUID=", Property::Uuid),
    ("PARTLABEL=", Property::PartLabel),
    ("PARTUUID=", Property::PartUuid),
    ("/dev/disk/by-label/", Property::Label),
    ("/dev/disk/by-uuid/", Property::Uuid),
    ("/dev/disk/by-partlabel/", Property::PartLabel),
    ("/dev/disk/by-partuuid/", Property::PartUuid),
];

/// The volumes that the settings select.
pub struct Selection<'a> {
    /// `cloudboot.disk`
    disk: Option<&'a str>,
    /// `cloudboot.disk.device`, as it was given.
    device: Option<&'a str>,
    /// The root that `device` names.
    pub root: Option<RootName<'a>>,
    /// Linux's names of the disks.
    disks: &'a [String],
}

impl<'a> Selection<'a> {
    /// The selection of a configuration; `disks` are Linux's names of the disks.
    pub fn new(config: &'a Config, disks: &'a [String]) -> Self {
        let device = config.disk_device();
        Self { disk: config.disk(), device, root: device.map(RootName::new), disks }
    }

    /// Whether a volume is selected; without settings, every volume is.
    pub fn means(&self, volumes: &Volumes, volume: &Volume) -> bool {
        self.is_on_disk(volumes, volume) && self.root.is_none_or(|root| volume.is_root(root))
    }

    fn is_on_disk(&self, volumes: &Volumes, volume: &Volume) -> bool {
        self.disk.is_none_or(|disk| is_selected(volumes, volume, disk, self.disks))
    }

    /// Keeps only entries that are configured on, or start from, a selected volume.
    ///
    /// # Errors
    /// No volume is selected.
    pub fn restrict(&self, volumes: &Volumes, found: &mut Found) -> Result<(), Failure> {
        if self.disk.is_none() && self.root.is_none() {
            return Ok(());
        }
        let all = volumes.all().iter();
        let meant: Vec<VolumeId> = all.filter(|volume| self.means(volumes, volume)).map(Volume::id).collect();
        found.entries.retain(|entry| {
            meant.contains(&entry.source.volume)
                || entry.file().is_some_and(|file| meant.contains(&file.volume))
        });
        keep_one_default(found);
        if meant.is_empty() { Err(self.failure(volumes)) } else { Ok(()) }
    }

    /// Why no volume is selected, with a list of those that exist.
    fn failure(&self, volumes: &Volumes) -> Failure {
        let on_disk: Vec<&Volume> =
            volumes.all().iter().filter(|volume| self.is_on_disk(volumes, volume)).collect();
        let failure = |object: &str, code, cause: &str| Failure::new(Phase::Discover, object, code, &cause);
        if let Some(disk) = self.disk.filter(|_| on_disk.is_empty()) {
            let all = listed(volumes.all().iter().map(Volume::name));
            return failure(disk, codes::DISK_NONE, &format!("no such volume; available: {all}"));
        }
        let named = on_disk.into_iter().filter(|volume| volume.has_roots()).map(Volume::subvolume);
        // The only root of a filesystem has no name.
        let named = named.map(|name| if name.is_empty() { "/" } else { name });
        let mut roots = Vec::new();
        for name in named {
            // One more than is listed, so that `listed` says that there are others.
            if roots.len() <= MOST_LISTED && !roots.contains(&name) {
                roots.push(name);
            }
        }
        let device = self.device.unwrap_or_default();
        let cause = match (roots.is_empty(), self.disk) {
            (true, Some(disk)) => format!("{disk} has no subvolumes"),
            (true, None) => "no volume has subvolumes".into(),
            (false, _) => format!("no such subvolume; available: {}", listed(roots.into_iter())),
        };
        failure(device, codes::DISK_DEVICE, &cause)
    }
}

/// The first of some names, and whether there are others.
pub fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = if names.len() > MOST_LISTED { ", and others" } else { "" };
    let shown: Vec<&str> = names.take(MOST_LISTED).collect();
    format!("{}{more}", shown.join(", "))
}

/// Makes the first entry the default if the default was removed.
fn keep_one_default(found: &mut Found) {
    let first = found.entries.iter().position(|entry| entry.default).unwrap_or(0);
    found.entries.iter_mut().enumerate().for_each(|(i, entry)| entry.default = i == first);
}

/// Puts the kernel that `cloudboot.disk.kernel` names in front, from the first volume that has it; false when none
/// has. It keeps the command line of that volume's default entry.
pub fn put_in_front(
    volumes: &Volumes,
    found: &mut Found,
    kernel: &str,
    initrd: Option<&str>,
    is_meant: &dyn Fn(&Volume) -> bool,
) -> bool {
    let mut all = volumes.all().iter().filter(|volume| is_meant(volume));
    let Some(volume) = all.find(|volume| volume.open(kernel.as_bytes()).is_ok()) else { return false };
    let file = |path: &str| File { volume: volume.id(), path: path.into() };
    let Some(mut entry) = entries::of_kernel(volumes, file(kernel), initrd.map(file)) else { return false };
    // One entry of all disks is the default; each menu has one that it would start.
    let starts_here = |entry: &&Entry| entry.linux().is_some_and(|linux| linux.kernel.volume == volume.id());
    let here = || found.entries.iter().filter(starts_here);
    let default = here().find(|entry| entry.default).or_else(|| here().find(|entry| entry.is_first));
    let default = default.and_then(Entry::linux);
    if let (Start::Linux(linux), Some(default)) = (&mut entry.start, default) {
        linux.options.clone_from(&default.options);
    }
    found.entries.iter_mut().for_each(|entry| entry.default = false);
    found.entries.insert(0, entry);
    // Naming a kernel is a choice, so a menu that waits for ever is not waited for.
    found.wait = found.wait.filter(|wait| *wait != Wait::Forever);
    true
}

/// Whether `wanted` means this volume: by label or identifier, by Linux's name of its partition or of its whole
/// disk, or by our own: `hd0,gpt1` is all its subvolumes, `hd0,gpt1:@` is one. `disks` are Linux's names of the disks,
/// such as `vda`, by their index.
///
/// A filesystem with several devices is selected by any of them.
pub fn is_selected(volumes: &Volumes, volume: &Volume, wanted: &str, disks: &[String]) -> bool {
    let form = FORMS.iter().find_map(|(prefix, property)| Some((wanted.strip_prefix(prefix)?, *property)));
    let Some((value, property)) = form else {
        let is_whole = volume.grub_name().is_some_and(|name| name == wanted);
        let places = volumes.places(volume);
        return volume.name() == wanted
            || is_whole
            || places.into_iter().any(|place| is_device(place, wanted, disks));
    };
    let has_partition = |is_it: &dyn Fn(&Partition) -> bool| {
        volumes.places(volume).into_iter().any(|(_, partition)| partition.is_some_and(is_it))
    };
    match property {
        Property::Label => volume.has_label(value.as_bytes()),
        Property::Uuid => volume.has_uuid(value),
        Property::PartLabel => has_partition(&|partition| partition.name == value),
        Property::PartUuid => {
            !value.is_empty() && has_partition(&|partition| partition.uuid.eq_ignore_ascii_case(value))
        }
    }
}

/// `/dev/vda` selects all volumes of the disk; `/dev/vda1` and `/dev/nvme0n1p1` select one partition.
fn is_device((disk, partition): (usize, Option<&Partition>), wanted: &str, disks: &[String]) -> bool {
    let (Some(name), Some(disk)) = (wanted.strip_prefix("/dev/"), disks.get(disk)) else {
        return false;
    };
    let separator = if disk.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
    name == disk
        || partition.is_some_and(|partition| name == format!("{disk}{separator}{}", partition.number))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use block::Memory;
    use fat::write::{Builder, Options};
    use part::PartitionKind;

    use super::*;

    fn volume(disk: usize) -> Volume {
        let image = Builder::new().build(&Options::default()).unwrap();
        let partition = Partition {
            number: 2,
            start: 0,
            length: 0,
            kind: PartitionKind::Mbr(0x83),
            uuid: "0a0b0c0d-02".into(),
            name: "root x".into(),
        };
        Volume::new("hd1,gpt2", fat::Fat::open(Memory::new(image)).unwrap()).on(disk, Some(partition))
    }

    #[test]
    fn a_long_list_says_that_it_is_longer() {
        assert_eq!(listed(["a"; 8].into_iter()), "a, a, a, a, a, a, a, a");
        assert_eq!(listed(["a"; 9].into_iter()), "a, a, a, a, a, a, a, a, and others");
    }

    #[test]
    fn a_device_means_all_its_subvolumes() {
        let tree = oracle::Tree::new().dir("/@");
        let root = |name: &str| filesystem::FileSystem::lookup(&tree, &0, name.as_bytes()).unwrap();
        let roots = Vec::from([("@".into(), root("@")), ("/".into(), 0)]);
        let partition = Partition {
            number: 2,
            start: 0,
            length: 0,
            kind: PartitionKind::Mbr(0x83),
            uuid: String::new(),
            name: String::new(),
        };
        let volumes = Volume::of_roots("hd0,msdos2", tree.clone(), roots);
        let volumes: Vec<_> =
            volumes.into_iter().map(|volume| volume.on(0, Some(partition.clone()))).collect();
        let selected = |wanted| {
            volumes.iter().filter(|volume| is_selected(&Volumes::default(), volume, wanted, &[])).count()
        };
        for (wanted, count) in [("hd0,msdos2", 2), ("hd0,msdos2:@", 1), ("hd0,msdos2:/", 1), ("hd0", 0)] {
            assert_eq!(selected(wanted), count, "{wanted}");
        }
    }

    #[test]
    fn any_device_means_the_filesystem_that_it_is_part_of() {
        let folder = oracle::tools::work_dir("legs");
        let legs = ["a", "b"].map(|name| String::from(folder.join(name).to_str().unwrap()));
        for leg in &legs {
            std::fs::File::create(leg).unwrap().set_len(128 << 20).unwrap();
        }
        let mkfs = ["-q", "-f", "-M", "-d", "raid1", "-m", "raid1", &legs[0], &legs[1]];
        oracle::tools::run("mkfs.btrfs", &mkfs);
        let disk =
            |leg: &String| vfs::Disk { device: Rc::new(std::fs::read(leg).unwrap()), name: leg.clone() };
        let volumes = Volumes::discover(legs.iter().map(disk).collect());
        let [volume] = volumes.all() else { panic!("{:?}", volumes.problems()) };
        let disks: Vec<String> = ["vda", "vdb"].map(String::from).into();
        for (wanted, is_meant) in
            [("/dev/vda", true), ("/dev/vdb", true), ("/dev/vdc", false), ("/dev/vdb1", false)]
        {
            assert_eq!(is_selected(&volumes, volume, wanted, &disks), is_meant, "{wanted}");
        }
    }

    #[test]
    fn every_form_means_its_volume() {
        let disks: Vec<String> = ["vda", "nvme0n1"].map(String::from).into();
        let yes = ["hd1,gpt2", "PARTLABEL=root x", "PARTUUID=0A0B0C0D-02", "/dev/disk/by-partlabel/root x"];
        for wanted in yes {
            assert!(is_selected(&Volumes::default(), &volume(1), wanted, &disks), "{wanted}");
        }
        assert!(
            is_selected(&Volumes::default(), &volume(0), "/dev/vda2", &disks)
                && is_selected(&Volumes::default(), &volume(0), "/dev/vda", &disks)
        );
        assert!(is_selected(&Volumes::default(), &volume(1), "/dev/nvme0n1p2", &disks));
        for wanted in ["/dev/vda", "/dev/nvme0n12", "/dev/nvme0n1p1", "LABEL=x", "UUID=1", "root x", ""] {
            assert!(!is_selected(&Volumes::default(), &volume(1), wanted, &disks), "{wanted}");
        }
        assert!(!is_selected(&Volumes::default(), &volume(7), "/dev/vda2", &disks), "a disk without a name");
    }
}
