// SPDX-License-Identifier: BSD-3-Clause
//! Random bytes: from the firmware's EFI_RNG, the processor's own generator, and the jitter of its counter.

use core::cell::RefCell;

use crypto::{NoRandomness, Random};
use entropy::{Generator, Jitter, Pool};
use uefi::{boot, proto::rng::Rng};

use crate::{clock::counter, handle::open};

/// The generator of everything that must be unpredictable.
pub static ENTROPY: Entropy = Entropy(RefCell::new(None));

/// Entropy credited to a source, in bits: one EFI_RNG device, and one 64-bit word of the processor, of which only half
/// counts. (Neither source tells how good it is.)
const OF_FIRMWARE: u32 = 128;
const OF_WORD: u32 = 32;
/// Words taken from the processor.
const WORDS: usize = 4;
/// Steps between two samples of the counter.
const STEPS: u32 = 64;

/// The generator; None until it is first used.
pub struct Entropy(RefCell<Option<Generator>>);

// SAFETY: a UEFI application runs on one processor, in one thread, and nothing in it that runs at events (stopping
// cards at ExitBootServices) draws random bytes. So nobody borrows the cell while somebody else does.
unsafe impl Sync for Entropy {}

impl Random for Entropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        let mut generator = self.0.borrow_mut();
        if generator.is_none() {
            *generator = collected().generator();
        }
        generator.as_mut().ok_or(NoRandomness)?.fill(buffer);
        Ok(())
    }
}

/// Collects from all sources: any one may be poor, or known to an attacker.
fn collected() -> Pool {
    let mut pool = Pool::default();
    let mut bytes = [0; 64];
    for handle in boot::find_handles::<Rng>().unwrap_or_default() {
        let mut rng = open::<Rng>(handle);
        let rng = rng.as_mut().and_then(|rng| rng.get_mut());
        if rng.is_some_and(|rng| rng.get_rng(None, &mut bytes).is_ok()) {
            pool.add(&bytes, OF_FIRMWARE);
        }
    }
    for _ in 0..WORDS {
        if let Some(word) = processor::random() {
            pool.add(&word.to_le_bytes(), OF_WORD);
        }
    }
    let time = uefi::runtime::get_time().ok();
    pool.add(&time.map(|time| time.nanosecond().to_le_bytes()).unwrap_or_default(), 0);
    let mut jitter = Jitter::default();
    while jitter.sample(counter(), &mut pool) {
        // Work whose duration depends on caches, interrupts and neighbouring virtual machines.
        let mut word = u64::from(pool.bits());
        for step in 0..STEPS {
            word = core::hint::black_box(word.rotate_left(step).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
    }
    pool
}

#[cfg(target_arch = "x86_64")]
mod processor {
    use core::arch::x86_64::{__cpuid, __cpuid_count, _rdrand64_step, _rdseed64_step};

    /// ECX of leaf 1, and EBX of leaf 7.
    const RDRAND: u32 = 1 << 30;
    const RDSEED: u32 = 1 << 18;
    /// Tries; more failures in a row mean a broken generator (Intel, DRNG guide, section 5.2.1).
    const TRIES: u32 = 10;

    /// 64 bits of RDSEED or RDRAND; None if the processor has neither, or they do not work.
    pub fn random() -> Option<u64> {
        let has_rdseed = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).ebx & RDSEED != 0;
        let has_rdrand = __cpuid(1).ecx & RDRAND != 0;
        let mut word = 0;
        let mut draw = || {
            // SAFETY: the processor has said that it has the instruction.
            (has_rdseed && unsafe { rdseed(&mut word) })
                // SAFETY: as above.
                || (has_rdrand && unsafe { rdrand(&mut word) })
        };
        let is_drawn = (0..TRIES).any(|_| draw());
        // Broken generators yield all zeros or all ones (AMD, microcode of some Zen processors).
        (is_drawn && word != 0 && word != u64::MAX).then_some(word)
    }

    #[target_feature(enable = "rdseed")]
    unsafe fn rdseed(word: &mut u64) -> bool {
        _rdseed64_step(word) == 1
    }

    #[target_feature(enable = "rdrand")]
    unsafe fn rdrand(word: &mut u64) -> bool {
        _rdrand64_step(word) == 1
    }
}

#[cfg(target_arch = "aarch64")]
mod processor {
    use core::arch::asm;

    /// 64 bits of RNDR; None if the processor lacks it, or it has nothing to give.
    pub fn random() -> Option<u64> {
        let features: u64;
        // SAFETY: reads a register that says what the processor has; it is readable at EL1 and EL2.
        unsafe {
            asm!("mrs {}, id_aa64isar0_el1", out(reg) features, options(nomem, nostack, preserves_flags))
        };
        // ID_AA64ISAR0_EL1.RNDR (Arm ARM, D24.2).
        if features >> 60 == 0 {
            return None;
        }
        let (word, is_none): (u64, u64);
        // SAFETY: the processor has RNDR, by its encoding, since assemblers know the name only with the feature; it
        // changes nothing but the flags, of which Z says that there was nothing.
        unsafe {
            asm!("mrs {}, s3_3_c2_c4_0", "cset {}, eq", out(reg) word, out(reg) is_none, options(nomem, nostack));
        }
        (is_none == 0).then_some(word)
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod processor {
    /// None: RISC-V's CSR `seed` traps unless firmware has enabled it for us (mseccfg.SSEED), which we cannot find out,
    /// and LoongArch has no such instruction.
    pub fn random() -> Option<u64> {
        None
    }
}
