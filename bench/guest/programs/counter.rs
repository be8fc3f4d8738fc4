// SPDX-License-Identifier: BSD-3-Clause
//! The processor's counter, as the loader's own clock reads it.

#[cfg(target_arch = "x86_64")]
pub fn now() -> u64 {
    // SAFETY: RDTSC is part of every x86_64 processor and allowed at the privilege of UEFI applications.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "aarch64")]
pub fn now() -> u64 {
    let ticks: u64;
    // SAFETY: reads a register and changes nothing; the virtual counter is readable at EL1 and EL2.
    unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

#[cfg(target_arch = "riscv64")]
pub fn now() -> u64 {
    let ticks: u64;
    // SAFETY: reads a counter and changes nothing; the firmware of a UEFI platform makes `time` readable.
    unsafe { core::arch::asm!("rdtime {}", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

#[cfg(target_arch = "loongarch64")]
pub fn now() -> u64 {
    let ticks: u64;
    // SAFETY: reads the stable counter and its id, and changes nothing; part of every LoongArch64 processor.
    unsafe { core::arch::asm!("rdtime.d {}, {}", out(reg) ticks, out(reg) _, options(nomem, nostack)) };
    ticks
}
