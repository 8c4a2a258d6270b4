// Promises.

#include "shim.h"

namespace {

void promise_rejected(v8::PromiseRejectMessage message) {
  bool handler_added;
  switch (message.GetEvent()) {
    case v8::kPromiseRejectWithNoHandler: handler_added = false; break;
    case v8::kPromiseHandlerAddedAfterReject: handler_added = true; break;
    default: return;  // settled twice: of no interest
  }
  auto promise = message.GetPromise();
  auto* isolate = promise->GetIsolate();
  v8::HandleScope handle_scope(isolate);
  auto reason = message.GetValue();
  if (reason.IsEmpty()) reason = v8::Undefined(isolate);
  pico::host(isolate)->promise_rejected(isolate, handler_added, pico::slot(promise), pico::slot(reason));
}

}  // namespace

void pico::install_promise_callbacks(v8::Isolate* isolate) { isolate->SetPromiseRejectCallback(promise_rejected); }

extern "C" {

v8::Promise::Resolver* pv8_resolver(v8::Isolate* isolate) noexcept {
  return pico::slot(v8::Promise::Resolver::New(isolate->GetCurrentContext()));
}

v8::Promise* pv8_resolver_promise(v8::Promise::Resolver* resolver) noexcept {
  return pico::slot(resolver->GetPromise());
}

void pv8_resolver_settle(v8::Isolate* isolate, v8::Promise::Resolver* resolver, bool fulfil,
                         v8::Value* value) noexcept {
  v8::TryCatch try_catch(isolate);  // only termination can interfere, and then nobody waits
  auto context = isolate->GetCurrentContext();
  auto settled = fulfil ? resolver->Resolve(context, pico::local(value))
                        : resolver->Reject(context, pico::local(value));
  static_cast<void>(settled);
}

// 0 pending, 1 fulfilled, 2 rejected.
int32_t pv8_promise_state(v8::Promise* promise) noexcept {
  switch (promise->State()) {
    case v8::Promise::kFulfilled: return 1;
    case v8::Promise::kRejected: return 2;
    default: return 0;
  }
}

v8::Value* pv8_promise_result(v8::Promise* promise) noexcept { return pico::slot(promise->Result()); }

void pv8_promise_mark_handled(v8::Promise* promise) noexcept { promise->MarkAsHandled(); }

}  // extern "C"
