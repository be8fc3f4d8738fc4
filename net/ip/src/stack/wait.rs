// SPDX-License-Identifier: BSD-3-Clause
//! Waiting, always with a deadline.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use super::{Inner, Stack};
use crate::Instant;

impl Stack {
    /// Waits this long.
    pub async fn sleep(&self, wait: Duration) {
        let deadline = self.now().after(wait);
        let _ = self.wait(deadline, |_| None::<()>).await;
    }

    /// Awaits a future for at most `wait`; `None` on timeout, when the future is dropped.
    pub async fn within<F: Future>(&self, wait: Duration, future: F) -> Option<F::Output> {
        let deadline = self.now().after(wait);
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => self.with(|inner| match inner.now >= deadline {
                true => Poll::Ready(None),
                false => {
                    inner.wake_later(deadline, context.waker());
                    Poll::Pending
                }
            }),
        })
        .await
    }

    /// The first value that `ready` yields; `None` if it yields none before the deadline.
    pub(crate) async fn wait<T>(
        &self,
        deadline: Instant,
        mut ready: impl FnMut(&mut Inner) -> Option<T>,
    ) -> Option<T> {
        poll_fn(|context| {
            self.with(|inner| {
                if let Some(value) = ready(inner) {
                    return Poll::Ready(Some(value));
                }
                if inner.now >= deadline {
                    return Poll::Ready(None);
                }
                inner.wake_later(deadline, context.waker());
                Poll::Pending
            })
        })
        .await
    }
}
