//! Writes the files of the page into the program: each as it is, and compressed where that is
//! smaller, under a name that changes with any of them.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Stands for the name of the build in the index.
const BUILD: &str = "{build}";
/// Stands for the modules that every view imports.
const PRELOADS: &str = "{preloads}";
const INDEX: &str = "index.html";
/// How many digits of the hash name the build.
const DIGITS: usize = 16;

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let assets = root.join("assets");
    // Of a folder cargo watches every file below it.
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=build.rs");
    let mut paths = Vec::new();
    find(&assets, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&assets).unwrap_or(&path);
        let name = name.to_string_lossy().replace('\\', "/");
        files.push((name, lean(&path, fs::read(&path)?)));
    }
    let build = name_of(&files);
    let mut code = format!("pub(crate) const BUILD: &str = {build:?};\n");
    code.push_str("pub(crate) static ASSETS: &[Asset] = &[\n");
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    for (number, (name, bytes)) in files.into_iter().enumerate() {
        let bytes = if name == INDEX { with_build(&bytes, &build, &names) } else { bytes };
        write_asset(&mut code, &out, number, &name, &bytes)?;
    }
    code.push_str("];\n");
    fs::write(out.join("assets.rs"), code)
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Leaves out what only who reads the source needs: lines that are comments, and indentation. A test
/// holds that no text of a script goes over several lines.
fn lean(path: &Path, bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = String::from_utf8(bytes.clone()) else { return bytes };
    let is_script = path.extension().is_some_and(|ending| ending == "js");
    let mut lines = Vec::new();
    let mut is_in_comment = false;
    for line in text.lines().map(str::trim) {
        let begins = line.starts_with("/*");
        let is_comment = is_in_comment || begins || (is_script && line.starts_with("//"));
        is_in_comment = (is_in_comment || begins) && !line.ends_with("*/");
        if !is_comment && !line.is_empty() {
            lines.push(line);
        }
    }
    lines.join("\n").into_bytes()
}

/// Names all files together, by what is in them.
fn name_of(files: &[(String, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(bytes);
        hash.update([0]);
    }
    hex(&hash.finalize())
}

fn hex(hash: &[u8]) -> String {
    let digits = hash.iter().fold(String::new(), |mut digits, byte| {
        // Writing into a text cannot fail.
        write!(digits, "{byte:02x}").ok();
        digits
    });
    digits.chars().take(DIGITS).collect()
}

/// The index names the build, and what every view imports, so that a browser asks for all of it at
/// once instead of after the file that imports it.
fn with_build(index: &[u8], build: &str, names: &[String]) -> Vec<u8> {
    let core = names.iter().filter(|name| name.starts_with("core/"));
    let preloads: String = core
        .map(|name| format!("<link rel=\"modulepreload\" href=\"/page/{BUILD}/{name}\">\n"))
        .collect();
    let index = String::from_utf8_lossy(index).replace(PRELOADS, preloads.trim_end());
    index.replace(BUILD, build).into_bytes()
}

fn write_asset(
    code: &mut String,
    out: &Path,
    number: usize,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let etag = hex(&Sha256::digest(bytes));
    let plain = keep(out, &format!("{number}.plain"), bytes)?;
    let mut compressed = Vec::new();
    for (extension, packed) in [("br", brotli(bytes)?), ("gz", gzip(bytes)?)] {
        let is_smaller = packed.len() < bytes.len();
        let kept = is_smaller.then(|| keep(out, &format!("{number}.{extension}"), &packed));
        let kept = kept.transpose()?;
        compressed.push(kept.map_or_else(|| "None".to_owned(), |bytes| format!("Some({bytes})")));
    }
    let [br, gz] = [&compressed[0], &compressed[1]];
    writeln!(
        code,
        "Asset {{ name: {name:?}, etag: {etag:?}, plain: {plain}, brotli: {br}, gzip: {gz} }},"
    )
    .map_err(io::Error::other)
}

/// Writes a file, and returns the code that reads it.
fn keep(out: &Path, name: &str, bytes: &[u8]) -> io::Result<String> {
    let path = out.join(name);
    fs::write(&path, bytes)?;
    Ok(format!("include_bytes!({:?})", path.to_string_lossy()))
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params)?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
