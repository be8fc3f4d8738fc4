// SPDX-License-Identifier: BSD-3-Clause
//! What each crate adds to the loader.

use std::fs;

use crate::symbols;

/// Budget L2, disk track, bytes.
const BUDGET: u64 = 400 * 1024;

/// A table, or JSON, of the crates in a loader with symbols, and of the sizes of those that are shipped.
///
/// # Errors
/// For a file that cannot be read or has no symbols.
pub fn report(with_symbols: &str, shipped: &[&String], is_json: bool) -> Result<String, String> {
    let bytes = fs::read(with_symbols).map_err(|e| format!("{with_symbols}: {e}"))?;
    let crates = symbols::crates(&bytes).map_err(|e| format!("{with_symbols}: {e}"))?;
    let mut totals = Vec::new();
    for file in shipped {
        let size = fs::metadata(file).map_err(|e| format!("{file}: {e}"))?.len();
        let name = file.rsplit(['/', '-']).next().unwrap_or(file).trim_end_matches(".efi");
        totals.push((name.to_owned(), size));
    }
    Ok(if is_json { json(&crates, &totals) } else { table(&crates, &totals) })
}

fn table(crates: &[(String, u64)], totals: &[(String, u64)]) -> String {
    let row = |(name, size): &(String, u64)| format!("{name:<24} {size:>9}\n");
    let mut text = String::from("x86_64, by crate            bytes\n");
    text.extend(crates.iter().map(row));
    text.push_str("\nloader                      bytes\n");
    text.extend(totals.iter().map(row));
    let x86_64 = totals.iter().find(|(name, _)| name == "x86_64").map_or(0, |(_, size)| *size);
    let ratio = x86_64 as f64 / BUDGET as f64;
    text + &format!("\nx86_64 beside its budget of {BUDGET} bytes: {ratio:.2}\n")
}

fn json(crates: &[(String, u64)], totals: &[(String, u64)]) -> String {
    let object = |list: &[(String, u64)]| {
        let pairs: Vec<String> = list.iter().map(|(name, size)| format!("\"{name}\":{size}")).collect();
        pairs.join(",")
    };
    format!("{{\"crates\":{{{}}},\"loaders\":{{{}}},\"budget\":{BUDGET}}}\n", object(crates), object(totals))
}
