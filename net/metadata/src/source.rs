// SPDX-License-Identifier: BSD-3-Clause
//! The source of the document.

use alloc::{
    format,
    string::{String, ToString as _},
};

use config::Config;
use efi::smbios::Cloud;
use http::{Proxy, Url};

use crate::{
    Error,
    fetch::{EC2, EC2_PATH, OPENSTACK, OPENSTACK_PATH},
};

/// Where a metadata document is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// OpenStack's metadata service, at its link-local address.
    OpenStack,
    /// EC2's metadata service, version 2 (IMDSv2): the user data of the instance.
    Ec2,
    /// A document at a URL.
    Url {
        /// The URL.
        url: Url,
        /// The proxy.
        proxy: Option<Proxy>,
    },
}

/// The document on a volume that a cloud, or the creator of the machine, has attached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OnVolume {
    /// The volume's label, in capital letters if the format has no others.
    pub label: &'static str,
    /// The document's path.
    pub path: &'static str,
}

/// The volumes in order of precedence: OpenStack's config drive, and NoCloud's.
pub const VOLUMES: [OnVolume; 2] = [
    OnVolume { label: "config-2", path: OPENSTACK_PATH },
    OnVolume { label: "cidata", path: "/cloudboot.json" },
];

impl Source {
    /// The address, for messages.
    pub fn place(&self) -> String {
        match self {
            Self::OpenStack => format!("http://{}{OPENSTACK_PATH}", OPENSTACK[0]),
            Self::Ec2 => format!("http://{EC2}{EC2_PATH}"),
            Self::Url { url, .. } => url.to_string(),
        }
    }
}

/// The source of this machine's document, from `cloudboot.metadata.url`, or else from the cloud that the SMBIOS tables
/// name ([`efi::smbios::cloud`]); `None` if no setting uses the network ([`Config::names_network`]): a boot from disk
/// does not wait for it.
///
/// # Errors
/// `cloudboot.metadata.url` or `cloudboot.net.proxy` is not a URL.
pub fn source(config: &Config, cloud: Option<Cloud>) -> Result<Option<Source>, Error> {
    if let Some(url) = config.metadata_url() {
        let url = Url::parse(url)?;
        let proxy = config.net_proxy().filter(|_| !is_of_link(&url));
        let proxy = proxy.map(Proxy::parse).transpose()?;
        return Ok(Some(Source::Url { url, proxy }));
    }
    Ok(cloud.filter(|_| config.names_network()).map(|cloud| match cloud {
        Cloud::OpenStack => Source::OpenStack,
        Cloud::Ec2 => Source::Ec2,
    }))
}

/// Whether the host is a link-local address (RFC 3927, RFC 4291 section 2.5.6), which a proxy cannot reach.
fn is_of_link(url: &Url) -> bool {
    url.host().starts_with("169.254.") || url.host().starts_with("fe80:")
}

#[cfg(test)]
mod tests {
    use config::{Origin, Text, Trust};

    use super::*;

    fn of(line: &str, cloud: Option<Cloud>) -> Result<Option<Source>, Error> {
        source(&Config::resolve(&[Text::new(Origin::File, line.as_bytes())], Trust::Open), cloud)
    }

    #[test]
    fn a_boot_from_disk_has_no_source() {
        for cloud in [None, Some(Cloud::OpenStack), Some(Cloud::Ec2)] {
            assert!(of("cloudboot.disk=/dev/vda ip=dhcp", cloud).unwrap().is_none());
        }
        assert!(of("cloudboot.net.wait=5", None).unwrap().is_none());
        assert!(matches!(of("cloudboot.net.wait=5", Some(Cloud::OpenStack)), Ok(Some(Source::OpenStack))));
        assert!(matches!(of("cloudboot.image=x", Some(Cloud::Ec2)), Ok(Some(Source::Ec2))));
    }

    #[test]
    fn a_url_is_asked_through_the_proxy_unless_it_is_of_the_link() {
        for (url, has_proxy) in [
            ("https://metadata.example/a", true),
            ("http://169.254.169.254/latest/user-data", false),
            ("http://[fe80::a9fe:a9fe%eth0]/x", false),
        ] {
            let line = format!("cloudboot.metadata.url={url} cloudboot.net.proxy=http://proxy:3128");
            let Ok(Some(Source::Url { url: found, proxy })) = of(&line, Some(Cloud::Ec2)) else {
                panic!("a URL")
            };
            assert_eq!((found, proxy.is_some()), (Url::parse(url).unwrap(), has_proxy));
        }
        let error = of("cloudboot.metadata.url=file:///x", None).unwrap_err();
        assert_eq!(error.to_string(), "E-NET-HTTP-URL file:///x: not a URL: neither http nor https");
    }
}
