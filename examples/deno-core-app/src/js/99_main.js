// The API: everything that programs see beside the language itself.
import { op_app_args, op_app_build, op_app_env, op_app_exit, op_queue_microtask } from "ext:core/ops";
import { primordials } from "ext:core/mod.js";
import { inspect } from "ext:app/01_inspect.js";
import { console } from "ext:app/02_console.js";
import * as timers from "ext:app/03_timers.js";
import * as text from "ext:app/04_text.js";
import * as files from "ext:app/05_files.js";

const { ObjectDefineProperty, ObjectEntries, ObjectFreeze, SafeArrayIterator } = primordials;

const App = {
  // Asked for while the snapshot is made: the heap's target, not the program's.
  build: ObjectFreeze(op_app_build()),
  get args() {
    return op_app_args();
  },
  getEnv: (name) => op_app_env(name) ?? undefined,
  exit: (code = 0) => op_app_exit(code),
  inspect,
  sleep: timers.sleep,
  crc32: text.crc32,
  isAscii: text.isAscii,
  ...files,
};

const globals = {
  App: ObjectFreeze(App),
  console,
  performance: timers.performance,
  setTimeout: timers.setTimeout,
  setInterval: timers.setInterval,
  clearTimeout: timers.clearTimeout,
  clearInterval: timers.clearTimeout,
  queueMicrotask: (callback) => op_queue_microtask(callback),
  TextEncoder: text.TextEncoder,
  TextDecoder: text.TextDecoder,
};

for (const { 0: name, 1: value } of new SafeArrayIterator(ObjectEntries(globals))) {
  ObjectDefineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}
