// SPDX-License-Identifier: BSD-3-Clause
//! Keys and certificates, made by `openssl`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::PATH;

/// The configuration of `openssl req` and `openssl ca`.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[ca]
default_ca = any
[any]
database = index.txt
serial = serial
new_certs_dir = .
policy = any_name
unique_subject = no
default_md = default
[any_name]
commonName = supplied
";

/// The extensions of a root and of an intermediate.
const IS_CA: &str = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n";

/// A kind of key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Key {
    /// ECDSA on NIST's curve of 256 bits.
    P256,
    /// ECDSA on NIST's curve of 384 bits.
    P384,
    /// EdDSA on Curve25519.
    Ed25519,
    /// With so many bits.
    Rsa(u16),
}

impl Key {
    fn options(self) -> String {
        match self {
            Self::P256 => "-algorithm EC -pkeyopt ec_paramgen_curve:P-256".into(),
            Self::P384 => "-algorithm EC -pkeyopt ec_paramgen_curve:P-384".into(),
            Self::Ed25519 => "-algorithm ED25519".into(),
            Self::Rsa(bits) => format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"),
        }
    }
}

/// The certificate to issue.
#[derive(Clone, Debug)]
pub struct Issued<'a> {
    /// The subject's common name.
    pub common_name: &'a str,
    /// Lines of extensions, as in `openssl.cnf`.
    pub extensions: &'a str,
    /// First and last moment, as `YYYYMMDDHHMMSSZ`.
    pub validity: (&'a str, &'a str),
    /// More options of `openssl ca`, such as the hash.
    pub options: &'a str,
}

impl Default for Issued<'_> {
    fn default() -> Self {
        Self {
            common_name: "leaf",
            extensions: "subjectAltName = DNS:localhost\n",
            validity: ("20200101000000Z", "20991231235959Z"),
            options: "",
        }
    }
}

/// A folder of keys (`NAME.key`) and certificates (`NAME.pem`), removed at the end.
#[derive(Debug)]
pub struct Pki(PathBuf);

impl Pki {
    /// An empty one.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = base.join(format!("cloud-boot-pki-{}-{number}", process::id()));
        fs::create_dir_all(&folder).expect("a folder for certificates");
        fs::write(folder.join("openssl.cnf"), CONFIGURATION).expect("a file");
        fs::write(folder.join("index.txt"), "").expect("a file");
        fs::write(folder.join("serial"), "1000\n").expect("a file");
        Self(folder)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `openssl` in it, with arguments that have no spaces in them.
    ///
    /// # Panics
    /// When it cannot be run or fails.
    pub fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_ascii_whitespace())
            .current_dir(&self.0)
            .env("PATH", PATH)
            .env("OPENSSL_CONF", self.0.join("openssl.cnf"))
            .output()
            .unwrap_or_else(|error| panic!("openssl cannot be run: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    /// A key.
    pub fn key(&self, name: &str, key: Key) {
        self.openssl(&format!("genpkey {} -out {name}.key", key.options()));
    }

    /// A root with a new key, whose common name is its name.
    pub fn root(&self, name: &str, key: Key) {
        self.root_with(name, key, "");
    }

    /// A root with options of `openssl req`.
    pub fn root_with(&self, name: &str, key: Key, options: &str) {
        self.key(name, key);
        let extensions: String =
            IS_CA.lines().map(|line| format!(" -addext {}", line.replace(' ', ""))).collect();
        self.openssl(&format!(
            "req -x509 -new -key {name}.key -subj /CN={name} -days 36500 {extensions} {options} -out {name}.pem"
        ));
    }

    /// An intermediate with a new key, whose common name is its name, and more extensions.
    pub fn intermediate(&self, name: &str, key: Key, issuer: &str, extensions: &str) {
        let extensions = [IS_CA, extensions].concat();
        self.issue(
            name,
            key,
            issuer,
            &Issued { common_name: name, extensions: &extensions, ..Issued::default() },
        );
    }

    /// Any certificate, with a new key.
    pub fn issue(&self, name: &str, key: Key, issuer: &str, issued: &Issued<'_>) {
        self.key(name, key);
        self.certify(name, name, issuer, issued);
    }

    /// Another certificate for a key that there is.
    ///
    /// # Panics
    /// When `openssl` fails.
    pub fn certify(&self, name: &str, key: &str, issuer: &str, issued: &Issued<'_>) {
        let Issued { common_name, extensions, validity: (begin, end), options } = issued;
        fs::write(self.0.join("extensions"), extensions).expect("a file");
        self.openssl(&format!("req -new -key {key}.key -subj /CN={common_name} -out request"));
        self.openssl(&format!(
            "ca -batch -notext -cert {issuer}.pem -keyfile {issuer}.key -in request \
             -startdate {begin} -enddate {end} -extfile extensions {options} -out {name}.pem"
        ));
    }

    /// Several certificates in one file.
    ///
    /// # Panics
    /// When a file cannot be read or written.
    pub fn bundle(&self, name: &str, of: &[&str]) {
        let text: Vec<u8> = of.iter().flat_map(|one| self.read(&format!("{one}.pem"))).collect();
        fs::write(self.0.join(format!("{name}.pem")), text).expect("a file");
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
