// SPDX-License-Identifier: BSD-3-Clause
//! Writes the parts of the documentation that are made from the code, its tables above all, and checks the pages.

mod anchors;
mod architecture;
mod book;
mod checkout;
mod crates;
mod layout;
mod links;
mod parts;
mod pictures;
mod screen;
mod shape;
mod svg;
mod targets;
mod types;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use checkout::Page;

const USAGE: &str =
    "usage: docs write CONSOLE...           writes parts made from tables, and pictures, in the checkout;
                                       CONSOLE: a folder NAME_console with console.raw, for docs/NAME.svg
       docs check MODULE.bazel NAMES   compares them, for the checkout with that file, and checks every page;
                                       NAMES: a file with the targets of //e2e, one a line
       docs pictures DOCS CONSOLE...   compares the pictures in that folder with these consoles
       docs book FOLDER                follows all links of the book as mdBook has made it";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["write", consoles @ ..] => write(consoles),
        ["check", module, names] => check(Path::new(module), Path::new(names)),
        ["pictures", docs, consoles @ ..] => check_pictures(Path::new(docs), consoles),
        ["book", folder] => book::check(Path::new(folder)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("docs: {why}");
            ExitCode::FAILURE
        }
    }
}

fn write(consoles: &[&str]) -> Result<String, String> {
    let root = env::var("BUILD_WORKSPACE_DIRECTORY").map_err(|_| "run it with tools/bazel run")?;
    let root = PathBuf::from(root);
    let pages = checkout::pages(&root)?;
    let mut written = 0;
    for (page, text) in pages.iter().zip(parts::fill_all(&pages)?) {
        if text != page.text {
            checkout::write(page, &text)?;
            written += 1;
        }
    }
    let mut pictures = pictures::write(&root.join(checkout::BOOK), consoles)?;
    let (architecture, file) = (architecture::draw(&root)?, root.join(architecture::FILE));
    if fs::read_to_string(&file).ok().as_ref() != Some(&architecture) {
        fs::write(&file, architecture).map_err(|e| format!("{}: {e}", file.display()))?;
        pictures += 1;
    }
    Ok(format!("{written} of {} pages written, and {pictures} pictures", pages.len()))
}

fn check_pictures(docs: &Path, consoles: &[&str]) -> Result<String, String> {
    let stale = pictures::stale(docs, consoles)?;
    let names: Vec<String> = stale.iter().map(|(path, _)| path.display().to_string()).collect();
    if names.is_empty() {
        return Ok(format!("{} pictures", consoles.len()));
    }
    Err(format!("{}: not what the console shows; tools/bazel run //docs:generate draws it", names.join(", ")))
}

/// The file is a link into the checkout, also in a sandbox.
fn check(module: &Path, names: &Path) -> Result<String, String> {
    let module = module.canonicalize().map_err(|e| format!("{}: {e}", module.display()))?;
    let root = module.parent().ok_or("MODULE.bazel has no folder")?;
    let e2e = fs::read_to_string(names).map_err(|e| format!("{}: {e}", names.display()))?;
    let e2e: BTreeSet<String> = e2e.lines().map(String::from).collect();
    let pages = checkout::pages(root)?;
    let wanted = parts::fill_all(&pages)?;
    let is_old = |(page, text): &(&Page, String)| page.text != *text;
    let old = pages.iter().zip(wanted).filter(is_old);
    let crates = types::Crates::read(root);
    let mut faults: Vec<String> =
        old.map(|(page, _)| format!("{}: not as the tables have it", page.name)).collect();
    for page in &pages {
        faults.extend(links::broken(root, page));
        faults.extend(links::missing(root, page));
        faults.extend(targets::missing(root, page, &e2e));
        faults.extend(crates.missing(page));
        faults.extend(shape::faults(page));
    }
    faults.extend(shape::left_out(&pages));
    if fs::read_to_string(root.join(architecture::FILE)).ok() != Some(architecture::draw(root)?) {
        faults.push(format!("{}: not as the Cargo.toml files have it", architecture::FILE));
    }
    if faults.is_empty() {
        return Ok(format!("{} pages", pages.len()));
    }
    Err(format!(
        "tools/bazel run //docs:generate writes tables and pictures; the rest is by hand\n{}",
        faults.join("\n")
    ))
}
