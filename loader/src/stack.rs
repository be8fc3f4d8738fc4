// SPDX-License-Identifier: BSD-3-Clause
//! How much stack was used: the firmware guarantees 128 KiB and nothing watches it.

use core::hint::black_box;

/// Bytes below the entry point's frame that are painted.
///
/// The specification guarantees 128 KiB of stack, but EDK II for RISC-V virtual machines has 64 KiB in all, and
/// the device tree right below: half of that is left alone. It is several times what is used.
const PAINTED: usize = 32 * 1024;
const PATTERN: u64 = 0x5ac3_1e77_a90b_42d6;

/// A painted stack.
pub struct Stack {
    /// Lowest painted address.
    bottom: usize,
    words: usize,
}

/// Address of a local of the caller's frame, or somewhat below it.
#[inline(never)]
fn position() -> usize {
    let local = 0u8;
    black_box(&raw const local).addr()
}

impl Stack {
    /// Paints the stack below the caller. Call it once, from the entry point, before anything else.
    #[inline(never)]
    pub fn paint() -> Self {
        // The frame of this function, its callees and a red zone stay untouched.
        let top = position().saturating_sub(1024) & !7;
        let words = PAINTED / 8;
        let bottom = top.saturating_sub(PAINTED);
        for word in 0..words {
            let address = core::ptr::with_exposed_provenance_mut::<u64>(bottom + word * 8);
            // SAFETY: the word lies at most 33 KiB below the frame of the entry point, which is within the
            // stack (see `PAINTED`), and where no live frame is. It is aligned to 8. An interrupt that uses
            // the same bytes has returned before we go on.
            unsafe { address.write_volatile(PATTERN) };
        }
        Self { bottom, words }
    }

    /// Bytes of the painted stack that have been used at any time, from its top down.
    pub fn peak(&self) -> usize {
        let untouched = (0..self.words).take_while(|word| {
            let address = core::ptr::with_exposed_provenance::<u64>(self.bottom + word * 8);
            // SAFETY: as in `paint`: part of the stack, aligned, and initialised by `paint`.
            unsafe { address.read_volatile() == PATTERN }
        });
        (self.words - untouched.count()) * 8
    }
}
