// SPDX-License-Identifier: BSD-3-Clause
//! Servers that redirect, cut, stall, drip and lie. Time is the world's, so that minutes cost nothing.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use http::{
    Backoff, Client, Division, Error, Limits, Method, Observer, Proxy, Range, Request, Response, Secret,
    Source, Url, download, stream,
};
use peers::{Answer, Asked, Script, Wire, World};

const AT: &str = "http://server/file";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// The body of one GET.
fn get(world: &Rc<World>, from: &str) -> Result<Vec<u8>, Error> {
    let client = Client::new(world.wire());
    let from = url(from);
    world.run(async { client.send(&Request::get(&from)).await?.success()?.bytes(1 << 20).await })
}

fn message(result: Result<Vec<u8>, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_body_is_as_long_as_its_frame_says() {
    let world = World::new();
    Script::at(&world, "server:80", |asked| match asked.target.as_str() {
        "/length" => Answer::new(200, &[], b"five!"),
        "/chunks" => Answer::raw(200, &["Transfer-Encoding: chunked"], b"2\r\nfi\r\n3\r\nve!\r\n0\r\n\r\n"),
        "/close" => Answer::raw(200, &["Connection: close"], b"five!").close(),
        "/none" => Answer::raw(204, &[], b""),
        target => Answer::new(404, &[], target.as_bytes()),
    });
    for path in ["length", "chunks", "close"] {
        assert_eq!(get(&world, &format!("http://server/{path}")).unwrap(), b"five!", "{path}");
    }
    assert_eq!(get(&world, "http://server/none").unwrap(), b"");
    assert_eq!(
        message(get(&world, "http://server/x?secret")),
        "E-NET-HTTP-STATUS http://server/x: 404 Scripted"
    );
}

#[test]
fn connections_serve_further_requests_until_they_are_closed() {
    let world = World::new();
    let script = Script::at(&world, "server:80", |asked| match asked.target.as_str() {
        "/last" => Answer::new(200, &["Connection: close"], b"x").close(),
        // It promises to go on, and closes.
        "/liar" => Answer::new(200, &[], b"x").close(),
        _ => Answer::new(200, &[], b"x"),
    });
    let client = Client::new(world.wire());
    let bodies = world.run(async {
        let mut bodies = Vec::new();
        for path in ["1", "2", "last", "3", "liar", "4"] {
            let url = url(&format!("http://server/{path}"));
            bodies.extend(client.send(&Request::get(&url)).await.unwrap().bytes(10).await.unwrap());
        }
        bodies
    });
    assert_eq!(bodies, b"xxxxxx");
    assert_eq!((script.asked().len(), world.connected().len()), (6, 3));
}

#[test]
fn a_new_connection_closes_those_to_other_hosts_but_the_last() {
    let world = World::new();
    let hosts = ["one", "two", "three"];
    let _scripts =
        hosts.map(|host| Script::at(&world, &format!("{host}:80"), |_| Answer::new(200, &[], b"x")));
    let client = Client::new(world.wire());
    world.run(async {
        // The second is still there when the third is connected to, the first is not.
        for host in ["one", "two", "three", "two", "three", "one"] {
            let url = url(&format!("http://{host}/"));
            client.send(&Request::get(&url)).await.unwrap().bytes(10).await.unwrap();
        }
    });
    assert_eq!(world.connected(), ["one:80", "two:80", "three:80", "one:80"]);
}

#[test]
fn redirects_are_followed_and_credentials_are_not_carried_away() {
    let world = World::new();
    let first = Script::at(&world, "server:80", |asked| match asked.target.as_str() {
        "/file" => Answer::new(307, &["Location: /moved"], b"gone"),
        _ => Answer::new(302, &["Location: http://store/blob?signature=1"], b""),
    });
    let store = Script::at(&world, "store:80", |_| Answer::new(200, &[], b"blob"));
    let (client, from, secret) = (Client::new(world.wire()), url(AT), Secret::basic("me", "hunter2"));
    let request = Request { authorization: Some(&secret), ..Request::get(&from) };
    let body = world.run(async { client.send(&request).await.unwrap().bytes(10).await.unwrap() });
    assert_eq!(body, b"blob");
    let seen = |script: &Script| {
        script.asked().iter().map(|asked| asked.field("authorization").is_some()).collect::<Vec<_>>()
    };
    assert_eq!((seen(&first), seen(&store)), (vec![true, true], vec![false]));
}

#[test]
fn redirects_end() {
    let world = World::new();
    Script::at(&world, "server:80", |asked| match asked.target.as_str() {
        "/nowhere" => Answer::new(301, &[], b""),
        "/file-url" => Answer::new(301, &["Location: file:///etc/passwd"], b""),
        _ => Answer::new(302, &["Location: /file"], b""),
    });
    Script::at(&world, "secure:443", |_| Answer::new(302, &["Location: http://server/plain?signature"], b""));
    for (from, expected) in [
        (AT, "E-NET-HTTP-REDIRECT http://server/file: more than 8 redirects"),
        (
            "http://server/nowhere",
            "E-NET-HTTP-REDIRECT http://server/nowhere: status 301 without a usable Location",
        ),
        (
            "http://server/file-url",
            "E-NET-HTTP-REDIRECT http://server/file-url: status 301 without a usable Location",
        ),
        (
            "https://secure/",
            "E-NET-HTTP-PLAIN https://secure/: redirected from https to plain http (http://server/plain)",
        ),
    ] {
        assert_eq!(message(get(&world, from)), expected);
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    let many = "X: y\r\n".repeat(101);
    let large = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(40_000));
    for (bytes, expected) in [
        (
            &b"SSH-2.0-OpenSSH_10\r\n\r\n"[..],
            "E-NET-HTTP-HEAD http://server/file: malformed response head: invalid HTTP version",
        ),
        (b"", "E-NET-HTTP-CUT http://server/file: connection closed after 0 bytes of the response head"),
        (
            b"HTTP/1.1 200 O",
            "E-NET-HTTP-CUT http://server/file: connection closed after 14 bytes of the response head",
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{many}\r\n").as_bytes(),
            "E-NET-HTTP-LIMIT http://server/file: response head exceeds 100 fields",
        ),
        (large.as_bytes(), "E-NET-HTTP-LIMIT http://server/file: response head exceeds 32 KiB"),
        (
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(20).as_bytes(),
            "E-NET-HTTP-LIMIT http://server/file: response head exceeds 8 informational responses",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfive",
            "E-NET-HTTP-CUT http://server/file: connection closed after 4 bytes of the body",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive",
            "E-NET-HTTP-CUT http://server/file: connection closed after 4 bytes of the body",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive",
            "E-NET-HTTP-FRAMING http://server/file: malformed chunk size",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "E-NET-HTTP-FRAMING http://server/file: invalid Content-Length \"x\"",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
            "E-NET-HTTP-SIZE http://server/file: body of 9999999 bytes, 1048576 expected",
        ),
    ] {
        let world = World::new();
        let answer = Answer::bytes(bytes);
        Script::at(&world, "server:80", move |_| answer.clone());
        assert_eq!(message(get(&world, AT)), expected);
    }
}

#[test]
fn an_endless_body_ends_at_the_limit() {
    let world = World::new();
    Script::at(&world, "server:80", |_| Answer::raw(200, &["Transfer-Encoding: chunked"], b"").endless());
    let error = message(get(&world, AT));
    assert!(error.starts_with("E-NET-HTTP-SIZE http://server/file: body of 10"), "{error}");
}

#[test]
fn each_phase_has_a_deadline() {
    let world = World::new();
    let drip = |bytes: &[u8]| Answer::bytes(bytes).slow(1, Duration::from_secs(1));
    let head = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfive!");
    let body = Answer::new(200, &[], &[0; 5000]).slow(50, Duration::from_secs(1));
    let byte_a_second = Answer::new(200, &[], &[0; 5000]).slow(45, Duration::from_millis(1));
    Script::at(&world, "server:80", move |asked| match asked.target.as_str() {
        "/head" => head.clone(),
        "/silent" => Answer::new(200, &[], b"x").slow(usize::MAX, Duration::from_secs(3600)),
        "/body" => body.clone(),
        _ => byte_a_second.clone(),
    });
    world.serve("deaf:80", |peer| async move { peer.pause(Duration::from_secs(3600)).await });
    for (from, expected, seconds) in [
        ("http://server/head", "E-NET-HTTP-TIMEOUT http://server/head: no response within 30 s", 30),
        ("http://server/silent", "E-NET-HTTP-TIMEOUT http://server/silent: no response within 30 s", 60),
        ("http://deaf/", "E-NET-HTTP-TIMEOUT http://deaf/: no response within 30 s", 90),
    ] {
        assert_eq!((message(get(&world, from)).as_str(), world.now().as_secs()), (expected, seconds));
    }
    let error = message(get(&world, "http://server/body"));
    assert!(
        error.starts_with("E-NET-HTTP-STALL http://server/body: ") && error.contains(" bytes in 20 s, "),
        "{error}"
    );
    assert_eq!(get(&world, "http://server/fast").unwrap().len(), 5000);
}

#[test]
fn what_the_platform_refuses_is_said_in_its_words() {
    let world = World::new();
    assert_eq!(
        message(get(&world, "http://nobody:81/")),
        "E-NET-CONNECT http://nobody:81/: connection refused"
    );
}

#[test]
fn a_proxy_gets_plain_requests_and_opens_tunnels() {
    let world = World::new();
    let plain = Script::at(&world, "proxy:3128", |_| Answer::new(200, &[], b"by proxy"));
    let (client, from) = (client_by(&world, "http://me:pw@proxy:3128"), url("http://server/file?x"));
    let body = world.run(async { client.send(&Request::get(&from)).await.unwrap().bytes(10).await.unwrap() });
    assert_eq!((body.as_slice(), plain.lines()), (&b"by proxy"[..], vec!["GET http://server/file?x".into()]));
    assert_eq!(plain.asked()[0].field("proxy-authorization"), Some("Basic bWU6cHc="));

    let world = World::new();
    let secure = Script::at(&world, "server:443", |_| Answer::new(200, &[], b"tunnel"));
    world.serve("proxy:80", |mut peer| async move {
        let request = peer.head().await;
        assert!(request.starts_with("CONNECT server:443 HTTP/1.1\r\nHost: server:443\r\n"), "{request}");
        assert!(!request.contains("\r\nAuthorization"), "{request}");
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
        peer.relay("server:443").await;
    });
    let (client, from, secret) =
        (client_by(&world, "http://proxy"), url("https://server/file"), Secret::bearer("t"));
    let request = Request { authorization: Some(&secret), ..Request::get(&from) };
    let body = world.run(async { client.send(&request).await.unwrap().bytes(10).await.unwrap() });
    assert_eq!(body, b"tunnel");
    assert_eq!(secure.asked()[0].secured.as_deref(), Some("server"));

    let world = World::new();
    Script::at(&world, "proxy:80", |_| Answer::new(407, &[], b""));
    let client = client_by(&world, "http://proxy");
    let error = world.run(async { client.send(&Request::get(&from)).await.err().unwrap() });
    assert_eq!(error.to_string(), "E-NET-HTTP-PROXY https://server/file: proxy answers 407 Scripted");
}

fn client_by(world: &Rc<World>, proxy: &str) -> Client<Wire> {
    Client::new(world.wire()).with_proxy(Some(Proxy::parse(proxy).unwrap()))
}

#[test]
fn a_refused_upload_has_its_status() {
    let world = World::new();
    let script = Script::at(&world, "server:80", |asked| match asked.target.as_str() {
        "/file" => Answer::new(201, &[], b""),
        _ => Answer::new(413, &[], b""),
    });
    // It answers before it has read the body, and closes.
    world.serve("hasty:80", |mut peer| async move {
        peer.head().await;
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    });
    let client = Client::new(world.wire());
    let content = vec![7; 1 << 20];
    let status = |to: &str| {
        let to = url(to);
        let request = Request { method: Method::Put, body: Some(&content.as_slice()), ..Request::get(&to) };
        world.run(async { client.send(&request).await.unwrap().head().status })
    };
    assert_eq!((status(AT), status("http://server/large"), status("http://hasty/")), (201, 413, 403));
    assert_eq!(script.asked()[0].body, content);
}

/// A file on one server, downloaded with a pause after each break.
struct File<'c> {
    client: &'c Client<Wire>,
    url: Url,
    order: RefCell<Vec<u8>>,
    arrived: RefCell<usize>,
}

impl<'c> File<'c> {
    fn at(client: &'c Client<Wire>) -> Self {
        Self { client, url: url(AT), order: RefCell::default(), arrived: RefCell::default() }
    }
}

impl Source for File<'_> {
    type Dial = Wire;
    type Error = Error;

    fn dial(&self) -> &Wire {
        self.client.dial()
    }

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, Wire>, Error> {
        self.client.send(&Request { range, ..Request::get(&self.url) }).await?.success()
    }

    async fn broken(&self, failures: u32, since: Duration, error: Error) -> Result<(), Error> {
        let wire = self.client.dial();
        let elapsed = dial::Dial::now(wire) - since;
        let wait = Backoff::default().wait(failures, elapsed, dial::Dial::random(wire), None).ok_or(error)?;
        dial::Dial::sleep(wire, dial::Dial::now(wire) + wait).await;
        Ok(())
    }
}

impl Observer for File<'_> {
    fn arrived(&self, bytes: usize) {
        *self.arrived.borrow_mut() += bytes;
    }

    fn take(&self, bytes: &[u8]) -> Result<(), String> {
        self.order.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 + index / 251) as u8).collect()
}

/// Downloads what a server answers: the result, and what was asked.
fn downloaded(
    size: usize,
    division: Division,
    answer: impl Fn(&Asked, usize) -> Answer + 'static,
) -> (String, Vec<String>) {
    let world = World::new();
    let count = RefCell::new(0);
    let script = Script::at(&world, "server:80", move |asked| {
        *count.borrow_mut() += 1;
        answer(asked, *count.borrow())
    });
    let client = Client::new(world.wire()).with_limits(Limits::default());
    let file = File::at(&client);
    let mut buffer = vec![0; size];
    let result = match world.run(download(&file, &mut buffer, division, &file)) {
        Ok(()) => {
            assert!(buffer == content(size) && *file.order.borrow() == buffer, "other bytes");
            assert_eq!(*file.arrived.borrow(), size);
            "ok".into()
        }
        Err(error) => error.to_string(),
    };
    (result, script.lines())
}

const SMALL: usize = 300_000;
const LARGE: usize = 20 << 20;

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let body = content(SMALL);
    let (result, lines) = downloaded(SMALL, Division::default(), move |asked, count| match count {
        1 => Answer::part(asked, &body).cut(SMALL / 2),
        _ => Answer::part(asked, &body),
    });
    assert_eq!((result.as_str(), lines.len(), lines[0].as_str()), ("ok", 2, "GET /file"));
    let first: usize = lines[1].split(['=', '-']).nth(1).unwrap().parse().unwrap();
    assert!((SMALL / 2 - 100..SMALL / 2).contains(&first), "{lines:?}");
    assert!(lines[1].ends_with(&format!("-{}", SMALL - 1)), "{lines:?}");
}

#[test]
fn a_server_without_ranges_is_read_again_up_to_the_break() {
    let body = content(SMALL);
    let (result, lines) = downloaded(SMALL, Division::default(), move |_, count| match count {
        1 => Answer::new(200, &[], &body).cut(SMALL / 2),
        _ => Answer::new(200, &[], &body),
    });
    assert_eq!((result.as_str(), lines.len()), ("ok", 2));
}

#[test]
fn a_download_that_breaks_again_and_again_fails() {
    let body = content(SMALL);
    let (result, lines) =
        downloaded(SMALL, Division::default(), move |asked, _| Answer::part(asked, &body).cut(200));
    assert!(result.starts_with("E-NET-HTTP-CUT http://server/file: connection closed after "), "{result}");
    assert_eq!(lines.len(), 6);
}

#[test]
fn large_bodies_come_in_ranges_side_by_side() {
    let body = content(LARGE);
    let (result, lines) = downloaded(LARGE, Division::default(), move |asked, count| match count {
        3 => Answer::part(asked, &body).cut(1 << 20),
        _ => Answer::part(asked, &body),
    });
    assert_eq!((result.as_str(), lines.len()), ("ok", 6), "{lines:?}");
    assert_eq!(lines[0], "GET /file bytes=0-4194303");
}

#[test]
fn a_large_body_of_a_server_without_ranges_comes_at_once() {
    let body = content(LARGE);
    let (result, lines) = downloaded(LARGE, Division::default(), move |_, _| Answer::new(200, &[], &body));
    assert_eq!((result.as_str(), lines.len()), ("ok", 1));
}

#[test]
fn a_server_may_ignore_the_range_of_any_request() {
    for ignored in 2..=5 {
        let body = content(LARGE);
        let (result, lines) = downloaded(LARGE, Division::default(), move |asked, count| {
            if count == ignored { Answer::new(200, &[], &body) } else { Answer::part(asked, &body) }
        });
        assert_eq!((result.as_str(), lines.len()), ("ok", 5), "{ignored}: {lines:?}");
    }
    let body = content(LARGE + 1);
    let (result, _) = downloaded(LARGE, Division::default(), move |asked, count| match count {
        1 => Answer::part(asked, &body[..LARGE]),
        _ => Answer::new(200, &[], &body),
    });
    assert_eq!(result, "E-NET-HTTP-SIZE http://server/file: body of 20971521 bytes, 20971520 expected");
}

#[test]
fn a_body_of_another_size_is_refused() {
    let chunked = |body: &[u8]| {
        let text = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        Answer::raw(200, &["Transfer-Encoding: chunked"], &text)
    };
    let one = Division { above: SMALL, ranges: 1 };
    for (size, is_chunked, expected) in [
        (SMALL - 1, false, "E-NET-HTTP-SIZE http://server/file: body of 299999 bytes, 300000 expected"),
        (SMALL + 1, false, "E-NET-HTTP-SIZE http://server/file: body of 300001 bytes, 300000 expected"),
        (SMALL - 1, true, "E-NET-HTTP-SIZE http://server/file: body of 299999 bytes, 300000 expected"),
        (SMALL + 1, true, "E-NET-HTTP-SIZE http://server/file: body of 300001 bytes, 300000 expected"),
    ] {
        let body = content(size);
        let answer = if is_chunked { chunked(&body) } else { Answer::new(200, &[], &body) };
        assert_eq!(downloaded(SMALL, one, move |_, _| answer.clone()).0, expected);
    }
    let body = content(LARGE + 1);
    let (result, _) = downloaded(LARGE, Division::default(), move |asked, _| Answer::part(asked, &body));
    assert_eq!(result, "E-NET-HTTP-SIZE http://server/file: body of 20971521 bytes, 20971520 expected");
}

#[test]
fn another_range_than_asked_for_is_refused() {
    let (result, _) = downloaded(LARGE, Division::default(), move |_, _| {
        Answer::new(206, &["Content-Range: bytes 1-4194304/20971520"], &content(4 << 20))
    });
    let expected = "E-NET-HTTP-RANGE http://server/file: asked for bytes 0-4194303, Content-Range says \"bytes 1-4194304/20971520\"";
    assert_eq!(result, expected);
}

/// What a stream yields to its observer, which refuses bytes beyond its room.
struct Kept {
    bytes: RefCell<Vec<u8>>,
    room: usize,
    arrived: Cell<usize>,
    /// The most that had arrived and was not yet taken.
    most: Cell<usize>,
}

impl Observer for Kept {
    fn arrived(&self, bytes: usize) {
        self.arrived.set(self.arrived.get() + bytes);
        self.most.set(self.most.get().max(self.arrived.get() - self.bytes.borrow().len()));
    }

    fn take(&self, bytes: &[u8]) -> Result<(), String> {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        if self.bytes.borrow().len() > self.room { Err("disk full".into()) } else { Ok(()) }
    }
}

/// Streams the end of what a server answers: the result, what was asked, and the most that was in memory.
fn streamed(
    (start, size): (usize, usize),
    division: Division,
    room: usize,
    answer: impl Fn(&Asked) -> Answer + 'static,
) -> (String, Vec<String>, usize) {
    let world = World::new();
    let script = Script::at(&world, "server:80", answer);
    let client = Client::new(world.wire());
    let file = File::at(&client);
    let kept = Kept { bytes: RefCell::default(), room, arrived: Cell::new(0), most: Cell::new(0) };
    let result = match world.run(stream(&file, start, size, division, &kept)) {
        Ok(()) => {
            assert!(*kept.bytes.borrow() == content(size)[start..], "other bytes");
            "ok".into()
        }
        Err(error) => error.to_string(),
    };
    (result, script.lines(), kept.most.get())
}

#[test]
fn a_stream_begins_where_the_last_one_ended() {
    let four = Division::default();
    let body = content(LARGE);
    let whole = body.clone();
    let (result, lines, _) =
        streamed((7_000_001, LARGE), four, usize::MAX, move |asked| Answer::part(asked, &body));
    assert_eq!((result.as_str(), lines.len()), ("ok", 4), "{lines:?}");
    assert_eq!(lines[0], "GET /file bytes=7000001-11194304");
    // Whose server knows no ranges gets what is before, too.
    let (result, lines, _) =
        streamed((7_000_001, LARGE), four, usize::MAX, move |_| Answer::new(200, &[], &whole));
    assert_eq!((result.as_str(), lines.len()), ("ok", 1));
    let (result, lines, _) = streamed((SMALL, SMALL), four, usize::MAX, |_| Answer::new(500, &[], b""));
    assert_eq!((result.as_str(), lines.len()), ("ok", 0), "all is there");
}

#[test]
fn a_slow_range_makes_the_others_wait() {
    const SIZE: usize = 28 << 20;
    let body = content(SIZE);
    let two = Division { ranges: 2, ..Division::default() };
    let (result, lines, most) = streamed((0, SIZE), two, usize::MAX, move |asked| {
        let answer = Answer::part(asked, &body);
        if asked.range().unwrap().0 == 0 { answer.slow(8 << 10, Duration::from_millis(100)) } else { answer }
    });
    assert_eq!((result.as_str(), lines.len()), ("ok", 7), "{lines:?}");
    assert!((12 << 20..=16 << 20).contains(&most), "{most} bytes in memory");
}

#[test]
fn a_stream_ends_when_its_bytes_cannot_be_kept() {
    let body = content(LARGE);
    let (result, _, _) =
        streamed((0, LARGE), Division::default(), 1 << 20, move |asked| Answer::part(asked, &body));
    assert_eq!(result, "E-NET-HTTP-STORE http://server/file: cannot store the received data: disk full");
}

#[test]
fn a_slow_but_steady_transfer_is_none_that_stalls() {
    let world = World::new();
    // 40 000 bytes each 7 s: no span of 20 s ends when bytes come.
    let answer = Answer::new(200, &[], &content(SMALL)).slow(40_000, Duration::from_secs(7));
    Script::at(&world, "server:80", move |_| answer.clone());
    let client =
        Client::new(world.wire()).with_limits(Limits { body: Duration::from_secs(600), ..Limits::default() });
    let from = url(AT);
    let body = world.run(async { client.send(&Request::get(&from)).await?.bytes(SMALL).await }).unwrap();
    assert!(body == content(SMALL));
    assert!(world.now().as_secs() > 40);
}
