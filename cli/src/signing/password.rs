// SPDX-License-Identifier: BSD-3-Clause
//! The password of a private key.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::{codes, failure::Failure, printer::text};

/// The variable that cosign reads, too. May be empty.
const VARIABLE: &str = "COSIGN_PASSWORD";

/// The password of a key: from the environment, or typed on the terminal.
pub fn of(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if let Ok(password) = env::var(VARIABLE) {
        return Ok(Zeroizing::new(password));
    }
    let name = path.as_os_str().as_bytes();
    let failed = |error: std::io::Error| {
        Failure::new(codes::SIGNING_KEY, name, format!("no terminal to ask for its password: {error}"))
    };
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
    write!(terminal, "Password of {}: ", text(name)).map_err(failed)?;
    let before = tcgetattr(&terminal).map_err(|error| failed(error.into()))?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(|error| failed(error.into()))?;
    let mut password = Zeroizing::new(String::new());
    let read = BufReader::new(&terminal).read_line(&mut password);
    let restored = tcsetattr(&terminal, OptionalActions::Flush, &before);
    // The newline that the user typed was not echoed.
    let _ = writeln!(terminal);
    read.map_err(failed)?;
    restored.map_err(|error| failed(error.into()))?;
    let length = password.trim_end_matches(['\r', '\n']).len();
    password.truncate(length);
    Ok(password)
}
