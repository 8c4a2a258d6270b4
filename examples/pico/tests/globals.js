// What there is, and what a program may do to it.
console.log(typeof Pico.build.target, Pico.build.target.split("-").length >= 3, Object.isFrozen(Pico));
console.log(/^\d+\.\d+\.\d+$/.test(Pico.version), typeof internals, Object.keys(globalThis));
const before = performance.now();
console.log(before > 0, performance.now() >= before, Math.abs(performance.timeOrigin + before - Date.now()) < 1000);
console.log(Pico.inspect({ a: [1] }));

// A program that breaks the language's own functions does not break the runtime.
Array.prototype.push = Array.prototype.join = String.prototype.replaceAll = Map.prototype.get = () => {
  throw new Error("patched");
};
Promise.prototype.then = () => {};
console.log({ still: ["works"] });
setTimeout(() => console.log("timer works"), 0);
queueMicrotask(() => console.log("microtask works"));
