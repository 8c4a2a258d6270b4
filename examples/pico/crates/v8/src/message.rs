//! What V8 knows of an exception.

use crate::ffi;
use crate::handle::{Local, Str};
use crate::scope::Scope;

/// An exception in words, and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `Uncaught TypeError: …`
    pub text: String,
    /// The script's name.
    pub resource: Option<String>,
    /// The line of source.
    pub source_line: Option<String>,
    /// Its number, from 1; 0 if unknown.
    pub line: u32,
    /// Where in the line, in UTF-16 units from 0.
    pub columns: std::ops::Range<u32>,
}

impl<'s> Scope<'s> {
    /// Describes an exception. Runs no JavaScript of the program's.
    pub fn describe(&self, exception: Local<'s>) -> Message {
        let mut raw = std::mem::MaybeUninit::<ffi::Message>::uninit();
        // SAFETY: the slot is live, and the shim fills every field.
        let raw = unsafe {
            ffi::pv8_describe_exception(self.isolate(), exception.slot(), raw.as_mut_ptr());
            raw.assume_init()
        };
        // SAFETY: null or live slots: a string, a value, a string.
        let (text, resource, source_line) = unsafe {
            (
                Local::<Str>::from_nullable(raw.text),
                Local::from_nullable(raw.resource),
                Local::<Str>::from_nullable(raw.source_line),
            )
        };
        let number = |value| u32::try_from(value).unwrap_or(0);
        Message {
            text: text.map_or_else(String::new, |text| text.to_rust(self)),
            resource: resource
                .and_then(|name| name.cast::<Str>())
                .map(|name| name.to_rust(self)),
            source_line: source_line.map(|line| line.to_rust(self)),
            line: number(raw.line),
            columns: number(raw.column)..number(raw.end_column),
        }
    }
}
