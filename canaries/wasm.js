// V8 compiles code for the processor when it runs: WebAssembly, and a loop that is hot enough for the optimiser.
const bytes = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1,
  7, 0, 32, 0, 32, 1, 106, 11,
]);
const now = new WebAssembly.Instance(new WebAssembly.Module(bytes));
const later = await WebAssembly.instantiate(bytes);
let product = 1;
for (let index = 0; index < 200_000; index++) product = (product * 31 + index) % 1_000_003;
console.log(now.exports.add(40, 2), later.instance.exports.add(2 ** 31 - 1, 1), product);
