// SPDX-License-Identifier: BSD-3-Clause
//! A platform, its limits, and the connections that are kept: what a client and its responses share.

use alloc::{string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use dial::Dial;

use crate::{Limits, connection::Connection};

/// Most idle connections that are kept, and for how long: servers close them after 5 s (Apache) to 75 s (nginx).
const MOST_IDLE: usize = 4;
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// Those of other hosts that are kept when a new one is made: each has a buffer of megabytes in firmware, and a registry
/// that redirects to a store would be kept as often as the store.
const MOST_OTHERS: usize = 1;

/// Connections that wait for a further request, and what all of them are used with.
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

/// What a connection is to: scheme, host and port; plain ones through a proxy are all the same.
pub type Key = (bool, String, u16);

impl<D: Dial> Pool<D> {
    /// A pool without connections.
    pub fn new(dial: D) -> Self {
        Self { dial, limits: Limits::default(), idle: RefCell::default() }
    }

    /// The same with other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Takes an idle connection to this host, unless it is too old. If there is none, the oldest connections to other hosts
    /// are closed.
    pub fn take(&self, key: &Key) -> Option<Connection<D::Stream>> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| self.dial.since(idle.since) < LONGEST_IDLE);
        let Some(index) = idle.iter().rposition(|idle| idle.key == *key) else {
            // Cannot saturate to more than there are.
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
