// SPDX-License-Identifier: BSD-3-Clause
//! Races attempts: they start one after the other, and later ones run beside slow ones.

use alloc::{boxed::Box, vec::Vec};
use core::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use ip::Error;

/// The most attempts at a time: each may have a connection's buffers.
const MOST_AT_A_TIME: usize = 3;
/// Time until `next` is asked again.
const LOOK: Duration = Duration::from_millis(10);

/// What comes next in a race.
pub(crate) enum Next<F> {
    /// Start this attempt.
    Start(F),
    /// No attempt now; there may be one later.
    Wait,
    /// No more attempts.
    End,
}

/// The timing of a race.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// After this time, the next attempt starts beside the running one.
    pub stagger: Duration,
    /// When the race ends in any case.
    pub deadline: Duration,
}

/// The value of the first attempt that succeeds; the others are dropped.
///
/// `next` is asked for another attempt at once after a failure, otherwise when the last one exceeds its time; it gets
/// the most informative error so far.
///
/// # Errors
/// The most informative error; `None` if none failed before the deadline.
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
            let value = poll_each(&mut running, context, |error| {
                failure = Some(more_telling(failure.take(), error));
                due = Duration::ZERO;
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

/// Polls each attempt and removes those that end; returns the first value.
fn poll_each<T, F: Future<Output = Result<T, Error>>>(
    running: &mut Vec<Pin<Box<F>>>,
    context: &mut Context<'_>,
    mut failed: impl FnMut(Error),
) -> Option<T> {
    let mut value = None;
    running.retain_mut(|attempt| match attempt.as_mut().poll(context) {
        Poll::Pending => true,
        Poll::Ready(Ok(found)) => {
            value.get_or_insert(found);
            false
        }
        Poll::Ready(Err(error)) => {
            failed(error);
            false
        }
    });
    value
}

/// The error of the attempt that got further; of equal ones, the later.
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
        // A silent server may know a name that another one does not, so silence ranks higher than "no such name".
        Error::Unresolved { .. } => 4,
        Error::NotFound { .. } => 3,
        Error::NoRoute { .. } => 2,
        Error::NoServer { .. } => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::pin, string::String, task::Waker, vec};

    use super::*;

    const fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    const PACE: Pace = Pace { stagger: milliseconds(250), deadline: milliseconds(10_000) };

    /// An attempt: what it yields, and after how many milliseconds.
    type Script = (Result<&'static str, Error>, u64);

    /// Runs a race of attempts; its end, when that is, and when each attempt starts.
    fn run(attempts: Vec<Script>) -> (Result<&'static str, Option<Error>>, u64, Vec<u64>) {
        let now = Cell::new(milliseconds(0));
        let mut starts = vec![];
        let mut attempts = attempts.into_iter();
        let result = {
            let mut race = pin!(race(
                || now.get(),
                PACE,
                |_| {
                    let Some((result, takes)) = attempts.next() else { return Next::End };
                    let end = now.get() + milliseconds(takes);
                    starts.push(u64::try_from(now.get().as_millis()).unwrap());
                    let (now, mut result) = (&now, Some(result));
                    Next::Start(poll_fn(move |_| match now.get() >= end {
                        true => Poll::Ready(result.take().unwrap()),
                        false => Poll::Pending,
                    }))
                }
            ));
            let mut context = Context::from_waker(Waker::noop());
            loop {
                if let Poll::Ready(result) = race.as_mut().poll(&mut context) {
                    break result;
                }
                now.set(now.get() + milliseconds(10));
            }
        };
        (result, u64::try_from(now.get().as_millis()).unwrap(), starts)
    }

    fn refused() -> Error {
        Error::Refused { to: "10.9.0.1:1".parse().unwrap() }
    }

    fn unresolved() -> Error {
        Error::NoServer { name: String::from("a") }
    }

    #[test]
    fn the_first_value_wins() {
        assert_eq!(run(vec![(Ok("a"), 100), (Ok("b"), 0)]), (Ok("a"), 100, vec![0]));
        assert_eq!(run(vec![(Ok("a"), 1000), (Ok("b"), 100)]), (Ok("b"), 350, vec![0, 250]));
    }

    #[test]
    fn a_failure_starts_the_next_at_once() {
        assert_eq!(run(vec![(Err(refused()), 50), (Ok("b"), 100)]), (Ok("b"), 150, vec![0, 50]));
    }

    #[test]
    fn the_failure_of_the_attempt_that_got_furthest_counts() {
        let both = vec![(Err(refused()), 50), (Err(unresolved()), 0)];
        assert_eq!(run(both), (Err(Some(refused())), 50, vec![0, 50]));
        assert_eq!(run(vec![]), (Err(None), 0, vec![]));
    }

    #[test]
    fn few_run_at_a_time_and_all_end() {
        let never = || (Ok("a"), 100_000);
        let (result, end, starts) = run(vec![never(), never(), never(), never()]);
        assert_eq!((result, end, starts), (Err(None), 10_000, vec![0, 250, 500]));
        let (result, end, _) = run(vec![never(), (Err(refused()), 0)]);
        assert_eq!((result, end), (Err(Some(refused())), 10_000));
    }
}
