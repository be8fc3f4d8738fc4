// SPDX-License-Identifier: BSD-3-Clause
//! Several ways to the same end: one after the other, and the later ones beside those that take long.

use alloc::{boxed::Box, vec::Vec};
use core::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use ip::Error;

/// Attempts at a time: each may have a connection's buffers.
const MOST_AT_A_TIME: usize = 3;
/// Until it is looked again whether there is another way.
const LOOK: Duration = Duration::from_millis(10);

/// What comes next in a race.
pub(crate) enum Next<F> {
    /// This attempt.
    Start(F),
    /// Perhaps another one later.
    Wait,
    /// Nothing more.
    End,
}

/// When a race does what.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// An attempt that takes longer gets company.
    pub stagger: Duration,
    /// When it ends in any case.
    pub deadline: Duration,
}

/// The value of the first attempt that has one; the others are dropped.
///
/// `next` is asked for another attempt at once after one that failed, else when the last one has had its time; it gets
/// the most telling failure.
///
/// # Errors
/// The most telling failure; None where none failed before the deadline.
pub(crate) async fn race<T, F: Future<Output = Result<T, Error>>>(
    now: impl Fn() -> Duration,
    pace: Pace,
    mut next: impl FnMut(Option<&Error>) -> Next<F>,
) -> Result<T, Option<Error>> {
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    let mut failure: Option<Error> = None;
    let mut due = Duration::ZERO;
    let after = |wait: Duration| now().checked_add(wait).unwrap_or(Duration::MAX);
    poll_fn(|context| {
        loop {
            let mut value = None;
            running.retain_mut(|attempt| match attempt.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(Ok(found)) => {
                    value.get_or_insert(found);
                    false
                }
                Poll::Ready(Err(error)) => {
                    failure = Some(more_telling(failure.take(), error));
                    due = Duration::ZERO;
                    false
                }
            });
            if let Some(value) = value {
                return Poll::Ready(Ok(value));
            }
            if now() >= pace.deadline {
                return Poll::Ready(Err(failure.take()));
            }
            if now() < due || running.len() >= MOST_AT_A_TIME {
                return Poll::Pending;
            }
            match next(failure.as_ref()) {
                Next::Start(attempt) => {
                    running.push(Box::pin(attempt));
                    due = after(pace.stagger);
                }
                Next::End if running.is_empty() => return Poll::Ready(Err(failure.take())),
                Next::Wait | Next::End => {
                    due = after(LOOK);
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

/// The failure of the attempt that got further; of equal ones, the later.
fn more_telling(before: Option<Error>, error: Error) -> Error {
    match before {
        Some(before) if rank(&before) > rank(&error) => before,
        _ => error,
    }
}

fn rank(error: &Error) -> u8 {
    match error {
        Error::Refused { .. } | Error::Reset { .. } => 7,
        Error::TimedOut { .. } => 6,
        Error::Busy { .. } => 5,
        // A server that is silent now may have another answer than one that has no such name.
        Error::Unresolved { .. } => 4,
        Error::NotFound { .. } => 3,
        Error::NoRoute { .. } => 2,
        Error::NoServer { .. } => 1,
        _ => 0,
    }
}
