// SPDX-License-Identifier: BSD-3-Clause
//! What others on the wire send to everybody, all the time. A card that is not stopped writes it to memory that is the
//! kernel's by then.

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

/// Everybody on the wire, at the port of those who throw it away.
const EVERYBODY: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 9, 0, 255), 9);
/// Bytes of a datagram: a whole frame.
const SIZE: usize = 1472;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(1);
/// Fewer are no traffic: a boot takes some seconds.
const FEWEST: u64 = 1000;

/// Somebody who sends until the machine is off.
pub struct Traffic {
    is_over: Arc<AtomicBool>,
    sender: JoinHandle<u64>,
}

impl Traffic {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no socket.
    pub fn start() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("a socket for traffic")?;
        socket.set_broadcast(true).context("a socket for everybody")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&is_over);
        let sender = thread::spawn(move || {
            let mut sent = 0_u64;
            while !end.load(Ordering::Relaxed) {
                // Fails where nobody is at the other end yet, or nobody reads.
                sent = sent.wrapping_add(u64::from(socket.send_to(&[0xa5; SIZE], EVERYBODY).is_ok()));
                thread::sleep(PAUSE);
            }
            sent
        });
        Ok(Self { is_over, sender })
    }

    /// What is said of it, once QEMU has ended, when there was none.
    pub fn complaint(self) -> Option<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let sent = self.sender.join().unwrap_or(0);
        println!("traffic: {sent} frames to everybody");
        (sent < FEWEST).then(|| format!("there was hardly any traffic: {sent} frames"))
    }
}
