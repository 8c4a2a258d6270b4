//! Where the text of a module comes from.

use std::borrow::Cow;
use std::fs;

use crate::specifier;
use crate::state::LazySources;

/// The source of the module `name`, or why there is none.
pub(crate) fn load(name: &str, lazy: LazySources) -> Result<Cow<'static, str>, String> {
    if name.starts_with(specifier::BUILT_IN) {
        return lazy(name)
            .map(Cow::Borrowed)
            .ok_or_else(|| "no such built-in module".to_owned());
    }
    let path = specifier::to_path(name).ok_or("not the URL of a file")?;
    match fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Cow::Owned)
            .map_err(|error| format!("not UTF-8: {error}")),
        Err(error) => Err(error.to_string()),
    }
}
