//! What the build script and the library must agree on.

/// The modules that programs may import by name. They stay outside the snapshot and are compiled when imported; each
/// is a specifier and a file in `js/`.
pub(crate) const LAZY_MODULES: &[(&str, &str)] =
    &[("pico:assert", "assert.js"), ("pico:path", "path.js")];
