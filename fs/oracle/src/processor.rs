// SPDX-License-Identifier: BSD-3-Clause
//! The processor time of a test, which does not depend on how busy the machine is.

use std::{fs, time::Duration};

/// The unit of Linux's thread times, on all architectures.
const TICK: Duration = Duration::from_millis(10);

/// The user-mode processor time of this thread. A test that limits this time, and not wall-clock time, does not fail on
/// a busy machine.
///
/// # Panics
/// If Linux does not provide it (`utime` in `/proc/thread-self/stat`, proc_pid_stat(5)).
pub fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/stat").expect("/proc/thread-self/stat can be read");
    // The thread's name, in parentheses, may contain spaces; the third field comes after it.
    let utime = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(11)?.parse().ok());
    TICK * utime.expect("utime is field 14 of /proc/thread-self/stat")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_sleep_does_not() {
        let start = processor_time();
        std::thread::sleep(TICK * 10);
        assert!(processor_time() - start < TICK * 5);
        let mut number = 1u64;
        while processor_time() - start < TICK * 5 {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
    }
}
