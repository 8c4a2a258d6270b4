// Static and dynamic imports, cycles, live bindings, import.meta, and modules that come with the runtime.
import counter, { increment, value as live } from "./lib/counter.js";
import * as even from "./lib/even.js";
import { deepEqual, ok, throws } from "pico:assert";
import { basename, dirname, extname, join, normalize, relative, resolve } from "pico:path";

console.log(counter, live);
increment();
console.log(live);
console.log(even.isEven(10), even.isEven(7));
console.log(Object.keys(even), even[Symbol.toStringTag]);

console.log(import.meta.main, import.meta.url.endsWith("/modules.js"), basename(import.meta.filename));
console.log(basename(import.meta.dirname) === basename(dirname(import.meta.filename)));

const again = await import("./lib/counter.js");
console.log(again.value, again.default);
const [first, second] = await Promise.all([import("./lib/waits.js"), import("./lib/waits.js")]);
console.log(first === second, first.answer, first.main);

for (const specifier of ["./lib/missing.js", "bare", "pico:nothing", "./lib/broken.js", "./lib/throws.js"]) {
  try {
    await import(specifier);
  } catch (error) {
    console.log(`${error.name}: ${error.message}`);
  }
}

console.log(join("a", "..", "/b/", "c.txt"), normalize("/../x//y/."), extname("a/b.tar.gz"), extname(".hidden"));
console.log(relative("/a/b/c", "/a/d"), resolve("/a", "b", "../c"), dirname("/a"), basename("a/b.js", ".js"));
deepEqual({ a: [1, new Map([["k", new Date(1)]])] }, { a: [1, new Map([["k", new Date(1)]])] });
ok(throws(() => deepEqual([1], [2])).message.includes("does not equal"));
console.log("done");
