// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot verify`.

use std::{
    fs::{self, File},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use arch::Arch;
use clap::{ArgGroup, Args};
use cosign::{Keyless, Policy, Signer};
use oci::{Algorithm, Digest, Reference};
use serde::Serialize;
use sigstore::{
    Bundle, Identity, Material, Structure, Subject, TrustedRoot, verify_keyless, verify_with_key,
};

use crate::{
    codes,
    failure::{Failure, Stop},
    input,
    printer::{Printer, text},
    registry::{self, Access, stored},
    signing,
};

/// Bytes of the largest file that is verified by content instead of by digest.
const LARGEST_FILE: u64 = 4 << 30;

/// Verifies who signed an artifact in a registry, or a file
#[derive(Args)]
#[command(
    group(ArgGroup::new("who").required(true).multiple(true).args(["key", "trusted_root"])),
    after_help = "Examples:
  cloud-boot verify oci://registry.example/boot/linux:1 --key cosign.pub
      an artifact that `cosign sign` or `cloud-boot push --sign` has signed
  cloud-boot verify oci://registry.example/boot/linux:1 --key a.pub --key b.pub --threshold 2
      signed with both keys
  cloud-boot verify --bundle release.sigstore.json --key release.pub cloud-boot.iso
      a file, with the bundle that `cosign sign-blob --bundle` wrote
  cloud-boot verify --bundle release.sigstore.json --trusted-root trusted_root.json --identity '*@example.org' \\
      --issuer https://accounts.example.org cloud-boot.iso
      a file signed with a certificate instead of a key

The loader uses the same code. Exit code 0: signed. 1: not signed; the reason is printed."
)]
pub struct Options {
    /// The artifact (oci://HOST/REPOSITORY:TAG); with --bundle a file, or its digest as sha256:HEX
    #[arg(value_name = "WHAT")]
    what: String,
    /// The bundle with the file's signature
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// A public key (PEM) whose signatures are accepted; may be given several times
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// How many signers are required
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "bundle")]
    threshold: usize,
    /// Accept keyless signatures with certificates of this trusted root (trusted_root.json)
    #[arg(long, value_name = "FILE", requires_all = ["identity", "issuer"])]
    trusted_root: Option<PathBuf>,
    /// The identity that the certificate must name; `*` is any text
    #[arg(long, value_name = "PATTERN", requires = "trusted_root")]
    identity: Option<String>,
    /// The issuer that must have authenticated that identity; `*` is any text
    #[arg(long, value_name = "PATTERN", requires = "trusted_root")]
    issuer: Option<String>,
    /// The architecture whose manifest must be signed if the index is not; by default this machine's
    #[arg(long, value_name = "ARCH", conflicts_with = "bundle")]
    arch: Option<Arch>,
    #[command(flatten)]
    access: Access,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    what: String,
    digest: String,
    signers: Vec<SignerReport>,
}

/// A signer as JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub enum SignerReport {
    /// The holder of a key.
    Key {
        /// `sha256:` and the digest of the key.
        key: String,
    },
    /// The identity in a certificate.
    Certificate {
        /// An e-mail address, a URI.
        identity: String,
        /// Who authenticated it.
        issuer: String,
        /// Seconds since 1970.
        signed_at: u64,
    },
}

impl From<&Signer> for SignerReport {
    fn from(signer: &Signer) -> Self {
        match signer.clone() {
            Signer::Key { id } => Self::Key { key: id },
            Signer::Certificate { identity, issuer, signed_at } => {
                Self::Certificate { identity, issuer, signed_at }
            }
        }
    }
}

impl Options {
    /// Verifies.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let policy = self.policy()?;
        let (digest, signers) = match &self.bundle {
            Some(bundle) => self.file(bundle, &policy)?,
            None => self.artifact(&policy)?,
        };
        if self.json {
            let signers = signers.iter().map(SignerReport::from).collect();
            return printer.json(&Report { what: self.what.clone(), digest: digest.to_string(), signers });
        }
        let signers: Vec<String> = signers.iter().map(Signer::to_string).collect();
        printer.line(format_args!(
            "{}: {digest} signed by {}",
            text(self.what.as_bytes()),
            text(signers.join(", ").as_bytes())
        ))
    }

    fn policy(&self) -> Result<Policy, Failure> {
        let keys = signing::public_keys(&self.key)?;
        let keyless = match (&self.trusted_root, &self.identity, &self.issuer) {
            (Some(path), Some(identity), Some(issuer)) => {
                let name = path.as_os_str().as_bytes();
                let json = input::read(path, TrustedRoot::LARGEST as u64, &|_| Ok(()))?;
                let root =
                    TrustedRoot::parse(&json).map_err(|error| Failure::new(error.code(), name, error))?;
                let identity = Identity { identity: identity.clone(), issuer: issuer.clone() };
                Some(Keyless { root, identity })
            }
            _ => None,
        };
        Ok(Policy { keys, threshold: self.threshold, keyless })
    }

    fn artifact(&self, policy: &Policy) -> Result<(Digest, Vec<Signer>), Failure> {
        let failed = |error: oci::Error| registry::failed(&error);
        let reference = Reference::parse(&self.what).map_err(failed)?;
        let sockets = self.access.sockets()?;
        let client = self.access.client(&sockets, reference.registry())?;
        let platform = registry::platform(self.arch)?;
        sockets.run(async {
            let image = client.resolve(&reference, &platform).await.map_err(failed)?;
            let digests = [&image.digest, &image.manifest_digest];
            let signed = cosign::verify(&client, &reference, &digests, policy).await;
            let signed = signed.map_err(|error| Failure::new(error.code(), error.object(), error.cause()))?;
            Ok((signed.digest().clone(), signed.signers().to_vec()))
        })
    }

    fn file(&self, bundle: &Path, policy: &Policy) -> Result<(Digest, Vec<Signer>), Failure> {
        let name = bundle.as_os_str().as_bytes();
        let json = input::read(bundle, Bundle::LARGEST as u64, &|_| Ok(()))?;
        let bundle = Bundle::parse(&json).map_err(|error| Failure::new(error.code(), name, error))?;
        let (path, given) = (Path::new(&self.what), Digest::parse(&self.what));
        let failed = |error: std::io::Error| Failure::new(codes::FILE, &self.what, error);
        let whole = || input::read(path, LARGEST_FILE, &|_| Ok(()));
        let mut message = None;
        let mut digest = match &given {
            Some(digest) => digest.clone(),
            None if fs::metadata(path).map_err(failed)?.is_file() => {
                let file = File::open(path).map_err(failed)?;
                stored::digest(path, &file, Algorithm::Sha256, &mut |_| Ok(()))?.0
            }
            // A pipe is read once.
            None => Digest::of(Algorithm::Sha256, message.insert(whole()?)),
        };
        let sha256 = digest.sha256().ok_or_else(|| {
            Failure::new(cosign::codes::ALGORITHM, &self.what, "signatures are of sha256 digests")
        })?;
        let mut found = signer(&bundle, &Subject::Sha256(sha256), policy);
        // Ed25519 signs the content itself, and some keys another digest: only then the file is held in memory.
        if found.as_ref().is_err_and(sigstore::Error::wants_message) && given.is_none() {
            let message = message.map_or_else(whole, Ok)?;
            digest = Digest::of(Algorithm::Sha256, &message);
            found = signer(&bundle, &Subject::Message(&message), policy);
        }
        let signer = found.map_err(|error| Failure::new(error.code(), &self.what, error))?;
        Ok((digest, vec![signer]))
    }
}

/// The accepted signer that made the bundle.
fn signer(bundle: &Bundle, subject: &Subject<'_>, policy: &Policy) -> Result<Signer, sigstore::Error> {
    if let (Some(Keyless { root, identity }), Material::Certificate(_)) = (&policy.keyless, bundle.material())
    {
        return verify_keyless(bundle, subject, root, identity);
    }
    let mut refused = None;
    for key in &policy.keys {
        match verify_with_key(bundle, subject, key) {
            Ok(()) => return Ok(Signer::Key { id: key.id() }),
            // Keep the most specific error: "not signed with this key" says least.
            Err(error) if refused.is_none() || !matches!(error, sigstore::Error::Signature { .. }) => {
                refused = Some(error);
            }
            Err(_) => {}
        }
    }
    let why = "signed with a key, but no key is given".into();
    Err(refused.unwrap_or(sigstore::Error::Refused { structure: Structure::Bundle, why }))
}
