// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use crate::{authenticode, kernel, pe::Pe, uki};

/// So much is unpacked at most: enough for every path, little enough for many runs.
const LIMIT: u64 = 1 << 20;

/// Any bytes give a value or an error: as an EFI application with all that can be asked of it, and as
/// something compressed.
pub fn fuzz(data: &[u8]) {
    let _ = kernel::unpack(data, LIMIT);
    if let Ok(pe) = Pe::parse(data) {
        let _ = authenticode::sha256(&pe);
        let _ = pe.certificates();
        for section in pe.headers.sections() {
            let _ = uki::text(
                pe.section(core::str::from_utf8(section.name.as_bytes()).unwrap_or_default())
                    .unwrap_or_default(),
            );
        }
        let _ = uki::is_uki(&pe.headers);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Builder;

    proptest! {
        // Failures are reported with their input: the sources are not written to.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_value_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..2048)) {
            fuzz(&data);
        }

        /// Words of a valid file, not bytes: offsets, sizes and counts become large, or each other.
        #[test]
        fn changed_applications_are_a_value_or_an_error(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u32>(), 0u32..32), 1..4),
        ) {
            let builder = Builder { certificates: b"certificate".to_vec(), ..Builder::new() };
            let mut file = builder.with(".linux", b"kernel").with(".osrel", b"ID=x").bytes();
            for (index, value, shift) in changes {
                let at = index.index(crate::testing::HEADERS / 4) * 4;
                file[at..at + 4].copy_from_slice(&(value >> shift).to_le_bytes());
            }
            fuzz(&file);
        }
    }
}
