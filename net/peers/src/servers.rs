// SPDX-License-Identifier: BSD-3-Clause
//! The real servers and tools of the toolbox.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// How often a server's port is tried, and the pause between: ten minutes, which no machine needs.
const TRIES: u32 = 6000;
const PAUSE: Duration = Duration::from_millis(100);

/// A temporary folder, removed with the value.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let parent = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for a test");
        Self(folder)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file for a test");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the value.
pub struct Server(Child);

impl Server {
    /// Starts a server of the toolbox in a folder; what it says goes to a file there, `NAME.log`.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(folder: &Path, program: &str, arguments: &[String]) -> Self {
        let log = fs::File::create(folder.join(format!("{program}.log"))).expect("a log");
        let child = Command::new(tool(program))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}, of the toolbox: {error}"));
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// docker-registry on loopback, with plain HTTP and an empty storage.
pub struct Registry {
    /// Its port at 127.0.0.1.
    pub port: u16,
    storage: PathBuf,
    _folder: Scratch,
    _server: Server,
}

/// How a registry is started.
pub struct Setup<'a> {
    /// Where it listens: `host:port`, port 0 for any that is free.
    pub address: &'a str,
    /// Where it stores; a folder of its own if none. Two may share one.
    pub storage: Option<&'a Path>,
    /// What is added to its configuration, YAML.
    pub more: &'a str,
    /// What is added to what that has of HTTP, YAML.
    pub of_http: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { address: "127.0.0.1:0", storage: None, more: "", of_http: "" }
    }
}

impl Registry {
    /// Starts one. `more` is added to its configuration, YAML.
    pub fn start(more: &str) -> Self {
        Self::start_with(more, "")
    }

    /// Starts one. `more` is added to its configuration, `of_http` to what that has of HTTP: YAML.
    pub fn start_with(more: &str, of_http: &str) -> Self {
        Self::set_up(&Setup { more, of_http, ..Setup::default() })
    }

    /// Starts one.
    pub fn set_up(setup: &Setup<'_>) -> Self {
        let folder = Scratch::new("registry");
        let storage = setup.storage.map_or_else(|| folder.path().join("storage"), PathBuf::from);
        let Setup { address, more, of_http, .. } = setup;
        let configuration = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n\
             http: {{addr: '{address}'{of_http}}}\n{more}",
            storage.display()
        );
        let file = folder.write("config.yml", configuration.as_bytes());
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(file)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry, of the toolbox");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let server = Server(child);
        let mut log = String::new();
        let port = lines.by_ref().find_map(|line| {
            log.push_str(&line);
            let (_, rest) = line.split_once("listening on ")?;
            // The host may be an IPv6 address in brackets.
            let address = rest.split([',', '"']).next()?;
            address.rsplit_once(':')?.1.parse().ok()
        });
        // The registry blocks if nobody reads its log.
        thread::spawn(move || lines.for_each(drop));
        Self {
            port: port.unwrap_or_else(|| panic!("docker-registry listens: {log}")),
            storage,
            _folder: folder,
            _server: server,
        }
    }

    /// The folder in which it stores.
    pub fn storage(&self) -> &Path {
        &self.storage
    }

    /// The digest that a tag of a repository has, `sha256:HEX`.
    ///
    /// # Panics
    /// There is no such tag.
    pub fn digest(&self, repository: &str, tag: &str) -> String {
        let link = format!("docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link");
        fs::read_to_string(self.storage.join(link)).expect("a tag")
    }

    /// Where it stores blobs, by digest.
    pub fn blob(&self, hex: &str) -> PathBuf {
        let blobs = self.storage.join("docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// `127.0.0.1:port`.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// nginx's log format for requests: its default has no ranges.
const LOG: &str =
    r#"log_format ranges '$remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_range"';"#;

/// nginx on loopback.
pub struct Nginx {
    /// Its port at 127.0.0.1.
    pub port: u16,
    folder: Scratch,
    _server: Server,
}

impl Nginx {
    /// Starts one whose `server` block listens and has `content`, in which `FOLDER` stands for its folder.
    pub fn start(content: &str) -> Self {
        let mut said = String::new();
        for _ in 0..5 {
            let folder = Scratch::new("nginx");
            let port = free_port();
            let path = folder.path().display();
            let content = content.replace("FOLDER", &path.to_string());
            let file = folder.write(
                "nginx.conf",
                format!(
                    "user root root;\ndaemon off;\nmaster_process off;\npid {path}/pid;\nerror_log {path}/error.log info;\nevents {{}}\n\
                     http {{\n  {LOG}\n  access_log {path}/access.log ranges;\n  client_body_temp_path {path}/body;\n  \
                     proxy_temp_path {path}/proxy;\n  fastcgi_temp_path {path}/fastcgi;\n  uwsgi_temp_path {path}/uwsgi;\n  \
                     scgi_temp_path {path}/scgi;\n  server {{\n    listen 127.0.0.1:{port};\n    {content}\n  }}\n}}\n"
                )
                .as_bytes(),
            );
            let child = Command::new(tool("nginx"))
                .args(["-e", &format!("{path}/error.log"), "-c"])
                .arg(file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nginx, of the toolbox");
            let mut server = Server(child);
            for _ in 0..TRIES {
                if server.0.try_wait().is_ok_and(|status| status.is_some()) {
                    // Somebody else has taken the port.
                    said = fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
                    break;
                }
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return Self { port, folder, _server: server };
                }
                thread::sleep(PAUSE);
            }
        }
        panic!("nginx does not start: {said}");
    }

    /// Writes a file into its folder.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        self.folder.write(name, bytes);
    }

    /// The lines of its log of requests: address, time, `"GET /path HTTP/1.1"`, status, bytes of the body, range.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }
}

/// A port that was free just now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
        .port()
}

/// Runs a tool of the toolbox in a folder to its end. Returns its output.
///
/// # Panics
/// It fails.
pub fn output(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool(program))
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .unwrap_or_else(|error| panic!("{program}, of the toolbox: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// The path of a tool. Servers are in folders that a user's PATH lacks.
fn tool(program: &str) -> PathBuf {
    let server = Path::new("/usr/sbin").join(program);
    if server.exists() { server } else { program.into() }
}
