// SPDX-License-Identifier: BSD-3-Clause
//! When firmware, loader, kernel and userspace ended.

use std::{fmt, time::Duration};

/// The times of one boot, each counted from the machine's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// The loader's banner was printed: the firmware is done.
    pub banner: Option<Duration>,
    /// The loader's last line was printed: the loader is done.
    pub start: Option<Duration>,
    /// The first line of userspace was printed: the kernel is done.
    pub userspace: Option<Duration>,
    /// The expected text was seen.
    pub end: Option<Duration>,
    /// Title of the entry that was started.
    pub title: Option<String>,
    /// The phases as measured by the booted system, if it was asked (`systemd-analyze time`).
    pub reported: Vec<(Phase, Duration)>,
}

/// A phase of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Until our banner.
    Firmware,
    /// Until our `start` line.
    Loader,
    /// Until the first line of userspace.
    Kernel,
    /// Until the end.
    Userspace,
}

/// First lines of userspace: Linux starts its first program, then systemd, sysvinit or the mini disk's /init prints.
/// `quiet` hides the former, nothing the latter.
const USERSPACE: [&str; 7] = [
    "Run /init as init process",
    "Run /sbin/init as init process",
    "Loading, please wait...",
    "systemd[1]: ",
    "INIT: version ",
    "Welcome to ",
    "mini: ",
];

/// Start of the line of `systemd-analyze time`.
const REPORT: &str = "Startup finished in ";

impl Phases {
    /// Takes a line whose first byte arrived at `at`; a line may be passed again when it has grown.
    pub fn see(&mut self, line: &[u8], at: Duration) {
        let line = String::from_utf8_lossy(line);
        if line.starts_with("cloud-boot ") {
            self.banner.get_or_insert(at);
        }
        if let Some(times) = line.strip_prefix(REPORT) {
            self.reported = reported(times);
        }
        if self.banner.is_none() || self.userspace.is_some() {
            return;
        }
        // If an entry fails after its start line, the next one follows.
        if let Some(rest) = line.strip_prefix("start \"") {
            self.start = Some(at);
            // Without the closing quote, the line is incomplete, or the firmware has wrapped it.
            self.title = Some(rest.rsplit_once("\": ").map_or(rest, |(title, _)| title).to_owned());
        }
        if self.start.is_some() && USERSPACE.iter().any(|sign| line.contains(sign)) {
            self.userspace = Some(at);
        }
    }

    /// The current phase, or the one in which the boot ended.
    pub fn current(&self) -> Phase {
        match self {
            Self { userspace: Some(_), .. } => Phase::Userspace,
            Self { start: Some(_), .. } => Phase::Kernel,
            Self { banner: Some(_), .. } => Phase::Loader,
            _ => Phase::Firmware,
        }
    }

    /// Durations of the completed phases, in order.
    pub fn durations(&self) -> Vec<(Phase, Duration)> {
        let phases = [
            (Phase::Firmware, self.banner),
            (Phase::Loader, self.start),
            (Phase::Kernel, self.userspace),
            (Phase::Userspace, self.end),
        ];
        let mut before = Duration::ZERO;
        let ended = phases.into_iter().map_while(|(phase, end)| Some((phase, end?)));
        ended
            .map(|(phase, end)| {
                let took = end.saturating_sub(before);
                before = end;
                (phase, took)
            })
            .collect()
    }
}

/// The phases of `1.2s (firmware) + 210ms (loader) + 4.3s (kernel) + 1min 2.5s (userspace) = 1min 8.2s`. An
/// initrd with a systemd of its own is userspace.
fn reported(times: &str) -> Vec<(Phase, Duration)> {
    let mut phases: Vec<(Phase, Duration)> = Vec::new();
    for (time, name) in times.split(" + ").filter_map(|part| part.split_once(" (")) {
        let phase = match name.split(')').next() {
            Some("firmware") => Phase::Firmware,
            Some("loader") => Phase::Loader,
            Some("kernel") => Phase::Kernel,
            Some("initrd" | "userspace") => Phase::Userspace,
            _ => continue,
        };
        let Some(took) = time.split(' ').map(span).sum::<Option<Duration>>() else { return Vec::new() };
        match phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, known)) => *known = known.saturating_add(took),
            None => phases.push((phase, took)),
        }
    }
    phases
}

/// One unit of systemd's spans of time (systemd.time(7)), as it prints them.
fn span(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let seconds = match unit {
        "h" => 3600.0,
        "min" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// `phases: firmware 1.6 s, loader 0.4 s, kernel 8.8 s, userspace 20.0 s`: the completed phases.
impl fmt::Display for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durations = self.durations();
        if durations.is_empty() {
            return f.write_str("phases: none completed");
        }
        f.write_str("phases: ")?;
        for (index, (phase, took)) in durations.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{phase} {:.1} s", took.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firmware => "firmware",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Userspace => "userspace",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines at 1 s, 2 s, ...
    fn phases(lines: &[&str]) -> Phases {
        let mut phases = Phases::default();
        for (second, line) in (1..).zip(lines) {
            phases.see(line.as_bytes(), Duration::from_secs(second));
        }
        phases
    }

    #[test]
    fn a_whole_boot() {
        let mut phases = phases(&[
            "BdsDxe: starting Boot0002",
            "cloud-boot 0.0.1 x86_64, EDK II",
            "choose \"Debian GNU/Linux\" from hd0,gpt1 /boot/grub/grub.cfg",
            "start \"Debian GNU/Linux\": BOOT_IMAGE=/boot/vmlinuz root=UUID=1 ro (0.45 s)",
            "[    0.000000] Linux version 6.12.107",
            "[    2.1] Run /init as init process",
            "[    3.0] systemd[1]: systemd 257 running in system mode",
        ]);
        phases.end = Some(Duration::from_millis(9_260));
        assert_eq!(phases.to_string(), "phases: firmware 2.0 s, loader 2.0 s, kernel 2.0 s, userspace 3.3 s");
        assert_eq!(phases.title.as_deref(), Some("Debian GNU/Linux"));
        assert_eq!(phases.current(), Phase::Userspace);
    }

    #[test]
    fn the_loader_ends_with_the_last_entry_that_it_starts() {
        let phases = phases(&[
            "cloud-boot 0.0.1 x86_64, EDK II",
            "start \"first\": ro (0.10 s)",
            "failed: start first: E-START x; trying the next entry",
            "start \"a \": b\": ro (0.45 s)",
            "Loading, please wait...",
            "start \"said in userspace\": x",
        ]);
        assert_eq!(phases.start, Some(Duration::from_secs(4)));
        assert_eq!(phases.title.as_deref(), Some("a \": b"));
        assert_eq!(phases.current(), Phase::Userspace);
    }

    #[test]
    fn a_title_that_the_firmware_breaks_is_a_start() {
        let title = "x".repeat(73);
        let phases =
            phases(&["cloud-boot 0.0.1 loongarch64, EDK II", &format!("start \"{title}"), "\": ro (0.4 s)"]);
        assert_eq!(phases.start, Some(Duration::from_secs(2)));
        assert_eq!(phases.title, Some(title));
    }

    #[test]
    fn a_boot_that_is_not_ours_has_no_phases() {
        let phases = phases(&["GNU GRUB", "Linux version 6", "systemd[1]: hello", "Welcome to Debian"]);
        assert_eq!(phases, Phases::default());
        assert_eq!(phases.current(), Phase::Firmware);
        assert_eq!(phases.to_string(), "phases: none completed");
    }

    #[test]
    fn the_booted_system_counts_for_itself() {
        let line = "Startup finished in 1.2s (firmware) + 210ms (loader) + 4.3s (kernel) + 2s (initrd) + \
                    1min 500ms (userspace) = 1min 8.2";
        let expected = [
            (Phase::Firmware, 1200),
            (Phase::Loader, 210),
            (Phase::Kernel, 4300),
            (Phase::Userspace, 62_500),
        ];
        let expected = expected.map(|(phase, millis)| (phase, Duration::from_millis(millis)));
        assert_eq!(phases(&[line]).reported, expected);
        assert_eq!(phases(&["Startup finished in -1s (kernel)"]).reported, []);
    }

    #[test]
    fn a_failed_boot_has_the_phases_it_ended() {
        let phases = phases(&["cloud-boot 0.0.1 riscv64, EDK II", "failed: discover: E-NONE"]);
        assert_eq!(phases.to_string(), "phases: firmware 1.0 s");
        assert_eq!(phases.current(), Phase::Loader);
    }

    #[test]
    fn a_growing_line_keeps_its_time() {
        let mut phases = Phases::default();
        let line = b"cloud-boot 0.0.1 x86_64";
        for n in 0..=line.len() {
            phases.see(&line[..n], Duration::from_secs(3));
        }
        assert_eq!(phases.banner, Some(Duration::from_secs(3)));
    }
}
