// SPDX-License-Identifier: BSD-3-Clause
//! Downloads a file by URL: retries if the server does not answer, resumes if the connection breaks.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use artifact::Room;
use config::Config;
use dial::Dial;
use http::{Backoff, Cause, Client, Division, Error, Observer, Range, Request, Response, Source, Url};

use crate::{
    Failure, Phase,
    remote::{ANSWER, of_request, proxy},
    report::Bytes,
    route::Route,
};

/// Fetches a file over a platform's network, if twice its size fits into memory.
///
/// # Errors
/// An invalid setting, or a failure on the way.
pub async fn download<D: Dial>(
    dial: D,
    url: &Url,
    config: &Config,
    room: &dyn Room,
) -> Result<Vec<u8>, Failure> {
    let client = Client::new(Route::Network(dial)).with_proxy(proxy(config)?);
    let file = File { client: &client, url, first: RefCell::default(), tag: RefCell::default() };
    let refused = |code, cause: &str| Failure::new(Phase::Obtain, format!("{url}"), code, &cause);
    // Boxed: the future is large, and firmware stacks are small.
    let response = Box::pin(file.ask(None)).await.map_err(|error| of_request(&error))?;
    let length = response.length().ok_or_else(|| {
        refused(http::codes::SIZE, "the server does not send its length; configure it to send Content-Length")
    })?;
    let free = room.available();
    // `LoadImage` makes a second copy. A saturated value is larger than any memory.
    let wanted = length.saturating_mul(2);
    let buffer = usize::try_from(length).ok().filter(|_| wanted <= free);
    let mut image = buffer.and_then(|length| room.buffer(length)).ok_or_else(|| {
        refused(code::MEMORY, &format!("{} wanted, {} of memory free", Bytes(wanted), Bytes(free)))
    })?;
    file.first.replace(Some(response));
    // A single range: the length is not known before the first response, which then carries the whole file.
    let division = Division { ranges: 1, ..Division::default() };
    let download = Box::pin(http::download(&file, &mut image, division, &Nobody));
    download.await.map_err(|error| of_request(&error))?;
    Ok(image)
}

/// A file on a server.
struct File<'c, D: Dial> {
    client: &'c Client<D>,
    url: &'c Url,
    /// The first response, already open.
    first: RefCell<Option<Response<'c, D>>>,
    /// A strong ETag, which identifies these exact bytes. Without one a download is not resumed: no digest would show
    /// that the rest belongs to a different version of the file.
    ///
    /// Spec: RFC 9110, sections 8.8.3 and 13.1.5.
    tag: RefCell<Option<String>>,
}

impl<'c, D: Dial> File<'c, D> {
    /// Requests the file or the rest of it, with retries, for at most [`ANSWER`].
    async fn ask(&self, range: Option<Range>) -> Result<Response<'c, D>, Error> {
        let dial = self.client.dial();
        let asking = Box::pin(self.ask_patiently(range));
        let late =
            |dial::Late| Error::new(self.url, Cause::Late { phase: http::Phase::Whole, limit: ANSWER });
        dial::within(dial, dial.after(ANSWER), asking).await.map_err(late)?
    }

    async fn ask_patiently(&self, range: Option<Range>) -> Result<Response<'c, D>, Error> {
        let since = self.client.dial().now();
        let mut number = 0;
        loop {
            let (error, wished) = match self.ask_once(range).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            if !error.is_transient() {
                return Err(error);
            }
            self.pause(number, since, wished, error).await?;
            // Cannot saturate: pauses end long before.
            number = number.saturating_add(1);
        }
    }

    /// One request. A failure comes with the seconds that the server asks us to wait (Retry-After).
    async fn ask_once(&self, range: Option<Range>) -> Result<Response<'c, D>, (Error, Option<u64>)> {
        let tag = self.tag.borrow().clone();
        let condition = tag.as_deref().filter(|_| range.is_some()).map(|tag| ("If-Range", tag));
        let request = Request { range, fields: condition.as_slice(), ..Request::get(self.url) };
        let response = self.client.send(&request).await.map_err(|error| (error, None))?;
        if !(200..=299).contains(&response.head().status) {
            return Err((response.status(), response.head().retry_after()));
        }
        let found = response.head().field("etag");
        match range {
            // A request for the whole file: remember its tag.
            None => {
                self.tag.replace(found.filter(|tag| tag.starts_with('"')).map(Into::into));
            }
            Some(_) if found != tag.as_deref() => return Err((response.failed(Cause::Changed), None)),
            Some(_) => {}
        }
        Ok(response)
    }

    async fn pause(
        &self,
        number: u32,
        since: Duration,
        wished: Option<u64>,
        error: Error,
    ) -> Result<(), Error> {
        let dial = self.client.dial();
        let wait = Backoff::default().wait(number, dial.since(since), dial.random(), wished);
        dial.sleep(dial.after(wait.ok_or(error)?)).await;
        Ok(())
    }
}

impl<D: Dial> Source for File<'_, D> {
    type Dial = D;
    type Error = Error;

    fn dial(&self) -> &D {
        self.client.dial()
    }

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, D>, Error> {
        let first = self.first.take();
        match first {
            Some(first) => Ok(first),
            None => self.ask(range).await,
        }
    }

    async fn broken(&self, failures: u32, since: Duration, error: Error) -> Result<(), Error> {
        if self.tag.borrow().is_none() {
            return Err(error);
        }
        self.pause(failures, since, None, error).await
    }
}

/// An observer that does nothing: the file is checked when all of it has arrived.
struct Nobody;

impl Observer for Nobody {
    fn arrived(&self, _: usize) {}

    fn take(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{string::ToString as _, vec};

    use peers::{Answer, Asked, Script, World};

    use super::*;

    const SIZE: usize = 300_000;

    struct Memory(u64);

    impl Room for Memory {
        fn available(&self) -> u64 {
            self.0
        }

        fn buffer(&self, length: usize) -> Option<Vec<u8>> {
            Some(vec![0; length])
        }
    }

    fn content() -> Vec<u8> {
        (0..SIZE).map(|i| (i % 251) as u8).collect()
    }

    /// What is asked for of the file, which the server knows by this tag.
    fn part(asked: &Asked, tag: &str) -> Answer {
        let (body, tag) = (content(), format!("ETag: {tag}"));
        match asked.range() {
            Some((first, last)) => {
                let range = format!("Content-Range: bytes {first}-{last}/{SIZE}");
                Answer::new(206, &[&range, &tag], &body[first..=last])
            }
            None => Answer::new(200, &[&tag], &body),
        }
    }

    /// The outcome (`ok` where every byte is right), and the requests, for a server that is told how many there were.
    fn downloaded(answer: impl Fn(&Asked, usize) -> Answer + 'static) -> (String, Vec<Asked>) {
        let world = World::new();
        let count = RefCell::new(0);
        let script = Script::at(&world, "host.example:443", move |asked| {
            *count.borrow_mut() += 1;
            answer(asked, *count.borrow())
        });
        let url = Url::parse("https://host.example/linux.efi?secret").unwrap();
        let result =
            world.run(async { download(world.wire(), &url, &Config::default(), &Memory(1 << 30)).await });
        let outcome = match result {
            Ok(image) if image == content() => "ok".into(),
            Ok(image) => format!("{} other bytes", image.len()),
            Err(failure) => failure.to_string(),
        };
        (outcome, script.asked())
    }

    #[test]
    fn a_server_that_is_busy_is_asked_again() {
        let (outcome, asked) = downloaded(|asked, count| match count {
            1 => Answer::new(503, &["Retry-After: 3"], b""),
            _ => part(asked, "\"a\""),
        });
        assert_eq!((outcome.as_str(), asked.len()), ("ok", 2));
        let (outcome, asked) = downloaded(|_, _| Answer::new(404, &[], b""));
        assert_eq!(asked.len(), 1);
        let expected = "failed: obtain https://host.example/linux.efi: E-NET-HTTP-STATUS 404 Scripted";
        assert!(outcome.starts_with(expected), "{outcome}");
        let (outcome, asked) = downloaded(|_, _| Answer::new(503, &[], b""));
        assert_eq!(asked.len(), 6);
        assert!(outcome.contains("E-NET-HTTP-STATUS 503 "), "{outcome}");
    }

    #[test]
    fn a_file_goes_on_where_its_connection_broke() {
        let (outcome, asked) = downloaded(|asked, count| match count {
            1 => part(asked, "\"a\"").cut(SIZE / 2),
            _ => part(asked, "\"a\""),
        });
        assert_eq!((outcome.as_str(), asked.len()), ("ok", 2));
        let (first, last) = asked[1].range().unwrap();
        assert!((SIZE / 2 - 100..SIZE / 2).contains(&first) && last == SIZE - 1, "{first}-{last}");
        assert_eq!((asked[0].field("if-range"), asked[1].field("if-range")), (None, Some("\"a\"")));
    }

    #[test]
    fn parts_of_two_files_are_never_put_together() {
        let other: fn(&Asked) -> Answer = |asked| part(asked, "\"b\"");
        let whole: fn(&Asked) -> Answer = |_| Answer::new(200, &["ETag: \"b\""], &[0; SIZE]);
        let nameless: fn(&Asked) -> Answer = |asked| Answer::part(asked, &content());
        for second in [other, whole, nameless] {
            let (outcome, asked) = downloaded(move |asked, count| match count {
                1 => part(asked, "\"a\"").cut(SIZE / 2),
                _ => second(asked),
            });
            assert_eq!(asked.len(), 2);
            assert!(
                outcome.contains(
                    "linux.efi: E-NET-HTTP-CHANGED the file on the server changed during the download"
                ),
                "{outcome}"
            );
        }
        // What has no tag, or one that says only that both are as good, is not resumed.
        for tag in ["", "W/\"a\""] {
            let (outcome, asked) = downloaded(move |asked, _| part(asked, tag).cut(SIZE / 2));
            assert_eq!(asked.len(), 1, "{tag}");
            assert!(outcome.contains("E-NET-HTTP-CUT "), "{outcome}");
        }
    }

    #[test]
    fn the_tag_is_that_of_the_response_whose_bytes_are_kept() {
        // Of the first response nothing but its head comes.
        for (third, expected) in [("\"b\"", "ok"), ("\"a\"", "E-NET-HTTP-CHANGED")] {
            let (outcome, asked) = downloaded(move |asked, count| match count {
                1 => Answer::new(200, &["ETag: \"a\""], &[0; SIZE]).slow_body(1, Duration::from_secs(100)),
                2 => part(asked, "\"b\"").cut(SIZE / 2),
                _ => part(asked, third),
            });
            assert!(outcome.contains(expected), "{outcome}");
            assert_eq!((asked.len(), asked[1].range(), asked[2].field("if-range")), (3, None, Some("\"b\"")));
        }
    }

    #[test]
    fn a_file_has_a_length_and_fits_into_memory() {
        let (outcome, _) = downloaded(|_, _| Answer::raw(200, &["Connection: close"], &content()).close());
        assert!(outcome.contains("E-NET-HTTP-SIZE the server does not send its length"), "{outcome}");
        let world = World::new();
        Script::at(&world, "host.example:443", |asked| part(asked, "\"a\""));
        let url = Url::parse("https://host.example/linux.efi").unwrap();
        let memory = Memory(2 * SIZE as u64 - 1);
        let result = world.run(async { download(world.wire(), &url, &Config::default(), &memory).await });
        assert_eq!(result.unwrap_err().code, code::MEMORY);
    }

    #[test]
    fn nobody_is_waited_for_longer_than_for_an_answer() {
        let world = World::new();
        world.silence("host.example:443");
        let url = Url::parse("https://host.example/linux.efi").unwrap();
        let result = world.run(async { download(world.wire(), &url, &Config::default(), &Memory(1)).await });
        assert_eq!(result.unwrap_err().code, http::codes::TIMEOUT);
        assert!(world.now() <= ANSWER);
    }
}
