// SPDX-License-Identifier: BSD-3-Clause
//! Damaged answers of web servers, head and chunks, are read or refused, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use http::fuzz;
use oracle::campaign::{self, Depth, Plan};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

/// The bytes of the body below.
const BODY: usize = 43;

const ANSWER: &[u8] = b"HTTP/1.1 206 Partial Content\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
    Content-Type: application/octet-stream\r\n\
    Content-Range: bytes 0-42/1000\r\n\
    ETag: \"4f-5e1\"\r\n\
    Connection: keep-alive\r\n\
    Retry-After: 5\r\n\
    Transfer-Encoding: chunked\r\n\
    \r\n\
    10;name=value\r\n0123456789abcdef\r\n\
    1b;quoted=\"a;b\"\r\nabcdefghijklmnopqrstuvwxyz!\r\n\
    0\r\nTrailer: value\r\n\r\n";

/// Layers passed: it has a head; what follows it are chunks; they have the whole body.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    fuzz::fuzz(&bytes);
    let Some(length) = fuzz::head(&bytes) else { return 0 };
    fuzz::chunks(&bytes[length..]).map_or(1, |body| 2 + usize::from(body == BODY))
}

#[test]
fn answer_in_chunks() {
    let (image, layers) = (ANSWER, &["head", "chunks", "whole body"][..]);
    let repair = |_: &mut [u8], _| {};
    let _ = campaign::run(Plan { name: "answer", image, layers, read, repair, mutants: MUTANTS, seed: 51 });
}
