// The process-wide engine, isolates, their context, and snapshots.

#include <memory>

#include "shim.h"

namespace {

v8::Platform* g_platform = nullptr;

// The slot for the embedder's object in a context; slot 0 belongs to the debugger.
constexpr int kContextSlot = 1;

// An isolate with its one context and what must outlive it.
struct Engine {
  v8::StartupData blob{nullptr, 0};
  std::unique_ptr<v8::ArrayBuffer::Allocator> allocator;
  std::unique_ptr<v8::SnapshotCreator> creator;
  v8::Isolate* isolate = nullptr;
  v8::Global<v8::Context> context;

  void prepare(const pico::Host* host, void* data) {
    isolate->SetData(pico::kRustData, data);
    isolate->SetData(pico::kHost, const_cast<pico::Host*>(host));
    isolate->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
    isolate->SetCaptureStackTraceForUncaughtExceptions(true, 16);
    pico::install_module_callbacks(isolate);
    pico::install_promise_callbacks(isolate);
  }
};

}  // namespace

extern "C" {

void pv8_initialize(const char* flags, bool single_threaded) noexcept {
  v8::V8::SetFlagsFromString(flags);
  auto platform =
      single_threaded ? v8::platform::NewSingleThreadedDefaultPlatform() : v8::platform::NewDefaultPlatform();
  g_platform = platform.release();
  v8::V8::InitializePlatform(g_platform);
  v8::V8::Initialize();
}

const char* pv8_version() noexcept { return v8::V8::GetVersion(); }

// Starts an isolate, from `blob` if there is one. Null: the blob belongs to another V8 or holds no context.
Engine* pv8_engine_new(const char* blob, int blob_size, const intptr_t* references, const pico::Host* host,
                       void* data) noexcept {
  auto engine = std::make_unique<Engine>();
  engine->allocator.reset(v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = engine->allocator.get();
  params.external_references = references;
  if (blob != nullptr) {
    engine->blob = {blob, blob_size};
    if (!engine->blob.IsValid()) return nullptr;
    params.snapshot_blob = &engine->blob;
  }
  engine->isolate = v8::Isolate::New(params);
  engine->prepare(host, data);

  v8::Isolate::Scope isolate_scope(engine->isolate);
  v8::HandleScope handle_scope(engine->isolate);
  v8::Local<v8::Context> context;
  if (blob == nullptr) {
    context = v8::Context::New(engine->isolate);
  } else if (!v8::Context::FromSnapshot(engine->isolate, 0).ToLocal(&context)) {
    return nullptr;
  }
  engine->context.Reset(engine->isolate, context);
  return engine.release();
}

// Starts an isolate whose heap is to become a snapshot.
Engine* pv8_engine_new_creator(const intptr_t* references, const pico::Host* host, void* data) noexcept {
  auto engine = std::make_unique<Engine>();
  engine->isolate = v8::Isolate::Allocate();
  engine->creator = std::make_unique<v8::SnapshotCreator>(engine->isolate, references);
  engine->prepare(host, data);
  v8::HandleScope handle_scope(engine->isolate);
  engine->context.Reset(engine->isolate, v8::Context::New(engine->isolate));
  return engine.release();
}

// Freezes a creator's heap. The default context stays V8's own, untouched; the embedder's comes after it.
v8::StartupData pv8_engine_create_blob(Engine* engine) noexcept {
  {
    v8::HandleScope handle_scope(engine->isolate);
    engine->creator->SetDefaultContext(v8::Context::New(engine->isolate));
    engine->creator->AddContext(engine->context.Get(engine->isolate));
  }
  engine->context.Reset();
  return engine->creator->CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
}

void pv8_blob_free(const char* data) noexcept { delete[] data; }

void pv8_engine_dispose(Engine* engine) noexcept {
  engine->context.Reset();
  if (engine->creator) {
    engine->creator.reset();  // disposes of the isolate too
  } else {
    v8::platform::NotifyIsolateShutdown(g_platform, engine->isolate);
    engine->isolate->Dispose();
  }
  delete engine;
}

v8::Isolate* pv8_engine_isolate(Engine* engine) noexcept { return engine->isolate; }

// Calls `body` with the isolate and its context entered and a handle scope open.
void pv8_engine_enter(Engine* engine, void (*body)(void*), void* argument) noexcept {
  v8::Isolate::Scope isolate_scope(engine->isolate);
  v8::HandleScope handle_scope(engine->isolate);
  v8::Context::Scope context_scope(engine->context.Get(engine->isolate));
  body(argument);
}

void* pv8_isolate_data(v8::Isolate* isolate) noexcept { return isolate->GetData(pico::kRustData); }

void pv8_isolate_terminate(v8::Isolate* isolate) noexcept { isolate->TerminateExecution(); }

void pv8_isolate_run_microtasks(v8::Isolate* isolate) noexcept { isolate->PerformMicrotaskCheckpoint(); }

bool pv8_isolate_has_background_tasks(v8::Isolate* isolate) noexcept {
  return isolate->HasPendingBackgroundTasks();
}

// Runs one task that V8 posted to this thread, and says whether there was one.
bool pv8_isolate_pump(v8::Isolate* isolate, bool wait) noexcept {
  using v8::platform::MessageLoopBehavior;
  return v8::platform::PumpMessageLoop(
      g_platform, isolate, wait ? MessageLoopBehavior::kWaitForWork : MessageLoopBehavior::kDoNotWait);
}

v8::Object* pv8_context_global(v8::Isolate* isolate) noexcept {
  return pico::slot(isolate->GetCurrentContext()->Global());
}

// The one object that the embedder keeps in a context; snapshots carry it.
void pv8_context_set_slot(v8::Isolate* isolate, v8::Value* value) noexcept {
  isolate->GetCurrentContext()->SetEmbedderData(kContextSlot, pico::local(value));
}

v8::Value* pv8_context_slot(v8::Isolate* isolate) noexcept {
  return pico::slot(isolate->GetCurrentContext()->GetEmbedderData(kContextSlot));
}

v8::Global<v8::Data>* pv8_global_new(v8::Isolate* isolate, v8::Data* slot) noexcept {
  return new v8::Global<v8::Data>(isolate, pico::local(slot));
}

v8::Data* pv8_global_get(v8::Isolate* isolate, const v8::Global<v8::Data>* global) noexcept {
  return pico::slot(global->Get(isolate));
}

void pv8_global_free(v8::Global<v8::Data>* global) noexcept { delete global; }

}  // extern "C"
