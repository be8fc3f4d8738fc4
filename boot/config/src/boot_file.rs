// SPDX-License-Identifier: BSD-3-Clause
//! The boot file that a DHCP server names.

use crate::{Config, KEYS, Origin, Problem, Trust};

/// Prefix of a boot file for this program; others are for other programs.
pub const SCHEME: &str = "oci://";

const IMAGE: &str = "cloudboot.image";

impl Config {
    /// Whether a DHCP server may name the image: the machine is not locked, nothing says what to boot from the network,
    /// and something says that the network is used ([`Config::names_network`]) with addresses that servers assign. A
    /// boot from disk does not wait for a server.
    pub fn wants_boot_file(&self, trust: Trust) -> bool {
        let is_set = |name| self.setting(name).is_some();
        let is_asking = !self.net_skip() && self.net_static().is_none();
        let is_free = !is_set(IMAGE) && !is_set("cloudboot.plan");
        trust == Trust::Open && self.names_network() && is_asking && is_free
    }

    /// The same with the image that a DHCP server names, where it [may](Self::wants_boot_file) and the boot file begins
    /// with [`SCHEME`]. [`Problem::Plain`] reports that it is not authenticated.
    #[must_use]
    pub fn with_boot_file(mut self, boot_file: &str, trust: Trust) -> Self {
        let key = KEYS.iter().find(|key| key.name == IMAGE).filter(|_| boot_file.starts_with(SCHEME));
        if let Some(key) = key.filter(|_| self.wants_boot_file(trust)) {
            self.note(Problem::Plain { name: IMAGE, origin: Origin::Dhcp });
            self.set(key, boot_file, Origin::Dhcp, trust);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::Text;

    const FILE: &str = "oci://registry.example/linux:1";

    fn config(line: &str, trust: Trust) -> Config {
        Config::resolve(&[Text::new(Origin::Section, line.as_bytes())], trust)
    }

    #[test]
    fn a_boot_file_is_the_image_where_the_network_is_used() {
        let config = config("cloudboot.net.wait=5", Trust::Open).with_boot_file(FILE, Trust::Open);
        assert_eq!(config.image(), Some(FILE));
        let said: std::vec::Vec<_> = config.problems().iter().map(ToString::to_string).collect();
        let expected = "E-CONFIG-PLAIN cloudboot.image (DHCP): not authenticated: anyone on this network may have \
                        sent it";
        assert_eq!(said, [expected]);
        assert_eq!(
            config.explain().last().unwrap(),
            "cloudboot.image=oci://registry.example/linux:1 from DHCP"
        );
    }

    #[test]
    fn nothing_else_is_changed() {
        let url = "cloudboot.metadata.url=http://cloud.example/";
        assert!(config(url, Trust::Open).wants_boot_file(Trust::Open));
        for line in [
            "",
            "ip=dhcp cloudboot.disk=/dev/vda",
            "cloudboot.image=host.example/a",
            "cloudboot.net.wait=5 cloudboot.plan=host.example/a",
            "cloudboot.net.skip=1",
            "cloudboot.net.static=10.0.0.9/24",
        ] {
            let before = config(line, Trust::Open);
            assert!(!before.wants_boot_file(Trust::Open), "{line}");
            assert_eq!(before.clone().with_boot_file(FILE, Trust::Open), before, "{line}");
        }
        for trust in [Trust::Locked, Trust::LockedWithKey] {
            let before = config("cloudboot.net.wait=5", trust);
            assert!(!before.wants_boot_file(trust));
            assert_eq!(before.clone().with_boot_file(FILE, trust), before);
        }
        let before = config("cloudboot.net.wait=5", Trust::Open);
        for file in ["", "grubx64.efi", "http://host.example/a", "OCI://host.example/a"] {
            assert_eq!(before.clone().with_boot_file(file, Trust::Open), before, "{file}");
        }
    }

    #[test]
    fn no_login_goes_to_its_registry() {
        let line = "cloudboot.net.wait=5 rd.cloudboot.user=u rd.cloudboot.pass=p";
        let config = config(line, Trust::Open).with_boot_file(FILE, Trust::Open);
        assert!(matches!(config.login(), Err((Origin::Dhcp, Origin::Section))));
    }
}
