//! A running program.

use pico_v8::{Function, Global, InvalidSnapshot, Isolate, Mode, Promise, Scope, Str};

use crate::bootstrap::{self, Source};
use crate::error::Error;
use crate::modules;
use crate::ops;
use crate::state::State;

/// What the heap starts from.
#[derive(Clone, Copy, Debug)]
pub enum Startup {
    /// A snapshot made by [`crate::snapshot`] with this program's operations and V8.
    Snapshot(&'static [u8]),
    /// The bootstrap files themselves.
    Sources {
        /// In the order they run.
        sources: &'static [Source<'static>],
        /// The triple that this program was built for.
        target: &'static str,
    },
}

/// How to start a runtime.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the heap starts from.
    pub startup: Startup,
    /// `Pico.args`
    pub args: Vec<String>,
    /// Finds the text of a `pico:` module.
    pub lazy_sources: fn(&str) -> Option<&'static str>,
    /// Flags for V8; only those of the process's first runtime count.
    pub v8_flags: String,
}

/// A heap with the API set up, ready to run one program.
pub struct Runtime {
    pub(crate) fire_timer: Global<Function>,
    pub(crate) main: Option<Global<Promise>>,
    pub(crate) evaluations: Vec<crate::event_loop::Evaluation>,
    // Last, for fields are dropped in this order.
    pub(crate) isolate: Isolate,
}

impl Runtime {
    /// Starts the heap.
    pub fn new(options: Options) -> Result<Self, Error> {
        pico_v8::initialize(Mode::Run, &options.v8_flags);
        let snapshot = match options.startup {
            Startup::Snapshot(blob) => Some(blob),
            Startup::Sources { .. } => None,
        };
        let state = State::new(options.args, options.lazy_sources);
        let isolate = Isolate::new(snapshot, ops::references(), state)
            .map_err(|error: InvalidSnapshot| Error::Other(error.to_string()))?;
        let fire_timer = isolate.enter(|scope| {
            if let Startup::Sources { sources, target } = options.startup {
                bootstrap::run(scope, sources, target)?;
            }
            let function = bootstrap::internal_function(scope, "fireTimer")?;
            Ok::<_, Error>(Global::new(scope, function))
        })?;
        Ok(Runtime {
            fire_timer,
            main: None,
            evaluations: Vec::new(),
            isolate,
        })
    }

    /// The triple that the heap was made for.
    pub fn target(&self) -> Result<String, Error> {
        self.isolate.enter(|scope| {
            let target = bootstrap::internal(scope, "target")?.cast::<Str>();
            Ok(target.map_or_else(String::new, |target| target.to_rust(scope)))
        })
    }

    /// Runs the module `name` until nothing is left to do. `text` stands in for the file, if given.
    pub fn run(&mut self, name: &str, text: Option<&str>) -> Result<(), Error> {
        let main = self.isolate.enter(|scope| start(scope, name, text))?;
        self.main = Some(main);
        self.run_event_loop()
    }
}

/// Loads the main module and begins to run it.
fn start<'s>(scope: &Scope<'s>, name: &str, text: Option<&str>) -> Result<Global<Promise>, Error> {
    let state = State::of(scope);
    let promise = modules::load_main(scope, state, name, text)
        .and_then(|module| module.evaluate(scope))
        .map_err(|thrown| Error::from_thrown(scope, thrown, state.exit.get()))?;
    // Its failure is reported as the program's, not as a rejection that nobody handles.
    promise.mark_handled();
    state.forget_rejection(scope, promise);
    Ok(Global::new(scope, promise))
}
