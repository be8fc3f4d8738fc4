// SPDX-License-Identifier: BSD-3-Clause
//! The summary of a run.

use std::{fmt::Write, time::Duration};

use arch::Arch;

use crate::{
    phases::{Phase, Phases},
    process,
    watch::{End, Watch},
};

/// Why the run failed, in one line; none if it succeeded.
pub fn failure(watch: &Watch, end: &End) -> Option<String> {
    let cause = match end {
        End::Seen => return None,
        End::Forbidden(pattern, line) => {
            let text = String::from_utf8_lossy(&line.text);
            format!("forbidden {:?} seen after {:.1} s: {text}", pattern.to_string(), line.at.as_secs_f64())
        }
        End::Exited(status) => {
            format!("QEMU {} after {:.1} s", process::describe(*status), watch.took.as_secs_f64())
        }
        End::Late => format!("timed out after {:.1} s", watch.took.as_secs_f64()),
        End::Unshown(why) => format!("cannot write the console to standard output: {why}"),
    };
    let mut line = format!("failed in the {} phase: {cause}", watch.phases.current());
    if let Some(pattern) = watch.script.awaited() {
        let number = watch.script.seen().saturating_add(1);
        // Writing to a string cannot fail.
        let _ =
            write!(line, "; waiting for {:?} ({number} of {})", pattern.to_string(), watch.script.total());
    }
    Some(line)
}

/// The last `count` lines of the console, with their times.
pub fn tail(watch: &Watch, count: usize) -> String {
    let lines: Vec<&str> = watch.record.tail().rev().take(count).collect();
    if lines.is_empty() {
        return "the console printed nothing\n".into();
    }
    let mut text = format!("the last {} lines of the console:\n", lines.len());
    for line in lines.iter().rev() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// `booted: TITLE on ARCH in S s (firmware S, loader S, kernel S, userspace S)`; none if the loader started
/// nothing. The times are those of the booted system if it was asked, else those of the console; there, a userspace
/// that prints nothing before its prompt counts as kernel.
pub fn booted(phases: &Phases, arch: Arch) -> Option<String> {
    let (title, start, end) = (phases.title.as_deref()?, phases.start?, phases.end?);
    let mut durations = phases.reported.clone();
    if !durations.iter().any(|(phase, _)| *phase == Phase::Loader) {
        durations = phases.durations();
        if phases.userspace.is_none() {
            durations.push((Phase::Kernel, end.saturating_sub(start)));
        }
    }
    let total: Duration = durations.iter().map(|(_, took)| *took).sum();
    let parts: Vec<String> =
        durations.iter().map(|(phase, took)| format!("{phase} {:.1}", took.as_secs_f64())).collect();
    Some(format!("booted: {title} on {arch} in {:.1} s ({})", total.as_secs_f64(), parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    use super::*;
    use crate::{console::Line, pattern::Pattern, record::Record, script::Script, watch::View};

    fn watch() -> Watch {
        let mut script = Script::new(&["^start \"".into(), "login:".into()], &[]).unwrap();
        script.look(b"start \"Debian\": ro").unwrap();
        let mut watch = Watch::new(script, Record::new(None).unwrap(), View::Hidden);
        watch.took = Duration::from_millis(12_340);
        watch.phases.banner = Some(Duration::from_secs(1));
        watch
    }

    #[test]
    fn a_failure_names_phase_cause_and_awaited_pattern() {
        let line = Line { at: Duration::from_secs(3), text: b"[ 1.0] Kernel panic - not syncing".to_vec() };
        let cases = [
            (
                End::Forbidden(Pattern::new("Kernel panic").unwrap(), line),
                "forbidden \"Kernel panic\" seen after 3.0 s: [ 1.0] Kernel panic - not syncing",
            ),
            (End::Exited(ExitStatus::from_raw(9)), "QEMU was ended by signal 9 after 12.3 s"),
            (End::Exited(ExitStatus::from_raw(1 << 8)), "QEMU exited with status 1 after 12.3 s"),
            (End::Late, "timed out after 12.3 s"),
        ];
        for (end, cause) in cases {
            let want = format!("failed in the loader phase: {cause}; waiting for \"login:\" (2 of 2)");
            assert_eq!(failure(&watch(), &end), Some(want));
        }
        assert_eq!(failure(&watch(), &End::Seen), None);
    }

    #[test]
    fn the_tail_is_in_the_consoles_order() {
        let mut watch = watch();
        assert_eq!(tail(&watch, 2), "the console printed nothing\n");
        for text in ["a", "b", "c"] {
            watch.record.line(&Line { at: Duration::from_secs(1), text: text.into() }).unwrap();
        }
        assert_eq!(tail(&watch, 2), "the last 2 lines of the console:\n  [   1.000] b\n  [   1.000] c\n");
    }

    fn phases() -> Phases {
        let mut phases = Phases::default();
        phases.see(b"cloud-boot 0.0.1 x86_64, EDK II", Duration::from_millis(1_600));
        phases.see(b"start \"Debian GNU/Linux\": ro (0.4 s)", Duration::from_millis(2_000));
        phases.end = Some(Duration::from_millis(31_000));
        phases
    }

    #[test]
    fn the_last_line_of_a_demo() {
        let mut whole = phases();
        whole.see(b"systemd[1]: systemd 257 running", Duration::from_millis(10_800));
        assert_eq!(
            booted(&whole, Arch::X86_64).unwrap(),
            "booted: Debian GNU/Linux on x86_64 in 31.0 s \
             (firmware 1.6, loader 0.4, kernel 8.8, userspace 20.2)"
        );
        assert_eq!(
            booted(&phases(), Arch::Riscv64).unwrap(),
            "booted: Debian GNU/Linux on riscv64 in 31.0 s (firmware 1.6, loader 0.4, kernel 29.0)"
        );
        let account = "Startup finished in 1.5s (firmware) + 300ms (loader) + 8s (kernel) + 20s (userspace)";
        whole.see(account.as_bytes(), Duration::from_secs(35));
        assert_eq!(
            booted(&whole, Arch::X86_64).unwrap(),
            "booted: Debian GNU/Linux on x86_64 in 29.8 s \
             (firmware 1.5, loader 0.3, kernel 8.0, userspace 20.0)"
        );
        whole.see(b"Startup finished in 8s (kernel) + 20s (userspace) = 28s", Duration::from_secs(36));
        assert!(booted(&whole, Arch::X86_64).unwrap().contains("in 31.0 s (firmware 1.6, "));
    }

    #[test]
    fn a_boot_without_cloud_boot_is_none() {
        let phases = Phases { end: Some(Duration::from_secs(9)), ..Phases::default() };
        assert_eq!(booted(&phases, Arch::X86_64), None);
    }
}
