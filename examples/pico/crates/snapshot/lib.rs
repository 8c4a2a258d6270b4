//! Pico's startup snapshot, and the JavaScript that is not in it.

mod shared;

use pico_runtime::{Source, Startup};

include!(concat!(env!("OUT_DIR"), "/RESIDUAL_SOURCES.rs"));

/// The triple that this program was built for.
pub const TARGET: &str = env!("PICO_TARGET");

/// The snapshot, unless the feature `disable` leaves it out.
pub fn snapshot() -> Option<&'static [u8]> {
    #[cfg(not(feature = "disable"))]
    {
        /// Aligned as V8 wants it for reading words.
        #[repr(C, align(16))]
        struct Aligned<Bytes: ?Sized>(Bytes);
        static SNAPSHOT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(
            env!("OUT_DIR"),
            "/PICO_SNAPSHOT.bin"
        )));
        Some(&SNAPSHOT.0)
    }
    #[cfg(feature = "disable")]
    None
}

/// From the snapshot if there is one and `use_snapshot` wants it, else from the sources.
pub fn startup(use_snapshot: bool) -> Startup {
    match snapshot() {
        Some(blob) if use_snapshot => Startup::Snapshot(blob),
        _ => Startup::Sources {
            sources: BOOTSTRAP_SOURCES,
            target: TARGET,
        },
    }
}

/// The text of a module that comes with the runtime and is compiled when imported.
pub fn lazy_source(specifier: &str) -> Option<&'static str> {
    let index = shared::LAZY_MODULES
        .iter()
        .position(|(name, _)| *name == specifier)?;
    LAZY_SOURCES.get(index).map(|source| source.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lazy_module_has_its_source() {
        assert_eq!(shared::LAZY_MODULES.len(), LAZY_SOURCES.len());
        for ((specifier, _), source) in shared::LAZY_MODULES.iter().zip(LAZY_SOURCES) {
            assert_eq!(*specifier, source.specifier);
            assert!(lazy_source(specifier).is_some_and(|text| !text.is_empty()));
        }
        assert_eq!(lazy_source("pico:nothing"), None);
    }

    #[test]
    fn bootstrap_files_are_in_order() {
        assert!(BOOTSTRAP_SOURCES.is_sorted_by_key(|source| source.specifier));
    }
}
