// SPDX-License-Identifier: BSD-3-Clause
//! Two concurrent futures.

use alloc::boxed::Box;
use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// The outputs of both. Once one output is enough, the other future has until `grace` ends, or its output is `None`.
pub(super) async fn join<T, G: Future>(
    first: impl Future<Output = T>,
    second: impl Future<Output = T>,
    is_enough: impl Fn(&T) -> bool,
    grace: impl Fn() -> G,
) -> (Option<T>, Option<T>) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut two, mut left) = (None, None, None);
    poll_fn(move |context| {
        if one.is_none()
            && let Poll::Ready(value) = first.as_mut().poll(context)
        {
            one = Some(value);
        }
        if two.is_none()
            && let Poll::Ready(value) = second.as_mut().poll(context)
        {
            two = Some(value);
        }
        let is_over = match (&one, &two) {
            (Some(_), Some(_)) => true,
            (Some(value), None) | (None, Some(value)) if is_enough(value) => {
                left.get_or_insert_with(|| Box::pin(grace())).as_mut().poll(context).is_ready()
            }
            _ => false,
        };
        if is_over { Poll::Ready((one.take(), two.take())) } else { Poll::Pending }
    })
    .await
}
