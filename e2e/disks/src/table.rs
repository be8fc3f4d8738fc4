// SPDX-License-Identifier: BSD-3-Clause
//! GUID partition tables, by sgdisk.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    layout::{MIB, SECTOR},
    tool::run,
};

/// A partition.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its number in the table.
    pub number: u32,
    /// Its first MiB.
    pub start: u64,
    /// Its size in MiB.
    pub size: u64,
    /// sgdisk's code of its type.
    pub kind: &'static str,
    /// Its unique GUID, the PARTUUID in Linux.
    pub guid: String,
}

/// Makes a table on a disk of 512-byte sectors.
///
/// # Errors
/// When a partition does not fit, with the output of sgdisk.
pub fn write(disk: &Path, guid: &str, partitions: &[Partition]) -> Result<()> {
    let mut command = Command::new("sgdisk");
    command.args(["--clear", "--disk-guid", guid]);
    for Partition { number, start, size, kind, guid } in partitions {
        let sectors = |mib: u64| mib.checked_mul(MIB / SECTOR).context("size out of range");
        let end = sectors(start.saturating_add(*size))?;
        command.arg(format!("--new={number}:{}:{}", sectors(*start)?, end.saturating_sub(1)));
        command.arg(format!("--typecode={number}:{kind}")).arg(format!("--partition-guid={number}:{guid}"));
    }
    run(command.arg(disk)).map(drop)
}
