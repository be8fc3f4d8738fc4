// SPDX-License-Identifier: BSD-3-Clause
//! Commands about the machine and GRUB itself.

use alloc::string::String;

use super::{Call, Status};
use crate::{
    Error,
    grub::{
        boot::Leaving,
        interpreter::{Flow, Interpreter},
    },
};

/// The firmware goes on with its next boot option.
pub fn exit(grub: &mut Interpreter<'_>, _: &Call<'_>) -> Result<Status, Error> {
    Ok(end(grub, Leaving::Exit))
}

/// `halt`, `reboot`: outside of entries they fail, since nothing is switched off while menus are read.
pub fn leave(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    if !grub.is_in_entry {
        return Ok(Status::Failure);
    }
    Ok(end(grub, Leaving::Machine(String::from(call.name))))
}

pub fn fwsetup(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    if call.first() == Some("--is-supported") || !grub.is_in_entry {
        return Ok(Status::Success);
    }
    leave(grub, call)
}

fn end(grub: &mut Interpreter<'_>, leaving: Leaving) -> Status {
    grub.boot.leaving = Some(leaving);
    Status::Ends(Flow::Exit)
}

pub fn cpuid(grub: &mut Interpreter<'_>, _: &Call<'_>) -> Result<Status, Error> {
    Ok(grub.is_x86.into())
}

/// Only one module changes the meaning of words.
pub fn insmod(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    grub.has_wildcards |= call.first() == Some("regexp");
    Ok(call.first().is_some().into())
}
