//! Names of modules: `file:///…` for files, `pico:…` for what comes with the runtime.

use std::path::{Component, Path, PathBuf};

/// The scheme of modules that come with the runtime.
pub const BUILT_IN: &str = "pico:";

const FILE: &str = "file://";

/// Whether a resource name or stack frame belongs to the runtime's own JavaScript.
pub(crate) fn is_internal(text: &str) -> bool {
    text.starts_with("pico:") || text.contains("(pico:") || text.starts_with("    at pico:")
}

/// The URL of a file, which need not exist.
pub fn from_path(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut url = FILE.to_owned();
    for byte in normalize(&absolute).as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'$' | b'+' | b'@' => url.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// The path of a file's URL.
pub fn to_path(url: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;

    let encoded = url.strip_prefix(FILE)?.as_bytes();
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [byte, tail @ ..] = rest {
        (bytes, rest) = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                (bytes, tail)
            }
            _ => {
                bytes.push(*byte);
                (bytes, tail)
            }
        };
    }
    Some(std::ffi::OsString::from_vec(bytes).into())
}

/// What `specifier` means in the module `referrer`.
pub fn resolve(specifier: &str, referrer: &str) -> Result<String, String> {
    if specifier.starts_with(BUILT_IN) {
        return Ok(specifier.to_owned());
    }
    if specifier.starts_with(FILE) {
        let path = to_path(specifier).ok_or_else(|| format!("Invalid URL {specifier:?}"))?;
        return Ok(from_path(&path));
    }
    if !["/", "./", "../"]
        .iter()
        .any(|prefix| specifier.starts_with(prefix))
    {
        return Err(format!(
            "Relative import path {specifier:?} not prefixed with / or ./ or ../"
        ));
    }
    let base = to_path(referrer)
        .ok_or_else(|| format!("{referrer} cannot import files, but imports {specifier:?}"))?;
    let directory = base.parent().unwrap_or(Path::new("/"));
    let relative = to_path(&format!("{FILE}{specifier}"))
        .ok_or_else(|| format!("Invalid import path {specifier:?}"))?;
    Ok(from_path(&directory.join(relative)))
}

/// Resolves `.` and `..` by name alone, as URLs do.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// How names look to a person.
pub(crate) struct Display {
    directory: Option<String>,
}

impl Display {
    pub(crate) fn new() -> Self {
        let directory = std::env::current_dir().ok();
        Display {
            directory: directory.map(|path| format!("{}/", from_path(&path).trim_end_matches('/'))),
        }
    }

    /// Names the files below the working directory relative to it, and others by their path.
    pub(crate) fn shorten(&self, text: &str) -> String {
        let relative = match &self.directory {
            Some(directory) => text.replace(directory.as_str(), ""),
            None => text.to_owned(),
        };
        relative.replace(FILE, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_urls_and_back() {
        for path in ["/a/b.js", "/with space/ä%#?.js", "/"] {
            let url = from_path(Path::new(path));
            assert!(url.is_ascii() && !url.contains(' '), "{url}");
            assert_eq!(to_path(&url).as_deref(), Some(Path::new(path)));
        }
        assert_eq!(from_path(Path::new("/a/./b/../c")), "file:///a/c");
    }

    #[test]
    fn broken_urls_have_no_path() {
        assert_eq!(to_path("https://example.com/"), None);
        assert_eq!(to_path("file:///%zz"), None);
    }

    #[test]
    fn imports_are_relative_to_their_module() {
        let main = "file:///app/src/main.js";
        assert_eq!(resolve("./a.js", main).unwrap(), "file:///app/src/a.js");
        assert_eq!(
            resolve("../lib/b.js", main).unwrap(),
            "file:///app/lib/b.js"
        );
        assert_eq!(resolve("/c.js", main).unwrap(), "file:///c.js");
        assert_eq!(
            resolve("./with%20space.js", main).unwrap(),
            "file:///app/src/with%20space.js"
        );
        assert_eq!(resolve("pico:path", main).unwrap(), "pico:path");
    }

    #[test]
    fn bare_imports_are_refused() {
        assert!(resolve("lodash", "file:///main.js")
            .unwrap_err()
            .contains("lodash"));
        assert!(resolve("./x.js", "pico:path").is_err());
    }

    #[test]
    fn frames_of_the_runtime_are_internal() {
        assert!(is_internal("pico:bootstrap/03_console.js"));
        assert!(is_internal("    at log (pico:bootstrap/03_console.js:3:4)"));
        assert!(!is_internal("    at main (file:///main.js:3:4)"));
    }
}
