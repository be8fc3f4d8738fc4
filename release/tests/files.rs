// SPDX-License-Identifier: BSD-3-Clause
//! The release as others see it: sha256sum, the validator of SPDX, the programs themselves, and `verify`.
//!
//! Only under Bazel, which makes the release.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use object::{Object as _, ObjectSection as _};
use oracle::tools::{command, output, run, work_dir};
use serde_json::Value;

const ARCHES: [&str; 4] = ["x86_64", "aarch64", "riscv64", "loongarch64"];

/// A copy of the release: runfiles are links, a release is files.
fn release(name: &str) -> PathBuf {
    let dir = work_dir(name).join("release");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    for file in env::var("FILES").expect("FILES names the files of the release").split_whitespace() {
        let bytes = fs::read(file).unwrap();
        fs::write(dir.join(Path::new(file).file_name().unwrap()), bytes).unwrap();
    }
    dir
}

fn sums(dir: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(dir.join("SHA256SUMS")).unwrap();
    let pair = |line: &str| line.split_once("  ").map(|(sum, name)| (name.to_owned(), sum.to_owned()));
    text.lines().map(|line| pair(line).expect("a line of sha256sum")).collect()
}

/// The version in Cargo.toml.
fn version() -> String {
    let manifest = fs::read_to_string(env::var("MANIFEST").expect("MANIFEST names Cargo.toml")).unwrap();
    let table = manifest.split("[workspace.package]\nversion = \"").nth(1).expect("the version comes first");
    table.split('"').next().unwrap().to_owned()
}

fn json(dir: &Path, kind: &str) -> Value {
    serde_json::from_slice(&fs::read(dir.join(format!("cloud-boot-{}.{kind}.json", version()))).unwrap())
        .unwrap()
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn everything_is_there_and_has_its_checksum() {
    let dir = release("sums");
    let version = version();
    let mut names = vec![format!("cloud-boot-{version}.iso"), format!("cloud-boot-{version}.spdx.json")];
    names.extend(ARCHES.iter().map(|arch| format!("cloud-boot-{arch}")));
    names.extend(ARCHES.iter().map(|arch| format!("loader-{arch}.efi")));
    names.sort();
    assert_eq!(sums(&dir).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    let status =
        command("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&dir).status().unwrap();
    assert!(status.success());
    names.extend(["SHA256SUMS".to_owned(), format!("cloud-boot-{version}.provenance.json")]);
    let count = fs::read_dir(&dir).unwrap().count();
    assert_eq!(count, names.len(), "files that SHA256SUMS does not name");
}

#[test]
fn the_validator_accepts_the_document() {
    let dir = release("spdx");
    let path = dir.join(format!("cloud-boot-{}.spdx.json", version()));
    run("pyspdxtools", &["--infile", path.to_str().unwrap()]);
    // It would say so.
    let text = fs::read_to_string(&path).unwrap();
    let other = dir.join("other.spdx.json");
    fs::write(&other, text.replacen("\"BSD-3-Clause\"", "\"BSD-Nothing\"", 1)).unwrap();
    assert!(!output("pyspdxtools", &["--infile", other.to_str().unwrap()]).status.success());
}

/// Names of the packages that a file contains.
fn contained(document: &Value, file: &str) -> Vec<String> {
    let id = format!("SPDXRef-file-{}", file.replace('_', "-"));
    let related = document["relationships"].as_array().unwrap().iter();
    let related = related.filter(|r| r["spdxElementId"] == *id && r["relationshipType"] == "CONTAINS");
    let ids: Vec<&Value> = related.map(|r| &r["relatedSpdxElement"]).collect();
    let packages = document["packages"].as_array().unwrap().iter().filter(|p| ids.contains(&&p["SPDXID"]));
    packages.map(|package| package["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_document_has_what_is_linked_and_no_more() {
    let document = json(&release("linked"), "spdx");
    for arch in ARCHES {
        let loader = contained(&document, &format!("loader-{arch}.efi"));
        let program = contained(&document, &format!("cloud-boot-{arch}"));
        let has = |list: &[String], name: &str| list.iter().any(|n| n == name);
        for name in ["uefi", "fs/ext4", "rust-src", "boot/flow"] {
            assert!(has(&loader, name), "{arch}: {name} is not in {loader:?}");
        }
        for name in ["clap", "fs/ext4", "libstd-rust-dev", "cli"] {
            assert!(has(&program, name), "{arch}: {name} is not in {program:?}");
        }
        // Of the other, of tests, of the build.
        for name in ["clap", "proptest", "fs/oracle", "uefi-macros", "syn", "libstd-rust-dev"] {
            assert!(!has(&loader, name), "{arch}: {name} is in a loader");
        }
        for name in ["uefi", "proptest", "clap_derive", "syn", "rust-src"] {
            assert!(!has(&program, name), "{arch}: {name} is in a program");
        }
    }
    assert_eq!(contained(&document, &format!("cloud-boot-{}.iso", version())).len(), ARCHES.len());
    for package in document["packages"].as_array().unwrap() {
        assert_ne!(package["licenseDeclared"], "NOASSERTION", "{}: no licence", package["name"]);
    }
}

#[test]
fn the_provenance_is_of_these_files() {
    let dir = release("provenance");
    let statement = json(&dir, "provenance");
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let subject =
        |s: &Value| (s["name"].as_str().unwrap().into(), s["digest"]["sha256"].as_str().unwrap().into());
    let subjects: Vec<(String, String)> =
        statement["subject"].as_array().unwrap().iter().map(subject).collect();
    assert_eq!(subjects, sums(&dir));
    let dependencies = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
    let texts: Vec<&str> =
        dependencies.as_array().unwrap().iter().filter_map(|d| d["uri"].as_str()).collect();
    for package in ["pkg:cargo/uefi@", "pkg:cargo/syn@", "pkg:deb/debian/rustc@", "pkg:deb/debian/rust-src@"]
    {
        assert!(texts.iter().any(|uri| uri.starts_with(package)), "{package}");
    }
    for dependency in dependencies.as_array().unwrap().iter().filter(|d| d["name"] != "cloud-boot") {
        assert_eq!(dependency["digest"]["sha256"].as_str().map(str::len), Some(64), "{dependency}");
    }
}

#[test]
fn one_version_in_everything() {
    let dir = release("version");
    for arch in ARCHES {
        let program = dir.join(format!("cloud-boot-{arch}"));
        make_executable(&program);
        let program = program.to_str().unwrap();
        let said = match arch {
            "x86_64" => run(program, &["--version"]),
            _ => run(&format!("qemu-{arch}"), &[program, "--version"]),
        };
        assert_eq!(String::from_utf8(said).unwrap(), format!("cloud-boot {}\n", version()), "{arch}");
        let loader = fs::read(dir.join(format!("loader-{arch}.efi"))).unwrap();
        let file = object::read::pe::PeFile64::parse(&*loader).unwrap();
        let sbat = file.section_by_name(".sbat").unwrap();
        let sbat = String::from_utf8_lossy(sbat.data().unwrap());
        assert!(
            sbat.contains(&format!("\ncloud-boot,1,cloud-boot,cloud-boot,{},", version())),
            "{arch}: {sbat}"
        );
    }
}

#[test]
fn the_image_has_these_loaders() {
    let dir = release("image");
    // The EFI system partition of a fresh image: its files are in one piece.
    let image = fs::read(dir.join(format!("cloud-boot-{}.iso", version()))).unwrap();
    for arch in ARCHES {
        let loader = fs::read(dir.join(format!("loader-{arch}.efi"))).unwrap();
        let mut places = image.chunks_exact(512).enumerate().filter(|(_, sector)| loader.starts_with(sector));
        assert!(places.any(|(i, _)| image[i * 512..].starts_with(&loader)), "{arch}");
    }
}

fn verify(dir: &Path, with: &Path) -> Output {
    let tool = std::path::absolute(env::var_os("RELEASE").expect("RELEASE names the program")).unwrap();
    Command::new(tool).arg("verify").arg(dir).arg("--with").arg(with).output().unwrap()
}

#[test]
fn verify_tells_a_copy_from_a_forgery() {
    let (copy, release) = (release("copy"), release("original"));
    let same = verify(&copy, &release);
    let text = String::from_utf8(same.stdout).unwrap();
    assert!(same.status.success(), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with(": same")).count(), 12, "{text}");

    let loader = copy.join("loader-riscv64.efi");
    let mut bytes = fs::read(&loader).unwrap();
    bytes[4000] ^= 1;
    fs::write(&loader, bytes).unwrap();
    let name = format!("cloud-boot-{}.provenance.json", version());
    let provenance = fs::read_to_string(copy.join(&name)).unwrap();
    let toolbox = provenance.find("\"name\": \"toolbox\"").unwrap();
    let digest = provenance[..toolbox].rfind("\"sha256\": \"").unwrap() + 11;
    let forged = format!("{}{}{}", &provenance[..digest], "0".repeat(64), &provenance[digest + 64..]);
    fs::write(copy.join(&name), forged).unwrap();
    fs::remove_file(copy.join("cloud-boot-x86_64")).unwrap();
    let other = verify(&copy, &release);
    let text = String::from_utf8(other.stdout).unwrap();
    assert_eq!(other.status.code(), Some(1), "{text}");
    for line in [
        "loader-riscv64.efi: differs at byte 4000; checksum mismatch with SHA256SUMS".to_owned(),
        "cloud-boot-x86_64: missing".to_owned(),
        format!("a reason: the toolbox of the folder is {}, of this checkout ", "0".repeat(64)),
    ] {
        assert!(text.lines().any(|l| l.starts_with(&line)), "{line}\n{text}");
    }
}

#[test]
fn verify_needs_the_folder_of_a_release() {
    let empty = work_dir("empty").join("empty");
    fs::create_dir_all(&empty).unwrap();
    for dir in [&empty, &empty.join("nowhere")] {
        let refused = verify(dir, &empty);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.starts_with("release: ") && said.lines().count() == 1, "{said}");
    }
}
