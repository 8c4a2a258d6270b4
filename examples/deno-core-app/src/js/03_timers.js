// Timers run in deno_core's event loop; sleeping is an operation of our own.
import { op_app_now, op_app_sleep } from "ext:core/ops";
import { core, primordials } from "ext:core/mod.js";

const { FunctionPrototypeCall, TypeError } = primordials;

function start(repeat, callback, delay, args) {
  if (typeof callback !== "function") throw new TypeError("the callback of a timer must be a function");
  const run = () => FunctionPrototypeCall(callback, globalThis, ...args);
  return core.queueUserTimer(core.getTimerDepth() + 1, repeat, +delay || 0, run);
}

export const setTimeout = (callback, delay = 0, ...args) => start(false, callback, delay, args);
export const setInterval = (callback, delay = 0, ...args) => start(true, callback, delay, args);

export function clearTimeout(id) {
  if (id !== undefined) core.cancelTimer(id);
}

export const sleep = (milliseconds) => op_app_sleep(milliseconds);
export const performance = { now: () => op_app_now() };
