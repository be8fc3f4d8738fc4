// SPDX-License-Identifier: BSD-3-Clause
//! The network that the machine's cards are connected to.

use std::{env, os::unix::process::CommandExt as _, path::Path, process::Command, thread, time::Duration};

use anyhow::{Result, bail, ensure};
use peers::output;
use serde::Deserialize;

/// Environment variable that marks a namespace of the test's own.
const INSIDE: &str = "E2E_NETWORK";

/// The tap device, the machine's cable.
pub const TAP: &str = "t0";

/// The host's addresses on it.
pub const ADDRESSES: [&str; 2] = ["10.9.0.1/24", "fd09::1/64"];

/// Address of clouds' metadata services.
pub const METADATA: &str = "169.254.169.254";

/// A lease, the registry's name, and no other name below `test`.
pub const DNSMASQ: [&str; 4] = [
    "--dhcp-range=10.9.0.50,10.9.0.60,10m",
    "--dhcp-option=6,10.9.0.1",
    "--local=/test/",
    "--host-record=registry.test,10.9.0.1",
];

/// What is at the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// QEMU's user network: a router with DHCP, for which this machine's loopback is 10.0.2.2.
    #[default]
    User,
    /// A network of the test's own in namespaces, with dnsmasq. Needs no privileges but access to /dev/net/tun.
    Dnsmasq,
}

impl Wire {
    /// The registry's address as the machine sees it.
    pub const fn host(self) -> &'static str {
        match self {
            Self::User => "10.0.2.2",
            Self::Dnsmasq => "registry.test",
        }
    }

    /// Sets up the namespace's network, if it has one, and waits for the tap device if another program makes it.
    ///
    /// # Errors
    /// This program is not in a namespace of its own.
    ///
    /// # Panics
    /// `ip` fails.
    pub fn make(self, dnsmasq: &[String], addresses: &[String], has_tap: bool) -> Result<()> {
        if self == Self::User {
            return Ok(());
        }
        ensure!(env::var_os(INSIDE).is_some(), "not in a network namespace");
        ensure!(!dnsmasq.is_empty(), "dnsmasq has no options");
        let ip = |arguments: &str| {
            let words: Vec<&str> = arguments.split(' ').collect();
            output(Path::new("."), "ip", &words);
        };
        ip("link set lo up");
        ip(&format!("addr add {METADATA}/32 dev lo"));
        if has_tap {
            wait_for_tap()?;
        } else {
            ip(&format!("tuntap add {TAP} mode tap"));
        }
        for address in addresses {
            let how = if address.contains(':') { " nodad" } else { "" };
            ip(&format!("addr add {address} dev {TAP}{how}"));
        }
        ip(&format!("link set {TAP} up"));
        Ok(())
    }
}

/// How often to look for the tap device, and the pause between: ten minutes, more than any machine needs.
const TRIES: u32 = 6000;
const PAUSE: Duration = Duration::from_millis(100);

fn wait_for_tap() -> Result<()> {
    for _ in 0..TRIES {
        if Command::new("ip").args(["link", "show", TAP]).output()?.status.success() {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    bail!("no device {TAP}: socat did not create it");
}

/// dnsmasq's arguments: no system files, no privileges to drop, the card, the file of leases.
pub fn dnsmasq(options: &[String]) -> Vec<String> {
    let own = ["-d", "-C", "/dev/null", "-R", "-h", "--log-dhcp", "--log-queries", "-i", TAP, "-z"];
    let own = own.into_iter().chain(["--dhcp-leasefile=leases", "--dhcp-authoritative"]).map(String::from);
    own.chain(options.iter().cloned()).collect()
}

/// Starts this program again in a namespace of users and networks, if the wire needs them and it is not in such a
/// namespace yet.
///
/// # Errors
/// When it cannot be started. Otherwise it does not return.
pub fn enter(wire: Wire) -> Result<()> {
    if wire == Wire::User || env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let program = env::current_exe()?;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--"]).arg(program).args(env::args_os().skip(1));
    bail!("unshare: {}", command.env(INSIDE, "1").exec());
}

/// QEMU's options for cards; `netdev` is what those on the wire lead to, if not to the wire itself.
pub fn cards(wire: Wire, cards: &[String], netdev: Option<String>) -> Vec<String> {
    let default = ["virtio-net-pci".to_owned()];
    let cards = if cards.is_empty() { &default[..] } else { cards };
    let mut options = Vec::new();
    for (number, card) in cards.iter().enumerate() {
        let (device, silent) = match card.strip_prefix("silent:") {
            Some(device) => (device, true),
            None => (card.as_str(), false),
        };
        let end = match (silent, &netdev, wire) {
            // Nobody else is at that hub.
            (true, ..) => format!("hubport,hubid={number},id=card{number}"),
            (false, Some(netdev), _) => format!("{netdev},id=card{number}"),
            (false, None, Wire::User) => format!("user,id=card{number}"),
            (false, None, Wire::Dnsmasq) => {
                format!("tap,id=card{number},ifname={TAP},script=no,downscript=no")
            }
        };
        // The firmware has a driver of its own for virtio; those of other cards are in their ROMs.
        let rom = if device.starts_with("virtio") { ",romfile=" } else { "" };
        options.extend(["-netdev".into(), end]);
        options.extend(["-device".into(), format!("{device},netdev=card{number}{rom}")]);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_have_their_ends() {
        let list = ["e1000".to_owned(), "silent:virtio-net-pci".to_owned()];
        assert_eq!(
            cards(Wire::User, &list, None).join(" "),
            "-netdev user,id=card0 -device e1000,netdev=card0 \
             -netdev hubport,hubid=1,id=card1 -device virtio-net-pci,netdev=card1,romfile="
        );
        assert!(cards(Wire::Dnsmasq, &[], None).join(" ").starts_with("-netdev tap,id=card0,ifname=t0,"));
        let relayed = cards(Wire::Dnsmasq, &[], Some("stream,x=y".into()));
        assert!(relayed.join(" ").starts_with("-netdev stream,x=y,id=card0 "), "{relayed:?}");
    }
}
