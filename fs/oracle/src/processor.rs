// SPDX-License-Identifier: BSD-3-Clause
//! How long a test has worked, however busy the machine is.

use std::{fs, time::Duration};

/// Linux shows times of threads in hundredths of a second, on all architectures.
const TICK: Duration = Duration::from_millis(10);

/// The time that a processor has spent on this thread outside of the kernel. A test that limits this, and not the time
/// of the clock, does not fail where others have the processors.
///
/// # Panics
/// When Linux does not say it (`utime` of `/proc/thread-self/stat`, proc_pid_stat(5)).
pub fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/stat").expect("/proc/thread-self/stat can be read");
    // The name of the thread, in parentheses, may have spaces; the third field stands behind it.
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
