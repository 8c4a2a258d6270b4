//! Making a snapshot: for build scripts.

use std::fs;
use std::io;
use std::path::PathBuf;

use pico_v8::{Isolate, Mode};

use crate::bootstrap::{self, Source};
use crate::error::Error;
use crate::ops;
use crate::state::State;

/// The bootstrap files in the order they run. They are read when the snapshot is made, from where this crate was
/// compiled.
const FILES: &[&str] = &[
    "00_primordials.js",
    "01_inspect.js",
    "02_console.js",
    "03_timers.js",
    "04_text.js",
    "05_performance.js",
    "10_fs.js",
    "11_os.js",
    "90_pico.js",
];

/// Runs after them, when a snapshot is made.
const WARM_UP: &str = "snapshot_warm_up.js";

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js");

/// A bootstrap file as it is on disk.
#[derive(Debug)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// See [`Source::specifier`].
    pub specifier: String,
    /// See [`Source::text`].
    pub text: String,
}

/// What a snapshot is made of.
#[derive(Debug)]
pub struct Sources {
    /// The bootstrap files, in the order they run.
    pub bootstrap: Vec<SourceFile>,
    /// Compiles ahead what most programs use.
    pub warm_up: SourceFile,
}

impl Sources {
    /// Reads the files.
    pub fn read() -> io::Result<Self> {
        Ok(Sources {
            bootstrap: FILES
                .iter()
                .map(|name| read(name))
                .collect::<Result<_, _>>()?,
            warm_up: read(WARM_UP)?,
        })
    }
}

fn read(name: &str) -> io::Result<SourceFile> {
    let path = PathBuf::from(DIRECTORY).join(name);
    let text = fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(SourceFile {
        path,
        specifier: format!("pico:bootstrap/{name}"),
        text,
    })
}

/// Runs the files and freezes the heap. The same input gives the same bytes. `target` is the triple of the machine that
/// this code runs on and the snapshot is for.
///
/// V8 then serves nothing else in this process.
pub fn create(sources: &Sources, target: &str) -> Result<Vec<u8>, Error> {
    pico_v8::initialize(Mode::Snapshot, "");
    let files = sources.bootstrap.iter().chain([&sources.warm_up]);
    let files: Vec<_> = files
        .map(|file| Source {
            specifier: &file.specifier,
            text: &file.text,
        })
        .collect();
    let isolate = Isolate::for_snapshot(ops::references(), State::new(Vec::new(), |_| None));
    isolate.enter(|scope| bootstrap::run(scope, &files, target))?;
    Ok(isolate.into_snapshot())
}
