// SPDX-License-Identifier: BSD-3-Clause
//! A stack of our own.
//!
//! The specification guarantees 128 KiB of stack, but EDK II for RISC-V virtual machines leaves about 20 KiB, with the
//! device tree right below, and no firmware watches the end. So the program runs on memory that it has allocated
//! itself, filled with a pattern to measure how much of it is used.

use alloc::{vec, vec::Vec};
use core::{
    arch::global_asm,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Bytes of the stack: four times the budget for its use.
const SIZE: usize = 256 * 1024;
const PATTERN: u64 = 0x5ac3_1e77_a90b_42d6;
/// End of the stack that is in use.
static TOP: AtomicUsize = AtomicUsize::new(0);

/// Address of the end of the stack that the program runs on; 0 before it runs there.
#[cfg(not(target_os = "linux"))]
pub fn top() -> usize {
    TOP.load(Ordering::Relaxed)
}

/// A stack filled with a pattern.
pub struct Stack {
    words: Vec<u64>,
}

impl Stack {
    /// Allocates and fills it.
    pub fn new() -> Self {
        Self { words: vec![PATTERN; SIZE / 8] }
    }

    /// The most bytes that were ever used, from the top down.
    pub fn peak(&self) -> usize {
        let start = self.words.as_ptr();
        let untouched = (0..self.words.len()).take_while(|word| {
            // SAFETY: within the vector. Volatile, because the program's own frames are written there behind
            // the compiler's back.
            unsafe { start.wrapping_add(*word).read_volatile() == PATTERN }
        });
        SIZE - untouched.count() * 8
    }

    /// Calls `function` on this stack, with this stack as its argument.
    pub fn run(&mut self, function: extern "C" fn(&Self) -> usize) -> usize {
        // Aligned to 16 bytes, as all four calling conventions want it.
        let top = self.words.as_mut_ptr().wrapping_add(self.words.len()).map_addr(|address| address & !15);
        TOP.store(top.addr(), Ordering::Relaxed);
        // SAFETY: `top` is the end of memory that is ours alone while `function` runs; `function` takes the one
        // argument that is handed over and returns a word, as the routine below has it.
        unsafe { cloud_boot_call_on_stack(ptr::from_ref(self), function, top) }
    }
}

#[expect(improper_ctypes, reason = "the stack is passed through to Rust as it is")]
unsafe extern "C" {
    /// Calls `function(stack)` with the stack pointer at `top`, and returns what it returns.
    ///
    /// # Safety
    /// `top` is aligned to 16 bytes, and below it is memory that nothing else uses.
    fn cloud_boot_call_on_stack(
        stack: *const Stack,
        function: extern "C" fn(&Stack) -> usize,
        top: *mut u64,
    ) -> usize;
}

// The calling convention of x86_64 UEFI: rcx, rdx, r8; 32 bytes of home space.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl cloud_boot_call_on_stack",
    "cloud_boot_call_on_stack:",
    "push rbp",
    "mov rbp, rsp",
    "mov rsp, r8",
    "sub rsp, 32",
    "call rdx",
    "mov rsp, rbp",
    "pop rbp",
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl cloud_boot_call_on_stack",
    "cloud_boot_call_on_stack:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "mov sp, x2",
    "blr x1",
    "mov sp, x29",
    "ldp x29, x30, [sp], #16",
    "ret",
);

#[cfg(target_arch = "riscv64")]
global_asm!(
    ".globl cloud_boot_call_on_stack",
    "cloud_boot_call_on_stack:",
    "addi sp, sp, -16",
    "sd ra, 8(sp)",
    "sd s0, 0(sp)",
    "mv s0, sp",
    "mv sp, a2",
    "jalr a1",
    "mv sp, s0",
    "ld ra, 8(sp)",
    "ld s0, 0(sp)",
    "addi sp, sp, 16",
    "ret",
);

#[cfg(target_arch = "loongarch64")]
global_asm!(
    ".globl cloud_boot_call_on_stack",
    "cloud_boot_call_on_stack:",
    "addi.d $sp, $sp, -16",
    "st.d $ra, $sp, 8",
    "st.d $fp, $sp, 0",
    "move $fp, $sp",
    "move $sp, $a2",
    "jirl $ra, $a1, 0",
    "move $sp, $fp",
    "ld.d $ra, $sp, 8",
    "ld.d $fp, $sp, 0",
    "addi.d $sp, $sp, 16",
    "jr $ra",
);
