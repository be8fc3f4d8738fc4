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

/// Memory of the guest in MiB: what Linux writes is to leave it while it runs.
const MEMORY: u32 = 192;
/// Power failures of one image. Every second or third leaves what is wanted; twelve in a row without one have been seen.
const MOST_FAILURES: usize = 48;
/// Fewer names in an image are a sign that nothing was done.
const FEWEST_RECORDS: usize = 20;

/// What the command line asks for: `--KEY VALUE` pairs, and behind `--` the command that makes the filesystem, to
/// which the names of the disks are appended.
struct Request {
    options: Options,
    mkfs: Vec<String>,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let end = arguments.iter().position(|argument| argument == "--");
        let (pairs, mkfs) = match end {
            Some(end) => (&arguments[..end], arguments[end + 1..].to_vec()),
            None => return Err("no command that makes the filesystem".into()),
        };
        let options = Options::from_arguments(pairs).ok_or("options are --KEY VALUE")?;
        // The guest asks for the same.
        options.ageing()?;
        Ok(Self { options, mkfs })
    }
}

/// Makes an image and its manifest: of `--out NAME`, the disks are `NAME.zst`, `NAME.1.zst` and so on.
///
/// # Errors
/// What is missing on the command line, or went wrong with a file.
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
    // Of copies: Linux replays the journal before it lists anything.
    let copies: Vec<PathBuf> = disks.iter().map(|disk| disk.with_extension("copy")).collect();
    for (disk, copy) in disks.iter().zip(&copies) {
        tools::run("cp", &["--sparse=always", path(disk), path(copy)]);
    }
    task.listing = Some(work.clone());
    linux(&work, &copies, &task)?;
    pack(&request, &work, &disks)?;
    fs::remove_dir_all(&work).map_err(failed)
}

/// Makes a filesystem and has it aged; if the log of the power failure is not what is wanted, another.
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
    Err(format!("{MOST_FAILURES} power failures left no log that is worth replaying"))
}

fn make(request: &Request, work: &Path) -> Result<Vec<PathBuf>, String> {
    let mut disks = Vec::new();
    for (number, mib) in request.options.disks()?.into_iter().enumerate() {
        let disk = work.join(format!("disk{number}"));
        let file = fs::File::create(&disk).and_then(|file| file.set_len(mib << 20));
        file.map_err(|error| format!("{}: {error}", disk.display()))?;
        disks.push(disk);
    }
    let (program, arguments) = request.mkfs.split_first().ok_or("no command that makes the filesystem")?;
    let paths = disks.iter().map(|disk| path(disk));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(paths).collect();
    tools::run(program, &arguments);
    Ok(disks)
}

/// The disks and what was read from them go where they are wanted.
fn pack(request: &Request, work: &Path, disks: &[PathBuf]) -> Result<(), String> {
    let out = request.options.text("out")?;
    let is_btrfs = request.options.driver()? == Driver::Btrfs;
    let more = ["default.manifest", "subvolumes"].into_iter().filter(|_| is_btrfs);
    for name in ["manifest"].into_iter().chain(more) {
        let (from, to) = (work.join(name), format!("{out}.{name}"));
        let text = fs::read_to_string(&from).map_err(|error| format!("{}: {error}", from.display()))?;
        let count = text.lines().count();
        if name == "manifest" && count < FEWEST_RECORDS {
            return Err(format!("only {count} names in the image"));
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
