// SPDX-License-Identifier: BSD-3-Clause
//! A bad line between the machine and the network: frames pass the relay (`//net/relay`).

use std::{
    fs,
    os::unix::net::{UnixDatagram, UnixListener},
    path::PathBuf,
    process,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use peers::Server;
use relay::{Counts, Cut, Direction, End, Faults, Relay};
use serde::Deserialize;

use super::wire::TAP;

/// Faults of the line. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// Delay of a frame in milliseconds, in each direction.
    pub delay: u32,
    /// Lost frames per thousand, in each direction.
    pub loss: u16,
    /// Frames per thousand with an additional delay, so that others overtake them.
    pub late: u16,
    /// Their additional delay in milliseconds.
    pub late_by: u32,
    /// Percentage of the artifact after which its TCP connection goes dead.
    pub cut: Option<u8>,
    /// The VLAN whose tags the machine's side has.
    pub vlan: Option<u16>,
    /// Seed for the choice of frames.
    pub seed: u64,
}

/// A line that is set up: its ends are a tap device in this namespace, and a socket for QEMU.
pub struct Cable {
    folder: PathBuf,
    line: Line,
    relay: JoinHandle<Result<Carried>>,
    _tap: Server,
}

/// What the relay has carried.
struct Carried {
    counts: [Counts; 2],
    has_cut: bool,
}

impl Line {
    /// Sets it up for an artifact of `bytes` bytes.
    ///
    /// # Errors
    /// A socket cannot be made.
    ///
    /// # Panics
    /// socat cannot be started.
    pub fn lay(&self, bytes: u64) -> Result<Cable> {
        let folder = folder()?;
        let network = End::datagram(UnixDatagram::bind(folder.join("own"))?, folder.join("tap"))?;
        let (own, tap) = (folder.join("own"), folder.join("tap"));
        let socat = [
            format!("UNIX-SENDTO:{},bind={}", own.display(), tap.display()),
            format!("TUN,tun-type=tap,iff-no-pi,tun-name={TAP},iff-up"),
        ];
        let tap = Server::start(&folder, "socat", &socat);
        let listener = UnixListener::bind(folder.join("machine"))?;
        let faults = self.faults(bytes);
        let relay = thread::spawn(move || {
            let (guest, _) = listener.accept()?;
            let mut relay = Relay::new(End::stream(guest)?, network, faults);
            relay.run()?;
            Ok(Carried { counts: relay.counts(), has_cut: relay.has_cut() })
        });
        Ok(Cable { folder, line: *self, relay, _tap: tap })
    }

    fn faults(&self, bytes: u64) -> Faults {
        // A test's artifact has fewer than 2^57 bytes.
        let share = |percent: u8| bytes.saturating_mul(percent.into()) / 100;
        Faults {
            delay: Duration::from_millis(self.delay.into()),
            loss: self.loss,
            late: self.late,
            late_by: Duration::from_millis(self.late_by.into()),
            cut: self.cut.map(|percent| (share(percent), Cut::Connection)),
            // The artifact flows to the machine.
            only: self.cut.map(|_| Direction::ToGuest),
            vlan: self.vlan,
            seed: self.seed,
        }
    }
}

/// A new folder with a short path: a socket address has at most 107 bytes. Process ids are not unique among sandboxes
/// that share /tmp.
fn folder() -> Result<PathBuf> {
    let mut paths = (0..100).map(|number| PathBuf::from(format!("/tmp/e2e-{}-{number}", process::id())));
    paths.find(|path| fs::create_dir(path).is_ok()).context("cannot create a folder in /tmp")
}

impl Cable {
    /// QEMU's end, the value of `-netdev` without the card's id.
    pub fn netdev(&self) -> String {
        format!("stream,server=off,addr.type=unix,addr.path={}", self.folder.join("machine").display())
    }

    /// The complaint, once QEMU has ended, if the line had no effect.
    pub fn complaint(self) -> Option<String> {
        let Self { folder, line, relay, .. } = self;
        let carried = relay.join().unwrap_or_else(|_| Err(anyhow!("it panicked")));
        // Best effort: the system removes it otherwise.
        let _ = fs::remove_dir_all(folder);
        match carried {
            Err(why) => Some(format!("the relay: {why:#}")),
            Ok(Carried { counts: [guest, network], has_cut }) => {
                println!("relay: to the machine: {guest}; to the network: {network}");
                let has_lost = guest.lost > 0 && (line.loss == 0 || network.lost > 0);
                let is_idle = (line.cut.is_some() && !has_cut) || (line.loss > 0 && !has_lost);
                is_idle.then(|| "the relay cut and lost nothing".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_a_share_of_the_artifact() {
        let line: Line = serde_json::from_str(r#"{"cut": 50, "seed": 7}"#).unwrap();
        let faults = line.faults(3_000_001);
        assert_eq!(faults.cut, Some((1_500_000, Cut::Connection)));
        assert_eq!((faults.only, faults.seed), (Some(Direction::ToGuest), 7));
    }

    #[test]
    fn a_line_loses_in_both_directions() {
        let line: Line = serde_json::from_str(r#"{"delay": 100, "loss": 20}"#).unwrap();
        let faults = line.faults(1000);
        assert_eq!((faults.delay.as_millis(), faults.loss, faults.only), (100, 20, None));
        assert_eq!(line.faults(1000).cut, None);
    }
}
