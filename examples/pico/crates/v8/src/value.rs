//! Making values, looking into them, and calling functions.

use std::ffi::c_int;

use crate::callback::Callback;
use crate::ffi::{self, Slot};
use crate::handle::{
    Array, Boolean, Bytes, Function, Local, Module, NativeError, Nullish, Number, Object, Str,
};
use crate::scope::{Scope, StringTooLong, Thrown};

impl<'s> Scope<'s> {
    /// `undefined`
    pub fn undefined(&self) -> Local<'s> {
        // SAFETY: makes a handle in this scope.
        unsafe { Local::<Nullish>::from_slot(ffi::pv8_undefined(self.isolate())) }.value()
    }

    /// A boolean.
    pub fn boolean(&self, value: bool) -> Local<'s, Boolean> {
        // SAFETY: makes a handle in this scope.
        unsafe { Local::from_slot(ffi::pv8_boolean(self.isolate(), value)) }
    }

    /// A number.
    pub fn number(&self, value: f64) -> Local<'s, Number> {
        // SAFETY: makes a handle in this scope.
        unsafe { Local::from_slot(ffi::pv8_number(self.isolate(), value)) }
    }

    /// A string.
    pub fn string(&self, text: &str) -> Result<Local<'s, Str>, StringTooLong> {
        let too_long = StringTooLong { size: text.len() };
        let size = c_int::try_from(text.len()).map_err(|_| too_long)?;
        // SAFETY: the pointer and size are those of a str, which V8 copies.
        unsafe { Local::from_nullable(ffi::pv8_string(self.isolate(), text.as_ptr(), size)) }
            .ok_or(too_long)
    }

    /// A string that is known to be short: a name in the program's own source.
    pub fn name(&self, text: &'static str) -> Local<'s, Str> {
        self.string(text).expect("names are short")
    }

    /// An array of these items.
    pub fn array(&self, items: &[Local<'s>]) -> Local<'s, Array> {
        let slots = slots(items);
        // SAFETY: the slots are live, and there are as many as said.
        unsafe { Local::from_slot(ffi::pv8_array(self.isolate(), slots.as_ptr(), slots.len())) }
    }

    /// An empty object.
    pub fn object(&self) -> Local<'s, Object> {
        // SAFETY: makes a handle in this scope.
        unsafe { Local::from_slot(ffi::pv8_object(self.isolate())) }
    }

    /// A Uint8Array with a copy of these bytes.
    pub fn bytes(&self, bytes: &[u8]) -> Local<'s, Bytes> {
        // SAFETY: the pointer and size are those of a slice, which the shim copies.
        unsafe { Local::from_slot(ffi::pv8_bytes(self.isolate(), bytes.as_ptr(), bytes.len())) }
    }

    /// A new `Error`, or `TypeError`.
    pub fn error(&self, message: Local<'s, Str>, type_error: bool) -> Local<'s, NativeError> {
        // SAFETY: the slot is live and the context entered.
        unsafe { Local::from_slot(ffi::pv8_error(message.slot(), type_error)) }
    }

    /// A function that runs `callback`, which must be among the isolate's references if it is to be in a snapshot.
    pub fn function(&self, name: Local<'s, Str>, callback: Callback) -> Local<'s, Function> {
        // SAFETY: the slot is live, and a `Callback` takes what V8 hands to it.
        unsafe {
            let slot = ffi::pv8_function(self.isolate(), name.slot(), callback.pointer());
            Local::from_nullable(slot).expect("making a native function runs no JavaScript")
        }
    }

    /// Compiles `source` as the body of a function with one parameter.
    pub fn compile_function(
        &self,
        name: Local<'s, Str>,
        source: Local<'s, Str>,
        parameter: Local<'s, Str>,
    ) -> Result<Local<'s, Function>, Thrown<'s>> {
        let (name, source, parameter) = (name.slot(), source.slot(), parameter.slot());
        // SAFETY: the slots are live; the shim returns a function.
        unsafe {
            self.catch(|isolate, thrown| {
                ffi::pv8_compile_function(isolate, name, source, parameter, thrown)
            })
        }
    }

    /// Compiles `source` as a module called `name`.
    pub fn compile_module(
        &self,
        name: Local<'s, Str>,
        source: Local<'s, Str>,
    ) -> Result<Local<'s, Module>, Thrown<'s>> {
        let (name, source) = (name.slot(), source.slot());
        // SAFETY: the slots are live; the shim returns a module.
        unsafe {
            self.catch(|isolate, thrown| ffi::pv8_compile_module(isolate, name, source, thrown))
        }
    }

    /// The global object.
    pub fn global(&self) -> Local<'s, Object> {
        // SAFETY: a context is entered.
        unsafe { Local::from_slot(ffi::pv8_context_global(self.isolate())) }
    }

    /// The value that the embedder keeps in the context; a snapshot carries it.
    pub fn context_slot(&self) -> Local<'s> {
        // SAFETY: a context is entered, and its slot was set or is undefined.
        unsafe { Local::from_slot(ffi::pv8_context_slot(self.isolate())) }
    }

    /// Sets [`Scope::context_slot`].
    pub fn set_context_slot(&self, value: Local<'s>) {
        // SAFETY: a context is entered, and the slot is live.
        unsafe { ffi::pv8_context_set_slot(self.isolate(), value.slot()) }
    }
}

impl<'s> Local<'s> {
    /// `String(this)` as JavaScript does it, which may run code.
    pub fn to_string_value(self, scope: &Scope<'s>) -> Result<Local<'s, Str>, Thrown<'s>> {
        // SAFETY: the slot is live; the shim returns a string.
        unsafe {
            scope.catch(|isolate, thrown| ffi::pv8_value_to_string(isolate, self.slot(), thrown))
        }
    }
}

impl Local<'_, Number> {
    /// The number.
    pub fn get(self) -> f64 {
        // SAFETY: the slot is live and holds a number.
        unsafe { ffi::pv8_number_value(self.slot()) }
    }
}

impl Local<'_, Boolean> {
    /// The boolean.
    pub fn get(self) -> bool {
        // SAFETY: the slot is live and holds a boolean.
        unsafe { ffi::pv8_boolean_value(self.slot()) }
    }
}

impl<'s> Local<'s, Str> {
    /// The string, lone surrogates replaced.
    pub fn to_rust(self, scope: &Scope<'s>) -> String {
        // SAFETY: the slot is live; the buffer has the capacity that is passed on, and V8 says how much it wrote.
        let buffer = unsafe {
            let size = ffi::pv8_string_size(scope.isolate(), self.slot());
            let mut buffer = Vec::<u8>::with_capacity(usize::try_from(size).unwrap_or(0));
            let written =
                ffi::pv8_string_write(scope.isolate(), self.slot(), buffer.as_mut_ptr(), size);
            buffer.set_len(usize::try_from(written).unwrap_or(0));
            buffer
        };
        String::from_utf8(buffer)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Local<'_, Bytes> {
    /// A copy of the bytes.
    pub fn to_vec(self) -> Vec<u8> {
        // SAFETY: the slot is live; the buffer has the capacity that is passed on, and V8 says how much it wrote.
        unsafe {
            let size = ffi::pv8_bytes_size(self.slot());
            let mut bytes = Vec::with_capacity(size);
            let copied = ffi::pv8_bytes_copy(self.slot(), bytes.as_mut_ptr(), size);
            bytes.set_len(copied);
            bytes
        }
    }
}

impl<'s> Local<'s, Object> {
    /// The property `key`; getters run.
    pub fn get(self, scope: &Scope<'s>, key: Local<'s, Str>) -> Result<Local<'s>, Thrown<'s>> {
        // SAFETY: the slots are live; the shim returns a value.
        unsafe {
            scope.catch(|isolate, thrown| {
                ffi::pv8_object_get(isolate, self.slot(), key.slot(), thrown)
            })
        }
    }

    /// Defines the own property `key` and says whether the object let it.
    pub fn define(self, scope: &Scope<'s>, key: Local<'s, Str>, value: Local<'s>) -> bool {
        // SAFETY: the slots are live.
        unsafe { ffi::pv8_object_define(scope.isolate(), self.slot(), key.slot(), value.slot()) }
    }
}

impl<'s> Local<'s, Function> {
    /// Calls the function with `this` undefined.
    pub fn call(self, scope: &Scope<'s>, arguments: &[Local<'s>]) -> Result<Local<'s>, Thrown<'s>> {
        let slots = slots(arguments);
        // SAFETY: the slots are live, and there are as many as said; the shim returns a value.
        unsafe {
            scope.catch(|isolate, thrown| {
                let (pointer, count) = (slots.as_ptr(), slots.len());
                ffi::pv8_function_call(isolate, self.slot(), pointer, count, thrown)
            })
        }
    }
}

fn slots(values: &[Local<'_>]) -> Vec<Slot> {
    values.iter().map(|value| value.slot()).collect()
}
