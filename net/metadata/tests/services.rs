// SPDX-License-Identifier: BSD-3-Clause
//! Metadata services: scripted ones, whose time is the world's, and the real nginx.

use std::{rc::Rc, time::Duration};

use config::{Config, Trust};
use dial::Dial;
use http::{Proxy, Url};
use metadata::{Document, Error, LARGEST, Source, fetch};
use peers::{Answer, Nginx, Script, World};
use sockets::Sockets;

const SERVICE: &str = "169.254.169.254:80";
const SERVICE_V6: &str = "fe80::a9fe:a9fe:80";

const OPENSTACK: &str = r#"{
  "uuid": "d8e02d56-2648-49a3-bf97-6be8f1204f38", "availability_zone": "nova", "hostname": "vm.novalocal",
  "launch_index": 0, "project_id": "f7ac731cc11f40efbc03a9f9e1d1d21f", "public_keys": {"mykey": "ssh-ed25519 AAAA"},
  "name": "vm", "meta": {"priority": "low", "cloudboot": "{\"image\": \"oci://registry.example/os:1\", \"cosign\": \"off\"}"}
}"#;

fn got(world: &Rc<World>, source: &Source) -> Result<Document, Error> {
    world.run(fetch(&world.wire(), source))
}

fn url(text: &str) -> Source {
    Source::Url { url: Url::parse(text).unwrap(), proxy: None }
}

fn settings(document: &Document) -> Vec<(&str, &str)> {
    document.settings().collect()
}

fn line(result: Result<Document, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn openstack_has_it_at_the_address_of_the_link() {
    let world = World::new();
    let script = Script::at(&world, SERVICE, |_| Answer::new(200, &[], OPENSTACK.as_bytes()));
    let document = got(&world, &Source::OpenStack).unwrap();
    assert_eq!(settings(&document), [("cloudboot.image", "oci://registry.example/os:1")]);
    let asked = script.asked();
    assert_eq!(script.lines(), ["GET /openstack/latest/meta_data.json"]);
    assert_eq!((asked[0].field("host"), asked[0].field("authorization")), (Some("169.254.169.254"), None));
    let open: Vec<String> =
        document.resolve(Config::default(), Trust::Open).problems().iter().map(ToString::to_string).collect();
    let plain = "E-CONFIG-PLAIN cloudboot.metadata.url (the metadata): not authenticated: anyone on this network \
                 may have sent it";
    let cosign = "E-CONFIG-LOCKED cloudboot.cosign (the metadata): a metadata document may not set it";
    assert_eq!(open, [cosign, plain]);
    let locked = document.resolve(Config::default(), Trust::Locked);
    assert_eq!((locked.image(), locked.problems().len()), (None, 2));
}

#[test]
fn openstack_has_it_at_ipv6_where_ipv4_is_not() {
    let world = World::new();
    Script::at(&world, SERVICE_V6, |_| Answer::new(200, &[], br#"{"cloudboot":{"target":"six"}}"#));
    let document = got(&world, &Source::OpenStack).unwrap();
    assert_eq!(settings(&document), [("cloudboot.target", "six")]);
    assert_eq!(world.connected(), [SERVICE, SERVICE_V6]);
    let nowhere = World::new();
    let said = line(got(&nowhere, &Source::OpenStack));
    assert_eq!(
        said,
        "E-NET-CONNECT http://169.254.169.254/openstack/latest/meta_data.json: connection refused"
    );
    // Somebody who has nothing is not asked again elsewhere.
    let empty = World::new();
    Script::at(&empty, SERVICE, |_| Answer::new(404, &[], b"not found"));
    let said = line(got(&empty, &Source::OpenStack));
    assert_eq!(
        said,
        "E-NET-HTTP-STATUS http://169.254.169.254/openstack/latest/meta_data.json: 404 Scripted"
    );
    assert_eq!(empty.connected(), [SERVICE]);
}

/// A service of EC2 whose data are these, with a status.
fn ec2(world: &Rc<World>, status: u16, data: &'static [u8]) -> Script {
    Script::at(world, SERVICE, move |asked| {
        match (asked.method.as_str(), asked.target.as_str(), asked.field("x-aws-ec2-metadata-token")) {
            ("PUT", "/latest/api/token", _) => match asked.field("x-aws-ec2-metadata-token-ttl-seconds") {
                Some("60") => Answer::new(200, &[], b"AQAEAJrtGkKx=="),
                _ => Answer::new(400, &[], b""),
            },
            ("GET", "/latest/user-data", Some("AQAEAJrtGkKx==")) => Answer::new(status, &[], data),
            _ => Answer::new(401, &[], b""),
        }
    })
}

#[test]
fn ec2_gives_a_token_first() {
    let world = World::new();
    let script = ec2(&world, 200, br#" {"cloudboot":{"target":"ec2"}}"#);
    let document = got(&world, &Source::Ec2).unwrap();
    assert_eq!(settings(&document), [("cloudboot.target", "ec2")]);
    assert_eq!(script.lines(), ["PUT /latest/api/token", "GET /latest/user-data"]);
    assert!(script.asked().iter().all(|asked| asked.field("authorization").is_none()));
    // Its second request is one that the service refuses without the first.
    let direct = line(got(&world, &url("http://169.254.169.254/latest/user-data")));
    assert_eq!(direct, "E-NET-HTTP-STATUS http://169.254.169.254/latest/user-data: 401 Scripted");
}

#[test]
fn data_of_ec2_may_be_for_others() {
    for (status, data) in
        [(404, &b""[..]), (200, b""), (200, b"#cloud-config\n{}"), (200, b"\x1f\x8b\x08\0\0\0")]
    {
        let world = World::new();
        ec2(&world, status, data);
        let document = got(&world, &Source::Ec2).unwrap();
        assert!(!document.has_object() && settings(&document).is_empty());
    }
    let world = World::new();
    ec2(&world, 200, b"{broken");
    let said = line(got(&world, &Source::Ec2));
    let expected = "E-NET-META-JSON http://169.254.169.254/latest/user-data: malformed document: key must be a string \
                    at line 1 column 2";
    assert_eq!(said, expected);
}

#[test]
fn a_token_that_is_none_is_refused() {
    let long = "a".repeat(2000);
    for (token, expected) in [
        (
            "",
            "E-NET-META-TOKEN http://169.254.169.254/latest/api/token: the session token is empty, or has invalid characters",
        ),
        (
            "a\r\nX: y",
            "E-NET-META-TOKEN http://169.254.169.254/latest/api/token: the session token is empty, or has invalid characters",
        ),
        (&long, "E-NET-HTTP-SIZE http://169.254.169.254/latest/api/token: body of 2000 bytes, 1024 expected"),
    ] {
        let (world, token) = (World::new(), token.to_string());
        let script = Script::at(&world, SERVICE, move |_| Answer::new(200, &[], token.as_bytes()));
        assert_eq!(line(got(&world, &Source::Ec2)), expected);
        assert_eq!(script.lines(), ["PUT /latest/api/token"]);
    }
}

#[test]
fn ten_seconds_are_the_end() {
    let second = Duration::from_secs(1);
    let place = "http://169.254.169.254/openstack/latest/meta_data.json";
    // It says nothing; it drips; each answer is in time, and all of them are not.
    let silent = World::new();
    silent.serve(SERVICE, |mut peer| async move {
        peer.head().await;
        peer.pause(Duration::from_secs(3600)).await;
    });
    let dripping = World::new();
    Script::at(&dripping, SERVICE, move |_| Answer::new(200, &[], OPENSTACK.as_bytes()).slow(10, second));
    let going_round = World::new();
    Script::at(&going_round, SERVICE, move |_| {
        Answer::new(302, &["Location: /again"], b"").slow(1000, 3 * second)
    });
    for world in [silent, dripping, going_round] {
        let said = line(got(&world, &Source::OpenStack));
        assert_eq!(said, format!("E-NET-META-TIMEOUT {place}: no document within 10 s"));
        assert_eq!(world.now(), 10 * second);
    }
    let slow = World::new();
    ec2(&slow, 200, br#"{"cloudboot":{}}"#);
    assert!(got(&slow, &Source::Ec2).unwrap().has_object());
}

#[test]
fn bodies_have_a_limit() {
    let world = World::new();
    Script::at(&world, "host:80", |asked| match asked.target.as_str() {
        "/length" => Answer::new(200, &[], &vec![b' '; LARGEST + 1]),
        "/largest" => Answer::new(200, &[], &[&vec![b' '; LARGEST - 2][..], b"{}"].concat()),
        _ => Answer::raw(200, &["Transfer-Encoding: chunked"], b"").endless(),
    });
    for path in ["length", "endless"] {
        let said = line(got(&world, &url(&format!("http://host/{path}"))));
        assert_eq!(said, format!("E-NET-META-SIZE http://host/{path}: more than 1048576 bytes"));
    }
    assert!(!got(&world, &url("http://host/largest")).unwrap().has_object());
}

#[test]
fn tls_vouches_for_a_document() {
    let world = World::new();
    let body = br#"{"cloudboot":{"target":"x"}}"#;
    Script::at(&world, "host:443", move |asked| match asked.target.as_str() {
        "/moved" => Answer::new(302, &["Location: http://host/plain"], b""),
        _ => Answer::new(200, &[], body),
    });
    Script::at(&world, "host:80", |_| Answer::new(302, &["Location: https://host/secure"], b""));
    let document = got(&world, &url("https://host/")).unwrap();
    assert!(document.is_authenticated());
    assert_eq!(document.resolve(Config::default(), Trust::Open).problems(), []);
    // Who answers without TLS says where it goes on.
    assert!(!got(&world, &url("http://host/")).unwrap().is_authenticated());
    assert!(line(got(&world, &url("https://host/moved"))).starts_with("E-NET-HTTP-PLAIN"));
}

#[test]
fn a_proxy_is_asked_where_one_is_named() {
    let world = World::new();
    let proxy = Script::at(&world, "proxy:3128", |_| Answer::new(200, &[], b"{}"));
    let source = Source::Url {
        url: Url::parse("http://host/x").unwrap(),
        proxy: Some(Proxy::parse("http://proxy:3128").unwrap()),
    };
    assert!(got(&world, &source).is_ok());
    assert_eq!(proxy.lines(), ["GET http://host/x"]);
    assert_eq!(world.connected(), ["proxy:3128"]);
}

/// The sockets of this machine, with a clock that stands still: no test is to fail because a machine is busy.
struct Patient(Sockets);

impl Dial for Patient {
    type Stream = <Sockets as Dial>::Stream;

    async fn connect(&self, host: &str, port: u16) -> Result<Self::Stream, dial::Error> {
        self.0.connect(host, port).await
    }

    async fn secure(&self, stream: Self::Stream, server: &str) -> Result<Self::Stream, dial::Error> {
        self.0.secure(stream, server).await
    }

    async fn services(&self, name: &str) -> Result<Vec<dial::Service>, dial::Error> {
        self.0.services(name).await
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }

    fn random(&self) -> u32 {
        self.0.random()
    }
}

/// The document of the real nginx at this path.
fn served(port: u16, path: &str) -> Result<Document, Error> {
    let patient = Patient(Sockets::default());
    patient.0.run(fetch(&patient, &url(&format!("http://127.0.0.1:{port}{path}"))))
}

#[test]
fn a_real_server_has_it() {
    let nginx = Nginx::start(
        "root FOLDER; location /openstack/latest/ { alias FOLDER/; } location /gone { return 410; }",
    );
    nginx.write("meta_data.json", OPENSTACK.as_bytes());
    nginx.write("large", &vec![b' '; LARGEST + 1]);
    nginx.write("broken", b"{\n  \"cloudboot\": {,}\n}");
    let document = served(nginx.port, "/openstack/latest/meta_data.json").unwrap();
    assert_eq!(settings(&document), [("cloudboot.image", "oci://registry.example/os:1")]);
    for (path, expected) in [
        ("/none", "E-NET-HTTP-STATUS http://ADDRESS/none: 404 Not Found"),
        ("/gone", "E-NET-HTTP-STATUS http://ADDRESS/gone: 410 Gone"),
        ("/large", "E-NET-META-SIZE http://ADDRESS/large: more than 1048576 bytes"),
        (
            "/broken",
            "E-NET-META-JSON http://ADDRESS/broken: malformed document: key must be a string at line 2 column 17",
        ),
    ] {
        let expected = expected.replace("ADDRESS", &format!("127.0.0.1:{}", nginx.port));
        assert_eq!(line(served(nginx.port, path)), expected);
    }
    let log = nginx.log();
    assert!(log.contains("\"GET /openstack/latest/meta_data.json HTTP/1.1\" 200"), "{log}");
}
