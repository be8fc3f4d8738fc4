// SPDX-License-Identifier: BSD-3-Clause
//! Reads what crate_universe generated (`gen/`): nothing that UEFI programs can reach may have the feature
//! `std`, ring, a random number source of the operating system or a C build script, and `gen/` must be as
//! new as Cargo.lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const DIR: &str = "third_party/crates";

/// One attribute of one rule: (triple, item); triple is "" where it is for all of them.
type Items = Vec<(String, String)>;

/// The string lists of the first rule of that kind in a generated file.
fn attributes(text: &str, kind: &str) -> Option<BTreeMap<String, Items>> {
    let mut lines = text.lines().skip_while(|l| *l != format!("{kind}("));
    lines.next()?;
    let mut found: BTreeMap<String, Items> = BTreeMap::new();
    let (mut name, mut triple) = (String::new(), String::new());
    for line in lines.take_while(|l| *l != ")") {
        let word = line.trim();
        if line.starts_with("    ") && !line.starts_with("     ") && line.contains(" = ") {
            name = word.split(' ').next()?.into();
            triple.clear();
        } else if let Some((_, rest)) = line.split_once("platforms/triples:") {
            triple = rest.split('"').next()?.into();
        } else if let Some(item) = word.strip_prefix('"').and_then(|w| w.split_once("\",")) {
            found.entry(name.clone()).or_default().push((triple.clone(), item.0.into()));
        }
    }
    Some(found)
}

fn of<'a>(items: &'a BTreeMap<String, Items>, name: &str, triple: &str) -> BTreeSet<&'a str> {
    let all = items.get(name).into_iter().flatten();
    all.filter(|(t, _)| t.is_empty() || t == triple).map(|(_, i)| i.as_str()).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(DIR).join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// "@crates//NAME-VERSION:target" -> NAME-VERSION
fn package(label: &str) -> &str {
    label.split("//").nth(1).and_then(|l| l.split(':').next()).unwrap_or(label)
}

fn check(triple: &str, roots: &[String], faults: &mut Vec<String>) -> usize {
    let (mut todo, mut seen) = (roots.to_vec(), BTreeSet::new());
    while let Some(slug) = todo.pop() {
        if !seen.insert(slug.clone()) {
            continue;
        }
        let text = read(&format!("gen/BUILD.{slug}.bazel"));
        let Some(library) = attributes(&text, "rust_library") else {
            continue; // a proc macro: runs on the build machine
        };
        if of(&library, "crate_features", triple).contains("std") {
            faults.push(format!("{triple}: {slug} has the feature std"));
        }
        if slug.starts_with("ring-") || slug.starts_with("getrandom-") {
            faults.push(format!("{triple}: {slug} is in the graph"));
        }
        let script = attributes(&text, "cargo_build_script").unwrap_or_default();
        for tool in ["cc", "cmake", "pkg-config", "bindgen"] {
            if of(&script, "deps", triple).iter().any(|d| package(d).starts_with(&format!("{tool}-"))) {
                faults.push(format!("{triple}: the build script of {slug} uses {tool}"));
            }
        }
        let deps = of(&library, "deps", triple);
        todo.extend(deps.iter().filter(|d| !d.ends_with(":build_script_build")).map(|d| package(d).into()));
    }
    seen.len()
}

#[test]
fn uefi_graph_is_clean() {
    let hub = read("gen/HUB.bazel");
    let manifest = read("crates.bzl");
    let list =
        manifest.split("UEFI_CRATES = [").nth(1).and_then(|t| t.split(']').next()).expect("UEFI_CRATES");
    let roots: Vec<String> = list
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|name| {
            let alias = hub.split(&format!("name = \"{name}\",\n    actual = \"")).nth(1);
            package(alias.unwrap_or_else(|| panic!("{name} is not in gen/: repin"))).to_string()
        })
        .collect();
    let mut faults = Vec::new();
    for triple in env!("UEFI_TRIPLES").split(' ') {
        let seen = check(triple, &roots, &mut faults);
        println!("{triple}: {seen} crates from {} roots", roots.len());
        assert!(seen > roots.len(), "{triple}: no dependency found at all");
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn gen_is_as_new_as_the_lock() {
    let lock = std::fs::read_to_string("Cargo.lock").expect("Cargo.lock");
    let field = |block: &str, name: &str| {
        block.lines().find_map(|l| {
            Some(l.strip_prefix(name)?.strip_prefix(" = \"")?.trim_end_matches('"').to_string())
        })
    };
    let locked: BTreeSet<String> = lock
        .split("[[package]]")
        .filter(|b| b.contains("\nchecksum = "))
        .filter_map(|b| Some(format!("{}-{}", field(b, "name")?, field(b, "version")?)))
        .collect();
    let generated: BTreeSet<String> = std::fs::read_dir(Path::new(DIR).join("gen"))
        .expect("gen/")
        .filter_map(|f| {
            let name = f.ok()?.file_name().into_string().ok()?;
            Some(name.strip_prefix("BUILD.")?.strip_suffix(".bazel")?.to_string())
        })
        .collect();
    assert_eq!(locked, generated, "tools/bazel run //third_party:repin");
}
