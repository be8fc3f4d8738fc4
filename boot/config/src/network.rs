// SPDX-License-Identifier: BSD-3-Clause
//! The settings of a boot from the network.

use crate::{Config, Origin};

/// Values of `cosign`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cosign {
    /// A signature is required.
    Enforce,
    /// A missing or wrong signature is a warning.
    Warn,
    /// Signatures are not checked.
    Off,
}

/// A login that may be sent to the registry of `image`.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Login<'a> {
    /// The user.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

impl Config {
    /// `image`: the OCI reference of what is booted; none, or empty: what the disks hold.
    pub fn image(&self) -> Option<&str> {
        self.get("image").filter(|image| !image.is_empty())
    }

    /// `plan`: the OCI reference of the plan.
    pub fn plan(&self) -> Option<&str> {
        self.get("plan").filter(|plan| !plan.is_empty())
    }

    /// The key that says what starts: `image` before `plan`. `plan` counts only if disks do not start in its place
    /// ([`local`](Self::local)).
    pub fn source(&self) -> Option<&'static str> {
        match (self.image(), self.plan()) {
            (Some(_), _) => Some("cloudboot.image"),
            (None, Some(_)) if !self.local() => Some("cloudboot.plan"),
            (None, _) => None,
        }
    }

    /// Whether disks must not start unattended: something else says what starts, or should have said it and is not
    /// available.
    pub fn holds_disks_back(&self) -> bool {
        (self.source().is_some() || self.lacks_metadata()) && !self.local()
    }

    /// `local`: whether entries of disks start unattended although `image` or `plan` is set.
    pub fn local(&self) -> bool {
        self.is_on("local")
    }

    /// `cache`: whether verified images are cached, and started if the registry cannot be reached.
    pub fn cache(&self) -> bool {
        self.is_on("cache")
    }

    /// `insecure`: plain HTTP to the registry.
    pub fn insecure(&self) -> bool {
        self.is_on("insecure")
    }

    /// `cosign`: what happens if a signature is missing or wrong; none if it is not set.
    pub fn cosign(&self) -> Option<Cosign> {
        Some(match self.get("cosign")? {
            "warn" => Cosign::Warn,
            "off" => Cosign::Off,
            _ => Cosign::Enforce,
        })
    }

    /// `cosign.key`: files of further keys that may sign, on the volume that the program was started from.
    pub fn cosign_keys(&self) -> impl Iterator<Item = &str> {
        self.all("cosign.key")
    }

    /// `cosign.threshold`: how many of the keys must have signed; at least one.
    pub fn cosign_threshold(&self) -> u32 {
        self.number("cosign.threshold").unwrap_or(1).max(1)
    }

    /// `cosign.identity` and `cosign.issuer`: who may sign without a key; both must be set.
    pub fn cosign_identity(&self) -> Option<(&str, &str)> {
        self.get("cosign.identity").zip(self.get("cosign.issuer"))
    }

    /// `cosign.trusted-root`: the trusted root of such signatures, a path and a digest; none: what is built in.
    pub fn cosign_trusted_root(&self) -> Option<&str> {
        self.get("cosign.trusted-root")
    }

    /// `ca`: further root certificates, a path on the volume that the program was started from, or a URL with a digest.
    pub fn ca(&self) -> Option<&str> {
        self.get("ca")
    }

    /// `mirror`: registries that are tried first, `registry=host[:port][/prefix],…`.
    pub fn mirrors(&self) -> impl Iterator<Item = &str> {
        self.get("mirror").into_iter().flat_map(|list| list.split(',')).filter(|mirror| !mirror.is_empty())
    }

    /// `net.wait`: the longest wait for a link, and for an address, in seconds.
    pub fn net_wait(&self) -> Option<u32> {
        self.number("net.wait")
    }

    /// `net.if`: the only network card to use, by name or MAC; `BOOTIF` says the same.
    pub fn net_if(&self) -> Option<&str> {
        self.get("net.if")
    }

    /// `BOOTIF`: the MAC of the only network card to use, as PXELINUX writes it: `01-` and six bytes with dashes.
    pub fn bootif(&self) -> Option<&str> {
        self.named("BOOTIF")
    }

    /// `net.vlan`: the number of the VLAN.
    pub fn net_vlan(&self) -> Option<u32> {
        self.number("net.vlan")
    }

    /// `net.skip`: no DHCP.
    pub fn net_skip(&self) -> bool {
        self.is_on("net.skip")
    }

    /// `net.static`: an address, `ip/prefix:gateway:dns`.
    pub fn net_static(&self) -> Option<&str> {
        self.get("net.static")
    }

    /// `ip=`: an address in the kernel's form.
    pub fn ip(&self) -> Option<&str> {
        self.named("ip")
    }

    /// `dns`: resolvers, separated by commas.
    pub fn dns(&self) -> Option<&str> {
        self.get("dns")
    }

    /// `net.proxy`: the URL of an HTTP proxy.
    pub fn net_proxy(&self) -> Option<&str> {
        self.get("net.proxy")
    }

    /// The login for the registry of `image`.
    ///
    /// It goes only to a host that the same source, or a more trusted one, names: whoever may change `image` must not
    /// get a password that was meant for another registry. Nor may the metadata, which anyone on the network can send,
    /// choose by `ca` the root that authenticates that host; nor may a less trusted source send the login in clear text
    /// by `insecure`.
    ///
    /// # Errors
    /// The less trusted source of `image`, `insecure` or (metadata only) `ca`, and the source of the login.
    pub fn login(&self) -> Result<Option<Login<'_>>, (Origin, Origin)> {
        let (Some(user), Some(password)) = (self.named("rd.cloudboot.user"), self.named("rd.cloudboot.pass"))
        else {
            return Ok(None);
        };
        let origin = |name: &str| self.setting(name).map(|setting| setting.origin);
        let owners = [origin("rd.cloudboot.user"), origin("rd.cloudboot.pass")];
        let roots = origin("cloudboot.ca").filter(|origin| *origin == Origin::Metadata);
        let plain = origin("cloudboot.insecure").filter(|_| self.insecure());
        // The trusted ones come first.
        match (origin("cloudboot.image").max(roots).max(plain), owners.into_iter().flatten().min()) {
            (Some(host), Some(owner)) if host > owner => Err((host, owner)),
            _ => Ok(Some(Login { user, password })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{Text, Trust};

    fn resolve(texts: &[(Origin, &str)]) -> Config {
        let texts: Vec<Text> =
            texts.iter().map(|(origin, text)| Text::new(*origin, text.as_bytes())).collect();
        Config::resolve(&texts, Trust::Open)
    }

    #[test]
    fn an_image_that_is_empty_is_none() {
        let image = |word| resolve(&[(Origin::FwCfg, word)]).image().map(std::string::String::from);
        assert_eq!(image("cloudboot.image=oci://host/name:tag").as_deref(), Some("oci://host/name:tag"));
        assert_eq!(image("cloudboot.image="), None);
        assert_eq!(image("root=/dev/vda"), None);
    }

    #[test]
    fn an_image_comes_before_a_plan() {
        let source = |line| resolve(&[(Origin::FwCfg, line)]).source();
        assert_eq!(source("cloudboot.plan=host/plan:1"), Some("cloudboot.plan"));
        assert_eq!(source("cloudboot.plan=host/plan:1 cloudboot.image=host/name:1"), Some("cloudboot.image"));
        assert_eq!(source("cloudboot.plan=host/plan:1 cloudboot.local=1"), None);
        assert_eq!(source("cloudboot.image=host/name:1 cloudboot.local=1"), Some("cloudboot.image"));
        assert_eq!(source("cloudboot.net.wait=5"), None);
    }

    #[test]
    fn a_login_goes_to_the_host_of_a_source_that_may_know_it() {
        let image = "cloudboot.image=oci://host.example/name:tag";
        let login = "rd.cloudboot.user=me rd.cloudboot.pass=hunter2";
        let of = |image_of, login_of| {
            let config = resolve(&[(image_of, image), (login_of, login)]);
            config.login().map(|login| login.map(|login| login.password == "hunter2"))
        };
        assert_eq!(of(Origin::File, Origin::File), Ok(Some(true)));
        assert_eq!(of(Origin::Section, Origin::FwCfg), Ok(Some(true)));
        assert_eq!(of(Origin::FwCfg, Origin::Section), Err((Origin::FwCfg, Origin::Section)));
        assert_eq!(resolve(&[(Origin::File, image)]).login().map(|login| login.is_none()), Ok(true));
        let halves = [(Origin::Section, "rd.cloudboot.pass=x"), (Origin::File, "rd.cloudboot.user=y")];
        let texts: Vec<_> = halves.into_iter().chain([(Origin::File, image)]).collect();
        assert_eq!(resolve(&texts).login().map(|_| ()), Err((Origin::File, Origin::Section)));
    }

    #[test]
    fn every_signature_key_counts_and_the_last_threshold() {
        let words = "cloudboot.cosign.key=/a.pub cloudboot.cosign.key=/b.pub cloudboot.cosign.threshold=";
        let config = resolve(&[
            (Origin::Section, &std::format!("{words}2")),
            (Origin::File, "cloudboot.cosign.key=/c.pub"),
        ]);
        assert_eq!(config.cosign_keys().collect::<Vec<_>>(), ["/a.pub", "/b.pub", "/c.pub"]);
        assert_eq!(config.cosign_threshold(), 2);
        assert_eq!(resolve(&[(Origin::File, &std::format!("{words}0"))]).cosign_threshold(), 1);
    }

    #[test]
    fn a_login_is_sent_without_tls_only_if_a_source_says_so_that_may_know_it() {
        let whole =
            "cloudboot.image=oci://host.example/name:tag rd.cloudboot.user=me rd.cloudboot.pass=hunter2";
        let of = |owner, plain_of, word| {
            let mut texts = [(owner, whole), (plain_of, word)];
            texts.sort_by_key(|(origin, _)| *origin);
            resolve(&texts).login().map(|login| login.is_some())
        };
        let plain = "cloudboot.insecure=1";
        assert_eq!(of(Origin::File, Origin::File, plain), Ok(true));
        assert_eq!(of(Origin::File, Origin::Section, plain), Ok(true));
        assert_eq!(
            of(Origin::Section, Origin::LoadOptions, plain),
            Err((Origin::LoadOptions, Origin::Section))
        );
        assert_eq!(of(Origin::Section, Origin::LoadOptions, "cloudboot.insecure=0"), Ok(true));
    }

    #[test]
    fn mirrors_have_commas_between_them() {
        let config = resolve(&[(Origin::File, "cloudboot.mirror=a.example=b.example,c.example=d/e,")]);
        assert_eq!(config.mirrors().collect::<Vec<_>>(), ["a.example=b.example", "c.example=d/e"]);
    }
}
