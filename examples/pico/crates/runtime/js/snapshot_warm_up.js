// Run last, and only for a snapshot: what has run once is compiled, and the snapshot keeps the compiled code. So this
// does a little of what most programs do first. It must leave nothing behind and print nothing.
"use strict";

internals.format(["%s %d %o", "text", 1, {}]);
internals.inspect([
  { number: -0, string: "text", bigint: 1n, symbol: Symbol("s"), none: null, nested: { "a b": [undefined, true] } },
  new Map([["key", new Set([1])]]),
  Object.create(null),
  new Date(0),
  /pattern/g,
  new Error("message"),
  new Uint8Array(2),
  Promise.resolve(1),
  class Named {},
  () => {},
  Array.from({ length: 40 }, (_, index) => index),
]);
clearTimeout(setTimeout(() => {}, 0));
new TextDecoder().decode(new TextEncoder().encode("text"));
