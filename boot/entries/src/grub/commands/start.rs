// SPDX-License-Identifier: BSD-3-Clause
//! Commands that say what an entry starts.

use alloc::{format, string::String, vec::Vec};

use super::{Call, Status, short};
use crate::{
    Error, Initrd, Program,
    grub::{
        boot::Loaded,
        budget::reserve,
        interpreter::{Flow, Interpreter},
        lexer::is_hexadecimal_byte,
    },
    sizes::{behind, total},
};

/// `linux FILE OPTION…`
pub fn linux(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let Some((path, words)) = call.arguments.split_first() else {
        return Ok(Status::Failure);
    };
    let Some(kernel) = grub.file(path) else {
        grub.boot.refuse(format!("no file {}", short(path)));
        return Ok(Status::Failure);
    };
    let options = command_line(words, call.line)?;
    // As in GRUB, another kernel drops what was loaded for the first.
    grub.boot.loaded = Loaded::Kernel { kernel, options, initrd: Vec::new() };
    Ok(Status::Success)
}

/// `initrd FILE…`, for the kernel that is loaded.
pub fn initrd(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let files: Option<Vec<Initrd>> = call.arguments.iter().map(|word| initial(grub, word)).collect();
    let Loaded::Kernel { initrd, .. } = &mut grub.boot.loaded else {
        return Ok(Status::Failure);
    };
    let is_found = files.as_ref().is_some_and(|files| !files.is_empty());
    *initrd = files.unwrap_or_default();
    Ok(is_found.into())
}

/// `FILE`, or `newc:NAME:FILE`, which the kernel finds as `/NAME` (`grub_initrd_init` of grub-core/loader/linux.c).
fn initial(grub: &Interpreter<'_>, word: &str) -> Option<Initrd> {
    let named = word.strip_prefix("newc:").and_then(|rest| rest.trim_start_matches('/').split_once(':'));
    let (name, path) = named.map_or((None, word), |(name, path)| (Some(name.into()), path));
    Some(Initrd { file: grub.file(path)?, name })
}

pub fn devicetree(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    grub.boot.devicetree = call.first().and_then(|path| grub.file(path));
    Ok(grub.boot.devicetree.is_some().into())
}

/// An EFI program with its options, or sectors of a disk, which only a BIOS starts.
pub fn chainloader(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    // `--force` and `--bpb` matter only on a BIOS.
    let mut words = call.arguments.iter().skip_while(|word| matches!(word.as_str(), "--force" | "--bpb"));
    let Some(path) = words.next() else { return Ok(Status::Failure) };
    let sectors = path.rsplit_once(')').map_or(path.as_str(), |(_, sectors)| sectors);
    if sectors.starts_with(|c: char| c == '+' || c.is_ascii_digit()) {
        grub.boot.loaded = Loaded::Sectors(format!("chainloader {}", short(path)));
        return Ok(Status::Success);
    }
    let lower = path.to_ascii_lowercase();
    let Some(file) = lower.ends_with(".efi").then_some(path).and_then(|path| grub.file(path)) else {
        grub.boot.refuse(format!("chainloader {}", short(path)));
        return Ok(Status::Failure);
    };
    let options: Vec<&str> = words.map(String::as_str).collect();
    let options = (!options.is_empty()).then(|| options.join(" "));
    let os = lower.ends_with("bootmgfw.efi").then_some("windows");
    grub.boot.loaded = Loaded::Program(Program { file, options, os });
    Ok(Status::Success)
}

/// Ends the entry if something is loaded.
pub fn boot(grub: &mut Interpreter<'_>, _: &Call<'_>) -> Result<Status, Error> {
    let is_end = grub.is_in_entry && grub.boot.is_loaded();
    Ok(if is_end { Status::Ends(Flow::Exit) } else { (!grub.is_in_entry).into() })
}

/// Arguments as GRUB passes them to a kernel: `grub_create_loader_cmdline` of grub-core/lib/cmdline.c, and Red Hat's
/// version, which leaves `\xHH` unchanged.
fn command_line(words: &[String], line: u32) -> Result<String, Error> {
    let mut text = String::new();
    for word in words {
        // Each character may get a backslash, and the word quotes and a space.
        reserve(&mut text, line, total([word.len(), word.len(), 3]))?;
        if !text.is_empty() {
            text.push(' ');
        }
        let quote = if word.contains(' ') { "\"" } else { "" };
        text.push_str(quote);
        for (at, c) in word.char_indices() {
            let is_byte = || word.get(behind(at)..).is_some_and(is_hexadecimal_byte);
            if matches!(c, '\'' | '"') || (c == '\\' && !is_byte()) {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str(quote);
    }
    Ok(text)
}
