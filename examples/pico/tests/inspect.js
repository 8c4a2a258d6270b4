// How values look.
class Point {
  constructor(x, y) {
    this.x = x;
    this.y = y;
  }
}
const circular = { name: "loop" };
circular.self = circular;
const values = [
  [], {}, [1, , 3], [, , 1], [undefined, null], ["a", 'b"c'],
  { a: 1, "b-c": 2, 3: 4, [Symbol("k")]: 5 },
  { get g() { return 1; }, set s(_) {}, get both() { return 1; }, set both(_) {} },
  new Point(1, 2), Object.create(null), Object.create({}), new (class extends Array {})(1, 2),
  new Map([["k", { v: 1 }]]), new Set([1, "two"]), new Map(), new WeakMap(),
  function named() {}, () => {}, class Klass {}, class extends Point {}, async function later() {}, function* many() {},
  Object.assign(() => {}, { extra: 1 }),
  new Date(0), new Date(NaN), /re+/gi, Object("boxed"), Object(1), Object(Symbol("b")), Object(2n), Object(false),
  new Uint8Array([1, 2, 3]), new Float64Array(2), new ArrayBuffer(8),
  Promise.resolve(1), new Promise(() => {}), (() => { const p = Promise.reject("no"); p.catch(() => {}); return p; })(),
  new Proxy([1], {}), new Proxy(() => {}, {}), circular, globalThis.Math,
  [[[[[["too deep"]]]]]], { a: { b: { c: { d: { e: {} } } } } },
  { long: "x".repeat(40), other: "y".repeat(40), nested: { more: ["z".repeat(40)] } },
  Array.from({ length: 103 }, (_, i) => i % 10), "top-level string", ["\n\t\u0001"],
];
for (const value of values) console.log(value);
