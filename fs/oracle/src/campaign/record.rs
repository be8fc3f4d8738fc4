// SPDX-License-Identifier: BSD-3-Clause
//! Records which bytes of an image a walk over its metadata reads.

use std::{cell::RefCell, collections::BTreeSet, ops::Range, rc::Rc};

use block::{BlockRead, ReadError};

use super::{Depth, Plan};

/// Records every read of more than one byte.
struct Recorder {
    image: Vec<u8>,
    reads: RefCell<BTreeSet<(usize, usize)>>,
}

impl BlockRead for Recorder {
    fn size(&self) -> u64 {
        self.image.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.image.read_at(offset, buf)?;
        if buf.len() > 1 {
            self.reads.borrow_mut().insert((offset as usize, buf.len()));
        }
        Ok(())
    }
}

/// The ranges that the reader reads of the sound image, without duplicates.
pub fn reads(plan: &Plan<'_>) -> Vec<Range<usize>> {
    let recorder = Rc::new(Recorder { image: plan.image.to_vec(), reads: RefCell::default() });
    let device: Rc<dyn BlockRead> = recorder.clone();
    (plan.read)(device, Depth::Metadata);
    let reads = recorder.reads.borrow();
    assert!(!reads.is_empty(), "{}: the reader reads nothing of the sound image", plan.name);
    reads.iter().map(|(offset, length)| *offset..offset + length).collect()
}
