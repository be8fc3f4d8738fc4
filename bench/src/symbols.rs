// SPDX-License-Identifier: BSD-3-Clause
//! Symbols of a PE file, by the crates in their names.
//!
//! Source: Rust, RFC 2603 (symbol name mangling v0): a crate is `C`, a disambiguator `s…_`, and its name with its
//! length in front.

use std::collections::BTreeMap;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, read::pe::PeFile64};

/// Bytes of code and data by crate, the largest first. Symbols without a crate in their name count for their section.
pub fn crates(file: &[u8]) -> Result<Vec<(String, u64)>, String> {
    let pe = PeFile64::parse(file).map_err(|e| e.to_string())?;
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for section in pe.sections() {
        let (start, end) = (section.address(), section.address().saturating_add(section.size()));
        let here = pe.symbols().filter(|symbol| (start..end).contains(&symbol.address()));
        let mut symbols: Vec<(u64, String)> =
            here.map(|symbol| (symbol.address(), crate_of(symbol.name().unwrap_or_default()))).collect();
        symbols.sort();
        symbols.dedup_by_key(|(address, _)| *address);
        let section = section.name().unwrap_or("?").to_owned();
        let ends = symbols.iter().skip(1).map(|(address, _)| *address).chain([end]).collect::<Vec<_>>();
        let first = symbols.first().map_or(end, |(address, _)| *address);
        *sizes.entry(section.clone()).or_default() += first - start;
        for ((address, name), end) in symbols.iter().zip(ends) {
            let name = if name.is_empty() { section.clone() } else { name.clone() };
            *sizes.entry(name).or_default() += end - address;
        }
    }
    if pe.symbols().next().is_none() {
        return Err("no symbols found".into());
    }
    let mut sizes: Vec<(String, u64)> = sizes.into_iter().filter(|(_, size)| *size > 0).collect();
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(sizes)
}

/// The first crate in a mangled name; empty if there is none.
fn crate_of(symbol: &str) -> String {
    let Some(mangled) = symbol.strip_prefix("_R") else { return String::new() };
    for (at, _) in mangled.match_indices("Cs") {
        let Some((hash, rest)) = mangled[at + 2..].split_once('_') else { continue };
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (Ok(length), true) =
            (rest[..digits].parse::<usize>(), hash.bytes().all(|b| b.is_ascii_alphanumeric()))
        else {
            continue;
        };
        // A `_` separates the length from a name that starts with a digit or `_`.
        let name = rest[digits..].strip_prefix('_').unwrap_or(&rest[digits..]);
        if let Some(name) = name.get(..length) {
            return name.into();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_crate_counts() {
        let cases = [
            ("_RNvCs3qJOWe0GMTs_10loader_bin3run", "loader_bin"),
            ("_RINvNtCsf4bIIlwff18_4core3ptr9drop_glueNtCs9_3abcE", "core"),
            ("_RNvXs_NtCsdI5HXm1WDnZ_3vfs6erased", "vfs"),
            ("_RNvCsjJ6pmSBbkgH_7___rustc17___rust_probestack", "__rustc"),
            ("memcpy", ""),
            ("_RCs", ""),
            ("_RNvCsx_999a", ""),
        ];
        for (symbol, name) in cases {
            assert_eq!(crate_of(symbol), name, "{symbol}");
        }
    }

    #[test]
    fn what_is_no_pe_file_says_so() {
        assert!(crates(b"MZ").is_err());
        assert!(crates(&[0; 4096]).is_err());
    }
}
