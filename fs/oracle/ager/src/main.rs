// SPDX-License-Identifier: BSD-3-Clause
//! Makes images as they are after years of use: a real mkfs makes one, Linux's own driver ages it by thousands of
//! random operations, and then lists what it reads from it.
//!
//! Linux is User-mode Linux, an ordinary process with this machine's root filesystem, and its only program is this one:
//! as process 1 it is the guest, otherwise the host.

mod driver;
mod guest;
mod host;
mod life;
mod log;
mod modern;
mod names;
mod ops;
mod options;
mod storm;
mod subvolumes;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if std::process::id() == 1 {
        guest::run(&arguments);
    }
    match host::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("ager: {message}");
            ExitCode::FAILURE
        }
    }
}
