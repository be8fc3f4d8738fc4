// SPDX-License-Identifier: BSD-3-Clause
//! What a client and its responses share: the platform, the limits, and idle connections.

use alloc::{string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use dial::Dial;

use crate::{Limits, connection::Connection};

/// The most idle connections kept, and for how long: servers close them after 5 s (Apache) to 75 s (nginx).
const MOST_IDLE: usize = 4;
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// The same for other hosts when a new connection is opened: each has megabytes of buffers in firmware, and a registry
/// that redirects to a blob store would otherwise keep as many connections as the store.
const MOST_OTHERS: usize = 1;

/// Idle connections, and the platform and limits that all connections use.
pub struct Pool<D: Dial> {
    pub dial: D,
    pub limits: Limits,
    idle: RefCell<Vec<Idle<D::Stream>>>,
}

struct Idle<S> {
    key: Key,
    since: Duration,
    connection: Connection<S>,
}

/// The peer of a connection: scheme, host and port. All plain connections through a proxy have the same key.
pub type Key = (bool, String, u16);

impl<D: Dial> Pool<D> {
    /// A pool without connections.
    pub fn new(dial: D) -> Self {
        Self { dial, limits: Limits::default(), idle: RefCell::default() }
    }

    /// Replaces the limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Takes an idle connection to this host, unless it is too old. If there is none, the oldest connections to other hosts
    /// are closed.
    pub fn take(&self, key: &Key) -> Option<Connection<D::Stream>> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| self.dial.since(idle.since) < LONGEST_IDLE);
        let Some(index) = idle.iter().rposition(|idle| idle.key == *key) else {
            // Saturates to 0 if there are few.
            let surplus = idle.len().saturating_sub(MOST_OTHERS);
            idle.drain(..surplus);
            return None;
        };
        Some(idle.remove(index).connection)
    }

    /// Keeps a connection whose response is complete.
    pub fn keep(&self, key: Key, connection: Connection<D::Stream>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            idle.push(Idle { key, since: self.dial.now(), connection });
        }
    }
}
