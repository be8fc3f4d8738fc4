// SPDX-License-Identifier: BSD-3-Clause
//! The command `relay`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use crate::{Cut, Direction, EndAddress, Faults, Relay};

/// Carries Ethernet frames between two ends, one of which is QEMU's `-netdev stream`, and delays, reorders, drops and
/// cuts them: the same frames for the same seed.
///
/// An end is listen:ADDRESS or connect:ADDRESS (a stream of frames with their lengths; a path is a Unix socket,
/// HOST:PORT is TCP), dgram:OWN,PEER (Unix datagram sockets), or namespace:SCRIPT (bash runs the script in namespaces
/// of its own with the tap device t0; it writes the line `ready` to standard error when it is ready). It ends with the
/// first stream that ends, and prints what it has carried.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "relay",
    after_help = "Example, 25 ms and one frame of a hundred lost on the way to the guest:\n  \
                  relay listen:/tmp/q 'namespace:ip addr add 10.9.0.1/24 dev t0; echo ready >&2; exec dnsmasq -d -C \
                  /dev/null -R -h -i t0 -z -F 10.9.0.50,10.9.0.60' --delay 25 --loss 10 --only to-guest\n  \
                  qemu-system-x86_64 -netdev stream,id=n,server=off,addr.type=unix,addr.path=/tmp/q -device \
                  virtio-net-pci,netdev=n ..."
)]
pub struct Options {
    /// The first end, the guest's
    #[arg(value_name = "GUEST")]
    guest: EndAddress,
    /// The second end, the network's
    #[arg(value_name = "NETWORK")]
    network: EndAddress,
    /// How long each frame takes, in each affected direction
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay: u32,
    /// How many frames of a thousand are lost
    #[arg(long, value_name = "PER-MILLE", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
    /// How many frames of a thousand are late, so that others overtake them
    #[arg(long, value_name = "PER-MILLE", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1000))]
    late: u16,
    /// How late they are
    #[arg(long, value_name = "MS", default_value_t = 5)]
    late_by: u32,
    /// Cut the line after this many bytes of frames
    #[arg(long, value_name = "BYTES")]
    cut: Option<u64>,
    /// What a cut does: end the relay, kill the TCP connection of that frame, or lose the next N frames
    #[arg(long, value_name = "end|connection|N", default_value = "connection", value_parser = cut_kind)]
    cut_is: Cut,
    /// Delay and lose only frames of this direction, and count only them for the cut
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Only the guest's side has VLAN tags, with this ID
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(1..=4094))]
    vlan: Option<u16>,
    /// Seed for the choice of frames
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    ToGuest,
    ToNetwork,
}

fn cut_kind(text: &str) -> Result<Cut, String> {
    Ok(match text {
        "end" => Cut::End,
        "connection" => Cut::Connection,
        _ => Cut::Silence(text.parse().map_err(|_| "expected end, connection or a number of frames")?),
    })
}

impl Options {
    /// The faults for frames.
    fn faults(&self) -> Faults {
        Faults {
            delay: Duration::from_millis(self.delay.into()),
            loss: self.loss,
            late: self.late,
            late_by: Duration::from_millis(self.late_by.into()),
            cut: self.cut.map(|bytes| (bytes, self.cut_is)),
            only: self.only.map(|only| match only {
                Only::ToGuest => Direction::ToGuest,
                Only::ToNetwork => Direction::ToNetwork,
            }),
            vlan: self.vlan,
            seed: self.seed,
        }
    }

    /// Opens both ends, the network's first, and carries frames until a stream ends.
    ///
    /// # Errors
    /// An end cannot be opened, or fails.
    pub fn run(&self) -> Result<()> {
        let (network, _own_network) = self.network.open()?;
        let (guest, _own_guest) = self.guest.open()?;
        let mut relay = Relay::new(guest, network, self.faults());
        let result = relay.run().context("carrying frames");
        let [to_guest, to_network] = relay.counts();
        eprintln!("relay: to the guest: {to_guest}\nrelay: to the network: {to_network}");
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(options: &str) -> Result<Faults, clap::Error> {
        let words =
            ["relay", "listen:/tmp/a", "connect:/tmp/b"].into_iter().chain(options.split_whitespace());
        Options::try_parse_from(words).map(|options| options.faults())
    }

    #[test]
    fn options_are_sound() {
        <Options as clap::CommandFactory>::command().debug_assert();
        let none = Faults { late_by: Duration::from_millis(5), seed: 1, ..Faults::default() };
        assert_eq!(faults("").unwrap(), none);
        let all = "--delay 25 --loss 20 --late 100 --late-by 7 --cut 4000 --cut-is 30 --only to-guest --vlan 42 --seed 9";
        assert_eq!(
            faults(all).unwrap(),
            Faults {
                delay: Duration::from_millis(25),
                loss: 20,
                late: 100,
                late_by: Duration::from_millis(7),
                cut: Some((4000, Cut::Silence(30))),
                only: Some(Direction::ToGuest),
                vlan: Some(42),
                seed: 9,
            }
        );
        assert_eq!(faults("--cut 1").unwrap().cut, Some((1, Cut::Connection)));
        assert_eq!(faults("--cut 1 --cut-is end").unwrap().cut, Some((1, Cut::End)));
        for wrong in ["--loss 1001", "--cut-is never", "--only up", "--delay -1", "--vlan 0"] {
            assert!(faults(wrong).is_err(), "{wrong}");
        }
    }
}
