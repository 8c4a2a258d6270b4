//! Makes the snapshot: `OUT_DIR/APP_SNAPSHOT.bin`, the heap after the extension's modules have run.

#[path = "src/extension/mod.rs"]
mod extension;

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use deno_core::snapshot::{create_snapshot, CreateSnapshotOptions};
use extension::Surroundings;

/// A little of what most programs do, so that its compiled code is kept.
const WARM_UP: &str = include_str!("src/js/warm_up.js");

fn main() -> Result<(), Box<dyn Error>> {
    let target = env::var("TARGET")?;
    check_host(&target)?;
    println!("cargo:rerun-if-env-changed=APP_SKIP_CROSS_CHECK");
    println!("cargo:rustc-env=APP_TARGET={target}");

    let options = CreateSnapshotOptions {
        cargo_manifest_dir: env!("CARGO_MANIFEST_DIR"),
        startup_snapshot: None,
        skip_op_registration: false,
        extensions: vec![extension::app::init(Surroundings::new(target, Vec::new()))],
        extension_transpiler: None,
        // Not as create_snapshot's own warm-up script: deno_core 0.355 makes a second snapshot for that and forgets
        // the sources that the heap refers to, so that it cannot be loaded.
        with_runtime_cb: Some(Box::new(|runtime| {
            runtime
                .execute_script("ext:app/warm_up.js", WARM_UP)
                .expect("the warm-up script runs");
        })),
    };
    let snapshot = create_snapshot(options, None)?;
    for path in snapshot.files_loaded_during_snapshot {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let path = PathBuf::from(env::var("OUT_DIR")?).join("APP_SNAPSHOT.bin");
    fs::write(&path, snapshot.output).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

/// A snapshot belongs to the architecture that it was made on.
fn check_host(target: &str) -> Result<(), Box<dyn Error>> {
    let skip = env::var("APP_SKIP_CROSS_CHECK").is_ok_and(|value| value == "1");
    if env::var("HOST")? != target && !skip {
        return Err(
            "a snapshot cannot be made for another architecture than that of the build script"
                .into(),
        );
    }
    Ok(())
}
