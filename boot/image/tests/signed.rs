// SPDX-License-Identifier: BSD-3-Clause
//! EFI applications that real tools made: a unified kernel image by ukify, signed by sbsign.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use arch::Arch;
use image::{
    authenticode,
    pe::{HEAD_SIZE, Headers, Pe},
    uki::{self, Part},
};
use object::{LittleEndian as LE, Object as _, ObjectSection as _, read::pe::PeFile64};

/// systemd's stub: an EFI application of another tool chain, and the start of a unified kernel image.
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// What a tool of the toolbox prints; one that is missing is a failure of the test.
fn run(dir: &Path, tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool)
        .args(arguments)
        .current_dir(dir)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", dir)
        .output()
        .unwrap_or_else(|e| panic!("{tool} cannot be run: {e}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with a key, its certificate, and `uki.efi`.
fn folder(name: &str) -> PathBuf {
    let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
    let dir = base.join(format!("image-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let key = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", "key", "-out", "crt",
    ];
    run(&dir, "openssl", &key);
    // Not a multiple of eight, nor of anything else.
    fs::write(dir.join("initrd"), [b'i'; 12345]).unwrap();
    fs::write(dir.join("osrel"), "ID=test\nNAME=\"Test\"\n").unwrap();
    let stub = format!("--stub={STUB}");
    let kernel = format!("--linux={STUB}");
    let build = ["build", &stub, &kernel, "--initrd=initrd", "--os-release=@osrel", "--cmdline=quiet rw"];
    run(&dir, "ukify", &[&build[..], &["--uname=6.1-test", "--output=uki.efi"]].concat());
    dir
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|b| format!("{b:02X}")).collect()
}

#[test]
fn the_parts_of_a_unified_kernel_image_are_found() {
    let dir = folder("uki");
    let file = fs::read(dir.join("uki.efi")).unwrap();
    let pe = Pe::parse(&file).unwrap();
    assert_eq!(pe.headers.expect_machine(Arch::X86_64), Ok(()));
    assert!(uki::is_uki(&pe.headers));
    assert!(pe.section(Part::Linux.name()).unwrap() == fs::read(STUB).unwrap());
    assert_eq!(pe.section(Part::Initrd.name()).unwrap(), [b'i'; 12345]);
    let text = |part: Part| uki::text(pe.section(part.name()).unwrap()).unwrap();
    assert_eq!(text(Part::Cmdline), "quiet rw");
    assert_eq!(text(Part::Uname), "6.1-test");
    assert_eq!(text(Part::OsRelease), "ID=test\nNAME=\"Test\"");
    assert!(text(Part::Sbat).starts_with("sbat,1,"));
    let headers = Headers::parse(&file[..HEAD_SIZE.min(file.len())], file.len() as u64).unwrap();
    assert!(headers.sections().eq(pe.headers.sections()), "by the first bytes alone");
    fs::remove_dir_all(dir).unwrap();
}

/// Another reader sees the same machine, entry point, sections and data.
#[test]
fn headers_agree_with_those_that_object_reads() {
    let dir = folder("object");
    for path in [PathBuf::from(STUB), dir.join("uki.efi")] {
        let file = fs::read(path).unwrap();
        let (ours, theirs) = (Pe::parse(&file).unwrap(), PeFile64::parse(&*file).unwrap());
        assert_eq!(ours.headers.machine().0, theirs.nt_headers().file_header.machine.get(LE).0);
        let base = theirs.relative_address_base();
        assert_eq!(base + u64::from(ours.headers.entry()), theirs.entry());
        assert_eq!(ours.headers.size_of_image(), theirs.nt_headers().optional_header.size_of_image.get(LE));
        assert_eq!(ours.headers.sections().count(), theirs.sections().count());
        for (section, their) in ours.headers.sections().zip(theirs.sections()) {
            assert_eq!(section.name.as_bytes(), their.name_bytes().unwrap());
            assert_eq!(
                (base + u64::from(section.address), u64::from(section.size)),
                (their.address(), their.size())
            );
            let range = section.data();
            assert!(
                file[range.start as usize..range.end as usize] == *their.data().unwrap(),
                "{}",
                section.name
            );
        }
    }
    fs::remove_dir_all(dir).unwrap();
}

/// The digest is the one in the signature that sbsign makes, of files of any length.
#[test]
fn the_digest_is_the_one_that_sbsign_signs() {
    let dir = folder("sign");
    for extra in [0, 1, 8, 511] {
        let mut file = fs::read(dir.join("uki.efi")).unwrap();
        file.extend(vec![0x5a; extra]);
        fs::write(dir.join("in.efi"), &file).unwrap();
        run(&dir, "sbsign", &["--key", "key", "--cert", "crt", "--output", "signed.efi", "in.efi"]);
        run(&dir, "sbverify", &["--cert", "crt", "signed.efi"]);
        run(&dir, "sbattach", &["--detach", "signature", "signed.efi"]);
        let signature = run(&dir, "openssl", &["asn1parse", "-inform", "DER", "-in", "signature"]);
        let signed = fs::read(dir.join("signed.efi")).unwrap();
        let pe = Pe::parse(&signed).unwrap();
        assert!(!pe.certificates().is_empty());
        let digest = authenticode::sha256(&pe).unwrap();
        // SpcIndirectDataContent is the first structure in it that holds an octet string.
        let first = signature.lines().find(|line| line.contains("OCTET STRING")).unwrap();
        assert!(first.ends_with(&hex(digest)), "{extra} bytes more: {} is not in {first}", hex(digest));
        // What is signed is filled up to a multiple of eight bytes first.
        file.resize(file.len().next_multiple_of(8), 0);
        assert_eq!(authenticode::sha256(&Pe::parse(&file).unwrap()), Ok(digest));
    }
    fs::remove_dir_all(dir).unwrap();
}

/// Every word of the headers changed to values that are wrong somewhere. The campaign must get past each
/// layer, or it would show nothing.
#[test]
fn changed_headers_are_an_application_or_an_error() {
    let dir = folder("mutants");
    let file = fs::read(dir.join("uki.efi")).unwrap();
    fs::remove_dir_all(dir).unwrap();
    let valid = Pe::parse(&file).unwrap();
    // The signature, 24 bytes, the optional header of 240, the sections' headers of 40 each.
    let signature = u32::from_le_bytes(file[0x3c..0x40].try_into().unwrap()) as usize;
    let end = signature + 24 + 240 + 40 * valid.headers.sections().count();
    let (mut refused, mut parsed, mut other, mut digested) = (0, 0, 0, 0);
    let mut mutant = file.clone();
    for at in (0..2).chain(0x3c..0x40).chain(signature..end - 4) {
        let word = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let table = [0, 1, 0x1000, 0x7fff_ffff, 0x8000_0000, u32::MAX, word ^ 1, word ^ 0x8000, word ^ 0x200];
        for value in table {
            mutant[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let Ok(pe) = Pe::parse(&mutant) else {
                refused += 1;
                continue;
            };
            parsed += 1;
            other += usize::from(pe.headers.expect_machine(Arch::X86_64).is_err());
            // All that is promised is there.
            assert!(pe.headers.sections().all(|s| s.raw_size == 0 || s.raw().end <= file.len() as u64));
            assert!(pe.headers.entry() < pe.headers.size_of_image());
            // The digest is of 300 kB: of some only.
            if parsed % 32 == 0 {
                digested += usize::from(authenticode::sha256(&pe).is_ok());
            }
        }
        mutant[at..at + 4].copy_from_slice(&file[at..at + 4]);
    }
    println!("{refused} mutants refused, {parsed} parsed, {other} of another machine, {digested} digested");
    assert!(refused > 500 && parsed > 500 && other > 5 && digested > 20, "see the line above");
}
