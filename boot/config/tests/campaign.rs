// SPDX-License-Identifier: BSD-3-Clause
//! Damaged settings resolve to something, within limits of time, stack and memory. Text has no checksums: what is
//! damaged is read as it stands.

use std::rc::Rc;

use block::BlockRead;
use config::{Config, Origin, Problem, Text, Trust};
use oracle::campaign::{self, Depth, Plan};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

const LINE: &str = "cloudboot.target=\"Debian GNU/Linux\" cloudboot.timeout=5 cloudboot.menu=locked \
    cloudboot.disk=/dev/disk/by-uuid/11111111-2222-3333-4444-555555555555 cloudboot.disk.luks-passphrase=secret \
    cloudboot.cmdline.extra=\"console=ttyS0,115200 quiet\" ip=dhcp cloudboot.debug root=/dev/vda1 -- single";

/// Layers passed: there are settings; they are those of the sound line.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    let resolve = |origin, trust| Config::resolve(&[Text::new(origin, &bytes)], trust);
    for origin in [Origin::Section, Origin::File, Origin::LoadOptions, Origin::Variable] {
        for trust in [Trust::Locked, Trust::LockedWithKey] {
            let config = resolve(origin, trust);
            let shown: Vec<String> = config.explain().chain([config.rest()]).collect();
            assert!(trust == Trust::Open || origin == Origin::Section || config.cmdline_extra().is_none());
            assert!(shown.len() < 100);
        }
    }
    let config = resolve(Origin::File, Trust::Open);
    let is_idle = |problem: &Problem| matches!(problem, Problem::Idle { .. });
    let is_whole = config.target() == Some("Debian GNU/Linux") && config.problems().iter().all(is_idle);
    usize::from(config.explain().next().is_some()) + usize::from(is_whole)
}

/// As UTF-8, and as firmware has it in variables and LoadOptions.
#[test]
fn line() {
    let layers = &["settings", "their values"];
    let repair = |_: &mut [u8], _| {};
    let ucs2: Vec<u8> = LINE.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    for (name, image, seed) in [("utf-8", LINE.as_bytes(), 21), ("ucs-2", &ucs2, 22)] {
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
