// SPDX-License-Identifier: BSD-3-Clause
//! The server's log: times of requests and answers.

use anyhow::{Context, Result, ensure};

/// nginx's format of a line: end and duration in seconds, status, bytes sent, method, path.
pub const FORMAT: &str = "$msec $request_time $status $body_bytes_sent $request_method $uri";

/// A request and its answer, in seconds of the time of day.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// When the request arrived.
    pub start: f64,
    /// When the last byte of the answer was sent.
    pub end: f64,
    /// Bytes of the body.
    pub bytes: u64,
    /// The file.
    pub path: String,
}

/// All successful answers with content.
///
/// # Errors
/// For lines of another form.
pub fn answers(log: &str) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for line in log.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[end, took, status, bytes, method, path] = fields.as_slice() else {
            anyhow::bail!("unexpected line in the server's log: {line:?}");
        };
        let (end, took): (f64, f64) = (end.parse()?, took.parse()?);
        if method == "GET" && status.starts_with('2') {
            answers.push(Answer { start: end - took, end, bytes: bytes.parse()?, path: path.into() });
        }
    }
    Ok(answers)
}

/// Seconds from the first request for one of these files to the last byte of all; there must be at least `least` bytes.
///
/// # Errors
/// When fewer were sent.
pub fn span(answers: &[Answer], is_one: impl Fn(&str) -> bool, least: u64) -> Result<f64> {
    let wanted: Vec<_> = answers.iter().filter(|answer| is_one(&answer.path)).collect();
    let bytes: u64 = wanted.iter().map(|answer| answer.bytes).sum();
    ensure!(bytes >= least, "only {bytes} of {least} bytes were sent");
    let start = wanted.iter().map(|answer| answer.start).reduce(f64::min).context("no request")?;
    let end = wanted.iter().map(|answer| answer.end).reduce(f64::max).context("no request")?;
    Ok(end - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "100.500 0.000 200 7 GET /v2/bench/manifests/sha256:a\n\
                       103.000 2.000 206 60 GET /kernel\n\
                       104.000 0.010 416 0 GET /kernel\n\
                       104.250 3.000 206 40 GET /initrd\n\
                       104.900 0.000 200 0 HEAD /initrd\n";

    #[test]
    fn spans_are_from_the_first_request_to_the_last_byte() {
        let answers = answers(LOG).unwrap();
        assert_eq!(answers.len(), 3);
        let is_one = |path: &str| ["/kernel", "/initrd"].contains(&path);
        assert_eq!(span(&answers, is_one, 100).unwrap(), 3.25);
        let why = span(&answers, is_one, 101).unwrap_err();
        assert_eq!(why.to_string(), "only 100 of 101 bytes were sent");
        assert!(super::answers("x\n").is_err());
    }
}
