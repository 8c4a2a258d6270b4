// console: to standard output, and what is amiss to standard error.
import { core, primordials } from "ext:core/mod.js";
import { format } from "ext:app/01_inspect.js";

const { SafeMap, MapPrototypeGet, MapPrototypeSet } = primordials;

const counts = new SafeMap();

function out(...values) {
  core.print(`${format(values)}\n`, false);
}

function err(...values) {
  core.print(`${format(values)}\n`, true);
}

export const console = {
  log: out,
  info: out,
  debug: out,
  warn: err,
  error: err,
  assert(condition, ...values) {
    if (!condition) err("Assertion failed", ...values);
  },
  count(label = "default") {
    const count = (MapPrototypeGet(counts, label) ?? 0) + 1;
    MapPrototypeSet(counts, label, count);
    out(`${label}: ${count}`);
  },
};
