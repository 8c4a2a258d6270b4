//! The event loop: turn after turn until there is nothing left to wait for.

use std::thread;
use std::time::{Duration, Instant};

use pico_v8::{Global, Local, Module, Promise, PromiseState, Resolver, Scope, Thrown};

use crate::blocking::{Done, Output};
use crate::error::{Error, JsError};
use crate::modules::{self, PendingImport};
use crate::ops::Failure;
use crate::runtime::Runtime;
use crate::state::State;

/// How long to sleep between looks at V8's background work while something else may become ready as well.
const BACKGROUND_POLL: Duration = Duration::from_millis(1);

/// An `import()` whose module is being evaluated.
pub(crate) struct Evaluation {
    promise: Global<Promise>,
    module: Global<Module>,
    resolver: Global<Resolver>,
}

/// What there is to wait for.
struct Waiting {
    deadline: Option<Instant>,
    jobs: bool,
    background: bool,
}

impl Runtime {
    pub(crate) fn run_event_loop(&mut self) -> Result<(), Error> {
        loop {
            self.isolate
                .enter(|scope| State::of(scope).timers.borrow_mut().set_now(Instant::now()));
            self.settle()?;
            while self.isolate.pump(false) {
                self.settle()?;
            }
            self.fire_timers()?;
            while let Some(done) = self
                .isolate
                .enter(|scope| State::of(scope).worker.try_take())
            {
                self.complete(done)?;
            }
            if !self.wait()? {
                return self.finish();
            }
        }
    }

    /// Runs microtasks and imports until neither has work, then looks for errors that nobody handled.
    fn settle(&mut self) -> Result<(), Error> {
        loop {
            self.isolate.run_microtasks();
            self.check_exit()?;
            let imports = self.isolate.enter(|scope| State::of(scope).imports.take());
            let started = !imports.is_empty();
            for import in imports {
                self.start_import(&import)?;
            }
            if !(self.poll_evaluations() || started) {
                break;
            }
        }
        self.isolate
            .enter(|scope| check_errors(scope, self.main.as_ref()))
    }

    fn check_exit(&self) -> Result<(), Error> {
        match self.isolate.enter(|scope| State::of(scope).exit.get()) {
            Some(code) => Err(Error::Exit(code)),
            None => Ok(()),
        }
    }

    fn fire_timers(&mut self) -> Result<(), Error> {
        let mark = self
            .isolate
            .enter(|scope| State::of(scope).timers.borrow().mark());
        loop {
            let fired = self.isolate.enter(|scope| {
                let state = State::of(scope);
                let Some(id) = state.timers.borrow_mut().take_due(mark) else {
                    return Ok(false);
                };
                let id = scope.number(f64::from(id)).value();
                match self.fire_timer.open(scope).call(scope, &[id]) {
                    Ok(_) => Ok(true),
                    Err(thrown) => Err(Error::from_thrown(scope, thrown, state.exit.get())),
                }
            })?;
            if !fired {
                return Ok(());
            }
            self.settle()?;
        }
    }

    /// Settles the promise of a finished job.
    fn complete(&mut self, (id, result): Done) -> Result<(), Error> {
        self.isolate.enter(|scope| {
            let Some(resolver) = State::of(scope).waiting.borrow_mut().remove(&id) else {
                return;
            };
            let outcome = result
                .and_then(|output| output_value(scope, output))
                .map_err(|failure| failure.into_exception(scope));
            resolver.open(scope).settle(scope, outcome);
        });
        self.settle()
    }

    fn start_import(&mut self, import: &PendingImport) -> Result<(), Error> {
        let evaluation = self.isolate.enter(|scope| {
            let state = State::of(scope);
            let started = modules::load_imported(scope, state, import)
                .and_then(|module| Ok((module, module.evaluate(scope)?)));
            match started {
                Ok((module, promise)) => {
                    promise.mark_handled();
                    state.forget_rejection(scope, promise);
                    Ok(Some((
                        Global::new(scope, module),
                        Global::new(scope, promise),
                    )))
                }
                Err(Thrown::Exception(exception)) => {
                    import.resolver.open(scope).settle(scope, Err(exception));
                    Ok(None)
                }
                Err(thrown) => Err(Error::from_thrown(scope, thrown, state.exit.get())),
            }
        })?;
        if let Some((module, promise)) = evaluation {
            let resolver = self
                .isolate
                .enter(|scope| Global::new(scope, import.resolver.open(scope)));
            self.evaluations.push(Evaluation {
                promise,
                module,
                resolver,
            });
        }
        Ok(())
    }

    /// Settles the imports whose modules are done, and says whether there were any.
    fn poll_evaluations(&mut self) -> bool {
        let before = self.evaluations.len();
        let evaluations = &mut self.evaluations;
        self.isolate
            .enter(|scope| evaluations.retain(|evaluation| !evaluation.settle(scope)));
        self.evaluations.len() < before
    }

    /// Waits until something may be ready. False: there is nothing to wait for.
    fn wait(&mut self) -> Result<bool, Error> {
        let waiting = self.isolate.enter(|scope| {
            let state = State::of(scope);
            Waiting {
                deadline: state.timers.borrow().next_deadline(),
                jobs: state.worker.is_busy(),
                background: false,
            }
        });
        let waiting = Waiting {
            background: self.isolate.has_background_tasks(),
            ..waiting
        };
        match waiting {
            Waiting {
                deadline: None,
                jobs: false,
                background: false,
            } => return Ok(false),
            Waiting {
                deadline: None,
                jobs: false,
                background: true,
            } => {
                self.isolate.pump(true);
            }
            Waiting {
                background: true, ..
            } => thread::sleep(BACKGROUND_POLL),
            Waiting {
                deadline,
                jobs: true,
                ..
            } => {
                let done = self
                    .isolate
                    .enter(|scope| State::of(scope).worker.wait(deadline));
                if let Some(done) = done {
                    self.complete(done)?;
                }
            }
            Waiting {
                deadline: Some(deadline),
                ..
            } => {
                thread::sleep(deadline.saturating_duration_since(Instant::now()));
            }
        }
        Ok(true)
    }

    /// The end of the program: its main module must be done by now.
    fn finish(&self) -> Result<(), Error> {
        let pending = self.isolate.enter(|scope| {
            let main = self
                .main
                .as_ref()
                .map(|promise| promise.open(scope).state());
            matches!(main, Some(PromiseState::Pending))
        });
        if pending {
            let message = "the main module waits for a promise that nothing will settle";
            return Err(Error::Other(message.to_owned()));
        }
        Ok(())
    }
}

impl Evaluation {
    /// Settles the import if its module is done, and says whether it is.
    fn settle<'s>(&self, scope: &Scope<'s>) -> bool {
        let outcome = match self.promise.open(scope).state() {
            PromiseState::Pending => return false,
            PromiseState::Fulfilled(_) => Ok(self.module.open(scope).namespace()),
            PromiseState::Rejected(reason) => Err(reason),
        };
        self.resolver.open(scope).settle(scope, outcome);
        true
    }
}

/// The error that ends the program, if there is one: its main module failed, it reported an error, or a promise was
/// rejected without anybody listening.
fn check_errors<'s>(scope: &Scope<'s>, main: Option<&Global<Promise>>) -> Result<(), Error> {
    let state = State::of(scope);
    if let Some(main) = main {
        if let PromiseState::Rejected(reason) = main.open(scope).state() {
            return Err(Error::Js(JsError::new(scope, reason)));
        }
    }
    if let Some(reported) = state.reported.take() {
        return Err(Error::Js(JsError::new(scope, reported.open(scope))));
    }
    match state.unhandled.take().first() {
        Some(rejection) => {
            let reason = rejection.reason.open(scope);
            Err(Error::Js(JsError::new(scope, reason).in_promise()))
        }
        None => Ok(()),
    }
}

fn output_value<'s>(scope: &Scope<'s>, output: Output) -> Result<Local<'s>, Failure> {
    Ok(match output {
        Output::Nothing => scope.undefined(),
        Output::Text(text) => scope.string(&text)?.value(),
        Output::Bytes(bytes) => scope.bytes(&bytes).value(),
    })
}
