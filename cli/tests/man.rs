// SPDX-License-Identifier: BSD-3-Clause
//! Manual pages of every command, as mandoc and groff read them.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    process::{Command, Output, Stdio},
};

use oracle::tools::{output, run, work_dir};

/// Requests of man(7), and those of roff that every implementation of it knows.
const REQUESTS: [&str; 12] =
    [".PP", ".sp", ".IP", ".TH", ".SH", ".TP", ".RS", ".RE", ".ie", ".el", ".nf", ".fi"];

/// The date of the pages, that of the release (`iso::TIME`).
const DATE: &str = "2026-01-01";

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn program() -> Command {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.stdin(Stdio::null());
    command
}

fn call(args: &[impl AsRef<OsStr>]) -> Output {
    program().args(args).output().unwrap()
}

fn text(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{:?} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Every command, by the name of its page: as the help of its group lists it.
fn commands(group: &[&str], pages: &mut BTreeSet<String>) {
    pages.insert([&["cloud-boot"], group].concat().join("-") + ".1");
    let help = text(&[group, &["--help"]].concat());
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return };
    let names = list.lines().take_while(|line| line.starts_with("  "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        commands(&[group, &[name]].concat(), pages);
    }
}

#[test]
fn every_command_has_a_page() {
    let dir = work_dir("man");
    // The folder is made, whatever its name.
    let folder = dir.join(OsStr::from_bytes(b"a b/--man: \xe9"));
    assert_eq!(text(&[OsStr::new("man"), OsStr::new("--out"), folder.as_os_str()]), "");
    let names = fs::read_dir(&folder).unwrap();
    let names: BTreeSet<String> =
        names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected = BTreeSet::new();
    commands(&[], &mut expected);
    assert_eq!(names, expected);
    for name in &names {
        let page = fs::read_to_string(folder.join(name)).unwrap();
        let title =
            format!("\n.TH {} 1 {DATE} \"cloud-boot {VERSION}\" \n", name.strip_suffix(".1").unwrap());
        assert!(page.contains(&title) && page.contains("\n.SH SYNOPSIS\n"), "{page}");
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            let request = line.split(' ').next().unwrap();
            assert!(REQUESTS.contains(&request), "{name}: {line}");
        }
    }
    assert_eq!(fs::read_to_string(folder.join("cloud-boot.1")).unwrap(), text(&["man"]));
    // Once more: pages are replaced.
    fs::write(folder.join("cloud-boot.1"), "old").unwrap();
    text(&[OsStr::new("man"), OsStr::new("--out"), folder.as_os_str()]);
    assert_eq!(fs::read_to_string(folder.join("cloud-boot.1")).unwrap(), text(&["man"]));
}

#[test]
fn a_page_has_the_texts_of_the_help() {
    let folder = work_dir("page");
    text(&["man", "--out", folder.to_str().unwrap()]);
    let page = fs::read_to_string(folder.join("cloud-boot-dev-ls.1")).unwrap();
    let marks = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    let expected = "\
.TH cloud-boot-dev-ls 1 2026-01-01 \"cloud-boot VERSION\"
.SH NAME
cloud\\-boot\\-dev\\-ls \\- Disks and partitions, by the names that `dev cat` takes
.SH SYNOPSIS
\\fBcloud\\-boot dev ls\\fR [\\fB\\-\\-backing\\fR] [\\fB\\-\\-json\\fR] \
     [\\fB\\-h\\fR|\\fB\\-\\-help\\fR] <\\fIIMAGE\\fR>
.SH DESCRIPTION
Disks and partitions, by the names that `dev cat` takes
.SH OPTIONS
.TP
\\fB\\-\\-backing\\fR \\fI<FILE>\\fR
The backing file of a qcow2 overlay; may be given several times: for a chain, nearest first; for several overlays, in the \
     order of the images
.TP
\\fB\\-\\-json\\fR
One line of JSON
.TP
\\fB\\-h\\fR, \\fB\\-\\-help\\fR
Print help
.TP
<\\fIIMAGE\\fR>
Images or block devices: the disks of one machine
.SH EXAMPLES
.nf
  cloud\\-boot dev ls disk.raw
      the disk, and its partitions as disk.raw#1, disk.raw#2
  cloud\\-boot dev ls \\-\\-json disk.raw
      the same as JSON, in the format of `inspect \\-\\-json`
.fi
";
    assert_eq!(page.replace(marks, "").replace(" \n", "\n"), expected.replace("VERSION", VERSION));
}

/// What mandoc finds wrong with a page, but for style, and what groff does.
fn faults(page: &str) -> [String; 2] {
    let mandoc = output("mandoc", &["-T", "lint", "-W", "warning", page]);
    let groff = output("groff", &["-ww", "-man", "-T", "ascii", "-z", page]);
    assert!(mandoc.stderr.is_empty() && groff.stdout.is_empty(), "{page}: {mandoc:?} {groff:?}");
    // Without a fault each says so by its status, too.
    let mandoc_said = String::from_utf8(mandoc.stdout).unwrap();
    assert_eq!(mandoc.status.success(), mandoc_said.is_empty(), "{page}: {mandoc_said}");
    let groff_said = String::from_utf8(groff.stderr).unwrap();
    assert!(groff.status.success() || !groff_said.is_empty(), "{page}: {:?}", groff.status);
    [mandoc_said, groff_said]
}

#[test]
fn mandoc_and_groff_have_nothing_against_a_page() {
    let folder = work_dir("lint");
    text(&["man", "--out", folder.to_str().unwrap()]);
    let pages: Vec<_> = fs::read_dir(&folder).unwrap().map(|page| page.unwrap().path()).collect();
    assert!(pages.len() > 15, "{pages:?}");
    for page in &pages {
        assert_eq!(faults(page.to_str().unwrap()), ["", ""], "{page:?}");
    }
    // With a byte changed, a heading is a request that neither knows.
    let page = folder.join("cloud-boot-run.1");
    let damaged = fs::read_to_string(&page).unwrap().replacen(".SH OPTIONS", ".SX OPTIONS", 1);
    fs::write(&page, damaged).unwrap();
    let [mandoc, groff] = faults(page.to_str().unwrap());
    assert!(mandoc.contains("SX") && groff.contains("SX"), "{mandoc}{groff}");
}

#[test]
fn readers_see_the_examples() {
    let folder = work_dir("ascii");
    text(&["man", "--out", folder.to_str().unwrap()]);
    let page = folder.join("cloud-boot-dev-ls.1");
    let page = page.to_str().unwrap();
    let example = ["cloud-boot dev ls disk.raw", "the disk, and its partitions as disk.raw#1, disk.raw#2"];
    for (program, args) in
        [("mandoc", ["-T", "ascii", page].as_slice()), ("groff", &["-man", "-T", "ascii", page])]
    {
        let shown = String::from_utf8(run(program, args)).unwrap();
        let lines: Vec<&str> = shown.lines().map(str::trim).collect();
        assert!(lines.windows(2).any(|lines| lines == example) && shown.contains(DATE), "{program}: {shown}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_said_and_who_stops_reading_is_no_error() {
    let dir = work_dir("target");
    fs::write(dir.join("file"), "").unwrap();
    let folder = dir.join("file").to_str().unwrap().to_string();
    let output = call(&["man", "--out", &folder]);
    let said =
        format!("cloud-boot: E-CLI-TARGET {folder}: File exists (os error 17); choose another target\n");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), said));
    for args in [["completions", "bash"].as_slice(), &["man"]] {
        let mut child = program().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    }
}
