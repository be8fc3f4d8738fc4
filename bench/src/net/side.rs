// SPDX-License-Identifier: BSD-3-Clause
//! The sides that boot, and their disks.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{Content, Files, Server, content::OPTIONS};
use crate::scratch::{self, Scratch, run};

pub use crate::loader::grub::installed;

/// Configuration of iPXE, for the report.
pub const IPXE: &str = "ipxe-amd64.efi from an EFI system partition, its own virtio-net driver; `dhcp`, `kernel`, \
                        `initrd`, `boot`; for HTTPS the root in TlsCaCertificate";
/// Configuration of the firmware.
pub const FIRMWARE: &str = "one program of the same length as kernel and initrd, by BootNext with a URI (virt-fw-vars \
                            --set-boot-uri)";
/// Paths on the EFI system partition: the server's root certificate, and the signing key.
const ROOT: &str = "cloudboot/root.pem";
const KEY: &str = "cloudboot/cosign.pub";
/// Debian's iPXE.
const PROGRAM: &str = "/usr/lib/ipxe/ipxe-amd64.efi";

/// EFI_CERT_X509_GUID in its in-memory form, and EFI_TLS_CA_CERTIFICATE_GUID (edk2, TlsAuthentication.h).
const X509: [u8; 16] =
    [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
const TLS: &str = "fd2340d0-3dab-4349-a6c7-3b4f12b48eae";

/// One side of a pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The loader's transport alone, by HTTP.
    Transport,
    /// The loader by HTTP.
    Http,
    /// The loader by HTTPS, with a signature.
    Https,
    /// iPXE by HTTP.
    Ipxe,
    /// iPXE by HTTPS.
    IpxeSecure,
    /// The firmware by HTTP.
    Firmware,
}

impl Side {
    /// The console text when the side starts its network.
    pub fn begins(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "choose \"",
            Self::Transport | Self::Ipxe | Self::IpxeSecure => "bench-begins",
            Self::Firmware => "Start HTTP Boot over IPv4",
        }
    }

    /// The loader's settings.
    pub fn settings(self, content: &Content, server: &Server) -> String {
        let reference = |at: &str| format!("cloudboot.image=oci://{at}/bench@{}", content.digest);
        match self {
            Self::Http => format!("{} cloudboot.cosign=off cloudboot.insecure=1", reference(&server.plain)),
            Self::Https => format!(
                "{} cloudboot.ca=/{ROOT} cloudboot.cosign=enforce cloudboot.cosign.key=/{KEY}",
                reference(&server.secure)
            ),
            Self::Transport | Self::Ipxe | Self::IpxeSecure | Self::Firmware => String::new(),
        }
    }

    /// The EFI system partition as a separate disk; none if the firmware boots by itself.
    ///
    /// # Errors
    /// A tool fails.
    pub fn disk(
        self,
        (files, content): (&Files, &Content),
        server: &Server,
        scratch: &Scratch,
    ) -> Result<Option<PathBuf>> {
        let (script, image) = (scratch.path("script.ipxe"), scratch.path("esp.raw"));
        let from = match self {
            Self::IpxeSecure => format!("https://{}", server.secure),
            _ => format!("http://{}", server.plain),
        };
        scratch::write(&script, ipxe(&from).as_bytes())?;
        let loader = || files.loader.as_deref().context("no loader was built");
        let address = scratch.path("server.txt");
        scratch::write(&address, from.as_bytes())?;
        let copied: Vec<(&Path, &str)> = match self {
            Self::Transport => vec![(&files.fetch, "EFI/BOOT/BOOTX64.EFI"), (&address, bench_guest::ADDRESS)],
            Self::Http => vec![(loader()?, "EFI/BOOT/BOOTX64.EFI")],
            Self::Https => {
                vec![(loader()?, "EFI/BOOT/BOOTX64.EFI"), (&server.root, ROOT), (&content.key, KEY)]
            }
            Self::Ipxe | Self::IpxeSecure => {
                vec![(PROGRAM.as_ref(), "EFI/BOOT/BOOTX64.EFI"), (&script, "autoexec.ipxe")]
            }
            Self::Firmware => return Ok(None),
        };
        let _ = fs::remove_file(&image);
        run("mkfs.vfat", &["-C".as_ref(), image.as_ref(), "65536".as_ref()])?;
        let mtools = |program: &str, arguments: &[&OsStr]| {
            run(program, &[&[OsStr::new("-i"), image.as_ref()], arguments].concat())
        };
        mtools("mmd", &["::/EFI", "::/EFI/BOOT", "::/cloudboot"].map(OsStr::new))?;
        for (file, name) in copied {
            mtools("mcopy", &[file.as_ref(), format!("::/{}", name.replace('\\', "/")).as_ref()])?;
        }
        Ok(Some(image))
    }

    /// The firmware's variables.
    ///
    /// # Errors
    /// virt-fw-vars fails.
    pub fn variables(self, files: &Files, server: &Server, scratch: &Scratch) -> Result<PathBuf> {
        let own = scratch.path("vars.fd");
        let (option, value) = match self {
            Self::Firmware => ("--set-boot-uri", format!("http://{}/program.efi", server.plain).into()),
            Self::IpxeSecure => ("--set-json", trusted(&server.root, scratch)?.into_os_string()),
            Self::Transport | Self::Http | Self::Https | Self::Ipxe => return Ok(files.vars.clone()),
        };
        let arguments: [&OsStr; 6] =
            ["-i".as_ref(), files.vars.as_ref(), "-o".as_ref(), own.as_ref(), option.as_ref(), &value];
        run("virt-fw-vars", &arguments)?;
        Ok(own)
    }

    /// Whether the payload is loaded from this path.
    pub fn is_payload(self, content: &Content, path: &str) -> bool {
        match self {
            Self::Transport | Self::Ipxe | Self::IpxeSecure => ["/kernel", "/initrd"].contains(&path),
            Self::Firmware => path == "/program.efi",
            Self::Http | Self::Https => content.blobs.iter().any(|(digest, name)| {
                ["kernel", "initrd"].contains(name) && path.strip_prefix("/v2/bench/blobs/") == Some(digest)
            }),
        }
    }
}

/// The variable TlsCaCertificate with a root certificate, which iPXE trusts besides its own, in the JSON form of
/// virt-fw-vars: an EFI_SIGNATURE_LIST (UEFI 2.11, section 32.4.1) with one of EFI_CERT_X509_GUID.
fn trusted(root: &Path, scratch: &Scratch) -> Result<PathBuf> {
    let (der, json) = (scratch.path("root.der"), scratch.path("trusted.json"));
    let arguments: [&OsStr; 7] = [
        "x509".as_ref(),
        "-in".as_ref(),
        root.as_ref(),
        "-outform".as_ref(),
        "DER".as_ref(),
        "-out".as_ref(),
        der.as_ref(),
    ];
    run("openssl", &arguments)?;
    let certificate = fs::read(&der)?;
    let length = u32::try_from(certificate.len())?.saturating_add(16);
    let mut list = X509.to_vec();
    // Size of the list, of its header, and of each signature with its owner, which is zero.
    for size in [length.saturating_add(28), 0, length] {
        list.extend(size.to_le_bytes());
    }
    list.extend([0; 16]);
    list.extend(certificate);
    let data = list.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let text = format!(
        "{{\"version\":2,\"variables\":[{{\"name\":\"TlsCaCertificate\",\"guid\":\"{TLS}\",\"attr\":3,\
         \"data\":\"{data}\"}}]}}"
    );
    scratch::write(&json, text.as_bytes())?;
    Ok(json)
}

fn ipxe(server: &str) -> String {
    format!(
        "#!ipxe\necho bench-begins\ndhcp || poweroff\nkernel {server}/kernel {OPTIONS} || poweroff\n\
         initrd --name initrd {server}/initrd || poweroff\nboot\n"
    )
}
