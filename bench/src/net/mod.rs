// SPDX-License-Identifier: BSD-3-Clause
//! `//bench:net`: boots over the network, compared with iPXE and with the firmware's HTTP boot (budgets N1 to N6).
//!
//! All sides load the same bytes from one nginx, whose log has the times: the same clock for all. The kernel is that of
//! `//bench:loader`, which prints checksums of what it got.

mod boot;
mod content;
mod files;
mod line;
mod log;
mod server;
mod side;
mod signed;

use std::cell::RefCell;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use crate::{
    machine,
    options::Output,
    pairs,
    report::{Budget, Fact, Ratio, Report, Row},
    scratch::Scratch,
};
use boot::{Boot, Times};
use content::Content;
use files::Files;
use line::Line;
use server::Server;
use side::Side;

/// Boots a kernel of 12 MiB with an initrd of 64 MiB over QEMU's user network, with the cloud-boot loader from an OCI
/// registry and with iPXE by HTTP in turn, then with the loader over HTTPS and the firmware's HTTP boot, and compares
/// the times of the transfer and of the whole boot; the same with delay and loss, over a relay; and the loader's
/// transport alone, without hashing, with two kinds of network cards.
///
/// Exit status: 0 when every budget is met, 1 when one is missed, 2 when the measurement failed.
#[derive(Debug, Parser)]
#[command(
    bin_name = "tools/bazel run //bench:net --",
    after_help = "Examples:\n  tools/bazel run //bench:net\n  tools/bazel run //bench:net -- --only boot --json\n  \
                  tools/bazel run //bench:net -- --peers-alone --pairs 3"
)]
pub struct Options {
    #[command(flatten)]
    output: Output,
    /// Measure only these [default: all]
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// How often each side boots
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..))]
    pairs: u16,
    /// Measure only the others: for a loader that does not boot from the network
    #[arg(long)]
    peers_alone: bool,
    /// Show the consoles on standard error
    #[arg(long)]
    verbose: bool,
}

/// A group of measurements.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Part {
    /// N1: HTTP transport alone, compared with iPXE
    Transport,
    /// N2, N4 and N6: HTTP, compared with iPXE
    Boot,
    /// N3: HTTPS, compared with the firmware's HTTP boot
    Https,
    /// N3: HTTPS, compared with iPXE's
    IpxeHttps,
    /// N5: delay and loss, compared with iPXE
    Lines,
}

const ALL: [Part; 5] = [Part::Transport, Part::Boot, Part::Https, Part::IpxeHttps, Part::Lines];

/// Budget N4, in seconds.
const FIRST_BYTE: f64 = 1.0;

/// One measurement of a boot: a value for a row.
struct Measurement {
    row: &'static str,
    subject: &'static str,
    value: fn(&Times) -> f64,
    ratio: Ratio,
    budget: Budget,
}

const BOOT: [Measurement; 3] = [
    Measurement {
        row: "N2",
        subject: "fetching 76 MiB by HTTP with SHA-256, beside iPXE without",
        value: |times| times.transfer,
        ratio: Ratio::Speed,
        budget: Budget::NotBelow(1.3),
    },
    Measurement {
        row: "N4",
        subject: "from the network's start to the first request, beside iPXE",
        value: |times| times.first,
        ratio: Ratio::Speed,
        budget: Budget::Within(FIRST_BYTE),
    },
    Measurement {
        row: "N6",
        subject: "QEMU's start to the kernel's, beside iPXE",
        value: |times| times.whole,
        ratio: Ratio::Share,
        budget: Budget::NotAbove(0.9),
    },
];

impl Options {
    /// The form of the report.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Measures.
    ///
    /// # Errors
    /// When a tool or machine fails, or a kernel got wrong data.
    pub fn run(&self) -> Result<Report> {
        let files = Files::find(!self.peers_alone)?;
        let scratch = Scratch::new("net")?;
        let content = Content::new(&scratch, &files, content::INITRD)?;
        let parts = if self.only.is_empty() { &ALL[..] } else { &self.only };
        let mut rows = Vec::new();
        for part in parts {
            let bench = Bench { options: self, scratch: &scratch, files: &files, content: &content };
            rows.extend(match part {
                Part::Transport => bench.transport()?,
                Part::Boot => bench.rows(&Line::User, [Side::Http, Side::Ipxe], &BOOT)?,
                Part::Https => bench.rows(&Line::User, [Side::Https, Side::Firmware], &[HTTPS])?,
                Part::IpxeHttps => bench.rows(&Line::User, [Side::Https, Side::IpxeSecure], &[IPXE_HTTPS])?,
                Part::Lines => bench.lines()?,
            });
        }
        Ok(Report { bench: "net", machine: machine::describe(), setup: self.setup()?, rows, parts: None })
    }

    fn setup(&self) -> Result<Vec<Fact>> {
        let mut facts = vec![
            Fact::new(
                "all",
                "x86_64, one emulated processor, virtio-net-pci where nothing else is said; one nginx, whose log has the time from the first \
                 request for the bytes to the last byte sent; the kernel checks what it was given",
            ),
            Fact::new(
                "ours",
                "N1: //bench/guest:fetch, the loader's drivers, IP, HTTP and ranges by themselves",
            ),
            Fact::new(
                "ours",
                "manifest by digest, both files in ranges side by side; cosign=off by HTTP; by HTTPS cosign=enforce and a key of P-256",
            ),
            Fact::new("beside", format!("iPXE {}: {}", side::installed("ipxe")?, side::IPXE)),
            Fact::new("beside", format!("OVMF {}: {}", side::installed("ovmf")?, side::FIRMWARE)),
            Fact::new("lines", line::FACTS),
            Fact::new("server", machine::version("/usr/sbin/nginx", "-v")?),
            Fact::new("emulator", machine::version("qemu-system-x86_64", "--version")?),
            Fact::new("pairs", format!("{}, in turn", self.pairs)),
        ];
        if self.peers_alone {
            facts.push(Fact::new("ours", "not measured (--peers-alone)"));
        }
        Ok(facts)
    }
}

/// Base of the rows of one transfer.
const HTTPS: Measurement = Measurement {
    row: "N3",
    subject: "fetching 76 MiB by HTTPS with SHA-256 and a signature, beside OVMF's HTTP boot",
    value: |times| times.transfer,
    ratio: Ratio::Speed,
    budget: Budget::NotBelow(3.0),
};

const IPXE_HTTPS: Measurement = Measurement {
    subject: "fetching 76 MiB by HTTPS with SHA-256 and a signature, beside iPXE's HTTPS without",
    budget: Budget::NotBelow(1.5),
    ..HTTPS
};

const TRANSPORT: [(Line, &str, f64); 2] = [
    (Line::User, "fetching 76 MiB by HTTP without a hash, virtio-net, beside iPXE", 4.0),
    (
        Line::Legacy,
        "fetching 76 MiB by HTTP without a hash, virtio-net through the firmware's driver, beside iPXE's own",
        1.0,
    ),
];

struct Bench<'a> {
    options: &'a Options,
    scratch: &'a Scratch,
    files: &'a Files,
    content: &'a Content,
}

impl Bench<'_> {
    /// N1: each card with its own budget.
    fn transport(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for (line, subject, least) in TRANSPORT {
            let wanted = Measurement { row: "N1", subject, budget: Budget::NotBelow(least), ..HTTPS };
            rows.extend(self.rows(&line, [Side::Transport, Side::Ipxe], &[wanted])?);
        }
        Ok(rows)
    }

    /// N5: each line with its own budget.
    fn lines(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for line::Faulty { faults, transport, whole, least } in line::FAULTY {
            for (side, subject) in [(Side::Transport, transport), (Side::Http, whole)] {
                let wanted = Measurement { row: "N5", subject, budget: Budget::NotBelow(least), ..HTTPS };
                rows.extend(self.rows(&Line::Relay(faults), [side, Side::Ipxe], &[wanted])?);
            }
        }
        Ok(rows)
    }

    /// Boots both sides in turn.
    fn rows(&self, line: &Line, [ours, theirs]: [Side; 2], wanted: &[Measurement]) -> Result<Vec<Row>> {
        let count = usize::from(self.options.pairs);
        if self.options.peers_alone {
            let times: Vec<Times> = (0..count).map(|_| self.boot(line, theirs)).collect::<Result<_>>()?;
            return wanted.iter().map(|wanted| alone(wanted, &times)).collect();
        }
        // `pairs` runs on one value; the other values of the same boots are kept separately.
        let (own, other) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let boot = |side, times: &RefCell<Vec<Times>>| {
            times.borrow_mut().push(self.boot(line, side)?);
            Ok::<_, anyhow::Error>(0.0)
        };
        pairs::run(count, || boot(ours, &own), || boot(theirs, &other))?;
        let (own, other) = (own.into_inner(), other.into_inner());
        wanted.iter().map(|wanted| row(wanted, &own, &other)).collect()
    }

    fn boot(&self, line: &Line, side: Side) -> Result<Times> {
        let server = Server::start(self.scratch, self.content, line)?;
        let boot = Boot {
            side,
            files: self.files,
            content: self.content,
            scratch: self.scratch,
            is_verbose: self.options.verbose,
        };
        let times = boot.run(server).with_context(|| format!("{side:?} over {line:?}"))?;
        eprintln!("net: {side:?} over {line:?}: {times}");
        Ok(times)
    }
}

fn row(wanted: &Measurement, own: &[Times], other: &[Times]) -> Result<Row> {
    ensure!(own.len() == other.len(), "pairs");
    let pairs: Vec<_> = own
        .iter()
        .zip(other)
        .map(|(own, other)| pairs::Pair { ours: (wanted.value)(own), theirs: (wanted.value)(other) })
        .collect();
    Row::of_pairs(wanted.row, wanted.subject, (&pairs, "s"), wanted.ratio, wanted.budget).context("no pair")
}

/// A row with the other side's values instead of ours, without a budget.
fn alone(wanted: &Measurement, times: &[Times]) -> Result<Row> {
    let spread = pairs::Spread::of(times.iter().map(wanted.value)).context("no boot")?;
    let subject =
        format!("{}: the other side alone, {:.3} to {:.3} s", wanted.subject, spread.least, spread.most);
    Ok(Row::of_value(wanted.row, subject, (spread.median, None), "s", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sound() {
        <Options as clap::CommandFactory>::command().debug_assert();
        let options = Options::try_parse_from(["net", "--only", "boot", "--only", "https"]).unwrap();
        assert_eq!(options.only, [Part::Boot, Part::Https]);
        assert!(Options::try_parse_from(["net", "--pairs", "2"]).is_err(), "too few for a median");
    }

    #[test]
    fn each_budget_gets_its_own_value_of_the_boots() {
        let times = |transfer, first, whole| Times { transfer, first, whole };
        let (own, other) = ([times(1.0, 0.5, 8.0)], [times(2.0, 4.0, 10.0)]);
        let rows: Vec<_> = BOOT.iter().map(|wanted| row(wanted, &own, &other).unwrap()).collect();
        let found: Vec<_> = rows.iter().map(|row| (row.row, row.ratio.unwrap().median, row.is_met)).collect();
        assert_eq!(found, [("N2", 2.0, true), ("N4", 8.0, true), ("N6", 0.8, true)]);
        let row = alone(&HTTPS, &other).unwrap();
        assert_eq!((row.ours, row.theirs, row.budget), (2.0, None, None));
    }
}
