// SPDX-License-Identifier: BSD-3-Clause
//! Damaged copies of an image.

use std::{fmt, ops::Range};

use super::Plan;
use crate::random::Random;

const SECTOR: usize = 512;
/// One of this many mutants is truncated instead of changed.
const TRUNCATED: usize = 25;
/// Checksums are repaired once for every this many bytes of a change: no structure with its own checksum is smaller.
const REPAIR_STEP: usize = 16;
/// Number of attempts to find a better place or change; an image of equal bytes has none.
const TRIES: usize = 32;

/// A description of a change, and the new bytes at each offset.
type Change = (&'static str, Vec<(usize, Vec<u8>)>);

/// The damage of one copy.
pub struct Mutant {
    /// Offsets and their replacement bytes.
    changes: Vec<(usize, Vec<u8>)>,
    /// The length after truncation.
    length: Option<usize>,
    is_repaired: bool,
    what: &'static str,
}

impl Mutant {
    /// Damages a copy of the sound image.
    pub fn apply(&self, image: &mut Vec<u8>, repair: fn(&mut [u8], usize)) {
        for (offset, bytes) in &self.changes {
            image[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        if self.is_repaired {
            for (offset, bytes) in &self.changes {
                let last = offset + bytes.len() - 1;
                (*offset..last).step_by(REPAIR_STEP).chain([last]).for_each(|at| repair(image, at));
            }
        }
        if let Some(length) = self.length {
            image.truncate(length);
        }
    }

    pub fn is_repaired(number: usize) -> bool {
        number % 2 == 1
    }
}

/// Offset and change, on one line.
impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        for (offset, bytes) in &self.changes {
            write!(f, ", {} bytes at {offset} ({offset:#x})", bytes.len())?;
            if bytes.len() <= 8 {
                f.write_str(":")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
            }
        }
        if let Some(length) = self.length {
            write!(f, " to {length} bytes")?;
        }
        f.write_str(if self.is_repaired { ", checksums repaired" } else { "" })
    }
}

/// Makes mutants of one image.
pub struct Mutator<'a> {
    image: &'a [u8],
    /// The ranges that the reader reads.
    reads: Vec<Range<usize>>,
    seed: u64,
}

impl<'a> Mutator<'a> {
    pub fn new(plan: &Plan<'a>, reads: Vec<Range<usize>>) -> Self {
        Self { image: plan.image, reads, seed: plan.seed }
    }

    /// The mutant with this number, which is the same for the same image, reader and seed.
    pub fn mutant(&self, number: usize) -> Mutant {
        let mut random = Random::new(self.seed, number);
        let is_repaired = Mutant::is_repaired(number);
        if !is_repaired && random.below(TRUNCATED / 2) == 0 {
            let length = Some(self.place(&mut random));
            return Mutant { changes: vec![], length, is_repaired, what: "truncated" };
        }
        let (mut what, mut changes) = self.change(&mut random);
        for _ in 0..TRIES {
            if changes.iter().any(|(offset, bytes)| !self.image[*offset..].starts_with(bytes)) {
                break;
            }
            (what, changes) = self.change(&mut random);
        }
        Mutant { changes, length: None, is_repaired, what }
    }

    fn change(&self, random: &mut Random) -> Change {
        match random.below(16) {
            0..3 => self.bit_flip(random),
            3..5 => self.random_byte(random),
            5..7 => self.fill(random),
            7..9 => self.exchange(random),
            9 => self.zeroed_sector(random),
            _ => self.integer(random),
        }
    }

    /// An offset that the reader reads: each of its reads is equally likely, so that a superblock is hit as often as a
    /// large folder. Mostly not a zero byte, since unused space is zero.
    fn place(&self, random: &mut Random) -> usize {
        let range = random.pick(&self.reads).clone();
        let any = |random: &mut Random| range.start + random.below(range.len());
        let wants_used = random.below(4) != 0;
        for _ in 0..TRIES {
            let place = any(random);
            if !wants_used || self.image[place] != 0 {
                return place;
            }
        }
        any(random)
    }

    /// The range of a field of `width` bytes, aligned to its width.
    fn field(&self, random: &mut Random, width: usize) -> Range<usize> {
        let start = self.place(random) / width * width;
        start..(start + width).min(self.image.len())
    }

    fn bit_flip(&self, random: &mut Random) -> Change {
        let place = self.place(random);
        ("bit flipped", vec![(place, vec![self.image[place] ^ (1 << random.below(8))])])
    }

    fn random_byte(&self, random: &mut Random) -> Change {
        ("random byte", vec![(self.place(random), vec![random.next() as u8])])
    }

    fn fill(&self, random: &mut Random) -> Change {
        let width = *random.pick(&[1, 2, 4, 8, 16]);
        let field = self.field(random, width);
        ("filled", vec![(field.start, vec![*random.pick(&[0x00, 0xff]); field.len()])])
    }

    /// Swaps two fields that are close to each other, or copies one over the other anywhere.
    fn exchange(&self, random: &mut Random) -> Change {
        let width = *random.pick(&[2, 4, 8, 16, 32, 128]);
        let is_swap = random.below(2) == 0;
        let one = self.field(random, width);
        let other = if is_swap {
            let distance = width * (1 + random.below(8));
            if one.start >= distance {
                one.start - distance..one.start - distance + width
            } else {
                one.clone()
            }
        } else {
            self.field(random, width)
        };
        let (a, b) = (self.image[one.clone()].to_vec(), self.image[other.clone()].to_vec());
        if a.len() != b.len() {
            return self.bit_flip(random);
        }
        if is_swap {
            ("fields swapped", vec![(one.start, b), (other.start, a)])
        } else {
            ("field duplicated", vec![(other.start, a)])
        }
    }

    fn zeroed_sector(&self, random: &mut Random) -> Change {
        let sector = self.field(random, SECTOR);
        ("sector zeroed", vec![(sector.start, vec![0; sector.len()])])
    }

    /// A boundary value, in a field of either byte order.
    fn integer(&self, random: &mut Random) -> Change {
        let width = *random.pick(&[2, 4, 8]);
        let field = self.field(random, width);
        let now = &self.image[field.clone()];
        let is_big = random.below(4) == 0;
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let value = if is_big { now.iter().fold(0, fold) } else { now.iter().rev().fold(0, fold) };
        let bits = width * 8;
        let size = self.image.len() as u64;
        let chosen = match random.below(10) {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => u64::MAX - random.below(16) as u64,
            4 => 1 << (bits - 1),
            5 => (1 << (bits - 1)) - 1,
            6 => 1 << random.below(bits),
            7 => value.wrapping_add(1),
            8 => value.wrapping_sub(1),
            // The end of the device in bytes, sectors or blocks, and a block before and after.
            _ => (size >> random.below(13)).wrapping_add(random.below(3) as u64).wrapping_sub(1),
        };
        let bytes = if is_big {
            chosen.to_be_bytes()[8 - field.len()..].to_vec()
        } else {
            chosen.to_le_bytes()[..field.len()].to_vec()
        };
        ("integer", vec![(field.start, bytes)])
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use block::BlockRead;

    use super::*;
    use crate::campaign::Depth;

    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        for (offset, length) in [(100, 8), (300, 512), (1000, 1)] {
            device.read_at(offset, &mut vec![0; length]).unwrap();
        }
        0
    }

    fn plan(image: &[u8]) -> Plan<'_> {
        let repair = |image: &mut [u8], _: usize| image[4000] = 99;
        Plan { name: "mutate", image, layers: &[], read, repair, mutants: 0, seed: 7 }
    }

    #[test]
    fn mutants_repeat_and_hit_what_is_read() {
        let image: Vec<u8> = (0..4096u32).map(|i| (i % 250 + 1) as u8).collect();
        let plan = plan(&image);
        let (mut hits, mut cut, mut same) = (0, 0, 0);
        for number in 0..2000 {
            let (bytes, what) = plan.mutant(number);
            assert_eq!(plan.mutant(number), (bytes.clone(), what.clone()));
            cut += usize::from(bytes.len() < image.len());
            let changed: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i] != image[*i]).collect();
            let repaired = bytes.get(4000) == Some(&99);
            assert_eq!(repaired, number % 2 == 1, "{what}");
            same += usize::from(changed.is_empty());
            hits += usize::from(changed.iter().any(|i| (100..108).contains(i) || (300..812).contains(i)));
        }
        // A field may begin before the place that was read, a copy go to the byte that is read alone.
        assert!(hits > 1700, "{hits} hit what is read");
        assert!((20..120).contains(&cut), "{cut} truncated");
        assert_eq!(same, cut, "the others change something");
    }
}
