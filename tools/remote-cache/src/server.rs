// SPDX-License-Identifier: BSD-3-Clause
//! Runs nginx with `nginx.conf` on the loopback interface for as long as it is needed.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The address in nginx.conf.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 9080);
/// A full path, because it is not in the PATH of tests.
const NGINX: &str = "/usr/sbin/nginx";
const TIMEOUT: Duration = Duration::from_secs(10);

/// A running server, which is stopped when dropped.
pub struct Server(Child);

impl Server {
    /// Starts a server with an empty cache in `folder`.
    ///
    /// # Errors
    /// If it does not answer within ten seconds, or the port is in use.
    pub fn start(configuration: &Path, folder: PathBuf) -> Result<Self> {
        for name in ["cache", "tmp"] {
            fs::create_dir_all(folder.join(name)).with_context(|| folder.display().to_string())?;
        }
        let taken = TcpStream::connect(SocketAddr::from(ADDRESS)).is_ok();
        ensure!(!taken, "port {} is in use: is another cache running?", ADDRESS.1);
        let configuration = configuration.canonicalize().context("nginx.conf")?;
        let mut prefix = folder.into_os_string();
        prefix.push("/");
        // Started as root, its workers would run as nobody, who cannot write here.
        let arguments = ["-g", "user root;", "-e", "error.log", "-c"];
        let child = Command::new(NGINX).arg("-p").arg(prefix).args(arguments).arg(configuration).spawn();
        let mut server = Self(child.context("cannot start nginx")?);
        let start = Instant::now();
        while TcpStream::connect(SocketAddr::from(ADDRESS)).is_err() {
            let ended = server.0.try_wait()?;
            ensure!(ended.is_none(), "nginx stopped (see above)");
            ensure!(start.elapsed() < TIMEOUT, "nginx does not answer on port {}", ADDRESS.1);
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// The value for `--remote_cache`.
    pub fn address(&self) -> String {
        format!("http://{}", SocketAddr::from(ADDRESS))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not SIGKILL: the master process must stop its workers.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        io::{Read as _, Write as _},
    };

    use super::*;

    fn ask(request: &str) -> String {
        let mut stream = TcpStream::connect(SocketAddr::from(ADDRESS)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn request(method: &str, path: &str, body: &str) -> String {
        let length = body.len();
        ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    #[test]
    fn the_server_keeps_what_is_put_and_nothing_else() {
        let folder = env::temp_dir().join(format!("remote-cache-test-{}", std::process::id()));
        let configuration = env::var_os("NGINX_CONF").expect("NGINX_CONF names nginx.conf");
        let server = Server::start(Path::new(&configuration), folder.clone()).unwrap();
        assert_eq!(server.address(), "http://127.0.0.1:9080");
        for (method, path, status) in [
            ("GET", "/cas/0a", "404"),
            ("PUT", "/cas/0a", "201"),
            ("GET", "/cas/0a", "200"),
            ("PUT", "/ac/0b", "201"),
            ("DELETE", "/cas/0a", "403"),
            ("PUT", "/cas/../x", "405"),
            ("PUT", "/other/0a", "405"),
            ("GET", "/cas/", "403"),
        ] {
            let answer = request(method, path, if method == "PUT" { "hello" } else { "" });
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
            assert!(status != "200" || answer.ends_with("\r\n\r\nhello"), "{answer}");
        }
        assert_eq!(fs::read(folder.join("cache/cas/0a")).unwrap(), b"hello");
        assert!(Server::start(Path::new(&configuration), folder.clone()).is_err(), "the port is in use");
        drop(server);
        assert!(TcpStream::connect(SocketAddr::from(ADDRESS)).is_err(), "it is gone");
        fs::remove_dir_all(folder).unwrap();
    }
}
