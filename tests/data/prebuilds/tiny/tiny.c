#include <node_api.h>

static napi_value answer(napi_env env, napi_callback_info info) {
  napi_value value;
  (void)info;
  napi_create_int32(env, 42, &value);
  return value;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "answer", NAPI_AUTO_LENGTH, answer, NULL, &function);
  return function;
}
