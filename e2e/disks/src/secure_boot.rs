// SPDX-License-Identifier: BSD-3-Clause
//! Secure Boot with a test key: enrols it in the firmware's variable store, and signs with it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use clap::Args;

use crate::{Common, tool::run};

/// Owner of the enrolled keys: any GUID.
const OWNER: &str = "e2e00000-0000-4000-8000-000000000001";

#[derive(Args)]
pub struct Enrol {
    #[command(flatten)]
    pub common: Common,
    /// The variable store of the firmware package
    #[arg(long)]
    vars: PathBuf,
    /// The private key to make
    #[arg(long)]
    key: PathBuf,
    /// The certificate to make
    #[arg(long)]
    certificate: PathBuf,
}

#[derive(Args)]
pub struct Sign {
    #[command(flatten)]
    pub common: Common,
    /// The program
    #[arg(long)]
    program: PathBuf,
    /// The private key
    #[arg(long)]
    key: PathBuf,
    /// The certificate
    #[arg(long)]
    certificate: PathBuf,
}

/// Makes a key and its certificate, and a store in which it is PK, KEK and db.
///
/// # Errors
/// When openssl or virt-fw-vars fails.
pub fn enrol(options: &Enrol) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=e2e"]);
    run(openssl.arg("-keyout").arg(&options.key).arg("-out").arg(&options.certificate))?;
    let mut vars = Command::new("virt-fw-vars");
    vars.arg("--input").arg(&options.vars).arg("--output").arg(&options.common.out).arg("--secure-boot");
    for variable in ["--set-pk", "--add-kek", "--add-db"] {
        vars.arg(variable).arg(OWNER).arg(&options.certificate);
    }
    run(&mut vars).map(drop)
}

/// Signs a program.
///
/// # Errors
/// When sbsign fails.
pub fn sign(options: &Sign) -> Result<()> {
    sign_file(&options.program, &options.key, &options.certificate, &options.common.out)
}

/// Writes `program`, signed, to `out`.
///
/// # Errors
/// When sbsign fails.
pub fn sign_file(program: &Path, key: &Path, certificate: &Path, out: &Path) -> Result<()> {
    let mut sbsign = Command::new("sbsign");
    sbsign.arg("--key").arg(key).arg("--cert").arg(certificate);
    run(sbsign.arg("--output").arg(out).arg(program)).map(drop)
}
