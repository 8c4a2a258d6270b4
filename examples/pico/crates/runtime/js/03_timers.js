// Timers and microtasks. Rust knows when a timer is due; what it runs is kept here.
"use strict";

const {
  FunctionPrototypeCall, Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, PromisePrototypeThen,
  PromiseResolve, ReflectApply, TypeError,
} = internals.primordials;
const { reportError, startTimer, stopTimer } = internals.ops;

const timers = new Map();
const resolved = PromiseResolve();

function requireFunction(callback, name) {
  if (typeof callback !== "function") throw new TypeError(`${name}: the callback must be a function`);
}

function start(callback, delay, args, repeat) {
  const id = startTimer(+delay, repeat);
  MapPrototypeSet(timers, id, { callback, args, repeat });
  return id;
}

function clearTimer(id) {
  id = +id;
  if (MapPrototypeDelete(timers, id)) stopTimer(id);
}

internals.fireTimer = (id) => {
  const timer = MapPrototypeGet(timers, id);
  if (timer === undefined) return;
  if (!timer.repeat) MapPrototypeDelete(timers, id);
  ReflectApply(timer.callback, globalThis, timer.args);
};

internals.defineGlobals({
  setTimeout(callback, delay = 0, ...args) {
    requireFunction(callback, "setTimeout");
    return start(callback, delay, args, false);
  },
  setInterval(callback, delay = 0, ...args) {
    requireFunction(callback, "setInterval");
    return start(callback, delay, args, true);
  },
  clearTimeout(id) { clearTimer(id); },
  clearInterval(id) { clearTimer(id); },
  queueMicrotask(callback) {
    requireFunction(callback, "queueMicrotask");
    PromisePrototypeThen(resolved, () => {
      try {
        FunctionPrototypeCall(callback, undefined);
      } catch (error) {
        reportError(error);
      }
    });
  },
  reportError(error) { reportError(error); },
});
