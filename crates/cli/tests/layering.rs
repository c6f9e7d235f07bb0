//! The arrows of docs/ARCHITECTURE.md, read from `cargo metadata`: who may use
//! whom, which third-party crate lives where, which licences and which
//! duplicate versions are accepted, and that every declared dependency is used.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The flat middle layer: none of these uses another.
const MIDDLE: &[&str] = &[
    "lifecycle",
    "link",
    "git",
    "forge",
    "agents",
    "sandbox",
    "egress",
    "secrets",
    "screen",
    "store",
];

/// Which of our rooms a room may use, besides `proto`.
fn allowed(room: &str) -> Vec<&'static str> {
    match room {
        "proto" | "client" | "testkit" => vec![],
        room if MIDDLE.contains(&room) => vec![],
        "hub" | "runner" => MIDDLE.to_vec(),
        "cli" => [MIDDLE, &["hub", "runner", "client"]].concat(),
        // The keychain, the scripted agent where it stands in for `pilot`, and
        // what decodes a screen for the page.
        "desktop" => vec!["hub", "runner", "client", "secrets", "agents", "screen"],
        other => panic!("the room `{other}` has no arrows yet: decide them here and in docs"),
    }
}

/// Third-party crates with a home: nobody else may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("git2", &["git"]),
    ("similar", &["git"]),
    ("notify", &["runner"]),
    ("axum", &["hub", "testkit"]),
    // In `secrets` for Vault, whose whole interface is HTTP.
    ("reqwest", &["forge", "client", "egress", "secrets"]),
    ("oauth2", &["forge"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("landlock", &["sandbox"]),
    ("libc", &["sandbox"]),
    ("nix", &["sandbox"]),
    ("seccompiler", &["sandbox"]),
    ("keyring-core", &["secrets"]),
    ("argon2", &["secrets"]),
    ("chacha20poly1305", &["secrets"]),
    ("hpke", &["secrets"]),
    ("psl", &["egress"]),
    ("png", &["screen"]),
    ("vnc-rs", &["screen"]),
    ("zune-jpeg", &["screen"]),
    ("rcgen", &["hub", "testkit"]),
    ("tauri", &["desktop"]),
    ("tauri-build", &["desktop"]),
    ("tauri-plugin-autostart", &["desktop"]),
    ("tauri-plugin-deep-link", &["desktop"]),
    ("tauri-plugin-single-instance", &["desktop"]),
    ("tauri-plugin-updater", &["desktop"]),
    ("tauri-plugin-window-state", &["desktop"]),
    ("signal-hook", &["agents"]),
    ("croner", &["lifecycle"]),
    ("chrono-tz", &["lifecycle"]),
    ("webkit2gtk", &["desktop"]),
    ("glib", &["desktop"]),
    ("notify-rust", &["desktop"]),
    ("zbus", &["desktop"]),
    ("open", &["desktop"]),
];

/// What rooms without IO must not know. The scripted agent, a program of its
/// own that lives in `agents`, asks the system whether its input is ready.
const PURE: &[(&str, &[&str])] = &[
    ("proto", &["tokio", "rustix", "getrandom"]),
    ("lifecycle", &["tokio", "rustix", "getrandom"]),
    ("agents", &["tokio", "getrandom"]),
];

/// Crates that stand in the lock file in several versions, and who holds them
/// apart. Each goes when the older side moves.
const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "axum and sqlx are on 0.22, hyper-util and reqwest on 0.23"),
    ("bit-vec", "rcgen's yasna is ahead of tauri's selectors"),
    ("bitflags", "webkit2gtk is on 1"),
    ("block-buffer", "digest"),
    ("const-oid", "ed25519's der is behind digest 0.11"),
    ("cpufeatures", "digest"),
    ("crypto-common", "digest"),
    ("curve25519-dalek", "ed25519-dalek 2 is on 4, hpke's x25519-dalek on 5"),
    ("darling", "croner's derive_builder is on 0.20, serde_with on 0.24"),
    ("darling_core", "darling"),
    ("darling_macro", "darling"),
    ("dirs", "auto-launch is on 6"),
    ("digest", "tungstenite's sha1 is on 0.10, sqlx-postgres on 0.11"),
    ("getrandom", "ring is on 0.2, tungstenite's rand on 0.3, uuid on 0.4"),
    ("hashbrown", "sqlx is behind indexmap"),
    ("heck", "GTK's macros are on 0.4"),
    ("indexmap", "schemars 0.8, of tauri's build, is on 1"),
    ("miniz_oxide", "png is behind flate2"),
    ("phf", "chrono-tz is behind tauri's selectors"),
    ("phf_shared", "phf"),
    ("proc-macro-crate", "GTK's macros"),
    ("rand", "oauth2 is on 0.8, tungstenite on 0.9, sqlx-postgres on 0.10"),
    ("rand_chacha", "rand"),
    ("rand_core", "rand"),
    ("schemars", "tauri's build is on 0.8, serde_with takes whichever there is"),
    ("serde_spanned", "toml"),
    ("sha2", "ed25519-dalek 2 and ours are on 0.10, sqlx-postgres on 0.11"),
    ("sha1", "digest"),
    ("syn", "derive macros are moving from 2 to 3"),
    ("synstructure", "syn"),
    ("thiserror", "GTK's crates are on 1"),
    ("thiserror-impl", "thiserror"),
    ("toml", "system-deps, of GTK's builds, is on 0.8"),
    ("toml_datetime", "toml"),
    ("toml_edit", "toml"),
    ("winnow", "toml"),
];

const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "MPL-2.0",
    "BSL-1.0",
    "MIT-0",
    "AGPL-3.0-or-later",
    "Apache-2.0 WITH LLVM-exception",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
        .other_options(vec![
            "--locked".to_owned(),
            "--offline".to_owned(),
            // What is only for other systems is not downloaded here.
            "--filter-platform".to_owned(),
            format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
        ])
        .exec()
        .expect("cargo describes the workspace")
}

fn room(package: &Package) -> String {
    package.name.strip_prefix("pilot-").expect("our crates are called pilot-<noun>").to_owned()
}

#[test]
fn rooms_use_only_the_rooms_they_may() {
    for package in metadata().workspace_packages() {
        let room = room(package);
        let allowed = allowed(&room);
        for dependency in &package.dependencies {
            let Some(used) = dependency.name.strip_prefix("pilot-") else { continue };
            let fine = used == "proto"
                || allowed.contains(&used)
                || (dependency.kind == DependencyKind::Development
                    && (used == "testkit" || (room == "hub" && used == "client")));
            assert!(fine, "{room} must not use {used}: the concept is in the wrong room");
        }
    }
}

#[test]
fn third_party_crates_stay_in_their_homes() {
    for package in metadata().workspace_packages() {
        let room = room(package);
        for dependency in &package.dependencies {
            if dependency.kind == DependencyKind::Development {
                continue;
            }
            let name = dependency.name.as_str();
            if let Some((_, homes)) = HOMES.iter().find(|(home, _)| *home == name) {
                assert!(homes.contains(&room.as_str()), "{name} lives in {homes:?}, not in {room}");
            }
            let pure = PURE.iter().find(|(pure, _)| *pure == room);
            let fine = pure.is_none_or(|(_, impure)| !impure.contains(&name));
            assert!(fine, "{room} is pure and must not know {name}");
        }
    }
}

#[test]
fn no_crate_stands_twice_without_a_reason() {
    let metadata = metadata();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in built_packages(&metadata) {
        versions.entry(package.name.to_string()).or_default().insert(package.version.to_string());
    }
    let twice: Vec<String> = versions
        .into_iter()
        .filter(|(name, versions)| {
            versions.len() > 1 && !DUPLICATES.iter().any(|(known, _)| known == name)
        })
        .map(|(name, versions)| format!("{name} {versions:?}"))
        .collect();
    assert!(twice.is_empty(), "several versions of one crate are built: {twice:#?}");
}

#[test]
fn every_licence_is_one_we_accept() {
    let metadata = metadata();
    for package in built_packages(&metadata) {
        let licence = package.license.clone().unwrap_or_default();
        let any_accepted = licence.split(" OR ").flat_map(|part| part.split('/')).any(|part| {
            part.split(" AND ").all(|one| LICENCES.contains(&one.trim_matches(['(', ')', ' '])))
        });
        assert!(any_accepted, "{} {} has the licence `{licence}`", package.name, package.version);
    }
}

#[test]
fn every_declared_dependency_is_used() {
    let mut unused = Vec::new();
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().expect("a manifest is in a folder");
        let mut source = String::new();
        for part in ["src", "tests", "benches", "examples"] {
            read_all(folder.join(part).as_std_path(), &mut source);
        }
        if let Ok(script) = std::fs::read_to_string(folder.join("build.rs")) {
            source.push_str(&script);
        }
        for dependency in &package.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
            let named =
                [format!("{name}::"), format!("use {name}"), format!("extern crate {name}")];
            if !named.iter().any(|named| source.contains(named)) {
                unused.push(format!("{}: {}", package.name, dependency.name));
            }
        }
    }
    assert!(unused.is_empty(), "declared and never used: {unused:#?}");
}

/// The packages that a build of ours contains, or is made with.
fn built_packages(metadata: &Metadata) -> Vec<&Package> {
    let resolve = metadata.resolve.as_ref().expect("metadata with a resolve");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut wanted: Vec<_> = metadata.workspace_members.iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = wanted.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in &nodes[id].deps {
            let built =
                dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development);
            if built {
                wanted.push(&dependency.pkg);
            }
        }
    }
    metadata.packages.iter().filter(|package| seen.contains(&package.id)).collect()
}

fn read_all(folder: &Path, into: &mut String) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).expect("our sources are readable"));
        }
    }
}
