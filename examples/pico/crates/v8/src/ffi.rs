//! The C side, declared: one line for each function of `shim/*.cc`.
//!
//! `Data` stands for every kind of V8 handle slot; which kind a function wants is kept by the types in
//! [`crate::handle`].

use std::ffi::{c_char, c_int, c_void};
use std::marker::{PhantomData, PhantomPinned};

macro_rules! opaque {
    ($($(#[$doc:meta])* $visibility:vis $name:ident;)*) => {$(
        $(#[$doc])*
        #[repr(C)]
        $visibility struct $name {
            _data: [u8; 0],
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

opaque! {
    /// `v8::Isolate`
    pub(crate) Isolate;
    /// The shim's `Engine`: an isolate with its context.
    pub(crate) Engine;
    /// What a `v8::Local` points at.
    pub(crate) Data;
    /// `v8::Global<v8::Data>`
    pub(crate) GlobalData;
    /// `v8::FunctionCallbackInfo<v8::Value>`
    pub CallbackInfo;
}

pub(crate) type Slot = *const Data;
pub(crate) type FunctionCallback = unsafe extern "C" fn(*const CallbackInfo);

/// `v8::StartupData`
#[repr(C)]
pub(crate) struct StartupData {
    pub(crate) data: *const c_char,
    pub(crate) size: c_int,
}

#[repr(C)]
pub(crate) struct Host {
    pub(crate) resolve_module: unsafe extern "C" fn(*mut Isolate, Slot, Slot) -> Slot,
    pub(crate) import_dynamically: unsafe extern "C" fn(*mut Isolate, Slot, Slot) -> Slot,
    pub(crate) init_import_meta: unsafe extern "C" fn(*mut Isolate, Slot, Slot),
    pub(crate) promise_rejected: unsafe extern "C" fn(*mut Isolate, bool, Slot, Slot),
}

#[repr(C)]
pub(crate) struct Message {
    pub(crate) text: Slot,
    pub(crate) resource: Slot,
    pub(crate) source_line: Slot,
    pub(crate) line: c_int,
    pub(crate) column: c_int,
    pub(crate) end_column: c_int,
}

extern "C" {
    pub(crate) fn pv8_initialize(flags: *const c_char, single_threaded: bool);
    pub(crate) fn pv8_version() -> *const c_char;

    pub(crate) fn pv8_engine_new(
        blob: *const u8,
        blob_size: c_int,
        references: *const isize,
        host: *const Host,
        data: *mut c_void,
    ) -> *mut Engine;
    pub(crate) fn pv8_engine_new_creator(
        references: *const isize,
        host: *const Host,
        data: *mut c_void,
    ) -> *mut Engine;
    pub(crate) fn pv8_engine_create_blob(engine: *mut Engine) -> StartupData;
    pub(crate) fn pv8_blob_free(data: *const c_char);
    pub(crate) fn pv8_engine_dispose(engine: *mut Engine);
    pub(crate) fn pv8_engine_isolate(engine: *mut Engine) -> *mut Isolate;
    pub(crate) fn pv8_engine_enter(
        engine: *mut Engine,
        body: unsafe extern "C" fn(*mut c_void),
        argument: *mut c_void,
    );

    pub(crate) fn pv8_isolate_data(isolate: *mut Isolate) -> *mut c_void;
    pub(crate) fn pv8_isolate_terminate(isolate: *mut Isolate);
    pub(crate) fn pv8_isolate_run_microtasks(isolate: *mut Isolate);
    pub(crate) fn pv8_isolate_has_background_tasks(isolate: *mut Isolate) -> bool;
    pub(crate) fn pv8_isolate_pump(isolate: *mut Isolate, wait: bool) -> bool;
    pub(crate) fn pv8_isolate_throw(isolate: *mut Isolate, exception: Slot);

    pub(crate) fn pv8_context_global(isolate: *mut Isolate) -> Slot;
    pub(crate) fn pv8_context_set_slot(isolate: *mut Isolate, value: Slot);
    pub(crate) fn pv8_context_slot(isolate: *mut Isolate) -> Slot;

    pub(crate) fn pv8_global_new(isolate: *mut Isolate, slot: Slot) -> *mut GlobalData;
    pub(crate) fn pv8_global_get(isolate: *mut Isolate, global: *const GlobalData) -> Slot;
    pub(crate) fn pv8_global_free(global: *mut GlobalData);

    pub(crate) fn pv8_value_is(value: Slot, kind: i32) -> bool;
    pub(crate) fn pv8_value_same(left: Slot, right: Slot) -> bool;
    pub(crate) fn pv8_value_to_string(
        isolate: *mut Isolate,
        value: Slot,
        thrown: *mut Slot,
    ) -> Slot;
    pub(crate) fn pv8_undefined(isolate: *mut Isolate) -> Slot;
    pub(crate) fn pv8_boolean(isolate: *mut Isolate, value: bool) -> Slot;
    pub(crate) fn pv8_boolean_value(value: Slot) -> bool;
    pub(crate) fn pv8_number(isolate: *mut Isolate, value: f64) -> Slot;
    pub(crate) fn pv8_number_value(value: Slot) -> f64;
    pub(crate) fn pv8_string(isolate: *mut Isolate, utf8: *const u8, size: c_int) -> Slot;
    pub(crate) fn pv8_string_size(isolate: *mut Isolate, string: Slot) -> c_int;
    pub(crate) fn pv8_string_write(
        isolate: *mut Isolate,
        string: Slot,
        buffer: *mut u8,
        capacity: c_int,
    ) -> c_int;
    pub(crate) fn pv8_array(isolate: *mut Isolate, items: *const Slot, count: usize) -> Slot;
    pub(crate) fn pv8_object(isolate: *mut Isolate) -> Slot;
    pub(crate) fn pv8_object_get(
        isolate: *mut Isolate,
        object: Slot,
        key: Slot,
        thrown: *mut Slot,
    ) -> Slot;
    pub(crate) fn pv8_object_define(
        isolate: *mut Isolate,
        object: Slot,
        key: Slot,
        value: Slot,
    ) -> bool;
    pub(crate) fn pv8_bytes(isolate: *mut Isolate, data: *const u8, size: usize) -> Slot;
    pub(crate) fn pv8_bytes_size(view: Slot) -> usize;
    pub(crate) fn pv8_bytes_copy(view: Slot, destination: *mut u8, capacity: usize) -> usize;
    pub(crate) fn pv8_error(message: Slot, type_error: bool) -> Slot;
    pub(crate) fn pv8_function(
        isolate: *mut Isolate,
        name: Slot,
        callback: FunctionCallback,
    ) -> Slot;
    pub(crate) fn pv8_function_call(
        isolate: *mut Isolate,
        function: Slot,
        arguments: *const Slot,
        count: usize,
        thrown: *mut Slot,
    ) -> Slot;
    pub(crate) fn pv8_compile_function(
        isolate: *mut Isolate,
        name: Slot,
        source: Slot,
        parameter: Slot,
        thrown: *mut Slot,
    ) -> Slot;
    pub(crate) fn pv8_compile_module(
        isolate: *mut Isolate,
        name: Slot,
        source: Slot,
        thrown: *mut Slot,
    ) -> Slot;

    pub(crate) fn pv8_info_isolate(info: *const CallbackInfo) -> *mut Isolate;
    pub(crate) fn pv8_info_argument(info: *const CallbackInfo, index: c_int) -> Slot;
    pub(crate) fn pv8_info_return(info: *const CallbackInfo, value: Slot);

    pub(crate) fn pv8_module_request_count(module: Slot) -> c_int;
    pub(crate) fn pv8_module_request(isolate: *mut Isolate, module: Slot, index: c_int) -> Slot;
    pub(crate) fn pv8_module_script_id(module: Slot) -> c_int;
    pub(crate) fn pv8_module_instantiate(
        isolate: *mut Isolate,
        module: Slot,
        thrown: *mut Slot,
    ) -> bool;
    pub(crate) fn pv8_module_evaluate(
        isolate: *mut Isolate,
        module: Slot,
        thrown: *mut Slot,
    ) -> Slot;
    pub(crate) fn pv8_module_namespace(module: Slot) -> Slot;
    pub(crate) fn pv8_describe_exception(isolate: *mut Isolate, exception: Slot, out: *mut Message);

    pub(crate) fn pv8_resolver(isolate: *mut Isolate) -> Slot;
    pub(crate) fn pv8_resolver_promise(resolver: Slot) -> Slot;
    pub(crate) fn pv8_resolver_settle(
        isolate: *mut Isolate,
        resolver: Slot,
        fulfil: bool,
        value: Slot,
    );
    pub(crate) fn pv8_promise_state(promise: Slot) -> i32;
    pub(crate) fn pv8_promise_result(promise: Slot) -> Slot;
    pub(crate) fn pv8_promise_mark_handled(promise: Slot);
}
