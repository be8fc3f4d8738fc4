// SPDX-License-Identifier: BSD-3-Clause
//! The static commands of all architectures hold the same four loaders, those that `//loader` builds.

use std::{env, fs};

/// The files that a variable names.
fn files(variable: &str) -> Vec<(String, Vec<u8>)> {
    let names = env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"));
    names.split_whitespace().map(|name| (name.into(), fs::read(name).unwrap())).collect()
}

/// Whether `bytes` stand somewhere in `program`.
fn holds(program: &[u8], bytes: &[u8]) -> bool {
    let mut rest = program;
    // The first bytes of a loader are rare enough: `MZ` at any place would be looked at.
    while let Some(at) = rest.windows(2).position(|window| window == &bytes[..2]) {
        rest = &rest[at..];
        if rest.starts_with(bytes) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

#[test]
fn every_command_has_every_loader() {
    let (commands, loaders) = (files("COMMANDS"), files("LOADERS"));
    assert_eq!((commands.len(), loaders.len()), (4, 4));
    for (command, program) in &commands {
        for (loader, bytes) in &loaders {
            assert!(holds(program, bytes), "{loader} is not in {command}");
        }
        let mut other = loaders[0].1.clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(!holds(program, &other), "{command}: the test finds everything");
    }
}
