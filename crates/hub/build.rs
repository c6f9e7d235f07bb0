//! Puts the built frontend into the program: each file as it is and, where
//! that is smaller, packed. A checkout whose frontend is not built compiles
//! all the same, and its hub then says how to build it.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let dist = manifest.join("../../frontend/dist");
    // Cargo can watch only what is there, and would build us again each time
    // if it were not. Where the sources cannot be written, there is no need.
    fs::create_dir_all(&dist).ok();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let mut table = String::from("pub(super) static FILES: &[File] = &[\n");
    for (number, path) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        let name = path.strip_prefix(&dist).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        // A copy of ours: the frontend may be built again while we compile.
        let plain = keep(&out, &format!("{number}.plain"), &bytes)?;
        let packed = pack(&bytes)?;
        let gzip = if packed.len() < bytes.len() * 9 / 10 {
            let packed = keep(&out, &format!("{number}.gz"), &packed)?;
            format!("Some(include_bytes!({packed:?}))")
        } else {
            "None".to_owned()
        };
        let tag: String =
            Sha256::digest(&bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        writeln!(
            table,
            "    File {{ path: {name:?}, tag: {tag:?}, plain: include_bytes!({plain:?}), gzip: {gzip} }},"
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("frontend.rs"), table)
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_none_or(|extension| extension != "map") {
            into.push(path);
        }
    }
    Ok(())
}

fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn keep(out: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let path = out.join(name);
    fs::write(&path, bytes)?;
    Ok(path)
}
