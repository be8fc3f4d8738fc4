// SPDX-License-Identifier: BSD-3-Clause
//! Programs made by the real assemblers and ld.lld, converted, and read by binutils, ukify and the PE
//! reader of `object`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use object::{
    LittleEndian as LE, Object as _, ObjectSection as _,
    read::pe::{ImageNtHeaders as _, PeFile64},
};

/// The linker flags of //toolchains/cc:defs.bzl.
const LINK: &str = "-pie --no-dynamic-linker -z text -z max-page-size=4096 -z separate-loadable-segments \
    --image-base=0x1000 -z norelro --entry=efi_main --gc-sections --build-id=none --hash-style=gnu";

const SBAT: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n";

/// An architecture: assembler and its flags, machine in PE, the instructions of a program that returns 0.
struct Arch {
    gnu: &'static str,
    assembler: &'static [&'static str],
    machine: u16,
    format: &'static str,
    code: &'static str,
}

const ARCHES: [Arch; 3] = [
    Arch {
        gnu: "riscv64-linux-gnu",
        assembler: &["-march=rv64imac", "-mabi=lp64"],
        machine: 0x5064,
        format: "pei-riscv64-little",
        code: "li a0, 0\n ret\n",
    },
    Arch {
        gnu: "loongarch64-linux-gnu",
        assembler: &[],
        machine: 0x6264,
        format: "pei-loongarch64",
        code: "move $a0, $zero\n jr $ra\n",
    },
    Arch {
        gnu: "x86_64-linux-gnu",
        assembler: &[],
        machine: 0x8664,
        format: "pei-x86-64",
        code: "xor %eax, %eax\n ret\n",
    },
];

/// Constants, variables with addresses of all three, memory without data, and two sections with names. The
/// `R` is what `#[used]` says: nothing refers to them.
const DATA: &str = r#"
    .section .rodata, "a"
message: .asciz "constant"
    .section .sbat, "aR"
    .ascii "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
    .section .osrel, "aR"
    .ascii "ID=test\n"
    .section .data, "awR"
    .balign 8
    .quad efi_main, message, pointers, zeros
pointers: .quad 0x1234
    .bss
    .balign 8
zeros: .space 0x2000
"#;

/// Runs a tool of the toolbox; a missing tool is a failure of the test.
fn run(dir: &Path, tool: &str, arguments: &[&str]) -> Output {
    Command::new(tool)
        .args(arguments)
        .current_dir(dir)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap_or_else(|e| panic!("{tool} cannot be run: {e}"))
}

/// The output of a tool, which must succeed.
fn text(dir: &Path, tool: &str, arguments: &[&str]) -> String {
    let output = run(dir, tool, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The converter: from Bazel by `ELF2EFI`, else as Cargo built it.
fn elf2efi() -> String {
    let path = env::var("ELF2EFI").ok().or(option_env!("CARGO_BIN_EXE_elf2efi").map(String::from));
    let path = fs::canonicalize(path.expect("ELF2EFI names the converter")).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// A folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
    let dir = base.join(format!("elf2efi-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Assembles and links `program.elf` in `dir`.
fn link(dir: &Path, arch: &Arch, data: &str, flags: &str) {
    let source = format!(".text\n .globl efi_main\nefi_main:\n {}{data}", arch.code);
    fs::write(dir.join("program.s"), source).unwrap();
    let assembler = format!("{}-as", arch.gnu);
    text(dir, &assembler, &[arch.assembler, &["-o", "program.o", "program.s"]].concat());
    let flags: Vec<_> = flags.split_whitespace().collect();
    text(dir, "ld.lld", &[&flags[..], &["-o", "program.elf", "program.o"]].concat());
}

#[test]
fn linked_programs_become_images_that_other_readers_understand() {
    let packings = ["--pack-dyn-relocs=none", "--pack-dyn-relocs=relr"];
    for (arch, packing) in ARCHES.iter().flat_map(|arch| packings.map(|packing| (arch, packing))) {
        let dir = folder(arch.gnu);
        link(&dir, arch, DATA, &format!("{LINK} {packing}"));
        let relocations = text(&dir, &format!("{}-readelf", arch.gnu), &["-rW", "program.elf"]);
        assert_eq!(relocations.contains(".relr.dyn"), packing.ends_with("relr"), "{relocations}");
        text(&dir, &elf2efi(), &["program.elf", "program.efi"]);

        let listing = text(&dir, &format!("{}-objdump", arch.gnu), &["-h", "-p", "program.efi"]);
        for line in [arch.format, "(EFI application)", "NX_COMPAT", "DYNAMIC_BASE", "Number of fixups 4"] {
            assert!(listing.contains(line), "{line} is not in: {listing}");
        }
        text(&dir, &format!("{}-objcopy", arch.gnu), &["-O", "binary", "-j", ".sbat", "program.efi", "sbat"]);
        assert_eq!(fs::read_to_string(dir.join("sbat")).unwrap(), SBAT);
        let sections = text(&dir, "ukify", &["inspect", "program.efi"]);
        assert!(sections.contains(".osrel:\n  size: 8 bytes"), "{sections}");
        checked_by_object(&fs::read(dir.join("program.efi")).unwrap(), arch);
        fs::remove_dir_all(dir).unwrap();
    }
}

/// Machine, protection of every section, and that the relocated words are the addresses that the ELF file
/// says.
fn checked_by_object(file: &[u8], arch: &Arch) {
    let pe = PeFile64::parse(file).unwrap();
    assert_eq!(pe.nt_headers().file_header().machine.get(LE).0, arch.machine);
    for header in pe.section_table().iter() {
        let flags = header.characteristics.get(LE).0;
        assert_ne!(flags & 0xa000_0000, 0xa000_0000, "{:?} is writable and executable", header.raw_name());
        assert_eq!(header.virtual_address.get(LE) % 0x1000, 0);
    }
    let section = |name| pe.section_by_name(name).unwrap_or_else(|| panic!("no {name}"));
    let data = section(".data");
    assert!(data.size() >= 0x2028, "memory without data counts: {:#x}", data.size());
    let words: Vec<u64> =
        data.data().unwrap().as_chunks::<8>().0.iter().take(5).map(|w| u64::from_le_bytes(*w)).collect();
    let within = |address, name| {
        let home = section(name);
        (home.address()..home.address() + home.size()).contains(&address)
    };
    let homes = [".text", ".rodata", ".data", ".data"];
    for (&word, home) in words.iter().zip(homes) {
        assert!(within(word, home), "{word:#x} is not in {home}");
    }
    assert_eq!(words[0], pe.entry());
    assert_eq!(words[4], 0x1234);
    let message = section(".rodata");
    let message = &message.data().unwrap()[(words[1] - message.address()) as usize..][..8];
    assert_eq!(message, b"constant");
}

/// Linked without one of the flags: refused, with the flag in the message, and no file is left.
#[test]
fn programs_linked_otherwise_are_refused_and_told_why() {
    let dir = folder("refused");
    let arch = &ARCHES[0];
    let table = [
        ("-z separate-loadable-segments", "-z noseparate-code", "-z separate-loadable-segments"),
        ("--image-base=0x1000", "--image-base=0x200000", "--image-base=0x1000"),
        ("-pie", "-no-pie", "-pie"),
        ("--no-dynamic-linker", "--dynamic-linker=/lib/ld.so", "--no-dynamic-linker"),
    ];
    for (flag, instead, hint) in table {
        link(&dir, arch, DATA, &LINK.replacen(flag, instead, 1));
        let output = run(&dir, &elf2efi(), &["program.elf", "program.efi"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{instead}: {error}");
        assert!(error.starts_with("elf2efi: program.elf: ") && error.contains(hint), "{instead}: {error}");
        assert!(!dir.join("program.efi").exists());
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn usage_and_missing_files_have_their_exit_codes() {
    let dir = folder("usage");
    let output = run(&dir, &elf2efi(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&dir, &elf2efi(), &["none.elf", "none.efi"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("elf2efi: none.elf: "));
    fs::remove_dir_all(dir).unwrap();
}
