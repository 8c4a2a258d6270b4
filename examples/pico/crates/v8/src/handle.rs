//! Handles to V8's heap.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::ffi::{self, Slot};
use crate::scope::Scope;

/// A handle that is valid as long as the scope `'s` it was made in.
///
/// `T` says what it points at; it is one of the marker types of this module.
pub struct Local<'s, T = Value> {
    slot: Slot,
    _marker: PhantomData<(Cell<&'s ()>, T)>,
}

impl<T> Clone for Local<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Local<'_, T> {}

impl<'s, T> Local<'s, T> {
    /// # Safety
    /// `slot` is a live handle slot of kind `T` in a handle scope that stays open for `'s`.
    pub(crate) unsafe fn from_slot(slot: Slot) -> Self {
        debug_assert!(!slot.is_null());
        Local {
            slot,
            _marker: PhantomData,
        }
    }

    /// As [`Local::from_slot`], with null for "none".
    ///
    /// # Safety
    /// As for [`Local::from_slot`], unless `slot` is null.
    pub(crate) unsafe fn from_nullable(slot: Slot) -> Option<Self> {
        // SAFETY: not null, and the caller vouches for the rest.
        (!slot.is_null()).then(|| unsafe { Local::from_slot(slot) })
    }

    pub(crate) fn slot(self) -> Slot {
        self.slot
    }
}

impl<'s, T: IsValue> Local<'s, T> {
    /// The same handle, without its special type.
    pub fn value(self) -> Local<'s, Value> {
        // SAFETY: every `IsValue` is a v8::Value, in the same slot.
        unsafe { Local::from_slot(self.slot) }
    }
}

impl<'s> Local<'s, Value> {
    /// The same handle with a special type, if the value is of that type.
    pub fn cast<T: Kind>(self) -> Option<Local<'s, T>> {
        // SAFETY: the slot is live, and V8 was asked for the value's type before it is used as one.
        unsafe { ffi::pv8_value_is(self.slot, T::KIND).then(|| Local::from_slot(self.slot)) }
    }

    /// Whether the value is of this type.
    pub fn is<T: Kind>(self) -> bool {
        self.cast::<T>().is_some()
    }

    /// `Object.is(this, other)`
    pub fn same(self, other: Local<'s, Value>) -> bool {
        // SAFETY: both slots are live.
        unsafe { ffi::pv8_value_same(self.slot, other.slot) }
    }
}

/// What derives from `v8::Value`.
pub trait IsValue {}

/// Values whose type V8 can be asked for.
pub trait Kind: IsValue {
    #[doc(hidden)]
    const KIND: i32;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        pub enum $name {}
        impl IsValue for $name {}
        impl Kind for $name {
            const KIND: i32 = $kind;
        }
    )*};
}

// The numbers mirror `enum Kind` in value.cc.
kinds! {
    /// Any object.
    Object = 0;
    /// A function.
    Function = 1;
    /// A primitive string.
    Str = 2;
    /// A primitive number.
    Number = 3;
    /// A primitive boolean.
    Boolean = 4;
    /// An array.
    Array = 5;
    /// A promise.
    Promise = 6;
    /// A view of an ArrayBuffer.
    Bytes = 7;
    /// `null` or `undefined`.
    Nullish = 8;
    /// An object made by one of JavaScript's own error constructors.
    NativeError = 9;
    /// A `Map`.
    Map = 10;
    /// A `Set`.
    Set = 11;
    /// A `Date`.
    Date = 12;
    /// A `RegExp`.
    RegExp = 13;
    /// A `Proxy`.
    Proxy = 14;
    /// An `ArrayBuffer`.
    ArrayBuffer = 15;
    /// A typed array.
    TypedArray = 16;
    /// A primitive in an object.
    Boxed = 17;
}

/// Any value.
pub enum Value {}
impl IsValue for Value {}

/// The end of a promise that settles it.
pub enum Resolver {}

/// An ECMAScript module.
pub enum Module {}

/// A handle that outlives its scope.
///
/// Dropping it after its isolate is harmless: V8 has then freed what it pointed at.
pub struct Global<T = Value> {
    global: *mut ffi::GlobalData,
    alive: Rc<Cell<bool>>,
    _marker: PhantomData<T>,
}

impl<T> Global<T> {
    /// Keeps `local`.
    pub fn new<'s>(scope: &Scope<'s>, local: Local<'s, T>) -> Self {
        Global {
            // SAFETY: the slot is live in this scope's isolate.
            global: unsafe { ffi::pv8_global_new(scope.isolate(), local.slot) },
            alive: scope.alive(),
            _marker: PhantomData,
        }
    }

    /// A handle to the same thing in `scope`.
    ///
    /// # Panics
    /// If `scope` belongs to another isolate.
    pub fn open<'s>(&self, scope: &Scope<'s>) -> Local<'s, T> {
        assert!(
            Rc::ptr_eq(&self.alive, &scope.alive()),
            "handle of another isolate"
        );
        // SAFETY: the isolate is this one and alive, and the global was made from a `Local<T>`.
        unsafe { Local::from_slot(ffi::pv8_global_get(scope.isolate(), self.global)) }
    }
}

impl<T> Drop for Global<T> {
    fn drop(&mut self) {
        if self.alive.get() {
            // SAFETY: made by pv8_global_new, freed once, and its isolate lives.
            unsafe { ffi::pv8_global_free(self.global) }
        }
    }
}
