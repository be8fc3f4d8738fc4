// SPDX-License-Identifier: BSD-3-Clause
//! Headers built by hand with everything that `blkid` checks, for formats whose own tools need a pool, a kernel or
//! Windows.

/// The boot sector of a BitLocker volume of Windows Vista.
pub const BITLOCKER: &[u8] = b"\xeb\x52\x90-FVE-FS-";

/// The rest of bcachefs's magic number after its first four bytes, which bcache shares.
pub const BCACHEFS: &[u8; 12] = b"\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef";

/// A superblock of one device for byte `place`, without checksum and further fields.
pub fn bcachefs(place: u64, magic: &[u8; 12]) -> Vec<u8> {
    let mut block = vec![0; 752];
    block[24..28].copy_from_slice(b"\xc6\x85\x73\xf6");
    block[28..40].copy_from_slice(magic);
    block[104..112].copy_from_slice(&(place / 512).to_le_bytes());
    block[123] = 1;
    block[257] = 7;
    block
}

/// The name-value list of a vdev label, for byte 16 KiB of the label: numbers by name, packed in XDR by a machine of
/// either byte order.
pub fn zfs(order: u8, pairs: &[(&str, u64)]) -> Vec<u8> {
    let mut label = vec![1, order, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for (name, value) in [&[("version", 5000)], pairs].concat() {
        let padded = name.len().next_multiple_of(4);
        let lengths =
            [12 + padded + 16, 32, name.len()].map(|length| u32::try_from(length).unwrap().to_be_bytes());
        label.extend(lengths.concat());
        label.extend(name.bytes().chain([0; 4]).take(padded));
        // One number of 64 bits.
        label.extend([0, 0, 0, 8, 0, 0, 0, 1]);
        label.extend(value.to_be_bytes());
    }
    label
}

/// The label of an LVM physical volume, for this sector: `label_header` and the start of `pv_header` of
/// lib/format_text/layout.h.
pub fn lvm(sector: u64) -> Vec<u8> {
    let mut label = vec![0; 512];
    label[..8].copy_from_slice(b"LABELONE");
    label[8..16].copy_from_slice(&sector.to_le_bytes());
    // Offset of the volume's header in the label, after this one.
    label[20..24].copy_from_slice(&32_u32.to_le_bytes());
    label[24..32].copy_from_slice(b"LVM2 001");
    label[32..64].copy_from_slice(b"cloudboot0cloudboot0cloudboot012");
    // INITIAL_CRC of lib/misc/crc.h
    let sum = crc32(0xf597_a6cf, &label[20..]);
    label[16..20].copy_from_slice(&sum.to_le_bytes());
    label
}

/// `struct nilfs_super_block` of include/uapi/linux/nilfs2_ondisk.h, for byte 1024 of a device of this size.
pub fn nilfs2(device: u64) -> Vec<u8> {
    // Up to s_feature_incompat.
    const BYTES: usize = 280;
    let mut block = vec![0; 1024];
    // s_rev_level, s_magic, s_bytes
    block[0] = 2;
    block[6..8].copy_from_slice(&0x3434_u16.to_le_bytes());
    block[8..10].copy_from_slice(&u16::try_from(BYTES).unwrap().to_le_bytes());
    // s_nsegments, s_dev_size, s_first_data_block, s_blocks_per_segment
    block[24..32].copy_from_slice(&(device / (8 << 20)).to_le_bytes());
    block[32..40].copy_from_slice(&device.to_le_bytes());
    block[40..48].copy_from_slice(&1_u64.to_le_bytes());
    block[48..52].copy_from_slice(&2048_u32.to_le_bytes());
    // s_sum, with the seed s_crc_seed, which is 0
    let sum = crc32(0, &block[..BYTES]);
    block[16..20].copy_from_slice(&sum.to_le_bytes());
    block
}

/// CRC-32 of Ethernet with a given initial register, not inverted at the end.
fn crc32(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
