// The language's own functions, kept before a program can replace them. The files that follow use these, so that a
// program which patches Array.prototype does not break its own console.
"use strict";

const { bind, call } = Function.prototype;

// f(self, ...rest) for a method that is otherwise called as self.f(...rest).
const uncurryThis = bind.bind(call);

const capitalize = (text) => text[0].toUpperCase() + text.slice(1);

const nameOf = (key) =>
  typeof key === "symbol" ? `Symbol${capitalize(key.description.replace("Symbol.", ""))}` : capitalize(key);

const primordials = { __proto__: null, uncurryThis };

function copyStatics(prefix, holder) {
  for (const key of Reflect.ownKeys(holder)) {
    const { value } = Reflect.getOwnPropertyDescriptor(holder, key);
    if (typeof value === "function" && key !== "prototype") primordials[prefix + nameOf(key)] = bind.call(value, holder);
  }
}

function copyPrototype(prefix, prototype) {
  for (const key of Reflect.ownKeys(prototype)) {
    if (key === "constructor") continue;
    const { value, get } = Reflect.getOwnPropertyDescriptor(prototype, key);
    if (typeof value === "function") primordials[prefix + nameOf(key)] = uncurryThis(value);
    if (get !== undefined) primordials[`${prefix}Get${nameOf(key)}`] = uncurryThis(get);
  }
}

for (const name of ["JSON", "Math", "Reflect"]) copyStatics(name, globalThis[name]);

const classes = [
  "Array", "ArrayBuffer", "BigInt", "Boolean", "DataView", "Date", "Error", "Function", "Map", "Number", "Object",
  "Promise", "RangeError", "RegExp", "Set", "String", "Symbol", "TypeError", "Uint8Array", "WeakMap", "WeakSet",
];
for (const name of classes) {
  const constructor = globalThis[name];
  primordials[name] = constructor;
  copyStatics(name, constructor);
  copyPrototype(`${name}Prototype`, constructor.prototype);
}
copyPrototype("TypedArrayPrototype", Reflect.getPrototypeOf(Uint8Array.prototype));
copyPrototype("MapIteratorPrototype", Reflect.getPrototypeOf(new Map().entries()));
copyPrototype("SetIteratorPrototype", Reflect.getPrototypeOf(new Set().values()));

internals.primordials = Object.freeze(primordials);

// Defines globals as the platform's own are: not enumerable, but open to be replaced.
internals.defineGlobals = (globals) => {
  for (const name of primordials.ReflectOwnKeys(globals)) {
    primordials.ObjectDefineProperty(globalThis, name, {
      __proto__: null,
      value: globals[name],
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
};
