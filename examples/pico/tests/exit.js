// Pico.exit ends the program where it is called.
setTimeout(() => console.log("never: timer"), 0);
queueMicrotask(() => console.log("never: microtask"));
console.log("before");
try {
  Pico.exit(7);
} catch {
  console.log("never: catch");
} finally {
  console.log("never: finally");
}
console.log("never: after");
