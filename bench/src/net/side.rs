// SPDX-License-Identifier: BSD-3-Clause
//! Who boots, and from what.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{Content, Files, Server, content::OPTIONS};
use crate::scratch::{self, Scratch, run};

pub use crate::loader::grub::installed;

/// What iPXE does, for the report.
pub const IPXE: &str = "ipxe-amd64.efi from an EFI system partition, its own virtio-net driver; `dhcp`, `kernel`, \
                        `initrd`, `boot`";
/// What the firmware does.
pub const FIRMWARE: &str = "one program of the same length as kernel and initrd, by BootNext with a URI (virt-fw-vars \
                            --set-boot-uri)";
/// Debian's iPXE.
const PROGRAM: &str = "/usr/lib/ipxe/ipxe-amd64.efi";

/// One side of a pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The loader by HTTP.
    Http,
    /// The loader by HTTPS.
    Https,
    /// iPXE by HTTP.
    Ipxe,
    /// The firmware by HTTP.
    Firmware,
}

impl Side {
    /// What the console shows when the side begins with the network.
    pub fn begins(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "choose \"",
            Self::Ipxe => "bench-begins",
            Self::Firmware => "Start HTTP Boot over IPv4",
        }
    }

    /// The loader's settings.
    pub fn settings(self, content: &Content, server: &Server) -> String {
        let reference =
            |at: &str| format!("cloudboot.image=oci://{at}/bench@{} cloudboot.cosign=off", content.digest);
        match self {
            Self::Http => format!("{} cloudboot.insecure=1", reference(&server.plain)),
            Self::Https => format!("{} cloudboot.ca=/cloudboot/root.pem", reference(&server.secure)),
            Self::Ipxe | Self::Firmware => String::new(),
        }
    }

    /// The EFI system partition, as a disk by itself; none where the firmware needs none.
    ///
    /// # Errors
    /// A tool fails.
    pub fn disk(self, files: &Files, server: &Server, scratch: &Scratch) -> Result<Option<PathBuf>> {
        let (script, image) = (scratch.path("script.ipxe"), scratch.path("esp.raw"));
        scratch::write(&script, ipxe(&server.plain).as_bytes())?;
        let loader = || files.loader.as_deref().context("there is no loader");
        let copied: Vec<(&Path, &str)> = match self {
            Self::Http => vec![(loader()?, "EFI/BOOT/BOOTX64.EFI")],
            Self::Https => vec![(loader()?, "EFI/BOOT/BOOTX64.EFI"), (&server.root, "cloudboot/root.pem")],
            Self::Ipxe => vec![(PROGRAM.as_ref(), "EFI/BOOT/BOOTX64.EFI"), (&script, "autoexec.ipxe")],
            Self::Firmware => return Ok(None),
        };
        let _ = fs::remove_file(&image);
        run("mkfs.vfat", &["-C".as_ref(), image.as_ref(), "65536".as_ref()])?;
        let mtools = |program: &str, arguments: &[&OsStr]| {
            run(program, &[&[OsStr::new("-i"), image.as_ref()], arguments].concat())
        };
        mtools("mmd", &["::/EFI", "::/EFI/BOOT", "::/cloudboot"].map(OsStr::new))?;
        for (file, name) in copied {
            mtools("mcopy", &[file.as_ref(), format!("::/{name}").as_ref()])?;
        }
        Ok(Some(image))
    }

    /// The firmware's variables.
    ///
    /// # Errors
    /// virt-fw-vars fails.
    pub fn variables(self, files: &Files, server: &Server, scratch: &Scratch) -> Result<PathBuf> {
        if self != Self::Firmware {
            return Ok(files.vars.clone());
        }
        let (own, uri) = (scratch.path("vars.fd"), format!("http://{}/program.efi", server.plain));
        let arguments: [&OsStr; 6] = [
            "-i".as_ref(),
            files.vars.as_ref(),
            "-o".as_ref(),
            own.as_ref(),
            "--set-boot-uri".as_ref(),
            uri.as_ref(),
        ];
        run("virt-fw-vars", &arguments)?;
        Ok(own)
    }

    /// Whether this is what the bytes are loaded from.
    pub fn is_payload(self, content: &Content, path: &str) -> bool {
        match self {
            Self::Ipxe => ["/kernel", "/initrd"].contains(&path),
            Self::Firmware => path == "/program.efi",
            Self::Http | Self::Https => content.blobs.iter().any(|(digest, name)| {
                ["kernel", "initrd"].contains(name) && path.strip_prefix("/v2/bench/blobs/") == Some(digest)
            }),
        }
    }
}

fn ipxe(server: &str) -> String {
    format!(
        "#!ipxe\necho bench-begins\ndhcp || shell\nkernel http://{server}/kernel {OPTIONS} || shell\n\
         initrd --name initrd http://{server}/initrd || shell\nboot\n"
    )
}
