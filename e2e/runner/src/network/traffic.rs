// SPDX-License-Identifier: BSD-3-Clause
//! Constant broadcast traffic on the wire. A card that is not stopped would write it to memory that belongs to the
//! kernel by then.

use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// The broadcast address, at the discard port.
const EVERYBODY: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 9, 0, 255), 9);
/// Bytes of a datagram: a whole frame.
const SIZE: usize = 1472;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(1);
/// Least number of frames that counts as traffic: a boot takes some seconds.
const FEWEST: u64 = 1000;

/// A sender that runs until the machine is off.
pub struct Traffic {
    is_over: Arc<AtomicBool>,
    sender: JoinHandle<u64>,
}

impl Traffic {
    /// Starts it.
    ///
    /// # Errors
    /// When the socket cannot be created.
    pub fn start() -> Result<Self> {
        let socket =
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("cannot create a socket for traffic")?;
        socket.set_broadcast(true).context("cannot enable broadcast")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&is_over);
        let sender = thread::spawn(move || {
            let mut sent = 0_u64;
            while !end.load(Ordering::Relaxed) {
                // Best effort: fails while there is no peer, or nobody reads.
                sent = sent.wrapping_add(u64::from(socket.send_to(&[0xa5; SIZE], EVERYBODY).is_ok()));
                thread::sleep(PAUSE);
            }
            sent
        });
        Ok(Self { is_over, sender })
    }

    /// The complaint, once QEMU has ended, if there was too little traffic.
    pub fn complaint(self) -> Option<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let sent = self.sender.join().unwrap_or(0);
        println!("traffic: {sent} broadcast frames");
        (sent < FEWEST).then(|| format!("too little traffic: {sent} frames"))
    }
}
