// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot inspect`.

use std::{collections::BTreeMap, ffi::OsString};

use arch::Arch;
use clap::Args;
use entries::{Entry, File, Found, Kind, Start};
use qemu::emulated;
use serde::Serialize;
use vfs::{Health, Summary};

use crate::{
    advice, built_in,
    failure::Stop,
    fitting,
    images::Backing,
    machine::{Device, Machine, health},
    printer::{Printer, size, text},
    volume::unread,
};

/// Partitions, filesystems, and what the loader would boot; or what a loader has built in
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot inspect disk.raw
      one disk
  cloud-boot inspect root.raw data.raw
      the two disks of a machine
  cloud-boot inspect --json disk.raw
      the same as JSON: devices, volumes, entries, problems
  cloud-boot inspect overlay.qcow2 --backing base.qcow2
      a disk with a backing file
  sudo cloud-boot inspect /dev/sda
      a disk of this machine
  cloud-boot inspect loader.efi
      what a loader has built in: keys, root certificates, settings

The star marks the entry that the loader boots if no setting says otherwise.")]
pub struct Options {
    /// Images or block devices: the disks of one machine
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    #[command(flatten)]
    backing: Backing,
    /// The machine's architecture; by default that of the kernel that would be booted
    #[arg(long, value_parser = emulated::parser())]
    arch: Option<Arch>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Everything found on the disks.
#[derive(Serialize)]
struct Report {
    devices: Vec<Device>,
    volumes: Vec<VolumeReport>,
    entries: Vec<EntryReport>,
    problems: Vec<ProblemReport>,
}

#[derive(Serialize)]
struct VolumeReport {
    id: String,
    format: &'static str,
    label: Option<String>,
    uuid: Option<String>,
    size: Option<u64>,
    free: Option<u64>,
    members: Vec<String>,
    missing: Vec<String>,
    health: &'static str,
    features: Vec<String>,
    /// More properties of the filesystem, by name: generation, profiles.
    details: BTreeMap<&'static str, String>,
    /// Number of its root within the filesystem: btrfs's subvolume id.
    #[serde(skip_serializing_if = "Option::is_none")]
    subvolume: Option<u64>,
    /// Whether another root of the filesystem comes before it, which shows what holds for the whole.
    #[serde(skip)]
    is_further: bool,
}

#[derive(Serialize)]
struct EntryReport {
    id: String,
    title: String,
    kind: &'static str,
    volume: String,
    kernel: String,
    initrd: Vec<String>,
    options: String,
    arch: Option<String>,
    default: bool,
}

#[derive(Serialize)]
struct ProblemReport {
    code: String,
    object: String,
    message: String,
    #[serde(skip)]
    advice: String,
}

impl Options {
    /// Prints the report.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        if let [image] = &self.images[..]
            && let Some(built_in) = built_in::read(image)?
        {
            return if self.json { printer.json(&built_in) } else { built_in.show(image, printer) };
        }
        let machine = Machine::open_for_entries(&self.images, &self.backing)?;
        let found = fitting::discover(&machine.volumes, self.arch);
        let report = Report {
            devices: machine.devices(),
            volumes: volumes(&machine),
            entries: entries(&machine, &found),
            problems: problems(&machine, &found),
        };
        if self.json { printer.json(&report) } else { show(&report, printer) }
    }
}

fn lossy(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into()
}

fn volumes(machine: &Machine) -> Vec<VolumeReport> {
    let all = machine.volumes.all();
    let before = [None].into_iter().chain(all.iter().map(Some));
    let is_further = |(volume, before): (&vfs::Volume, Option<&vfs::Volume>)| {
        let is_further = before.is_some_and(|before| before.is_beside(volume));
        VolumeReport { is_further, ..self::volume(machine, volume) }
    };
    all.iter().zip(before).map(is_further).collect()
}

fn volume(machine: &Machine, volume: &vfs::Volume) -> VolumeReport {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let (identity, home) = (volume.identity(), volume.home());
    let given = home.members.iter().map(|id| machine.volumes.device(*id).map(|device| device.bytes.size()));
    let summary = volume.summary();
    let state = match &summary {
        Err(_) => Health::Failed,
        Ok(_) if root_of(volume).is_err() => Health::Failed,
        Ok(_) if !home.missing.is_empty() => Health::Degraded,
        Ok(summary) => summary.health,
    };
    let Summary { size, free, features, details, .. } = summary.unwrap_or_default();
    VolumeReport {
        id: text(&machine.id_of(volume)),
        format: identity.format,
        label: some(lossy(&identity.label)),
        uuid: some(identity.uuid.clone()),
        size: size.or_else(|| given.sum()),
        free,
        members: home.members.iter().map(|id| text(&machine.id_of_device(*id))).collect(),
        missing: home.missing.clone(),
        health: health(state),
        features,
        details: details.into_iter().collect(),
        subvolume: volume.number(),
        is_further: false,
    }
}

/// Checks that the root can be read: without it, nothing on the volume can.
fn root_of(volume: &vfs::Volume) -> Result<(), vfs::Error> {
    volume.open(b"/")?.attr().map(|_| ())
}

fn entries(machine: &Machine, found: &Found) -> Vec<EntryReport> {
    let default = flow::default_entry(&machine.volumes, found);
    let is_default = |entry: &Entry| default.is_some_and(|default| std::ptr::eq(default, entry));
    found.entries.iter().map(|entry| self::entry(machine, entry, is_default(entry))).collect()
}

fn entry(machine: &Machine, entry: &Entry, default: bool) -> EntryReport {
    let id_of = |file: &File| machine.volumes.get(file.volume).map(|volume| machine.id_of(volume));
    let home = entry.file();
    // An entry without a file of its own counts for the volume of its menu.
    let volume = home.map_or(entry.source.volume, |file| file.volume);
    let path = |file: &File| match id_of(file) {
        Some(id) if home.is_some_and(|home| home.volume != file.volume) => {
            format!("{}:{}", lossy(id), lossy(&file.path))
        }
        _ => lossy(&file.path),
    };
    let (initrd, options) = match &entry.start {
        Start::Linux(linux) => (linux.initrd_files().map(path).collect(), linux.options.clone()),
        Start::Program(program) => {
            let built_in = || fitting::built_in_options(&machine.volumes, &program.file);
            (Vec::new(), program.options.clone().or_else(built_in).unwrap_or_default())
        }
        Start::Url(url) => (Vec::new(), url.options.clone().unwrap_or_default()),
        Start::Elsewhere(_) => (Vec::new(), String::new()),
    };
    EntryReport {
        id: entry.id.clone(),
        title: entry.title.clone(),
        kind: word(entry.source.kind),
        volume: machine.volumes.get(volume).map(|volume| text(&machine.id_of(volume))).unwrap_or_default(),
        kernel: match &entry.start {
            Start::Url(url) => url.url.clone(),
            _ => home.map(|file| lossy(&file.path)).unwrap_or_default(),
        },
        initrd,
        options,
        arch: fitting::machine_of(&machine.volumes, entry).map(|machine| machine.to_string()),
        default,
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Uki => "uki",
        Kind::Bls => "bls",
        Kind::Grub => "grub",
        Kind::Extlinux => "extlinux",
        Kind::Glob => "glob",
        Kind::Efi => "efi",
    }
}

fn problems(machine: &Machine, found: &Found) -> Vec<ProblemReport> {
    let report = |code: code::Code, object: Vec<u8>, message: String| ProblemReport {
        code: code.to_string(),
        object: lossy(object),
        message,
        advice: advice::of(code),
    };
    let name = |device| lossy(machine.id_of_device(device));
    let of_volumes = machine.volumes.problems().iter();
    let of_volumes =
        of_volumes.map(|p| report(p.error.code(), machine.id_of_device(p.device), p.cause(name)));
    let of_entries = found.problems.iter();
    let of_entries = of_entries.map(|p| report(p.error.code(), machine.object(&p.object), p.to_string()));
    let roots = machine.volumes.all().iter().filter_map(|volume| Some((volume, root_of(volume).err()?)));
    let roots = roots.map(|(volume, error)| {
        report(error.code(), [&machine.id_of(volume)[..], b":/"].concat(), error.to_string())
    });
    let rebuilt = machine.rebuilt().into_iter();
    let rebuilt =
        rebuilt.map(|(volume, error)| report(error.code(), machine.id_of(volume), error.to_string()));
    of_volumes.chain(roots).chain(rebuilt).chain(of_entries).collect()
}

fn show(report: &Report, printer: &mut Printer) -> Result<(), Stop> {
    printer.line(format_args!("devices"))?;
    super::dev::show(&report.devices, printer)?;
    printer.line(format_args!("volumes"))?;
    let width = report.volumes.iter().map(|volume| volume.id.chars().count()).max().unwrap_or(0);
    for volume in &report.volumes {
        let id = &volume.id;
        let field = |name: &str, value: &Option<String>| match value {
            Some(value) => format!("  {name} {}", text(value.as_bytes())),
            None => String::new(),
        };
        let bytes = size(volume.size.unwrap_or(0));
        let (label, uuid) = (field("label", &volume.label), field("uuid", &volume.uuid));
        // The first root of a filesystem is its default: what is mounted if no subvolume is named.
        let mark = if volume.is_further { "" } else { " (default)" };
        let subvolume = field("subvolume", &volume.subvolume.map(|number| format!("{number}{mark}")));
        let health = if volume.health == "ok" { String::new() } else { format!("  {}", volume.health) };
        printer.line(format_args!(
            "  {id:<width$}  {:<9} {bytes:>10}{label}{uuid}{subvolume}{health}",
            volume.format
        ))?;
        show_whole(volume, printer)?;
    }
    if report.volumes.is_empty() {
        printer.line(format_args!("  none that cloud-boot can read"))?;
    }
    let devices = report.devices.iter().flat_map(Device::all);
    for sentence in devices.filter_map(unread) {
        printer.line(format_args!("  {sentence}"))?;
    }
    printer.line(format_args!("entries"))?;
    report.entries.iter().try_for_each(|entry| show_entry(entry, printer))?;
    if report.entries.is_empty() {
        printer.line(format_args!("  none: the loader finds nothing to boot"))?;
    }
    if !report.problems.is_empty() {
        printer.line(format_args!("problems"))?;
    }
    for ProblemReport { code, object, message, advice } in &report.problems {
        let (object, message) = (text(object.as_bytes()), text(message.as_bytes()));
        printer.line(format_args!("  {code} {object}: {message}; {advice}"))?;
    }
    Ok(())
}

/// Prints what holds for a whole filesystem, below the first of its roots.
fn show_whole(volume: &VolumeReport, printer: &mut Printer) -> Result<(), Stop> {
    if volume.is_further {
        return Ok(());
    }
    let details: Vec<String> = volume.details.iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !details.is_empty() {
        printer.line(format_args!("    {}", text(details.join("; ").as_bytes())))?;
    }
    volume
        .missing
        .iter()
        .try_for_each(|leg| printer.line(format_args!("    {} is missing", text(leg.as_bytes()))))
}

fn show_entry(entry: &EntryReport, printer: &mut Printer) -> Result<(), Stop> {
    let mark = if entry.default { '*' } else { ' ' };
    let (id, title) = (text(entry.id.as_bytes()), text(entry.title.as_bytes()));
    let (volume, arch) =
        (&entry.volume, entry.arch.as_ref().map_or(String::new(), |arch| format!(", {arch}")));
    printer.line(format_args!("{mark} \"{title}\"  {id}  {} on {volume}{arch}", entry.kind))?;
    let mut field = |name: &str, value: &str| match value {
        "" => Ok(()),
        value => printer.line(format_args!("    {name:<8} {}", text(value.as_bytes()))),
    };
    field("kernel", &entry.kernel)?;
    entry.initrd.iter().try_for_each(|initrd| field("initrd", initrd))?;
    field("options", &entry.options)
}
