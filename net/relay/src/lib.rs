// SPDX-License-Identifier: BSD-3-Clause
//! A cable with faults, for tests and benches on the build machine.
//!
//! A [`Relay`] carries Ethernet frames between two ends: QEMU's `-netdev stream`, another such socket, or a tap device
//! in a [`Namespace`] of the test. What it does to frames is a plain value, [`Faults`]: delay, reordering, loss, a cut.
//! The verdict on a frame depends on the seed, its direction and the frames before it, never on a clock; delays are
//! implemented by a queue that is given the time.
//!
//! ```
//! use relay::{Direction, Faults, Judge};
//!
//! let mut judge = Judge::new(Faults { loss: 20, seed: 7, ..Faults::default() });
//! let lost = (0..1000).filter(|_| judge.judge(Direction::ToGuest, &[0; 60]).is_lost()).count();
//! assert_eq!(lost, 21);
//! ```

mod address;
mod end;
mod faults;
mod flow;
mod line;
mod namespace;
mod options;
mod run;
mod vlan;

pub use address::EndAddress;
pub use end::End;
pub use faults::{Cut, Direction, Faults, Judge, Verdict};
pub use namespace::Namespace;
pub use options::Options;
pub use run::{Counts, Relay};
