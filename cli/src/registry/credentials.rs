// SPDX-License-Identifier: BSD-3-Clause
//! Logins from Docker's configuration, and from podman's, which has the same form.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use http::Secret;
use oci::Login;
use serde::Deserialize;

use crate::{codes, failure::Failure};

/// The parts of a configuration that have logins.
///
/// Spec: docs.docker.com/reference/cli/docker, "config.json properties"; containers-auth.json(5).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    auths: BTreeMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
}

/// The answer of a helper.
///
/// Spec: docker/docker-credential-helpers, "Development".
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The login for a registry, from the first configuration that has one.
pub fn of(registry: &str) -> Result<Option<Login>, Failure> {
    for file in files() {
        let Ok(text) = fs::read(&file) else { continue };
        let configuration = parse(&file, &text)?;
        let login = |secret| Some(Login { registry: registry.into(), secret });
        if let Some(helper) = configuration.cred_helpers.get(registry).or(configuration.creds_store.as_ref())
            && let Some(secret) = ask(helper, key(registry))?
        {
            return Ok(login(secret));
        }
        if let Some(secret) = stored(&configuration, registry) {
            return Ok(login(secret));
        }
    }
    Ok(None)
}

fn parse(file: &Path, text: &[u8]) -> Result<Configuration, Failure> {
    serde_json::from_slice(text)
        .map_err(|error| Failure::new(codes::FILE, file.as_os_str().as_encoded_bytes(), error))
}

fn files() -> Vec<PathBuf> {
    let of = |name: &str| env::var_os(name).map(PathBuf::from);
    let docker = of("DOCKER_CONFIG").or_else(|| Some(of("HOME")?.join(".docker")));
    let podman =
        of("REGISTRY_AUTH_FILE").or_else(|| Some(of("XDG_RUNTIME_DIR")?.join("containers/auth.json")));
    docker.map(|folder| folder.join("config.json")).into_iter().chain(podman).collect()
}

/// The name by which Docker knows a registry.
fn key(registry: &str) -> &str {
    if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }
}

fn stored(configuration: &Configuration, registry: &str) -> Option<Secret> {
    let is_it = |name: &str| {
        let name = name.trim_start_matches("https://").trim_start_matches("http://");
        name.trim_end_matches('/') == registry
    };
    let auths = &configuration.auths;
    let auth =
        auths.get(key(registry)).or_else(|| auths.iter().find(|(name, _)| is_it(name)).map(|(_, auth)| auth));
    Secret::basic_coded(&auth?.auth)
}

/// The login of a helper for a registry; none if it has none.
fn ask(helper: &str, registry: &str) -> Result<Option<Secret>, Failure> {
    let program = format!("docker-credential-{helper}");
    let failed = |error: &dyn ToString| Failure::new(codes::HELPER, &program, error.to_string());
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // The helper may exit without reading.
        let _ = stdin.write_all(registry.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Ok(None);
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))?;
    match answer.username.as_str() {
        "<token>" => Err(failed(&"returned a refresh token, which is not supported")),
        user => Ok(Some(Secret::basic(user, &answer.secret))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_found_by_registry() {
        let text = br#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"},"ghcr.io":{"auth":"Yzpk"},
            "https://quay.io/":{"auth":"ZTpm"},"empty.io":{}},"credsStore":null,"new":1}"#;
        let configuration = parse(Path::new("x"), text).unwrap_or_default();
        for (registry, expected) in [
            ("docker.io", Some(Secret::basic("a", "b"))),
            ("ghcr.io", Some(Secret::basic("c", "d"))),
            ("quay.io", Some(Secret::basic("e", "f"))),
            ("empty.io", None),
            ("ghcr.io.evil", None),
        ] {
            assert_eq!(stored(&configuration, registry), expected, "{registry}");
        }
    }
}
