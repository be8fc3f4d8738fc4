// SPDX-License-Identifier: BSD-3-Clause
//! Time since the loader started, from the processor's counter; and the time of day, from the firmware.
//!
//! UEFI has no monotonic clock that every firmware implements, so the rate of the processor's counter is measured once
//! against `Stall`.

use core::time::Duration;

use uefi::{boot, runtime};

/// Duration of one measurement. Three are made and the shortest counts, since an interrupted one is too long.
const STALL: Duration = Duration::from_millis(1);

/// A clock that starts at zero.
pub struct Clock {
    start: u64,
    ticks_per_second: u64,
}

impl Clock {
    /// Starts the clock; takes three milliseconds.
    pub fn start() -> Self {
        let start = counter();
        let ticks = (0..3).map(|_| {
            let before = counter();
            boot::stall(STALL);
            counter().wrapping_sub(before)
        });
        // Saturates only on a counter of more than 2⁵⁴ ticks a millisecond.
        let ticks_per_second = ticks.min().unwrap_or(0).saturating_mul(1000).max(1);
        Self { start, ticks_per_second }
    }

    fn duration(&self, ticks: u64) -> Duration {
        // Seconds first, so that the rest times a million fits into 64 bits.
        let (seconds, rest) = (ticks / self.ticks_per_second, ticks % self.ticks_per_second);
        // Saturates only on a counter of more than 2⁴⁴ Hz.
        let micros = rest.saturating_mul(1_000_000) / self.ticks_per_second;
        Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
    }
}

impl flow::Clock for Clock {
    fn now(&self) -> Duration {
        self.duration(counter().wrapping_sub(self.start))
    }

    /// The counters start at power-on.
    fn since_power_on(&self) -> Duration {
        self.duration(counter())
    }
}

/// The firmware's time of day, in seconds since 1970, UTC; none if it has no clock. It may be wrong.
pub fn of_day() -> Option<u64> {
    let time = runtime::get_time().ok().filter(|time| time.is_valid().is_ok())?;
    let (year, month, day) = (i64::from(time.year()), i64::from(time.month()), i64::from(time.day()));
    // Days since 0000-03-01: years that start in March have the leap day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let since_1970 = days - 719_468;
    let of_day = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    // UTC is local time plus TimeZone, in minutes (UEFI 2.11, section 8.3).
    let zone = time.time_zone().map_or(0, |minutes| i64::from(minutes) * 60);
    u64::try_from(since_1970 * 86_400 + of_day + zone).ok()
}

/// The processor's counter.
#[cfg(target_arch = "x86_64")]
pub fn counter() -> u64 {
    // SAFETY: RDTSC is part of every x86_64 processor and allowed at the privilege of UEFI applications.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The processor's counter.
#[cfg(target_arch = "aarch64")]
pub fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: reads a register and changes nothing; the virtual counter is readable at EL1 and EL2.
    unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

/// The processor's counter.
#[cfg(target_arch = "riscv64")]
pub fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: reads a counter and changes nothing; the SEE of a UEFI platform makes `time` readable
    // (RISC-V UEFI boot requires Sstc or SBI TIME, both built on it).
    unsafe { core::arch::asm!("rdtime {}", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

/// The processor's counter.
#[cfg(target_arch = "loongarch64")]
pub fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: reads the stable counter and its id, and changes nothing; part of every LoongArch64 processor.
    unsafe { core::arch::asm!("rdtime.d {}, {}", out(reg) ticks, out(reg) _, options(nomem, nostack)) };
    ticks
}
