// Values: making them, looking into them, calling functions.

#include "shim.h"

namespace {

// Mirrored by `Kind` in handle.rs.
enum Kind : int32_t {
  kObject,
  kFunction,
  kString,
  kNumber,
  kBoolean,
  kArray,
  kPromise,
  kBytes,
  kNullish,
  kNativeError,
  kMap,
  kSet,
  kDate,
  kRegExp,
  kProxy,
  kArrayBuffer,
  kTypedArray,
  kBoxed,
};

v8::ScriptOrigin script_origin(v8::Isolate* isolate, v8::String* name, bool is_module) {
  return v8::ScriptOrigin(isolate, pico::local(name), 0, 0, false, -1, v8::Local<v8::Value>(), false, false,
                          is_module);
}

}  // namespace

extern "C" {

bool pv8_value_is(v8::Value* value, int32_t kind) noexcept {
  switch (kind) {
    case kObject: return value->IsObject();
    case kFunction: return value->IsFunction();
    case kString: return value->IsString();
    case kNumber: return value->IsNumber();
    case kBoolean: return value->IsBoolean();
    case kArray: return value->IsArray();
    case kPromise: return value->IsPromise();
    case kBytes: return value->IsArrayBufferView();
    case kNullish: return value->IsNullOrUndefined();
    case kNativeError: return value->IsNativeError();
    case kMap: return value->IsMap();
    case kSet: return value->IsSet();
    case kDate: return value->IsDate();
    case kRegExp: return value->IsRegExp();
    case kProxy: return value->IsProxy();
    case kArrayBuffer: return value->IsArrayBuffer();
    case kTypedArray: return value->IsTypedArray();
    case kBoxed:
      return value->IsNumberObject() || value->IsStringObject() || value->IsBooleanObject() ||
             value->IsBigIntObject() || value->IsSymbolObject();
    default: return false;
  }
}

bool pv8_value_same(v8::Value* left, v8::Value* right) noexcept { return left->SameValue(pico::local(right)); }

v8::Primitive* pv8_undefined(v8::Isolate* isolate) noexcept { return pico::slot(v8::Undefined(isolate)); }

v8::Boolean* pv8_boolean(v8::Isolate* isolate, bool value) noexcept {
  return pico::slot(v8::Boolean::New(isolate, value));
}

bool pv8_boolean_value(v8::Boolean* value) noexcept { return value->Value(); }

v8::Number* pv8_number(v8::Isolate* isolate, double value) noexcept {
  return pico::slot(v8::Number::New(isolate, value));
}

double pv8_number_value(v8::Number* value) noexcept { return value->Value(); }

// Null: longer than V8 allows.
v8::String* pv8_string(v8::Isolate* isolate, const char* utf8, int size) noexcept {
  return pico::slot(v8::String::NewFromUtf8(isolate, utf8, v8::NewStringType::kNormal, size));
}

int pv8_string_size(v8::Isolate* isolate, v8::String* string) noexcept { return string->Utf8Length(isolate); }

// Writes the string as valid UTF-8 (lone surrogates replaced) and returns the number of bytes.
int pv8_string_write(v8::Isolate* isolate, v8::String* string, char* buffer, int capacity) noexcept {
  return string->WriteUtf8(isolate, buffer, capacity, nullptr,
                           v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8);
}

v8::String* pv8_value_to_string(v8::Isolate* isolate, v8::Value* value, v8::Value** thrown) noexcept {
  return pico::guarded(isolate, thrown, [&](auto context) { return value->ToString(context); });
}

v8::Array* pv8_array(v8::Isolate* isolate, v8::Value* const* items, size_t count) noexcept {
  static_assert(sizeof(v8::Local<v8::Value>) == sizeof(v8::Value*), "a Local is one pointer");
  auto array = v8::Array::New(isolate, static_cast<int>(count));
  auto context = isolate->GetCurrentContext();
  for (size_t i = 0; i < count; i++) {
    array->CreateDataProperty(context, static_cast<uint32_t>(i), pico::local(items[i])).Check();
  }
  return pico::slot(array);
}

v8::Object* pv8_object(v8::Isolate* isolate) noexcept { return pico::slot(v8::Object::New(isolate)); }

v8::Value* pv8_object_get(v8::Isolate* isolate, v8::Object* object, v8::Value* key, v8::Value** thrown) noexcept {
  return pico::guarded(isolate, thrown, [&](auto context) { return object->Get(context, pico::local(key)); });
}

// Defines an own property. False: the object is not extensible, or the property is fixed.
bool pv8_object_define(v8::Isolate* isolate, v8::Object* object, v8::Name* key, v8::Value* value) noexcept {
  v8::TryCatch try_catch(isolate);
  return object->CreateDataProperty(isolate->GetCurrentContext(), pico::local(key), pico::local(value))
      .FromMaybe(false);
}

v8::Uint8Array* pv8_bytes(v8::Isolate* isolate, const uint8_t* data, size_t size) noexcept {
  auto buffer = v8::ArrayBuffer::New(isolate, size);
  if (size != 0) std::memcpy(buffer->GetBackingStore()->Data(), data, size);
  return pico::slot(v8::Uint8Array::New(buffer, 0, size));
}

size_t pv8_bytes_size(v8::ArrayBufferView* view) noexcept { return view->ByteLength(); }

size_t pv8_bytes_copy(v8::ArrayBufferView* view, uint8_t* destination, size_t capacity) noexcept {
  return view->CopyContents(destination, capacity);
}

v8::Value* pv8_error(v8::String* message, bool type_error) noexcept {
  auto text = pico::local(message);
  return pico::slot(type_error ? v8::Exception::TypeError(text) : v8::Exception::Error(text));
}

v8::Function* pv8_function(v8::Isolate* isolate, v8::String* name, v8::FunctionCallback callback) noexcept {
  v8::Local<v8::Function> function;
  if (!v8::Function::New(isolate->GetCurrentContext(), callback, {}, 0, v8::ConstructorBehavior::kThrow)
           .ToLocal(&function)) {
    return nullptr;
  }
  function->SetName(pico::local(name));
  return pico::slot(function);
}

v8::Value* pv8_function_call(v8::Isolate* isolate, v8::Function* function, v8::Value* const* arguments,
                             size_t count, v8::Value** thrown) noexcept {
  static_assert(sizeof(v8::Local<v8::Value>) == sizeof(v8::Value*), "a Local is one pointer");
  auto* locals = reinterpret_cast<v8::Local<v8::Value>*>(const_cast<v8::Value**>(arguments));
  return pico::guarded(isolate, thrown, [&](auto context) {
    return function->Call(context, v8::Undefined(isolate), static_cast<int>(count), locals);
  });
}

// Compiles `source` as the body of a function with one parameter.
v8::Function* pv8_compile_function(v8::Isolate* isolate, v8::String* name, v8::String* source,
                                   v8::String* parameter, v8::Value** thrown) noexcept {
  v8::ScriptCompiler::Source compiler_source(pico::local(source), script_origin(isolate, name, false));
  auto parameters = pico::local(parameter);
  return pico::guarded(isolate, thrown, [&](auto context) {
    return v8::ScriptCompiler::CompileFunction(context, &compiler_source, 1, &parameters);
  });
}

v8::Module* pv8_compile_module(v8::Isolate* isolate, v8::String* name, v8::String* source,
                               v8::Value** thrown) noexcept {
  v8::ScriptCompiler::Source compiler_source(pico::local(source), script_origin(isolate, name, true));
  return pico::guarded(isolate, thrown,
                       [&](auto) { return v8::ScriptCompiler::CompileModule(isolate, &compiler_source); });
}

// Callbacks from JavaScript.

v8::Isolate* pv8_info_isolate(const v8::FunctionCallbackInfo<v8::Value>* info) noexcept {
  return info->GetIsolate();
}

v8::Value* pv8_info_argument(const v8::FunctionCallbackInfo<v8::Value>* info, int index) noexcept {
  return pico::slot((*info)[index]);
}

void pv8_info_return(const v8::FunctionCallbackInfo<v8::Value>* info, v8::Value* value) noexcept {
  info->GetReturnValue().Set(pico::local(value));
}

void pv8_isolate_throw(v8::Isolate* isolate, v8::Value* exception) noexcept {
  isolate->ThrowException(pico::local(exception));
}

}  // extern "C"
