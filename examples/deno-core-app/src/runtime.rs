//! A heap with the extension in it, and a program that runs there.

use std::env;
use std::rc::Rc;

use deno_core::error::CoreError;
use deno_core::url::Url;
use deno_core::{resolve_path, FsModuleLoader, JsRuntime, PollEventLoopOptions, RuntimeOptions};

use crate::args::{Program, Source};
use crate::extension::{app, Surroundings};

/// The triple that this program was built for.
pub(crate) const TARGET: &str = env!("APP_TARGET");

/// The heap after the extension's modules have run, as the build script left it.
pub(crate) static SNAPSHOT: &[u8] = {
    /// V8 reads words from it.
    #[repr(C, align(16))]
    struct Aligned<Bytes: ?Sized>(Bytes);
    static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(
        env!("OUT_DIR"),
        "/APP_SNAPSHOT.bin"
    )));
    &BYTES.0
};

/// Starts a heap: from the snapshot, or by running the extension's modules.
pub(crate) fn start(use_snapshot: bool, args: Vec<String>) -> Result<JsRuntime, String> {
    let options = RuntimeOptions {
        module_loader: Some(Rc::new(FsModuleLoader)),
        extensions: vec![app::init(Surroundings::new(TARGET.to_owned(), args))],
        startup_snapshot: use_snapshot.then_some(SNAPSHOT),
        ..Default::default()
    };
    let started = JsRuntime::try_new(options).and_then(|mut runtime| {
        // deno_core's own namespace, which it looks for itself until it has started. Programs get App instead.
        runtime.execute_script("<start>", "delete globalThis.Deno")?;
        Ok(runtime)
    });
    started.map_err(|error| error.to_string())
}

/// Runs a program until nothing is left to do.
pub(crate) fn run(program: Program, use_snapshot: bool) -> Result<(), String> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no event loop: {error}"))?;
    tokio.block_on(async {
        let url = url(&program.source)?;
        let mut runtime = start(use_snapshot, program.args)?;
        let evaluated = evaluate(&mut runtime, &url, program.source).await;
        evaluated.map_err(|error| error.to_string())
    })
}

async fn evaluate(runtime: &mut JsRuntime, url: &Url, source: Source) -> Result<(), CoreError> {
    let module = match source {
        Source::File(_) => runtime.load_main_es_module(url).await?,
        Source::Text(text) => runtime.load_main_es_module_from_code(url, text).await?,
    };
    let evaluation = runtime.mod_evaluate(module);
    runtime
        .run_event_loop(PollEventLoopOptions::default())
        .await?;
    evaluation.await
}

/// The main module's name. Imports in code from the command line are relative to the working directory.
fn url(source: &Source) -> Result<Url, String> {
    let directory = env::current_dir().map_err(|error| format!("no working directory: {error}"))?;
    let path = match source {
        Source::File(path) => path,
        Source::Text(_) => "$eval.js",
    };
    resolve_path(path, &directory).map_err(|error| error.to_string())
}
