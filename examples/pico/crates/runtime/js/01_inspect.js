// Values as text, for people.
"use strict";

const {
  ArrayBufferPrototypeGetByteLength, ArrayPrototypeIncludes, ArrayPrototypeJoin, ArrayPrototypeMap, ArrayPrototypePush,
  BigIntPrototypeValueOf, BooleanPrototypeValueOf, DatePrototypeGetTime, DatePrototypeToISOString, ErrorPrototypeToString, FunctionPrototypeToString, JSONStringify,
  MapIteratorPrototypeNext, MapPrototypeEntries, MapPrototypeGetSize, NumberIsNaN, NumberPrototypeValueOf, ObjectIs,
  ObjectPrototypeHasOwnProperty, ReflectGetOwnPropertyDescriptor, ReflectGetPrototypeOf,
  ReflectOwnKeys, RegExpPrototypeExec, RegExpPrototypeToString, SetIteratorPrototypeNext, SetPrototypeGetSize,
  SetPrototypeValues, String, StringPrototypeIncludes, StringPrototypeReplaceAll, StringPrototypeSlice,
  StringPrototypeStartsWith, StringPrototypeValueOf, SymbolPrototypeToString, SymbolPrototypeValueOf, TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
} = internals.primordials;
const { classify, promiseDetails } = internals.ops;
const { toStringTag } = Symbol;

const UNBOX = [
  BigIntPrototypeValueOf, BooleanPrototypeValueOf, NumberPrototypeValueOf, StringPrototypeValueOf,
  SymbolPrototypeValueOf,
];
const MAX_DEPTH = 4;
const MAX_ITEMS = 100;
const LINE_WIDTH = 72;
const MAX_SHORT = 16; // of items that share a line
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

const matches = (pattern, text) => RegExpPrototypeExec(pattern, text) !== null;

function formatPrimitive(value) {
  switch (typeof value) {
    case "string": return JSONStringify(value);
    case "number": return ObjectIs(value, -0) ? "-0" : `${value}`;
    case "bigint": return `${value}n`;
    case "symbol": return SymbolPrototypeToString(value);
    default: return String(value);
  }
}

function formatKey(key) {
  if (typeof key === "symbol") return `[${SymbolPrototypeToString(key)}]`;
  return matches(IDENTIFIER, key) ? key : JSONStringify(key);
}

// The name of an object's class, "" for plain objects, null where there is no prototype.
function className(value) {
  for (let object = ReflectGetPrototypeOf(value); object !== null; object = ReflectGetPrototypeOf(object)) {
    const descriptor = ReflectGetOwnPropertyDescriptor(object, "constructor");
    if (typeof descriptor?.value === "function" && typeof descriptor.value.name === "string") {
      return descriptor.value.name;
    }
  }
  return null;
}

function prefixOf(value, plain) {
  const name = className(value);
  const prefix = name === null ? `[${plain}: null prototype] ` : name === plain || name === "" ? "" : `${name} `;
  const tagged = ReflectGetOwnPropertyDescriptor(value, toStringTag) ??
    ReflectGetOwnPropertyDescriptor(ReflectGetPrototypeOf(value) ?? value, toStringTag);
  const tag = tagged?.value;
  if (typeof tag !== "string" || tag === "" || tag === name) return prefix;
  return `${prefix === "" ? `${plain} ` : prefix}[${tag}] `;
}

function formatFunction(value) {
  const isClass = StringPrototypeStartsWith(FunctionPrototypeToString(value), "class");
  const { value: name } = ReflectGetOwnPropertyDescriptor(value, "name") ?? {};
  const label = typeof name === "string" && name !== "" ? name : "(anonymous)";
  return isClass ? `[class ${label}]` : `[${className(value) ?? "Function"}: ${label}]`;
}

// The primitive in an object, whatever the object's own valueOf says.
function unbox(value) {
  for (let i = 0; i < UNBOX.length; i++) {
    try {
      return UNBOX[i](value);
    } catch {
      // of another class
    }
  }
  return undefined;
}

function formatDate(date) {
  return NumberIsNaN(DatePrototypeGetTime(date)) ? "Invalid Date" : DatePrototypeToISOString(date);
}

function formatError(error) {
  const { value: stack } = ReflectGetOwnPropertyDescriptor(error, "stack") ?? {};
  if (typeof stack === "string" && stack !== "") return stack;
  try {
    return `[${ErrorPrototypeToString(error)}]`;
  } catch {
    return "[Error]";
  }
}

// As many short items on a line as fit; long ones stay alone.
function fill(parts) {
  const lines = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const last = lines.length - 1;
    const fits = last >= 0 && part.length <= MAX_SHORT && lines[last].length + part.length + 2 <= LINE_WIDTH;
    if (fits) lines[last] += `, ${part}`;
    else ArrayPrototypePush(lines, part);
  }
  return lines;
}

class Inspector {
  #path = [];

  format(value) {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    if (!isObject) return formatPrimitive(value);
    if (ArrayPrototypeIncludes(this.#path, value)) return "[Circular]";
    ArrayPrototypePush(this.#path, value);
    try {
      return this.#formatObject(value);
    } finally {
      this.#path.length -= 1;
    }
  }

  #formatObject(value) {
    switch (classify(value)) {
      case "Function": return this.#withProperties(formatFunction(value), value);
      case "Array": return this.#formatArray(value, prefixOf(value, "Array"), value.length);
      case "TypedArray": return this.#formatTypedArray(value);
      case "Map": return this.#formatMap(value);
      case "Set": return this.#formatSet(value);
      case "Date": return this.#withProperties(formatDate(value), value);
      case "Error": return this.#withProperties(formatError(value), value);
      case "RegExp": return this.#withProperties(RegExpPrototypeToString(value), value);
      case "Promise": return this.#formatPromise(value);
      case "Proxy": return "[Proxy]"; // looking further would run the program's traps
      case "ArrayBuffer": return `ArrayBuffer { byteLength: ${ArrayBufferPrototypeGetByteLength(value)} }`;
      case "Boxed": return this.#withProperties(`[${className(value)}: ${formatPrimitive(unbox(value))}]`, value);
      default: return this.#formatPlain(value);
    }
  }

  #formatPromise(promise) {
    const { 0: state, 1: result } = promiseDetails(promise);
    if (state === "pending") return "Promise { <pending> }";
    return `Promise { ${state === "rejected" ? "<rejected> " : ""}${this.#tooDeep ? "..." : this.format(result)} }`;
  }

  #formatTypedArray(value) {
    const length = TypedArrayPrototypeGetLength(value);
    return this.#formatArray(value, `${TypedArrayPrototypeGetSymbolToStringTag(value)}(${length}) `, length);
  }

  #formatArray(value, prefix, length) {
    if (this.#tooDeep) return prefix === "" ? "[Array]" : `[${StringPrototypeSlice(prefix, 0, -1)}]`;
    const parts = [];
    const shown = length < MAX_ITEMS ? length : MAX_ITEMS;
    let index = 0;
    while (index < shown) {
      const start = index;
      while (index < shown && !ObjectPrototypeHasOwnProperty(value, index)) index++;
      if (index > start) ArrayPrototypePush(parts, `<${index - start} empty item${index - start > 1 ? "s" : ""}>`);
      else ArrayPrototypePush(parts, this.#formatProperty(value, index++));
    }
    if (length > shown) ArrayPrototypePush(parts, `... ${length - shown} more item${length - shown > 1 ? "s" : ""}`);
    return prefix + this.#join("[", this.#addProperties(parts, value, true), "]");
  }

  #formatMap(value) {
    const prefix = `Map(${MapPrototypeGetSize(value)}) `;
    if (this.#tooDeep) return `[${StringPrototypeSlice(prefix, 0, -1)}]`;
    const iterator = MapPrototypeEntries(value);
    const parts = this.#collect(() => MapIteratorPrototypeNext(iterator), MapPrototypeGetSize(value),
      (entry) => `${this.format(entry[0])} => ${this.format(entry[1])}`);
    return prefix + this.#join("{", this.#addProperties(parts, value, false), "}");
  }

  #formatSet(value) {
    const prefix = `Set(${SetPrototypeGetSize(value)}) `;
    if (this.#tooDeep) return `[${StringPrototypeSlice(prefix, 0, -1)}]`;
    const iterator = SetPrototypeValues(value);
    const parts = this.#collect(() => SetIteratorPrototypeNext(iterator), SetPrototypeGetSize(value),
      (entry) => this.format(entry));
    return prefix + this.#join("{", this.#addProperties(parts, value, false), "}");
  }

  #formatPlain(value) {
    const prefix = prefixOf(value, "Object");
    if (this.#tooDeep) return `[${prefix === "" ? "Object" : StringPrototypeSlice(prefix, 0, -1)}]`;
    return prefix + this.#join("{", this.#addProperties([], value, false), "}");
  }

  #collect(next, size, format) {
    const parts = [];
    for (let step = next(); !step.done && parts.length < MAX_ITEMS; step = next()) {
      ArrayPrototypePush(parts, format(step.value));
    }
    if (size > parts.length) ArrayPrototypePush(parts, `... ${size - parts.length} more items`);
    return parts;
  }

  // A built-in's own text, and whatever properties the program added to it.
  #withProperties(text, value) {
    const parts = this.#addProperties([], value, true);
    return parts.length === 0 || this.#tooDeep ? text : `${text} ${this.#join("{", parts, "}")}`;
  }

  #addProperties(parts, value, skipIndices) {
    const keys = ReflectOwnKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (skipIndices && typeof key === "string" && matches(ARRAY_INDEX, key)) continue;
      if (!ReflectGetOwnPropertyDescriptor(value, key)?.enumerable) continue;
      ArrayPrototypePush(parts, `${formatKey(key)}: ${this.#formatProperty(value, key)}`);
    }
    return parts;
  }

  #formatProperty(object, key) {
    const { value, get, set } = ReflectGetOwnPropertyDescriptor(object, key) ?? {};
    if (get === undefined && set === undefined) return this.format(value);
    return get === undefined ? "[Setter]" : set === undefined ? "[Getter]" : "[Getter/Setter]";
  }

  #join(open, parts, close) {
    if (parts.length === 0) return open + close;
    const line = `${open} ${ArrayPrototypeJoin(parts, ", ")} ${close}`;
    if (line.length <= LINE_WIDTH && !StringPrototypeIncludes(line, "\n")) return line;
    const lines = parts.length > 6 && open === "[" ? fill(parts) : parts;
    const indented = ArrayPrototypeMap(lines, (part) => `  ${StringPrototypeReplaceAll(part, "\n", "\n  ")}`);
    return `${open}\n${ArrayPrototypeJoin(indented, ",\n")}\n${close}`;
  }

  get #tooDeep() {
    return this.#path.length > MAX_DEPTH;
  }
}

internals.inspect = (value) => new Inspector().format(value);
