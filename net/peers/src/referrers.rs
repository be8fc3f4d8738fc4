// SPDX-License-Identifier: BSD-3-Clause
//! The referrers API in front of a registry that has none.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::{LIMIT, Registry};

/// The members of lists, by repository and the digest of the subject.
type Lists = Arc<Mutex<BTreeMap<(String, String), Vec<Value>>>>;

/// The referrers API (OCI distribution 1.1) in front of a registry: manifests that are pushed through it are listed by
/// their subject, and everything else is the registry's answer.
pub struct Referrers {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Referrers {
    /// Starts it. A list has pages of at most so many manifests.
    ///
    /// # Panics
    /// There is no free port.
    pub fn before(registry: &Registry, page: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, lists, behind) = (is_over.clone(), Lists::default(), registry.authority());
        let server = thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (lists, behind) = (lists.clone(), behind.clone());
                // A client that goes away early is not an error.
                thread::spawn(move || drop(serve(client, &behind, &lists, page)));
            }
        });
        Self { address, is_over, server: Some(server) }
    }

    /// `127.0.0.1:port`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Referrers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It ends when a client connects.
        let _ = TcpStream::connect(self.address);
        let _ = self.server.take().map(JoinHandle::join);
    }
}

/// Serves one request of a connection.
fn serve(client: TcpStream, behind: &str, lists: &Lists, page: usize) -> io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    let mut reader = BufReader::new(client.try_clone()?);
    let head = head(&mut reader)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if method == "GET" && target.contains("/referrers/") {
        return list(client, target, lists, page);
    }
    let mut upstream = TcpStream::connect(behind)?;
    let fields = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let sent: String = fields.map(|line| format!("{line}\r\n")).collect();
    write!(upstream, "{sent}Connection: close\r\n\r\n")?;
    if method == "PUT" && target.contains("/manifests/") {
        let mut body =
            vec![0; field(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body)?;
        upstream.write_all(&body)?;
        return put(client, upstream, target, &body, lists);
    }
    let mut up = upstream.try_clone()?;
    let sender = thread::spawn(move || {
        let _ = io::copy(&mut reader, &mut up);
    });
    let mut to = client.try_clone()?;
    io::copy(&mut upstream, &mut to)?;
    client.shutdown(Shutdown::Both)?;
    let _ = sender.join();
    Ok(())
}

/// A page of a list; the next one is the rest of it.
fn list(mut client: TcpStream, target: &str, lists: &Lists, page: usize) -> io::Result<()> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (repository, subject) = path.split_once("/referrers/").unwrap_or_default();
    let from = query.strip_prefix("from=").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    let lists = lists.lock().expect("nobody has panicked");
    let all = lists.get(&(repository.into(), subject.into())).map_or(&[][..], Vec::as_slice);
    let manifests: Vec<&Value> = all.iter().skip(from).take(page).collect();
    let next = from + manifests.len();
    let link = if next < all.len() {
        format!("Link: <{path}?from={next}>; rel=\"next\"\r\n")
    } else {
        String::new()
    };
    let index = "application/vnd.oci.image.index.v1+json";
    let body = json!({"schemaVersion": 2, "mediaType": index, "manifests": manifests}).to_string();
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: {index}\r\n{link}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The answer to a manifest, which is listed if it has a subject.
fn put(
    mut client: TcpStream,
    upstream: TcpStream,
    target: &str,
    body: &[u8],
    lists: &Lists,
) -> io::Result<()> {
    let mut upstream = BufReader::new(upstream);
    let head = head(&mut upstream)?;
    let manifest: Value = serde_json::from_slice(body).unwrap_or_default();
    let subject = manifest["subject"]["digest"].as_str();
    let digest = field(&head, "docker-content-digest");
    let mut more = String::new();
    if let (Some(subject), Some(digest)) = (subject, digest) {
        let repository = target.split("/manifests/").next().unwrap_or_default();
        let own = &manifest["artifactType"];
        let artifact_type = if own.is_null() { &manifest["config"]["mediaType"] } else { own };
        let descriptor = json!({
            "mediaType": manifest["mediaType"], "digest": digest, "size": body.len(), "artifactType": artifact_type,
            "annotations": manifest["annotations"],
        });
        let mut lists = lists.lock().expect("nobody has panicked");
        let list = lists.entry((repository.into(), subject.into())).or_default();
        if list.iter().all(|one| one["digest"] != digest) {
            list.push(descriptor);
        }
        more = format!("OCI-Subject: {subject}\r\n");
    }
    let fields: String = head.lines().map(|line| format!("{line}\r\n")).collect();
    write!(client, "{fields}{more}\r\n")?;
    io::copy(&mut upstream, &mut client)?;
    client.shutdown(Shutdown::Both)
}

/// A request's or an answer's lines up to the empty one.
fn head(reader: &mut impl io::BufRead) -> io::Result<String> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            return Ok(head);
        }
        head.push_str(line.trim_end());
        head.push('\n');
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(field, value)| (field, value.trim()))
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
