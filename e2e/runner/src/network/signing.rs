// SPDX-License-Identifier: BSD-3-Clause
//! Signatures on the artifact, made by cosign, and a loader with keys built in.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use arch::Arch;
use peers::{
    output,
    sigstore::{IDENTITY, ISSUER},
};
use serde::Deserialize;
use serde_json::json;

use super::keyless::{self, Keyless};

/// The loader with keys built in.
const LOADER: &str = "loader-with-keys.efi";
/// The firmware's variables with an epoch.
const VARIABLES: &str = "vars-with-epoch.fd";
/// Name of an artifact with an epoch.
pub const NAME: &str = "mini";
/// The vendor of cloud-boot's variables.
const VENDOR: &str = "c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e";
/// `EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS`, and the same with `EFI_VARIABLE_RUNTIME_ACCESS`.
const BOOT_ONLY: u32 = 3;
const RUNTIME: u32 = 7;

/// Who signs, and whose signatures the loader requires. Keys have names; each is made for the run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// Keys that are built into the loader.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Keys whose files `NAME.pub` are beside the loader's certificate.
    #[serde(default)]
    pub beside: Vec<String>,
    /// The keyless signature of the artifact, for which the loader has a trusted root; none for keys only.
    #[serde(default)]
    pub keyless: Option<Keyless>,
    /// How many of them must have signed; by default one.
    #[serde(default)]
    pub threshold: Option<u32>,
    /// Who signs the artifact, in order.
    #[serde(default)]
    pub by: Vec<String>,
    /// The form of the signatures.
    #[serde(default)]
    pub form: Form,
    /// Whether an index is signed, which names the manifest for the architecture that OCI calls `amd64`.
    #[serde(default)]
    pub index: bool,
    /// Settings that are built in.
    #[serde(default)]
    pub cmdline: Option<String>,
    /// Whether the signatures are moved to another artifact, as anyone with write access to the registry could: that
    /// one is booted.
    #[serde(default)]
    pub of_another: bool,
    /// The epoch of the artifact, as a signed annotation.
    #[serde(default)]
    pub epoch: Option<u64>,
    /// The epoch that was started on the machine before.
    #[serde(default)]
    pub started: Option<Started>,
}

/// Epoch of an earlier boot in the firmware's variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// The loader stored this epoch.
    Epoch(u64),
    /// A booted system created the variable, with this epoch.
    Forged(u64),
}

/// The forms of cosign's signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A sigstore bundle, cosign 3's own.
    #[default]
    Bundle,
    /// A tag `sha256-HEX.sig`, that of cosign 2.
    Tag,
}

impl Signing {
    /// Makes the keys, and a loader with the required ones and a root certificate; returns its path.
    ///
    /// # Panics
    /// A tool fails.
    pub fn build(&self, folder: &Path, command: &str, arch: Arch, loader: &str, ca: &Path) -> String {
        let mut made: Vec<&String> = Vec::new();
        for key in self.keys.iter().chain(&self.beside).chain(&self.by) {
            if !made.contains(&key) {
                let prefix = format!("--output-key-prefix={key}");
                output(folder, "env", &["COSIGN_PASSWORD=", "cosign", "generate-key-pair", &prefix]);
                made.push(key);
            }
        }
        let keys: Vec<String> = self.keys.iter().map(|key| format!("--cosign-key={key}.pub")).collect();
        let threshold = self.threshold.map(|number| format!("--threshold={number}"));
        let arch = arch.to_string();
        let ca = ca.display().to_string();
        let head = ["build", "--arch", &arch, "--loader", loader, "--ca", &ca, "--out", LOADER];
        let cmdline = self.cmdline.as_ref().map(|words| format!("--cmdline={words}"));
        let root = self.keyless.map(|_| {
            let root = format!("--trusted-root={}", keyless::ROOT);
            [root, format!("--identity={IDENTITY}"), format!("--issuer={ISSUER}")]
        });
        let root = root.iter().flatten();
        let rest = keys.iter().chain(&threshold).chain(&cmdline).chain(root).map(String::as_str);
        output(folder, command, &head.into_iter().chain(rest).collect::<Vec<_>>());
        folder.join(LOADER).display().to_string()
    }

    /// Signs what `image` names: host, repository and digest.
    ///
    /// # Errors
    /// When signatures are to be moved that are not tags.
    ///
    /// # Panics
    /// cosign or oras fails.
    pub fn sign(&self, folder: &Path, image: &str, ca: &Path) -> Result<()> {
        let trusted = format!("SSL_CERT_FILE={}", ca.display());
        for key in &self.by {
            let key = format!("--key={key}.key");
            let form = match self.form {
                Form::Bundle => "--new-bundle-format=true",
                Form::Tag => "--new-bundle-format=false",
            };
            let call = ["COSIGN_PASSWORD=", &trusted, "cosign", "sign", "--yes", &key, form];
            let offline = ["--tlog-upload=false", "--use-signing-config=false", image];
            output(folder, "env", &[&call[..], &offline].concat());
        }
        ensure!(!self.of_another || self.form == Form::Tag, "only signatures in tags can be moved");
        Ok(())
    }

    /// Makes the firmware's variables with the epoch of the first signer that was started before; returns their path.
    ///
    /// # Errors
    /// When nobody signs, or a file cannot be written.
    ///
    /// # Panics
    /// A tool fails.
    pub fn variables(&self, folder: &Path, vars: &str) -> Result<Option<String>> {
        let Some(started) = self.started else { return Ok(None) };
        let key = self.by.first().context("an epoch needs a signer")?;
        output(
            folder,
            "openssl",
            &["pkey", "-pubin", "-in", &format!("{key}.pub"), "-outform", "DER", "-out", "der"],
        );
        let hash =
            |file| output(folder, "sha256sum", &[file]).split(' ').next().unwrap_or_default().to_owned();
        fs::write(folder.join("identity"), format!("key sha256:{}\0{NAME}", hash("der")))?;
        let name: String = hash("identity").chars().take(32).collect();
        let (epoch, attr) = match started {
            Started::Epoch(epoch) => (epoch, BOOT_ONLY),
            Started::Forged(epoch) => (epoch, RUNTIME),
        };
        let data: String = epoch.to_string().bytes().map(|byte| format!("{byte:02x}")).collect();
        let variable =
            json!({"name": format!("CloudBootEpoch-{name}"), "guid": VENDOR, "attr": attr, "data": data});
        fs::write(folder.join("vars.json"), json!({"version": 2, "variables": [variable]}).to_string())?;
        output(folder, "virt-fw-vars", &["-i", vars, "--set-json", "vars.json", "-o", VARIABLES]);
        Ok(Some(folder.join(VARIABLES).display().to_string()))
    }

    /// Gives the signatures of one image to another one of the same repository.
    ///
    /// # Panics
    /// oras fails.
    pub fn move_to(folder: &Path, from: &str, to: &str, ca: &Path) {
        let tag = |image: &str| image.replace("@sha256:", ":sha256-") + ".sig";
        let ca = format!("--ca-file={}", ca.display());
        output(folder, "oras", &["manifest", "fetch", &ca, "--output=signatures.json", &tag(from)]);
        output(folder, "oras", &["manifest", "push", &ca, &tag(to), "signatures.json"]);
    }
}
