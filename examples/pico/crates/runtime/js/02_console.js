// console: log and its kin on standard output, warnings and errors on standard error.
"use strict";

const {
  ArrayPrototypeJoin, ArrayPrototypePush, Error, MapPrototypeDelete, MapPrototypeGet,
  MapPrototypeHas, MapPrototypeSet, Map, MathTrunc, NumberIsNaN, String, StringPrototypeIndexOf,
  StringPrototypeReplaceAll, StringPrototypeSlice,
} = internals.primordials;
const { inspect } = internals;
const { now, print } = internals.ops;
const { captureStackTrace } = Error;

let indent = "";
const counts = new Map();
const timers = new Map();

const display = (value) => (typeof value === "string" ? value : inspect(value));

function toInteger(value) {
  if (typeof value === "bigint") return `${value}n`;
  const number = typeof value === "symbol" ? NaN : +value;
  return NumberIsNaN(number) ? "NaN" : String(MathTrunc(number));
}

// What `%${letter}` makes of a value; undefined for letters without a meaning.
function formatArgument(letter, value) {
  switch (letter) {
    case "s": return typeof value === "object" && value !== null ? inspect(value) : String(value);
    case "d": case "i": return toInteger(value);
    case "f": return typeof value === "symbol" ? "NaN" : String(+value);
    case "o": case "O": return inspect(value);
    case "c": return "";
    default: return undefined;
  }
}

function formatTemplate(args) {
  const template = args[0];
  let text = "";
  let next = 1;
  let from = 0;
  for (let at = StringPrototypeIndexOf(template, "%"); at !== -1; at = StringPrototypeIndexOf(template, "%", from)) {
    const letter = template[at + 1];
    text += StringPrototypeSlice(template, from, at);
    from = at + 2;
    if (letter === "%") {
      text += "%";
      continue;
    }
    const argument = next < args.length && letter !== undefined ? formatArgument(letter, args[next]) : undefined;
    if (argument === undefined) {
      text += "%";
      from = at + 1;
    } else {
      text += argument;
      next += 1;
    }
  }
  return { text: text + StringPrototypeSlice(template, from), next };
}

// The arguments of console.log as one text.
function format(args) {
  const parts = [];
  let next = 0;
  if (args.length > 1 && typeof args[0] === "string") {
    const formatted = formatTemplate(args);
    ArrayPrototypePush(parts, formatted.text);
    next = formatted.next;
  }
  for (; next < args.length; next++) ArrayPrototypePush(parts, display(args[next]));
  return ArrayPrototypeJoin(parts, " ");
}

function write(text, toStderr) {
  const body = indent === "" ? text : indent + StringPrototypeReplaceAll(text, "\n", `\n${indent}`);
  print(`${body}\n`, toStderr);
}

const elapsed = (label) => `${(now() - MapPrototypeGet(timers, label)).toFixed(3)}ms`;

// As method shorthands, so that they are no constructors and their names are right.
const methods = {
  log(...args) { write(format(args), false); },
  info(...args) { write(format(args), false); },
  debug(...args) { write(format(args), false); },
  warn(...args) { write(format(args), true); },
  error(...args) { write(format(args), true); },
  dir(value) { write(inspect(value), false); },
  trace(...args) {
    const holder = {};
    captureStackTrace(holder, methods.trace);
    const { stack } = holder;
    const frames = StringPrototypeSlice(stack, StringPrototypeIndexOf(stack, "\n") + 1);
    write(`Trace${args.length > 0 ? `: ${format(args)}` : ""}\n${frames}`, true);
  },
  assert(condition = false, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
    else args = ["Assertion failed", ...args];
    write(format(args), true);
  },
  count(label = "default") {
    const count = (MapPrototypeGet(counts, `${label}`) ?? 0) + 1;
    MapPrototypeSet(counts, `${label}`, count);
    write(`${label}: ${count}`, false);
  },
  countReset(label = "default") {
    if (!MapPrototypeDelete(counts, `${label}`)) write(`Count for '${label}' does not exist`, true);
  },
  group(...args) {
    if (args.length > 0) write(format(args), false);
    indent += "  ";
  },
  groupEnd() { indent = StringPrototypeSlice(indent, 2); },
  time(label = "default") {
    if (MapPrototypeHas(timers, `${label}`)) write(`Timer '${label}' already exists`, true);
    else MapPrototypeSet(timers, `${label}`, now());
  },
  timeLog(label = "default", ...args) {
    if (!MapPrototypeHas(timers, `${label}`)) write(`Timer '${label}' does not exist`, true);
    else write(format([`${label}: ${elapsed(`${label}`)}`, ...args]), false);
  },
  timeEnd(label = "default") {
    methods.timeLog(label);
    MapPrototypeDelete(timers, `${label}`);
  },
};
methods.groupCollapsed = methods.group;

internals.format = format;
internals.defineGlobals({ console: { __proto__: {}, ...methods } });
