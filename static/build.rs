//! Build script: the table of embedded files, from what `make assets` left in `static/dist`.
//!
//! It runs no npm and opens no network: building from a checkout or a package stays offline.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // The manifest names every file with the hash of its content: it changes when any of them does.
    println!("cargo::rerun-if-changed=static/build.rs");
    println!("cargo::rerun-if-changed=static/dist/manifest.tsv");
    let dist =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("static/dist");
    let Ok(manifest) = fs::read_to_string(dist.join("manifest.tsv")) else {
        println!("cargo::error=the browser's files are not built yet; run: make assets");
        return Ok(());
    };

    let mut table = String::from("&[\n");
    for line in manifest.lines() {
        let [path, media_type, hash] = line.split('\t').collect::<Vec<_>>()[..] else {
            println!(
                "cargo::error=static/dist/manifest.tsv is not as build.mjs writes it; run: make assets"
            );
            return Ok(());
        };
        let bytes = |ending: &str| {
            format!(
                "include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/static/dist/{path}{ending}\"))"
            )
        };
        // A String takes everything written to it.
        let _ = writeln!(
            table,
            "File {{ path: {path:?}, media_type: {media_type:?}, hash: {hash:?}, plain: {}, gzip: {}, brotli: {} }},",
            bytes(""),
            bytes(".gz"),
            bytes(".br"),
        );
    }
    table.push(']');
    fs::write(
        Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("files.rs"),
        table,
    )
}
