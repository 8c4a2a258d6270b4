//! Makes the snapshot, and the Rust source for the JavaScript that stays beside it. In OUT_DIR:
//!
//! * `PICO_SNAPSHOT.bin`: the heap after the runtime's bootstrap files have run
//! * `sources/`: the bootstrap files (for starting without the snapshot) and the modules that are loaded when imported
//! * `RESIDUAL_SOURCES.rs`: Rust tables of these files

mod shared;

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use pico_runtime::snapshot::{self, SourceFile, Sources};

const JS_DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js");

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let target = env::var("TARGET")?;
    println!("cargo:rerun-if-env-changed=PICO_SKIP_CROSS_CHECK");
    println!("cargo:rustc-env=PICO_TARGET={target}");

    let sources = Sources::read()?;
    let lazy = read_lazy_modules()?;
    for file in sources
        .bootstrap
        .iter()
        .chain([&sources.warm_up])
        .chain(&lazy)
    {
        println!("cargo:rerun-if-changed={}", file.path.display());
    }

    let residual = out_dir.join("sources");
    fs::create_dir_all(&residual)?;
    let mut tables = String::new();
    write_table(
        &mut tables,
        "BOOTSTRAP_SOURCES",
        &sources.bootstrap,
        &residual,
        "bootstrap",
    )?;
    write_table(&mut tables, "LAZY_SOURCES", &lazy, &residual, "lazy")?;
    fs::write(out_dir.join("RESIDUAL_SOURCES.rs"), tables)?;

    if env::var_os("CARGO_FEATURE_DISABLE").is_none() {
        check_host(&target)?;
        let blob = snapshot::create(&sources, &target)?;
        fs::write(out_dir.join("PICO_SNAPSHOT.bin"), &blob)?;
        println!("snapshot: {} bytes", blob.len());
    }
    Ok(())
}

/// A snapshot belongs to the architecture that it was made on.
fn check_host(target: &str) -> Result<()> {
    let host = env::var("HOST")?;
    let skip = env::var("PICO_SKIP_CROSS_CHECK").is_ok_and(|value| value == "1");
    if host != target && !skip {
        panic!("Cross compiling with snapshot is not supported.");
    }
    Ok(())
}

fn read_lazy_modules() -> Result<Vec<SourceFile>> {
    let read = |(specifier, name): &(&str, &str)| {
        let path = Path::new(JS_DIRECTORY).join(name);
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(SourceFile {
            path,
            specifier: (*specifier).to_owned(),
            text,
        })
    };
    shared::LAZY_MODULES.iter().map(read).collect()
}

/// Copies the files below `directory` and adds a table of them, relative to OUT_DIR, to the Rust source.
fn write_table(
    rust: &mut String,
    table: &str,
    files: &[SourceFile],
    directory: &Path,
    kind: &str,
) -> Result<()> {
    fs::create_dir_all(directory.join(kind))?;
    writeln!(rust, "pub(crate) static {table}: &[Source<'static>] = &[")?;
    for file in files {
        let name = file
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("bad file name")?;
        fs::write(directory.join(kind).join(name), &file.text)?;
        let specifier = &file.specifier;
        writeln!(
            rust,
            "    Source {{ specifier: {specifier:?}, \
             text: include_str!(concat!(env!(\"OUT_DIR\"), \"/sources/{kind}/{name}\")) }},"
        )?;
    }
    writeln!(rust, "];")?;
    Ok(())
}
