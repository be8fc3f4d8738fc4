// SPDX-License-Identifier: BSD-3-Clause
//! Waiting without an executor: for a future or a deadline, for all of several futures.

use alloc::{boxed::Box, vec::Vec};
use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use crate::Dial;

/// The deadline came first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Late;

/// The output of a future, if it is ready before the deadline. If both are ready, the future wins.
///
/// # Errors
/// The deadline comes first; the future is dropped.
pub async fn within<D: Dial, F: Future>(dial: &D, deadline: Duration, future: F) -> Result<F::Output, Late> {
    let mut future = pin!(future);
    let mut sleep = pin!(dial.sleep(deadline));
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(context).map(|()| Err(Late))
    })
    .await
}

/// One of several futures that run concurrently.
pub type Task<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + 'a>>;

/// Runs futures concurrently until all are done or one has failed; then the others are dropped.
///
/// # Errors
/// The first error of any future.
pub async fn all<E>(mut futures: Vec<Task<'_, E>>) -> Result<(), E> {
    poll_fn(|context| {
        let mut failure = None;
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => {
                failure.get_or_insert(error);
                false
            }
        });
        match failure {
            Some(error) => Poll::Ready(Err(error)),
            None if futures.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}

/// Lets other futures run once, in the middle of a long computation.
pub async fn breathe() {
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use core::task::{Context, Waker};
    use std::cell::Cell;

    use super::*;

    fn poll_twice<F: Future>(future: F) -> (Poll<F::Output>, Option<Poll<F::Output>>) {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => (Poll::Ready(output), None),
            Poll::Pending => (Poll::Pending, Some(future.as_mut().poll(&mut context))),
        }
    }

    #[test]
    fn breathing_waits_once() {
        let (first, second) = poll_twice(breathe());
        assert!(first.is_pending());
        assert_eq!(second, Some(Poll::Ready(())));
    }

    #[test]
    fn all_run_side_by_side() {
        let order = Cell::new(0);
        let step = |adds: u32| {
            let order = &order;
            let future: Task<'_, ()> = Box::pin(async move {
                order.set(order.get() * 10 + adds);
                breathe().await;
                order.set(order.get() * 10 + adds);
                Ok(())
            });
            future
        };
        let (_, second) = poll_twice(all(std::vec![step(1), step(2)]));
        assert_eq!((second, order.get()), (Some(Poll::Ready(Ok(()))), 1212));
    }

    #[test]
    fn the_first_failure_ends_all() {
        let never: Task<'_, u8> = Box::pin(core::future::pending());
        let fails: Task<'_, u8> = Box::pin(async { Err(7) });
        assert_eq!(poll_twice(all(std::vec![never, fails])).0, Poll::Ready(Err(7)));
    }
}
