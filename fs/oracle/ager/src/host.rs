// SPDX-License-Identifier: BSD-3-Clause
//! The build machine's side: makes the filesystem, starts Linux on it, packs the image.

use std::{collections::BTreeMap, env, fs, path::Path};

use oracle::tools;
use uml::Machine;

use crate::guest::{self, Ageing, Task};

/// Memory of the guest in MiB: what Linux writes is to leave it while it runs.
const MEMORY: u32 = 192;
/// Fewer names in an image are a sign that nothing was done.
const FEWEST_RECORDS: usize = 20;

/// What the command line asks for: `--KEY VALUE` pairs, and behind `--` the command that makes the filesystem, to
/// which the image's name is appended.
struct Request {
    options: BTreeMap<String, String>,
    mkfs: Vec<String>,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let (pairs, mkfs) = match arguments.iter().position(|argument| argument == "--") {
            Some(end) => (&arguments[..end], arguments[end + 1..].to_vec()),
            None => return Err("no command that makes the filesystem".into()),
        };
        let pair = |pair: &[String]| match pair {
            [key, value] => Some((key.strip_prefix("--")?.to_string(), value.clone())),
            _ => None,
        };
        let options: Option<_> = pairs.chunks(2).map(pair).collect();
        Ok(Self { options: options.ok_or("options are --KEY VALUE")?, mkfs })
    }

    fn text(&self, key: &str) -> Result<&str, String> {
        self.options.get(key).map(String::as_str).ok_or_else(|| format!("--{key} is missing"))
    }

    fn value<T: std::str::FromStr>(&self, key: &str) -> Result<T, String> {
        self.text(key)?.parse().map_err(|_| format!("--{key} cannot be {}", self.options[key]))
    }

    fn ageing(&self) -> Result<Ageing, String> {
        Ok(Ageing {
            options: self.text("mount")?.to_string(),
            seed: self.value("seed")?,
            operations: self.value("operations")?,
            names: self.value("names")?,
            most: self.value("most")?,
            crash: self.value("crash")?,
        })
    }
}

/// Makes an image and its manifest.
///
/// # Errors
/// What is missing on the command line, or went wrong with a file.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let request = Request::parse(arguments)?;
    let (out, manifest) = (request.text("out")?, request.text("manifest")?);
    let work = env::current_dir().map_err(|error| error.to_string())?.join(format!("{out}.work"));
    let failed = |error: std::io::Error| format!("{}: {error}", work.display());
    fs::create_dir_all(&work).map_err(failed)?;
    let (image, copy, listing) = (work.join("image"), work.join("copy"), work.join("manifest"));
    make(&request, &image).map_err(failed)?;
    let filesystem = request.text("filesystem")?.to_string();
    let mut task = Task { filesystem, ageing: Some(request.ageing()?), manifest: listing.clone() };
    linux(&work, &image, &task)?;
    // Of a copy: Linux replays the journal before it lists anything.
    fs::copy(&image, &copy).map_err(failed)?;
    task.ageing = None;
    linux(&work, &copy, &task)?;
    let text = fs::read_to_string(&listing).map_err(failed)?;
    let count = oracle::manifest::from_text(&text).len();
    if count < FEWEST_RECORDS {
        return Err(format!("only {count} names in the image"));
    }
    tools::run("zstd", &["-q", "-3", "-f", path(&image), "-o", out]);
    fs::write(manifest, text).map_err(|error| format!("{manifest}: {error}"))?;
    fs::remove_dir_all(&work).map_err(failed)
}

fn make(request: &Request, image: &Path) -> std::io::Result<()> {
    let mib: u64 = request.value("mib").map_err(std::io::Error::other)?;
    fs::File::create(image)?.set_len(mib << 20)?;
    let (program, arguments) = request.mkfs.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.push(path(image));
    tools::run(program, &arguments);
    Ok(())
}

/// Runs Linux with the image as its disk until it powers off.
fn linux(work: &Path, image: &Path, task: &Task) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let machine = Machine { memory: MEMORY, disks: &[image.into()], work };
    machine.run(&program, &task.to_arguments(), guest::DONE).map(drop)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("Bazel's paths are text")
}
