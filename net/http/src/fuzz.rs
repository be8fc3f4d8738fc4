// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use crate::{
    Head, Proxy, Url,
    chunk::{Chunks, Next},
    url::host_and_port,
};

/// Any bytes as a head, chunks, a URL, a location, a proxy.
pub fn fuzz(data: &[u8]) {
    head(data);
    chunks(data);
    let text = alloc::string::String::from_utf8_lossy(data);
    let _ = (Proxy::parse(&text), host_and_port(&text));
    let Ok(base) = Url::new(true, "a", 443, "/b/c?d") else { return };
    for url in [Url::parse(&text), base.join(&text)].into_iter().flatten() {
        let is_sendable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(is_sendable(url.target()) && is_sendable(&url.authority()), "{url:?} could end its line");
    }
}

/// A head, and what it says. Yields how many bytes it has; none where there is none, or not all of it.
pub fn head(data: &[u8]) -> Option<usize> {
    let (head, length) = Head::parse(data).ok()??;
    assert!(length <= data.len(), "a head is no longer than what it was read from");
    let _ = (head.frame(), head.keeps_alive(), head.content_range(), head.retry_after());
    Some(length)
}

/// The body of any chunks is no longer than what it was read from. Yields its length if it is complete.
pub fn chunks(data: &[u8]) -> Option<usize> {
    let (mut decoder, mut rest, mut body, mut is_complete) = (Chunks::new(), data, 0_usize, false);
    while let Ok((taken, next)) = decoder.frame(rest) {
        rest = rest.get(taken..).unwrap_or_default();
        is_complete = next == Next::End;
        let Next::Data(left) = next else { break };
        let here = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if here == 0 {
            break;
        }
        decoder.advance(u64::try_from(here).unwrap_or(0));
        body = body.wrapping_add(here);
        rest = rest.get(here..).unwrap_or_default();
    }
    assert!(body <= data.len(), "a body of {body} bytes from {}", data.len());
    is_complete.then_some(body)
}
