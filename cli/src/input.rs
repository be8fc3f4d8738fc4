// SPDX-License-Identifier: BSD-3-Clause
//! Reads whole files up to a limit: a pipe or a device may never end.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::{codes, failure::Failure};

/// Bytes that are checked before the others are read.
const HEAD: u64 = 1 << 20;

/// The bytes of a file, at most `limit`. `check` sees the first MiB before the rest is read, so that a wrong file does
/// not fill memory.
pub fn read(
    path: &Path,
    limit: u64,
    check: &dyn Fn(&[u8]) -> Result<(), Failure>,
) -> Result<Vec<u8>, Failure> {
    let object = path.as_os_str().as_bytes();
    let failed = |error: io::Error| Failure::new(codes::FILE, object, error);
    let too_long = || Failure {
        advice: "name a smaller file".into(),
        ..Failure::new(codes::FILE, object, format!("more than {limit} bytes, the limit"))
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > limit {
        return Err(too_long());
    }
    let (mut file, mut bytes) = (file.take(limit + 1), Vec::new());
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(failed)?;
    check(&bytes)?;
    file.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_may_have_as_many_bytes_as_the_limit_and_no_more() {
        let path = oracle::tools::work_dir("input").join("file");
        for (size, limit) in [(0, 0), (10, 10), (HEAD + 1, HEAD + 1)] {
            fs::write(&path, vec![7; size as usize]).unwrap();
            assert_eq!(read(&path, limit, &|_| Ok(())).unwrap().len() as u64, size);
            fs::write(&path, vec![7; size as usize + 1]).unwrap();
            let failure = read(&path, limit, &|_| Ok(())).unwrap_err();
            assert_eq!(failure.cause, format!("more than {limit} bytes, the limit"));
        }
    }

    #[test]
    fn what_never_ends_is_read_to_the_limit_or_to_what_is_wrong_with_it() {
        let zeros = Path::new("/dev/zero");
        let failure = read(zeros, 3 * HEAD, &|_| Ok(())).unwrap_err();
        assert_eq!(failure.cause, "more than 3145728 bytes, the limit");
        let wrong = Failure::new(codes::PROGRAM, "x", "y");
        let check = |bytes: &[u8]| {
            assert_eq!(bytes.len() as u64, HEAD);
            Err(wrong.clone())
        };
        assert_eq!(read(zeros, u64::MAX - 1, &check).unwrap_err(), wrong);
    }
}
