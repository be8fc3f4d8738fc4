// SPDX-License-Identifier: BSD-3-Clause
//! Commands about users.

use alloc::rc::Rc;

use super::{Call, Status};
use crate::{
    Error, Password,
    grub::{interpreter::Interpreter, users},
    sizes::total,
};

/// `password USER TEXT`
pub fn password(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    add(grub, call, |text| Some(Password::Plain(text.into())))
}

/// `password_pbkdf2 USER HASH`
pub fn password_pbkdf2(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    add(grub, call, users::pbkdf2)
}

fn add(
    grub: &mut Interpreter<'_>,
    call: &Call<'_>,
    read: fn(&str) -> Option<Password>,
) -> Result<Status, Error> {
    let [name, text] = call.arguments else { return Ok(Status::Failure) };
    grub.budget.menu(call.line, total([name.len(), text.len()]))?;
    Ok(read(text).is_some_and(|password| Rc::make_mut(&mut grub.users).add(name, password)).into())
}

/// Fails if a password would be needed: nobody can be asked while menus are read.
pub fn authenticate(grub: &mut Interpreter<'_>, _: &Call<'_>) -> Result<Status, Error> {
    Ok(grub.environment().lookup("superusers").is_none().into())
}
