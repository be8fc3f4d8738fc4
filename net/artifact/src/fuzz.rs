// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use alloc::{vec, vec::Vec};

use oci::Document;

use crate::{
    line,
    parts::{Parts, name},
    plan::{Plan, places},
};

/// The largest buffers that are tried.
const LARGEST: u64 = 1 << 20;

/// Any bytes: a manifest with its parts and their places, and a command line.
pub fn fuzz(data: &[u8]) {
    if let Ok(line) = line::line(data) {
        assert!(!line.contains(char::is_control), "a line has no control characters");
    }
    let Ok(Document::Manifest(manifest)) = Document::parse(data, &[]) else { return };
    let Ok(plan) = Parts::of(&manifest).and_then(Plan::new) else { return };
    assert!(plan.wanted >= plan.fetched, "what is fetched has a place");
    let known = plan.parts.all().count();
    assert_eq!(known.checked_add(plan.parts.ignored.len()), Some(manifest.layers.len()), "no part is lost");
    plan.parts.all().for_each(|part| assert!(!name(part).contains(char::is_control)));
    let Ok(length) = usize::try_from(plan.initrd.min(LARGEST)) else { return };
    let mut buffer: Vec<u8> = vec![0xff; length];
    let found = places(&plan.placed, &mut buffer).map(|places| places.len());
    if plan.initrd <= LARGEST {
        assert_eq!(found, Some(plan.placed.len()), "every part has its place");
        if let Some((archive, start)) = &plan.archive {
            let target = usize::try_from(*start).ok().and_then(|start| buffer.get_mut(start..));
            assert!(target.and_then(|target| archive.finish(target)).is_some(), "the archive is whole");
        }
    }
}
