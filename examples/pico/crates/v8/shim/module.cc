// ECMAScript modules, and what is known of an exception.

#include "shim.h"

namespace {

v8::MaybeLocal<v8::Module> resolve(v8::Local<v8::Context> context, v8::Local<v8::String> specifier,
                                   v8::Local<v8::FixedArray>, v8::Local<v8::Module> referrer) {
  auto* isolate = context->GetIsolate();
  return pico::local(pico::host(isolate)->resolve_module(isolate, pico::slot(specifier), pico::slot(referrer)));
}

v8::MaybeLocal<v8::Promise> import_dynamically(v8::Local<v8::Context> context, v8::Local<v8::Data>,
                                               v8::Local<v8::Value> resource_name,
                                               v8::Local<v8::String> specifier, v8::Local<v8::FixedArray>) {
  auto* isolate = context->GetIsolate();
  return pico::local(
      pico::host(isolate)->import_dynamically(isolate, pico::slot(specifier), pico::slot(resource_name)));
}

void init_import_meta(v8::Local<v8::Context> context, v8::Local<v8::Module> module, v8::Local<v8::Object> meta) {
  auto* isolate = context->GetIsolate();
  pico::host(isolate)->init_import_meta(isolate, pico::slot(module), pico::slot(meta));
}

}  // namespace

void pico::install_module_callbacks(v8::Isolate* isolate) {
  isolate->SetHostImportModuleDynamicallyCallback(import_dynamically);
  isolate->SetHostInitializeImportMetaObjectCallback(init_import_meta);
}

extern "C" {

int pv8_module_request_count(v8::Module* module) noexcept { return module->GetModuleRequests()->Length(); }

v8::String* pv8_module_request(v8::Isolate* isolate, v8::Module* module, int index) noexcept {
  auto request = module->GetModuleRequests()->Get(isolate->GetCurrentContext(), index);
  return pico::slot(request.As<v8::ModuleRequest>()->GetSpecifier());
}

int pv8_module_script_id(v8::Module* module) noexcept { return module->ScriptId(); }

// False: something was thrown, or execution was terminated.
bool pv8_module_instantiate(v8::Isolate* isolate, v8::Module* module, v8::Value** thrown) noexcept {
  v8::TryCatch try_catch(isolate);
  bool done = module->InstantiateModule(isolate->GetCurrentContext(), resolve).FromMaybe(false);
  *thrown = try_catch.HasCaught() && !try_catch.HasTerminated() ? pico::slot(try_catch.Exception()) : nullptr;
  return done;
}

// The promise of the module's evaluation. The module must be instantiated.
v8::Value* pv8_module_evaluate(v8::Isolate* isolate, v8::Module* module, v8::Value** thrown) noexcept {
  return pico::guarded(isolate, thrown, [&](auto context) { return module->Evaluate(context); });
}

// The module must be instantiated.
v8::Value* pv8_module_namespace(v8::Module* module) noexcept { return pico::slot(module->GetModuleNamespace()); }

struct Message {
  v8::String* text;
  v8::Value* resource;      // undefined: unknown
  v8::String* source_line;  // null: unknown
  int line;                 // from 1; 0: unknown
  int column;               // from 0
  int end_column;
};

void pv8_describe_exception(v8::Isolate* isolate, v8::Value* exception, Message* out) noexcept {
  v8::TryCatch try_catch(isolate);
  auto context = isolate->GetCurrentContext();
  auto message = v8::Exception::CreateMessage(isolate, pico::local(exception));
  out->text = pico::slot(message->Get());
  out->resource = pico::slot(message->GetScriptResourceName());
  out->source_line = pico::slot(message->GetSourceLine(context));
  out->line = message->GetLineNumber(context).FromMaybe(0);
  out->column = message->GetStartColumn(context).FromMaybe(0);
  out->end_column = message->GetEndColumn(context).FromMaybe(0);
}

}  // extern "C"
