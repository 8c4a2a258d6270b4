// The process and its surroundings.
"use strict";

const { NumberIsInteger, ObjectFreeze, TypeError } = internals.primordials;
const { ops } = internals;

let args;

internals.os = {
  // Found when first asked for: they are those of the run, not those of the making of the heap.
  get args() {
    args ??= ObjectFreeze(ops.args());
    return args;
  },
  cwd() {
    return ops.cwd();
  },
  exit(code = 0) {
    if (!NumberIsInteger(code)) throw new TypeError("exit: the code must be an integer");
    ops.exit(code);
    // The program stops at the next loop, and nothing may happen before.
    for (;;);
  },
};

internals.env = ObjectFreeze({
  get(name) {
    return ops.getEnv(`${name}`);
  },
  has(name) {
    return ops.getEnv(`${name}`) !== undefined;
  },
  toObject() {
    const variables = {};
    const names = ops.envNames();
    for (let i = 0; i < names.length; i++) variables[names[i]] = ops.getEnv(names[i]);
    return variables;
  },
});
