// SPDX-License-Identifier: BSD-3-Clause
//! Device paths as text.
//!
//! Spec: UEFI 2.11, section 10.6.1.6; numbers and spelling as EDK II has them, GUIDs in small letters.

use alloc::{format, string::String, vec::Vec};
use core::{fmt::Write, net::Ipv4Addr};

use crate::{
    device_path::{Node, guid, nodes},
    text,
};

/// `PNP_EISA_ID_CONST`: the lower half of an identifier that stands for `PNP` and a number.
const PNP: u32 = 0x41d0;

/// The text of a path: `PciRoot(0x0)/Pci(0x4,0x0)/HD(1,GPT,...)/\EFI\BOOT\BOOTX64.EFI`.
///
/// A node that is not known, or shorter than its kind has to be, has its numbers and its bytes in hexadecimal.
pub fn of(path: &[u8]) -> String {
    let texts: Vec<String> = nodes(path).map(|node| known(node).unwrap_or_else(|| generic(node))).collect();
    texts.join("/")
}

fn generic(node: Node<'_>) -> String {
    let Node { kind, sub, data } = node;
    let data = if data.is_empty() { String::new() } else { format!(",{}", hex(data)) };
    match kind {
        1 => format!("HardwarePath({sub}{data})"),
        2 => format!("AcpiPath({sub}{data})"),
        3 => format!("Msg({sub}{data})"),
        4 => format!("MediaPath({sub}{data})"),
        5 => format!("BbsPath({sub}{data})"),
        _ => format!("Path({kind},{sub}{data})"),
    }
}

fn known(node: Node<'_>) -> Option<String> {
    match node.kind {
        1 => hardware(node),
        2 => acpi(node),
        3 => messaging(node),
        4 => media(node),
        _ => None,
    }
}

/// Section 10.3.2.
fn hardware(Node { sub, data, .. }: Node<'_>) -> Option<String> {
    Some(match (sub, data) {
        (1, [function, device, ..]) => format!("Pci({device:#x},{function:#x})"),
        (3, _) => {
            let (start, end) = (u64_at(data, 4)?, u64_at(data, 12)?);
            format!("MemoryMapped({:#x},{start:#x},{end:#x})", u32_at(data, 0)?)
        }
        (4, _) => vendor("VenHw", data)?,
        (5, _) => format!("Ctrl({:#x})", u32_at(data, 0)?),
        _ => return None,
    })
}

/// Section 10.3.3.
fn acpi(Node { sub, data, .. }: Node<'_>) -> Option<String> {
    let id = u32_at(data, 0)?;
    if sub == 3 {
        return Some(format!("AcpiAdr({id:#x})"));
    }
    let uid = u32_at(data, 4).filter(|_| sub == 1)?;
    Some(match (id & 0xffff, id >> 16) {
        (PNP, 0x0a03) => format!("PciRoot({uid:#x})"),
        (PNP, 0x0a08) => format!("PcieRoot({uid:#x})"),
        (PNP, 0x0604) => format!("Floppy({uid:#x})"),
        (PNP, 0x0301) => format!("Keyboard({uid:#x})"),
        (PNP, 0x0501) => format!("Serial({uid:#x})"),
        (PNP, number) => format!("Acpi(PNP{number:04X},{uid:#x})"),
        _ => format!("Acpi({id:#010x},{uid:#x})"),
    })
}

/// Section 10.3.4.
fn messaging(Node { sub, data, .. }: Node<'_>) -> Option<String> {
    Some(match (sub, data) {
        (2, _) => format!("Scsi({:#x},{:#x})", u16_at(data, 0)?, u16_at(data, 2)?),
        (5, [port, interface]) => format!("USB({port:#x},{interface:#x})"),
        (10, _) => vendor("VenMsg", data)?,
        (11, _) => {
            let kind = *data.get(32)?;
            // Ethernet has six bytes of the field, other networks all.
            let length = if kind <= 1 { 6 } else { 32 };
            format!("MAC({},{kind:#x})", hex(data.get(..length)?))
        }
        (12, _) => {
            let address = |at: usize| Some(Ipv4Addr::from(*data.get(at..)?.first_chunk::<4>()?));
            let origin = if *data.get(14)? == 0 { "DHCP" } else { "Static" };
            let protocol = match u16_at(data, 12)? {
                6 => "TCP".into(),
                17 => "UDP".into(),
                other => format!("{other:#x}"),
            };
            format!("IPv4({},{protocol},{origin},{})", address(4)?, address(0)?)
        }
        (17, _) => format!("Unit({:#x})", data.first()?),
        (18, _) => format!("Sata({:#x},{:#x},{:#x})", u16_at(data, 0)?, u16_at(data, 2)?, u16_at(data, 4)?),
        (20, _) => format!("Vlan({})", u16_at(data, 0)?),
        (23, _) => {
            let identifier = data.get(4..12)?.iter().rev().map(|byte| format!("{byte:02X}"));
            format!("NVMe({:#x},{})", u32_at(data, 0)?, identifier.collect::<Vec<_>>().join("-"))
        }
        (24, _) => format!("Uri({})", String::from_utf8_lossy(data)),
        (26, [slot]) => format!("SD({slot:#x})"),
        (29, [slot]) => format!("eMMC({slot:#x})"),
        _ => return None,
    })
}

/// Section 10.3.5.
fn media(Node { sub, data, .. }: Node<'_>) -> Option<String> {
    Some(match sub {
        1 => {
            let signature = data.get(20..)?.first_chunk()?;
            let table = match data.get(37)? {
                1 => format!("MBR,{:#010x}", u32_at(signature, 0)?),
                2 => format!("GPT,{}", guid(signature)),
                _ => return None,
            };
            let (number, start, size) = (u32_at(data, 0)?, u64_at(data, 4)?, u64_at(data, 12)?);
            format!("HD({number},{table},{start:#x},{size:#x})")
        }
        2 => format!("CDROM({:#x},{:#x},{:#x})", u32_at(data, 0)?, u64_at(data, 4)?, u64_at(data, 12)?),
        3 => vendor("VenMedia", data)?,
        4 => text::decode(data),
        5 => format!("Media({})", guid(data.first_chunk()?)),
        6 => format!("FvFile({})", guid(data.first_chunk()?)),
        7 => format!("Fv({})", guid(data.first_chunk()?)),
        8 => format!("Offset({:#x},{:#x})", u64_at(data, 4)?, u64_at(data, 12)?),
        9 => {
            let kind = guid(data.get(16..)?.first_chunk()?);
            let instance = u16_at(data, 32)?;
            format!("RamDisk({:#x},{:#x},{instance},{kind})", u64_at(data, 0)?, u64_at(data, 8)?)
        }
        _ => return None,
    })
}

/// A vendor's own node: its GUID, and what it has behind it.
fn vendor(name: &str, data: &[u8]) -> Option<String> {
    let (vendor, rest) = data.split_first_chunk()?;
    let rest = if rest.is_empty() { String::new() } else { format!(",{}", hex(rest)) };
    Some(format!("{name}({}{rest})", guid(vendor)))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|field| u64::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: u8, sub: u8, data: &[u8]) -> Vec<u8> {
        [&[kind, sub, u8::try_from(data.len() + 4).unwrap(), 0], data].concat()
    }

    #[test]
    fn nodes_are_spelled_as_edk2_does() {
        let id = [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 8, 9, 10, 11, 12, 13, 14, 15];
        let words = "00112233-4455-6677-0809-0a0b0c0d0e0f";
        let drive = |kind: u8| {
            let mut data = [1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0].to_vec();
            data.extend(id);
            data.extend([2, kind]);
            data
        };
        let mac = [&[0x52, 0x54, 0, 0x12, 0x34, 0x56][..], &[0; 26], &[1]].concat();
        let cases: [(u8, u8, &[u8], &str); 18] = [
            (1, 1, &[2, 31], "Pci(0x1f,0x2)"),
            (2, 1, &[0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0], "PciRoot(0x0)"),
            (2, 1, &[0xd0, 0x41, 1, 2, 7, 0, 0, 0], "Acpi(PNP0201,0x7)"),
            (2, 1, &[1, 0, 2, 0, 0, 0, 0, 0], "Acpi(0x00020001,0x0)"),
            (3, 2, &[1, 0, 2, 0], "Scsi(0x1,0x2)"),
            (3, 18, &[2, 0, 0xff, 0xff, 0, 0], "Sata(0x2,0xffff,0x0)"),
            (3, 11, &mac, "MAC(525400123456,0x1)"),
            (3, 12, &[0; 23], "IPv4(0.0.0.0,0x0,DHCP,0.0.0.0)"),
            (3, 23, &[1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], "NVMe(0x1,08-07-06-05-04-03-02-01)"),
            (3, 24, b"http://a/b.efi", "Uri(http://a/b.efi)"),
            (4, 1, &drive(2), &format!("HD(1,GPT,{words},0x800,0x1000)")),
            (4, 1, &drive(1), "HD(1,MBR,0x00112233,0x800,0x1000)"),
            (4, 4, &text::encode("\\EFI\\x.efi"), "\\EFI\\x.efi"),
            (4, 6, &id, &format!("FvFile({words})")),
            (4, 7, &id, &format!("Fv({words})")),
            (1, 4, &[&id[..], &[1, 2]].concat(), &format!("VenHw({words},0102)")),
            (3, 99, &[0xab], "Msg(99,AB)"),
            (9, 1, &[], "Path(9,1)"),
        ];
        for (kind, sub, data, shown) in cases {
            assert_eq!(of(&node(kind, sub, data)), shown);
        }
        let both = [node(2, 1, &[0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0]), node(1, 1, &[0, 1])].concat();
        assert_eq!(of(&both), "PciRoot(0x0)/Pci(0x1,0x0)");
        assert_eq!(of(&node(4, 1, &drive(2)[..37])).split('(').next(), Some("MediaPath"), "too short");
    }
}
