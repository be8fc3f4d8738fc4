// SPDX-License-Identifier: BSD-3-Clause
//! UEFI variables: of a firmware's store in a file, or of a running system.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use block::BlockRead;
use efi::varstore::{self, Variable};

use crate::{
    codes,
    failure::{Failure, Failures},
    images::{self, Backing},
};

/// Where Linux has the variables of the running system (Documentation/filesystems/efivarfs.rst).
const EFIVARS: &str = "/sys/firmware/efi/efivars";
/// Characters of a GUID.
const GUID: usize = 36;
/// Bytes of a chunk that is searched for a store: a multiple of `varstore::ALIGNMENT`.
const CHUNK: u64 = 1 << 20;
/// MiB of a file that are searched for a store: both flash banks of QEMU's virt machines, one after the other, which is
/// more than any real flash.
const FLASH_MIB: u64 = 128;
/// Limits for a folder, in variables and in bytes of all of them: more than any firmware can store.
const MOST: usize = 16_384;
const BYTES: u64 = 16 << 20;

/// The variables in a file, in a folder as efivarfs has it, or of this system; sorted by their names. Those of a
/// folder that cannot be read are failures.
pub fn read(path: Option<&Path>, backing: &Backing) -> Result<(Vec<Variable>, Failures), Failure> {
    let path = path.unwrap_or(Path::new(EFIVARS));
    if !path.exists() && path == Path::new(EFIVARS) {
        let cause = "this system was not booted with UEFI, or efivarfs is not mounted";
        return Err(Failure::new(codes::NVRAM, EFIVARS, cause));
    }
    if path.is_dir() { of_folder(path) } else { Ok((of_file(path, backing)?, Failures::default())) }
}

fn of_file(path: &Path, backing: &Backing) -> Result<Vec<Variable>, Failure> {
    let object = path.as_os_str().as_bytes();
    let images = images::open_all(&[path.into()], backing)?;
    let Some(device) = images.first().map(|image| &image.device) else { return Ok(Vec::new()) };
    let failed = |error: block::ReadError| Failure::of(&error.into(), object);
    let Some((start, length)) = find(&**device).map_err(failed)? else {
        let is_whole = device.size() <= FLASH_MIB << 20;
        let place = if is_whole { "it".into() } else { format!("its first {FLASH_MIB} MiB") };
        return Err(Failure::new(codes::NVRAM, object, format!("no variable store in {place}")));
    };
    if length > varstore::LARGEST {
        let cause =
            format!("its variable store has {length} bytes, more than the limit of {}", varstore::LARGEST);
        return Err(Failure::new(codes::NVRAM, object, cause));
    }
    let length = length.min(device.size() - start);
    let mut volume = vec![0; usize::try_from(length).unwrap_or(0)];
    device.read_at(start, &mut volume).map_err(failed)?;
    varstore::read(&volume).map_err(|error| Failure::new(codes::NVRAM, object, error))
}

/// Where the store starts, and its length as it states it.
fn find(device: &dyn BlockRead) -> Result<Option<(u64, u64)>, block::ReadError> {
    let mut chunk = Vec::new();
    for at in (0..device.size().min(FLASH_MIB << 20)).step_by(CHUNK as usize) {
        chunk.resize(CHUNK.min(device.size() - at) as usize, 0);
        device.read_at(at, &mut chunk)?;
        if let Some((start, length)) = varstore::find(&chunk) {
            return Ok(Some((at + start as u64, length)));
        }
    }
    Ok(None)
}

fn of_folder(path: &Path) -> Result<(Vec<Variable>, Failures), Failure> {
    let failed = |path: &Path, error| Failure::new(codes::FILE, path.as_os_str().as_bytes(), error);
    let (mut variables, mut failures, mut left) = (Vec::new(), Failures::default(), BYTES);
    for entry in fs::read_dir(path).map_err(|error| failed(path, error))? {
        let path = entry.map_err(|error| failed(path, error))?.path();
        // Anything else is not a variable.
        let Some((name, vendor)) = path.file_name().and_then(|name| name.to_str()).and_then(split) else {
            continue;
        };
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(left).read_to_end(&mut bytes));
        if let Err(error) = read {
            failures.add(failed(&path, error));
            continue;
        }
        left = left.saturating_sub(bytes.len() as u64);
        if variables.len() == MOST || left == 0 {
            return Err(Failure::new(
                codes::NVRAM,
                path.as_os_str().as_bytes(),
                "more than any firmware holds",
            ));
        }
        // The attributes come first.
        let Some((attributes, data)) = bytes.split_first_chunk() else { continue };
        let (attributes, data) = (u32::from_le_bytes(*attributes), data.to_vec());
        variables.push(Variable { vendor: vendor.into(), name: name.into(), attributes, data });
    }
    if variables.is_empty() {
        // Without any variables nothing is known, not even that Secure Boot is off.
        let nothing = || {
            let cause = "no variables in it: no file is named NAME-GUID as in efivarfs";
            Failure::new(codes::NVRAM, path.as_os_str().as_bytes(), cause)
        };
        return Err(failures.into_failure().unwrap_or_else(nothing));
    }
    variables.sort_by(|a, b| (&a.name, &a.vendor).cmp(&(&b.name, &b.vendor)));
    Ok((variables, failures))
}

/// `NAME-GUID`
fn split(file: &str) -> Option<(&str, &str)> {
    let (name, vendor) = file.split_at_checked(file.len().checked_sub(GUID)?)?;
    let is_guid = vendor.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    name.strip_suffix('-').filter(|_| is_guid).map(|name| (name, vendor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_those_of_efivarfs() {
        let guid = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
        assert_eq!(split(&format!("Boot0000-{guid}")), Some(("Boot0000", guid)));
        assert_eq!(split(&format!("a-b-{guid}")), Some(("a-b", guid)));
        for file in ["", guid, "Boot0000", &format!("xüx{}", &guid[1..]), &format!("Boot0000_{guid}")] {
            assert_eq!(split(file), None, "{file}");
        }
    }
}
