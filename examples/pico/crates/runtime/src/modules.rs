//! The modules of a program: each loaded once, with all that it imports.

use std::collections::HashMap;

use pico_v8::{Global, Local, Module, Resolver, Scope, StringTooLong, Thrown};

use crate::loader;
use crate::ops::Failure;
use crate::specifier;
use crate::state::State;

/// An `import()` whose module is yet to be loaded.
pub(crate) struct PendingImport {
    pub(crate) specifier: String,
    pub(crate) referrer: String,
    pub(crate) resolver: Global<Resolver>,
}

/// The modules by name.
#[derive(Default)]
pub(crate) struct ModuleMap {
    modules: HashMap<String, Global<Module>>,
    names: HashMap<i32, String>,
    main: String,
}

impl ModuleMap {
    /// The resolved name of a module.
    pub(crate) fn name(&self, module: Local<'_, Module>) -> Option<&str> {
        self.names.get(&module.id()).map(String::as_str)
    }

    pub(crate) fn is_main(&self, name: &str) -> bool {
        self.main == name
    }

    /// What `referrer` gets for `specifier`, if it is loaded.
    pub(crate) fn imported_by<'s>(
        &self,
        scope: &Scope<'s>,
        referrer: Local<'s, Module>,
        specifier: &str,
    ) -> Option<Local<'s, Module>> {
        let name = specifier::resolve(specifier, self.name(referrer)?).ok()?;
        self.get(scope, &name)
    }

    fn get<'s>(&self, scope: &Scope<'s>, name: &str) -> Option<Local<'s, Module>> {
        self.modules.get(name).map(|module| module.open(scope))
    }

    fn insert<'s>(&mut self, scope: &Scope<'s>, name: String, module: Local<'s, Module>) {
        self.names.insert(module.id(), name.clone());
        self.modules.insert(name, Global::new(scope, module));
    }
}

/// Loads the program's first module and links it. `text` stands in for the file, if given.
pub(crate) fn load_main<'s>(
    scope: &Scope<'s>,
    state: &State,
    name: &str,
    text: Option<&str>,
) -> Result<Local<'s, Module>, Thrown<'s>> {
    name.clone_into(&mut state.modules.borrow_mut().main);
    let wanted = Wanted {
        name: name.to_owned(),
        importer: None,
    };
    load_graph(scope, state, wanted, text)
}

/// Loads the module that an `import()` asks for and links it.
pub(crate) fn load_imported<'s>(
    scope: &Scope<'s>,
    state: &State,
    import: &PendingImport,
) -> Result<Local<'s, Module>, Thrown<'s>> {
    let wanted = Wanted::new(&import.specifier, &import.referrer)
        .map_err(|failure| Thrown::Exception(failure.into_exception(scope)))?;
    load_graph(scope, state, wanted, None)
}

/// A module to load, and who wants it.
struct Wanted {
    name: String,
    importer: Option<String>,
}

impl Wanted {
    fn new(specifier: &str, importer: &str) -> Result<Self, Failure> {
        let name = specifier::resolve(specifier, importer).map_err(Failure::type_error)?;
        Ok(Wanted {
            name,
            importer: Some(importer.to_owned()),
        })
    }

    fn failure(&self, reason: &str) -> Failure {
        let names = specifier::Display::new();
        let importer = self.importer.as_ref().map_or_else(String::new, |importer| {
            format!(", imported by {}", names.shorten(importer))
        });
        let name = names.shorten(&self.name);
        Failure::type_error(format!("Cannot load module {name}{importer}: {reason}"))
    }
}

/// Loads `root` and all that it imports, and links them. If that fails, what was loaded on the way is forgotten, so
/// that a later attempt does not find half a graph.
fn load_graph<'s>(
    scope: &Scope<'s>,
    state: &State,
    root: Wanted,
    text: Option<&str>,
) -> Result<Local<'s, Module>, Thrown<'s>> {
    let name = root.name.clone();
    let mut loaded = Vec::new();
    let result = load_missing(scope, state, root, text, &mut loaded);
    let result = result.and_then(|()| {
        let module = state.modules.borrow().get(scope, &name);
        let module = module.expect("load_missing loaded it");
        module.instantiate(scope).map(|()| module)
    });
    if result.is_err() {
        let mut modules = state.modules.borrow_mut();
        for name in &loaded {
            modules.modules.remove(name);
        }
    }
    result
}

fn load_missing<'s>(
    scope: &Scope<'s>,
    state: &State,
    root: Wanted,
    mut text: Option<&str>,
    loaded: &mut Vec<String>,
) -> Result<(), Thrown<'s>> {
    let throw = |failure: Failure| Thrown::Exception(failure.into_exception(scope));
    let mut wanted = vec![root];
    while let Some(next) = wanted.pop() {
        if state.modules.borrow().modules.contains_key(&next.name) {
            continue;
        }
        let source = match text.take() {
            Some(text) => text.into(),
            None => loader::load(&next.name, state.lazy)
                .map_err(|reason| throw(next.failure(&reason)))?,
        };
        let too_long = |error: StringTooLong| throw(next.failure(&error.to_string()));
        let name = scope.string(&next.name).map_err(too_long)?;
        let source = scope.string(&source).map_err(too_long)?;
        let module = scope.compile_module(name, source)?;
        for request in module.requests(scope) {
            let request = request.to_rust(scope);
            wanted.push(Wanted::new(&request, &next.name).map_err(throw)?);
        }
        loaded.push(next.name.clone());
        state.modules.borrow_mut().insert(scope, next.name, module);
    }
    Ok(())
}
