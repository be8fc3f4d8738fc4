// SPDX-License-Identifier: BSD-3-Clause
//! A campaign detects every kind of failure of a reader, and counts the layers that mutants pass.

use std::rc::Rc;

use block::BlockRead;
use oracle::campaign::{self, Depth, Failure, Plan};

/// A format of 64 bytes: the first chooses what the reader does, the last four are a checksum over all others.
const LENGTH: usize = 64;
const SUM: usize = LENGTH - 4;

fn image() -> Vec<u8> {
    // All different, so that swaps and copies change something; byte 0 is 1.
    let mut image: Vec<u8> = (1..=LENGTH as u8).collect();
    repair(&mut image, 0);
    image
}

/// FNV-1a.
fn sum(image: &[u8]) -> [u8; 4] {
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    image[..SUM].iter().fold(0x811c_9dc5, step).to_le_bytes()
}

fn repair(image: &mut [u8], _: usize) {
    let sum = sum(image);
    image[SUM..].copy_from_slice(&sum);
}

/// The image, if it is long enough and its sum is right.
fn checked(device: &Rc<dyn BlockRead>) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    device.read_at(0, &mut bytes).ok()?;
    (sum(&bytes) == bytes[SUM..]).then_some(bytes)
}

fn plan(image: &[u8], read: fn(Rc<dyn BlockRead>, Depth) -> usize) -> Plan<'_> {
    Plan { name: "toy", image, layers: &["sum", "bytes"], read, repair, mutants: 300, seed: 1 }
}

/// The failures among the first mutants.
fn failures(mutants: usize, read: fn(Rc<dyn BlockRead>, Depth) -> usize) -> Vec<Failure> {
    let image = image();
    let report = campaign::survey(Plan { mutants, ..plan(&image, read) });
    assert!(!report.failures.is_empty(), "{report}");
    for failure in &report.failures {
        assert_eq!(failure.number % 2, 1, "behind the checksum: {failure:?}");
        let (mutant, what) = plan(&image, read).mutant(failure.number);
        assert!(mutant[0] != 1 && failure.mutant == what, "{failure:?} is made again by its number");
    }
    report.failures
}

#[test]
fn a_sound_reader_passes_and_repaired_mutants_get_further() {
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        match checked(&device) {
            None => 0,
            Some(bytes) if bytes[..SUM].iter().any(|byte| *byte > 200) => 1,
            Some(_) => 2,
        }
    }
    let report = campaign::survey(plan(&image(), read));
    report.check();
    let [sum, bytes] = &report.layers[..] else { panic!("{report}") };
    assert!(sum.plain == 0, "the checksum stops all plain mutants: {report}");
    assert!(sum.repaired == 150, "and no repaired one: {report}");
    assert!(bytes.repaired > 0 && bytes.repaired < 150, "{report}");
}

#[test]
fn a_panic_is_found_with_its_message() {
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        let Some(bytes) = checked(&device) else { return 0 };
        assert!(bytes[0] == 1, "the byte is {}", bytes[0]);
        2
    }
    assert!(failures(300, read).iter().all(|failure| failure.cause.contains("the byte is ")));
}

#[test]
fn a_stack_overflow_is_found() {
    fn down(depth: u64) -> u64 {
        if depth == 0 { 0 } else { std::hint::black_box(down(depth - 1)) + 1 }
    }
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        let Some(bytes) = checked(&device) else { return 0 };
        down(if bytes[0] == 1 { 0 } else { 10_000_000 });
        2
    }
    let failures = failures(300, read);
    assert!(failures.iter().all(|failure| failure.cause.contains("overflowed its stack")), "{failures:?}");
}

#[test]
fn a_hang_is_found() {
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        let Some(bytes) = checked(&device) else { return 0 };
        while std::hint::black_box(bytes[0]) != 1 {}
        2
    }
    // Few: the test waits two seconds for each that hangs.
    assert!(failures(8, read).iter().all(|failure| failure.cause.contains("hangs")));
}

#[test]
fn too_much_memory_is_found() {
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        let Some(bytes) = checked(&device) else { return 0 };
        let size = if bytes[0] == 1 { 60 << 20 } else { 66 << 20 };
        std::hint::black_box(vec![1u8; size]).len() / size * 2
    }
    // Few: each touches 60 MiB.
    let failures = failures(40, read);
    assert!(failures.iter().all(|failure| failure.cause.contains("memory allocation")), "{failures:?}");
}

#[test]
fn many_failures_are_given_up() {
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        let is_sound = checked(&device).is_some_and(|bytes| bytes == image().as_slice());
        if is_sound { 2 } else { std::process::abort() }
    }
    let report = campaign::survey(plan(&image(), read));
    assert!(report.is_given_up && report.failures.len() == 20, "{report}");
}

#[test]
#[should_panic(expected = "no mutant passed Some(Layer { name: \"bytes\"")]
fn a_layer_that_no_mutant_passes_fails() {
    fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
        checked(&device).map_or(0, |bytes| 1 + usize::from(bytes == image().as_slice()))
    }
    // Few enough that none of them changes nothing.
    campaign::survey(Plan { mutants: 8, ..plan(&image(), read) }).check();
}

#[test]
#[should_panic(expected = "layers that the sound image passes")]
fn a_reader_that_cannot_read_the_sound_image_fails() {
    let _ = campaign::survey(plan(&image(), |device, _| usize::from(checked(&device).is_some())));
}
