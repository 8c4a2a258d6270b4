// Values as the console shows them.
import { core, primordials } from "ext:core/mod.js";

const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ErrorPrototype,
  JSONStringify,
  MapPrototypeEntries,
  ObjectEntries,
  ObjectGetPrototypeOf,
  ObjectPrototypeIsPrototypeOf,
  SafeArrayIterator,
  SafeSet,
  SafeSetIterator,
  String,
  StringPrototypeReplaceAll,
  RegExpPrototypeTest,
  SetPrototypeValues,
  TypedArrayPrototypeGetSymbolToStringTag,
} = primordials;

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const DEEPEST = 4;

function list(open, items, close) {
  return items.length === 0 ? open + close : `${open} ${ArrayPrototypeJoin(items, ", ")} ${close}`;
}

function key(name) {
  return RegExpPrototypeTest(IDENTIFIER, name) ? name : JSONStringify(name);
}

function prefix(value) {
  const prototype = ObjectGetPrototypeOf(value);
  if (prototype === null) return "[no prototype] ";
  const name = prototype.constructor?.name;
  return name === "Object" || !name ? "" : `${name} `;
}

function promise(value, next) {
  // 0: pending, 1: fulfilled, 2: rejected, as V8 counts them.
  const { 0: state, 1: result } = core.getPromiseDetails(value);
  return `Promise { ${state === 0 ? "<pending>" : (state === 2 ? "<rejected> " : "") + next(result)} }`;
}

function object(value, outer) {
  if (ObjectPrototypeIsPrototypeOf(ErrorPrototype, value)) return value.stack ?? String(value);
  if (outer.has(value)) return "[circular]";
  if (outer.size >= DEEPEST) return ArrayIsArray(value) ? "[...]" : "{...}";
  const seen = new SafeSet(new SafeSetIterator(outer));
  seen.add(value);
  const next = (inner) => show(inner, seen);
  const all = (values) => ArrayPrototypeMap([...new SafeArrayIterator(values)], next);
  if (ArrayIsArray(value)) return list("[", all(value), "]");
  if (TypedArrayPrototypeGetSymbolToStringTag(value)) {
    return `${TypedArrayPrototypeGetSymbolToStringTag(value)}(${value.length}) [ ${ArrayPrototypeJoin(value, ", ")} ]`;
  }
  if (core.isMap(value)) {
    const entries = [...MapPrototypeEntries(value)];
    return `Map(${value.size}) ${list("{", entries.map((entry) => `${next(entry[0])} => ${next(entry[1])}`), "}")}`;
  }
  if (core.isSet(value)) return `Set(${value.size}) ${list("{", [...SetPrototypeValues(value)].map(next), "}")}`;
  if (core.isPromise(value)) return promise(value, next);
  if (core.isDate(value) || core.isRegExp(value)) return String(value);
  const entries = ArrayPrototypeMap(ObjectEntries(value), (entry) => `${key(entry[0])}: ${next(entry[1])}`);
  return prefix(value) + list("{", entries, "}");
}

function show(value, outer) {
  switch (typeof value) {
    case "string":
      return JSONStringify(value);
    case "bigint":
      return `${String(value)}n`;
    case "function":
      return `[function ${value.name || "(anonymous)"}]`;
    case "object":
      return value === null ? "null" : object(value, outer);
    default:
      return value === 0 && 1 / value < 0 ? "-0" : String(value);
  }
}

// Strings at the top stand for themselves; inside of something they are quoted.
export function inspect(value) {
  return show(value, new SafeSet());
}

export function format(values) {
  const texts = ArrayPrototypeMap(values, (value) => (typeof value === "string" ? value : inspect(value)));
  return StringPrototypeReplaceAll(ArrayPrototypeJoin(texts, " "), "\r\n", "\n");
}
