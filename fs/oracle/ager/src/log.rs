// SPDX-License-Identifier: BSD-3-Clause
//! Whether a power failure left a log to replay.

use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt, path::Path};

use oracle::tools;

use crate::driver::Driver;

/// Offset of the address of the log tree in the first superblock of btrfs (`btrfs_super_block::log_root`).
const LOG_ROOT: u64 = 0x1_0060;
/// Operations with several transactions, as named by `xfs_logprint`: freed extents, reverse mappings, reference counts,
/// mappings, attributes, exchanges. XFS logs each at its start, with an I after its name, and at its end, with a D.
const INTENTS: [&str; 6] = ["EF", "RU", "CU", "BU", "ATTR", "XM"];

/// Whether there is a log to replay; with `is_unfinished`, an XFS log must have an unfinished operation.
///
/// # Errors
/// If the file cannot be read.
pub fn is_left(driver: Driver, disk: &Path, is_unfinished: bool) -> io::Result<bool> {
    match driver {
        Driver::Btrfs => {
            let mut root = [0; 8];
            File::open(disk)?.read_exact_at(&mut root, LOG_ROOT)?;
            Ok(root != [0; 8])
        }
        Driver::Xfs if is_unfinished => {
            let path = disk.to_str().ok_or(io::ErrorKind::InvalidInput)?;
            let printed = tools::output("xfs_logprint", &["-c", path]).stdout;
            Ok(has_unfinished(&String::from_utf8_lossy(&printed)))
        }
        Driver::Xfs | Driver::Ext4 | Driver::Fat => Ok(true),
    }
}

/// Whether an operation was started but not finished.
fn has_unfinished(printed: &str) -> bool {
    let mut begun = BTreeSet::new();
    for line in printed.lines() {
        let Some((name, id)) =
            line.split_once(':').zip(line.rsplit_once("id:")).map(|(a, b)| (a.0, b.1.trim()))
        else {
            continue;
        };
        let is = |end: char| name.strip_suffix(end).is_some_and(|intent| INTENTS.contains(&intent));
        if is('I') {
            begun.insert(id);
        } else if is('D') {
            begun.remove(id);
        }
    }
    !begun.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_done_is_unfinished() {
        let begun = "BUF:  #regs: 2   start blkno: 0x1\nEFI:  #regs: 1	num_extents: 1  id: 0x62\n";
        let other = "RUI:  #regs: 1	num_extents: 1  id: 0x63\nRUD:  #regs: 1	                 id: 0x63\n";
        let done = "EFD:  #regs: 1	num_extents: 1  id: 0x62\n";
        assert!(has_unfinished(begun));
        assert!(has_unfinished(&[begun, other].concat()));
        assert!(!has_unfinished(&[begun, other, done].concat()));
        assert!(!has_unfinished("Oper (0): tid: 1  len: 0  clientid: TRANS  flags: START"));
    }
}
