// SPDX-License-Identifier: BSD-3-Clause
//! The build machine's side: makes the filesystem, starts Linux on it, packs its disks.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use oracle::{recipe::Recipe, tools};
use uml::Machine;

use crate::{
    driver::Driver,
    guest::{self, Task},
    log,
    options::Options,
};

/// Memory of the guest in MiB; small, so that Linux writes to the disk while it runs.
const MEMORY: u32 = 192;
/// Maximum number of power failures for one image. Every second or third leaves a useful log; twelve in a row that left
/// none have been seen.
const MOST_FAILURES: usize = 48;
/// Minimum number of names in an image; fewer are a sign that nothing was done.
const FEWEST_RECORDS: usize = 20;

/// The command line: `--KEY VALUE` pairs and, after `--`, the command that makes the filesystem, to which the names of
/// the disks are appended.
struct Request {
    options: Options,
    mkfs: Vec<String>,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let end = arguments.iter().position(|argument| argument == "--");
        let (pairs, mkfs) = match end {
            Some(end) => (&arguments[..end], arguments[end + 1..].to_vec()),
            None => return Err("the command that makes the filesystem is missing".into()),
        };
        let options = Options::from_arguments(pairs).ok_or("options must be --KEY VALUE")?;
        // The guest needs these, too: reports errors early.
        options.ageing()?;
        Ok(Self { options, mkfs })
    }
}

/// Makes an image and its manifest: for `--out NAME`, the disks are `NAME.zst`, `NAME.1.zst` and so on.
///
/// # Errors
/// What is missing on the command line, or an error with a file.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let request = Request::parse(arguments)?;
    let out = request.options.text("out")?;
    let work = env::current_dir().map_err(|error| error.to_string())?.join(format!("{out}.work"));
    let failed = |error: std::io::Error| format!("{}: {error}", work.display());
    fs::create_dir_all(&work).map_err(failed)?;
    let options = work.join("options");
    fs::write(&options, request.options.to_text()).map_err(failed)?;
    let mut task = Task { options, listing: None };
    let disks = age(&request, &work, &task)?;
    // The listing uses copies, because Linux replays the journal first.
    let copies: Vec<PathBuf> = disks.iter().map(|disk| disk.with_extension("copy")).collect();
    for (disk, copy) in disks.iter().zip(&copies) {
        tools::run("cp", &["--sparse=always", path(disk), path(copy)]);
    }
    task.listing = Some(work.clone());
    linux(&work, &copies, &task)?;
    pack(&request, &work, &disks)?;
    fs::remove_dir_all(&work).map_err(failed)
}

/// Makes a filesystem and ages it, again and again until a power failure leaves the wanted kind of log.
fn age(request: &Request, work: &Path, task: &Task) -> Result<Vec<PathBuf>, String> {
    let options = &request.options;
    let (crash, unfinished): (bool, bool) = (options.value("crash")?, options.value("unfinished")?);
    for _ in 0..MOST_FAILURES {
        let disks = make(request, work)?;
        linux(work, &disks, task)?;
        let is_left = log::is_left(options.driver()?, &disks[0], unfinished);
        if !crash || is_left.map_err(|error| format!("{}: {error}", disks[0].display()))? {
            return Ok(disks);
        }
    }
    Err(format!("none of {MOST_FAILURES} power failures left a log that needs replay"))
}

fn make(request: &Request, work: &Path) -> Result<Vec<PathBuf>, String> {
    let mut disks = Vec::new();
    for (number, mib) in request.options.disks()?.into_iter().enumerate() {
        let disk = work.join(format!("disk{number}"));
        let file = fs::File::create(&disk).and_then(|file| file.set_len(mib << 20));
        file.map_err(|error| format!("{}: {error}", disk.display()))?;
        disks.push(disk);
    }
    let (program, arguments) =
        request.mkfs.split_first().ok_or("the command that makes the filesystem is missing")?;
    let paths = disks.iter().map(|disk| path(disk));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(paths).collect();
    tools::run(program, &arguments);
    Ok(disks)
}

/// Writes the disks and the lists to the output files.
fn pack(request: &Request, work: &Path, disks: &[PathBuf]) -> Result<(), String> {
    let out = request.options.text("out")?;
    let is_btrfs = request.options.driver()? == Driver::Btrfs;
    let more = ["default.manifest", "subvolumes"].into_iter().filter(|_| is_btrfs);
    for name in ["manifest"].into_iter().chain(more) {
        let (from, to) = (work.join(name), format!("{out}.{name}"));
        let text = fs::read_to_string(&from).map_err(|error| format!("{}: {error}", from.display()))?;
        let count = text.lines().count();
        if name == "manifest" && count < FEWEST_RECORDS {
            return Err(format!("the image has only {count} names"));
        }
        fs::write(&to, text).map_err(|error| format!("{to}: {error}"))?;
    }
    let to = format!("{out}.recipe");
    fs::write(&to, recipe(request)?.to_text()).map_err(|error| format!("{to}: {error}"))?;
    for (number, disk) in disks.iter().enumerate() {
        let to = if number == 0 { format!("{out}.zst") } else { format!("{out}.{number}.zst") };
        tools::run("zstd", &["-q", "-3", "-f", path(disk), "-o", &to]);
    }
    Ok(())
}

/// How the image was made.
fn recipe(request: &Request) -> Result<Recipe, String> {
    let ageing = request.options.ageing()?;
    let (program, option) = request.options.driver()?.mkfs();
    Ok(Recipe {
        mkfs: request.mkfs.clone(),
        version: tools::first_line(program, &[option]),
        linux: tools::first_line("linux.uml", &["--version"]),
        mount: ageing.options,
        operations: ageing.operations,
        halfway: ageing.halfway,
        crash: ageing.crash,
    })
}

/// Runs Linux with these disks until it powers off.
fn linux(work: &Path, disks: &[PathBuf], task: &Task) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let machine = Machine { memory: MEMORY, disks, work };
    machine.run(&program, &task.to_arguments(), guest::DONE).map(drop)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("Bazel's paths are text")
}
