// What the shim's files share.
//
// The boundary to Rust is a plain C ABI. A V8 handle crosses it as the address of its slot, which is all that a
// v8::Local holds: it is valid while the handle scope it was made in is open. An empty handle is a null pointer.
// No function lets a C++ exception through, and none is entered while the isolate belongs to another thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if !__has_include("libplatform/libplatform.h")
#error "V8's headers are missing: install libnode-dev of Debian 12."
#endif

#include "libplatform/libplatform.h"
#include "v8.h"

#if V8_MAJOR_VERSION != 10 || V8_MINOR_VERSION != 2
#error "This shim is written for V8 10.2, the one in Debian 12's libnode-dev."
#endif

namespace pico {

template <class T>
T* slot(v8::Local<T> handle) {
  return *handle;
}

template <class T>
T* slot(v8::MaybeLocal<T> maybe) {
  v8::Local<T> handle;
  return maybe.ToLocal(&handle) ? *handle : nullptr;
}

template <class T>
v8::Local<T> local(T* slot) {
  static_assert(sizeof(v8::Local<T>) == sizeof(T*), "a Local is one pointer");
  static_assert(std::is_trivially_copyable<v8::Local<T>>::value, "a Local may be copied bytewise");
  v8::Local<T> handle;
  std::memcpy(static_cast<void*>(&handle), &slot, sizeof slot);
  return handle;
}

// What V8 asks of its embedder; the functions are Rust's.
struct Host {
  v8::Module* (*resolve_module)(v8::Isolate*, v8::String* specifier, v8::Module* referrer);
  v8::Promise* (*import_dynamically)(v8::Isolate*, v8::String* specifier, v8::Value* referrer_name);
  void (*init_import_meta)(v8::Isolate*, v8::Module*, v8::Object* meta);
  void (*promise_rejected)(v8::Isolate*, bool handler_added, v8::Promise*, v8::Value* reason);
};

// Isolate data slots.
constexpr uint32_t kRustData = 0;
constexpr uint32_t kHost = 1;

inline const Host* host(v8::Isolate* isolate) {
  return static_cast<const Host*>(isolate->GetData(kHost));
}

// Runs V8 code that may throw. What it threw goes to `*thrown`; a null there beside a null result means that
// execution was terminated.
template <class Body>
auto guarded(v8::Isolate* isolate, v8::Value** thrown, Body body) {
  v8::TryCatch try_catch(isolate);
  auto result = slot(body(isolate->GetCurrentContext()));
  *thrown = try_catch.HasCaught() && !try_catch.HasTerminated() ? slot(try_catch.Exception()) : nullptr;
  return result;
}

void install_module_callbacks(v8::Isolate* isolate);
void install_promise_callbacks(v8::Isolate* isolate);

}  // namespace pico
